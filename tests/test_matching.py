from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from geovehicle.detections import Detections
from geovehicle.footprints import boxes_of, corners_of, polygons_of, straight
from geovehicle.matching import FALSE, IGNORED, Matches, Overlaps, Rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

Boxes = list[list[float]]

CAR = [0.0, 0.0, 40.0, 20.0]
NONE = np.empty((0, 4))


def moved(dx: float) -> list[float]:
    return [dx, 0.0, 40.0 + dx, 20.0]


def overlaps(
    found: list[tuple[list[float], float]], truth: Boxes, ignore: Boxes | None = None
) -> Overlaps:
    return Overlaps.of_boxes(
        np.array([box for box, _ in found], float).reshape(-1, 4),
        np.array([score for _, score in found]),
        np.array(truth, float).reshape(-1, 4),
        np.array(ignore or [], float).reshape(-1, 4),
    )


def test_one_vehicle_is_found_once() -> None:
    pair = overlaps([(CAR, 0.8), (moved(2), 0.9)], [CAR])
    assert pair.assign(0.5).tolist() == [FALSE, 0]
    result = pair.matches(0.5)
    assert result.scores.tolist() == [0.9, 0.8]
    assert result.true.tolist() == [True, False]


def test_the_better_score_chooses_first_and_takes_what_it_overlaps_most() -> None:
    truth = [moved(0), moved(20)]
    assert overlaps([(moved(12), 0.9), (moved(10), 0.8)], truth).assign(0.3).tolist() == [1, 0]
    assert overlaps([(moved(12), 0.9), (moved(18), 0.8)], truth).assign(0.6).tolist() == [1, FALSE]


@pytest.mark.parametrize(("iou", "vehicle"), [(1 / 3 - 1e-9, 0), (1 / 3 + 1e-9, FALSE)])
def test_the_threshold_belongs_to_the_match(iou: float, vehicle: int) -> None:
    assert overlaps([(moved(20), 0.5)], [CAR]).assign(iou).tolist() == [vehicle]


def test_detections_on_ignore_boxes_do_not_count_either_way() -> None:
    inside = [110.0, 10.0, 150.0, 30.0]
    half = [80.0, 10.0, 120.0, 30.0]
    outside = [75.0, 10.0, 115.0, 30.0]
    found = [(CAR, 0.9), (inside, 0.8), (half, 0.7), (outside, 0.6)]
    result = overlaps(found, [CAR], [[100.0, 0.0, 200.0, 50.0]])
    assert result.assign(0.5).tolist() == [0, IGNORED, IGNORED, FALSE]
    assert result.matches(0.5).scores.tolist() == [0.9, 0.6]
    assert result.matches(0.5).vehicles == 1


def test_two_ignore_boxes_are_not_added_up() -> None:
    halves = [[0.0, 0.0, 16.0, 20.0], [24.0, 0.0, 40.0, 20.0]]
    assert overlaps([(CAR, 0.9)], [], halves).assign(0.5).tolist() == [FALSE]


def test_a_vehicle_under_an_ignore_box_is_still_found() -> None:
    result = overlaps([(CAR, 0.9), (CAR, 0.8)], [CAR], [CAR])
    assert result.assign(0.5).tolist() == [0, IGNORED]


def test_images_in_a_row_do_not_meet() -> None:
    one = overlaps([(CAR, 0.5)], [CAR, moved(100)], [moved(200)])
    other = overlaps([(moved(200), 0.9), (moved(100), 0.5)], [moved(100)])
    both = Overlaps.concatenate([one, other])
    assert both.vehicles == 3
    assert both.assign(0.5).tolist() == [0, FALSE, 2]
    assert Overlaps.concatenate([]).matches(0.5).scores.shape == (0,)


def test_polygons_are_compared_as_boxes_are() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (80, 2))
    boxes = np.hstack([corner, corner + rng.uniform(5, 20, (80, 2))])
    scores = rng.uniform(size=40)
    parts = boxes[:40], boxes[40:70], boxes[70:]
    plain = Overlaps.of_boxes(parts[0], scores, *parts[1:])
    found, truth, ignore = (shapely.box(*part.T) for part in parts)
    polygons = Overlaps.of_polygons(found, scores, truth, ignore)
    for iou in (0.1, 0.3, 0.5):
        assert polygons.assign(iou).tolist() == plain.assign(iou).tolist()
    np.testing.assert_allclose(np.sort(polygons.ious), np.sort(plain.ious))
    np.testing.assert_allclose(polygons.covered, plain.covered, atol=1e-12)


def test_rotated_polygons_share_less_than_their_boxes() -> None:
    diamond = shapely.Polygon([(10, 0), (20, 10), (10, 20), (0, 10)])
    square = shapely.box(0, 0, 20, 20)
    none = np.empty(0, object)
    result = Overlaps.of_polygons(np.array([diamond]), np.ones(1), np.array([square]), none)
    assert result.ious.tolist() == [0.5]


def test_a_point_is_found_by_the_polygon_around_it() -> None:
    polygons = np.array([shapely.box(0, 0, 4, 2), shapely.box(10, 0, 14, 2)])
    points = shapely.points([[1.0, 1.0], [9.0, 1.0]])
    none = np.empty(0, object)
    result = Overlaps.of_polygons(polygons, np.array([0.5, 0.9]), points, none)
    assert result.assign(0.9).tolist() == [0, FALSE]
    ignored = Overlaps.of_polygons(polygons, np.array([0.5, 0.9]), none, points)
    assert ignored.assign(0.9).tolist() == [IGNORED, FALSE]


def lying(*rectangles: list[float]) -> NDArray[np.float64]:
    """Return the footprints of rectangles: x, y, length, width, degrees."""
    numbers = np.array(rectangles, float).reshape(-1, 5)
    numbers[:, 4] = np.radians(numbers[:, 4])
    return corners_of(numbers)


def told(footprints: NDArray[np.float64], scores: Any) -> Detections:
    return Detections(boxes_of(footprints), scores, np.zeros(len(footprints)), footprints)


def by_footprints(
    found: Detections, truth: NDArray[np.float64], ignore: NDArray[np.float64] = NONE
) -> Overlaps:
    return Overlaps.of_footprints(found, truth, np.ones(len(truth), bool), ignore)


def random_footprints(
    rng: np.random.Generator, count: int, reach: float = 400
) -> NDArray[np.float64]:
    sides = rng.uniform((25, 10), (60, 25), (count, 2))
    centres, angles = rng.uniform(0, reach, (count, 2)), rng.uniform(-90, 90, (count, 1))
    return lying(*np.hstack([centres, sides, angles]).tolist())


def test_straight_footprints_are_compared_as_boxes_are() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (80, 2))
    boxes = np.hstack([corner, corner + rng.uniform(5, 20, (80, 2))])
    scores = rng.uniform(size=40).astype(np.float32)
    plain = Overlaps.of_boxes(boxes[:40], scores, boxes[40:70], boxes[70:])
    found = Detections(boxes[:40], scores, np.zeros(40))
    ours = by_footprints(found, straight(boxes[40:70]), boxes[70:])
    for iou in (0.1, 0.3, 0.5):
        assert ours.assign(iou).tolist() == plain.assign(iou).tolist()
    np.testing.assert_allclose(np.sort(ours.ious), np.sort(plain.ious))
    np.testing.assert_allclose(ours.covered, plain.covered, atol=1e-12)


def test_footprints_are_compared_as_polygons_are() -> None:
    rng = np.random.default_rng(0)
    found, truth = random_footprints(rng, 150), random_footprints(rng, 150)
    corner = rng.uniform(0, 400, (20, 2))
    ignore = np.hstack([corner, corner + 50])
    scores = rng.uniform(size=150).astype(np.float32)
    ours = by_footprints(told(found, scores), truth, ignore)
    shapes = [polygons_of(found), polygons_of(truth), shapely.box(*ignore.T)]
    polygons = Overlaps.of_polygons(shapes[0], scores, *shapes[1:])
    assert len(ours.ious) > 100
    np.testing.assert_allclose(np.sort(ours.ious), np.sort(polygons.ious))
    np.testing.assert_allclose(ours.covered, polygons.covered, atol=1e-9)
    assert ours.assign(0.2).tolist() == polygons.assign(0.2).tolist()


def test_neighbours_in_a_diagonal_car_park_are_no_match_for_each_other() -> None:
    first, second = lying([50, 50, 46, 18, 45]), lying([70, 50, 46, 18, 45])
    detections = told(first, [0.9])
    assert by_footprints(detections, second).ious.max(initial=0) < 0.1
    boxes = Overlaps.of_boxes(detections.boxes, detections.scores, boxes_of(second), NONE)
    assert boxes.ious.max() > 0.3


def test_a_vehicle_without_a_footprint_is_compared_by_its_box() -> None:
    car = lying([50, 50, 46, 18, 45])
    box = straight(boxes_of(car))
    detections = told(np.concatenate([car, car + 200]), [0.9, 0.8])
    truth, oriented = np.concatenate([box, car + 200]), np.array([False, True])
    mixed = Overlaps.of_footprints(detections, truth, oriented, NONE)
    assert mixed.ious.tolist() == pytest.approx([1, 1])
    known = by_footprints(detections, truth)
    assert sorted(known.ious) == pytest.approx([46 * 18 * 2 / 64**2, 1])


def test_of_a_detection_at_the_edge_what_is_in_the_image_lies_on_an_ignore_box() -> None:
    # three quarters of the footprint are outside of the image
    footprint = straight(np.array([[-30.0, 0, 10, 20]]))
    cut = Detections(np.array([[0.0, 0, 10, 20]]), [0.9], [0], footprint)
    at_edge = by_footprints(cut, np.empty((0, 4, 2)), np.array([[0.0, 0, 10, 15]]))
    assert at_edge.covered.tolist() == [0.75]


def test_average_precision_of_a_worked_example() -> None:
    # Recall 1/2 at precision 1, then 1 at precision 2/3: 51 points of 1, 50 of 2/3.
    matches = Matches(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), vehicles=2)
    assert matches.average_precision() == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert matches.best_score() == 0.7
    rates = matches.at_score(0.8)
    assert (rates.true, rates.detections) == (1, 2)
    assert (rates.precision, rates.recall, rates.f1) == (0.5, 0.5, 0.5)
    recall, precision = matches.curve()
    assert recall.tolist() == [0.5, 0.5, 1.0]
    assert precision.tolist() == pytest.approx([1.0, 0.5, 2 / 3])


def test_the_balanced_score_counts_right() -> None:
    matches = Matches(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, True]), 3)
    assert matches.balanced_score() == 0.7
    rates = matches.at_score(0.7)
    assert rates.precision == rates.recall
    assert matches.best_score() == 0.6


def test_no_score_balances_fewer_detections_than_vehicles() -> None:
    few = Matches(np.array([0.9]), np.array([True]), 3)
    assert few.balanced_score() is None


def test_a_threshold_takes_all_detections_of_its_score() -> None:
    # The first alone has an F1 of 1, which no threshold can give.
    tied = Matches(np.array([0.5, 0.5, 0.5, 0.4]), np.array([True, False, False, False]), 1)
    assert tied.best_score() == 0.5
    assert tied.at_score(tied.best_score()).f1 == 0.5
    later = Matches(np.array([0.5, 0.5, 0.5, 0.4]), np.array([True, False, False, True]), 2)
    assert later.best_score() == 0.4


def test_where_nothing_is_there_the_best_score_is_one_that_nothing_reaches() -> None:
    matches = Matches(np.array([0.9]), np.array([False]), 0)
    assert (matches.best_score(), matches.balanced_score()) == (1.0, 1.0)
    assert matches.at_score(1.0).f1 == 1.0


def test_detections_below_a_score_are_left_out() -> None:
    matches = Matches(np.array([0.9, 0.5, 0.1]), np.array([True, False, True]), 2)
    assert matches.above(0.5).true.tolist() == [True, False]
    assert matches.above(0.5).vehicles == 2


@given(true=st.lists(st.booleans(), max_size=30), missed=st.integers(0, 5), swap=st.integers(0, 28))
def test_average_precision_grows_when_a_true_detection_moves_up(
    true: list[bool], missed: int, swap: int
) -> None:
    scores = np.linspace(1, 0, len(true))
    vehicles = sum(true) + missed
    before = Matches(scores, np.array(true, bool), vehicles).average_precision()
    assert 0 <= before <= 1 or not vehicles
    if swap + 1 < len(true) and not true[swap] and true[swap + 1]:
        true[swap], true[swap + 1] = True, False
        assert Matches(scores, np.array(true), vehicles).average_precision() >= before


def test_nothing_found_and_nothing_there() -> None:
    missed = overlaps([], [CAR]).matches(0.5)
    assert missed.average_precision() == 0
    assert missed.at_score(0.5) == Rates(0, 0, 1)
    assert (missed.best_score(), missed.balanced_score()) == (1.0, None)
    nothing = overlaps([], []).matches(0.5)
    assert nothing.at_score(0.5).f1 == 1.0
    assert np.isnan(nothing.average_precision())


# Few places, so that equal overlaps and equal scores are common.
PLACE, LENGTH = st.integers(0, 3), st.sampled_from([1, 2, 4])
BOX = st.builds(lambda x, w, h: [float(x), 0.0, float(w), float(h)], PLACE, LENGTH, LENGTH)
SCORED = st.tuples(BOX, st.integers(1, 4).map(lambda quarters: quarters / 4))
HALVES = [[0.0, 0.0, 2.0, 2.0], [2.0, 0.0, 2.0, 2.0]]
IMAGE = st.tuples(
    st.lists(SCORED, max_size=8), st.lists(BOX, max_size=5), st.lists(BOX, max_size=2)
)


def corners(boxes: Boxes) -> NDArray[np.float64]:
    """Return x1, y1, x2, y2 of x, y, width, height."""
    sides = np.array(boxes, float).reshape(-1, 4)
    return np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]])


def coco_precisions(images: list[Any]) -> NDArray[np.float64]:
    """Return the average precision of each of COCO's IoUs, nan if not defined, by pycocotools."""
    annotations = [
        {"image_id": number, "bbox": box, "iscrowd": crowd, "area": box[2] * box[3]}
        for number, (_, truth, ignore) in enumerate(images, start=1)
        for crowd, boxes in ((0, truth), (1, ignore))
        for box in boxes
    ]
    results = [
        {"image_id": number, "bbox": box, "score": score, "category_id": 1}
        for number, (found, _, _) in enumerate(images, start=1)
        for box, score in found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        labels = COCO()
        labels.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(1, len(images) + 1)],
            "annotations": [
                one | {"id": number, "category_id": 1}
                for number, one in enumerate(annotations, start=1)
            ],
            "categories": [{"id": 1, "name": "vehicle"}],
        }
        labels.createIndex()
        evaluation = COCOeval(labels, labels.loadRes(results), "bbox")
        evaluation.params.maxDets = [10_000]
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]
    return np.asarray(np.where((precision < 0).any(axis=1), np.nan, precision.mean(axis=1)))


@settings(max_examples=100)
@given(images=st.lists(IMAGE, min_size=1, max_size=4))
@example(images=[([([0.0, 0.0, 4.0, 2.0], 1.0), ([0.0, 0.0, 2.0, 2.0], 0.5)], HALVES, [])])
def test_average_precision_is_that_of_pycocotools(images: list[Any]) -> None:
    if not any(found for found, _, _ in images):
        return  # pycocotools does not load results without any
    ours = Overlaps.concatenate(
        [
            Overlaps.of_boxes(
                corners([box for box, _ in found]),
                np.array([score for _, score in found]),
                corners(truth),
                corners(ignore),
            )
            for found, truth, ignore in images
        ]
    )
    expected = coco_precisions(images)
    actual = [ours.matches(iou).average_precision() for iou in np.linspace(0.5, 0.95, 10)]
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_average_precision_of_crowded_images_is_that_of_pycocotools() -> None:
    """With more detections than COCO's default of 100 an image, and no round numbers."""
    rng = np.random.default_rng(1)
    images = []
    for _ in range(3):
        truth = np.hstack([rng.uniform(0, 600, (120, 2)), rng.uniform(10, 50, (120, 2))])
        ignore = np.hstack([rng.uniform(0, 600, (5, 2)), rng.uniform(50, 150, (5, 2))])
        found = np.vstack([truth + rng.normal(0, 3, truth.shape), truth[:60] + 25])
        scores = rng.uniform(size=len(found)).astype(np.float32).astype(float)
        scored = list(zip(found.tolist(), scores.tolist(), strict=True))
        images.append((scored, truth.tolist(), ignore.tolist()))
    ours = Overlaps.concatenate(
        [
            Overlaps.of_boxes(
                corners([box for box, _ in found]),
                np.array([score for _, score in found]),
                corners(truth),
                corners(ignore),
            )
            for found, truth, ignore in images
        ]
    )
    actual = [ours.matches(iou).average_precision() for iou in np.linspace(0.5, 0.95, 10)]
    assert 0.2 < actual[0] < 0.95
    np.testing.assert_allclose(actual, coco_precisions(images), atol=1e-6)


def clipped(ring: NDArray[np.float64], window: NDArray[np.float64]) -> float:
    """Return the area that two convex rings, clockwise as seen, share (Sutherland, Hodgman)."""
    points = list(ring)
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        side = end - start
        depths = [side[0] * (p - start)[1] - side[1] * (p - start)[0] for p in points]
        kept = []
        for i, point in enumerate(points):
            before, depth, last = points[i - 1], depths[i], depths[i - 1]
            if depth * last < 0:
                kept.append(before + (point - before) * last / (last - depth))
            if depth >= 0:
                kept.append(point)
        points = kept
    x, y = np.array(points).reshape(-1, 2).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def test_average_precision_of_footprints_is_that_of_pycocotools(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With overlaps of rotated rectangles that are computed without this project."""
    rng = np.random.default_rng(2)
    truth = random_footprints(rng, 60, reach=900)
    off = np.vstack([rng.normal(0, 3, (60, 2)), rng.normal(0, 9, (20, 2))])
    found = np.vstack([truth, truth[:20]]) + off[:, None]
    corner = rng.uniform(0, 900, (6, 2))
    ignore = np.hstack([corner, corner + 150])
    scores = rng.permutation(80) / 100
    columns = [*((one, False) for one in truth), *((one, True) for one in straight(ignore))]

    def overlap(one: NDArray[np.float64], other: NDArray[np.float64], crowd: bool) -> float:
        common, own = clipped(one, other), clipped(one, one)
        return common / (own if crowd else own + clipped(other, other) - common)

    best_first = found[np.argsort(-scores)]
    matrix = np.array([[overlap(one, *column) for column in columns] for one in best_first])
    monkeypatch.setattr(COCOeval, "computeIoU", lambda *_: matrix)
    anywhere = [[0.0, 0.0, 1.0, 1.0]]
    scored = [(anywhere[0], score) for score in scores.tolist()]
    expected = coco_precisions([(scored, anywhere * 60, anywhere * 6)])
    ours = by_footprints(told(found, scores), truth, ignore)
    actual = [ours.matches(iou).average_precision() for iou in np.linspace(0.5, 0.95, 10)]
    assert 0.3 < actual[0] < 0.99
    assert (ours.assign(0.5) == IGNORED).any()
    np.testing.assert_allclose(actual, expected, atol=1e-6)
