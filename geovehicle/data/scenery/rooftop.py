"""What stands on flat roofs: machines, skylights, solar panels, stair heads, ducts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from geovehicle.data.scenery.canvas import Frame, Layer, Material, Points, rectangle, rounded
from geovehicle.data.scenery.chance import one_of

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

SOLAR = Material((36, 44, 66), 0.05)
DOMES = ((120, 140, 156), (196, 208, 212), (230, 232, 230), (78, 96, 110))


class Deck(NamedTuple):
    """The top of a flat roof.

    Attributes
    ----------
    frame
        Its corner as it is seen: moved by the lean of its height.
    width, depth
        Size in metres along x and y.
    skin
        What it is covered with.
    """

    frame: Frame
    width: float
    depth: float
    skin: Material


def deck(site: Site, frame: Frame, size: tuple[float, float, float], skin: Material) -> Deck:
    """Return the top of a building of width, depth and height with its corner at the frame."""
    width, depth, height = size
    x, y = site.canvas.light.lean
    return Deck(Frame(frame.x + x * height, frame.y + y * height, frame.angle), width, depth, skin)


def furnish_roof(site: Site, top: Deck) -> None:
    """Put machines on a roof, and sometimes whole fields of skylights or solar panels."""
    rng = site.rng
    for _ in range(int(top.width * top.depth / 120)):
        _mended(site, *_spot(site, top))
    for chance, build in ((0.3, _skylights), (0.25, _panels), (0.35, _coolers), (0.3, _ducts)):
        if site.chance(chance) and min(top.width, top.depth) > 9:
            build(site, top)
    for _ in range(int(top.width * top.depth / rng.uniform(60, 200))):
        _machine(site, *_spot(site, top))
    if site.chance(0.4) and min(top.width, top.depth) > 9:
        place, _ = _spot(site, top)
        half = rng.uniform(1.2, 2.4), rng.uniform(1.1, 1.9)
        head = top.skin.scaled(rng.uniform(0.8, 1.25))
        box = rectangle(-half[0], -half[1], half[0], half[1])
        _block(site, place, box, (head, head.scaled(0.6)), rng.uniform(2.2, 3.2))


def _spot(site: Site, top: Deck) -> tuple[Frame, Material]:
    """Return a place on a roof, and its skin."""
    x, y = site.rng.uniform(3, top.width - 3), site.rng.uniform(2, top.depth - 2)
    return top.frame.at(x, y), top.skin


def _block(
    site: Site, frame: Frame, box: Points, materials: tuple[Material, Material], tall: float
) -> None:
    if site.canvas.sees(frame, 12):
        site.canvas.prism(Layer.ROOFTOP, frame, box, materials, tall)


def _mended(site: Site, frame: Frame, skin: Material) -> None:
    """Mend the skin of a roof."""
    rng = site.rng
    if site.canvas.sees(frame, 8):
        box = (0.0, 0.0, rng.uniform(0.8, 6), rng.uniform(0.6, 3))
        site.pave(frame, box, skin.scaled(rng.uniform(0.8, 1.15)), Layer.ROOFTOP)


def _machine(site: Site, frame: Frame, skin: Material) -> None:
    """Put up a skylight, a cooler with a fan, or a plain box, some as large as a car."""
    rng, tall = site.rng, site.rng.uniform(0.2, 1.6)
    x, y = rng.uniform(0.3, 2.4), rng.uniform(0.3, 1.1)
    glazed, tone = site.chance(0.4), rng.uniform(70, 225)
    top = Material(one_of(rng, DOMES) if glazed else (tone, tone, tone * 0.98), 0.08)
    _block(site, frame, rectangle(-x, -y, x, y), (top.scaled(0.8), top.scaled(0.6)), tall)
    inner = rectangle(-x * 0.88, -y * 0.82, x * 0.88, y * 0.82)
    site.canvas.fill(Layer.ROOFTOP, frame, inner, top, tall)
    if not glazed:
        _fans(site, frame, (x, y, tall), top)
    elif site.chance(0.5):
        bar = rectangle(-x, -0.06, x, 0.06)
        site.canvas.fill(Layer.ROOFTOP, frame, bar, top.scaled(1.3), tall)


def _fans(site: Site, frame: Frame, half: tuple[float, float, float], skin: Material) -> None:
    """Let fans into the top of a cooler of half a length, half a width and a height."""
    x, y, tall = half
    radius = 0.7 * min(x, y)
    for centre in site.spaced(-x + min(x, y), x - 0.9 * min(x, y) + 0.01, 2 * min(x, y)):
        fan = rounded(centre - radius, -radius, centre + radius, radius, radius)
        site.canvas.fill(Layer.ROOFTOP, frame, fan, skin.scaled(0.45), tall)
        hub = rectangle(centre - 0.15, -0.15, centre + 0.15, 0.15)
        site.canvas.fill(Layer.ROOFTOP, frame, hub, skin.scaled(0.9), tall)


def _skylights(site: Site, top: Deck) -> None:
    """Light a hall by rows of domes or bands of glass."""
    rng = site.rng
    glass = Material(one_of(rng, DOMES), 0.06)
    x, y = rng.uniform(0.5, 3.0), rng.uniform(0.5, 1.2)
    box, step = rectangle(-x, -y, x, y), (2 * x + rng.uniform(1.5, 4), 2 * y + rng.uniform(2, 5))
    for across in site.spaced(4, top.width - 4, step[0]):
        for down in site.spaced(3, top.depth - 3, step[1]):
            _block(site, top.frame.at(across, down), box, (glass, glass.scaled(0.7)), 0.35)


def _panels(site: Site, top: Deck) -> None:
    """Set up rows of solar panels on a part of a roof."""
    rng = site.rng
    long, wide = rng.uniform(0.3, 0.9) * (top.width - 4), rng.uniform(0.9, 2.2)
    for down in site.spaced(2.5, rng.uniform(0.4, 1.0) * top.depth - 2, wide + rng.uniform(0.5, 2)):
        for across in site.spaced(2.0, 2.0 + long, 1.75):
            panel = rectangle(0, 0, 1.7, wide)
            _block(site, top.frame.at(across, down), panel, (SOLAR, SOLAR.scaled(0.6)), 0.4)


def _coolers(site: Site, top: Deck) -> None:
    """Put up a row of equal coolers."""
    rng = site.rng
    x, y, tone = rng.uniform(0.8, 2.4), rng.uniform(0.6, 1.1), rng.uniform(120, 225)
    skin, pitch = Material((tone, tone, tone), 0.08), 2 * y + 0.4
    count = min(int(rng.integers(2, 7)), int((top.depth - 3) / pitch))
    across, start = rng.uniform(3.5, top.width - 3.5), rng.uniform(1.5, top.depth - count * pitch)
    for k in range(count):
        here = top.frame.at(across, start + k * pitch)
        _block(site, here, rectangle(-x, -y, x, y), (skin, skin.scaled(0.6)), 1.2)
        _fans(site, here, (x, y, 1.2), skin)


def _ducts(site: Site, top: Deck) -> None:
    """Lead pipes or gangways along a roof and across it."""
    rng, (width, depth) = site.rng, (top.width, top.depth)
    steel = one_of(rng, (Material((196, 198, 198), 0.05), top.skin.scaled(0.7)))
    broad, x, y = rng.uniform(0.3, 0.9), rng.uniform(2, width - 3), rng.uniform(2, depth - 3)
    along = rectangle(x, y, rng.uniform(x + broad, width - 1), y + broad)
    across = rectangle(x, rng.uniform(1, y), x + broad, y)
    for box in (along, across):
        site.canvas.prism(Layer.ROOFTOP, top.frame, box, (steel, steel.scaled(0.6)), 0.5)
