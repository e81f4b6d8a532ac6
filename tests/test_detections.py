from __future__ import annotations

import runpy
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geovehicle.detections import Detections, box_iou
from geovehicle.footprints import boxes_of, corners_of, rectangles_of, straight

SOME = runpy.run_path(str(Path(__file__).with_name("some_detections.py")))
_detections, _lying = SOME["detections"], SOME["lying"]


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
    assert found.footprints is None
    assert (found.label_scores.tolist(), str(found.label_scores.dtype)) == ([1], "float32")
    corners = [[[0, 0], [2, 0], [2, 2], [0, 2]]]
    lying = Detections([[0, 0, 2, 2]], [1], [1], corners, [0.5])  # type: ignore[arg-type]
    assert (lying.footprints.shape, str(lying.footprints.dtype)) == ((1, 4, 2), "float64")
    assert (lying.label_scores.tolist(), str(lying.label_scores.dtype)) == ([0.5], "float32")
    assert len(found) == 1
    assert len(Detections.empty()) == 0
    assert Detections.empty().footprints is None


@pytest.mark.parametrize("given_type", [np.int32, np.float32, np.float64])
def test_arrays_of_other_types_are_converted(given_type: type) -> None:
    """Runtimes have their own: 32-bit boxes and labels, 64-bit scores."""
    numbers = np.ones(1, given_type)
    boxes, corners = np.ones((1, 4), given_type), np.ones((1, 4, 2), given_type)
    found = Detections(boxes, numbers, numbers, corners, numbers)
    exact = (found.boxes, found.footprints)
    rest = (found.scores, found.label_scores, found.labels)
    assert {str(array.dtype) for array in exact} == {"float64"}
    assert [str(array.dtype) for array in rest] == ["float32", "float32", "int64"]


def test_one_vehicle_needs_no_outer_axis_and_none_is_an_empty_list() -> None:
    box, corners = [0, 0, 2, 4], [[0, 0], [2, 0], [2, 4], [0, 4]]
    alone = Detections(box, 0.5, 1, corners, 0.25)  # type: ignore[arg-type]
    none = Detections([], [], [], [], [])  # type: ignore[arg-type]
    for found, count in ((alone, 1), (none, 0)):
        assert len(found) == count
        assert found.outlines.shape == (count, 4, 2)
        assert found.centres().shape == (count, 2)
        for row in (found.scores, found.labels, found.label_scores):
            assert row.shape == (count,)


def test_detections_cannot_be_changed_under_who_holds_them() -> None:
    found = _detections([[0, 0, 1, 1]])
    with pytest.raises(FrozenInstanceError):
        found.boxes = np.zeros((2, 4))  # type: ignore[misc]


def test_detections_are_told_apart_by_what_they_are_not_by_their_arrays() -> None:
    first, alike = _detections([[0, 0, 1, 1], [2, 2, 3, 3]]), _detections([[0, 0, 1, 1]] * 2)
    assert [first, alike].index(alike) == 1
    assert len({first, alike, first}) == 2


@pytest.mark.parametrize(
    ("scores", "labels", "more"),
    [
        (1, 2, {}),
        (2, 1, {}),
        (2, 2, {"footprints": np.zeros((1, 4, 2))}),
        (2, 2, {"label_scores": np.zeros(3)}),
    ],
)
def test_arrays_of_different_length_are_refused(scores: int, labels: int, more: Any) -> None:
    with pytest.raises(ValueError, match="length"):
        Detections(np.zeros((2, 4)), np.zeros(scores), np.zeros(labels), **more)


def test_shift_moves_boxes_and_keeps_the_rest() -> None:
    found = _detections([[1, 2, 3, 5]], [0.5]).shift(10, -20)
    assert found.boxes.tolist() == [[11, -18, 13, -15]]
    assert (found.scores.tolist(), found.labels.tolist()) == ([0.5], [1])
    assert found.footprints is None


LYING = [[30, 40, 20, 8, 0.5], [60, 45, 18, 7, -1.2], [90, 20, 40, 9, 1.5]]


def test_footprints_move_with_their_boxes() -> None:
    found = _lying(LYING, [0.5, 0.6, 0.7]).shift(10, -20)
    moved = _lying(np.add(LYING, [10, -20, 0, 0, 0]), [0.5, 0.6, 0.7])
    np.testing.assert_allclose(found.footprints, moved.footprints)
    np.testing.assert_allclose(found.boxes, moved.boxes)
    assert found.scores.tolist() == moved.scores.tolist()
    assert found.labels.tolist() == [0, 1, 2]
    assert found.label_scores.tolist() == moved.label_scores.tolist()


def test_scale_stretches_boxes_and_footprints_from_the_origin() -> None:
    found = _lying(LYING).scale(2, 0.5)
    np.testing.assert_allclose(found.boxes, boxes_of(found.footprints))
    np.testing.assert_allclose(found.footprints, _lying(LYING).footprints * [2, 0.5])
    assert found.label_scores.tolist() == _lying(LYING).label_scores.tolist()
    boxes = _detections([[1, 2, 3, 5]]).scale(10, 100)
    assert boxes.boxes.tolist() == [[10, 200, 30, 500]]
    assert boxes.footprints is None


def test_clip_leaves_footprints_whole() -> None:
    found = _lying(LYING).clip(32, 42)
    assert found.boxes[0, 2:].tolist() == [32, 42]
    assert found.footprints.tolist() == _lying(LYING).footprints.tolist()


def test_filter_takes_footprints_and_label_scores_along() -> None:
    whole = _lying(LYING)
    for selection in (np.array([True, False, True]), np.array([2, 0])):
        found = whole.filter(selection)
        assert found.footprints.tolist() == whole.footprints[selection].tolist()
        assert found.label_scores.tolist() == whole.label_scores[selection].tolist()


def test_concatenate_joins_footprints_and_label_scores() -> None:
    parts = [_lying(LYING[:1]), Detections.empty(), _lying(LYING[1:])]
    found = Detections.concatenate(parts)
    assert found.footprints.tolist() == _lying(LYING).footprints.tolist()
    np.testing.assert_allclose(found.label_scores, [0.6, 0.6, 0.8])


def test_vehicles_with_and_without_footprints_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="some detections have footprints"):
        Detections.concatenate([_lying(LYING), _detections([[0, 0, 1, 1]])])


def test_outlines_are_the_footprints_or_the_boxes() -> None:
    assert _lying(LYING).outlines.tolist() == _lying(LYING).footprints.tolist()
    boxes = _detections([[0, 0, 4, 2], [0, 0, 2, 4]])
    assert boxes.outlines.tolist() == straight(boxes.boxes).tolist()


def test_clip_cuts_to_the_extent_and_keeps_every_detection() -> None:
    found = _detections([[-1, -2, 3, 50], [30, 30, 40, 40]]).clip(20, 10)
    assert found.boxes.tolist() == [[0, 0, 3, 10], [20, 10, 20, 10]]


def test_within_cuts_boxes_and_leaves_out_what_hardly_shows() -> None:
    found = _detections([[-1, -2, 3, 50], [17.5, 3, 40, 9], [30, 30, 40, 40], [1, 1, 5, 5]])
    assert found.within(20, 10, 3).boxes.tolist() == [[0, 0, 3, 10], [1, 1, 5, 5]]


def test_within_cuts_footprints_and_keeps_how_they_lie() -> None:
    corners = corners_of(
        np.array([[2.0, 20, 30, 10, 0.0], [40, 20, 30, 10, 0.3], [2, 2, 40, 6, -0.8]])
    )
    whole = Detections(boxes_of(corners), np.arange(3), [0, 0, 0], corners)
    found = whole.within(100, 100, 3)
    assert found.footprints is not None
    rectangles = rectangles_of(found.footprints)
    np.testing.assert_allclose(rectangles[0], [8.5, 20, 17, 10, 0], atol=1e-9)
    np.testing.assert_allclose(found.footprints[1], corners[1])
    assert rectangles[2, 4] == pytest.approx(-0.8)
    shown = shapely.Polygon(corners[2]) & shapely.box(0, 0, 100, 100)
    np.testing.assert_allclose(found.boxes[2], shown.bounds)
    assert shapely.Polygon(found.footprints[2]).buffer(1e-6).contains(shown)


def test_within_leaves_out_footprints_of_which_only_the_box_shows() -> None:
    corners = corners_of(np.array([[-10.0, -10, 60, 6, -np.pi / 4]]))
    assert (boxes_of(corners)[0, 2:] > 10).all()
    found = Detections(boxes_of(corners), [1.0], [0], corners)
    assert len(found.within(100, 100, 3)) == 0


def test_within_of_nothing() -> None:
    assert len(Detections.empty().within(5, 5, 3)) == 0


def test_filter_takes_masks_and_indices() -> None:
    found = _detections([[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]], [0.1, 0.2, 0.3])
    assert found.filter(np.array([True, False, True])).boxes[:, 0].tolist() == [0, 2]
    assert found.filter(np.array([2, 0])).scores.tolist() == pytest.approx([0.3, 0.1])


def test_concatenate_keeps_the_order() -> None:
    parts = [_detections([[0, 0, 1, 1]]), Detections.empty(), _detections([[5, 5, 6, 6]])]
    assert Detections.concatenate(parts).boxes[:, 0].tolist() == [0, 5]
    assert len(Detections.concatenate([])) == 0


def test_centres_lie_between_the_corners() -> None:
    assert _detections([[0, 2, 4, 8], [1, 2, 4, 9]]).centres().tolist() == [[2, 5], [2.5, 5.5]]


@given(random_detections(), random_detections())
def test_iou_is_that_of_the_polygons(first: Detections, second: Detections) -> None:
    matrix = box_iou(first.boxes[:, None], second.boxes)
    assert matrix.shape == (len(first), len(second))
    one, two = (shapely.box(*d.boxes.T) for d in (first, second))
    expected = shapely.area(shapely.intersection(one[:, None], two)) / shapely.area(
        shapely.union(one[:, None], two)
    )
    np.testing.assert_allclose(matrix, expected)


@pytest.mark.parametrize("size", [1e-4, 0.1, 1e4])
def test_iou_does_not_depend_on_the_size_of_a_pixel(size: float) -> None:
    corners = np.random.default_rng(0).integers(0, 20, (2, 30, 2))
    one, other = np.concatenate([corners, corners + 5], axis=2).astype(float)
    expected = box_iou(one[:, None], other)
    assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_allclose(box_iou(one[:, None] * size, other * size), expected, atol=1e-9)


def test_boxes_without_area_overlap_nothing() -> None:
    assert box_iou(np.array([1.0, 1, 1, 1]), np.array([1.0, 1, 1, 1])) == 0
