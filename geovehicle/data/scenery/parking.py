"""Car parks: rows of bays with aisles, islands, and what is left in empty bays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, rounded
from geovehicle.data.scenery.chance import one_of
from geovehicle.data.scenery.clutter import BAY, CANOPY, CAR_PARK, KIOSK, PLANTER, put, scatter
from geovehicle.data.scenery.ground import lay_ground
from geovehicle.data.scenery.props import blemish, blob, tree

if TYPE_CHECKING:
    import numpy as np

    from geovehicle.data.scenery.lot import Lot
    from geovehicle.data.scenery.site import Site

OIL = Material((72, 72, 72), 0.3)


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
    width = rng.uniform(2.25, 2.7)
    depth = 5.1 * math.sin(angle) + width / 2 * math.cos(angle)
    return BayPlan(angle, width, depth, bool(rng.random() < 0.8), rng.uniform(0.05, 0.45))


def car_park(site: Site, lot: Lot) -> None:
    """Lay out rows of bays with aisles between them."""
    rng, palette = site.rng, site.palette
    border = rng.uniform(0.3, 2.5)
    asphalt = one_of(rng, (*4 * (palette.asphalt,), palette.concrete, palette.soil))
    asphalt = asphalt.scaled(rng.uniform(0.88, 1.15))
    frame, width, depth = lot.frame, lot.width, lot.depth
    site.pave(frame, (0, 0, width, depth), palette.grass)
    site.pave(frame, (border, border, width - border, depth - border), palette.kerb)
    border += 0.2
    lay_ground(site, frame, (border, border, width - border, depth - border), asphalt)
    lot.drive(site, rng.uniform(border, max(border, width - 10)), 6.0, border)
    for _ in range(int(width * depth / 160)):
        blemish(site, frame.at(rng.uniform(5, width - 5), rng.uniform(5, depth - 5)), asphalt)
    if site.chance(0.5):
        frame, width, depth = frame.at(width, 0, math.pi / 2), depth, width
    size = (width - 2 * border, depth - 2 * border)
    _rows(site, frame.at(border, border), size, bay_plan(rng))
    count = int(width * depth / rng.uniform(150, 900))
    scatter(site, frame.at(border, border), size, CAR_PARK, count)


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


def _avenue(site: Site, frame: Frame, length: float) -> None:
    """Plant trees along y = 0, where the heads of the bays are, so that crowns hang over cars."""
    rng, largest = site.rng, site.rng.uniform(1.6, 4.2)
    for x in site.spaced(rng.uniform(2, 8), length - 2, rng.uniform(6, 14)):
        if site.chance(0.8):
            here = frame.at(x + rng.normal(0, 0.4), rng.normal(0, 0.3))
            tree(site, here, rng.uniform(1.2, largest))


def _bay_row(site: Site, frame: Frame, length: float, plan: BayPlan) -> None:
    """Lay a row of bays along x, their heads at y = 0, open towards positive y."""
    if site.chance(0.3):
        _avenue(site, frame, length)
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
        site.park(place, "van" if site.chance(0.09) else "car")
    elif site.chance(0.12):
        corner = bay.at(-2.4, -plan.width / 2)
        scatter(site, corner, (4.8, plan.width), BAY, 1)
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
        put(site, bay, one_of(rng, (CANOPY, PLANTER, KIOSK)), (4.6, plan.width - 0.3))
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
