from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.footprints import corners_of, straight
from geovehicle.settings import SEAM_FOOTPRINT_IOU
from geovehicle.sheets import SheetOverlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

LENGTH, WIDTH = 4.5, 2.0
WEST, EAST = shapely.box(0, 0, 60, 40), shapely.box(50, 0, 110, 40)
WHOLE = np.inf


def _overlaps(*extents: shapely.Polygon) -> SheetOverlaps:
    return SheetOverlaps(extents or (WEST, EAST))


def _hear(
    overlaps: SheetOverlaps,
    sheet: int,
    boxes: list[list[float]],
    scores: list[float],
    clearance: float,
) -> None:
    rows = np.arange(len(boxes))
    clearances = np.full(len(boxes), clearance)
    overlaps.add(sheet, rows, straight(np.array(boxes, float)), np.array(scores, "f4"), clearances)


def _dropped(overlaps: SheetOverlaps) -> dict[int, list[int]]:
    return {sheet: rows.tolist() for sheet, rows in overlaps.doubles(SEAM_FOOTPRINT_IOU).items()}


VEHICLE = [[53.0, 10, 57.5, 12]]


def test_of_two_whole_views_the_better_stays() -> None:
    overlaps = _overlaps()
    _hear(overlaps, 0, VEHICLE, [0.7], WHOLE)
    _hear(overlaps, 1, VEHICLE, [0.8], WHOLE)
    assert _dropped(overlaps) == {0: [0]}


def test_of_two_equal_views_the_earlier_sheet_stays_whichever_was_heard_first() -> None:
    overlaps = _overlaps()
    _hear(overlaps, 1, VEHICLE, [0.8], WHOLE)
    _hear(overlaps, 0, VEHICLE, [0.8], WHOLE)
    assert _dropped(overlaps) == {1: [0]}


def test_a_part_gives_way_to_the_whole_however_good_and_however_small() -> None:
    overlaps = _overlaps()
    _hear(overlaps, 0, [[59.7, 10, 60, 12]], [0.99], 0.0)
    _hear(overlaps, 1, [[59.7, 10, 64.2, 12]], [0.6], WHOLE)
    assert _dropped(overlaps) == {0: [0]}


def test_a_small_view_on_a_large_one_stays_where_nothing_is_cut() -> None:
    overlaps = _overlaps()
    _hear(overlaps, 0, [[53, 10, 71, 12.5]], [0.9], WHOLE)
    _hear(overlaps, 1, [[53, 10, 54.5, 12]], [0.9], WHOLE)
    assert _dropped(overlaps) == {}


def test_neighbours_that_hardly_touch_both_stay_beside_an_edge() -> None:
    overlaps = _overlaps()
    _hear(overlaps, 0, [[53, 10, 57.5, 12]], [0.9], 2.5)
    _hear(overlaps, 1, [[53, 11.8, 57.5, 13.8]], [0.9], WHOLE)
    assert _dropped(overlaps) == {}


def test_views_of_one_sheet_never_compete() -> None:
    overlaps = _overlaps()
    _hear(overlaps, 0, VEHICLE * 2, [0.9, 0.8], WHOLE)
    assert _dropped(overlaps) == {}


def test_a_dropped_view_drops_nothing() -> None:
    overlaps = _overlaps(WEST, EAST, EAST)
    _hear(overlaps, 0, [[50, 10, 54, 12]], [0.9], WHOLE)
    _hear(overlaps, 1, [[53, 10, 57, 12]], [0.8], WHOLE)
    _hear(overlaps, 2, [[56, 10, 60, 12]], [0.7], WHOLE)
    assert _dropped(overlaps) == {1: [0]}


def test_rows_are_those_that_were_named() -> None:
    overlaps = _overlaps()
    scores, clearance = np.full(2, 0.5, np.float32), np.full(2, WHOLE)
    places = straight(np.array([[51.0, 5, 55, 7], [51, 20, 55, 22]]))
    overlaps.add(0, np.array([70, 700]), places, scores, clearance)
    overlaps.add(1, np.array([9, 4]), places, scores, clearance)
    assert _dropped(overlaps) == {1: [4, 9]}


def test_without_views_there_are_no_doubles() -> None:
    assert _dropped(_overlaps()) == {}


def test_only_what_lies_near_another_sheet_is_concerned() -> None:
    places = np.array([[2.0, 10, 6, 12], [46, 10, 49.5, 12], [48, 10, 52, 12], [55, 10, 59, 12]])
    assert _overlaps().concerned(0, straight(places)).tolist() == [False, True, True, True]
    assert _overlaps().concerned(0, np.empty((0, 4, 2))).tolist() == []


def test_sheets_that_lie_apart_do_not_overlap() -> None:
    far = shapely.box(200, 0, 260, 40)
    overlaps = _overlaps(WEST, EAST, far)
    assert [overlaps.overlaps(sheet) for sheet in range(3)] == [True, True, False]
    assert not overlaps.concerned(2, straight(np.array([[210.0, 5, 214, 7]]))).any()
    assert not _overlaps(WEST).overlaps(0)


@dataclass(frozen=True)
class _Sheet:
    """A rectangle of ground, (left, low, right, high), turned with all others."""

    left: float
    low: float
    right: float
    high: float

    def seen(
        self, vehicles: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what a detector reports of vehicles, boxes, and their clearance."""
        low, high = [self.left, self.low], [self.right, self.high]
        visible = vehicles.clip(low * 2, high * 2)
        size = (visible[:, 2:] - visible[:, :2]).clip(0)
        visible = visible[(size >= 0.8).all(axis=1)]
        boxes = visible + rng.uniform(-0.15, 0.15, visible.shape)
        clearance = np.hstack([boxes[:, :2] - low, high - boxes[:, 2:]]).min(axis=1)
        return boxes, np.minimum(clearance, 1.0)

    def shows(self, vehicles: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which vehicles it shows whole, and a little around them."""
        low, high = np.add([self.left, self.low], 0.5), np.subtract([self.right, self.high], 0.5)
        return (vehicles[:, :2] >= low).all(axis=1) & (vehicles[:, 2:] <= high).all(axis=1)


sides = st.tuples(st.floats(0, 40), st.floats(20, 60))


@given(
    st.lists(st.tuples(sides, sides), min_size=2, max_size=5),
    st.floats(-math.pi, math.pi),
    st.integers(0, 999),
)
def test_planted_vehicles_come_back_once_and_whole(
    rectangles: list[tuple[tuple[float, float], tuple[float, float]]], turn: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sheets = [_Sheet(x, y, x + width, y + height) for (x, width), (y, height) in rectangles]
    lattice = np.stack(np.meshgrid(range(16), range(30)), axis=-1).reshape(-1, 2)
    corner = lattice * [6.5, 3.5] + rng.uniform(0, 1, lattice.shape)
    vehicles = np.hstack([corner, np.add(corner, [LENGTH, WIDTH])])
    vehicles = vehicles[np.any([sheet.shows(vehicles) for sheet in sheets], axis=0)]
    cosine, sine = math.cos(turn), math.sin(turn)
    turned = np.array([[cosine, sine], [-sine, cosine]])
    overlaps = SheetOverlaps(
        [
            shapely.transform(shapely.box(*vars(sheet).values()), lambda points: points @ turned)
            for sheet in sheets
        ]
    )
    views = []
    for number, sheet in enumerate(sheets):
        boxes, clearance = sheet.seen(vehicles, rng)
        corners = straight(boxes) @ turned
        rows = np.flatnonzero(overlaps.concerned(number, corners))
        scores = rng.uniform(0.5, 1, len(boxes)).astype(np.float32)
        overlaps.add(number, rows, corners[rows], scores[rows], clearance[rows])
        views.append(boxes)
    dropped = overlaps.doubles(SEAM_FOOTPRINT_IOU)
    found = np.concatenate(
        [np.delete(boxes, dropped.get(number, []), axis=0) for number, boxes in enumerate(views)]
    )
    whole = np.abs(found[:, None] - vehicles).max(axis=2) <= 0.5
    assert (whole.sum(axis=0) == 1).all()
    assert (whole.sum(axis=1) == 1).all()


def test_turned_footprints_are_compared_as_they_lie() -> None:
    row = np.array([[55.0, 10 + 2.5 * number, LENGTH, WIDTH, 0.6] for number in range(5)])
    overlaps = _overlaps()
    scores, clearance = np.full(5, 0.9, np.float32), np.full(5, WHOLE)
    overlaps.add(0, np.arange(5), corners_of(row), scores, clearance)
    overlaps.add(
        1, np.arange(5), corners_of(np.add(row[::-1], [0.1, 0.1, 0, 0, 0.02])), scores, clearance
    )
    assert _dropped(overlaps) == {1: [0, 1, 2, 3, 4]}


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_views_may_be_heard_in_chunks(chunk: int) -> None:
    rng = np.random.default_rng(1)
    places = rng.uniform([50, 0], [56, 38], (100, 2))
    footprints = straight(np.hstack([places, np.add(places, [LENGTH, WIDTH])]))
    scores, clearance = rng.uniform(0.5, 1, 100).astype(np.float32), rng.uniform(0, 5, 100)

    def heard(size: int) -> dict[int, list[int]]:
        overlaps = _overlaps()
        for first in range(0, 100, size):
            part = np.arange(first, min(first + size, 100))
            for sheet in (0, 1):
                mine = part[part % 2 == sheet]
                overlaps.add(sheet, mine, footprints[mine], scores[mine], clearance[mine])
        return _dropped(overlaps)

    assert heard(chunk) == heard(1000)
    assert heard(chunk)
