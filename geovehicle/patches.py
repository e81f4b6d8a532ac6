"""The patches that a scene is cut into: pure integers, no pixels.

Neighbouring windows overlap, so that one of them sees each vehicle whole.  The
cores, which share the overlaps out, partition the scene: every point of it is
owned by exactly one patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from geovehicle.errors import SettingsError


@dataclass(frozen=True, slots=True)
class PatchWindow:
    """A rectangle of scene pixels that is read at once.

    Parameters
    ----------
    col, row : int
        Upper left pixel, in scene pixels.
    width, height : int
        Size in pixels.
    core : tuple of int
        ``left, top, right, bottom`` of the part that this patch owns, in scene
        pixels, half open.
    """

    col: int
    row: int
    width: int
    height: int
    core: tuple[int, int, int, int]


def plan(width: int, height: int, patch: int, overlap: int) -> tuple[PatchWindow, ...]:
    """Cover a scene with overlapping windows.

    Windows stay inside the scene, are as few as possible, all of one size, spread
    evenly and no larger than their number asks for: a scene that two windows cover
    with room to spare costs two smaller windows.

    Parameters
    ----------
    width, height : int
        Size of the scene in pixels.
    patch : int
        Longest side of a window in pixels.
    overlap : int
        Least overlap of neighbouring windows in pixels.

    Returns
    -------
    tuple of PatchWindow
        Row by row.

    Raises
    ------
    SettingsError
        If the overlap leaves a patch no room to advance.
    """
    columns, rows = (_gaps(length, patch, overlap) for length in (width, height))
    return _windows(
        _spread(width, -(-(width + columns * overlap) // (columns + 1)), columns),
        _spread(height, -(-(height + rows * overlap) // (rows + 1)), rows),
    )


def number_of(width: int, height: int, patch: int, overlap: int) -> int:
    """Return how many windows :func:`plan` makes, without making them; it says the rest."""
    columns, rows = (_gaps(length, patch, overlap) for length in (width, height))
    return (columns + 1) * (rows + 1)


def cut(width: int, height: int, size: tuple[int, int], overlap: int) -> tuple[PatchWindow, ...]:
    """Cover an image with overlapping windows of a given size, which is kept.

    They are as few as possible and spread evenly.  Only an image that is smaller
    than a window makes it smaller.

    Parameters
    ----------
    width, height : int
        Size of the image in pixels.
    size : tuple of int
        Width and height of a window in pixels.
    overlap : int
        Least overlap of neighbouring windows in pixels.

    Returns
    -------
    tuple of PatchWindow
        Row by row.

    Raises
    ------
    SettingsError
        If the overlap leaves a window no room to advance.
    """
    lengths = ((width, size[0]), (height, size[1]))
    columns, rows = (
        _spread(length, min(length, patch), _gaps(length, patch, overlap))
        for length, patch in lengths
    )
    return _windows(columns, rows)


class _Span(NamedTuple):
    """A window along one axis: where it starts, its size, and its core, half open."""

    start: int
    size: int
    first: int
    last: int


def _windows(columns: list[_Span], rows: list[_Span]) -> tuple[PatchWindow, ...]:
    return tuple(
        PatchWindow(x.start, y.start, x.size, y.size, core=(x.first, y.first, x.last, y.last))
        for y in rows
        for x in columns
    )


def _gaps(length: int, patch: int, overlap: int) -> int:
    """Return how many steps windows of this size need to the end."""
    if not 0 <= overlap < patch:
        raise SettingsError(
            f"patches of {patch} pixels cannot overlap by {overlap}; take larger patches"
        )
    return -(-max(0, length - patch) // (patch - overlap))


def _spread(length: int, size: int, gaps: int) -> list[_Span]:
    starts = [0, *(index * (length - size) // gaps for index in range(1, gaps + 1))]
    borders = [(first + size + second) // 2 for first, second in pairwise(starts)]
    cores = zip([0, *borders], [*borders, length], strict=True)
    return [_Span(start, size, *core) for start, core in zip(starts, cores, strict=True)]
