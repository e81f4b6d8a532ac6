"""Compare what a detector finds on labelled images with their labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from PIL import Image

from geovehicle.engines.detectors import load_detector
from geovehicle.engines.local import Detector, search
from geovehicle.errors import DatasetError
from geovehicle.georeference import GeoGrid
from geovehicle.matching import Overlaps
from geovehicle.measurement import Measurement, by_image, by_size
from geovehicle.model.weights import DEFAULT
from geovehicle.raster.array_source import ArraySource
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage
    from geovehicle.detections import Detections
    from geovehicle.measurement import Grouping
    from geovehicle.metrics import Report

LOWEST_SCORE = 0.05
"""Detections below it do not enter the precision-recall curve."""


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
    detector = load_detector(weights, replace(settings, score=lowest))
    detections = predict(images, detector, settings, detector.info.gsd, on_image)
    threshold = detector.info.config.score_threshold if score is None else score
    return report(images, detections, threshold, name_of(weights))


def name_of(weights: str | Path) -> str:
    """Return what a detector is called in tables.

    It is the name of its file; what a training leaves has that of its folder, with
    ``-best`` behind it for a ``best.safetensors``.
    """
    path = Path(weights)
    folder = path.resolve().parent.name
    return {"model": folder, "best": f"{folder}-best"}.get(path.stem, path.stem)


def report(
    images: Sequence[LabelledImage], detections: Sequence[Detections], score: float, name: str = ""
) -> Report:
    """Return the figures of detections, in the pixels of their images.

    Parameters
    ----------
    images : sequence of LabelledImage
        The data set.
    detections : sequence of Detections
        Of each image.
    score : float
        Lowest score of the detections that the rates count.
    name : str
        Of the detector.
    """
    parts = [
        Overlaps.of_boxes(found.boxes, found.scores, image.boxes, image.ignore)
        for image, found in zip(images, detections, strict=True)
    ]
    types = [kind for image in images for kind in (image.types or [""] * len(image.boxes))]
    measurement = Measurement(Overlaps.concatenate(parts), score, LOWEST_SCORE)
    figures = measurement.report(name, _groupings(images, detections), types, len(images))
    return replace(figures, detections=tuple(detections))


def _groupings(
    images: Sequence[LabelledImage], detections: Sequence[Detections]
) -> dict[str, Grouping]:
    counts = [len(found) for found in detections], [len(image.boxes) for image in images]
    names = {
        "sources": [image.source for image in images],
        "scenes": [image.scene for image in images],
    }
    told = {kind: by_image(of, *counts) for kind, of in names.items() if any(of)}
    metres = [
        [longest_sides(found.boxes) * image.gsd, longest_sides(image.boxes) * image.gsd]
        for image, found in zip(images, detections, strict=True)
    ]
    found, labelled = (np.concatenate([np.empty(0), *part]) for part in zip(*metres, strict=True))
    return told | {"sizes": by_size(found, labelled)}


def longest_sides(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the longer side of each box, shape (N, 4): the size that classes go by.

    It depends little on the heading: a car of 4.5 m is in a box of 4.4 to 4.8 m.
    """
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0))


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
