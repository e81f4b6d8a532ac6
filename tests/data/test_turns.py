from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.data.turns import AS_STORED, TURNS, Turn

SIZE = (5, 3)

PIXELS = np.arange(15, dtype=np.uint8).reshape(3, 5)


def test_there_are_eight_views() -> None:
    assert len({(turn.pixels(PIXELS).shape, turn.pixels(PIXELS).tobytes()) for turn in TURNS}) == 8
    assert len(TURNS) == 8
    assert TURNS[0] == AS_STORED
    assert np.shares_memory(AS_STORED.pixels(PIXELS), PIXELS)
    np.testing.assert_array_equal(AS_STORED.pixels(PIXELS), PIXELS)


def test_a_quarter_is_against_the_clock_as_seen() -> None:
    assert Turn(1).pixels(PIXELS)[:, 0].tolist() == [4, 3, 2, 1, 0]
    assert Turn(1, mirrored=True).pixels(PIXELS)[0].tolist() == [14, 9, 4]


@pytest.mark.parametrize("turn", TURNS)
def test_points_go_where_the_pixels_go(turn: Turn) -> None:
    turned = turn.pixels(PIXELS)
    assert turn.size(SIZE) == turned.shape[::-1]
    middles = np.argwhere(PIXELS >= 0)[:, ::-1] + 0.5
    columns, rows = (turn.points(middles, SIZE) - 0.5).T.astype(int)
    np.testing.assert_array_equal(turned[rows, columns], PIXELS.ravel())


@pytest.mark.parametrize("turn", TURNS)
def test_back_undoes(turn: Turn) -> None:
    np.testing.assert_array_equal(turn.back().pixels(turn.pixels(PIXELS)), PIXELS)
    corners = np.array([[[0.0, 0.0], [5.0, 0.0], [5.0, 3.0], [1.0, 2.5]]])
    there = turn.points(corners, SIZE)
    np.testing.assert_allclose(turn.back().points(there, turn.size(SIZE)), corners)
    assert turn.then(turn.back()) == AS_STORED


@given(first=st.sampled_from(TURNS), second=st.sampled_from(TURNS))
def test_one_after_the_other_is_one(first: Turn, second: Turn) -> None:
    both = first.then(second)
    assert both in TURNS
    np.testing.assert_array_equal(both.pixels(PIXELS), second.pixels(first.pixels(PIXELS)))
