"""Detections as arrays, and how those of many patches become one scene's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geovehicle.patches import PatchWindow


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes with a score and a label each.

    Whoever hands them over says whether they are in patch pixels (origin at the
    patch's upper left corner) or in scene pixels.

    Parameters
    ----------
    boxes : ndarray of float64, shape (N, 4)
        ``x1, y1, x2, y2`` in pixels, from pixel corners.
    scores : ndarray of float32, shape (N,)
        0 to 1.
    labels : ndarray of int64, shape (N,)
        Class numbers.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "boxes", np.asarray(self.boxes, np.float64).reshape(-1, 4))
        object.__setattr__(self, "scores", np.asarray(self.scores, np.float32).reshape(-1))
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64).reshape(-1))
        if not len(self.boxes) == len(self.scores) == len(self.labels):
            raise ValueError("boxes, scores and labels differ in length")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls) -> Detections:
        """Return no detections."""
        return cls(np.empty((0, 4)), np.empty(0, np.float32), np.empty(0, np.int64))

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        """Join detections of one pixel space, in order."""
        parts = [cls.empty(), *parts]
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.labels for part in parts]),
        )

    def centres(self) -> NDArray[np.float64]:
        """Return the x, y of the box centres, shape (N, 2), in the boxes' pixels."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2

    def shift(self, dx: float, dy: float) -> Detections:
        """Move the boxes, such as from patch pixels to scene pixels."""
        return Detections(self.boxes + np.array([dx, dy, dx, dy]), self.scores, self.labels)

    def clip(self, width: float, height: float) -> Detections:
        """Cut the boxes to ``0 <= x <= width`` and ``0 <= y <= height``.

        Every detection stays; one that lies outside is left with no area.
        """
        boxes = self.boxes.clip(0, [width, height, width, height])
        return Detections(boxes, self.scores, self.labels)

    def filter(self, selection: NDArray[np.bool_] | NDArray[np.intp]) -> Detections:
        """Take the detections that a mask or an array of indices selects."""
        return Detections(self.boxes[selection], self.scores[selection], self.labels[selection])


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
    scores the earlier detection wins.

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
    pairs = _overlapping(detections.boxes, iou)
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
        Detections of different patches whose IoU is above it are one vehicle.

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
    first, second = pairs = _overlapping(scene.boxes, iou)
    # One side in the band is enough: the other patch may have seen the same
    # vehicle just outside it.
    rivals = (owner[first] != owner[second]) & (np.minimum(depth[first], depth[second]) <= band)
    # A vehicle's end, seen beyond the overlap, may score higher than the whole: the
    # patch that owns the centre comes first.
    precedence = scene.scores + (depth >= 0)
    return scene.filter(_winners(precedence, pairs[:, rivals]))


def _open_cores(patches: Sequence[PatchWindow]) -> NDArray[np.float64]:
    """Return the cores, (N, 4), without limit where no patch lies beyond."""
    cores = np.array([patch.core for patch in patches], np.float64)
    outermost = np.concatenate([cores[:, :2].min(axis=0), cores[:, 2:].max(axis=0)])
    return np.where(cores == outermost, [-np.inf, -np.inf, np.inf, np.inf], cores)


def _depth(points: NDArray[np.float64], cores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far inside its core each point lies, negative outside, shape (N,)."""
    margins: NDArray[np.float64] = np.hstack([points - cores[:, :2], cores[:, 2:] - points])
    return np.asarray(margins.min(axis=1))


def _overlapping(boxes: NDArray[np.float64], iou: float) -> NDArray[np.intp]:
    """Return the index pairs, first < second, of boxes whose IoU is above ``iou``, (2, M)."""
    geometries = shapely.box(*boxes.T)
    pairs: NDArray[np.intp] = shapely.STRtree(geometries).query(geometries)
    pairs = pairs[:, pairs[0] < pairs[1]]
    return pairs[:, box_iou(boxes[pairs[0]], boxes[pairs[1]]) > iou]


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
