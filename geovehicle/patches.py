"""The patches that a scene is cut into: pure integers, no pixels.

Neighbouring windows overlap, so that one of them sees each vehicle whole.  The
cores, which share the overlaps out, partition the scene: every point of it is
owned by exactly one patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

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

    Windows stay inside the scene, have one size, are as few as possible and
    spread evenly.

    Parameters
    ----------
    width, height : int
        Size of the scene in pixels.
    patch : int
        Side of a window in pixels; shorter where the scene is.
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
    if not 0 <= overlap < patch:
        raise SettingsError(
            f"patches of {patch} pixels cannot overlap by {overlap}; take larger patches"
        )
    columns, rows = _spans(width, patch, overlap), _spans(height, patch, overlap)
    size = min(patch, width), min(patch, height)
    return tuple(
        PatchWindow(col, row, *size, core=(left, top, right, bottom))
        for row, top, bottom in rows
        for col, left, right in columns
    )


def _spans(length: int, patch: int, overlap: int) -> list[tuple[int, int, int]]:
    """Return the start, core start and core end of each window along one axis."""
    room = max(0, length - patch)
    gaps = -(-room // (patch - overlap))
    starts = [0, *(index * room // gaps for index in range(1, gaps + 1))]
    borders = [(first + patch + second) // 2 for first, second in pairwise(starts)]
    return list(zip(starts, [0, *borders], [*borders, length], strict=True))
