"""Detections as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.footprints import common, corners_of, cut_by_edge, rectangles_of, straight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


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

    def within(self, width: float, height: float, least: float) -> Detections:
        """Cut boxes and footprints to ``0 <= x <= width`` and ``0 <= y <= height``.

        A footprint that the edge cuts becomes the rectangle of the same direction around
        what is left of it, and its box is around that as well.

        Parameters
        ----------
        width, height : float
            Of the picture that shows the detections, pixels.
        least : float
            Pixels; those with a side of their boxes that is less are left out.
        """
        boxes = self.boxes.clip(0, [width, height, width, height])
        footprints = None if self.footprints is None else self.footprints.copy()
        if footprints is not None:
            at, parts, around = cut_by_edge(rectangles_of(footprints), width, height)
            footprints[at], boxes[at] = corners_of(parts), common(boxes[at], around)
        shown = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= least
        return replace(self, boxes=boxes, footprints=footprints).filter(shown)

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
