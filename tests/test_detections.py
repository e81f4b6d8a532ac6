from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geovehicle.detections import Detections, box_iou, merge, suppress
from geovehicle.patches import PatchWindow, plan


def _detections(boxes: Any, scores: Any | None = None) -> Detections:
    boxes = np.array(boxes, float).reshape(-1, 4)
    scores = np.full(len(boxes), 0.9) if scores is None else scores
    return Detections(boxes, np.asarray(scores), np.ones(len(boxes), int))


@st.composite
def random_detections(draw: Any) -> Detections:
    count = draw(st.integers(0, 40))
    corners = draw(hnp.arrays(int, (count, 2), elements=st.integers(0, 60)))
    sizes = draw(hnp.arrays(int, (count, 2), elements=st.integers(1, 30)))
    scores = draw(hnp.arrays(np.float32, count, elements=st.sampled_from([0.25, 0.5, 0.75, 1])))
    return _detections(np.hstack([corners, corners + sizes]), scores)


def test_arrays_have_the_documented_types() -> None:
    found = Detections([[0, 0, 2, 2]], [1], [1])  # type: ignore[arg-type]
    dtypes = [str(array.dtype) for array in (found.boxes, found.scores, found.labels)]
    assert dtypes == ["float64", "float32", "int64"]
    assert len(found) == 1
    assert len(Detections.empty()) == 0


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        Detections(np.zeros((2, 4)), np.zeros(1, np.float32), np.zeros(2, int))


def test_shift_moves_boxes_and_keeps_the_rest() -> None:
    found = _detections([[1, 2, 3, 5]], [0.5]).shift(10, -20)
    assert found.boxes.tolist() == [[11, -18, 13, -15]]
    assert (found.scores.tolist(), found.labels.tolist()) == ([0.5], [1])


def test_clip_cuts_to_the_extent_and_keeps_every_detection() -> None:
    found = _detections([[-1, -2, 3, 50], [30, 30, 40, 40]]).clip(20, 10)
    assert found.boxes.tolist() == [[0, 0, 3, 10], [20, 10, 20, 10]]


def test_filter_takes_masks_and_indices() -> None:
    found = _detections([[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]], [0.1, 0.2, 0.3])
    assert found.filter(np.array([True, False, True])).boxes[:, 0].tolist() == [0, 2]
    assert found.filter(np.array([2, 0])).scores.tolist() == pytest.approx([0.3, 0.1])


def test_concatenate_keeps_the_order() -> None:
    parts = [_detections([[0, 0, 1, 1]]), Detections.empty(), _detections([[5, 5, 6, 6]])]
    assert Detections.concatenate(parts).boxes[:, 0].tolist() == [0, 5]
    assert len(Detections.concatenate([])) == 0


def test_centres_lie_between_the_corners() -> None:
    assert _detections([[0, 2, 4, 8]]).centres().tolist() == [[2, 5]]


@given(random_detections(), random_detections())
def test_iou_is_that_of_the_polygons(first: Detections, second: Detections) -> None:
    matrix = box_iou(first.boxes[:, None], second.boxes)
    assert matrix.shape == (len(first), len(second))
    one, two = (shapely.box(*d.boxes.T) for d in (first, second))
    expected = shapely.area(shapely.intersection(one[:, None], two)) / shapely.area(
        shapely.union(one[:, None], two)
    )
    np.testing.assert_allclose(matrix, expected)


def test_boxes_without_area_overlap_nothing() -> None:
    assert box_iou(np.array([1.0, 1, 1, 1]), np.array([1.0, 1, 1, 1])) == 0


def _naive_suppression(detections: Detections, iou: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(detections)), key=lambda i: (-detections.scores[i], i)):
        if all(box_iou(detections.boxes[index], detections.boxes[k]) <= iou for k in kept):
            kept.append(index)
    return sorted(kept)


@given(random_detections(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9]))
def test_suppression_equals_the_naive_one(detections: Detections, iou: float) -> None:
    expected = detections.filter(np.array(_naive_suppression(detections, iou), int))
    assert suppress(detections, iou).boxes.tolist() == expected.boxes.tolist()


def test_what_is_suppressed_suppresses_nothing() -> None:
    chain = _detections([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0.9, 0.8, 0.7])
    assert suppress(chain, 0.3).boxes[:, 0].tolist() == [0, 8]


def test_of_equal_scores_the_first_wins() -> None:
    twins = _detections([[0, 0, 10, 10], [1, 0, 11, 10]])
    assert suppress(twins, 0.3).boxes[:, 0].tolist() == [0]


OVERLAP, BAND, IOU = 40, 4, 0.3


def _seen(window: PatchWindow, vehicles: np.ndarray, jitter: np.ndarray) -> Detections:
    """Return what a perfect but jittery detector finds: vehicles that touch the patch."""
    boxes = vehicles + jitter - np.tile([window.col, window.row], 2)
    clipped = boxes.clip(0, [window.width, window.height] * 2)
    visible = ((clipped[:, 2:] - clipped[:, :2]) >= 2).all(axis=1)
    return _detections(clipped[visible], np.linspace(0.5, 0.9, len(boxes))[visible])


@st.composite
def scenes(draw: Any) -> tuple[int, int, np.ndarray, int]:
    """Vehicles on a grid, none of which touch, no longer than the overlap allows."""
    columns, rows = draw(st.integers(2, 9)), draw(st.integers(2, 9))
    lattice = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    offset = draw(hnp.arrays(int, lattice.shape, elements=st.integers(3, 10)))
    size = draw(hnp.arrays(int, lattice.shape, elements=st.integers(6, 20)))
    corner = lattice * 36 + offset
    return columns * 36, rows * 36, np.hstack([corner, corner + size]), draw(st.integers(0, 999))


@given(scenes())
def test_merge_reports_each_vehicle_once(scene: tuple[int, int, np.ndarray, int]) -> None:
    width, height, vehicles, seed = scene
    rng = np.random.default_rng(seed)
    parts = [
        (window, _seen(window, vehicles, rng.uniform(-1, 1, vehicles.shape)))
        for window in plan(width, height, 100, OVERLAP)
    ]
    merged = merge(parts, BAND, IOU)
    matches = box_iou(merged.boxes[:, None], vehicles) > 0.4
    assert (matches.sum(axis=0) == 1).all()
    assert (matches.sum(axis=1) == 1).all()


@given(scenes(), st.randoms(use_true_random=False))
def test_merge_does_not_depend_on_the_order(scene: Any, random: Any) -> None:
    width, height, vehicles, _ = scene
    parts = [
        (window, _seen(window, vehicles, np.zeros(vehicles.shape)))
        for window in plan(width, height, 100, OVERLAP)
    ]
    merged = merge(parts, BAND, IOU)
    random.shuffle(parts)
    again = merge(parts, BAND, IOU)
    assert merged.boxes.tolist() == again.boxes.tolist()
    assert merged.scores.tolist() == again.scores.tolist()


LEFT, RIGHT = plan(160, 100, 100, 40)  # they meet at x = 80


def _at(window: PatchWindow, x: float, score: float = 0.9, width: float = 10) -> Detections:
    """Return one detection in patch pixels whose centre is at x of the scene."""
    half = width / 2
    return _detections([[x - half - window.col, 40, x + half - window.col, 50]], [score])


def test_a_vehicle_far_from_the_border_comes_from_its_owner_alone() -> None:
    parts = [(LEFT, _at(LEFT, 70, 0.5)), (RIGHT, _at(RIGHT, 70, 0.9))]
    merged = merge(parts, BAND, IOU)
    assert merged.scores.tolist() == [0.5]
    assert merged.centres().tolist() == [[70, 45]]


def test_in_the_band_the_better_of_two_patches_stays() -> None:
    parts = [(LEFT, _at(LEFT, 81, 0.5)), (RIGHT, _at(RIGHT, 79, 0.75))]
    assert merge(parts, BAND, IOU).scores.tolist() == [0.75]


@pytest.mark.parametrize(("left", "right"), [(82, 78), (78, 82)])
def test_jitter_across_the_border_loses_no_vehicle(left: float, right: float) -> None:
    parts = [(LEFT, _at(LEFT, left)), (RIGHT, _at(RIGHT, right))]
    assert len(merge(parts, BAND, IOU)) == 1


def test_a_double_that_ends_just_outside_the_band_is_found() -> None:
    parts = [(LEFT, _at(LEFT, 75.5)), (RIGHT, _at(RIGHT, 76.5))]
    assert len(merge(parts, BAND, IOU)) == 1


def test_one_patch_may_report_overlapping_vehicles_anywhere() -> None:
    pair = Detections.concatenate([_at(LEFT, 79), _at(LEFT, 77)])
    assert len(merge([(LEFT, pair), (RIGHT, Detections.empty())], BAND, IOU)) == 2


def test_outer_borders_own_what_lies_beyond_the_scene() -> None:
    parts = [(LEFT, _at(LEFT, -6)), (RIGHT, _at(RIGHT, 166))]
    assert merge(parts, BAND, IOU).centres()[:, 0].tolist() == [-6, 166]


def test_merging_nothing_is_nothing() -> None:
    assert len(merge([], BAND, IOU)) == 0
    assert len(merge([(LEFT, Detections.empty())], BAND, IOU)) == 0
