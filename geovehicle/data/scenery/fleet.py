"""Vehicles: their sizes, where they stand, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.data.scenery.cars import draw_car
from geovehicle.data.scenery.footprint import Footprint
from geovehicle.data.scenery.lorries import draw_bus, draw_truck
from geovehicle.data.scenery.pen import Pen
from geovehicle.data.scenery.vans import draw_van

if TYPE_CHECKING:
    from geovehicle.data.scenery.canvas import Canvas, Frame

LENGTHS_M = {"car": (3.7, 5.0), "van": (4.8, 7.0), "truck": (6.5, 16.5), "bus": (7.5, 18.0)}
WIDTHS_M = {"car": (1.65, 1.95), "van": (1.9, 2.3), "truck": (2.4, 2.55), "bus": (2.35, 2.55)}
GAPS_M = {"bus": (12.2, 16.5), "truck": (10.5, 14.5)}
"""Lengths that are hardly built: between a bus and one with a joint, a lorry and a
tractor with its trailer."""

PAINTERS = {"car": draw_car, "van": draw_van, "bus": draw_bus, "truck": draw_truck}


@dataclass(frozen=True)
class Vehicle(Footprint):
    """A vehicle on the ground, heading along the frame's x axis.

    Attributes
    ----------
    kind
        ``"car"``, ``"van"``, ``"bus"`` or ``"truck"``.
    look
        Seed of everything that is only looks.
    """

    kind: str
    look: int


def new_vehicle(rng: np.random.Generator, kind: str, frame: Frame) -> Vehicle:
    """Return a vehicle of usual proportions for its kind."""
    share = rng.beta(2.5, 2.5)
    shortest, longest = LENGTHS_M[kind]
    length = shortest + share * (longest - shortest)
    if kind in GAPS_M and GAPS_M[kind][0] < length < GAPS_M[kind][1]:
        below, above = GAPS_M[kind]
        length = rng.uniform(0.9 * below, below) if share < 0.6 else rng.uniform(above, longest)
    narrow, wide = WIDTHS_M[kind]
    breadth = min(1.0, max(0.0, share + rng.normal(0.0, 0.15)))
    width = narrow + breadth * (wide - narrow)
    return Vehicle(frame, length, width, kind, int(rng.integers(2**31)))


def draw_vehicle(canvas: Canvas, vehicle: Vehicle) -> None:
    """Paint a vehicle and its shadow."""
    pen = Pen(canvas, vehicle.frame, vehicle.length, vehicle.width)
    PAINTERS[vehicle.kind](pen, np.random.default_rng(vehicle.look))
