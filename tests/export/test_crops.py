from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from geovehicle.detections import Detections
from geovehicle.errors import DatasetError
from geovehicle.evaluation import Comparison, report
from geovehicle.export.crops import DETECTED, IGNORED, OUTSIDE, SIDE, TRUTH, WRONG, worst_errors


def share(crop, colour):
    """Return how much of a picture is nearly of a colour."""
    pixels = np.asarray(Image.open(io.BytesIO(crop.jpeg)), int)
    return (np.abs(pixels - colour).max(axis=-1) < 60).mean()


def test_false_detections_and_misses_are_shown(evaluation):
    (false,), (missed,) = worst_errors(evaluation.images, evaluation.reports[0], 5)
    assert (false.name, false.source, false.score) == ("photo_1.png", "flight 1", 0.875)
    assert (missed.name, missed.source, missed.score) == ("photo_1.png", "flight 1", None)
    assert (false.metres, missed.metres) == (4.0, 12.0)


def test_the_error_is_in_the_middle_of_its_picture(evaluation):
    (false,), _ = worst_errors(evaluation.images, evaluation.reports[0], 5)
    pixels = np.asarray(Image.open(io.BytesIO(false.jpeg)), int)
    assert pixels.shape == (SIDE, SIDE, 3)
    rows, columns = np.nonzero(np.abs(pixels - WRONG).max(axis=-1) < 60)
    assert abs(rows.mean() - SIDE / 2) < 4
    assert abs(columns.mean() - SIDE / 2) < 4
    # 40 of 120 pixels
    assert np.ptp(columns) == pytest.approx(SIDE / 3, abs=5)


def test_each_kind_of_box_has_its_colour(evaluation):
    (false,), (missed,) = worst_errors(evaluation.images, evaluation.reports[0], 5)
    for colour in (TRUTH, IGNORED, WRONG, OUTSIDE):
        assert share(false, colour) > 0.005
    assert share(missed, DETECTED) > 0.002  # over the vehicle that was found


def test_the_worst_come_first_and_no_more_than_asked_for(images):
    boxes = np.array([[20.0 * n, 70, 20 * n + 15, 80] for n in range(3)])
    wrong = Detections(boxes, np.array([0.6, 0.9, 0.7]), np.zeros(3))
    result = report(images, [wrong, wrong.shift(5, 0)], 0.65, "", Comparison("horizontal"))
    false, missed = worst_errors(images, result, 3)
    assert [crop.score for crop in false] == pytest.approx([0.9, 0.9, 0.7])
    assert [crop.name for crop in false] == ["photo_1.png", "photo_2.png", "photo_1.png"]
    assert [crop.metres for crop in missed] == [12.0, 4.0, 4.0]
    assert [len(part) for part in worst_errors(images, result, 1)] == [1, 1]


def test_footprints_are_drawn_as_they_lie(oriented):
    (false,), (missed,) = worst_errors(oriented.images, oriented.reports[0], 5)
    assert (false.metres, missed.metres) == (pytest.approx(5.0), pytest.approx(4.0))
    pixels = np.asarray(Image.open(io.BytesIO(false.jpeg)), int)
    rows, columns = np.nonzero(np.abs(pixels - WRONG).max(axis=-1) < 60)
    middle = (SIDE - 1) / 2
    assert abs(rows.mean() - middle) < 3
    assert abs(columns.mean() - middle) < 3
    across, down = columns - middle, rows - middle
    angle = np.arctan2(*np.linalg.eigh(np.cov(across, down))[1][::-1, 1])
    assert (angle + 0.6 + np.pi / 2) % np.pi - np.pi / 2 == pytest.approx(0, abs=0.05)
    # 50 of 150 pixels
    along = across * np.cos(-0.6) + down * np.sin(-0.6)
    assert np.ptp(along) == pytest.approx(SIDE / 3, abs=6)


def test_boxes_are_drawn_where_boxes_were_compared(oriented):
    (image,), (footprints,) = oriented.images, oriented.reports
    by_boxes = report([image], footprints.detections, 0.5, "mine", Comparison("horizontal"))
    (false,), (missed,) = worst_errors([image], by_boxes, 5)
    # 50 x 20 and 40 x 16 pixels, turned by 0.6
    sides = [[50, 20], [40, 16]] @ np.array([np.cos(0.6), np.sin(0.6)])
    assert [false.metres, missed.metres] == pytest.approx(sides / 10)
    for crop, colour in ((false, WRONG), (missed, TRUTH)):
        pixels = np.asarray(Image.open(io.BytesIO(crop.jpeg)), int)
        drawn = np.abs(pixels - colour).max(axis=-1) < 60
        straight_lines = (drawn.sum(axis=0) > 40).sum(), (drawn.sum(axis=1) > 40).sum()
        assert min(straight_lines) >= 2


def test_an_image_that_is_gone_is_told(evaluation):
    gone = [replace(image, path=image.path.with_name("gone.png")) for image in evaluation.images]
    with pytest.raises(DatasetError, match=r"gone\.png"):
        worst_errors(gone, evaluation.reports[0], 5)
