from __future__ import annotations

import numpy as np
import pytest

from geovehicle.matching import Overlaps, Rates
from geovehicle.measurement import Measurement, by_image, by_size
from geovehicle.metrics import IOUS, Confusion, Found

NONE = np.empty((0, 4))


def row(count: int, length: float = 40.0, start: float = 0.0) -> np.ndarray:
    """Return vehicles that stand apart, (N, 4)."""
    left = start + 100.0 * np.arange(count)
    return np.stack([left, 0 * left, left + length, 0 * left + 20], axis=1)


def found(boxes: np.ndarray, scores: list[float], truth: np.ndarray) -> Overlaps:
    return Overlaps.of_boxes(boxes, np.array(scores), truth, NONE)


def test_groups_by_image() -> None:
    grouping = by_image(["b", "a", "b"], detections=[1, 2, 0], vehicles=[0, 1, 2])
    assert grouping.names == ["a", "b"]
    assert grouping.detections.tolist() == [1, 0, 0]
    assert grouping.vehicles.tolist() == [0, 1, 1]
    assert grouping.images == [1, 2]


@pytest.mark.parametrize(
    ("metres", "name"),
    [
        (0.0, "below 3.5 m"),
        (3.49, "below 3.5 m"),
        (3.5, "3.5 to 6 m"),
        (6.0, "6 to 9 m"),
        (9.0, "from 9 m"),
        (18.0, "from 9 m"),
    ],
)
def test_groups_by_size(metres: float, name: str) -> None:
    grouping = by_size(np.array([metres]), np.array([metres]))
    assert grouping.names[grouping.detections[0]] == name
    assert grouping.names[grouping.vehicles[0]] == name


def test_a_detection_counts_in_the_group_of_its_vehicle_and_a_false_one_in_its_own() -> None:
    # The first finds a car with a box that is long; the second is long and false.
    boxes = np.array([[0.0, 0, 70, 20], [500, 0, 600, 20]])
    grouping = by_size(np.array([7.0, 10.0]), np.array([4.0, 10.0]))
    measurement = Measurement(found(boxes, [0.9, 0.8], row(2)), score=0.5)
    rates = {name: one.rates for name, one in measurement.by_group(grouping).items()}
    assert rates == {
        "below 3.5 m": Rates(0, 0, 0),
        "3.5 to 6 m": Rates(1, 1, 1),
        "6 to 9 m": Rates(0, 0, 0),
        "from 9 m": Rates(0, 1, 1),
    }


def test_groups_add_up_to_the_total() -> None:
    rng = np.random.default_rng(0)
    truth = row(30)
    boxes = np.vstack([truth + rng.normal(0, 4, truth.shape), row(20) + 50])
    overlaps = found(boxes, rng.uniform(size=50).tolist(), truth)
    grouping = by_size(rng.uniform(2, 12, 50), rng.uniform(2, 12, 30))
    report = Measurement(overlaps, score=0.4).report("", {"sizes": grouping}, [])
    groups = [one.rates for one in report.groups["sizes"].values()]
    for name in ("true", "detections", "vehicles"):
        total = getattr(report.total.rates, name)
        assert sum(getattr(rates, name) for rates in groups) == total > 0


def test_each_figure_has_its_overlap() -> None:
    # IoU of 24 / 56 is between 0.3 and 0.5; that of 38 / 42 between 0.9 and 0.95
    poor = Measurement(found(row(1, start=16), [0.75], row(1)), score=0.5).report("", {}, [])
    assert (poor.total.ap30, poor.total.ap50, poor.total.ap50_95) == (1.0, 0.0, 0.0)
    assert poor.total.rates == Rates(1, 1, 1)
    assert [rates.true for rates in poor.curves.over_iou] == [1, 1, 1, 1, 0, 0, 0, 0, 0]
    good = Measurement(found(row(1, start=2), [0.75], row(1)), score=0.5).report("", {}, [])
    assert good.total.ap50_95 == pytest.approx(0.9)
    assert [rates.true for rates in good.curves.over_iou] == [1] * len(IOUS)


def test_scores_to_choose_from() -> None:
    boxes = np.vstack([row(2), row(1) + 1000])
    measurement = Measurement(found(boxes, [0.9, 0.75, 0.8], row(2)), score=0.1)
    total = measurement.report("", {}, []).total
    assert (total.best_score, total.best_f1) == (0.75, 0.8)
    assert total.balanced_score == 0.8


def test_the_curve_ends_at_the_lowest_score_and_the_rates_go_on() -> None:
    overlaps = found(row(2), [0.9, 0.02], row(2))
    cut, whole = (
        Measurement(overlaps, score=0.01, lowest=lowest).report("", {}, []) for lowest in (0.05, 0)
    )
    assert cut.total.ap50 == pytest.approx(51 / 101)
    assert len(cut.curves.matches.scores) == 1
    assert whole.total.ap50 == 1.0
    assert cut.total.rates == whole.total.rates == Rates(2, 2, 2)


def test_types_are_found_or_not() -> None:
    overlaps = found(row(3), [0.9, 0.4, 0.8], row(4))
    types = Measurement(overlaps, score=0.5).by_type(["car", "car", "bus", ""])
    assert types == {"bus": Found(1, 1), "car": Found(1, 2)}
    assert types["car"].recall == 0.5


def test_footprints_of_true_detections_at_the_score_are_compared() -> None:
    # the third is below the score, the fourth is false, the second vehicle has no footprint
    boxes = np.vstack([row(3), row(1) + 5000])
    measurement = Measurement(found(boxes, [0.9, 0.8, 0.4, 0.7], row(3)), score=0.5)
    told = np.array([[0.0, 0, 4.6, 2.0, 0.1 * n] for n in range(4)])
    truth = np.array([[0.0, 0, 4.5, 1.9, 0.05]] * 3)
    truth[1] = np.nan
    errors = measurement.footprint_errors(told, truth)
    assert errors.vehicles == 1
    assert errors.turn_median == pytest.approx(np.degrees(0.05))
    assert errors.length_bias == pytest.approx(0.1)


def test_types_of_true_detections_at_the_score_are_compared() -> None:
    # the detections find the vehicles in another order
    boxes = np.vstack([row(3)[::-1], row(1) + 5000])
    measurement = Measurement(found(boxes, [0.9, 0.8, 0.4, 0.7], row(3)), score=0.5)
    confusion = measurement.confusion(["bus", "car", "car", "car"], ["car", "van", "bus"])
    assert confusion == Confusion(("bus", "car", "van"), ((1, 0, 0), (0, 0, 0), (0, 1, 0)))
