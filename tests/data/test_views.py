"""What stays of boxes at the edge of a view."""

from __future__ import annotations

import numpy as np
import pytest

from geovehicle.data.views import View, cut, elongated, resample

NONE = np.empty((0, 4))


def view(*boxes: tuple[float, float, float, float]) -> View:
    return View(np.zeros((80, 100, 3), np.uint8), np.array(boxes, float).reshape(-1, 4), NONE)


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
    result = cut(View(np.zeros((80, 100, 3), np.uint8), NONE, ignore))
    assert result.ignore.tolist() == [[0, 10, 5, 20]]


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
