"""What a thing takes of the ground: a turned rectangle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geovehicle.data.scenery.canvas import Frame

CLEARANCE_M = 0.2
"""Things are never closer than this."""


@dataclass(frozen=True)
class Footprint:
    """A rectangle of ground.

    Attributes
    ----------
    frame
        Its middle, in metres of the scene, and the direction of its length.
    length, width
        Size in metres.
    """

    frame: Frame
    length: float
    width: float

    def corners(self) -> list[tuple[float, float]]:
        """Return front-left, front-right, rear-right and rear-left in metres of the scene."""
        x, y = self.length / 2, self.width / 2
        return [self.frame.at(*corner)[:2] for corner in ((x, -y), (x, y), (-x, y), (-x, -y))]

    def touches(self, other: Footprint) -> bool:
        """Tell whether two footprints are closer than the clearance, by separating axes."""
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
