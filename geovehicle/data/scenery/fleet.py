"""Vehicles: their sizes, where they stand, and how they are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.data.scenery.cars import draw_car, draw_van
from geovehicle.data.scenery.lorries import draw_bus, draw_truck
from geovehicle.data.scenery.pen import Pen

if TYPE_CHECKING:
    from geovehicle.data.scenery.canvas import Canvas, Frame

LENGTHS_M = {"car": (3.7, 5.0), "van": (4.8, 6.5), "truck": (6.5, 12.0), "bus": (10.0, 18.0)}
WIDTHS_M = {"car": (1.65, 1.95), "van": (1.9, 2.2), "truck": (2.4, 2.55), "bus": (2.5, 2.55)}
SOLO_BUS_M = 12.2
ARTICULATED_BUS_M = 16.5
"""No bus is longer than the first and shorter than the second."""

CLEARANCE_M = 0.2
"""Vehicles are never closer than this."""

PAINTERS = {"car": draw_car, "van": draw_van, "bus": draw_bus, "truck": draw_truck}


@dataclass(frozen=True)
class Vehicle:
    """A vehicle on the ground.

    Attributes
    ----------
    frame
        Middle of the footprint, in metres of the scene, and heading.
    kind
        ``"car"``, ``"van"``, ``"bus"`` or ``"truck"``.
    length, width
        Size of the footprint in metres.
    look
        Seed of everything that is only looks.
    """

    frame: Frame
    kind: str
    length: float
    width: float
    look: int

    def corners(self) -> list[tuple[float, float]]:
        """Return front-left, front-right, rear-right and rear-left in metres of the scene."""
        x, y = self.length / 2, self.width / 2
        return [self.frame.at(*corner)[:2] for corner in ((x, -y), (x, y), (-x, y), (-x, -y))]

    def touches(self, other: Vehicle) -> bool:
        """Tell whether two vehicles are closer than the clearance, by separating axes."""
        dx, dy = other.frame.x - self.frame.x, other.frame.y - self.frame.y
        if math.hypot(dx, dy) > (self.length + other.length + self.width + other.width) / 2:
            return False
        for angle in (self.frame.angle, other.frame.angle):
            for x, y in ((math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))):
                gap = abs(dx * x + dy * y) - self._extent(x, y) - other._extent(x, y)
                if gap > CLEARANCE_M:
                    return False
        return True

    def _extent(self, x: float, y: float) -> float:
        """Return half the footprint's length along a unit vector."""
        along, across = self.frame.inward((x, y))
        return (abs(along) * self.length + abs(across) * self.width) / 2


def new_vehicle(rng: np.random.Generator, kind: str, frame: Frame) -> Vehicle:
    """Return a vehicle of usual proportions for its kind."""
    share = rng.beta(2.5, 2.5)
    shortest, longest = LENGTHS_M[kind]
    length = shortest + share * (longest - shortest)
    if kind == "bus" and SOLO_BUS_M < length < ARTICULATED_BUS_M:
        length = rng.uniform(11.0, SOLO_BUS_M) if share < 0.6 else rng.uniform(17.0, 18.0)
    narrow, wide = WIDTHS_M[kind]
    breadth = min(1.0, max(0.0, share + rng.normal(0.0, 0.15)))
    width = narrow + breadth * (wide - narrow)
    return Vehicle(frame, kind, length, width, int(rng.integers(2**31)))


def draw_vehicle(canvas: Canvas, vehicle: Vehicle) -> None:
    """Paint a vehicle and its shadow."""
    pen = Pen(canvas, vehicle.frame, vehicle.length, vehicle.width)
    PAINTERS[vehicle.kind](pen, np.random.default_rng(vehicle.look))
