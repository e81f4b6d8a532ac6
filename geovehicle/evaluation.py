"""Compare detections with labels: one to one, ignore boxes respected.

References
----------
.. [1] T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014;
   the matching and the 101-point average precision are those of its evaluation.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from PIL import Image

from geovehicle.detections import Detections, box_iou
from geovehicle.engines.local import Detector, search
from geovehicle.errors import DatasetError
from geovehicle.georeference import GeoGrid
from geovehicle.model.detector import VehicleDetector
from geovehicle.model.weights import DEFAULT
from geovehicle.raster.array_source import ArraySource
from geovehicle.settings import PAPER, DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage

RECALL_POINTS = np.linspace(0.0, 1.0, 101)
"""Where the precision-recall curve is sampled [1]_."""

LOWEST_SCORE = 0.05
"""Detections below it do not enter the precision-recall curve."""


@dataclass(frozen=True)
class Matches:
    """Detections of a data set at one IoU, each called true, false or ignored.

    Attributes
    ----------
    scores : ndarray
        Shape (N,), float, descending.
    true : ndarray
        Shape (N,), bool, whether the detection has a vehicle of its own; ignored
        detections are left out.
    vehicles : int
        Labelled vehicles, ignore boxes not counted.
    """

    scores: NDArray[np.float64]
    true: NDArray[np.bool_]
    vehicles: int

    def average_precision(self) -> float:
        """Return the area under the precision-recall curve, 101 points [1]_."""
        hits = np.cumsum(self.true)
        precision = hits / np.arange(1, len(hits) + 1)
        recall = hits / max(self.vehicles, 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, RECALL_POINTS, side="left")
        return float(np.append(envelope, 0.0)[at].mean())

    def at_score(self, score: float) -> Rates:
        """Return the rates of the detections that reach a score."""
        kept = self.scores >= score
        return Rates(int(self.true[kept].sum()), int(kept.sum()), self.vehicles)

    def best_score(self) -> float:
        """Return the score threshold with the highest F1."""
        hits = np.cumsum(self.true)
        f1 = 2 * hits / (np.arange(1, len(hits) + 1) + self.vehicles)
        return float(self.scores[f1.argmax()]) if len(hits) else 1.0


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


@dataclass(frozen=True)
class Metrics:
    """How well a detector does on some images.

    Attributes
    ----------
    images : int
        How many there are.
    ap50, ap30 : float
        Average precision at IoU 0.5 and at the paper's 0.3.
    rates : Rates
        At the score asked for and the paper's IoU.
    best_score, best_f1 : float
        The score with the highest F1 at the paper's IoU, and that F1.
    """

    images: int
    ap50: float
    ap30: float
    rates: Rates
    best_score: float
    best_f1: float


@dataclass(frozen=True)
class Report:
    """The metrics of a data set and of each of its sources, at one score."""

    score: float
    total: Metrics
    sources: dict[str, Metrics]


def evaluate(
    images: Sequence[LabelledImage],
    weights: str | Path = DEFAULT,
    settings: DetectSettings | None = None,
    on_image: Callable[[int], None] = lambda done: None,
) -> Report:
    """Compare what a detector finds with the labels.

    Parameters
    ----------
    images : sequence of LabelledImage
        The data set.
    weights : str or Path
        The name of shipped weights or a checkpoint.
    settings : DetectSettings, optional
        How the images are searched; ``score`` is that of the rates.
    on_image : callable
        Called after each image with the number of those that are done with.

    Raises
    ------
    DatasetError
        If there is no image, or one cannot be read.
    CheckpointError
        If the weights cannot be used.
    SettingsError
        If a setting is out of its range or the device is not there.
    """
    if not images:
        raise DatasetError("the data set has no images; there is nothing to evaluate on")
    settings = settings or DetectSettings()
    score = settings.score
    lowest = LOWEST_SCORE if score is None else min(score, LOWEST_SCORE)
    detector = VehicleDetector.load(weights, replace(settings, score=lowest))
    detections = predict(images, detector, settings, detector.info.gsd, on_image)
    return report(
        images, detections, detector.info.config.score_threshold if score is None else score
    )


def report(
    images: Sequence[LabelledImage], detections: Sequence[Detections], score: float
) -> Report:
    """Return the metrics of detections, in the pixels of their images, at a score."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        groups[image.source].append(index)

    def measured(indices: Sequence[int]) -> Metrics:
        return _metrics([images[i] for i in indices], [detections[i] for i in indices], score)

    sources = {source: measured(indices) for source, indices in sorted(groups.items())}
    return Report(score, measured(range(len(images))), sources)


def _metrics(
    images: Sequence[LabelledImage], detections: Sequence[Detections], score: float
) -> Metrics:
    curve = [found.filter(found.scores >= LOWEST_SCORE) for found in detections]
    strict = match(images, curve, 0.5)
    paper = match(images, curve, PAPER.evaluation_iou)
    best = paper.best_score()
    return Metrics(
        images=len(images),
        ap50=strict.average_precision(),
        ap30=paper.average_precision(),
        rates=match(images, detections, PAPER.evaluation_iou).at_score(score),
        best_score=best,
        best_f1=paper.at_score(best).f1,
    )


def predict(
    images: Sequence[LabelledImage],
    detector: Detector,
    settings: DetectSettings,
    gsd: float,
    on_image: Callable[[int], None] = lambda done: None,
) -> list[Detections]:
    """Return the detections of each image, in its own pixels.

    Images are resampled to `gsd` metres and go the way of every raster: windows,
    detector, merge.

    Raises
    ------
    DatasetError
        If an image cannot be read.
    """
    found = []
    for done, image in enumerate(images, start=1):
        width, height = (max(1, round(n * image.gsd / gsd)) for n in (image.width, image.height))
        picture = Image.fromarray(image.read()).resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(picture).transpose(2, 0, 1)
        grid = GeoGrid(width, height, Affine.identity(), None)
        scene = search(ArraySource(image.path.name, pixels, grid), detector, settings, gsd)
        scale = np.array([image.width / width, image.height / height] * 2)
        found.append(replace(scene.detections, boxes=scene.detections.boxes * scale))
        on_image(done)
    return found


def match(images: Sequence[LabelledImage], detections: Sequence[Detections], iou: float) -> Matches:
    """Assign detections to vehicles, the best score first, one to one.

    A detection takes the free vehicle that it overlaps most, by at least `iou`.
    One without a vehicle is left out if at least `iou` of its own area lies on an
    ignore box, and false otherwise [1]_.
    """
    outcomes = [_match_one(*pair, iou) for pair in zip(images, detections, strict=True)]
    scores = np.concatenate([np.empty(0), *(score for score, _ in outcomes)])
    states = np.concatenate([np.empty(0, np.int8), *(state for _, state in outcomes)])
    order = np.argsort(-scores, kind="stable")
    counted = order[states[order] != _IGNORED]
    vehicles = sum(len(image.boxes) for image in images)
    return Matches(scores[counted], states[counted] == _TRUE, vehicles)


_FALSE, _TRUE, _IGNORED = 0, 1, -1


def _match_one(
    image: LabelledImage, detections: Detections, iou: float
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return the scores, descending, and what each detection of an image is."""
    order = np.argsort(-detections.scores, kind="stable")
    boxes = detections.boxes[order]
    overlaps = box_iou(boxes[:, None], image.boxes[None])
    ignored = _covered(boxes, image.ignore) >= iou
    states = np.where(ignored, _IGNORED, _FALSE).astype(np.int8)
    for index in np.flatnonzero((overlaps >= iou).any(axis=1)):
        best = overlaps[index].argmax()
        if overlaps[index, best] >= iou:
            states[index] = _TRUE
            overlaps[:, best] = -1.0
    return detections.scores[order].astype(np.float64), states


def _covered(boxes: NDArray[np.float64], ignore: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest share of each box that lies on one ignore box, shape (N,)."""
    low = np.maximum(boxes[:, None, :2], ignore[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], ignore[None, :, 2:])
    common = (high - low).clip(0).prod(axis=2)
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9)
    return np.asarray(common.max(axis=1, initial=0.0) / area)
