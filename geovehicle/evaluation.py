"""Compare what a detector finds on labelled images with their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from PIL import Image

from geovehicle.engines.detectors import describe, load_detector, scene_gsds
from geovehicle.engines.scene import Detector, search
from geovehicle.errors import DatasetError, GeoreferenceError
from geovehicle.footprints import lengthwise, rectangles_of, straight
from geovehicle.georeference import GeoGrid
from geovehicle.matching import Overlaps
from geovehicle.measurement import Measurement, by_image, by_size
from geovehicle.model.weights import DEFAULT
from geovehicle.raster.array_source import ArraySource
from geovehicle.raster.source import clipped_gsd, scene_grid
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage
    from geovehicle.detections import Detections
    from geovehicle.measurement import Grouping
    from geovehicle.metrics import Confusion, FootprintErrors, Report
    from geovehicle.settings import BoxesName

    Pair = tuple[LabelledImage, Detections]

LOWEST_SCORE = 0.05
"""Detections below it do not enter the precision-recall curve."""

NEARLY_ALL = 0.9
"""Share of vehicles with footprints from which these are compared by default.  Labels have
none for a vehicle that lies along the image's axes, which is its own box, nor for one that
the edge of the image cuts."""


@dataclass(frozen=True)
class Comparison:
    """What detections and labels are compared by.

    Attributes
    ----------
    boxes : str
        ``"oriented"`` for footprints, ``"horizontal"`` for the boxes around them.
    labels : tuple of str
        The names that the labels of the detections index; types of vehicle where
        there are more than one.
    """

    boxes: BoxesName
    labels: tuple[str, ...] = ()


def evaluate(
    images: Sequence[LabelledImage],
    weights: str | Path = DEFAULT,
    settings: DetectSettings | None = None,
    on_image: Callable[[int], None] = lambda done: None,
    boxes: BoxesName | None = None,
) -> Report:
    """Compare what a detector finds with the labels.

    Parameters
    ----------
    images : sequence of LabelledImage
        The data set.
    weights : str or Path
        The name of shipped weights or a checkpoint.
    settings : DetectSettings, optional
        How the images are searched; ``score`` is that of the rates.  ``boxes`` does
        not count here.
    on_image : callable
        Called after each image with the number of those that are done with.
    boxes : str, optional
        As :func:`choose_boxes` takes it.

    Raises
    ------
    DatasetError
        If there is no image, if one cannot be read, or if footprints are asked for
        and the labels have none.
    CheckpointError
        If the weights cannot be used.
    SettingsError
        If a setting is out of its range or the device is not there.
    """
    if not images:
        raise DatasetError("the data set has no images; there is nothing to evaluate on")
    settings = settings or DetectSettings()
    boxes = choose_boxes(images, [weights], boxes)
    score = settings.score
    lowest = LOWEST_SCORE if score is None else min(score, LOWEST_SCORE)
    detector = load_detector(weights, replace(settings, score=lowest))
    gsds = scene_gsds(detector.info, settings)
    detections = predict(images, detector, settings, gsds, on_image)
    threshold = detector.info.config.score_threshold if score is None else score
    comparison = Comparison(boxes, detector.labels)
    return report(images, detections, threshold, name_of(weights), comparison)


def choose_boxes(
    images: Sequence[LabelledImage],
    weights: Sequence[str | Path],
    asked: BoxesName | None = None,
) -> BoxesName:
    """Return what detectors are compared with labels by.

    Parameters
    ----------
    images : sequence of LabelledImage
        The data set.
    weights : sequence of str or Path
        Of all detectors that are to stand side by side.
    asked : str, optional
        What was asked for.  Footprints by default where nearly all vehicles and all
        detectors have them, horizontal boxes otherwise.

    Raises
    ------
    DatasetError
        If footprints are asked for and no vehicle has one.
    CheckpointError
        If weights cannot be used.
    """
    known = np.concatenate([np.empty(0, bool), *(image.oriented for image in images)])
    if asked == "oriented" and not known.any():
        raise DatasetError(
            "no vehicle of the data set has a footprint (a segmentation of four corners);"
            " leave out --boxes oriented"
        )
    if asked is not None:
        return asked
    if known.sum() < max(1, NEARLY_ALL * len(known)):
        return "horizontal"
    told = all(getattr(describe(one).config, "oriented", False) for one in weights)
    return "oriented" if told else "horizontal"


def name_of(weights: str | Path) -> str:
    """Return what a detector is called in tables.

    It is the name of its file; what a training leaves has that of its folder, with
    ``-best`` behind it for a ``best.safetensors``.
    """
    path = Path(weights)
    folder = path.resolve().parent.name
    return {"model": folder, "best": f"{folder}-best"}.get(path.stem, path.stem)


def report(
    images: Sequence[LabelledImage],
    detections: Sequence[Detections],
    score: float,
    name: str,
    comparison: Comparison,
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
    comparison : Comparison
        What is compared, and what the labels of the detections mean;
        :func:`choose_boxes` tells what :func:`evaluate` compares.
    """
    pairs = list(zip(images, detections, strict=True))
    oriented = comparison.boxes == "oriented"
    overlaps = Overlaps.concatenate([_overlaps(*pair, oriented) for pair in pairs])
    types = [kind for image in images for kind in (image.types or [""] * len(image.boxes))]
    measurement = Measurement(overlaps, score, LOWEST_SCORE)
    figures = measurement.report(name, _groupings(pairs, oriented), types, len(images))
    return replace(
        figures,
        detections=tuple(detections),
        labels=comparison.labels,
        boxes=comparison.boxes,
        footprints=_footprint_errors(measurement, pairs) if oriented else None,
        confusion=_confusion(measurement, types, detections, comparison.labels),
    )


def _overlaps(image: LabelledImage, found: Detections, oriented: bool) -> Overlaps:
    if oriented:
        return Overlaps.of_footprints(found, image.footprints, image.oriented, image.ignore)
    return Overlaps.of_boxes(found.boxes, found.scores, image.boxes, image.ignore)


def _groupings(pairs: Sequence[Pair], oriented: bool) -> dict[str, Grouping]:
    counts = [len(found) for _, found in pairs], [len(image.boxes) for image, _ in pairs]
    names = {
        "sources": [image.source for image, _ in pairs],
        "scenes": [image.scene for image, _ in pairs],
    }
    told = {kind: by_image(of, *counts) for kind, of in names.items() if any(of)}
    found, labelled = [np.empty(0)], [np.empty(0)]
    for image, one in pairs:
        outlines = one.outlines if oriented else straight(one.boxes)
        truth = image.footprints if oriented else straight(image.boxes)
        found.append(longest_sides(outlines) * image.gsd)
        labelled.append(longest_sides(truth) * image.gsd)
    return told | {"sizes": by_size(np.concatenate(found), np.concatenate(labelled))}


def longest_sides(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the longer side, shape (N,), of footprints, shape (N, 4, 2): the size of a vehicle.

    That of the box around it is nearly the same for a car, of 4.5 m in a box of 4.4 to
    4.8 m, and up to a fifth shorter for a bus that stands diagonally.
    """
    return np.asarray(rectangles_of(corners)[:, 2:4].max(axis=1, initial=0.0))


def _footprint_errors(measurement: Measurement, pairs: Sequence[Pair]) -> FootprintErrors | None:
    """Return how far footprints are off, in metres, if the detector tells any.

    The length is the longer side of both, as in layers: that of a vehicle which the edge
    of the image cuts may run across it.
    """
    if all(found.footprints is None for _, found in pairs):
        return None
    told, labelled = [np.empty((0, 5))], [np.empty((0, 5))]
    for image, found in pairs:
        in_metres = [image.gsd] * 4 + [1.0]
        truth = lengthwise(rectangles_of(image.footprints)) * in_metres
        truth[~image.oriented] = np.nan
        told.append(lengthwise(rectangles_of(found.outlines)) * in_metres)
        labelled.append(truth)
    return measurement.footprint_errors(np.concatenate(told), np.concatenate(labelled))


def _confusion(
    measurement: Measurement,
    types: Sequence[str],
    detections: Sequence[Detections],
    labels: tuple[str, ...],
) -> Confusion | None:
    """Return which types were told, if labels and detector tell any."""
    if len(labels) < 2 or not any(types):
        return None
    told = [labels[label] for found in detections for label in found.labels.tolist()]
    return measurement.confusion(told, types, labels)


def _scene_of(image: LabelledImage, gsd: float) -> GeoGrid:
    """Return the grid of an image at a ground sampling distance."""
    own = GeoGrid(image.width, image.height, Affine.identity(), None)
    try:
        return scene_grid(own, (image.gsd, image.gsd), gsd)
    except GeoreferenceError as error:
        raise DatasetError(f"{image.path}: {error}") from error


def predict(
    images: Sequence[LabelledImage],
    detector: Detector,
    settings: DetectSettings,
    gsds: tuple[float, float],
    on_image: Callable[[int], None] = lambda done: None,
) -> list[Detections]:
    """Return the detections of each image, in its own pixels.

    Images finer or coarser than `gsds`, metres, are resampled to these, and all go the way
    of every raster: windows, detector, merge.

    Raises
    ------
    DatasetError
        If an image cannot be read, or has hardly any ground by its ground sampling distance.
    """
    found = []
    settings = replace(settings, block=math.isqrt(settings.batch - 1) + 1)  # one holds a batch
    for done, image in enumerate(images, start=1):
        gsd = clipped_gsd(image.gsd, gsds)
        grid = _scene_of(image, gsd)
        size = grid.width, grid.height
        picture = Image.fromarray(image.read()).resize(size, Image.Resampling.BICUBIC)
        pixels = np.asarray(picture).transpose(2, 0, 1)
        scene = search(ArraySource(image.path.name, pixels, grid), detector, settings, gsd)
        found.append(scene.detections.scale(image.width / size[0], image.height / size[1]))
        on_image(done)
    return found
