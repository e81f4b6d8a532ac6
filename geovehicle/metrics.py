"""The figures of an evaluation: of all, of groups, and over the overlap that is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.footprints import turn_between
from geovehicle.matching import FALSE, RECALL_POINTS, Matches, Rates
from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from geovehicle.detections import Detections
    from geovehicle.settings import BoxesName

IOUS = tuple(n / 10 for n in range(1, 10))
"""The overlaps of the curves of recall and precision, as in the paper's Figure 4."""

SMALL_TURN = 10.0
"""Degrees; how many directions are off by less is counted."""


@dataclass(frozen=True)
class Metrics:
    """How well detections fit the labels.

    Attributes
    ----------
    images : int or None
        How many images there are; None where the group is none of images.
    ap50_95, ap50, ap30 : float
        Average precision: the mean over the IoUs 0.5, 0.55, … 0.95, at 0.5, and at
        the paper's 0.3.  They are nan where there is no vehicle.
    rates : Rates
        At the score asked for and the paper's IoU.
    best_score, best_f1 : float
        The score with the highest F1 at the paper's IoU, and that F1.
    balanced_score : float or None
        The score at which precision equals recall: as many detections as vehicles.
        None where there are fewer of them at any score.
    """

    images: int | None
    ap50_95: float
    ap50: float
    ap30: float
    rates: Rates
    best_score: float
    best_f1: float
    balanced_score: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON: None for what is not defined."""
        rates = self.rates
        derived = {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
        return _defined(asdict(self) | {"rates": asdict(rates) | derived})


@dataclass(frozen=True, eq=False)
class Curves:
    """What the figures of an evaluation are drawn from.

    Attributes
    ----------
    over_iou : tuple of Rates
        At the IoUs of :data:`IOUS` and the score asked for.
    matches : Matches
        At the paper's IoU: the precision-recall curve.
    """

    over_iou: tuple[Rates, ...]
    matches: Matches

    def as_dict(self) -> dict[str, Any]:
        """Return the curves for JSON."""
        return {
            "iou": list(IOUS),
            "recall": [rates.recall for rates in self.over_iou],
            "precision": [rates.precision for rates in self.over_iou],
            "f1": [rates.f1 for rates in self.over_iou],
            "recall_points": RECALL_POINTS.round(2).tolist(),
            "precision_at_recall": self.matches.precision_at_recall().tolist(),
        }


@dataclass(frozen=True)
class Found:
    """Vehicles of a kind, and how many of them were found at the score and IoU in force."""

    found: int
    vehicles: int

    @property
    def recall(self) -> float:
        """Share of the vehicles that were found; 1 where there are none."""
        return self.found / self.vehicles if self.vehicles else 1.0


@dataclass(frozen=True)
class FootprintErrors:
    """How far the footprints of true detections are off, at the score and IoU in force.

    Without a vehicle, all but the first figure are nan.

    Attributes
    ----------
    vehicles : int
        How many were compared: found, and with a footprint of their own.
    turn_median, turn_95 : float
        The median and the 95th percentile of the angles between the directions told
        and labelled, degrees from 0 to 90: which end is the front does not count.
    small_turns : float
        The share of the angles below :data:`SMALL_TURN`.
    length_bias, width_bias : float
        The median of what is told less what is labelled, metres.
    length_error, width_error : float
        The median of the same without its sign, metres.
    """

    vehicles: int
    turn_median: float
    turn_95: float
    small_turns: float
    length_bias: float
    length_error: float
    width_bias: float
    width_error: float

    @classmethod
    def of(cls, found: NDArray[np.float64], truth: NDArray[np.float64]) -> FootprintErrors:
        """Compare pairs of rectangles.

        Parameters
        ----------
        found, truth : ndarray, shape (N, 5)
            Rectangles (see :mod:`geovehicle.footprints`), lengths in metres, angles in
            radians.
        """
        if not len(found):
            return cls(0, *[np.nan] * 7)
        turns = np.degrees(turn_between(found[:, 4], truth[:, 4]))
        off = found[:, 2:4] - truth[:, 2:4]
        bias, error = np.median(off, axis=0).tolist(), np.median(np.abs(off), axis=0).tolist()
        return cls(
            vehicles=len(found),
            turn_median=float(np.median(turns)),
            turn_95=float(np.percentile(turns, 95)),
            small_turns=float((turns < SMALL_TURN).mean()),
            length_bias=bias[0],
            length_error=error[0],
            width_bias=bias[1],
            width_error=error[1],
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON: None for what is not defined."""
        return _defined(asdict(self))


@dataclass(frozen=True)
class Confusion:
    """Which types were told of the vehicles that were found, at the score and IoU in force.

    Attributes
    ----------
    names : tuple of str
        The types, T.
    counts : tuple of tuple of int
        T x T: vehicles by their labelled type (rows) and the type told (columns).
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(
        cls, labelled: Sequence[str], told: Sequence[str], names: Sequence[str] = ()
    ) -> Confusion:
        """Count pairs of types.

        Parameters
        ----------
        labelled, told : sequence of str
            The types of each vehicle; those of which one is empty do not count.
        names : sequence of str
            The types to begin with; others that occur follow by name.
        """
        pairs = [pair for pair in zip(labelled, told, strict=True) if all(pair)]
        others = {name for pair in pairs for name in pair} - set(names)
        number = {name: index for index, name in enumerate([*names, *sorted(others)])}
        counts = np.zeros((len(number), len(number)), np.intp)
        places = np.array([[number[name] for name in pair] for pair in pairs], np.intp)
        np.add.at(counts, tuple(places.reshape(-1, 2).T), 1)
        return cls(tuple(number), tuple(map(tuple, counts.tolist())))

    @property
    def accuracy(self) -> float:
        """Share of the vehicles whose type was told right; nan where there are none."""
        counts = np.array(self.counts).reshape(len(self.names), len(self.names))
        total = counts.sum()
        return float(counts.trace() / total) if total else np.nan

    @property
    def recall(self) -> dict[str, float]:
        """The same share of each labelled type; nan where none was found."""
        return {
            name: row[index] / sum(row) if sum(row) else np.nan
            for index, (name, row) in enumerate(zip(self.names, self.counts, strict=True))
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON: None for what is not defined."""
        figures = asdict(self) | {"accuracy": self.accuracy}
        return _defined(figures) | {"recall": _defined(self.recall)}


@dataclass(frozen=True, eq=False)
class Report:
    """The figures of one detector on one data set, at one score.

    Attributes
    ----------
    name : str
        Of the detector.
    score : float
        Lowest score of the detections that the rates count.
    total : Metrics
        Of everything.
    groups : dict
        ``"sources"``, ``"scenes"`` and ``"sizes"``, each the metrics by name; what
        the data set does not tell is not there.
    types : dict
        How many vehicles of each type were found; empty where the data set has no types.
    curves : Curves
        For the figures.
    assigned : ndarray
        Shape (N,), intp: what :meth:`~geovehicle.matching.Overlaps.assign` says of
        each detection at the paper's IoU, all images in a row.
    scores : ndarray
        Shape (N,), float64, of the detections.
    detections : tuple of Detections
        Of each image, in its pixels; none where the data set has no images.
    labels : tuple of str
        What the labels of the detections mean; none where it is not told.
    boxes : str, optional
        Whether ``"oriented"`` footprints or ``"horizontal"`` boxes were compared; None
        where layers were.
    footprints : FootprintErrors, optional
        Where both the labels and the detector tell footprints, and they were compared.
    confusion : Confusion, optional
        Where both the labels and the detector tell types.
    """

    name: str
    score: float
    total: Metrics
    groups: dict[str, dict[str, Metrics]]
    types: dict[str, Found]
    curves: Curves
    assigned: NDArray[np.intp] = field(repr=False)
    scores: NDArray[np.float64] = field(repr=False)
    detections: tuple[Detections, ...] = field(default=(), repr=False)
    labels: tuple[str, ...] = ()
    boxes: BoxesName | None = None
    footprints: FootprintErrors | None = None
    confusion: Confusion | None = None

    @property
    def sources(self) -> dict[str, Metrics]:
        """The metrics of each source of images."""
        return self.groups.get("sources", {})

    @property
    def vehicles(self) -> int:
        """How many vehicles there are."""
        return self.total.rates.vehicles

    def missed(self) -> NDArray[np.intp]:
        """Return the numbers of the vehicles without a detection that reaches the score."""
        found = self.assigned[(self.assigned >= 0) & (self.scores >= self.score)]
        return np.setdiff1d(np.arange(self.vehicles), found)

    def false(self) -> NDArray[np.intp]:
        """Return the numbers of the false detections that reach the score, the best first."""
        false = np.flatnonzero((self.assigned == FALSE) & (self.scores >= self.score))
        return false[np.argsort(-self.scores[false], kind="stable")]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        groups = {
            kind: {name: metrics.as_dict() for name, metrics in group.items()}
            for kind, group in self.groups.items()
        }
        types = {name: asdict(one) | {"recall": one.recall} for name, one in self.types.items()}
        return {
            "name": self.name,
            "score": self.score,
            "iou": PAPER.evaluation_iou,
            "boxes": self.boxes,
            "recommended_score": self.total.best_score,
            "total": self.total.as_dict(),
            **groups,
            "types": types,
            "confusion": self.confusion and self.confusion.as_dict(),
            "footprints": self.footprints and self.footprints.as_dict(),
            "curves": self.curves.as_dict(),
        }


def _defined(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return figures with None in place of nan."""
    return {name: None if value != value else value for name, value in figures.items()}
