"""Buildings from above: halls with machines and skylights, houses with tiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, Points, rectangle
from geovehicle.data.scenery.chance import one_of, weighted
from geovehicle.data.scenery.rooftop import SOLAR, deck, furnish_roof

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

TILES = ((138, 86, 66), (112, 74, 60), (86, 84, 86), (104, 98, 92), (126, 106, 90))
WINDOW = Material((70, 84, 98), 0.05)
HEIGHTS_M = ((0.4, (4, 9)), (0.4, (9, 18)), (0.2, (18, 32)))
CHIMNEY = Material((122, 88, 76), 0.2)


def flat_roof(site: Site, frame: Frame, width: float, depth: float) -> None:
    """Build a hall or a block of flats with its corner at the frame's origin."""
    rng, height = site.rng, site.rng.uniform(*weighted(site.rng, HEIGHTS_M))
    roof = one_of(rng, site.palette.roofs).scaled(rng.uniform(0.85, 1.1))
    wall = Material((150, 144, 136), 0.1).scaled(rng.uniform(0.6, 1.1))
    outline = rectangle(0, 0, width, depth)
    site.build(frame, (width, depth, height))
    site.canvas.prism(Layer.ROOF, frame, outline, (roof.scaled(1.15), wall), height)
    _storeys(site, frame, outline, (wall, height))
    site.canvas.fill(Layer.ROOF, frame, outline, roof.scaled(1.15), height)
    inner = rectangle(0.4, 0.4, width - 0.4, depth - 0.4)
    site.canvas.fill(Layer.ROOF, frame, inner, roof, height)
    step = rng.uniform(1.0, 3.0)
    for x in site.spaced(0.5 + step, width - 0.5, step):
        if site.canvas.sees(frame.at(x, depth / 2), depth / 2 + 3):
            seam = rectangle(x, 0.4, x + 0.07, depth - 0.4)
            site.canvas.fill(Layer.ROOF, frame, seam, roof.scaled(0.94), height)
    furnish_roof(site, deck(site, frame, (width, depth, height), roof))


def _storeys(site: Site, frame: Frame, outline: Points, wall: tuple[Material, float]) -> None:
    """Band a wall by its windows, where the camera sees it from the side."""
    (skin, height), step = wall, site.rng.uniform(2.8, 3.6)
    if math.hypot(*site.canvas.light.lean) * height < 0.4 or site.chance(0.2):
        return
    for floor in site.spaced(1.0, height - 2.2, step):
        for low, high, material in ((0.0, 1.4, WINDOW), (1.4, height - floor, skin)):
            rise = (floor + low, floor + high)
            site.canvas.flank(Layer.ROOF, frame, outline, material, rise)


def pitched_roof(site: Site, frame: Frame, width: float, depth: float) -> None:
    """Build a house with a gable or hip roof, its ridge along the frame's x axis."""
    rng = site.rng
    tiles = Material(one_of(rng, TILES), 0.3).scaled(rng.uniform(0.8, 1.15))
    eaves, rise = rng.uniform(3.0, 6.0), rng.uniform(1.5, 3.0)
    if site.chance(0.25):
        eaves += rng.uniform(2, 9)
    outline = rectangle(0, 0, width, depth)
    site.build(frame, (width, depth, eaves + rise))
    wall = Material((196, 190, 178), 0.1)
    site.canvas.prism(Layer.ROOF, frame, outline, (tiles, wall), eaves)
    inset = depth * 0.45 if site.chance(0.5) else 0.0
    ridge = rectangle(inset, depth / 2 - 0.1, width - inset, depth / 2 + 0.1)
    site.canvas.cast(Layer.ROOF, frame, ridge, (eaves, eaves + rise))
    site.canvas.lift(Layer.ROOF, frame, outline, eaves)
    dx, dy = frame.inward(site.canvas.light.lean)
    dx, dy = dx * rise, dy * rise
    left, right = (inset + dx, depth / 2 + dy), (width - inset + dx, depth / 2 + dy)
    _, lit = site.canvas.light.facing(frame)
    for y, gain in ((0.0, 1 - 0.28 * lit), (depth, 1 + 0.28 * lit)):
        face = ((0.0, y), (width, y), right, left)
        site.canvas.fill(Layer.ROOF, frame, face, tiles.scaled(gain), eaves)
        _tile_rows(site, frame, face, (tiles.scaled(gain * 0.92), eaves))
    if inset:
        for x, end in ((0.0, left), (width, right)):
            hip = ((x, 0.0), end, (x, depth))
            site.canvas.fill(Layer.ROOF, frame, hip, tiles.scaled(0.95), eaves)
    line = (left, right, (right[0], right[1] + 0.2), (left[0], left[1] + 0.2))
    site.canvas.fill(Layer.ROOF, frame, line, tiles.scaled(1.2), eaves)
    _fittings(site, frame, (width, depth), eaves + rise / 2)


def _tile_rows(site: Site, frame: Frame, face: Points, paint: tuple[Material, float]) -> None:
    """Paint the rows of tiles of a roof's face: eaves first, then ridge."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = face
    rows = max(3, int(abs(dy - ay) / 0.45))
    for low in range(1, rows):
        near, far = low / rows, (low + 0.3) / rows
        row = (
            (ax + (dx - ax) * near, ay + (dy - ay) * near),
            (bx + (cx - bx) * near, by + (cy - by) * near),
            (bx + (cx - bx) * far, by + (cy - by) * far),
            (ax + (dx - ax) * far, ay + (dy - ay) * far),
        )
        site.canvas.fill(Layer.ROOF, frame, row, *paint)


def _fittings(site: Site, frame: Frame, size: tuple[float, float], height: float) -> None:
    """Solar panels, roof windows and a chimney."""
    rng, (width, depth) = site.rng, size
    if site.chance(0.3):
        for x in site.spaced(width * 0.25, width * 0.7, 1.05):
            panel = rectangle(x, depth * 0.12, x + 1.0, depth * 0.42)
            site.canvas.fill(Layer.ROOFTOP, frame, panel, SOLAR, height)
    for _ in range(int(rng.integers(0, 3))):
        x, y = rng.uniform(0.25, 0.7) * width, depth * one_of(rng, (0.25, 0.7))
        site.canvas.fill(Layer.ROOFTOP, frame, rectangle(x, y, x + 0.8, y + 1.0), WINDOW, height)
    x, y, size_m = width * rng.uniform(0.3, 0.7), depth * 0.55, rng.uniform(0.5, 0.9)
    turned = frame.at(x, y, math.pi / 2)
    stack = rectangle(0, 0, size_m, 0.6)
    site.canvas.fill(Layer.ROOFTOP, turned, stack, CHIMNEY, height + 1)
