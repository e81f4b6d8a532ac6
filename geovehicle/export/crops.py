"""The worst errors of a detector, as small pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from geovehicle.export.outlines import draw_outlines
from geovehicle.footprints import boxes_of, rectangles_of, straight
from geovehicle.matching import FALSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage
    from geovehicle.detections import Detections
    from geovehicle.metrics import Report

SIDE = 240
"""Side of a picture, pixels."""

SURROUNDINGS = 3.0
"""A picture is this many times longer than what it is about."""

LEAST_GROUND_M = 12.0
"""A picture shows at least this much ground, metres: a car and its neighbours."""

OUTSIDE = (120, 120, 120)
TRUTH = (0, 200, 83)
IGNORED = (170, 170, 170)
DETECTED = (255, 152, 0)
WRONG = (244, 36, 36)
"""Colours of what lies beyond the image, of vehicles, ignore boxes, detections and false ones."""


@dataclass(frozen=True)
class Crop:
    """A picture of one error.

    Attributes
    ----------
    jpeg : bytes
        The picture.
    name, source : str
        Of the image's file, and where it comes from.
    score : float or None
        Of the false detection; None for a missed vehicle.
    metres : float
        Longest side of what the picture is about.
    """

    jpeg: bytes
    name: str
    source: str
    score: float | None
    metres: float


def worst_errors(
    images: Sequence[LabelledImage], report: Report, count: int
) -> tuple[list[Crop], list[Crop]]:
    """Return pictures of the false detections of the highest scores and of the largest misses.

    Parameters
    ----------
    images : sequence of LabelledImage
        The data set.
    report : Report
        Of one detector on it, with its detections.
    count : int
        How many pictures of either kind, at most.

    Raises
    ------
    DatasetError
        If an image cannot be read.
    """
    false = _false(report)[:count]
    missed = _missed(images, report)[:count]
    crops: dict[int, Crop] = {}
    # by image, so that each is read once and none is kept
    for number in sorted({error.image for error in [*false, *missed]}):
        photo = Image.fromarray(images[number].read())
        for error in [*false, *missed]:
            if error.image == number:
                crops[id(error)] = _crop(photo, images[number], report, error)
    return [crops[id(error)] for error in false], [crops[id(error)] for error in missed]


@dataclass(frozen=True, eq=False)
class _Error:
    """What a picture is about: an outline (4, 2), as it was compared, in the pixels of an image.

    That of a detection has its score.
    """

    image: int
    outline: NDArray[np.float64]
    score: float | None = None


def _false(report: Report) -> list[_Error]:
    """Return the false detections, the highest score first."""
    outlines = _joined([_detected(found, report) for found in report.detections])
    counts = [len(found) for found in report.detections]
    image_of = np.repeat(np.arange(len(counts)), counts)
    return [
        _Error(int(image_of[index]), outlines[index], float(report.scores[index]))
        for index in report.false()
    ]


def _missed(images: Sequence[LabelledImage], report: Report) -> list[_Error]:
    """Return the vehicles that were not found, the largest first."""
    outlines = _joined([_labelled(image, report) for image in images])
    image_of = np.repeat(np.arange(len(images)), [len(image.boxes) for image in images])
    errors = [_Error(int(image_of[index]), outlines[index]) for index in report.missed()]
    return sorted(errors, key=lambda error: -_metres(images[error.image], error))


def _detected(found: Detections, report: Report) -> NDArray[np.float64]:
    """Return what was compared of detections: boxes as footprints, or the footprints."""
    return straight(found.boxes) if report.boxes == "horizontal" else found.outlines


def _labelled(image: LabelledImage, report: Report) -> NDArray[np.float64]:
    """Return what was compared of an image's vehicles."""
    return straight(image.boxes) if report.boxes == "horizontal" else image.footprints


def _joined(outlines: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty((0, 4, 2)), *outlines])


def _metres(image: LabelledImage, error: _Error) -> float:
    return float(rectangles_of(error.outline)[0, 2:4].max() * image.gsd)


def _crop(photo: Image.Image, image: LabelledImage, report: Report, error: _Error) -> Crop:
    side = max(SURROUNDINGS * _metres(image, error), LEAST_GROUND_M) / image.gsd
    corner = (boxes_of(error.outline).reshape(2, 2).mean(axis=0) - side / 2).round()
    size = max(1, round(side))
    ground = Image.new("RGB", (size, size), OUTSIDE)
    ground.paste(photo, (-int(corner[0]), -int(corner[1])))
    picture = ground.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for outlines, colour in _outlines(image, report, error.image):
        draw_outlines(draw, (outlines - corner) * SIDE / size, colour)
    stream = io.BytesIO()
    # full chroma: thin outlines keep their colours
    picture.save(stream, "JPEG", quality=85, subsampling=0)
    return Crop(
        jpeg=stream.getvalue(),
        name=image.path.name,
        source=image.source,
        score=error.score,
        metres=_metres(image, error),
    )


def _outlines(
    image: LabelledImage, report: Report, number: int
) -> list[tuple[NDArray[np.float64], tuple[int, int, int]]]:
    """Return outlines, (N, 4, 2) in image pixels, with their colours, the last on top."""
    first = sum(len(found) for found in report.detections[:number])
    found = report.detections[number]
    outlines = _detected(found, report)
    false = report.assigned[first : first + len(found)] == FALSE
    shown = report.scores[first : first + len(found)] >= report.score
    return [
        (straight(image.ignore), IGNORED),
        (_labelled(image, report), TRUTH),
        (outlines[shown & ~false], DETECTED),
        (outlines[shown & false], WRONG),
    ]
