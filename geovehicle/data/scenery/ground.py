"""Surfaces of the ground: slabs, paving stones, gravel, sand, worn and wet asphalt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material
from geovehicle.data.scenery.chance import weighted
from geovehicle.data.scenery.props import blob

if TYPE_CHECKING:
    from collections.abc import Callable

    from geovehicle.data.scenery.site import Site

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in metres of a frame."""

FEWEST_M = 0.3
"""Joints closer than this blur to a plain surface."""


def lay_ground(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Cover a rectangle with a material, laid in one of many ways."""
    site.pave(frame, box, material)
    weighted(site.rng, PATTERNS)(site, frame, box, material)


def _plain(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Leave the material as it is."""


def _courses(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Lay stones in rows: joints along one direction only."""
    step, tone = site.rng.uniform(FEWEST_M, 1.2), site.rng.uniform(0.86, 0.96)
    x1, y1, x2, y2 = box
    for y in site.spaced(y1, y2 - 0.08, step):
        site.pave(frame, (x1, y, x2, y + 0.08), material.scaled(tone))


def _slabs(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Pour or lay slabs with joints, some of another age."""
    rng, (x1, y1, x2, y2) = site.rng, box
    step = rng.uniform(0.8, 6.0)
    joint = material.scaled(rng.uniform(0.65, 1.12))
    for _ in range(int(min(60, (x2 - x1) * (y2 - y1) / step**2 / 8))):
        x = x1 + step * int(rng.integers(max(1, int((x2 - x1) / step))))
        y = y1 + step * int(rng.integers(max(1, int((y2 - y1) / step))))
        slab = (x, y, min(x2, x + step), min(y2, y + step))
        _seen(site, frame, slab, material.scaled(rng.uniform(0.86, 1.1)))
    broad = 0.04 + 0.012 * step
    for x in site.spaced(x1 + step, x2 - broad, step):
        _seen(site, frame, (x, y1, x + broad, y2), joint)
    for y in site.spaced(y1 + step, y2 - broad, step):
        _seen(site, frame, (x1, y, x2, y + broad), joint)


def _bands(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Lay bands of a second stone."""
    rng, (x1, y1, x2, y2) = site.rng, box
    other, broad = material.scaled(rng.uniform(0.6, 0.9)), rng.uniform(0.3, 1.2)
    for x in site.spaced(x1 + rng.uniform(0, 3), x2 - broad, rng.uniform(3, 9)):
        _seen(site, frame, (x, y1, x + broad, y2), other)
    if site.chance(0.5):
        for y in site.spaced(y1 + rng.uniform(0, 3), y2 - broad, rng.uniform(3, 9)):
            _seen(site, frame, (x1, y, x2, y + broad), other)


def _worn(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Stain, bleach and wet the ground in large spots."""
    rng, (x1, y1, x2, y2) = site.rng, box
    for _ in range(int(min(80, (x2 - x1) * (y2 - y1) / 60))):
        reach = rng.uniform(0.5, 3.5)
        edge = 1.15 * reach
        if min(x2 - x1, y2 - y1) < 2 * edge:
            continue
        x, y = rng.uniform(x1 + edge, x2 - edge), rng.uniform(y1 + edge, y2 - edge)
        here = frame.at(x, y, rng.uniform(0, 6))
        if site.canvas.sees(here, edge):
            tone = material.scaled(rng.uniform(0.82, 1.08))
            site.canvas.fill(Layer.GROUND, here, blob(reach, int(rng.integers(8))), tone)


def _strips(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Lay tar in strips, one machine's width each, with a seam between."""
    rng, (x1, y1, x2, y2) = site.rng, box
    step = rng.uniform(2.5, 5.0)
    for y in site.spaced(y1, y2, step):
        strip = (x1, y, x2, min(y2, y + step))
        site.pave(frame, strip, material.scaled(rng.uniform(0.92, 1.06)))
        site.pave(frame, (x1, y, x2, min(y2, y + 0.07)), material.scaled(0.75))


def _gravel(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Strew gravel or sand, which is rougher than anything laid."""
    red, green, blue = material.colour
    warm = site.rng.uniform(0.95, 1.12)
    site.pave(frame, box, Material((red * warm, green * 1.02, blue / warm), 0.6))
    _worn(site, frame, box, Material((red * warm, green * 1.02, blue / warm), 0.75))


def _seen(site: Site, frame: Frame, box: Box, material: Material) -> None:
    """Pave a box if it may be in view."""
    x1, y1, x2, y2 = box
    if site.canvas.sees(frame.at((x1 + x2) / 2, (y1 + y2) / 2), max(x2 - x1, y2 - y1)):
        site.pave(frame, box, material)


PATTERNS: tuple[tuple[float, Callable[[Site, Frame, Box, Material], None]], ...] = (
    (0.20, _plain),
    (0.14, _courses),
    (0.22, _slabs),
    (0.10, _bands),
    (0.16, _worn),
    (0.10, _strips),
    (0.08, _gravel),
)
