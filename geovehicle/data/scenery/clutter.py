"""What stands and lies about where no vehicle is: which pieces, how large, where."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from geovehicle.data.scenery import furniture, marks, stairs, stands
from geovehicle.data.scenery.chance import weighted

if TYPE_CHECKING:
    from geovehicle.data.scenery.canvas import Frame
    from geovehicle.data.scenery.site import Site
    from geovehicle.data.scenery.stairs import Size

GAP_M = 0.5
"""Room between the pieces of a row."""


class Piece(NamedTuple):
    """A kind of thing.

    Attributes
    ----------
    draw
        Draws one in the middle of a frame, of a length along x and a width.
    length, width
        Smallest and largest, metres.
    row
        How many at most stand in a row, side by side.
    flat
        Whether it lies below vehicles, so that it need not keep clear of them.
    """

    draw: Callable[[Site, Frame, Size], None]
    length: Size
    width: Size
    row: int = 1
    flat: bool = False


Table = Sequence[tuple[float, Piece]]
"""Pieces and their weights."""

STAIRS = Piece(stairs.stairs, (3.2, 8.5), (1.5, 4.2))
RAMP = Piece(stairs.ramp, (6.0, 12.0), (3.0, 4.5))
LIGHT_WELL = Piece(stairs.light_well, (1.0, 4.5), (0.8, 2.0), 2)
KIOSK = Piece(stands.kiosk, (2.4, 4.8), (2.2, 3.8), 3)
MARQUEE = Piece(stands.marquee, (2.5, 5.0), (2.4, 3.5), 5)
PARASOL = Piece(stands.parasol, (2.0, 4.0), (2.0, 4.0), 4)
CANOPY = Piece(stands.canopy, (3.5, 12.0), (1.3, 2.6))
SHED = Piece(stands.shed, (2.0, 6.0), (1.6, 3.2))
TABLE = Piece(furniture.table, (1.5, 2.2), (1.4, 2.0), 4)
BENCH = Piece(furniture.bench, (1.5, 2.8), (0.45, 0.7), 2)
PLANTER = Piece(furniture.planter, (1.0, 5.0), (0.9, 2.2), 3)
DUMPSTER = Piece(furniture.dumpster, (1.3, 2.4), (1.0, 1.6), 4)
SKIP = Piece(furniture.skip, (3.0, 6.5), (1.7, 2.4))
CONTAINER = Piece(furniture.container, (4.5, 6.1), (2.2, 2.5), 3)
PALLETS = Piece(furniture.pallets, (1.0, 5.5), (0.9, 2.2), 4)
HEAP = Piece(furniture.heap, (2.0, 7.0), (2.0, 5.0))
TRAMPOLINE = Piece(furniture.trampoline, (2.4, 4.4), (2.4, 4.4))
BASIN = Piece(furniture.basin, (2.0, 9.0), (1.6, 4.5))
CABINET = Piece(furniture.cabinet, (0.5, 2.0), (0.4, 0.9), 2)
SCREEN = Piece(furniture.screen, (2.5, 9.0), (0.12, 0.3))
BICYCLES = Piece(furniture.stands_for_bicycles, (2.0, 7.0), (1.6, 1.9))
PERSON = Piece(furniture.person, (0.3, 0.5), (0.45, 0.6), 3)
PATCH = Piece(marks.patch, (1.5, 8.0), (0.8, 3.0), 1, flat=True)
PUDDLE = Piece(marks.puddle, (1.0, 5.0), (1.0, 3.0), 1, flat=True)
COVER = Piece(marks.cover, (0.5, 1.6), (0.4, 0.9), 2, flat=True)
HATCHING = Piece(marks.hatching, (2.5, 9.0), (1.5, 3.5), 1, flat=True)
SURFACE = Piece(marks.surface, (3.0, 14.0), (1.4, 3.0), 1, flat=True)
SIGN = Piece(marks.sign, (1.0, 2.6), (1.0, 2.2), 1, flat=True)
LETTERS = Piece(marks.letters, (1.2, 4.0), (0.9, 2.8), 1, flat=True)
BLOCKS = Piece(marks.blocks, (0.5, 1.2), (2.8, 3.4), 1, flat=True)
HUMP = Piece(marks.hump, (0.5, 2.6), (2.8, 3.4), 1, flat=True)

PAVEMENT: Table = (
    (0.13, STAIRS), (0.10, KIOSK), (0.09, CANOPY), (0.08, LIGHT_WELL), (0.10, PLANTER),
    (0.06, BENCH), (0.06, DUMPSTER), (0.08, CABINET), (0.05, BICYCLES), (0.14, PERSON),
    (0.05, SCREEN), (0.03, PARASOL), (0.03, PATCH), (0.04, COVER),
)  # fmt: skip
SQUARE: Table = (
    (0.16, STAIRS), (0.16, KIOSK), (0.08, MARQUEE), (0.08, PARASOL), (0.08, CANOPY),
    (0.08, PLANTER), (0.05, BASIN), (0.05, TABLE), (0.05, BENCH), (0.06, SCREEN),
    (0.04, LIGHT_WELL), (0.04, PATCH), (0.03, RAMP), (0.03, BICYCLES), (0.06, PERSON),
)  # fmt: skip
CARRIAGEWAY: Table = (
    (0.16, PATCH), (0.12, COVER), (0.12, LETTERS), (0.12, BLOCKS), (0.12, HUMP),
    (0.14, HATCHING), (0.10, SURFACE), (0.08, SIGN), (0.06, PUDDLE),
)  # fmt: skip
CAR_PARK: Table = (
    (0.15, DUMPSTER), (0.10, SKIP), (0.12, CANOPY), (0.10, KIOSK), (0.08, CONTAINER),
    (0.10, PALLETS), (0.06, MARQUEE), (0.06, HEAP), (0.06, CABINET), (0.08, BICYCLES),
    (0.06, PLANTER), (0.06, PERSON), (0.03, STAIRS),
)  # fmt: skip
BAY: Table = (
    (0.30, SIGN), (0.25, PUDDLE), (0.15, PATCH), (0.12, LETTERS), (0.18, COVER),
)  # fmt: skip
GARDEN: Table = (
    (0.15, SHED), (0.15, TRAMPOLINE), (0.12, BASIN), (0.12, TABLE), (0.10, PARASOL),
    (0.08, PALLETS), (0.06, HEAP), (0.08, PLANTER), (0.06, MARQUEE), (0.04, LIGHT_WELL),
    (0.04, DUMPSTER),
)  # fmt: skip
YARD: Table = (
    (0.18, PALLETS), (0.16, HEAP), (0.14, SKIP), (0.14, CONTAINER), (0.08, KIOSK),
    (0.08, DUMPSTER), (0.06, SCREEN), (0.06, CANOPY), (0.05, PUDDLE), (0.05, PATCH),
)  # fmt: skip


def scatter(site: Site, corner: Frame, size: Size, table: Table, count: int) -> None:
    """Put pieces on a rectangle of ground, mostly in line with it, where there is room.

    Parameters
    ----------
    site
        The scene.
    corner
        Corner of the rectangle; it extends to positive x and y.
    size
        Of the rectangle, metres.
    table
        What to choose from.
    count
        How many times to choose.
    """
    rng = site.rng
    for _ in range(count):
        piece = weighted(rng, table)
        length, width = float(rng.uniform(*piece.length)), float(rng.uniform(*piece.width))
        row = int(rng.integers(1, piece.row + 1))
        breadth = row * (width + GAP_M) - GAP_M
        turned = site.chance(0.3)
        across, down = (breadth, length) if turned else (length, breadth)
        if across < size[0] and down < size[1]:
            x = rng.uniform(across / 2, size[0] - across / 2)
            y = rng.uniform(down / 2, size[1] - down / 2)
            turn = (turned + 2 * site.chance(0.5)) * math.pi / 2 + rng.normal(0, 0.03)
            put(site, corner.at(x, y, turn), piece, (length, width), row)


def put(site: Site, frame: Frame, piece: Piece, size: Size, row: int = 1) -> None:
    """Put one piece, or a row of them along y with its middle at the frame.

    What is not flat is left out where something else is.
    """
    pitch = size[1] + GAP_M
    for k in range(row):
        place = frame.at(0, (k - (row - 1) / 2) * pitch)
        if site.canvas.sees(place, sum(size)) if piece.flat else site.claim(place, *size):
            piece.draw(site, place, size)
