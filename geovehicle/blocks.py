"""Blocks: the rectangles of patches that a scene is worked through by.

A block is what is read at once, recorded once it is done, and handed to a worker of a
cluster.  Pure integers, as :mod:`geovehicle.patches`, whose windows blocks group.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from geovehicle.patches import PatchWindow, plan


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle of patches.

    Parameters
    ----------
    index : int
        Its number among the blocks of the scene, row by row.
    row : int
        The row of blocks that it belongs to.
    first : int
        Number of its first patch; patches are numbered through the blocks of the scene.
    windows : tuple of PatchWindow
        Its patches, row by row.
    """

    index: int
    row: int
    first: int
    windows: tuple[PatchWindow, ...]

    @property
    def window(self) -> PatchWindow:
        """What is read: all windows of the block as one, which owns all of their cores."""
        top, bottom = self.windows[0], self.windows[-1]
        width = bottom.col + bottom.width - top.col
        height = bottom.row + bottom.height - top.row
        return PatchWindow(top.col, top.row, width, height, top.core[:2] + bottom.core[2:])

    @property
    def pixels(self) -> int:
        """Scene pixels that the block owns."""
        left, top, right, bottom = self.window.core
        return (right - left) * (bottom - top)


@dataclass(frozen=True)
class ScenePlan:
    """How a scene is worked through.

    Parameters
    ----------
    width, height : int
        Size of the scene in pixels.
    blocks : tuple of Block
        Row by row; their cores partition the scene.
    """

    width: int
    height: int
    blocks: tuple[Block, ...]

    @property
    def rows(self) -> tuple[tuple[Block, ...], ...]:
        """The blocks of each row, from the top."""
        return tuple(tuple(row) for _, row in groupby(self.blocks, attrgetter("row")))


def plan_blocks(width: int, height: int, patch: int, overlap: int, side: int) -> ScenePlan:
    """Cover a scene with overlapping windows, see :func:`geovehicle.patches.plan`, in blocks.

    Parameters
    ----------
    width, height : int
        Size of the scene in pixels.
    patch : int
        Longest side of a window in pixels.
    overlap : int
        Least overlap of neighbouring windows in pixels.
    side : int
        Windows along a side of a block, at least 1; fewer at the right and lower edge.

    Raises
    ------
    SettingsError
        If the overlap leaves a patch no room to advance.
    """
    rows = [
        tuple(row) for _, row in groupby(plan(width, height, patch, overlap), attrgetter("row"))
    ]
    blocks: list[Block] = []
    first = 0
    for number, top in enumerate(range(0, len(rows), side)):
        for left in range(0, len(rows[0]), side):
            own = tuple(w for row in rows[top : top + side] for w in row[left : left + side])
            blocks.append(Block(len(blocks), number, first, own))
            first += len(own)
    return ScenePlan(width, height, tuple(blocks))
