"""Self-labelling: ignore boxes become labels where a detector confirms them.

An ignore box holds a vehicle that nobody has outlined with care.  Where a detector
finds a vehicle in just that place, label and detection vouch for each other, and a
training can learn from it: mostly the harder vehicles, in shadow or at the edge.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.data.coco import read_coco
from geovehicle.detections import box_iou
from geovehicle.engines.detectors import load_detector, scene_gsds
from geovehicle.evaluation import predict
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.detections import Detections

CONFIRMING_IOU = 0.5
"""A detection confirms an ignore box from this overlap on."""

CONFIRMING_SCORE = 0.3
"""Lowest score of a detection that confirms: the box stands for a vehicle already."""


@dataclass(frozen=True)
class Confirmed:
    """A data set after self-labelling.

    Attributes
    ----------
    content : dict
        The COCO file, as it was but for confirmed annotations: ``iscrowd`` is 0 and
        ``self_labelled`` true.
    labels : int
        Ignore boxes that became labels.
    ignored : int
        Ignore boxes that stay.
    """

    content: dict[str, Any]
    labels: int
    ignored: int


def confirm_ignored(
    dataset: Path,
    weights: str | Path,
    settings: DetectSettings | None = None,
    on_image: Callable[[int, int], None] = lambda done, images: None,
) -> Confirmed:
    """Turn the ignore boxes that a detector confirms into labels.

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
    settings = settings or DetectSettings()
    score = CONFIRMING_SCORE if settings.score is None else settings.score
    images = [image for image in read_coco(dataset, settings.gsd) if len(image.ignore)]
    detector = load_detector(weights, replace(settings, score=score))
    gsds = scene_gsds(detector.info, settings)
    detections = predict(images, detector, settings, gsds, lambda done: on_image(done, len(images)))
    found = {image.image_id: one for image, one in zip(images, detections, strict=True)}
    return _promote(json.loads(dataset.read_text(encoding="utf-8")), found)


def _promote(content: dict[str, Any], found: dict[int, Detections]) -> Confirmed:
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
    return Confirmed(content, labels, sum(map(len, crowds.values())) - labels)


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
