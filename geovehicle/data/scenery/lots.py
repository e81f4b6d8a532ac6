"""What fills the blocks between streets: halls, courtyards, parks, squares, yards."""

from __future__ import annotations

import math
from collections.abc import Callable

from geovehicle.data.scenery.canvas import Layer, Material, rectangle
from geovehicle.data.scenery.chance import one_of
from geovehicle.data.scenery.clutter import CONTAINER, SQUARE, YARD, put, scatter
from geovehicle.data.scenery.ground import lay_ground
from geovehicle.data.scenery.homes import houses
from geovehicle.data.scenery.lot import Lot
from geovehicle.data.scenery.parking import car_park
from geovehicle.data.scenery.props import blemish, tree
from geovehicle.data.scenery.roofs import flat_roof, pitched_roof
from geovehicle.data.scenery.site import Site

STORED = (
    ("truck", 17.0, 3.5),
    ("bus", 18.5, 3.5),
    ("van", 7.5, 3.1),
    ("car", 5.1, 2.1),
    ("car", 5.1, 2.1),
    ("container", 12.5, 3.0),
)
"""What stands in a row of a yard, the depth of the row and the least pitch, metres."""

PATH = Material((186, 174, 150), 0.35)


def hall(site: Site, lot: Lot) -> None:
    """Build a hall, a car park behind it, and dumpsters along its street."""
    rng, frame = site.rng, lot.frame
    lay_ground(site, frame, (0, 0, lot.width, lot.depth), site.palette.concrete)
    inner = lot.depth * rng.uniform(0.4, 0.65)
    x, wing = 3.5, max(14.0, (lot.width - 7) / int(rng.integers(1, 4)))
    while inner > 12 and lot.width - 3.5 - x > wing - 0.1:
        flat_roof(site, frame.at(x, 3.5), wing, (inner - 5) * rng.uniform(0.75, 1.0))
        x += wing
    if lot.depth - inner > 14:
        car_park(site, Lot(frame.at(0, inner), lot.width, lot.depth - inner))
    scatter(site, frame.at(1, 0.3), (lot.width - 2, 2.8), YARD, int(lot.width / rng.uniform(6, 20)))


def courtyard(site: Site, lot: Lot) -> None:
    """Build wings of a block along its streets, cars standing in the shade between them."""
    rng, frame = site.rng, lot.frame
    lay_ground(site, frame, (0, 0, lot.width, lot.depth), site.palette.paving)
    wing, setback = rng.uniform(9, 14), rng.uniform(0.2, 3.0)
    build = flat_roof if site.chance(0.6) else pitched_roof
    across, down = lot.width - 2 * setback, lot.depth - 2 * wing - 2 * setback - 2
    start = frame.at(setback, setback)
    gap = rng.uniform(4, across * 0.4) if across > 40 else 0.0
    build(site, start, across * 0.5 - gap / 2, wing)
    build(site, start.at(across * 0.5 + gap / 2, 0), across * 0.5 - gap / 2, wing)
    if site.chance(0.7):
        build(site, frame.at(setback, lot.depth - setback - wing), across, wing)
    for x in (setback + wing, lot.width - setback):
        if down > 12 and lot.width > 45 and site.chance(0.5):
            build(site, frame.at(x, setback + wing + 1, math.pi / 2), down, wing)
    if down > 12:
        car_park(site, Lot(frame.at(setback, setback + wing + 1), across, down))


def park(site: Site, lot: Lot) -> None:
    """Plant trees on grass, with a path and a kiosk."""
    rng, frame, width, depth = site.rng, lot.frame, lot.width, lot.depth
    site.pave(frame, (0, 0, width, depth), site.palette.grass)
    y1, y2 = depth * 0.2, depth * 0.7
    path = ((0, y1), (width, y2), (width, y2 + 2.2), (0, y1 + 2.2))
    site.canvas.fill(Layer.GROUND, frame, path, PATH)
    for _ in range(int(width * depth / rng.uniform(60, 250))):
        place = frame.at(rng.uniform(2, width - 2), rng.uniform(2, depth - 2))
        tree(site, place, rng.uniform(1.2, 4.2))
    scatter(site, frame, (width, depth), SQUARE, int(width * depth / rng.uniform(200, 1200)))


def square(site: Site, lot: Lot) -> None:
    """Pave a square, with stairs, kiosks, stalls and trees on it."""
    rng, frame, width, depth = site.rng, lot.frame, lot.width, lot.depth
    ground = one_of(rng, (site.palette.paving, site.palette.concrete)).scaled(rng.uniform(0.8, 1.1))
    lay_ground(site, frame, (0, 0, width, depth), ground)
    count = int(width * depth / rng.uniform(40, 160))
    scatter(site, frame, (width, depth), SQUARE, count)
    for _ in range(int(width * depth / rng.uniform(150, 900))):
        place = frame.at(rng.uniform(2, width - 2), rng.uniform(2, depth - 2))
        tree(site, place, rng.uniform(1.2, 3.0))


def yard(site: Site, lot: Lot) -> None:
    """Put containers, lorries, vans and buses in rows on a yard."""
    rng, palette, frame = site.rng, site.palette, lot.frame
    ground = one_of(rng, (palette.concrete, palette.soil, palette.asphalt))
    lay_ground(site, frame, (0, 0, lot.width, lot.depth), ground)
    lot.drive(site, lot.width * 0.4, 7.0, 0.5)
    for _ in range(int(lot.width * lot.depth / 120)):
        place = frame.at(rng.uniform(4, lot.width - 4), rng.uniform(4, lot.depth - 4))
        blemish(site, place, ground)
    y = 4.0
    while True:
        kind, room, pitch = one_of(rng, STORED)
        if y + room > lot.depth - 2:
            break
        tight = pitch < 3
        for x in site.spaced(3, lot.width - 3, rng.uniform(1.0, 1.3) * pitch):
            place = frame.at(x, y + room / 2, site.sign(0.8) * math.pi / 2 + rng.normal(0, 0.02))
            if not site.chance(0.93 if tight else 0.6):
                continue
            if kind == "container":
                put(site, place, CONTAINER, (one_of(rng, (6.06, 12.2)), 2.44))
            else:
                site.park(place, kind)
        y += room + (0.3 if tight and site.chance(0.7) else rng.uniform(6, 10))
    count = int(lot.width * lot.depth / rng.uniform(60, 300))
    scatter(site, frame.at(2, 2), (lot.width - 4, lot.depth - 4), YARD, count)


def wood(site: Site, lot: Lot) -> None:
    """Fill a lot with trees on soil; nothing drives here."""
    rng, frame = site.rng, lot.frame
    ground = site.palette.soil.scaled(0.8)
    site.canvas.fill(Layer.GROUND, frame, rectangle(0, 0, lot.width, lot.depth), ground)
    for _ in range(int(lot.width * lot.depth / 22)):
        place = frame.at(rng.uniform(2, lot.width - 2), rng.uniform(2, lot.depth - 2))
        tree(site, place, rng.uniform(1.8, 4.5))


Builder = Callable[[Site, Lot], None]

BLOCKS: tuple[tuple[float, tuple[tuple[float, Builder], ...]], ...] = (
    (0.35, ((0.66, car_park), (0.2, hall), (0.06, park), (0.08, square))),
    (
        0.30,
        (
            (0.25, car_park),
            (0.25, hall),
            (0.15, houses),
            (0.07, park),
            (0.22, square),
            (0.06, yard),
        ),
    ),
    (0.20, ((0.64, houses), (0.10, park), (0.11, courtyard), (0.11, car_park), (0.04, wood))),
    (0.15, ((0.4, hall), (0.3, yard), (0.3, car_park))),
)
"""Kinds of scenes and what fills their blocks, both with weights: shopping, town
centre, residential, industrial."""
