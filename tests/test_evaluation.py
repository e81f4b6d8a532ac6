from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.errors import DatasetError
from geovehicle.evaluation import Matches, Rates, evaluate, match, predict, report
from geovehicle.settings import DetectSettings

CAR = [0.0, 0.0, 40.0, 20.0]


def labelled(
    boxes: list[list[float]], ignore: list[list[float]] | None = None, source: str = ""
) -> LabelledImage:
    return LabelledImage(
        path=Path("photo.png"),
        image_id=1,
        width=200,
        height=100,
        gsd=0.10,
        source=source,
        scene="",
        boxes=np.array(boxes, float).reshape(-1, 4),
        ignore=np.array(ignore or [], float).reshape(-1, 4),
    )


def found(*boxes: tuple[list[float], float]) -> Detections:
    return Detections(
        np.array([box for box, _ in boxes]),
        np.array([score for _, score in boxes]),
        np.zeros(len(boxes)),
    )


def moved(dx: float) -> list[float]:
    return [dx, 0.0, 40.0 + dx, 20.0]


def test_one_vehicle_is_found_once() -> None:
    result = match([labelled([CAR])], [found((CAR, 0.8), (moved(2), 0.9))], iou=0.5)
    assert result.scores.tolist() == pytest.approx([0.9, 0.8])
    assert result.true.tolist() == [True, False]


def test_the_better_score_chooses_first_and_takes_what_it_overlaps_most() -> None:
    image = labelled([moved(0), moved(20)])
    result = match([image], [found((moved(12), 0.9), (moved(10), 0.8))], iou=0.3)
    assert result.true.tolist() == [True, True]
    strict = match([image], [found((moved(12), 0.9), (moved(18), 0.8))], iou=0.6)
    assert strict.true.tolist() == [True, False]


@pytest.mark.parametrize(("iou", "true"), [(1 / 3 - 1e-9, True), (1 / 3 + 1e-9, False)])
def test_the_threshold_belongs_to_the_match(iou: float, true: bool) -> None:
    assert match([labelled([CAR])], [found((moved(20), 0.5))], iou).true.tolist() == [true]


def test_detections_on_ignore_boxes_do_not_count_either_way() -> None:
    image = labelled([CAR], ignore=[[100.0, 0.0, 200.0, 50.0]])
    inside = [110.0, 10.0, 150.0, 30.0]
    half = [80.0, 10.0, 120.0, 30.0]
    outside = [75.0, 10.0, 115.0, 30.0]
    result = match([image], [found((CAR, 0.9), (inside, 0.8), (half, 0.7), (outside, 0.6))], 0.5)
    assert result.scores.tolist() == pytest.approx([0.9, 0.6])
    assert result.true.tolist() == [True, False]
    assert result.vehicles == 1


def test_a_vehicle_under_an_ignore_box_is_still_found() -> None:
    image = labelled([CAR], ignore=[CAR])
    assert match([image], [found((CAR, 0.9), (CAR, 0.8))], 0.5).true.tolist() == [True]


def test_average_precision_of_a_worked_example() -> None:
    # Recall 1/2 at precision 1, then 1 at precision 2/3: 51 points of 1, 50 of 2/3.
    matches = Matches(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), vehicles=2)
    assert matches.average_precision() == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert matches.best_score() == 0.7
    rates = matches.at_score(0.8)
    assert (rates.true, rates.detections) == (1, 2)
    assert (rates.precision, rates.recall, rates.f1) == (0.5, 0.5, 0.5)


@given(true=st.lists(st.booleans(), max_size=30), missed=st.integers(0, 5), swap=st.integers(0, 28))
def test_average_precision_grows_when_a_true_detection_moves_up(
    true: list[bool], missed: int, swap: int
) -> None:
    scores = np.linspace(1, 0, len(true))
    vehicles = sum(true) + missed
    before = Matches(scores, np.array(true, bool), vehicles).average_precision()
    assert 0 <= before <= 1
    if swap + 1 < len(true) and not true[swap] and true[swap + 1]:
        true[swap], true[swap + 1] = True, False
        assert Matches(scores, np.array(true), vehicles).average_precision() >= before


def test_nothing_found_and_nothing_there() -> None:
    empty = match([labelled([CAR])], [Detections.empty()], 0.5)
    assert empty.average_precision() == 0
    assert empty.at_score(0.5) == Rates(0, 0, 1)
    assert match([labelled([])], [Detections.empty()], 0.5).at_score(0.5).f1 == 1.0


def test_report_tells_sources_apart() -> None:
    images = [labelled([CAR], source="a"), labelled([CAR], source="b")]
    result = report(images, [found((CAR, 0.9)), Detections.empty()], score=0.5)
    assert result.sources["a"].ap50 == pytest.approx(1.0)
    assert result.sources["b"].rates.recall == 0
    assert result.total.rates == Rates(1, 1, 2)
    assert result.total.images == 2


def test_report_takes_its_rates_at_the_paper_s_overlap() -> None:
    # IoU of 24 / 56 is between 0.3 and 0.5
    result = report([labelled([CAR])], [found((moved(16), 0.75))], score=0.5).total
    assert (result.ap50, result.ap30) == (0.0, 1.0)
    assert result.rates == Rates(1, 1, 1)


def test_report_finds_the_score_of_the_best_f1() -> None:
    images = [labelled([CAR, moved(80)])]
    detections = [found((CAR, 0.9), (moved(80), 0.75), (moved(140), 0.25))]
    result = report(images, detections, score=0.1).total
    assert (result.best_score, result.best_f1) == (0.75, 1.0)
    assert result.rates.f1 == pytest.approx(0.8)


def test_detections_come_back_in_the_image_s_own_pixels(tmp_path: Path) -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[20:40, 60:100] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    image = labelled([[60, 20, 100, 40]])
    image = LabelledImage(**(vars(image) | {"path": tmp_path / "photo.png", "gsd": 0.05}))
    seen = []

    def bright(patches):  # type: ignore[no-untyped-def]
        seen.extend(patch.pixels.shape for patch in patches)
        rows, columns = np.nonzero(patches[0].pixels[0] > 127)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return [found((box, 0.9))]

    (result,) = predict([image], bright, DetectSettings(), gsd=0.10)
    assert seen == [(3, 50, 100)]
    np.testing.assert_allclose(result.boxes, [[60, 20, 100, 40]])


def test_an_empty_data_set_is_told() -> None:
    with pytest.raises(DatasetError, match="no images"):
        evaluate([])


def test_average_precision_does_not_depend_on_the_score_of_the_rates() -> None:
    image = labelled([CAR, moved(100)])
    detections = found((CAR, 0.9), (moved(100), 0.02))
    low, high = (report([image], [detections], score).total for score in (0.01, 0.5))
    assert low.ap50 == high.ap50
    assert (low.rates.true, high.rates.true) == (2, 1)
