from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geovehicle.detections import box_iou
from geovehicle.footprints import (
    boxes_of,
    corners_of,
    footprint_iou,
    footprint_share,
    lengthwise,
    polygons_of,
    rectangles_of,
    straight,
    turn_between,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SQUARE = [[0.0, 0], [2, 0], [2, 2], [0, 2]]


@st.composite
def rectangles(draw: st.DrawFn, count: int | None = None) -> NDArray[np.float64]:
    count = draw(st.integers(0, 8)) if count is None else count
    centres = draw(hnp.arrays(float, (count, 2), elements=st.floats(-40, 2000)))
    sizes = draw(hnp.arrays(float, (count, 2), elements=st.floats(0.5, 200)))
    angles = draw(hnp.arrays(float, (count, 1), elements=st.floats(-10, 10)))
    return np.hstack([centres, sizes, angles])


@st.composite
def boxes(draw: st.DrawFn, count: int = 6) -> NDArray[np.float64]:
    corner = draw(hnp.arrays(int, (count, 2), elements=st.integers(-10, 40)))
    size = draw(hnp.arrays(int, (count, 2), elements=st.integers(1, 30)))
    return np.hstack([corner, corner + size]).astype(float)


def test_the_front_is_where_the_angle_points_to() -> None:
    east, south = corners_of(np.array([[10.0, 20, 4, 2, 0], [10, 20, 4, 2, math.pi / 2]]))
    np.testing.assert_allclose(east, [[12, 19], [12, 21], [8, 21], [8, 19]])
    np.testing.assert_allclose(south, [[11, 22], [9, 22], [9, 18], [11, 18]])


@given(rectangles())
def test_corners_and_rectangles_are_the_same(given_rectangles: NDArray[np.float64]) -> None:
    found = rectangles_of(corners_of(given_rectangles))
    assert found.shape == given_rectangles.shape
    np.testing.assert_allclose(found[:, :4], given_rectangles[:, :4], atol=1e-9)
    assert (turn_between(found[:, 4], given_rectangles[:, 4]) < 1e-9).all()
    assert ((found[:, 4] > -math.pi / 2) & (found[:, 4] <= math.pi / 2)).all()


@pytest.mark.parametrize(
    ("angle", "folded"),
    [(0, 0), (math.pi, 0), (0.3 - math.pi, 0.3), (-math.pi / 2, math.pi / 2), (2.0, 2 - math.pi)],
)
def test_angles_are_folded_into_half_a_turn(angle: float, folded: float) -> None:
    assert rectangles_of(corners_of(np.array([[0, 0, 4, 2, angle]])))[0, 4] == pytest.approx(
        folded, abs=1e-12
    )


def test_the_upright_direction_is_positive_whichever_end_is_the_front() -> None:
    down = np.array([[[1.0, 2], [-1, 2], [-1, -2], [1, -2]]])
    up = np.roll(down, 2, axis=1)
    assert rectangles_of(np.concatenate([down, up]))[:, 4].tolist() == [math.pi / 2] * 2


def test_a_cut_vehicle_may_be_shorter_than_wide() -> None:
    cut = rectangles_of(corners_of(np.array([[5.0, 5, 3, 8, 0.4]])))
    np.testing.assert_allclose(cut, [[5, 5, 3, 8, 0.4]])


@given(rectangles())
def test_boxes_enclose_the_corners(given_rectangles: NDArray[np.float64]) -> None:
    corners = corners_of(given_rectangles)
    around = boxes_of(corners)
    np.testing.assert_array_equal(around, shapely.bounds(polygons_of(corners)).reshape(-1, 4))


def test_a_horizontal_box_lies_along_its_longer_side() -> None:
    found = rectangles_of(straight(np.array([[0.0, 0, 6, 2], [0, 0, 2, 6], [1, 1, 3, 3]])))
    upright = math.pi / 2
    assert found.tolist() == [[3, 1, 6, 2, 0], [1, 3, 6, 2, upright], [2, 2, 2, 2, 0]]


@given(boxes())
def test_straight_footprints_have_the_corners_of_their_boxes(
    given_boxes: NDArray[np.float64],
) -> None:
    footprints = straight(given_boxes)
    assert boxes_of(footprints).tolist() == given_boxes.tolist()
    np.testing.assert_allclose(corners_of(rectangles_of(footprints)), footprints, atol=1e-9)


def test_polygons_run_through_the_corners_in_their_order() -> None:
    (polygon,) = polygons_of(np.array([SQUARE]))
    assert shapely.get_coordinates(polygon).tolist() == [*SQUARE, SQUARE[0]]


@given(boxes(), boxes())
def test_the_overlap_of_straight_footprints_is_that_of_boxes(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> None:
    found = footprint_iou(straight(first), straight(second))
    np.testing.assert_allclose(found, box_iou(first, second), atol=1e-12)


@given(boxes(), boxes(), st.floats(-4, 4))
def test_the_overlap_is_the_same_however_the_scene_is_turned(
    first: NDArray[np.float64], second: NDArray[np.float64], turn: float
) -> None:
    cosine, sine = math.cos(turn), math.sin(turn)
    turned = (
        straight(one) @ np.array([[cosine, sine], [-sine, cosine]]) for one in (first, second)
    )
    np.testing.assert_allclose(footprint_iou(*turned), box_iou(first, second), atol=1e-9)


def test_a_turned_square_shares_an_octagon() -> None:
    pair = corners_of(np.array([[5.0, 5, 2, 2, 0], [5, 5, 2, 2, math.pi / 4]]))
    octagon = 8 * (math.sqrt(2) - 1)
    assert footprint_iou(pair[:1], pair[1:]) == pytest.approx(octagon / (8 - octagon))


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        ([[0.0, 0], [2, 0], [2, 2], [0, 2]], 1),
        ([[2.0, 0], [4, 0], [4, 2], [2, 2]], 0),
        ([[2.0, 2], [4, 2], [4, 4], [2, 4]], 0),
        ([[0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [0.5, 1.5]], 0.25),
        ([[0.0, 1], [2, 1], [2, 1], [0, 1]], 0),
        ([[1.0, 1], [1, 1], [1, 1], [1, 1]], 0),
        ([[0.0, 0], [2, 2], [2, 0], [0, 2]], 1),
    ],
    ids=["itself", "a side", "a corner", "within", "a line", "a point", "a crossing ring"],
)
def test_special_overlaps(other: list[list[float]], iou: float) -> None:
    first, second = np.array([SQUARE]), np.array([other])
    assert footprint_iou(first, second).tolist() == [iou]
    assert footprint_iou(second, first).tolist() == [iou]


quads = hnp.arrays(int, (6, 4, 2), elements=st.integers(-3, 3)).map(lambda x: x.astype(float))


@given(quads, quads, st.sampled_from([0, 1e5]))
def test_any_four_corners_overlap_as_the_polygons_around_them_do(
    first: NDArray[np.float64], second: NDArray[np.float64], offset: float
) -> None:
    one, other = (
        shapely.convex_hull(shapely.linestrings(np.roll(ring, 1, axis=1)))
        for ring in (first, second)
    )
    common = shapely.area(shapely.intersection(one, other))
    union = shapely.area(shapely.union(one, other))
    expected = np.divide(common, union, out=np.zeros(len(one)), where=union > 0)
    found = footprint_iou(first + offset, second + offset)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_share_is_of_the_smaller_one() -> None:
    whole = corners_of(np.array([[5.0, 5, 4, 2, 0.3]] * 4))
    parts = corners_of(
        np.array([[5.0, 5, 1, 1, 0.3], [5, 5, 8, 4, 0.3], [50, 5, 4, 2, 0.3], [5, 5, 0, 2, 0.3]])
    )
    np.testing.assert_allclose(footprint_share(whole, parts), [1, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(footprint_share(parts, whole), [1, 1, 0, 0], atol=1e-12)


def test_many_pairs_overlap_as_few_do() -> None:
    rng = np.random.default_rng(3)
    first = corners_of(rng.uniform(1, 30, (40_000, 5)))
    second = np.roll(first, 1, axis=0)
    few = np.arange(0, len(first), 997)
    found = footprint_iou(first, second)
    assert found[few].tolist() == footprint_iou(first[few], second[few]).tolist()


def test_what_has_no_area_does_not_overlap_itself() -> None:
    line = np.array([[[0.0, 1], [2, 1], [2, 1], [0, 1]]])
    assert footprint_iou(line, line).tolist() == [0]


def test_nothing_has_shapes_too() -> None:
    none = np.empty((0, 4, 2))
    assert rectangles_of(none).shape == (0, 5)
    assert corners_of(np.empty((0, 5))).shape == none.shape == straight(np.empty((0, 4))).shape
    assert boxes_of(none).shape == (0, 4)
    assert polygons_of(none).shape == footprint_iou(none, none).shape == (0,)


@pytest.mark.parametrize(
    ("first", "second", "turn"),
    [(0, 180, 0), (0, 90, 90), (85, -85, 10), (10, 350, 20), (-400, 40, 80), (30, 75, 45)],
)
def test_directions_count_modulo_half_a_turn(first: float, second: float, turn: float) -> None:
    found = turn_between(np.radians([first, second]), np.radians([second, first]))
    np.testing.assert_allclose(np.degrees(found), turn, atol=1e-9)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_directions_are_never_more_than_a_right_angle_apart(first: float, second: float) -> None:
    turn = turn_between(first, second)
    assert 0 <= turn <= math.pi / 2
    assert abs(math.cos(2 * turn) - math.cos(2 * (first - second))) < 1e-9


@given(rectangles())
def test_lengthwise_rectangles_cover_the_same_ground(given_rectangles: NDArray[np.float64]) -> None:
    found = lengthwise(given_rectangles)
    assert (found[:, 2] >= found[:, 3]).all()
    same = footprint_iou(corners_of(found), corners_of(given_rectangles))
    np.testing.assert_allclose(same, 1.0, atol=1e-6)
