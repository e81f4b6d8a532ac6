"""Self-labelling: ignore boxes become labels where a detector confirms them.

An ignore box holds a vehicle that nobody has outlined with care.  Where a detector
finds a vehicle in just that place, label and detection vouch for each other, and a
training can learn from it: mostly the harder vehicles, in shadow or at the edge.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.data.coco import read_coco
from geovehicle.detections import box_iou
from geovehicle.engines.detectors import load_detector
from geovehicle.evaluation import predict
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    detections = predict(
        images, detector, settings, detector.info.gsd, lambda done: on_image(done, len(images))
    )
    found = {image.image_id: one for image, one in zip(images, detections, strict=True)}
    return _promote(json.loads(dataset.read_text(encoding="utf-8")), found)


def _promote(content: dict[str, Any], found: dict[int, Detections]) -> Confirmed:
    """Clear ``iscrowd`` of each annotation that lies on a detection of its own."""
    crowds = defaultdict(list)
    for annotation in content["annotations"]:
        if annotation.get("iscrowd"):
            crowds[annotation["image_id"]].append(annotation)
    labels = 0
    for image_id, crowd in crowds.items():
        boxes = np.array([annotation["bbox"] for annotation in crowd], np.float64)
        boxes[:, 2:] += boxes[:, :2]
        overlaps = box_iou(boxes[:, None], found[image_id].boxes[None])
        confirmed = overlaps.max(axis=1, initial=0.0) >= CONFIRMING_IOU
        for annotation in itertools.compress(crowd, confirmed):
            annotation |= {"iscrowd": 0, "self_labelled": True}
        labels += int(confirmed.sum())
    return Confirmed(content, labels, sum(map(len, crowds.values())) - labels)
