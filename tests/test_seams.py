from __future__ import annotations

import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geovehicle.blocks import plan_blocks
from geovehicle.detections import Detections, box_iou
from geovehicle.footprints import boxes_of, corners_of, straight
from geovehicle.patches import PatchWindow, plan
from geovehicle.seams import SeamRule, Views, _joined, merged
from geovehicle.suppression import suppress

SOME = runpy.run_path(str(Path(__file__).with_name("some_detections.py")))
_detections, _lying = SOME["detections"], SOME["lying"]

OVERLAP, BAND, IOU = 40, 4, 0.3

Parts = list[tuple[PatchWindow, Detections]]


def views_of(parts: Parts, rule: SeamRule) -> list[Views]:
    """Return what each patch says; patches are numbered in their order."""
    size = tuple(np.max([patch.core[2:] for patch, _ in parts], axis=0))
    return [rule.views(patch, n, found, size) for n, (patch, found) in enumerate(parts)]


def merge(parts: Parts, band: float, iou: float) -> Detections:
    """Return the scene of one strip."""
    rule = SeamRule(band, OVERLAP, iou, iou)
    strip = Views.concatenate(views_of(parts, rule))
    (views,) = merged([(strip, np.inf)], rule)
    return views.detections


def _seen(window: PatchWindow, vehicles: np.ndarray, jitter: np.ndarray) -> Detections:
    """Return what a perfect but jittery detector finds: vehicles that touch the patch."""
    boxes = vehicles + jitter - np.tile([window.col, window.row], 2)
    clipped = boxes.clip(0, [window.width, window.height] * 2)
    visible = ((clipped[:, 2:] - clipped[:, :2]) >= 2).all(axis=1)
    return _detections(clipped[visible], np.linspace(0.5, 0.9, len(boxes))[visible])


@st.composite
def scenes(draw: Any) -> tuple[int, int, np.ndarray, int]:
    """Vehicles on a grid, none of which touch, no longer than the overlap allows."""
    columns, rows, seed = (draw(st.integers(*ends)) for ends in ((2, 9), (2, 9), (0, 999)))
    rng = np.random.default_rng(seed)
    lattice = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    corner = lattice * 36 + rng.integers(3, 11, lattice.shape)
    size = rng.integers(6, 21, lattice.shape)
    return columns * 36, rows * 36, np.hstack([corner, corner + size]), seed


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


def rows_of(detections: Detections) -> list[tuple[float, ...]]:
    """Return boxes and scores, sorted."""
    return sorted(map(tuple, np.column_stack([detections.boxes, detections.scores]).tolist()))


@given(scenes(), st.integers(1, 3))
def test_the_result_does_not_depend_on_the_strips(scene: Any, side: int) -> None:
    width, height, vehicles, seed = scene
    rng = np.random.default_rng(seed)
    rule = SeamRule(BAND, OVERLAP, IOU, IOU)
    blocks = plan_blocks(width, height, 100, OVERLAP, side)
    numbered = [
        [(block.first + n, window) for block in row for n, window in enumerate(block.windows)]
        for row in blocks.rows
    ]
    strips = [
        Views.concatenate(
            [
                rule.views(
                    window,
                    number,
                    _seen(window, vehicles, rng.uniform(-3, 3, vehicles.shape)),
                    (width, height),
                )
                for number, window in row
            ]
        )
        for row in numbered
    ]
    borders = [float(row[0].window.core[3]) for row in blocks.rows]
    by_strip = list(merged(zip(strips, [*borders[:-1], np.inf], strict=True), rule))
    (at_once,) = merged([(Views.concatenate(strips), np.inf)], rule)
    joined = Detections.concatenate([views.detections for views in by_strip])
    assert rows_of(joined) == rows_of(at_once.detections)


def test_a_strip_holds_back_only_what_the_next_may_change() -> None:
    rule = SeamRule(BAND, OVERLAP, IOU, IOU)
    upper, lower = plan(100, 160, 100, OVERLAP)
    far, near = [40, 5, 50, 15], [40, 70, 50, 80]
    first = rule.views(upper, 0, _detections([far, near]), (100, 160))
    second = rule.views(lower, 1, _detections([[40, 10, 50, 20]], [0.5]), (100, 160))
    steps = list(merged([(first, 80.0), (second, np.inf)], rule))
    assert steps[0].detections.boxes.tolist() == [far]
    assert steps[1].detections.boxes.tolist() == [near]


def test_a_chain_over_two_strips_is_settled_as_one() -> None:
    """The middle one loses to the lower, so the upper one stays."""
    rule = SeamRule(BAND, 5, 0.3, 0.3)
    boxes = [[0, 60, 10, 70], [0, 64, 10, 74], [0, 68, 10, 78]]
    scores, patches = [0.5, 0.7, 0.9], [0, 1, 2]
    depth, whole = np.full(1, 1.0), np.ones(1, bool)
    views = [
        Views(_detections([box], [score]), np.array([patch]), depth, whole)
        for box, score, patch in zip(boxes, scores, patches, strict=True)
    ]
    upper = Views.concatenate(views[:2])
    steps = merged([(upper, 78.0), (views[2], np.inf)], rule)
    stay = np.concatenate([step.detections.scores for step in steps])
    assert sorted(stay.tolist()) == pytest.approx([0.5, 0.9])


CROWD = SeamRule(20, 200, 0.5, 0.3)
BORDER = 1000.0


def _crowd(boxes: Any, scores: Any, patches: Any) -> Views:
    """Return views of several patches, all inside of their cores' bands."""
    count = len(boxes)
    found = _detections(boxes, scores)
    return Views(found, np.asarray(patches), np.ones(count), np.ones(count, bool))


def test_who_has_several_rivals_waits_if_one_of_them_does() -> None:
    """The first competes with the other two, of which one reaches the next strip."""
    boxes = [[0, 741, 20, 781], [0, 726, 20, 766], [0, 739, 20, 779]]
    crowd = _crowd(boxes, [0.8, 0.7, 0.9], [1, 2, 0])
    by_strip = list(merged([(crowd, BORDER), (Views.empty(), np.inf)], CROWD))
    (at_once,) = merged([(crowd, np.inf)], CROWD)
    assert sum(map(len, by_strip)) == len(at_once) == 1


@given(st.integers(1, 12), st.integers(0, 20), st.integers(0, 9999))
def test_who_is_joined_to_a_chosen_one_is_chosen(count: int, pairs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen, joined = rng.random(count) < 0.2, rng.integers(0, count, (2, pairs))
    graph = coo_array((np.ones(pairs), tuple(joined)), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    assert _joined(chosen, joined).tolist() == np.isin(group, group[chosen]).tolist()


@given(st.integers(2, 40), st.integers(0, 9999))
def test_crowds_do_not_depend_on_the_strips_either(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tops = (BORDER - rng.choice([260, 260, 20], count) + rng.normal(0, 40, count)).round()
    boxes = np.column_stack([np.zeros(count), tops, np.full(count, 20), tops + 40])
    lower = tops + 20 >= BORDER + rng.uniform(-CROWD.band, CROWD.band, count)
    patches = rng.integers(0, 4, count) + 4 * lower
    crowd = _crowd(boxes, rng.permutation(np.linspace(0.5, 0.9, count)), patches)
    strips = [crowd.filter(~lower), crowd.filter(lower)]
    by_strip = merged(zip(strips, [BORDER, np.inf], strict=True), CROWD)
    joined = Detections.concatenate([views.detections for views in by_strip])
    (at_once,) = merged([(Views.concatenate(strips), np.inf)], CROWD)
    assert rows_of(joined) == rows_of(at_once.detections)


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
    rule = SeamRule(BAND, OVERLAP, IOU, IOU)
    assert [len(views) for views in merged([(Views.empty(), np.inf)], rule)] == [0]
    assert list(merged([], rule)) == []
    assert len(merge([(LEFT, Detections.empty())], BAND, IOU)) == 0
