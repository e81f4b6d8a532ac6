"""What fills the blocks between streets: car parks, houses, halls, parks, yards."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, rectangle, rounded
from geovehicle.data.scenery.chance import one_of
from geovehicle.data.scenery.props import blemish, blob, crate, hedge, shelter, tree
from geovehicle.data.scenery.roofs import flat_roof, pitched_roof
from geovehicle.data.scenery.site import Site

if TYPE_CHECKING:
    import numpy as np

POOL = Material((88, 160, 182), 0.1)
PATH = Material((186, 174, 150), 0.35)
OIL = Material((72, 72, 72), 0.3)


@dataclass(frozen=True)
class Lot:
    """A rectangle of ground between streets, metres, its corner at the frame's origin.

    Attributes
    ----------
    frame
        x along the width, y along the depth.
    width, depth
        Size in metres.
    approach
        Distance from the lot to the kerb of the street at y = 0.
    """

    frame: Frame
    width: float
    depth: float
    approach: float = 0.0

    def drive(self, site: Site, x: float, width: float, depth: float) -> None:
        """Pave a way from the street over the footway into the lot."""
        ground = site.palette.asphalt if site.chance(0.5) else site.palette.concrete
        site.pave(self.frame, (x, -self.approach, x + width, depth), ground)


@dataclass(frozen=True)
class BayPlan:
    """How cars stand on a car park.

    Attributes
    ----------
    angle
        Between bays and aisle, radians.
    width, depth
        Of a bay across, and of a row of bays, metres.
    lined
        Whether the bays are marked.
    backed
        Share of the cars that were backed in.
    """

    angle: float
    width: float
    depth: float
    lined: bool
    backed: float


def bay_plan(rng: np.random.Generator) -> BayPlan:
    """Return a random way to park."""
    angle = one_of(rng, (math.pi / 2, math.pi / 2, math.pi / 3, math.pi / 4))
    width = rng.uniform(2.4, 2.6)
    depth = 5.1 * math.sin(angle) + width / 2 * math.cos(angle)
    return BayPlan(angle, width, depth, bool(rng.random() < 0.8), rng.uniform(0.05, 0.45))


def car_park(site: Site, lot: Lot) -> None:
    """Lay out rows of bays with aisles between them."""
    rng, palette = site.rng, site.palette
    border = rng.uniform(0.3, 2.5)
    asphalt = palette.asphalt.scaled(rng.uniform(0.88, 1.15))
    frame, width, depth = lot.frame, lot.width, lot.depth
    site.pave(frame, (0, 0, width, depth), palette.grass)
    site.pave(frame, (border, border, width - border, depth - border), palette.kerb)
    border += 0.2
    site.pave(frame, (border, border, width - border, depth - border), asphalt)
    lot.drive(site, rng.uniform(border, max(border, width - 10)), 6.0, border)
    for _ in range(int(width * depth / 160)):
        blemish(site, frame.at(rng.uniform(5, width - 5), rng.uniform(5, depth - 5)), asphalt)
    if site.chance(0.5):
        frame, width, depth = frame.at(width, 0, math.pi / 2), depth, width
    _rows(site, frame.at(border, border), (width - 2 * border, depth - 2 * border), bay_plan(rng))


def _rows(site: Site, frame: Frame, size: tuple[float, float], plan: BayPlan) -> None:
    """Fill a rectangle with rows: one at the edge, then aisles with a double row between."""
    rng, (width, depth) = site.rng, size
    aisle = rng.uniform(5.6, 7.0) if plan.angle > 1.5 else rng.uniform(4.0, 5.5)
    y = 0.2
    if site.chance(0.6):
        _bay_row(site, frame.at(1, y), width - 2, plan)
        y += plan.depth
    while y + aisle + plan.depth < depth:
        _aisle(site, frame.at(0, y + aisle / 2), width)
        y += aisle + plan.depth
        _bay_row(site, frame.at(width - 4, y, math.pi), width - 8, plan)
        if y + plan.depth < depth - aisle * 0.8:
            _bay_row(site, frame.at(4, y), width - 8, plan)
            y += plan.depth


def _bay_row(site: Site, frame: Frame, length: float, plan: BayPlan) -> None:
    """Lay a row of bays along x, their heads at y = 0, open towards positive y."""
    rng, paint, pitch = site.rng, site.palette.bay_paint, plan.width / math.sin(plan.angle)
    slant = plan.depth / math.tan(plan.angle)
    occupancy = min(0.97, max(0.05, site.occupancy + rng.normal(0, 0.12)))
    count = max(0, int((length - slant) / pitch))
    if plan.lined and site.chance(0.5):
        site.pave(frame, (0, -0.05, count * pitch, 0.05), paint, Layer.MARKING)
    planted = (count // 12 + 1) * site.chance(0.5)
    islands = rng.integers(0, count + 1, planted).tolist()
    for k in range(count + 1):
        x = k * pitch
        middle = frame.at(x + pitch / 2 + slant / 2, plan.depth / 2, -plan.angle)
        if not site.canvas.sees(middle, 8):
            continue
        if plan.lined:
            left, right, deep = x - 0.05, x + 0.06, plan.depth
            line = ((left, 0), (right, 0), (right + slant, deep), (left + slant, deep))
            site.canvas.fill(Layer.MARKING, frame, line, paint)
        if k < count:
            _bay(site, middle, plan, (k in islands, occupancy))


def _bay(site: Site, bay: Frame, plan: BayPlan, use: tuple[bool, float]) -> None:
    """Fill one bay, the frame in its middle facing its head: island, vehicle or oil."""
    rng, (island, occupancy) = site.rng, use
    if island:
        _island(site, bay, plan)
    elif site.chance(occupancy):
        turn = math.pi * site.chance(plan.backed) + rng.normal(0, 0.022)
        place = bay.at(rng.normal(0, 0.18), rng.normal(0, 0.09), turn)
        site.park(place, "van" if site.chance(0.05) else "car")
    elif site.chance(0.25):
        oil = blob(rng.uniform(0.2, 0.5), int(rng.integers(8)))
        site.canvas.fill(Layer.GROUND, bay.at(1.2, 0), oil, OIL)


def _island(site: Site, bay: Frame, plan: BayPlan) -> None:
    """Fill a bay with a planted island, a trolley shelter, or hatching."""
    rng, half, draw = site.rng, plan.width / 2, site.rng.random()
    if draw < 0.55:
        kerb = rounded(-2.4, -half + 0.1, 2.4, half - 0.1, 1.0)
        site.canvas.fill(Layer.MARKING, bay, kerb, site.palette.kerb)
        bed = rounded(-2.2, -half + 0.3, 2.2, half - 0.3, 0.9)
        ground = site.palette.grass if site.chance(0.6) else site.palette.soil
        site.canvas.fill(Layer.MARKING, bay, bed, ground)
        tree(site, bay, rng.uniform(1.0, 2.4))
    elif draw < 0.75:
        shelter(site, bay, 4.6, plan.width - 0.3)
    else:
        for x in site.spaced(-2.3, 1.7, 0.7):
            stripe = ((x, -half), (x + 0.15, -half), (x + 0.75, half), (x + 0.6, half))
            site.canvas.fill(Layer.MARKING, bay, stripe, site.palette.bay_paint)


def _aisle(site: Site, frame: Frame, width: float) -> None:
    """Let a few cars drive along y = 0."""
    rng = site.rng
    for x in site.spaced(12, width - 12, 22.0):
        if site.chance(0.18):
            turn = math.pi * site.chance(0.5) + rng.normal(0, 0.06)
            site.park(frame.at(x + rng.uniform(0, 12), rng.normal(0, 0.6), turn), "car")


def houses(site: Site, lot: Lot) -> None:
    """Build houses with drives and gardens along one or both long sides."""
    frame, width, depth = lot.frame, lot.width, lot.depth
    site.pave(frame, (0, 0, width, depth), site.palette.grass)
    rows = [frame, frame.at(width, depth, math.pi)] if depth > 34 else [frame]
    for row in rows:
        x = 0.0
        while x + 13 < width:
            plot = min(site.rng.uniform(13, 20), width - x)
            reach = depth / len(rows)
            if site.canvas.sees(row.at(x + plot / 2, reach / 2), reach + plot):
                _plot(site, Lot(row.at(x, 0), plot, reach, lot.approach if row is frame else 1.0))
            x += plot


def _plot(site: Site, lot: Lot) -> None:
    """Build one house with its drive, its cars and its garden."""
    rng, frame = site.rng, lot.frame
    lawn = site.palette.grass.scaled(rng.uniform(0.88, 1.12))
    site.pave(frame, (0.3, 0.3, lot.width - 0.3, lot.depth - 0.3), lawn)
    front, drive = rng.uniform(4.8, 8.0), rng.uniform(2.8, 5.2)
    lot.drive(site, 0.6, drive, front + 3)
    places = (0.5,) if drive < 4.8 else (0.27, 0.73)
    for share in places:
        if site.chance(0.7):
            turn = site.sign(0.7) * math.pi / 2 + rng.normal(0, 0.03)
            place = frame.at(0.6 + drive * share, front - rng.uniform(-0.3, 1.6), turn)
            site.park(place, "car" if site.chance(0.93) else "van")
    left, deep = drive + 1.1, min(rng.uniform(7.5, 10.5), lot.depth - front - 3)
    if deep > 5:
        pitched_roof(site, frame.at(left, front), max(7.0, lot.width - left - 1.0), deep)
        back = front + deep + 1.5
        if lot.depth - back > 3:
            _garden(site, Lot(frame.at(0.8, back), lot.width - 1.6, lot.depth - back - 0.8))
    if site.chance(0.5):
        hedge(site, frame.at(lot.width - 0.2, 1, math.pi / 2), lot.depth - 2, rng.uniform(0.6, 1.2))
    if site.chance(0.4):
        tree(site, frame.at(lot.width - 2.5, front * 0.45), rng.uniform(1.0, 2.2))


def _garden(site: Site, lot: Lot) -> None:
    """Plant trees, and put a pool or a shed and a bed into a garden."""
    rng, frame = site.rng, lot.frame
    for _ in range(int(rng.integers(1, 4))):
        place = frame.at(rng.uniform(0, lot.width), rng.uniform(0, lot.depth))
        tree(site, place, rng.uniform(1.0, 3.4))
    if site.chance(0.25):
        here = frame.at(rng.uniform(0.5, lot.width - 5.5), rng.uniform(0, lot.depth) * 0.4)
        rim = rounded(-0.4, -0.4, 5.4, 3, 0.8)
        site.canvas.fill(Layer.MARKING, here, rim, site.palette.concrete)
        site.canvas.fill(Layer.MARKING, here, rounded(0, 0, 5, 2.6, 0.6), POOL)
    elif site.chance(0.5):
        crate(site, frame.at(lot.width - 2, lot.depth - 1.5), (3.0, 2.2, 2.2))
    if site.chance(0.3):
        bed = rounded(0, 0, 3.5, 1.6, 0.3)
        site.canvas.fill(Layer.MARKING, frame, bed, site.palette.soil)


def hall(site: Site, lot: Lot) -> None:
    """Build a hall, a car park behind it, and dumpsters along its street."""
    rng, frame = site.rng, lot.frame
    site.pave(frame, (0, 0, lot.width, lot.depth), site.palette.concrete)
    inner = lot.depth * rng.uniform(0.4, 0.65)
    x, wing = 3.5, max(14.0, (lot.width - 7) / int(rng.integers(1, 4)))
    while inner > 12 and lot.width - 3.5 - x > wing - 0.1:
        flat_roof(site, frame.at(x, 3.5), wing, (inner - 5) * rng.uniform(0.75, 1.0))
        x += wing
    if lot.depth - inner > 14:
        car_park(site, Lot(frame.at(0, inner), lot.width, lot.depth - inner))
    for x in site.spaced(4, lot.width - 6, 9.0):
        if site.chance(0.4):
            crate(site, frame.at(x, 1.6), (rng.uniform(1.6, 3.5), 1.6, 1.5))


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
    if site.chance(0.5):
        crate(site, frame.at(width * 0.5, depth * 0.3, 0.4), (3.5, 2.5, 2.8))


def yard(site: Site, lot: Lot) -> None:
    """Put containers, lorries, vans and buses in rows on a yard."""
    rng, palette, frame = site.rng, site.palette, lot.frame
    ground = one_of(rng, (palette.concrete, palette.soil, palette.asphalt))
    site.pave(frame, (0, 0, lot.width, lot.depth), ground)
    lot.drive(site, lot.width * 0.4, 7.0, 0.5)
    for _ in range(int(lot.width * lot.depth / 120)):
        place = frame.at(rng.uniform(4, lot.width - 4), rng.uniform(4, lot.depth - 4))
        blemish(site, place, ground)
    y = 4.0
    while True:
        kind, room = one_of(rng, (("truck", 12.5), ("bus", 18.5), ("van", 7.0), ("crate", 12.5)))
        if y + room > lot.depth - 2:
            break
        for x in site.spaced(3, lot.width - 3, rng.uniform(3.4, 4.6)):
            place = frame.at(x, y + room / 2, site.sign(0.8) * math.pi / 2 + rng.normal(0, 0.02))
            if not site.chance(0.6):
                continue
            if kind == "crate":
                crate(site, place, (one_of(rng, (6.06, 12.2)), 2.44, 2.6))
            else:
                site.park(place, kind)
        y += room + rng.uniform(6, 10)


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
    (0.35, ((0.7, car_park), (0.2, hall), (0.1, park))),
    (0.30, ((0.3, car_park), (0.3, hall), (0.2, houses), (0.12, park), (0.08, yard))),
    (0.20, ((0.72, houses), (0.10, park), (0.13, car_park), (0.05, wood))),
    (0.15, ((0.4, hall), (0.3, yard), (0.3, car_park))),
)
"""Kinds of scenes and what fills their blocks, both with weights: shopping, town
centre, residential, industrial."""
