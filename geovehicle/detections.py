"""Detections as arrays, and how those of many patches become one scene's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geovehicle.footprints import boxes_of, footprint_iou, straight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geovehicle.patches import PatchWindow


@dataclass(frozen=True, eq=False)
class Detections:
    """Vehicles: a box, a score and a label each, and how they lie where that is known.

    Whoever hands them over says whether they are in patch pixels (origin at the
    patch's upper left corner) or in scene pixels.

    Parameters
    ----------
    boxes : ndarray of float64, shape (N, 4)
        ``x1, y1, x2, y2`` in pixels, from pixel corners: the horizontal box around
        what is visible of each vehicle.
    scores : ndarray of float32, shape (N,)
        0 to 1.
    labels : ndarray of int64, shape (N,)
        Class numbers.
    footprints : ndarray of float64, shape (N, 4, 2), optional
        The corners of each vehicle as it lies, in the boxes' pixels: front-left,
        front-right, rear-right, rear-left.  None where the detector tells boxes only.
    label_scores : ndarray of float32, shape (N,), optional
        0 to 1: how sure the label is, given that it is a vehicle; 1 without.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    footprints: NDArray[np.float64] | None = None
    label_scores: NDArray[np.float32] = None  # type: ignore[assignment]  # filled below

    def __post_init__(self) -> None:
        def settle(name: str, array: NDArray[np.generic]) -> None:
            object.__setattr__(self, name, array)

        settle("boxes", np.asarray(self.boxes, np.float64).reshape(-1, 4))
        settle("scores", np.asarray(self.scores, np.float32).reshape(-1))
        settle("labels", np.asarray(self.labels, np.int64).reshape(-1))
        if self.footprints is not None:
            settle("footprints", np.asarray(self.footprints, np.float64).reshape(-1, 4, 2))
        sure = np.ones(len(self.boxes)) if self.label_scores is None else self.label_scores
        settle("label_scores", np.asarray(sure, np.float32).reshape(-1))
        parts = (self.scores, self.labels, self.label_scores, self.footprints)
        if any(part is not None and len(part) != len(self.boxes) for part in parts):
            raise ValueError("boxes, scores, labels, footprints and label scores differ in length")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls) -> Detections:
        """Return no detections, without footprints."""
        return cls(np.empty((0, 4)), np.empty(0, np.float32), np.empty(0, np.int64))

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        """Join detections of one pixel space, in order.

        Raises
        ------
        ValueError
            If some of the parts have footprints and others do not; empty ones go
            with either.
        """
        parts = [part for part in parts if len(part)] or [cls.empty()]
        footprints = [part.footprints for part in parts if part.footprints is not None]
        if len(footprints) not in (0, len(parts)):
            raise ValueError("some detections have footprints and some have not")
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate(footprints) if footprints else None,
            np.concatenate([part.label_scores for part in parts]),
        )

    @property
    def outlines(self) -> NDArray[np.float64]:
        """The footprints, or the boxes as footprints where there are none, (N, 4, 2)."""
        return straight(self.boxes) if self.footprints is None else self.footprints

    def centres(self) -> NDArray[np.float64]:
        """Return the x, y of the box centres, shape (N, 2), in the boxes' pixels."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2

    def shift(self, dx: float, dy: float) -> Detections:
        """Move boxes and footprints, such as from patch pixels to scene pixels."""
        return self._placed(np.ones(2), np.array([dx, dy]))

    def scale(self, x: float, y: float) -> Detections:
        """Stretch boxes and footprints from the origin, such as to pixels of another size.

        Where the two factors differ, a footprint that lies diagonally is no longer
        quite rectangular.
        """
        return self._placed(np.array([x, y]), np.zeros(2))

    def _placed(self, factor: NDArray[np.float64], offset: NDArray[np.float64]) -> Detections:
        boxes = self.boxes * np.tile(factor, 2) + np.tile(offset, 2)
        footprints = None if self.footprints is None else self.footprints * factor + offset
        return replace(self, boxes=boxes, footprints=footprints)

    def clip(self, width: float, height: float) -> Detections:
        """Cut the boxes to ``0 <= x <= width`` and ``0 <= y <= height``.

        Every detection stays; one that lies outside is left with no area.
        Footprints stay as they are: cut by an edge they would be no rectangles.
        """
        return replace(self, boxes=self.boxes.clip(0, [width, height, width, height]))

    def filter(self, selection: NDArray[np.bool_] | NDArray[np.intp]) -> Detections:
        """Take the detections that a mask or an array of indices selects."""
        return Detections(
            self.boxes[selection],
            self.scores[selection],
            self.labels[selection],
            None if self.footprints is None else self.footprints[selection],
            self.label_scores[selection],
        )


def box_iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of boxes, 0 where both have no area.

    Leading axes broadcast: (N, 4) with (N, 4) compares pairs, ``first[:, None]``
    with ``second`` gives the matrix.

    Parameters
    ----------
    first, second : ndarray of float64, shape (..., 4)
        ``x1, y1, x2, y2`` in one pixel space.

    Returns
    -------
    ndarray of float64, shape (...)
    """
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    common = np.prod((high - low).clip(0), axis=-1)
    union = np.prod(first[..., 2:] - first[..., :2], axis=-1) - common
    union = union + np.prod(second[..., 2:] - second[..., :2], axis=-1)
    ratio: NDArray[np.float64] = np.divide(
        common, union, out=np.zeros_like(common), where=union > 0
    )
    return ratio


def suppress(detections: Detections, iou: float) -> Detections:
    """Drop each detection that overlaps a better one that stays (greedy NMS).

    Labels do not matter: one place on the ground holds one vehicle.  Of equal
    scores the earlier detection wins.  Footprints are compared where there are any,
    boxes otherwise.

    Parameters
    ----------
    detections : Detections
        In any one pixel space.
    iou : float
        Detections whose IoU is above it compete.

    Returns
    -------
    Detections
        In the same pixel space and order.
    """
    everyone = np.ones(len(detections), bool)
    pairs = _competing(detections, _near(detections, everyone), iou)
    return detections.filter(_winners(detections.scores, pairs))


def merge(parts: Sequence[tuple[PatchWindow, Detections]], band: float, iou: float) -> Detections:
    """Join the detections of a scene's patches without cuts or doubles.

    A detection is kept by the patch whose core, grown by ``band``, holds its
    centre.  Two patches may then both report a vehicle near the border of their
    cores, so detections in that band compete with those of other patches: first
    comes the patch that owns the centre, then the better score.

    Parameters
    ----------
    parts : sequence of (PatchWindow, Detections)
        Windows of one scene with their detections in patch pixels, in any order.
    band : float
        Half-width of the band along core borders, in pixels: above the jitter of
        a vehicle's centre between patches.
    iou : float
        Detections of different patches whose IoU is above it are one vehicle; that
        of footprints where there are any, that of boxes otherwise.

    Returns
    -------
    Detections
        In scene pixels: patches row by row, in each its own order.
    """
    parts = sorted(parts, key=lambda part: (part[0].row, part[0].col))
    scene = Detections.concatenate([found.shift(patch.col, patch.row) for patch, found in parts])
    if not len(scene):
        return scene
    owner = np.repeat(np.arange(len(parts)), [len(found) for _, found in parts])
    depth = _depth(scene.centres(), _open_cores([patch for patch, _ in parts])[owner])
    kept = depth >= -band
    scene, owner, depth = scene.filter(kept), owner[kept], depth[kept]
    # One side in the band is enough: the other patch may have seen the same
    # vehicle just outside it.
    first, second = pairs = _near(scene, depth <= band)
    rivals = _competing(scene, pairs[:, owner[first] != owner[second]], iou)
    # A vehicle's end, seen beyond the overlap, may score higher than the whole: the
    # patch that owns the centre comes first.
    precedence = scene.scores + (depth >= 0)
    return scene.filter(_winners(precedence, rivals))


def _open_cores(patches: Sequence[PatchWindow]) -> NDArray[np.float64]:
    """Return the cores, (N, 4), without limit where no patch lies beyond."""
    cores = np.array([patch.core for patch in patches], np.float64)
    outermost = np.concatenate([cores[:, :2].min(axis=0), cores[:, 2:].max(axis=0)])
    return np.where(cores == outermost, [-np.inf, -np.inf, np.inf, np.inf], cores)


def _depth(points: NDArray[np.float64], cores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far inside its core each point lies, negative outside, shape (N,)."""
    margins: NDArray[np.float64] = np.hstack([points - cores[:, :2], cores[:, 2:] - points])
    return np.asarray(margins.min(axis=1))


def _near(detections: Detections, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the index pairs, first < second, that touch and have a chosen one, (2, M).

    What touches are the boxes, or those around the footprints.
    """
    footprints = detections.footprints
    shapes = shapely.box(*(detections.boxes if footprints is None else boxes_of(footprints)).T)
    first, second = shapely.STRtree(shapes).query(shapes[chosen])
    first = np.flatnonzero(chosen)[first]
    # two that are both chosen find each other twice, and everyone itself
    once = (first < second) | ~chosen[second]
    return np.sort([first[once], second[once]], axis=0)


def _competing(detections: Detections, pairs: NDArray[np.intp], iou: float) -> NDArray[np.intp]:
    """Return those of the pairs, (2, M), whose IoU is above ``iou``."""
    first, second = pairs
    footprints = detections.footprints
    if footprints is None:
        return pairs[:, box_iou(detections.boxes[first], detections.boxes[second]) > iou]
    return pairs[:, footprint_iou(footprints[first], footprints[second]) > iou]


def _winners(scores: NDArray[np.float32], pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return a mask of the detections that no better, kept one competes with."""
    rank = np.empty(len(scores), np.intp)
    rank[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    swap = rank[pairs[0]] > rank[pairs[1]]
    better, worse = np.where(swap, pairs[::-1], pairs)
    order = np.argsort(rank[better])
    alive = [True] * len(scores)
    # By rank of the better one: its own fate is settled before it decides another's.
    for winner, loser in zip(better[order].tolist(), worse[order].tolist(), strict=True):
        if alive[winner]:
            alive[loser] = False
    return np.array(alive, bool)
