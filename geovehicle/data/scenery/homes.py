"""Houses with drives and gardens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Layer, rounded
from geovehicle.data.scenery.clutter import GARDEN, scatter
from geovehicle.data.scenery.lot import Lot
from geovehicle.data.scenery.props import hedge, tree
from geovehicle.data.scenery.roofs import pitched_roof

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site


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
    count = int(rng.integers(0, 2 + int(lot.width * lot.depth / 60)))
    scatter(site, frame, (lot.width, lot.depth), GARDEN, count)
    if site.chance(0.3):
        bed = rounded(0, 0, 3.5, 1.6, 0.3)
        site.canvas.fill(Layer.MARKING, frame, bed, site.palette.soil)
