"""What is known of vehicles as views turn them, and what stays of them at the edge."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely import affinity

from geovehicle.data.coco import LabelledImage
from geovehicle.data.views import (
    Vehicles,
    View,
    cut,
    elongated,
    labelled_vehicles,
    resample,
    type_numbers,
)
from geovehicle.footprints import boxes_of, corners_of, polygons_of, straight, turn_between
from geovehicle.settings import UNKNOWN_TYPE

NONE = np.empty((0, 4))
CORNERS = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])

angles = st.floats(-np.pi / 2, np.pi / 2)
lengths = st.floats(5, 60)


@st.composite
def rectangles(draw, size=(100, 80)):
    """Return one rectangle whose centre is in a view."""
    x, y = (draw(st.floats(1, side - 1)) for side in size)
    return np.array([[x, y, draw(lengths), draw(lengths), draw(angles)]])


@st.composite
def similarities(draw):
    """Return a linear map that turns, scales and perhaps mirrors, and an offset."""
    angle, scale = draw(st.floats(-7, 7)), draw(st.floats(0.3, 3))
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear[:, 0] *= draw(st.sampled_from([-1, 1]))
    return linear, np.array([draw(st.floats(-50, 50)), draw(st.floats(-50, 50))])


def directed(enclosures, types=None):
    """Return vehicles that lie as their enclosures do."""
    numbers = np.arange(len(enclosures)) if types is None else np.array(types)
    known = np.ones(len(enclosures), bool)
    return Vehicles(boxes_of(corners_of(enclosures)), enclosures, known, numbers)


def black(vehicles, size=(100, 80)):
    return View(np.zeros((size[1], size[0], 3), np.uint8), vehicles, NONE)


def view(*boxes: tuple[float, float, float, float]) -> View:
    vehicles = Vehicles.of_boxes(np.array(boxes, float).reshape(-1, 4))
    return View(np.zeros((80, 100, 3), np.uint8), vehicles, NONE)


@pytest.mark.parametrize(
    ("box", "labels", "ignored"),
    [
        ((10, 10, 30, 20), [[10, 10, 30, 20]], []),
        ((-5, 10, 15, 20), [[0, 10, 15, 20]], []),
        ((90, 10, 110, 20), [[90, 10, 100, 20]], []),
        ((-12, 10, 8, 20), [], [[0, 10, 8, 20]]),
        ((10, 78, 30, 90), [], [[10, 78, 30, 80]]),
        ((-20, 10, 0.5, 20), [], []),
        ((200, 10, 220, 20), [], []),
        ((10, 10, 10.000001, 20), [], []),
        ((10, 10, 30, 10.9), [], []),
    ],
)
def test_cut(box, labels, ignored):
    result = cut(view(box))
    assert result.boxes.tolist() == labels
    assert result.ignore.tolist() == ignored


def test_ignore_boxes_are_clipped_and_stay_whatever_is_left():
    ignore = np.array([(-30.0, 10, 5, 20), (50, 50, 50.2, 70)])
    result = cut(replace(view(), ignore=ignore))
    assert result.ignore.tolist() == [[0, 10, 5, 20]]


class TestVehicles:
    @given(rectangles(), similarities())
    def test_corners_go_where_the_map_says(self, enclosure, similarity):
        linear, offset = similarity
        moved = directed(enclosure).move(linear, offset)
        expected = corners_of(enclosure) @ linear.T + offset
        gaps = np.abs(corners_of(moved.enclosures)[0][:, None] - expected[0]).max(axis=2)
        assert (gaps.min(axis=1) < 1e-6).all()
        assert (gaps.min(axis=0) < 1e-6).all()
        scale = np.sqrt(abs(np.linalg.det(linear)))
        np.testing.assert_allclose(moved.enclosures[:, 2:4], enclosure[:, 2:4] * scale)
        np.testing.assert_allclose(moved.boxes, boxes_of(expected), atol=1e-6)

    @given(rectangles(), st.floats(-7, 7))
    def test_directions_turn_and_mirror_modulo_half_a_turn(self, enclosure, angle):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = directed(enclosure).move(turn, np.zeros(2)).enclosures
        mirrored = directed(enclosure).move(np.diag([-1.0, 1.0]), np.zeros(2)).enclosures
        assert turn_between(turned[:, 4], enclosure[:, 4] + angle) < 1e-6
        assert turn_between(mirrored[:, 4], -enclosure[:, 4]) < 1e-6

    @given(rectangles(), similarities(), similarities())
    def test_an_unknown_outline_is_an_ellipse_whatever_the_way(self, enclosure, one, other):
        """Turned twice it has the box of the two turns in one."""
        enclosure[0, 2:4] = 10.0, 15.0
        vehicles = replace(directed(enclosure), directed=np.array([False]))
        twice = vehicles.move(*one).move(*other)
        once = vehicles.move(other[0] @ one[0], other[0] @ one[1] + other[1])
        np.testing.assert_allclose(twice.boxes, once.boxes, atol=1e-6)
        around = boxes_of(corners_of(once.enclosures))
        sides, outer = (box[0, 2:] - box[0, :2] for box in (once.boxes, around))
        assert np.prod(sides) <= np.prod(outer) + 1e-6

    def test_a_circle_keeps_its_box(self):
        vehicles = Vehicles.of_boxes(np.array([(10.0, 10, 30, 30)]))
        turn = np.array([[0.6, -0.8], [0.8, 0.6]])
        moved = vehicles.move(turn, np.array([20.0, 20]) - turn @ (20.0, 20))
        np.testing.assert_allclose(moved.boxes, [[10, 10, 30, 30]])
        assert not moved.directed.any()

    @given(st.lists(rectangles(), min_size=2, max_size=6), st.data())
    def test_what_is_known_stays_with_its_vehicle(self, parts, data):
        number = st.integers(UNKNOWN_TYPE, 3)
        types = [data.draw(number) for _ in parts]
        single = [directed(part, [kind]) for part, kind in zip(parts, types, strict=True)]
        everything = Vehicles.concatenate(single).shift((3, -4))
        keep = np.array([data.draw(st.booleans()) for _ in parts])
        order = np.array(data.draw(st.permutations(range(len(parts)))))
        for chosen, at in ((keep, np.flatnonzero(keep)), (order, order)):
            taken = everything.take(chosen)
            assert len(taken) == len(at)
            assert taken.types.tolist() == [types[index] for index in at]
            for one, index in zip(taken.enclosures, at, strict=True):
                assert one.tolist() == (parts[index][0] + (3, -4, 0, 0, 0)).tolist()
            np.testing.assert_allclose(taken.boxes, boxes_of(corners_of(taken.enclosures)))

    def test_boxes_alone_tell_neither_direction_nor_type(self):
        vehicles = Vehicles.of_boxes(np.array([(0.0, 0, 50, 20), (0, 0, 20, 50)]))
        assert vehicles.enclosures.tolist() == [[25, 10, 50, 20, 0], [10, 25, 50, 20, np.pi / 2]]
        assert vehicles.directed.tolist() == [False, False]
        assert vehicles.types.tolist() == [UNKNOWN_TYPE] * 2
        assert vehicles.directed.dtype == np.bool_
        assert [len(one) for one in astuple(Vehicles.of_boxes(NONE))] == [0, 0, 0, 0]


class TestLabelledVehicles:
    def image(self, boxes, gsd=0.1, **known):
        boxes = np.array(boxes, float).reshape(-1, 4)
        return LabelledImage(Path("a"), 1, 300, 200, gsd, "", "", boxes, NONE, **known)

    @pytest.mark.parametrize(
        ("box", "known"),
        [
            ((20, 20, 63, 40), True),
            ((20, 20, 40, 63), True),
            ((20, 20, 61, 40), False),  # 2.05 times as long
            ((1, 20, 44, 40), False),  # cut by the edge of the image
            ((20, 1, 63, 21), False),
            ((256, 20, 299, 40), False),
            ((20, 179, 63, 199), False),
            ((2, 2, 45, 22), True),
            ((20, 20, 140, 50), True),  # a bus
            ((20, 20, 140, 56), False),  # one turned by some degrees
        ],
    )
    def test_slim_boxes_tell_the_direction(self, box, known):
        vehicles = labelled_vehicles(self.image([box]))
        assert vehicles.directed.tolist() == [known]
        np.testing.assert_allclose(corners_of(vehicles.enclosures), straight(np.array([box])))

    def test_the_ground_decides_what_is_broad(self):
        box = [(20, 20, 140, 56)]
        assert labelled_vehicles(self.image(box, gsd=0.09)).directed.tolist() == [True]

    def test_footprints_are_the_enclosures_along_their_longer_side(self):
        rectangles = np.array([(50.0, 60, 45, 19, 0.7), (150, 100, 30, 25, -0.4)])
        corners = corners_of(rectangles)
        for start in range(4):
            rolled = np.roll(corners, start, axis=1)
            known = {"footprints": rolled, "oriented": np.array([True, True])}
            vehicles = labelled_vehicles(self.image(boxes_of(corners), **known))
            assert vehicles.directed.all()
            np.testing.assert_allclose(vehicles.enclosures[:, :4], rectangles[:, :4])
            turns = turn_between(vehicles.enclosures[:, 4], rectangles[:, 4])
            np.testing.assert_allclose(turns, 0, atol=1e-9)

    def test_where_none_is_known_the_box_counts(self):
        corners = corners_of(np.array([(50.0, 60, 45, 19, 0.7), (150, 100, 45, 19, 0.7)]))
        known = {"footprints": corners, "oriented": np.array([True, False])}
        image = self.image(boxes_of(corners), **known)
        vehicles = labelled_vehicles(image)
        assert vehicles.directed.tolist() == [True, False]
        np.testing.assert_allclose(boxes_of(corners_of(vehicles.enclosures)), image.boxes)
        assert vehicles.enclosures[1, 4] in (0, np.pi / 2)

    def test_a_stout_piece_at_the_edge_tells_no_direction(self):
        """What is left of a vehicle may be broader than long."""
        for x, known in ((100.0, [True, True]), (13.0, [False, True])):
            corners = corners_of(np.array([(x, 60, 22, 19, 0.2), (x, 120, 40, 15, 1.2)]))
            image = self.image(boxes_of(corners), footprints=corners, oriented=np.array([True] * 2))
            assert labelled_vehicles(image).directed.tolist() == known

    def test_types(self):
        boxes = [(20, 20, 63, 40)] * 6
        told = ("car", "van", "bus", "truck", "", "tram")
        assert labelled_vehicles(self.image(boxes, types=told)).types.tolist() == [
            0,
            1,
            2,
            3,
            UNKNOWN_TYPE,
            UNKNOWN_TYPE,
        ]
        assert labelled_vehicles(self.image(boxes)).types.tolist() == [UNKNOWN_TYPE] * 6
        assert type_numbers(()).dtype == np.int64


class TestCutEnclosures:
    """At the edge of a view of 100 x 80 pixels, compared with shapely's geometry."""

    WINDOW = shapely.box(0, 0, 100, 80)

    @given(rectangles(), st.booleans())
    def test_they_are_tight_around_what_is_visible(self, enclosure, known):
        vehicles = replace(directed(enclosure), directed=np.array([known]))
        result = cut(black(vehicles)).vehicles
        assume(len(result))
        visible = polygons_of(corners_of(enclosure))[0] & self.WINDOW
        angle = result.enclosures[0, 4]
        assert angle == enclosure[0, 4]
        frame = affinity.rotate(visible, -angle, (0, 0), use_radians=True)
        trimmed = polygons_of(corners_of(result.enclosures))[0]
        own = affinity.rotate(trimmed, -angle, (0, 0), use_radians=True)
        np.testing.assert_allclose(own.bounds, frame.bounds, atol=1e-6)
        clipped = vehicles.boxes[0].clip(0, [100, 80, 100, 80])
        np.testing.assert_allclose(result.boxes[0], visible.bounds if known else clipped, atol=1e-6)

    @given(rectangles(), st.booleans())
    def test_a_second_cut_changes_nothing(self, enclosure, known):
        once = cut(black(replace(directed(enclosure), directed=np.array([known]))))
        twice = cut(once)
        for first, second in zip(astuple(once.vehicles), astuple(twice.vehicles), strict=True):
            np.testing.assert_allclose(first, second, atol=1e-6)

    def test_a_bus_at_the_edge(self):
        enclosures = np.array([(0.0, 40, 60, 20, 0), (50, 40, 40, 16, 0.5), (98, 40, 8, 30, 0)])
        result = cut(black(directed(enclosures, [2, 1, 0]))).vehicles
        shown = [[15, 40, 30, 20, 0], enclosures[1].tolist(), [97, 40, 6, 30, 0]]
        np.testing.assert_allclose(result.enclosures, shown, atol=1e-9)
        assert result.types.tolist() == [2, 1, 0]
        np.testing.assert_allclose(result.boxes[0], [0, 30, 30, 50], atol=1e-9)

    def test_types_go_with_what_is_hidden(self):
        enclosures = np.array([(-20.0, 40, 60, 20, 0), (50, 40, 40, 16, 0.5)])
        result = cut(black(directed(enclosures, [2, 3])))
        assert result.vehicles.types.tolist() == [3]
        np.testing.assert_allclose(result.ignore, [[0, 30, 10, 50]])

    @pytest.mark.parametrize("x", [50, 99])
    def test_lines_are_no_vehicles(self, x):
        """However long their horizontal boxes are."""
        assert len(cut(black(directed(np.array([(x, 40.0, 40, 0.5, np.pi / 4)])))).vehicles) == 0


def test_elongated():
    boxes = np.array([(0.0, 0, 20, 10), (0, 0, 10, 20), (0, 0, 17, 10), (0, 0, 10, 10)])
    assert elongated(boxes).tolist() == [True, True, False, False]


def test_a_point_goes_where_the_map_says():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[20, 10] = 255
    linear, offset = np.array([[0.0, -1], [1, 0]]), np.array([40.0, 0.0])
    moved = resample(pixels, linear, offset, (40, 60))
    row, column = (int(indices[0]) for indices in np.nonzero(moved[..., 0]))
    assert (column + 0.5, row + 0.5) == tuple(linear @ (10.5, 20.5) + offset)


def test_beyond_the_edge_is_black():
    moved = resample(np.full((10, 10, 3), 200, np.uint8), np.eye(2), np.array([5.0, 0]), (20, 10))
    assert not moved[:, :5].any()
    assert (moved[:, 5:15] == 200).all()
    assert not moved[:, 15:].any()
