from __future__ import annotations

import numpy as np
import pytest

from geovehicle.data.records import Labels, Note, Problem


@pytest.fixture
def labels():
    boxes = np.array([[1.0, 2.0, 5.0, 4.0], [10.0, 20.0, 30.0, 60.0]])
    return Labels.of_boxes(boxes, ("car", ""), np.array([False, True]))


def test_boxes_survive(labels):
    assert labels.boxes.tolist() == [[1, 2, 5, 4], [10, 20, 30, 60]]
    assert len(labels) == 2
    assert not labels.oriented.any()


def test_footprints_go_around(labels):
    assert labels.footprints[0].tolist() == [[1, 2], [5, 2], [5, 4], [1, 4]]


def test_no_boxes():
    labels = Labels.of_boxes(np.zeros((0, 4)), (), np.zeros(0, bool))
    assert (len(labels), labels.boxes.shape) == (0, (0, 4))


def test_some_are_taken(labels):
    (taken,) = labels.take(np.array([False, True])).boxes.tolist()
    assert taken == [10, 20, 30, 60]
    second = labels.take(np.array([False, True]))
    assert (second.types, second.ignore.tolist(), second.oriented.tolist()) == (
        ("",), [True], [False]
    )  # fmt: skip


def test_a_problem_is_one_line():
    assert str(Problem("GT/1.mat", "row 3 is not finite")) == "GT/1.mat: row 3 is not finite"
    assert isinstance(Note("a", "b"), Problem)
