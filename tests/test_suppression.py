from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geovehicle.detections import Detections, box_iou
from geovehicle.footprints import footprint_iou
from geovehicle.suppression import suppress

SOME = runpy.run_path(str(Path(__file__).with_name("some_detections.py")))
_detections, _lying = SOME["detections"], SOME["lying"]


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


# within one another, the IoU is a ratio of whole areas: at none of these, or rounding decides
@given(turned_detections(), st.sampled_from([0.0501, 0.1501, 0.3001, 0.7001]))
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
