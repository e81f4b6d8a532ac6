"""The figures of an evaluation: of all, of groups, and over the overlap that is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.matching import FALSE, RECALL_POINTS, Matches, Rates
from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.detections import Detections

IOUS = tuple(n / 10 for n in range(1, 10))
"""The overlaps of the curves of recall and precision, as in the paper's Figure 4."""


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
        figures = asdict(self) | {"rates": asdict(rates) | derived}
        undefined = [name for name, value in figures.items() if value != value]
        return figures | dict.fromkeys(undefined)


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
            "recommended_score": self.total.best_score,
            "total": self.total.as_dict(),
            **groups,
            "types": types,
            "curves": self.curves.as_dict(),
        }
