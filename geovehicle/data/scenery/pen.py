"""Paint in shares of a vehicle's length (-0.5 rear to 0.5 front) and half width (-1 to 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Canvas, Colour, Frame, Layer, Material, Points
from geovehicle.data.scenery.chance import weighted

if TYPE_CHECKING:
    import numpy as np

Paints = tuple[tuple[float, Colour], ...]

GLASS = Material((30, 35, 42), 0.06)
RUBBER = Material((26, 26, 28), 0.05)
WORK_PAINTS: Paints = (
    (0.62, (238, 239, 237)),
    (0.12, (166, 169, 172)),
    (0.07, (44, 66, 122)),
    (0.07, (164, 34, 34)),
    (0.05, (206, 164, 46)),
    (0.07, (52, 54, 58)),
)
BOX_PAINTS: Paints = ((0.75, (228, 229, 227)), (0.15, (158, 161, 164)), (0.1, (60, 84, 132)))

DIRTY = 0.12
"""Share of the vehicles with dust on their paint."""

DUST: Colour = (138.0, 128.0, 112.0)
SKY: Colour = (12.0, 14.5, 18.0)
"""What glossy paint mirrors of the sky from above."""


def coat(rng: np.random.Generator, paints: Paints) -> Material:
    """Return a paint of a table of (frequency, colour), aged a little, sometimes dirty."""
    red, green, blue = weighted(rng, paints)
    factor, tint = 0.93 * rng.normal(1.0, 0.07), rng.normal(0.0, 2.5)
    colour = (red * factor + tint + SKY[0], green * factor + SKY[1], blue * factor - tint + SKY[2])
    if rng.random() > DIRTY:
        return Material(colour, 0.08)
    share = rng.uniform(0.1, 0.45)
    red, green, blue = (
        (1 - share) * own + share * dust for own, dust in zip(colour, DUST, strict=True)
    )
    return Material((red, green, blue), 0.25)


def mirrored(profile: Points) -> Points:
    """Return the closed outline of a profile (x, half width), listed from front to rear."""
    return [*((x, -y) for x, y in profile), *((x, y) for x, y in reversed(profile))]


def scaled(points: Points, along: float, across: float, shift: float = 0.0) -> Points:
    """Return an outline scaled about its middle along, about the axis across, then shifted."""
    middle = (min(x for x, _ in points) + max(x for x, _ in points)) / 2
    return [(middle + (x - middle) * along, y * across + shift) for x, y in points]


class Pen:
    """Paints one vehicle.

    Parameters
    ----------
    canvas
        What is painted on.
    frame
        The middle of the vehicle.
    length, width
        Its size in metres.

    Attributes
    ----------
    ahead, right
        How much a face turned forward, or to the right, looks towards the sun, -1 to 1.
    """

    def __init__(self, canvas: Canvas, frame: Frame, length: float, width: float) -> None:
        self.canvas, self.frame, self.length, self.half = canvas, frame, length, width / 2
        self.ahead, self.right = canvas.light.facing(frame)

    def fill(self, points: Points, material: Material, height: float) -> None:
        """Paint a polygon at a height in metres."""
        self.canvas.fill(Layer.VEHICLE, self.frame, self._metres(points), material, height)

    def flank(self, points: Points, material: Material, bottom: float, top: float) -> None:
        """Paint the upright sides of a convex part."""
        points = self._metres(points)
        self.canvas.flank(Layer.VEHICLE, self.frame, points, material, (bottom, top))

    def cast(self, points: Points, bottom: float, top: float) -> None:
        """Cast the shadow of a convex part."""
        self.canvas.cast(Layer.VEHICLE, self.frame, self._metres(points), (bottom, top))

    def bar(self, x: float, half: float, metres: float, material: Material, height: float) -> None:
        """Paint a bar across the vehicle that is ``metres`` long in the direction of travel."""
        self.fill(mirrored(((x + metres / self.length, half), (x, half))), material, height)

    def _metres(self, points: Points) -> Points:
        return [(x * self.length, y * self.half) for x, y in points]
