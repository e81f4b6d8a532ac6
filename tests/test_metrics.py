from __future__ import annotations

import json

import numpy as np
import pytest

from geovehicle.matching import Overlaps
from geovehicle.measurement import Measurement, by_image
from geovehicle.metrics import Confusion, FootprintErrors

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
    assert (told["boxes"], told["footprints"], told["confusion"]) == (None, None, None)
    assert told["curves"]["iou"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert told["curves"]["precision_at_recall"] == [1.0] * 101


def test_a_balanced_score_that_is_not_there_is_null_in_json() -> None:
    report = Measurement(found(row(1), [0.5], row(2)), score=0.5).report("", {}, [])
    assert report.as_dict()["total"]["balanced_score"] is None


def rectangles(*rows: tuple[float, float, float]) -> np.ndarray:
    """Return rectangles at one place of these lengths, widths and degrees, (N, 5)."""
    return np.array([(7.0, 9.0, a, b, np.radians(angle)) for a, b, angle in rows])


def test_errors_of_footprints() -> None:
    truth = rectangles((4.5, 1.9, 89), (4.5, 1.9, 0), (12, 2.5, 30))
    found = rectangles((4.7, 1.8, -88), (4.4, 1.9, -1), (12.6, 2.8, 50))
    errors = FootprintErrors.of(found, truth)
    assert errors.vehicles == 3
    assert errors.turn_median == pytest.approx(3)
    assert errors.turn_95 == pytest.approx(3 + 0.9 * 17)
    assert errors.small_turns == pytest.approx(2 / 3)
    assert (errors.length_bias, errors.length_error) == pytest.approx((0.2, 0.2))
    assert (errors.width_bias, errors.width_error) == pytest.approx((0.0, 0.1))


def test_a_footprint_that_is_too_short_has_a_negative_bias() -> None:
    errors = FootprintErrors.of(rectangles((4.0, 1.5, 0)), rectangles((4.5, 1.9, 0)))
    assert (errors.length_bias, errors.length_error) == pytest.approx((-0.5, 0.5))
    assert (errors.width_bias, errors.width_error) == pytest.approx((-0.4, 0.4))


def test_errors_of_nothing_are_null_in_json() -> None:
    errors = FootprintErrors.of(np.empty((0, 5)), np.empty((0, 5))).as_dict()
    assert errors.pop("vehicles") == 0
    assert len(errors) == 7
    assert set(errors.values()) == {None}


def test_confusion_of_types() -> None:
    labelled = ["car", "car", "car", "bus", "trailer", "", "car"]
    told = ["car", "car", "van", "bus", "truck", "car", ""]
    confusion = Confusion.of(labelled, told, ("car", "van", "bus"))
    assert confusion.names == ("car", "van", "bus", "trailer", "truck")
    assert confusion.counts == (
        (2, 1, 0, 0, 0),
        (0, 0, 0, 0, 0),
        (0, 0, 1, 0, 0),
        (0, 0, 0, 0, 1),
        (0, 0, 0, 0, 0),
    )
    assert confusion.accuracy == pytest.approx(3 / 5)
    assert confusion.as_dict()["recall"] == {
        "car": pytest.approx(2 / 3), "van": None, "bus": 1.0, "trailer": 0.0, "truck": None
    }  # fmt: skip


def test_confusion_of_nothing() -> None:
    nothing = Confusion.of([], [], ("car",))
    assert nothing.as_dict() == {
        "names": ("car",), "counts": ((0,),), "accuracy": None, "recall": {"car": None}
    }  # fmt: skip
    assert Confusion.of([], []).as_dict()["accuracy"] is None
