from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from geovehicle.export.figures import draw_figures
from geovehicle.matching import Overlaps
from geovehicle.measurement import Measurement

NAMES = ["precision", "precision-recall", "recall"]
ORANGE = b"#d55e00"
"""The second colour."""


def report(found: int, name: str):
    """Return the report of a detector that found some of three vehicles, exactly."""
    boxes = np.array([[0.0, 0, 40, 20], [100, 0, 140, 20], [200, 0, 240, 20]])
    scores = np.array([0.9, 0.8, 0.7])[:found]
    overlaps = Overlaps.of_boxes(boxes[:found], scores, boxes, np.empty((0, 4)))
    return Measurement(overlaps, score=0.5).report(name, {}, [])


@pytest.fixture(scope="module")
def pair():
    """Return the figures of two detectors, of names that look like formulas."""
    return draw_figures([report(2, "$x"), report(1, "$y$")])


def test_each_figure_is_a_picture_in_both_formats(pair):
    assert sorted(pair) == sorted(f"{name}.{kind}" for name in NAMES for kind in ("png", "svg"))
    for name in NAMES:
        assert Image.open(io.BytesIO(pair[f"{name}.png"])).size == (780, 600)
        assert b"<svg" in pair[f"{name}.svg"]
        assert ORANGE in pair[f"{name}.svg"]


def test_the_same_figures_give_the_same_files(pair):
    assert draw_figures([report(2, "$x"), report(1, "$y$")]) == pair
    assert not any(b"<dc:date>" in content for content in pair.values())


def test_one_detector_is_one_line_even_if_it_found_nothing():
    alone = draw_figures([replace(report(0, ""), name="mine")])
    assert not any(ORANGE in alone[f"{name}.svg"] for name in NAMES)


def test_a_name_that_is_no_unicode_does_not_stop_the_drawing():
    assert b"<svg" in draw_figures([report(2, "a"), report(1, "b\udcff")])["recall.svg"]
