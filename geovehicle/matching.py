"""Which detection found which vehicle: one to one, the best score first.

What lies on an ignore region counts neither way.  The rules are those of the COCO
evaluation [1]_, on boxes or footprints in pixels or on polygons in a CRS.

References
----------
.. [1] T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014;
   the matching and the 101-point average precision are those of its evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geovehicle.detections import box_iou
from geovehicle.footprints import boxes_of, footprint_iou, polygons_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geovehicle.detections import Detections

FALSE, IGNORED = -1, -2
"""What :meth:`Overlaps.assign` says of detections without a vehicle."""

RECALL_POINTS = np.linspace(0.0, 1.0, 101)
"""Where the precision-recall curve is sampled [1]_."""

SMALLEST_AREA = 1e-12
"""Stands in for the area of a shape that has none."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """What detections have to do with the labels of the same ground.

    Attributes
    ----------
    scores : ndarray
        Shape (N,), float64, of the detections.
    vehicles : int
        How many vehicles there are, V; ignore regions are not counted.
    pairs : ndarray
        Shape (2, M), intp: a detection and a vehicle that overlap.
    ious : ndarray
        Shape (M,), float64, above 0: the intersection over union of each pair.
    covered : ndarray
        Shape (N,), float64: the largest share of each detection that lies on one
        ignore region.
    """

    scores: NDArray[np.float64]
    vehicles: int
    pairs: NDArray[np.intp]
    ious: NDArray[np.float64]
    covered: NDArray[np.float64]

    @classmethod
    def of_boxes(
        cls,
        boxes: NDArray[np.float64],
        scores: NDArray[np.floating],
        truth: NDArray[np.float64],
        ignore: NDArray[np.float64],
    ) -> Overlaps:
        """Compare boxes of one pixel space.

        Parameters
        ----------
        boxes : ndarray, shape (N, 4)
            The detections: x1, y1, x2, y2.
        scores : ndarray, shape (N,)
        truth, ignore : ndarray, shape (V, 4) and (I, 4)
            The vehicles and the ignore boxes.
        """
        shapes = shapely.box(*boxes.T)
        pairs = _touching(shapes, shapely.box(*truth.T))
        ious = box_iou(boxes[pairs[0]], truth[pairs[1]])
        on = _touching(shapes, shapely.box(*ignore.T))
        sides = np.minimum(boxes[on[0], 2:], ignore[on[1], 2:])
        sides -= np.maximum(boxes[on[0], :2], ignore[on[1], :2])
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        covered = _largest(on[0], sides.clip(0).prod(axis=1), areas)
        return cls._of_pairs(scores, len(truth), pairs, ious, covered)

    @classmethod
    def of_footprints(
        cls,
        found: Detections,
        truth: NDArray[np.float64],
        oriented: NDArray[np.bool_],
        ignore: NDArray[np.float64],
    ) -> Overlaps:
        """Compare footprints of one pixel space.

        Where a vehicle's footprint is not known, its horizontal box is compared with
        that of the detection.  Of a detection at the edge of the image, what is in
        its box counts as its area on ignore boxes.

        Parameters
        ----------
        found : Detections
            Without footprints, their boxes stand in for them.
        truth : ndarray, shape (V, 4, 2)
            The corners of the vehicles, or of the boxes around them.
        oriented : ndarray of bool, shape (V,)
            Whether the corners are those of the footprint.
        ignore : ndarray, shape (I, 4)
            The ignore boxes: x1, y1, x2, y2.
        """
        shapes = polygons_of(found.outlines)
        first, second = pairs = _touching(shapes, polygons_of(truth))
        ious = box_iou(found.boxes[first], boxes_of(truth)[second])
        known = oriented[second]
        first, second = pairs[:, known]
        ious[known] = footprint_iou(found.outlines[first], truth[second])
        regions = shapely.box(*ignore.T)
        on = _touching(shapes, regions)
        near = np.unique(on[0])
        shapes[near] = shapely.intersection(shapes[near], shapely.box(*found.boxes[near].T))
        covered = _largest(on[0], _common(shapes, regions, on), shapely.area(shapes))
        return cls._of_pairs(found.scores, len(truth), pairs, ious, covered)

    @classmethod
    def of_polygons(
        cls,
        polygons: NDArray[np.object_],
        scores: NDArray[np.floating],
        truth: NDArray[np.object_],
        ignore: NDArray[np.object_],
    ) -> Overlaps:
        """Compare shapely polygons of one CRS.

        A vehicle or an ignore region may be a point as well: it overlaps with all
        of the polygon that it lies in.

        Parameters
        ----------
        polygons : ndarray of polygons, shape (N,)
            The detections.
        scores : ndarray, shape (N,)
        truth, ignore : ndarray of polygons or points, shape (V,) and (I,)
            The vehicles and the ignore regions.
        """
        pairs = _touching(polygons, truth)
        areas = shapely.area(polygons)
        common = _common(polygons, truth, pairs)
        union = areas[pairs[0]] + shapely.area(truth[pairs[1]]) - common
        ious = common / np.maximum(union, SMALLEST_AREA)
        on = _touching(polygons, ignore)
        covered = _largest(on[0], _common(polygons, ignore, on), areas)
        return cls._of_pairs(scores, len(truth), pairs, ious, covered)

    @classmethod
    def _of_pairs(
        cls,
        scores: NDArray[np.floating],
        vehicles: int,
        pairs: NDArray[np.intp],
        ious: NDArray[np.float64],
        covered: NDArray[np.float64],
    ) -> Overlaps:
        real = ious > 0
        return cls(scores.astype(np.float64), vehicles, pairs[:, real], ious[real], covered)

    @classmethod
    def concatenate(cls, parts: Sequence[Overlaps]) -> Overlaps:
        """Return those of several images as one, in their order."""
        first = np.cumsum([0, *(len(part.scores) for part in parts)])
        vehicles = np.cumsum([0, *(part.vehicles for part in parts)])
        pairs = [part.pairs + np.array([[first[i]], [vehicles[i]]]) for i, part in enumerate(parts)]
        return cls(
            np.concatenate([np.empty(0), *(part.scores for part in parts)]),
            int(vehicles[-1]),
            np.concatenate([np.empty((2, 0), np.intp), *pairs], axis=1),
            np.concatenate([np.empty(0), *(part.ious for part in parts)]),
            np.concatenate([np.empty(0), *(part.covered for part in parts)]),
        )

    def assign(self, iou: float) -> NDArray[np.intp]:
        """Give detections their vehicles, the best score first.

        A detection takes the free vehicle that it overlaps most, by at least
        `iou`; of equal ones the last [1]_.  One without a vehicle is ignored if at
        least `iou` of its own area lies on an ignore region, and false otherwise.

        Returns
        -------
        ndarray of intp, shape (N,)
            The number of each detection's vehicle, :data:`FALSE` or :data:`IGNORED`.
        """
        rank = np.empty(len(self.scores), np.intp)
        rank[np.argsort(-self.scores, kind="stable")] = np.arange(len(self.scores))
        pairs, ious = self.pairs[:, self.ious >= iou], self.ious[self.ious >= iou]
        turns = pairs[:, np.lexsort((-pairs[1], -ious, rank[pairs[0]]))]
        assigned = np.where(self.covered >= iou, IGNORED, FALSE).tolist()
        free = [True] * self.vehicles
        for detection, vehicle in turns.T.tolist():
            if free[vehicle] and assigned[detection] < 0:
                assigned[detection] = vehicle
                free[vehicle] = False
        return np.array(assigned, np.intp)

    def matches(self, iou: float) -> Matches:
        """Return all detections as true, false or left out at one IoU."""
        return Matches.of(self.scores, self.assign(iou), self.vehicles)


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections at one IoU, each called true or false.

    Attributes
    ----------
    scores : ndarray
        Shape (N,), float64, descending.
    true : ndarray
        Shape (N,), bool, whether the detection has a vehicle of its own; ignored
        detections are left out.
    vehicles : int
        Labelled vehicles, ignore regions not counted.
    """

    scores: NDArray[np.float64]
    true: NDArray[np.bool_]
    vehicles: int

    @classmethod
    def of(cls, scores: NDArray[np.float64], assigned: NDArray[np.intp], vehicles: int) -> Matches:
        """Return the matches of detections in any order, from :meth:`Overlaps.assign`."""
        counted = np.flatnonzero(assigned != IGNORED)
        order = counted[np.argsort(-scores[counted], kind="stable")]
        return cls(scores[order], assigned[order] >= 0, vehicles)

    def above(self, score: float) -> Matches:
        """Return those of the detections that reach a score."""
        kept = self.scores >= score
        return Matches(self.scores[kept], self.true[kept], self.vehicles)

    def at_score(self, score: float) -> Rates:
        """Return the rates of the detections that reach a score."""
        kept = self.scores >= score
        return Rates(int(self.true[kept].sum()), int(kept.sum()), self.vehicles)

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return recall and precision of the best 1, 2, … N detections, shape (N,) each."""
        hits = np.cumsum(self.true)
        return hits / max(self.vehicles, 1), hits / np.arange(1, len(hits) + 1)

    def precision_at_recall(self) -> NDArray[np.float64]:
        """Return the highest precision at each of :data:`RECALL_POINTS` or beyond, shape (101,)."""
        recall, precision = self.curve()
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, RECALL_POINTS, side="left")
        return np.asarray(np.append(envelope, 0.0)[at])

    def average_precision(self) -> float:
        """Return the area under the precision-recall curve, 101 points [1]_.

        Without any vehicle it is not defined: nan.
        """
        return float(self.precision_at_recall().mean()) if self.vehicles else np.nan

    def best_score(self) -> float:
        """Return the score threshold with the highest F1.

        It is 1 where nothing was detected or nothing is there.
        """
        if not len(self.scores) or not self.vehicles:
            return 1.0
        f1 = 2 * np.cumsum(self.true) / (np.arange(1, len(self.true) + 1) + self.vehicles)
        # a threshold takes all detections of one score
        last = np.append(self.scores[1:] < self.scores[:-1], True)
        return float(self.scores[np.where(last, f1, -1.0).argmax()])

    def balanced_score(self) -> float | None:
        """Return the score that as many detections reach as there are vehicles.

        There precision equals recall, and the count is right; more detections reach
        it where several have this very score.  Fewer detections than vehicles have
        no such score: None.  It is 1 where nothing is there.
        """
        if not self.vehicles:
            return 1.0
        if len(self.scores) < self.vehicles:
            return None
        return float(self.scores[self.vehicles - 1])


@dataclass(frozen=True)
class Rates:
    """True detections, all detections and labelled vehicles at one score."""

    true: int
    detections: int
    vehicles: int

    @property
    def precision(self) -> float:
        """Share of the detections that are true; 1 where there are none."""
        return self.true / self.detections if self.detections else 1.0

    @property
    def recall(self) -> float:
        """Share of the vehicles that were found; 1 where there are none."""
        return self.true / self.vehicles if self.vehicles else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.detections + self.vehicles
        return 2 * self.true / total if total else 1.0


def _touching(first: NDArray[np.object_], second: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return the index pairs of shapes whose bounding boxes touch, (2, M)."""
    pairs: NDArray[np.intp] = shapely.STRtree(second).query(first)
    return pairs


def _common(
    first: NDArray[np.object_], second: NDArray[np.object_], pairs: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the area that each pair shares, (M,): all of a polygon around a point."""
    one, other = first[pairs[0]], second[pairs[1]]
    points = shapely.get_dimensions(other) == 0
    shared = np.empty(len(one))
    shared[points] = shapely.area(one[points]) * shapely.intersects(one[points], other[points])
    shared[~points] = shapely.area(shapely.intersection(one[~points], other[~points]))
    return shared


def _largest(
    detections: NDArray[np.intp], shared: NDArray[np.float64], areas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the largest share of each detection that one of its pairs has, (N,)."""
    covered = np.zeros(len(areas))
    np.maximum.at(covered, detections, shared / np.maximum(areas, SMALLEST_AREA)[detections])
    return covered
