from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.blocks import plan_blocks
from geovehicle.patches import plan

sizes = st.integers(1, 700)
sides = st.integers(1, 4)


@given(sizes, sizes, sides)
def test_cores_partition_the_scene(width: int, height: int, side: int) -> None:
    owners = np.zeros((height, width), int)
    for block in plan_blocks(width, height, 100, 30, side).blocks:
        left, top, right, bottom = block.window.core
        owners[top:bottom, left:right] += 1
    assert (owners == 1).all()


@given(sizes, sizes, sides)
def test_every_patch_is_in_one_block_that_holds_all_of_it(
    width: int, height: int, side: int
) -> None:
    scene = plan_blocks(width, height, 100, 30, side)
    windows = [window for block in scene.blocks for window in block.windows]
    assert sorted(windows, key=lambda w: (w.row, w.col)) == list(plan(width, height, 100, 30))
    for block in scene.blocks:
        whole = block.window
        for window in block.windows:
            assert whole.col <= window.col
            assert whole.row <= window.row
            assert window.col + window.width <= whole.col + whole.width
            assert window.row + window.height <= whole.row + whole.height
            assert whole.core[0] <= window.core[0] < window.core[2] <= whole.core[2]
            assert whole.core[1] <= window.core[1] < window.core[3] <= whole.core[3]


@given(sizes, sizes, sides)
def test_blocks_and_patches_are_numbered_through(width: int, height: int, side: int) -> None:
    scene = plan_blocks(width, height, 100, 30, side)
    assert [block.index for block in scene.blocks] == list(range(len(scene.blocks)))
    firsts = np.cumsum([0, *(len(block.windows) for block in scene.blocks)])
    assert [block.first for block in scene.blocks] == firsts[:-1].tolist()
    assert [row[0].row for row in scene.rows] == list(range(len(scene.rows)))
    assert sum(len(row) for row in scene.rows) == len(scene.blocks)
    assert sum(block.pixels for block in scene.blocks) == width * height


def test_a_block_has_no_more_patches_a_side_than_asked_for() -> None:
    scene = plan_blocks(1000, 600, 100, 30, 3)  # 14 x 9 patches
    assert [[len(block.windows) for block in row] for row in scene.rows] == [[9, 9, 9, 9, 6]] * 3
