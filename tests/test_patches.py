from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.errors import SettingsError
from geovehicle.patches import PatchWindow, cut, number_of, plan


@st.composite
def layouts(draw: Any) -> tuple[int, int, int, int]:
    patch = draw(st.integers(1, 40))
    sides = draw(st.tuples(st.integers(1, 130), st.integers(1, 130)))
    return *sides, patch, draw(st.integers(0, patch - 1))


@given(layouts())
def test_cores_partition_the_scene(layout: tuple[int, int, int, int]) -> None:
    width, height, patch, overlap = layout
    owners = np.zeros((height, width), int)
    for window in plan(width, height, patch, overlap):
        left, top, right, bottom = window.core
        assert left < right
        assert top < bottom
        owners[top:bottom, left:right] += 1
    assert (owners == 1).all()


@given(layouts())
def test_windows_have_one_size_inside_the_scene(layout: tuple[int, int, int, int]) -> None:
    width, height, patch, overlap = layout
    windows = plan(width, height, patch, overlap)
    assert len({(window.width, window.height) for window in windows}) == 1
    for window in windows:
        assert window.width <= patch
        assert window.height <= patch
        assert 0 <= window.col <= width - window.width
        assert 0 <= window.row <= height - window.height


@given(layouts())
def test_inner_core_borders_have_half_the_overlap_around(
    layout: tuple[int, int, int, int],
) -> None:
    width, height, patch, overlap = layout
    for window in plan(width, height, patch, overlap):
        left, top, right, bottom = window.core
        halo = (
            (left - window.col, left > 0),
            (top - window.row, top > 0),
            (window.col + window.width - right, right < width),
            (window.row + window.height - bottom, bottom < height),
        )
        assert all(margin >= (overlap // 2 if inner else 0) for margin, inner in halo)


@given(layouts())
def test_windows_are_as_few_as_possible(layout: tuple[int, int, int, int]) -> None:
    width, height, patch, overlap = layout

    def fewest(length: int) -> int:
        return 1 + max(0, -(-(length - patch) // (patch - overlap)))

    windows = plan(width, height, patch, overlap)
    assert len(windows) == len(set(windows)) == fewest(width) * fewest(height)
    assert number_of(width, height, patch, overlap) == len(windows)


@given(layouts())
def test_windows_come_row_by_row_and_spread_evenly(layout: tuple[int, int, int, int]) -> None:
    windows = plan(*layout)
    places = [(window.row, window.col) for window in windows]
    assert places == sorted(places)
    for starts in ({w.col for w in windows}, {w.row for w in windows}):
        steps = [second - first for first, second in pairwise(sorted(starts))]
        assert not steps or max(steps) - min(steps) <= 1


@given(layouts())
def test_windows_are_no_larger_than_their_number_asks_for(
    layout: tuple[int, int, int, int],
) -> None:
    width, height, patch, overlap = layout
    windows = plan(width, height, patch, overlap)
    for count, length, size in (
        (len({w.col for w in windows}), width, windows[0].width),
        (len({w.row for w in windows}), height, windows[0].height),
    ):
        assert count * (size - 1) - (count - 1) * overlap < length


@pytest.mark.parametrize("overlap", [0, 200, 1023])
def test_a_scene_smaller_than_a_patch_is_one_window(overlap: int) -> None:
    whole = (PatchWindow(0, 0, 383, 232, (0, 0, 383, 232)),)
    assert plan(383, 232, 1024, overlap) == cut(383, 232, (1024, 1024), overlap) == whole


def test_neighbours_meet_in_the_middle_of_their_overlap() -> None:
    first, second = plan(180, 50, 100, 20)
    assert (first.col, second.col) == (0, 80)
    assert (first.core, second.core) == ((0, 0, 90, 50), (90, 0, 180, 50))


@pytest.mark.parametrize(("patch", "overlap"), [(100, 100), (100, 101), (100, -1), (0, 0)])
def test_an_overlap_that_leaves_no_room_is_refused(patch: int, overlap: int) -> None:
    with pytest.raises(SettingsError, match=f"patches of {patch} pixels"):
        plan(500, 500, patch, overlap)
    with pytest.raises(SettingsError, match=f"patches of {patch} pixels"):
        number_of(500, 500, patch, overlap)


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(width=st.integers(1, 130), height=st.integers(1, 130), size=sizes, share=st.floats(0, 0.99))
def test_windows_of_a_given_size_keep_it_and_cover_the_image(
    width: int, height: int, size: tuple[int, int], share: float
) -> None:
    overlap = int(min(size) * share)
    windows = cut(width, height, size, overlap)
    expected = (min(width, size[0]), min(height, size[1]))
    assert {(window.width, window.height) for window in windows} == {expected}
    owners = np.zeros((height, width), int)
    for window in windows:
        left, top, right, bottom = window.core
        assert 0 <= window.col <= left < right <= window.col + window.width <= width
        assert 0 <= window.row <= top < bottom <= window.row + window.height <= height
        owners[top:bottom, left:right] += 1
    assert (owners == 1).all()
    for starts, side in (({w.col for w in windows}, size[0]), ({w.row for w in windows}, size[1])):
        steps = [second - first for first, second in pairwise(sorted(starts))]
        assert all(step <= side - overlap for step in steps)


def test_an_image_of_itcvd_in_the_paper_s_patches() -> None:
    windows = cut(5616, 3744, (752, 674), 50)
    assert len(windows) == 8 * 6
    assert {(window.width, window.height) for window in windows} == {(752, 674)}


def test_a_given_size_with_an_overlap_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(SettingsError, match="patches of 40 pixels"):
        cut(500, 500, (60, 40), 40)
