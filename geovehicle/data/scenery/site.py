"""A scene while it is laid out: its palette, its vehicles, its trees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from geovehicle.data.scenery.canvas import Canvas, Frame, Layer, Material, rectangle
from geovehicle.data.scenery.fleet import Vehicle, new_vehicle

WHITE = Material((224, 224, 219), 0.45)
YELLOW = Material((208, 174, 98), 0.45)


@dataclass(frozen=True)
class Palette:
    """The materials of one scene."""

    asphalt: Material
    paving: Material
    kerb: Material
    concrete: Material
    grass: Material
    soil: Material
    leaves: tuple[Material, ...]
    roofs: tuple[Material, ...]
    bay_paint: Material
    paint: Material = WHITE


def random_palette(rng: np.random.Generator) -> Palette:
    """Return the materials of a scene: its ground, its season, its habits."""
    dry, grey, warm = rng.random(), rng.uniform(80, 160), rng.normal(0, 4)
    leaves = [Material((70 + 20 * dry, 88 + 8 * dry, 54), 0.8), Material((84, 98, 60), 0.8)]
    if rng.random() < 0.2:
        leaves += [Material((148, 116, 58), 0.8), Material((128, 82, 52), 0.8)]
    return Palette(
        asphalt=Material((grey + warm, grey, grey - warm), 0.32),
        paving=Material((170 + warm, 164, 154 - warm), 0.28),
        kerb=Material((190, 186, 178), 0.2),
        concrete=Material((176, 170, 158), 0.35),
        grass=Material((88 + 54 * dry, 104 + 24 * dry, 62 + 32 * dry), 0.7),
        soil=Material((144, 120, 94), 0.55),
        leaves=tuple(leaves),
        roofs=(
            Material((158, 156, 152), 0.35),
            Material((206, 204, 198), 0.2),
            Material((114, 112, 110), 0.35),
            Material((138, 128, 118), 0.4),
            Material((132, 152, 150), 0.15),
        ),
        bay_paint=WHITE if rng.random() < 0.65 else YELLOW,
    )


@dataclass
class Site:
    """A scene being laid out.

    Vehicles are only planned, so that those a tree hides can be left out before
    anything is drawn.

    Attributes
    ----------
    canvas
        What is drawn on.
    rng
        Source of all chance.
    palette
        Materials of the scene.
    occupancy
        Share of the bays that are taken, 0-1.
    vehicles
        Planned vehicles.
    crowns
        Tree crowns in the picture: x, y and radius in metres of the scene.
    """

    canvas: Canvas
    rng: np.random.Generator
    palette: Palette
    occupancy: float
    vehicles: list[Vehicle] = field(default_factory=list)
    crowns: list[tuple[float, float, float]] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return bool(self.rng.random() < probability)

    def sign(self, probability: float = 0.5) -> int:
        """Return 1 with a probability, otherwise -1."""
        return 1 if self.chance(probability) else -1

    def spaced(self, start: float, end: float, step: float) -> list[float]:
        """Return places from ``start`` to before ``end``."""
        return [float(x) for x in np.arange(start, end, step)]

    def pave(
        self,
        frame: Frame,
        box: tuple[float, float, float, float],
        material: Material,
        layer: Layer = Layer.GROUND,
    ) -> None:
        """Paint a rectangle (x1, y1, x2, y2) on the ground."""
        self.canvas.fill(layer, frame, rectangle(*box), material)

    def park(self, frame: Frame, kind: str) -> None:
        """Plan a vehicle, unless it would be out of view or touch another."""
        vehicle = new_vehicle(self.rng, kind, frame)
        if self.canvas.sees(frame, vehicle.length) and not any(
            vehicle.touches(other) for other in self.vehicles
        ):
            self.vehicles.append(vehicle)

    def visible(self, vehicle: Vehicle) -> float:
        """Return the share of a vehicle's footprint that no tree crown covers."""
        along, across = np.meshgrid(np.linspace(-0.45, 0.45, 9), (-0.4, 0.0, 0.4))
        cos, sin = np.cos(vehicle.frame.angle), np.sin(vehicle.frame.angle)
        forward, right = along.ravel() * vehicle.length, across.ravel() * vehicle.width
        x = vehicle.frame.x + forward * cos - right * sin
        y = vehicle.frame.y + forward * sin + right * cos
        crowns = np.array(self.crowns).reshape(-1, 3)
        gaps = np.hypot(x[:, None] - crowns[:, 0], y[:, None] - crowns[:, 1])
        return 1.0 - float((gaps < crowns[:, 2]).any(axis=1).mean())
