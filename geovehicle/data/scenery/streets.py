"""Streets: carriageway, footways, markings, and the traffic on them.

A street runs along its frame's x axis; traffic keeps to the right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, rounded
from geovehicle.data.scenery.chance import weighted
from geovehicle.data.scenery.clutter import CANOPY, CARRIAGEWAY, PAVEMENT, put, scatter
from geovehicle.data.scenery.props import crack, lamp, tree

if TYPE_CHECKING:
    import numpy as np

    from geovehicle.data.scenery.site import Site

KERBSIDE_M = 2.1
"""Width of the strip between the lanes and the kerb, where cars may park."""

TRAFFIC = ((0.71, "car"), (0.15, "van"), (0.06, "truck"), (0.08, "bus"))
ROOM_M = {"car": 5.2, "van": 7.3, "truck": 16.9, "bus": 18.4}
"""Length of road that the longest vehicle of a kind takes."""

ARROW = ((-2, -0.1), (0.4, -0.1), (0.4, -0.4), (2, 0), (0.4, 0.4), (0.4, 0.1), (-2, 0.1))
"""Outline of the arrow on a lane, metres."""


@dataclass(frozen=True)
class StreetPlan:
    """The cross section of a street, the same on both sides, in metres.

    Attributes
    ----------
    lanes, lane
        Lanes in each direction, and their width.
    parking
        Whether cars park on the left, on the right.
    verge, walk
        Width of grass strip and footway.
    traffic
        Share of the places on the lanes that are taken, 0-1.
    """

    lanes: int
    lane: float
    parking: tuple[bool, bool]
    verge: float
    walk: float
    traffic: float

    @property
    def kerb(self) -> float:
        """Distance from the axis to the kerb."""
        return self.lanes * self.lane + KERBSIDE_M

    @property
    def edge(self) -> float:
        """Distance from the axis to the far edge of the footway."""
        return self.kerb + self.verge + self.walk


def street_plan(rng: np.random.Generator) -> StreetPlan:
    """Return a random cross section."""
    return StreetPlan(
        lanes=1 if rng.random() < 0.65 else 2,
        lane=rng.uniform(2.9, 3.5),
        parking=(bool(rng.random() < 0.6), bool(rng.random() < 0.6)),
        verge=rng.uniform(0.8, 3.0) if rng.random() < 0.5 else 0.0,
        walk=rng.uniform(1.6, 3.2) if rng.random() < 0.55 else rng.uniform(3.2, 7.0),
        traffic=rng.uniform(0.15, 0.9),
    )


def lay_street(site: Site, frame: Frame, length: float, plan: StreetPlan) -> None:
    """Build the ground of a street from x = 0 to its length."""
    palette, rng = site.palette, site.rng
    site.pave(frame, (0, -plan.edge, length, plan.edge), palette.paving)
    joint = palette.paving.scaled(0.88)
    for x in site.spaced(rng.uniform(0, 2), length, 1.5):
        if site.canvas.sees(frame.at(x, 0), plan.edge):
            site.pave(frame, (x, -plan.edge, x + 0.05, plan.edge), joint)
    if plan.verge:
        reach = plan.kerb + plan.verge
        site.pave(frame, (0, -reach, length, reach), palette.grass)
    site.pave(frame, (0, -plan.kerb - 0.15, length, plan.kerb + 0.15), palette.kerb)
    asphalt = palette.asphalt.scaled(rng.uniform(0.9, 1.08))
    site.pave(frame, (0, -plan.kerb, length, plan.kerb), asphalt)
    _wear(site, frame, length, plan, asphalt)


def _wear(site: Site, frame: Frame, length: float, plan: StreetPlan, asphalt: Material) -> None:
    """Wheel tracks, mended places, manholes and cracks."""
    rng = site.rng
    for lane in range(-plan.lanes, plan.lanes):
        for track in (0.25, 0.72):
            y = (lane + track) * plan.lane
            site.pave(frame, (0, y - 0.3, length, y + 0.3), asphalt.scaled(0.97))
    for _ in range(int(length / 7)):
        x, y = rng.uniform(0, length), rng.uniform(-plan.kerb + 0.5, plan.kerb - 3)
        here, draw = frame.at(x, y), rng.random()
        if not site.canvas.sees(here, 12):
            continue
        if draw < 0.35:
            mended = (0.0, 0.0, rng.uniform(1, 7), rng.uniform(0.6, 2.4))
            site.pave(here, mended, asphalt.scaled(rng.uniform(0.8, 1.1)))
        elif draw < 0.6:
            cover = rounded(0, 0, 0.7, 0.7, 0.35)
            site.canvas.fill(Layer.MARKING, here, cover, asphalt.scaled(rng.uniform(0.5, 0.75)))
        else:
            turned = here.at(0, 0, math.pi / 2 * site.chance(0.5) + rng.normal(0, 0.15))
            crack(site, turned, rng.uniform(3, 12), asphalt.scaled(0.74))


def open_crossing(site: Site, frame: Frame, plans: tuple[StreetPlan, StreetPlan]) -> None:
    """Join two streets at the frame: along its y axis the first, along x the second."""
    first, second = plans
    x, y = first.kerb, second.kerb
    asphalt = site.palette.asphalt
    site.pave(frame, (-x, -second.edge, x, second.edge), asphalt)
    site.pave(frame, (-first.edge, -y, first.edge, y), asphalt)
    radius = min(first.edge - x, second.edge - y, 4.0)
    steps = [k * math.pi / 12 for k in range(7)]
    for right in (-1, 1):
        for down in (-1, 1):
            for material, extra in ((site.palette.kerb, 0.15), (asphalt, 0.0)):
                reach = radius - extra
                curve = [(x + radius - reach * math.cos(t), y + radius - reach * math.sin(t))
                         for t in steps]  # fmt: skip
                corner = [(x - 0.2, y - 0.2), (x - 0.2, y + radius), *curve, (x + radius, y - 0.2)]
                outline = [(right * px, down * py) for px, py in corner]
                site.canvas.fill(Layer.GROUND, frame, outline, material)


def furnish_street(site: Site, frame: Frame, length: float, plan: StreetPlan) -> None:
    """Mark a stretch between two crossings, and put vehicles, trees and lamps on it."""
    if length < 12:
        return
    _markings(site, frame, length, plan)
    for side in (-1, 1):
        if plan.parking[side > 0]:
            _kerbside(site, frame, length, plan, side)
        for lane in range(plan.lanes):
            _traffic(site, frame.at(0, side * (lane + 0.5) * plan.lane), length, plan, side)
        _verge(site, frame, length, plan, side)
        _footway(site, frame, length, plan, side)
    for end, turn in ((0.0, 0.0), (length, math.pi)):
        if site.chance(0.6):
            _zebra(site, frame.at(end, 0, turn), plan)


def _markings(site: Site, frame: Frame, length: float, plan: StreetPlan) -> None:
    paint, end = site.palette.paint, length - 4.0
    if site.chance(0.35):
        for y in (-0.18, 0.10):
            site.pave(frame, (4, y, end, y + 0.1), site.palette.bay_paint, Layer.MARKING)
    else:
        _dashes(site, frame, end, (3.0, 3.0))
    edged = site.chance(0.6)
    for side in (-1, 1):
        for lane in range(1, plan.lanes):
            _dashes(site, frame.at(0, side * lane * plan.lane), end, (2.0, 4.0))
        if edged:
            y = side * plan.lanes * plan.lane
            site.pave(frame, (4, y - 0.06, end, y + 0.06), paint, Layer.MARKING)
        if site.chance(0.4):
            x = end - 8 if side > 0 else 12.0
            here = frame.at(x, side * plan.lane / 2, 0.0 if side > 0 else math.pi)
            site.canvas.fill(Layer.MARKING, here, ARROW, paint)


def _dashes(site: Site, frame: Frame, end: float, pattern: tuple[float, float]) -> None:
    """Paint a broken line of strokes and gaps at y = 0."""
    stroke, gap = pattern
    for x in site.spaced(4.0, end - stroke, stroke + gap):
        if site.canvas.sees(frame.at(x, 0), 4):
            site.pave(frame, (x, -0.07, x + stroke, 0.07), site.palette.paint, Layer.MARKING)


def _zebra(site: Site, frame: Frame, plan: StreetPlan) -> None:
    """Paint a crossing for pedestrians near x = 0 and the line where traffic stops before it."""
    paint, lanes = site.palette.paint, plan.lanes * plan.lane
    for y in site.spaced(-plan.kerb + 0.4, plan.kerb - 0.5, 1.0):
        site.pave(frame, (1.0, y, 3.6, y + 0.5), paint, Layer.MARKING)
    site.pave(frame, (4.8, -lanes, 5.15, -0.2), paint, Layer.MARKING)


def _kerbside(site: Site, frame: Frame, length: float, plan: StreetPlan, side: int) -> None:
    """Park vehicles along one kerb."""
    rng, y = site.rng, side * (plan.kerb - KERBSIDE_M / 2)
    lined = site.chance(0.4)
    x = rng.uniform(8, 11)
    while x < length - 10:
        if lined:
            near, far = sorted((side * plan.lanes * plan.lane, y))
            site.pave(frame, (x, near, x + 0.1, far), site.palette.paint, Layer.MARKING)
        kind = "van" if site.chance(0.13) else "car"
        slot = ROOM_M[kind] + rng.uniform(0.3, 1.1)
        if site.chance(site.occupancy):
            turn = 0.0 if site.sign(0.92) == side else math.pi
            place = frame.at(x + slot / 2, y + rng.normal(0, 0.08), turn + rng.normal(0, 0.015))
            site.park(place, kind)
        x += slot


def _traffic(site: Site, frame: Frame, length: float, plan: StreetPlan, side: int) -> None:
    """Put driving or queueing vehicles on a lane whose middle is at y = 0."""
    rng, queue = site.rng, site.chance(0.25)
    x = rng.uniform(5, 25)
    while x < length - 6:
        kind = weighted(rng, TRAFFIC)
        if site.chance(plan.traffic):
            turn = (0.0 if side > 0 else math.pi) + rng.normal(0, 0.015)
            site.park(frame.at(x + ROOM_M[kind] / 2, rng.normal(0, 0.2), turn), kind)
        x += ROOM_M[kind] + (rng.uniform(0.8, 3.0) if queue else rng.uniform(6, 35))


def _footway(site: Site, frame: Frame, length: float, plan: StreetPlan, side: int) -> None:
    """Put things on a footway, and marks on the half of the road beside it."""
    rng = site.rng
    walk = (
        frame.at(0, plan.edge - plan.walk)
        if side > 0
        else frame.at(length, -plan.edge + plan.walk, math.pi)
    )
    count = int(length * plan.walk / rng.uniform(25, 120))
    scatter(site, walk, (length, plan.walk - 0.1), PAVEMENT, count)
    start = plan.lane * int(rng.integers(plan.lanes))
    lane = frame.at(6, start) if side > 0 else frame.at(length - 6, -start, math.pi)
    scatter(site, lane, (length - 12, plan.lane), CARRIAGEWAY, int(length / rng.uniform(15, 60)))


def _verge(site: Site, frame: Frame, length: float, plan: StreetPlan, side: int) -> None:
    """Put trees, lamps and a bus shelter beside the kerb."""
    rng, y = site.rng, side * (plan.kerb + 0.6 + plan.verge * 0.2)
    if site.chance(0.6):
        largest = rng.uniform(1.8, 5.2)
        for x in site.spaced(rng.uniform(4, 9), length - 6, rng.uniform(7, 16)):
            if site.chance(0.8):
                tree(site, frame.at(x + rng.normal(0, 0.5), y), rng.uniform(1.2, largest))
    for x in site.spaced(rng.uniform(6, 20), length - 6, 28.0):
        lamp(site, frame.at(x, side * (plan.kerb + 0.5), -side * math.pi / 2))
    if site.chance(0.3) and length > 30:
        middle = side * (plan.edge - 0.85)
        put(site, frame.at(rng.uniform(12, length - 12), middle), CANOPY, (4.2, 1.4))
