from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geovehicle.detections import Detections, box_iou, merge, suppress
from geovehicle.footprints import boxes_of, corners_of, footprint_iou, straight
from geovehicle.patches import PatchWindow, plan


def _detections(boxes: Any, scores: Any | None = None) -> Detections:
    boxes = np.array(boxes, float).reshape(-1, 4)
    scores = np.full(len(boxes), 0.9) if scores is None else scores
    return Detections(boxes, np.asarray(scores), np.ones(len(boxes), int))


def _lying(rectangles: Any, scores: Any | None = None) -> Detections:
    """Return detections with footprints: rectangles of x, y, length, width, angle."""
    footprints = corners_of(np.array(rectangles, float))
    scores = np.full(len(footprints), 0.9) if scores is None else np.asarray(scores)
    sure = np.linspace(0.6, 0.8, len(footprints))
    labels = np.arange(len(footprints))
    return Detections(boxes_of(footprints), scores, labels, footprints, sure)


@st.composite
def turned_detections(draw: Any) -> Detections:
    count = draw(st.integers(0, 30))
    centres = draw(hnp.arrays(int, (count, 2), elements=st.integers(0, 60)))
    sizes = draw(hnp.arrays(int, (count, 2), elements=st.integers(2, 30)))
    angles = draw(hnp.arrays(float, (count, 1), elements=st.floats(-4, 4)))
    scores = draw(hnp.arrays(np.float32, count, elements=st.sampled_from([0.25, 0.5, 0.75, 1])))
    return _lying(np.hstack([centres, sizes, angles]).reshape(-1, 5), scores)


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
        rivals, mine = detections.filter(np.array(kept, int)), detections.filter(np.array([index]))
        if detections.footprints is None:
            ious = box_iou(mine.boxes, rivals.boxes)
        else:
            ious = footprint_iou(rivals.outlines, mine.outlines.repeat(len(kept), axis=0))
        if (ious <= iou).all():
            kept.append(index)
    return sorted(kept)


@given(random_detections(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9]))
def test_suppression_equals_the_naive_one(detections: Detections, iou: float) -> None:
    expected = detections.filter(np.array(_naive_suppression(detections, iou), int))
    assert suppress(detections, iou).boxes.tolist() == expected.boxes.tolist()


@given(turned_detections(), st.sampled_from([0.05, 0.15, 0.3, 0.7]))
def test_suppression_on_footprints_equals_the_naive_one(detections: Detections, iou: float) -> None:
    expected = detections.filter(np.array(_naive_suppression(detections, iou), int))
    found = suppress(detections, iou)
    assert found.footprints.tolist() == expected.footprints.tolist()
    assert found.labels.tolist() == expected.labels.tolist()


def test_footprints_overlap_where_boxes_were_cut_away() -> None:
    twins = _lying([[50, 50, 45, 18, 0.4], [51, 50, 45, 18, 0.4]])
    boxes = np.array([[30, 40, 45, 60], [55, 40, 70, 60]])
    cut = Detections(boxes, twins.scores, twins.labels, twins.footprints)
    assert suppress(cut, 0.5).labels.tolist() == [0]


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


@given(scenes())
def test_straight_footprints_merge_as_their_boxes_do(scene: Any) -> None:
    width, height, vehicles, seed = scene
    rng = np.random.default_rng(seed)
    boxes = [
        (window, _seen(window, vehicles, rng.uniform(-3, 3, vehicles.shape)))
        for window in plan(width, height, 100, OVERLAP)
    ]
    lying = [
        (window, Detections(d.boxes, d.scores, d.labels, straight(d.boxes))) for window, d in boxes
    ]
    assert merge(lying, BAND, IOU).boxes.tolist() == merge(boxes, BAND, IOU).boxes.tolist()


class TestDiagonalCarPark:
    """Long vehicles side by side at 45 degrees, 0.1 m between them, across a seam."""

    WINDOWS = plan(600, 600, 400, 200)
    LENGTH, WIDTH, PITCH = 120, 24, 25

    def _vehicles(self) -> np.ndarray:
        step = np.arange(-6, 7)[:, None] * self.PITCH / math.sqrt(2)
        size = np.tile([self.LENGTH, self.WIDTH, math.pi / 4], (len(step), 1))
        return np.hstack([300 + step, 300 - step, size])

    def _parts(self, *, footprints: bool) -> list[tuple[PatchWindow, Detections]]:
        """Return what each patch shows: vehicles that are whole in it, with jitter."""
        rng, parts = np.random.default_rng(5), []
        for window in self.WINDOWS:
            jitter = rng.normal(0, [0.4, 0.4, 1, 0.3, 0.01], (13, 5))
            seen = _lying(self._vehicles() + jitter, rng.uniform(0.5, 1, 13))
            seen = seen.shift(-window.col, -window.row)
            inside = ((seen.boxes > 0) & (seen.boxes < 400)).all(axis=1)
            chosen = seen.filter(inside)
            if not footprints:
                chosen = Detections(chosen.boxes, chosen.scores, chosen.labels)
            parts.append((window, chosen))
        return parts

    def test_all_vehicles_stay_and_none_is_doubled(self) -> None:
        merged = merge(self._parts(footprints=True), 20, 0.5)
        assert sorted(merged.labels.tolist()) == list(range(13))

    def test_by_their_boxes_some_were_lost(self) -> None:
        around = boxes_of(corners_of(self._vehicles()))
        assert (box_iou(around[1:], around[:-1]) > 0.5).all()
        merged = merge(self._parts(footprints=False), 20, 0.5)
        assert len(set(merged.labels.tolist())) < 13

    def test_suppression_keeps_the_row(self) -> None:
        row = _lying(self._vehicles())
        assert len(suppress(row, 0.1)) == 13
        assert len(suppress(Detections(row.boxes, row.scores, row.labels), 0.5)) < 13


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
