"""Detections in few words, for the tests of what is done with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from geovehicle.detections import Detections
from geovehicle.footprints import boxes_of, corners_of


def detections(boxes: Any, scores: Any | None = None) -> Detections:
    """Return detections without footprints: boxes of x1, y1, x2, y2."""
    boxes = np.array(boxes, float).reshape(-1, 4)
    scores = np.full(len(boxes), 0.9) if scores is None else scores
    return Detections(boxes, np.asarray(scores), np.ones(len(boxes), int))


def lying(rectangles: Any, scores: Any | None = None) -> Detections:
    """Return detections with footprints: rectangles of x, y, length, width, angle."""
    footprints = corners_of(np.array(rectangles, float))
    scores = np.full(len(footprints), 0.9) if scores is None else np.asarray(scores)
    sure = np.linspace(0.6, 0.8, len(footprints))
    labels = np.arange(len(footprints))
    return Detections(boxes_of(footprints), scores, labels, footprints, sure)
