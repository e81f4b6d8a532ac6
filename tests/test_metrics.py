from __future__ import annotations

import json

import numpy as np

from geovehicle.matching import Overlaps
from geovehicle.measurement import Measurement, by_image

NONE = np.empty((0, 4))


def row(count: int, length: float = 40.0) -> np.ndarray:
    """Return vehicles that stand apart, (N, 4)."""
    left = 100.0 * np.arange(count)
    return np.stack([left, 0 * left, left + length, 0 * left + 20], axis=1)


def found(boxes: np.ndarray, scores: list[float], truth: np.ndarray) -> Overlaps:
    return Overlaps.of_boxes(boxes, np.array(scores), truth, NONE)


def test_errors_of_a_report() -> None:
    boxes = np.vstack([row(2), row(2) + 1000])
    overlaps = found(boxes, [0.9, 0.3, 0.6, 0.7], row(3))
    report = Measurement(overlaps, score=0.5).report("", {}, [])
    assert report.false().tolist() == [3, 2]
    assert report.missed().tolist() == [1, 2]


def test_what_is_not_defined_is_null_in_json() -> None:
    grouping = by_image(["empty", "full"], detections=[0, 1], vehicles=[0, 1])
    overlaps = found(row(1), [0.5], row(1))
    measurement = Measurement(overlaps, score=0.5)
    report = measurement.report("mine", {"sources": grouping}, ["car"], images=2)
    told = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert told["name"] == "mine"
    assert told["sources"]["empty"]["ap50"] is None
    assert told["sources"]["full"]["ap50"] == 1.0
    assert told["total"]["balanced_score"] == 0.5
    assert told["sources"]["full"]["images"] == 1
    assert told["total"]["rates"]["f1"] == 1.0
    assert told["types"] == {"car": {"found": 1, "vehicles": 1, "recall": 1.0}}
    assert told["curves"]["iou"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert told["curves"]["precision_at_recall"] == [1.0] * 101


def test_a_balanced_score_that_is_not_there_is_null_in_json() -> None:
    report = Measurement(found(row(1), [0.5], row(2)), score=0.5).report("", {}, [])
    assert report.as_dict()["total"]["balanced_score"] is None
