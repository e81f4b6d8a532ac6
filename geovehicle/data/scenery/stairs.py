"""Holes in the pavement: stairs to an underpass or a cellar, ramps, light wells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, rectangle

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

Size = tuple[float, float]
"""Length and width of a thing in metres."""

WALL_M = 0.25
"""Thickness of the walls around a hole."""

DEPTHS_M = (1.5, 4.5)
BOTTOM = Material((24, 25, 27), 0.1)
STEEL = Material((188, 190, 190), 0.05)


def stairs(site: Site, frame: Frame, size: Size) -> None:
    """Sink a flight of steps, its top at negative x, behind walls with a railing."""
    rng = site.rng
    stone = site.palette.concrete.scaled(rng.uniform(0.6, 1.2))
    tread, riser = rng.uniform(0.3, 0.42), rng.uniform(0.5, 0.85)
    start, end, half = _hole(site, frame, size, stone)
    for k, x in enumerate(site.spaced(start, end - tread, tread)):
        deep = 1 - 0.45 * (x - start) / size[0]
        step = rectangle(x, -half, x + tread, half)
        site.canvas.fill(Layer.MARKING, frame, step, stone.scaled(deep * (0.9 + 0.05 * (k % 2))))
        edge = rectangle(x + tread - 0.12, -half, x + tread, half)
        site.canvas.fill(Layer.MARKING, frame, edge, stone.scaled(deep * riser))
    if half > 1.2 and site.chance(0.6):
        _rail(site, frame, (start, 0.0, end, 0.06))
    _dusk(site, frame, (start, end, half), stone)
    _parapet(site, frame, size, stone)


def ramp(site: Site, frame: Frame, size: Size) -> None:
    """Sink a ramp, as to a garage below the ground, its top at negative x."""
    rng = site.rng
    ground = site.palette.asphalt.scaled(rng.uniform(0.6, 0.95))
    start, end, half = _hole(site, frame, size, ground)
    for k in range(6):
        x = start + (end - start) * k / 6
        part = rectangle(x, -half, end, half)
        site.canvas.fill(Layer.MARKING, frame, part, ground.scaled(1 - 0.09 * k))
    _dusk(site, frame, (start, end, half), ground)
    _parapet(site, frame, size, site.palette.concrete)


def light_well(site: Site, frame: Frame, size: Size) -> None:
    """Cover a hole by a grating or a hatch that is flush with the ground."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    rim = site.palette.concrete.scaled(rng.uniform(0.8, 1.15))
    site.canvas.fill(Layer.MARKING, frame, rectangle(-x, -y, x, y), rim)
    tone = rng.uniform(38, 120)
    lid = Material((tone, tone, tone * 1.03), 0.1)
    inner = rectangle(0.12 - x, 0.12 - y, x - 0.12, y - 0.12)
    site.canvas.fill(Layer.MARKING, frame, inner, lid)
    for left in site.spaced(0.3 - x, x - 0.2, rng.uniform(0.2, 0.6)):
        bar = rectangle(left, 0.12 - y, left + 0.06, y - 0.12)
        site.canvas.fill(Layer.MARKING, frame, bar, lid.scaled(1.4))


def _hole(site: Site, frame: Frame, size: Size, stone: Material) -> tuple[float, float, float]:
    """Dig a dark hole into stone; return its top, its end and half its width."""
    x, y = size[0] / 2, size[1] / 2
    site.canvas.fill(Layer.MARKING, frame, rectangle(-x, -y, x, y), stone.scaled(1.1))
    end, half = x - WALL_M, y - WALL_M
    site.canvas.fill(Layer.MARKING, frame, rectangle(-x, -half, end, half), BOTTOM)
    return -x, end, half


def _dusk(site: Site, frame: Frame, hole: tuple[float, float, float], material: Material) -> None:
    """Darken what the walls shade, deeper towards the end of the hole."""
    (start, end, half), light = hole, site.canvas.light
    x, y = frame.inward(light.sun)
    deep = site.rng.uniform(*DEPTHS_M)
    dark = material.scaled(0.2 + 0.5 * light.shade[0])
    side = -1 if y > 0 else 1
    reach = min(2 * half, deep * abs(y))
    wedge = ((start, side * half), (end, side * half), (end, side * (half - reach)))
    site.canvas.fill(Layer.MARKING, frame, wedge, dark)
    portal = min(0.8 * (end - start), 0.4 + max(0.0, -x) * deep * 0.6)
    last = rectangle(end - portal, -half, end, half)
    site.canvas.fill(Layer.MARKING, frame, last, dark.scaled(0.8))


def _parapet(site: Site, frame: Frame, size: Size, stone: Material) -> None:
    """Put walls, or only a railing, on three sides of a hole, and sometimes a roof."""
    x, y, height = size[0] / 2, size[1] / 2, site.rng.uniform(0.8, 1.2)
    solid = site.chance(0.6)
    sides = ((-x, -y, x, WALL_M - y), (-x, y - WALL_M, x, y), (x - WALL_M, -y, x, y))
    for box in sides:
        if solid:
            faces = (stone.scaled(1.2), stone.scaled(0.7))
            site.canvas.prism(Layer.LOW, frame, rectangle(*box), faces, height)
        else:
            _rail(site, frame, box)
    if site.chance(0.2):
        skin = Material((150, 170, 178), 0.1).scaled(site.rng.uniform(0.5, 1.2))
        roof = rectangle(-x * site.rng.uniform(0, 0.6), -y - 0.2, x + 0.3, y + 0.2)
        site.canvas.prism(Layer.ROOF, frame, roof, (skin, skin.scaled(0.6)), 2.6)


def _rail(site: Site, frame: Frame, box: tuple[float, float, float, float]) -> None:
    """Put up a handrail along the middle of a box."""
    x1, y1, x2, y2 = box
    along = x2 - x1 > y2 - y1
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    bar = rectangle(x1, y, x2, y + 0.08) if along else rectangle(x, y1, x + 0.08, y2)
    site.canvas.sheet(Layer.LOW, frame, bar, 1.0)
    site.canvas.fill(Layer.LOW, frame, bar, STEEL, 1.0)
