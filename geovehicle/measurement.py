"""From matched detections to figures: of all, and of groups that add up to all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.matching import Matches, Overlaps
from geovehicle.metrics import IOUS, Confusion, Curves, FootprintErrors, Found, Metrics, Report
from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

COCO_IOUS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""AP50:95 is the mean of the average precisions at these."""

SIZES = {
    "below 3.5 m": 3.5,
    "3.5 to 6 m": 6.0,
    "6 to 9 m": 9.0,
    "from 9 m": math.inf,
}
"""Size classes by their upper limit, metres, and what is in them: what is partly seen
and the smallest cars; cars and vans; long vans and small lorries; buses and lorries."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Detections and vehicles that are told apart, such as by the source of their image.

    A detection that found a vehicle is in the vehicle's group, any other in its own.

    Attributes
    ----------
    names : sequence of str
        Of the G groups.
    detections, vehicles : ndarray
        Shape (N,) and (V,), intp: the group of each.
    images : sequence of int, optional
        How many images are in each group.
    """

    names: Sequence[str]
    detections: NDArray[np.intp]
    vehicles: NDArray[np.intp]
    images: Sequence[int] | None = None


def by_image(names: Sequence[str], detections: Sequence[int], vehicles: Sequence[int]) -> Grouping:
    """Return the grouping by a name that each image has.

    Parameters
    ----------
    names : sequence of str
        Of each image's group.
    detections, vehicles : sequence of int
        How many of them each image has.
    """
    groups = sorted(set(names))
    group_of = np.array([groups.index(name) for name in names], np.intp)
    return Grouping(
        names=groups,
        detections=np.repeat(group_of, detections),
        vehicles=np.repeat(group_of, vehicles),
        images=np.bincount(group_of, minlength=len(groups)).tolist(),
    )


def by_size(detections: NDArray[np.float64], vehicles: NDArray[np.float64]) -> Grouping:
    """Return the grouping by the size classes of :data:`SIZES`.

    Parameters
    ----------
    detections, vehicles : ndarray
        Shape (N,) and (V,): the longest side of each, metres.
    """
    limits = list(SIZES.values())
    return Grouping(
        list(SIZES),
        np.searchsorted(limits, detections, side="right"),
        np.searchsorted(limits, vehicles, side="right"),
    )


@dataclass(frozen=True, eq=False)
class Measurement:
    """Detections matched with vehicles at every IoU, to be measured in groups.

    Parameters
    ----------
    overlaps : Overlaps
        Of the whole data set.
    score : float
        Lowest score of the detections that the rates count.
    lowest : float
        Detections below it do not enter the precision-recall curve.
    """

    overlaps: Overlaps
    score: float
    lowest: float = -math.inf
    _assigned: dict[float, NDArray[np.intp]] = field(default_factory=dict, init=False)

    def assigned(self, iou: float) -> NDArray[np.intp]:
        """Return what :meth:`~geovehicle.matching.Overlaps.assign` says, computed once."""
        if iou not in self._assigned:
            self._assigned[iou] = self.overlaps.assign(iou)
        return self._assigned[iou]

    def report(
        self,
        name: str,
        groupings: Mapping[str, Grouping],
        types: Sequence[str],
        images: int | None = None,
    ) -> Report:
        """Return all figures.

        Parameters
        ----------
        name : str
            Of the detector.
        groupings : mapping
            Those of :attr:`Report.groups`.
        types : sequence of str
            Of the vehicles: as many, or none.
        images : int, optional
            How many there are.
        """
        return Report(
            name=name,
            score=self.score,
            total=self._total(images),
            groups={kind: self.by_group(grouping) for kind, grouping in groupings.items()},
            types=self.by_type(types),
            curves=self.curves(),
            assigned=self.assigned(PAPER.evaluation_iou),
            scores=self.overlaps.scores,
        )

    def _total(self, images: int | None) -> Metrics:
        everything = Grouping(
            [""],
            np.zeros(len(self.overlaps.scores), np.intp),
            np.zeros(self.overlaps.vehicles, np.intp),
            None if images is None else [images],
        )
        return self.by_group(everything)[""]

    def by_group(self, grouping: Grouping) -> dict[str, Metrics]:
        """Return the metrics of each group by its name."""
        images: list[int | None] = [None] * len(grouping.names)
        if grouping.images is not None:
            images = [*grouping.images]
        return {
            name: self._metrics(grouping, number, images[number])
            for number, name in enumerate(grouping.names)
        }

    def true_matches(self) -> NDArray[np.intp]:
        """Return the true detections that reach the score, and their vehicles, (2, M)."""
        assigned = self.assigned(PAPER.evaluation_iou)
        true = np.flatnonzero((assigned >= 0) & (self.overlaps.scores >= self.score))
        return np.stack([true, assigned[true]])

    def footprint_errors(
        self, found: NDArray[np.float64], truth: NDArray[np.float64]
    ) -> FootprintErrors:
        """Return how far the true detections are off.

        Parameters
        ----------
        found, truth : ndarray, shape (N, 5) and (V, 5)
            Rectangles (see :mod:`geovehicle.footprints`) of the detections and the
            vehicles, lengths in metres; nan where a footprint is not known.
        """
        detections, vehicles = self.true_matches()
        pairs = np.stack([found[detections], truth[vehicles]])
        return FootprintErrors.of(*pairs[:, np.isfinite(pairs).all(axis=(0, 2))])

    def confusion(
        self, told: Sequence[str], types: Sequence[str], names: Sequence[str] = ()
    ) -> Confusion:
        """Return which types were told of which vehicles.

        Parameters
        ----------
        told, types : sequence of str
            Of the detections and of the vehicles, empty where it is not known.
        names : sequence of str
            The types that the detector tells.
        """
        detections, vehicles = self.true_matches()
        labelled = [types[vehicle] for vehicle in vehicles.tolist()]
        return Confusion.of(labelled, [told[index] for index in detections.tolist()], names)

    def by_type(self, types: Sequence[str]) -> dict[str, Found]:
        """Return how many vehicles of each type were found; nothing where none is told."""
        _, found = self.true_matches()
        of_vehicle = np.array(types, dtype=object)
        return {
            kind: Found(int((of_vehicle[found] == kind).sum()), int((of_vehicle == kind).sum()))
            for kind in sorted({kind for kind in types if kind})
        }

    def curves(self) -> Curves:
        """Return what the figures are drawn from."""
        scores, vehicles = self.overlaps.scores, self.overlaps.vehicles
        over_iou = [Matches.of(scores, self.assigned(iou), vehicles) for iou in IOUS]
        paper = Matches.of(scores, self.assigned(PAPER.evaluation_iou), vehicles)
        return Curves(
            tuple(matches.at_score(self.score) for matches in over_iou), paper.above(self.lowest)
        )

    def _metrics(self, grouping: Grouping, number: int, images: int | None) -> Metrics:
        vehicles = int((grouping.vehicles == number).sum())

        def matches(iou: float) -> Matches:
            assigned = self.assigned(iou)
            group = grouping.detections.copy()
            group[assigned >= 0] = grouping.vehicles[assigned[assigned >= 0]]
            here = group == number
            return Matches.of(self.overlaps.scores[here], assigned[here], vehicles)

        def precision(iou: float) -> float:
            return matches(iou).above(self.lowest).average_precision()

        paper = matches(PAPER.evaluation_iou)
        curve = paper.above(self.lowest)
        best = curve.best_score()
        return Metrics(
            images=images,
            ap50_95=float(np.mean([precision(iou) for iou in COCO_IOUS])),
            ap50=precision(0.5),
            ap30=curve.average_precision(),
            rates=paper.at_score(self.score),
            best_score=best,
            best_f1=curve.at_score(best).f1,
            balanced_score=curve.balanced_score(),
        )
