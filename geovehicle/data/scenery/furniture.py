"""Low things of streets, gardens and yards: benches, planters, dumpsters, heaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, Points, rectangle, rounded
from geovehicle.data.scenery.chance import one_of
from geovehicle.data.scenery.props import blob, ribs

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

Size = tuple[float, float]
"""Length and width of a thing in metres."""

LIDS = ((58, 62, 66), (58, 88, 66), (46, 74, 124), (176, 152, 60), (112, 78, 52), (34, 36, 40))
METALS = ((60, 92, 70), (52, 76, 128), (150, 64, 46), (198, 198, 192), (186, 122, 48), (92, 94, 96))
GOODS = ((168, 152, 116), (128, 122, 112), (96, 80, 66), (196, 190, 178), (74, 70, 66))
TARPAULINS = ((60, 92, 142), (84, 110, 84), (206, 206, 204), (70, 72, 76))
WOOD = Material((142, 112, 82), 0.3)
POOLS = ((88, 160, 182), (96, 172, 200), (70, 120, 132))


def table(site: Site, frame: Frame, size: Size) -> None:
    """Put down a table between two benches, or seats around it."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    wood = one_of(rng, (WOOD, Material((176, 176, 172), 0.1), Material((92, 70, 54), 0.2)))
    wood = wood.scaled(rng.uniform(0.8, 1.2))
    for top, bottom, height in (
        (-y, -0.6 * y, 0.45),
        (-0.4 * y, 0.4 * y, 0.75),
        (0.6 * y, y, 0.45),
    ):
        board = rectangle(-x, top, x, bottom)
        site.canvas.prism(Layer.LOW, frame, board, (wood, wood.scaled(0.6)), height)


def bench(site: Site, frame: Frame, size: Size) -> None:
    """Put down a bench of a few boards."""
    x, y = size[0] / 2, size[1] / 2
    wood = WOOD.scaled(site.rng.uniform(0.6, 1.2))
    site.canvas.prism(Layer.LOW, frame, rectangle(-x, -y, x, y), (wood.scaled(0.7), wood), 0.5)
    for top in (-y, -y / 3, y / 3):
        board = rectangle(-x, top, x, top + 0.45 * y)
        site.canvas.fill(Layer.LOW, frame, board, wood, 0.5)


def planter(site: Site, frame: Frame, size: Size) -> None:
    """Put down a trough or a raised bed with bushes."""
    rng, (x, y), height = site.rng, (size[0] / 2, size[1] / 2), site.rng.uniform(0.3, 0.9)
    stone = one_of(rng, (site.palette.concrete, site.palette.kerb, WOOD)).scaled(
        rng.uniform(0.6, 1.2)
    )
    body = rounded(-x, -y, x, y, one_of(rng, (0.05, 0.05, min(x, y))))
    site.canvas.prism(Layer.LOW, frame, body, (stone, stone.scaled(0.65)), height)
    inner = [(px * (1 - 0.2 / x), py * (1 - 0.2 / y)) for px, py in body]
    site.canvas.fill(Layer.LOW, frame, inner, site.palette.soil.scaled(0.7), height)
    leaves = one_of(rng, site.palette.leaves)
    for _ in range(int(1 + 3 * x * y * rng.uniform(0.2, 2))):
        here = frame.at(rng.uniform(-0.7, 0.7) * x, rng.uniform(-0.7, 0.7) * y, rng.uniform(0, 6))
        bush = blob(min(x, y) * rng.uniform(0.2, 0.5), int(rng.integers(8)))
        site.canvas.fill(Layer.LOW, here, bush, leaves.scaled(rng.uniform(0.7, 1.3)), height + 0.2)


def dumpster(site: Site, frame: Frame, size: Size) -> None:
    """Put down a container with one or two lids that slope to its front."""
    rng, (x, y), height = site.rng, (size[0] / 2, size[1] / 2), site.rng.uniform(1.1, 1.6)
    steel, lid = Material(one_of(rng, METALS), 0.15), Material(one_of(rng, LIDS), 0.1)
    site.canvas.prism(Layer.LOW, frame, rectangle(-x, -y, x, y), (steel, steel.scaled(0.6)), height)
    leaves = int(rng.integers(1, 3))
    for k in range(leaves):
        left, right = x * (2 * k / leaves - 1), x * (2 * (k + 1) / leaves - 1)
        flap = rectangle(left + 0.06, 0.1 - y, right - 0.06, y - 0.1)
        site.canvas.fill(Layer.LOW, frame, flap, lid.scaled(rng.uniform(0.9, 1.15)), height)
        ridge = rectangle(left + 0.06, -0.1, right - 0.06, 0.0)
        site.canvas.fill(Layer.LOW, frame, ridge, lid.scaled(1.35), height)


def skip(site: Site, frame: Frame, size: Size) -> None:
    """Put down an open container, empty or with rubble."""
    rng, (x, y), height = site.rng, (size[0] / 2, size[1] / 2), site.rng.uniform(1.0, 2.3)
    steel = Material(one_of(rng, METALS), 0.2).scaled(rng.uniform(0.7, 1.1))
    site.canvas.prism(Layer.LOW, frame, rectangle(-x, -y, x, y), (steel, steel.scaled(0.6)), height)
    inner = rectangle(0.12 - x, 0.12 - y, x - 0.12, y - 0.12)
    full = site.chance(0.5)
    goods = Material(one_of(rng, GOODS), 0.5)
    site.canvas.fill(Layer.LOW, frame, inner, goods if full else steel.scaled(0.35), height - 0.2)
    if full:
        for _ in range(12):
            here = frame.at(rng.uniform(-0.75, 0.75) * x, rng.uniform(-0.65, 0.65) * y)
            lump = blob(rng.uniform(0.15, 0.4), int(rng.integers(8)))
            site.canvas.fill(Layer.LOW, here, lump, goods.scaled(rng.uniform(0.6, 1.3)), height)
    else:
        floor = rectangle(0.4 - x, 0.25 - y, x - 0.4, y - 0.25)
        site.canvas.fill(Layer.LOW, frame, floor, steel.scaled(0.6), 0.2)


def container(site: Site, frame: Frame, size: Size) -> None:
    """Put down a freight container or a builders' hut with a ribbed top."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    steel = Material(one_of(rng, METALS), 0.2).scaled(rng.uniform(0.8, 1.15))
    body = rectangle(-x, -y, x, y)
    site.canvas.prism(Layer.LOW, frame, body, (steel, steel.scaled(0.6)), 2.6)
    ribs(
        site,
        Layer.LOW,
        frame,
        (x - 0.1, y - 0.15),
        (steel.scaled(0.85), rng.uniform(0.3, 0.6), 2.6),
    )


def pallets(site: Site, frame: Frame, size: Size) -> None:
    """Stack goods, boards or pipes, sometimes below a tarpaulin."""
    rng, (x, y), height = site.rng, (size[0] / 2, size[1] / 2), site.rng.uniform(0.5, 1.8)
    draped = site.chance(0.3)
    goods = Material(one_of(rng, TARPAULINS if draped else GOODS), 0.3).scaled(
        rng.uniform(0.8, 1.2)
    )
    body = rectangle(-x, -y, x, y)
    site.canvas.prism(Layer.LOW, frame, body, (goods, goods.scaled(0.55)), height)
    if draped:
        fold = ((-x, -y), (x, 0.2 * y), (x, 0.35 * y), (-x, -0.6 * y))
        site.canvas.fill(Layer.LOW, frame, fold, goods.scaled(1.25), height)
        return
    for top in site.spaced(-y, y - 0.1, rng.uniform(0.2, 0.6)):
        gap = rectangle(-x, top, x, top + 0.06)
        site.canvas.fill(Layer.LOW, frame, gap, goods.scaled(0.55), height)


def heap(site: Site, frame: Frame, size: Size) -> None:
    """Pour a heap of sand, gravel or soil, bright on the sun's side."""
    rng, radius = site.rng, min(size) / 2
    goods = Material(one_of(rng, GOODS), 0.5).scaled(rng.uniform(0.8, 1.15))
    outline = blob(radius, int(rng.integers(8)))
    x, y = site.canvas.light.facing(frame)
    site.canvas.cast(
        Layer.LOW, frame, [(px * 0.35, py * 0.35) for px, py in outline], (0, radius * 0.6)
    )
    for share, gain in ((1.0, 0.72), (0.8, 0.9), (0.58, 1.05), (0.34, 1.18)):
        shift = radius * (1 - share) * 0.55
        part = [(px * share + x * shift, py * share + y * shift) for px, py in outline]
        site.canvas.fill(Layer.LOW, frame, part, goods.scaled(gain))


def trampoline(site: Site, frame: Frame, size: Size) -> None:
    """Put up a trampoline, or a round pool."""
    rng, radius, wet = site.rng, min(size) / 2, site.chance(0.3)
    disc = [(radius * math.cos(k * 0.3927), radius * math.sin(k * 0.3927)) for k in range(16)]
    rim = Material(one_of(rng, (*TARPAULINS, (70, 150, 90))), 0.1)
    site.canvas.prism(Layer.LOW, frame, disc, (rim, rim.scaled(0.6)), 0.9)
    bed = Material(one_of(rng, POOLS), 0.1) if wet else Material((34, 35, 38), 0.1)
    site.canvas.fill(Layer.LOW, frame, [(0.86 * x, 0.86 * y) for x, y in disc], bed, 0.9)


def basin(site: Site, frame: Frame, size: Size) -> None:
    """Dig a pool, a pond or a fountain, open or covered."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    corner = rng.uniform(0.1, min(x, y))
    stone = site.palette.concrete.scaled(rng.uniform(0.8, 1.2))
    site.canvas.fill(Layer.MARKING, frame, rounded(-x, -y, x, y, corner), stone)
    water = Material(one_of(rng, (*POOLS, (54, 66, 58), (40, 46, 50))), 0.08)
    inner = rounded(0.35 - x, 0.35 - y, x - 0.35, y - 0.35, corner)
    site.canvas.fill(Layer.MARKING, frame, inner, water)
    if site.chance(0.3):
        skin = Material(one_of(rng, TARPAULINS), 0.1)
        ribs(site, Layer.MARKING, frame, (x - 0.4, y - 0.4), (skin, 0.5, 0.0))


def cabinet(site: Site, frame: Frame, size: Size) -> None:
    """Put up a box of a utility, a bin or a pillar."""
    tone = site.rng.uniform(60, 210)
    skin = Material((tone, tone * 1.01, tone * 0.98), 0.1)
    x, y = size[0] / 2, size[1] / 2
    body: Points = rectangle(-x, -y, x, y)
    site.canvas.prism(Layer.LOW, frame, body, (skin, skin.scaled(0.6)), site.rng.uniform(0.8, 1.8))


def screen(site: Site, frame: Frame, size: Size) -> None:
    """Put up a free-standing wall, a fence or a billboard, with a long shadow."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    foot = one_of(rng, (0.0, 0.0, 2.0, 3.5))
    top = foot + rng.uniform(1.6, 3.5)
    skin = Material(one_of(rng, (*GOODS, *METALS)), 0.2)
    body = rectangle(-x, -y, x, y)
    site.canvas.cast(Layer.ROOF, frame, body, (foot, top))
    site.canvas.flank(Layer.ROOF, frame, body, skin.scaled(0.7), (foot, top))
    site.canvas.fill(Layer.ROOF, frame, body, skin.scaled(1.1), top)


def stands_for_bicycles(site: Site, frame: Frame, size: Size) -> None:
    """Put up a row of hoops, some with bicycles."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    steel = Material((150, 152, 152), 0.05)
    for left in site.spaced(-x, x, 0.6):
        dark = steel.scaled(rng.uniform(0.2, 0.8)) if site.chance(0.6) else steel
        bar = ((left, -y), (left + 0.08, -y), (left + 0.3, y), (left + 0.22, y))
        site.canvas.prism(Layer.LOW, frame, bar, (dark, dark), 0.8)


def person(site: Site, frame: Frame, size: Size) -> None:
    """Let somebody stand or walk here."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    tone = rng.uniform(20, 200, 3)
    coat = Material((float(tone[0]), float(tone[1]), float(tone[2])), 0.2)
    body = rounded(-x, -y, x, y, 0.15)
    site.canvas.prism(Layer.LOW, frame, body, (coat, coat.scaled(0.7)), 1.45)
    head = rounded(-0.12, -0.12, 0.12, 0.12, 0.12)
    site.canvas.prism(
        Layer.LOW, frame, head, (Material((84, 62, 48)), Material((84, 62, 48))), 1.75
    )
