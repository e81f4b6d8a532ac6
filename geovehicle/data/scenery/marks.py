"""What is painted on the ground or let into it: no height, no shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, Points, rectangle, rounded
from geovehicle.data.scenery.chance import one_of
from geovehicle.data.scenery.props import blob

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

Size = tuple[float, float]
"""Length and width of a thing in metres."""

SURFACES = ((150, 74, 62), (86, 138, 84), (74, 108, 150), (178, 150, 84))
SIGNS = ((48, 92, 168), (64, 140, 88), (208, 206, 200))
WATER = Material((62, 68, 76), 0.05)

GLYPHS: tuple[tuple[Points, ...], ...] = (
    (((0, 0), (1, 0.5)), ((1, 0.5), (0, 1)), ((0.4, 0.2), (0.4, 0.8))),
    (((0, 0), (1, 0)), ((0, 0), (0, 1)), ((0, 1), (1, 1)), ((0.5, 0), (0.5, 1)), ((1, 0), (1, 1))),
    (((1, 0), (0, 0)), ((0, 0), (0, 1)), ((0, 1), (1, 1))),
    (((1, 0), (1, 1)), ((1, 0.5), (0, 0.5))),
    (((1, 0), (0, 1)), ((0, 0), (1, 1))),
    (((0, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (0.5, 0.5)), ((0.5, 0.5), (0, 1))),
)
"""Letters as strokes, their feet at x = 0, their left at y = 0."""


def patch(site: Site, frame: Frame, size: Size) -> None:
    """Mend the ground with fresh tar, a sealed seam around it."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    tar = site.palette.asphalt.scaled(rng.uniform(0.5, 0.95))
    site.canvas.fill(Layer.GROUND, frame, rectangle(-x, -y, x, y), tar.scaled(0.8))
    inner = rectangle(0.08 - x, 0.08 - y, x - 0.08, y - 0.08)
    site.canvas.fill(Layer.GROUND, frame, inner, tar)


def puddle(site: Site, frame: Frame, size: Size) -> None:
    """Wet the ground, or spill oil on it."""
    rng = site.rng
    dark = WATER.scaled(rng.uniform(0.7, 1.8))
    for _ in range(int(rng.integers(1, 4))):
        here = frame.at(rng.normal(0, size[0] / 6), rng.normal(0, size[1] / 6), rng.uniform(0, 6))
        shape = blob(min(size) * rng.uniform(0.2, 0.45), int(rng.integers(8)))
        site.canvas.fill(Layer.GROUND, here, shape, dark)


def cover(site: Site, frame: Frame, size: Size) -> None:
    """Let a manhole, a grid or a row of them into the ground."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    iron = site.palette.asphalt.scaled(rng.uniform(0.35, 0.7))
    outline = rounded(-x, -y, x, y, min(x, y) if site.chance(0.4) else 0.02)
    site.canvas.fill(Layer.MARKING, frame, outline, iron.scaled(1.6))
    inner = [(px * 0.82, py * 0.82) for px, py in outline]
    site.canvas.fill(Layer.MARKING, frame, inner, iron)
    for left in site.spaced(-0.6 * x, 0.6 * x, 0.16):
        slot = rectangle(left, -0.6 * y, left + 0.06, 0.6 * y)
        site.canvas.fill(Layer.MARKING, frame, slot, iron.scaled(0.6))


def hatching(site: Site, frame: Frame, size: Size) -> None:
    """Bar an area to traffic by slanting stripes, framed or not."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    paint = one_of(rng, (site.palette.paint, site.palette.bay_paint))
    broad, step = rng.uniform(0.12, 0.5), rng.uniform(0.7, 1.6)
    for left in site.spaced(-x - y, x - y, step):
        ends = ((left, -y), (left + broad, -y), (left + broad + 2 * y, y), (left + 2 * y, y))
        stripe = [(min(x, max(-x, px)), py) for px, py in ends]
        site.canvas.fill(Layer.MARKING, frame, stripe, paint)
    if site.chance(0.7):
        _outline(site, frame, (x, y), paint)


def _outline(site: Site, frame: Frame, half: Size, paint: Material) -> None:
    x, y = half
    for box in ((-x, -y, x, 0.12 - y), (-x, y - 0.12, x, y)):
        site.pave(frame, box, paint, Layer.MARKING)
    for box in ((-x, -y, 0.12 - x, y), (x - 0.12, -y, x, y)):
        site.pave(frame, box, paint, Layer.MARKING)


def surface(site: Site, frame: Frame, size: Size) -> None:
    """Colour a piece of road, as for bicycles, and put a sign on it."""
    x, y = size[0] / 2, size[1] / 2
    colour = Material(one_of(site.rng, SURFACES), 0.35).scaled(site.rng.uniform(0.8, 1.15))
    site.pave(frame, (-x, -y, x, y), colour, Layer.MARKING)
    if site.chance(0.5):
        _outline(site, frame, (x, y), site.palette.paint)
    if site.chance(0.5):
        letters(site, frame, (min(1.6, size[0]), min(1.6, size[1])))


def sign(site: Site, frame: Frame, size: Size) -> None:
    """Paint a square of colour with a sign on it, as on a bay for the disabled."""
    x, y = size[0] / 2, size[1] / 2
    colour = Material(one_of(site.rng, SIGNS), 0.3)
    site.pave(frame, (-x, -y, x, y), colour, Layer.MARKING)
    letters(site, frame, (0.7 * size[0], 0.6 * size[1]))


def letters(site: Site, frame: Frame, size: Size) -> None:
    """Write letters across the road, their feet at negative x."""
    rng, (length, width) = site.rng, size
    count = max(1, int(width / max(0.8, 0.4 * length)))
    pitch, bold = width / count, rng.uniform(0.12, 0.22)
    for k in range(count):
        left = -width / 2 + (k + 0.12) * pitch
        for (ax, ay), (bx, by) in one_of(rng, GLYPHS):
            start = (length * (ax - 0.5), left + 0.76 * pitch * ay)
            end = (length * (bx - 0.5), left + 0.76 * pitch * by)
            _stroke(site, frame, (start, end), bold)


def _stroke(site: Site, frame: Frame, ends: Points, bold: float) -> None:
    (ax, ay), (bx, by) = ends
    # upright strokes are drawn out by the perspective they are meant for, lying ones are not
    dx, dy = (bold, 0.0) if abs(by - ay) > abs(bx - ax) else (0.0, bold)
    quad = ((ax, ay), (bx, by), (bx + dx, by + dy), (ax + dx, ay + dy))
    site.canvas.fill(Layer.MARKING, frame, quad, site.palette.paint)


def blocks(site: Site, frame: Frame, size: Size) -> None:
    """Paint a line of blocks across the road, as before a crossing or on a hump."""
    paint, (x, y) = site.palette.paint, (size[0] / 2, size[1] / 2)
    side = min(0.5, size[0] / 2)
    for row in range(2 if site.chance(0.4) else 1):
        for top in site.spaced(-y + row * side, y - side, 2 * side):
            left = row * side - x
            site.pave(frame, (left, top, left + side, top + side), paint, Layer.MARKING)


def hump(site: Site, frame: Frame, size: Size) -> None:
    """Raise the road across by a hump of tar, of bricks, or of striped rubber."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    bodies = (site.palette.asphalt.scaled(0.6), Material(SURFACES[0], 0.4), Material((40, 40, 42)))
    body = one_of(rng, bodies)
    _, ahead = site.canvas.light.facing(frame.at(0, 0, 1.5708))
    for left, gain in ((-x, 1 + 0.12 * ahead), (0.0, 1 - 0.12 * ahead)):
        site.pave(frame, (left, -y, left + x, y), body.scaled(gain), Layer.MARKING)
    for top in site.spaced(0.3 - y, y - 0.4, 1.0):
        tooth = ((-x, top), (-x, top + 0.5), (0.0, top + 0.25))
        site.canvas.fill(Layer.MARKING, frame, tooth, site.palette.bay_paint)
