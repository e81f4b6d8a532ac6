from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import nms

from geovehicle.footprints import boxes_of, corners_of, footprint_iou
from geovehicle.model import rotated
from geovehicle.model.rotated import bounding_boxes, corners, rotated_iou, rotated_nms

if TYPE_CHECKING:
    from collections.abc import Sequence

pixels = st.floats(0, 2000, width=32)
sides = st.just(0.0) | st.floats(0.5, 200, width=32)
angles = st.sampled_from([0.0, math.pi / 4, math.pi / 2, math.pi]) | st.floats(-10, 10, width=32)
rectangle = st.tuples(pixels, pixels, sides, sides, angles)
offsets = st.sampled_from([0.0, 10.0, 20.0]) | st.floats(-100, 100, width=32)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw rectangles near one another, often with parallel, touching or equal sides."""
    first, second = [], []
    for _ in range(draw(st.integers(1, 6))):
        one = x, y, length, width, angle = draw(rectangle)
        like = st.sampled_from([length, width, length / 2]) | sides
        turned = st.sampled_from([angle, angle + math.pi / 2, angle + math.pi]) | angles
        other = (x + draw(offsets), y + draw(offsets), draw(like), draw(like), draw(turned))
        first.append(one)
        second.append(other)
    return torch.tensor(first), torch.tensor(second)


def by_polygons(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Return shapely's answer for the very numbers; what has no area shares none."""
    one, other = first.double().numpy(), second.double().numpy()
    flat = (one[:, 2:4].prod(axis=1) == 0) | (other[:, 2:4].prod(axis=1) == 0)
    return np.where(flat, 0.0, footprint_iou(corners_of(one), corners_of(other)))


@given(st.lists(rectangle, max_size=5))
def test_corners_are_those_of_footprints(given_rectangles: list[tuple[float, ...]]) -> None:
    tensor = torch.tensor(given_rectangles, dtype=torch.float64).reshape(-1, 5)
    expected = corners_of(tensor.numpy())
    np.testing.assert_allclose(corners(tensor).numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(bounding_boxes(tensor).numpy(), boxes_of(expected), atol=1e-9)


@given(pairs())
def test_the_overlap_is_that_of_polygons(given_pairs: tuple[torch.Tensor, torch.Tensor]) -> None:
    expected = by_polygons(*given_pairs)
    found = rotated_iou(*given_pairs)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-4)
    exact = rotated_iou(*(one.double() for one in given_pairs))
    np.testing.assert_allclose(exact.numpy(), expected, rtol=0, atol=1e-9)


@given(pairs())
def test_the_overlap_is_the_same_both_ways(
    given_pairs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    there, back = rotated_iou(*given_pairs), rotated_iou(*given_pairs[::-1])
    np.testing.assert_allclose(there.numpy(), back.numpy(), atol=1e-4)
    assert ((there >= 0) & (there <= 1)).all()


BASE = (1000.0, 1500.0, 45.0, 18.0, 0.7)


def beside(along: float, across: float, *size: float, turn: float = 0.0) -> tuple[float, ...]:
    """Return a rectangle whose centre is moved in the frame of the base."""
    x, y, _, _, angle = BASE
    cosine, sine = math.cos(angle), math.sin(angle)
    centre = (x + along * cosine - across * sine, y + along * sine + across * cosine)
    return (*centre, *size, angle + turn)


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        (BASE, 1),
        (beside(0, 0, 45, 18, turn=math.pi), 1),
        (beside(0, 0, 18, 45, turn=math.pi / 2), 1),
        (beside(0, 18, 45, 18), 0),
        (beside(45, 18, 45, 18), 0),
        (beside(0, 9, 45, 18), 1 / 3),
        (beside(0, 0, 45, 9), 0.5),
        (beside(10, 2, 20, 10), 200 / 810),
        (beside(22.5, 0, 90, 18), 0.5),
        (beside(0, 0, 45, 18, turn=math.pi / 2), 18 * 18 / (2 * 810 - 18 * 18)),
        (beside(0, 0, 45, 0), 0),
        (beside(0, 0, 0, 0), 0),
        ((0.0, 0.0, 45.0, 18.0, 0.7), 0),
    ],
    ids=[
        "itself",
        "backwards",
        "length as width",
        "a side",
        "a corner",
        "half beside",
        "half as wide",
        "within",
        "three sides in common",
        "a cross",
        "a line",
        "a point",
        "far away",
    ],
)
def test_special_overlaps(other: Sequence[float], iou: float) -> None:
    first, second = torch.tensor([BASE]), torch.tensor([other])
    assert rotated_iou(first, second).item() == pytest.approx(iou, abs=1e-5)
    assert rotated_iou(second, first).item() == pytest.approx(iou, abs=1e-5)


def test_what_has_no_area_does_not_overlap_itself() -> None:
    flat = torch.tensor([[5.0, 5, 10, 0, 0.3], [5, 5, 0, 0, 0.3]])
    assert rotated_iou(flat, flat).tolist() == [0, 0]


def test_no_pairs_have_no_overlaps() -> None:
    assert rotated_iou(torch.empty(0, 5), torch.empty(0, 5)).shape == (0,)


def crowd(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vehicles at any angle, several to a place, some of equal score."""
    generator = torch.Generator().manual_seed(seed)
    random = torch.rand(count, 5, generator=generator)
    rectangles = random * torch.tensor([150, 150, 30, 15, math.pi]) + torch.tensor([0, 0, 20, 8, 0])
    scores = torch.randint(0, 20, (count,), generator=generator) / 20
    return rectangles, scores


def naive(rectangles: torch.Tensor, scores: torch.Tensor, iou: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: (-float(scores[i]), i)):
        rivals = rectangles[kept]
        mine = rectangles[index].expand_as(rivals)
        if not len(kept) or by_polygons(rivals, mine).max() <= iou:
            kept.append(index)
    return kept


@given(st.integers(0, 60), st.integers(0, 10_000), st.sampled_from([0.05, 0.15, 0.3, 0.7]))
def test_suppression_equals_the_naive_one(count: int, seed: int, iou: float) -> None:
    rectangles, scores = crowd(count, seed)
    kept = rotated_nms(rectangles, scores, iou)
    assert kept.dtype == torch.int64
    assert kept.tolist() == naive(rectangles, scores, iou)


def test_suppression_of_straight_rectangles_is_that_of_boxes() -> None:
    rectangles, _ = crowd(400, 1)
    rectangles[:, 4] = math.pi / 2 * (torch.arange(400) % 2)
    scores = torch.randperm(400, generator=torch.Generator().manual_seed(0)) / 400
    expected = nms(bounding_boxes(rectangles), scores, 0.3)
    assert rotated_nms(rectangles, scores, 0.3).tolist() == expected.tolist()
    assert 10 < len(expected) < 390


def test_what_is_suppressed_suppresses_nothing() -> None:
    chain = torch.tensor([[5.0 + 4 * step, 5, 10, 10, 0] for step in range(9)])
    scores = torch.linspace(0.9, 0.1, 9)
    assert rotated_nms(chain, scores, 0.3).tolist() == [0, 2, 4, 6, 8]


def test_of_equal_scores_the_first_wins() -> None:
    twins = torch.tensor([[100.0, 100, 45, 18, 0.5]]).repeat(40, 1)
    assert rotated_nms(twins, torch.full((40,), 0.5), 0.3).tolist() == [0]


def test_neighbours_on_the_diagonal_stay() -> None:
    row = torch.tensor([[100.0 + 13 * i, 100 - 13 * i, 45, 18, math.pi / 4] for i in range(6)])
    scores = torch.linspace(0.9, 0.4, 6)
    assert rotated_nms(row, scores, 0.05).tolist() == [0, 1, 2, 3, 4, 5]
    assert len(nms(bounding_boxes(row), scores, 0.3)) < 6


def test_the_result_does_not_depend_on_how_much_is_done_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rectangles, scores = crowd(60, 3)
    whole = rotated_nms(rectangles, scores, 0.2)
    monkeypatch.setattr(rotated, "ROWS", 7)
    monkeypatch.setattr(rotated, "PAIRS", 5)
    assert rotated_nms(rectangles, scores, 0.2).tolist() == whole.tolist()
    assert 5 < len(whole) < 55


def test_nothing_stays_nothing() -> None:
    assert rotated_nms(torch.empty(0, 5), torch.empty(0), 0.3).tolist() == []
