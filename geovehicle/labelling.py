"""Self-labelling: what labels and a detector agree upon becomes better labels.

An ignore box holds a vehicle that nobody has outlined with care.  Where a detector
finds a vehicle in just that place, label and detection vouch for each other, and a
training can learn from it: mostly the harder vehicles, in shadow or at the edge.

A horizontal box holds a vehicle, and leaves open how it lies.  Where a detector finds it
alike in several turned views of the image, and a rectangle of the shape found fills the
box, that is how it lies.  A detector that favours one of the box's two diagonals favours
the vehicle's other one in a view that is turned by a quarter, and so is not believed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.data.coco import read_coco
from geovehicle.data.turns import TURNS
from geovehicle.detections import box_iou
from geovehicle.engines.detectors import load_detector, scene_gsds
from geovehicle.errors import CheckpointError
from geovehicle.evaluation import predict
from geovehicle.footprints import boxes_of, corners_of, lengthwise, rectangles_of
from geovehicle.model.weights import DEFAULT
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage
    from geovehicle.detections import Detections

CONFIRMING_IOU = 0.5
"""A detection confirms an ignore box, or is that of a label, from this overlap on."""

CONFIRMING_SCORE = 0.3
"""Lowest score of a detection that confirms: the box stands for a vehicle already."""

VIEWS = TURNS[:4]
"""In which vehicles are looked for to outline them: the image turned by quarters."""

VOTES = 3
"""Views in which a vehicle must be found."""

STEADY = 0.95
"""Least length of the mean of the directions, as unit vectors of twice the angle: three
that are each within 9 degrees of their mean reach it."""

FITTING_IOU = 0.8
"""Least overlap of a label's box with that around the footprint."""

STRETCH = 1.25
"""Largest factor by which a footprint is scaled to fill its label's box, and its inverse."""

UNCUT = 2.0
"""Pixels that a box must keep from the edge of its image: nearer, a vehicle may be cut."""


@dataclass(frozen=True)
class Relabelled:
    """A data set after self-labelling.

    Attributes
    ----------
    content : dict
        The COCO file, as it was but for the annotations that changed.
    changed : int
        Annotations that did.
    left : int
        Annotations that might have, but were not confirmed.
    """

    content: dict[str, Any]
    changed: int
    left: int


def confirm_ignored(
    dataset: Path,
    weights: str | Path,
    settings: DetectSettings | None = None,
    on_image: Callable[[int, int], None] = lambda done, images: None,
) -> Relabelled:
    """Turn the ignore boxes that a detector confirms into labels.

    Their ``iscrowd`` becomes 0, and ``self_labelled`` true.

    Parameters
    ----------
    dataset : Path
        A COCO file; it is not changed.
    weights : str or Path
        The name of shipped weights or a checkpoint.
    settings : DetectSettings, optional
        How images are searched; ``score`` is :data:`CONFIRMING_SCORE` unless given,
        ``gsd`` that of images that do not tell theirs.
    on_image : callable
        Called after each image with the number of those that are done with and of all.

    Raises
    ------
    DatasetError
        If the data set or an image cannot be read.
    CheckpointError
        If the weights cannot be used.
    """
    settings = _witness(settings)
    images = [image for image in read_coco(dataset, settings.gsd) if len(image.ignore)]
    detector = load_detector(weights, settings)
    gsds = scene_gsds(detector.info, settings)
    detections = predict(images, detector, settings, gsds, lambda done: on_image(done, len(images)))
    found = {image.image_id: one for image, one in zip(images, detections, strict=True)}
    return _promote(json.loads(dataset.read_text(encoding="utf-8")), found)


def add_footprints(
    dataset: Path,
    weights: str | Path,
    settings: DetectSettings | None = None,
    on_image: Callable[[int, int], None] = lambda done, images: None,
) -> Relabelled:
    """Give labels footprints where a detector finds the vehicle alike in several views.

    A label that has a footprint keeps it.  The length and width of any other are the
    medians of what is found in :data:`VIEWS`, the direction is the mean; all is scaled
    and moved so that the box around it has the area and the centre of the label's.  The
    corners become its ``segmentation``, the box around them its ``bbox``, and
    ``self_outlined`` true.

    Parameters
    ----------
    dataset : Path
        A COCO file; it is not changed.
    weights : str or Path
        The name of shipped weights or a checkpoint, of a detector that tells how
        vehicles lie.
    settings : DetectSettings, optional
        As in :func:`confirm_ignored`.
    on_image : callable
        Called after each image with the number of those that are done with and of all.

    Raises
    ------
    DatasetError
        If the data set or an image cannot be read.
    CheckpointError
        If the weights cannot be used, or tell horizontal boxes only.
    """
    settings = _witness(settings)
    images = {
        image.image_id: image
        for image in read_coco(dataset, settings.gsd)
        if not image.oriented.all()
    }
    detector = load_detector(weights, settings)
    if not getattr(detector.info.config, "oriented", False):
        raise CheckpointError(
            f"{weights} tells horizontal boxes only; give weights that tell how vehicles lie,"
            f" such as {DEFAULT}"
        )
    gsds = scene_gsds(detector.info, settings)
    found: dict[int, list[NDArray[np.float64]]] = {}
    for done, image in enumerate(images.values(), start=1):
        views = predict([image.turned(turn) for turn in VIEWS], detector, settings, gsds)
        found[image.image_id] = [
            turn.back().points(view.outlines, turn.size((image.width, image.height)))
            for turn, view in zip(VIEWS, views, strict=True)
        ]
        on_image(done, len(images))
    return _outline(json.loads(dataset.read_text(encoding="utf-8")), images, found)


def _witness(settings: DetectSettings | None) -> DetectSettings:
    """Return settings with the score of a detection that confirms unless they have one."""
    settings = settings or DetectSettings()
    score = CONFIRMING_SCORE if settings.score is None else settings.score
    return replace(settings, score=score)


def _promote(content: dict[str, Any], found: dict[int, Detections]) -> Relabelled:
    """Clear ``iscrowd`` of each annotation that has a detection of its own."""
    vehicles: dict[int, list[dict[str, Any]]] = defaultdict(list)
    crowds: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        listed = crowds if annotation.get("iscrowd") else vehicles
        listed[annotation["image_id"]].append(annotation)
    labels = 0
    for image_id, crowd in crowds.items():
        nearest = _overlaps(vehicles[image_id], found[image_id]).max(axis=0, initial=0.0)
        free = found[image_id].filter(nearest < CONFIRMING_IOU)
        confirmed = _confirmed(_overlaps(crowd, free))
        for index in confirmed:
            crowd[index] |= {"iscrowd": 0, "self_labelled": True}
        labels += len(confirmed)
    return Relabelled(content, labels, sum(map(len, crowds.values())) - labels)


def _overlaps(annotations: list[dict[str, Any]], found: Detections) -> NDArray[np.float64]:
    """Return the IoU of each annotation with each detection, shape (A, N)."""
    boxes = np.array([one["bbox"] for one in annotations], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return box_iou(boxes[:, None], found.boxes[None])


def _confirmed(overlaps: NDArray[np.float64]) -> list[int]:
    """Return the rows that get a column of their own, the best overlap first."""
    pairs = np.argwhere(overlaps >= CONFIRMING_IOU)
    order = np.argsort(-overlaps[tuple(pairs.T)], kind="stable")
    columns: dict[int, int] = {}
    for row, column in pairs[order].tolist():
        if row not in columns and column not in columns.values():
            columns[row] = column
    return list(columns)


def _outline(
    content: dict[str, Any],
    images: dict[int, LabelledImage],
    found: dict[int, list[NDArray[np.float64]]],
) -> Relabelled:
    """Add to each label that has no footprint the one that the views of its image agree upon."""
    labels: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        if not annotation.get("iscrowd"):
            labels[annotation["image_id"]].append(annotation)
    changed = left = 0
    for image_id, image in images.items():
        edge = np.array([image.width, image.height]) - UNCUT
        for label, box, known in zip(labels[image_id], image.boxes, image.oriented, strict=True):
            if known:
                continue
            whole = (box[:2] >= UNCUT).all() and (box[2:] <= edge).all()
            corners = _agreed(found[image_id], box) if whole else None
            if corners is None:
                left += 1
                continue
            (x, y), sides = corners.min(axis=0), np.ptp(corners, axis=0).round(2)
            label |= {
                "segmentation": [corners.ravel().tolist()],
                "bbox": [float(x), float(y), *sides.tolist()],
                "area": float(sides.prod().round(2)),
                "self_outlined": True,
            }
            changed += 1
    return Relabelled(content, changed, left)


def _agreed(
    views: list[NDArray[np.float64]], box: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the footprint (4, 2) that fills a box and that views of footprints agree upon."""
    met = []
    for footprints in views:
        overlaps = box_iou(boxes_of(footprints), box)
        if overlaps.max(initial=0.0) >= CONFIRMING_IOU:
            met.append(footprints[overlaps.argmax()])
    if len(met) < VOTES:
        return None
    rectangles = lengthwise(rectangles_of(np.array(met)))
    axis = np.exp(2j * rectangles[:, 4]).mean()
    length, width = np.median(rectangles[:, 2:4], axis=0)
    shape = corners_of(np.array([0.0, 0.0, length, width, np.angle(axis) / 2]))[0]
    scale = np.sqrt((box[2:] - box[:2]).prod() / np.ptp(shape, axis=0).prod())
    corners: NDArray[np.float64] = (scale * shape + (box[:2] + box[2:]) / 2).round(2)
    fits = box_iou(boxes_of(corners), box)[0] >= FITTING_IOU and 1 / STRETCH <= scale <= STRETCH
    return corners if fits and abs(axis) >= STEADY else None
