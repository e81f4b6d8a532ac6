"""A scene while it is laid out: its palette, its vehicles, its trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.data.scenery.canvas import Canvas, Frame, Layer, Material, Points, rectangle, swept
from geovehicle.data.scenery.chance import one_of, weighted
from geovehicle.data.scenery.fleet import Vehicle, new_vehicle
from geovehicle.data.scenery.footprint import Footprint

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHITE = Material((224, 224, 219), 0.45)
YELLOW = Material((208, 174, 98), 0.45)
SOILS = (
    Material((144, 120, 94), 0.55),
    Material((96, 80, 66), 0.6),
    Material((190, 172, 136), 0.4),
    Material((150, 146, 138), 0.7),
)
"""Earth dry and wet, sand, gravel."""


@dataclass(frozen=True)
class Palette:
    """The materials of one scene, and whether most trees are without leaves."""

    asphalt: Material
    paving: Material
    kerb: Material
    concrete: Material
    grass: Material
    soil: Material
    leaves: tuple[Material, ...]
    roofs: tuple[Material, ...]
    bay_paint: Material
    bare: bool
    paint: Material = WHITE


def random_palette(rng: np.random.Generator) -> Palette:
    """Return the materials of a scene: its ground, its season, its habits."""
    dry, warm, pale = rng.random(), rng.normal(0, 4), rng.uniform(0.72, 1.15)
    # fresh or wet asphalt is nearly as dark as a black car, bleached concrete as bright as silver
    grey = rng.uniform(*weighted(rng, ((0.25, (50, 85)), (0.55, (85, 150)), (0.2, (150, 195)))))
    leaves = [Material((70 + 20 * dry, 88 + 8 * dry, 54), 0.8), Material((84, 98, 60), 0.8)]
    if rng.random() < 0.2:
        leaves += [Material((148, 116, 58), 0.8), Material((128, 82, 52), 0.8)]
    return Palette(
        asphalt=Material((grey + warm, grey, grey - warm), 0.32),
        paving=Material((170 + 2 * warm, 164, 154 - 2 * warm), 0.28).scaled(pale),
        kerb=Material((190, 186, 178), 0.2),
        concrete=Material((176, 170, 158 - warm), 0.35).scaled(rng.uniform(0.8, 1.2)),
        grass=_grass(rng, dry),
        soil=one_of(rng, SOILS),
        leaves=tuple(leaves),
        roofs=(
            Material((158, 156, 152), 0.35),
            Material((206, 204, 198), 0.2),
            Material((114, 112, 110), 0.35),
            Material((138, 128, 118), 0.4),
            Material((132, 152, 150), 0.15),
        ),
        bay_paint=WHITE if rng.random() < 0.65 else YELLOW,
        bare=bool(rng.random() < 0.12),
    )


def _grass(rng: np.random.Generator, dry: float) -> Material:
    """Return grass in summer, or now and then in winter."""
    if rng.random() < 0.2:
        return Material((112 + 16 * dry, 106 + 8 * dry, 78), 0.8)
    return Material((88 + 54 * dry, 104 + 24 * dry, 62 + 32 * dry), 0.7)


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
    things
        Footprints of what stands about: no vehicle is planned there.
    walls
        What buildings cover in the picture: convex outlines in metres of the scene.
    crowns
        Tree crowns in the picture: x, y and radius in metres of the scene.
    """

    canvas: Canvas
    rng: np.random.Generator
    palette: Palette
    occupancy: float
    vehicles: list[Vehicle] = field(default_factory=list)
    things: list[Footprint] = field(default_factory=list)
    walls: list[Points] = field(default_factory=list)
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
        """Plan a vehicle, unless it would be out of view or touch something."""
        vehicle = new_vehicle(self.rng, kind, frame)
        if self.canvas.sees(frame, vehicle.length) and self.free(vehicle):
            self.vehicles.append(vehicle)

    def build(self, frame: Frame, size: tuple[float, float, float]) -> None:
        """Take the ground of a building of width, depth, height, its corner at the frame."""
        width, depth, height = size
        ground = Footprint(frame.at(width / 2, depth / 2), width, depth)
        lean = self.canvas.light.lean
        self.things.append(ground)
        top = (lean[0] * height, lean[1] * height)
        self.walls.append(swept(ground.corners(), (0.0, 0.0), top))

    def claim(self, frame: Frame, length: float, width: float) -> bool:
        """Take a rectangle around the frame, and tell whether it was in view and free."""
        thing = Footprint(frame, length, width)
        granted = self.canvas.sees(frame, length + width + 4) and self.free(thing)
        if granted:
            self.things.append(thing)
        return granted

    def free(self, thing: Footprint) -> bool:
        """Tell whether a footprint touches neither a vehicle nor a thing."""
        return not any(
            thing.touches(other) for others in (self.vehicles, self.things) for other in others
        )

    def visible(self, vehicle: Vehicle) -> float:
        """Return the share of a vehicle's footprint that neither crown nor building covers."""
        along, across = np.meshgrid(np.linspace(-0.45, 0.45, 9), (-0.4, 0.0, 0.4))
        cos, sin = np.cos(vehicle.frame.angle), np.sin(vehicle.frame.angle)
        forward, right = along.ravel() * vehicle.length, across.ravel() * vehicle.width
        x = vehicle.frame.x + forward * cos - right * sin
        y = vehicle.frame.y + forward * sin + right * cos
        crowns = np.array(self.crowns).reshape(-1, 3)
        gaps = np.hypot(x[:, None] - crowns[:, 0], y[:, None] - crowns[:, 1])
        hidden = (gaps < crowns[:, 2]).any(axis=1)
        for outline in self.walls:
            hidden |= _within(outline, x, y)
        return 1.0 - float(hidden.mean())


def _within(outline: Points, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points are inside a convex outline."""
    corners = np.array(outline)
    (ax, ay), (bx, by) = corners.T, np.roll(corners, -1, axis=0).T
    sides = (bx - ax) * (y[:, None] - ay) - (by - ay) * (x[:, None] - ax)
    inside: NDArray[np.bool_] = (sides >= 0).all(axis=1) | (sides <= 0).all(axis=1)
    return inside
