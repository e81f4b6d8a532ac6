"""Vans from above: panel vans, minibuses, box vans, drop-side vans, motor homes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Material
from geovehicle.data.scenery.cars import Body, bonnet, cabin, lower_half, roof
from geovehicle.data.scenery.chance import weighted
from geovehicle.data.scenery.pen import (
    BOX_PAINTS,
    GLASS,
    WORK_PAINTS,
    Pen,
    coat,
    mirrored,
    scaled,
)

if TYPE_CHECKING:
    import numpy as np

VAN = Body((0.400, 0.285), (-0.474, -0.490), 2.2, 0.6, waist=1.0)
BEHIND = 0.17
"""Where the cab ends and the load begins, share of the length."""


def draw_van(pen: Pen, rng: np.random.Generator) -> None:
    """Paint a van of a random kind and its shadow."""
    paint = coat(rng, WORK_PAINTS)
    lower_half(pen, VAN, paint)
    bonnet(pen, rng, VAN, paint)
    cabin(pen, rng, VAN, paint)
    roof(pen, rng, VAN, paint)
    weighted(rng, KINDS)(pen, rng, paint)


def _panel(pen: Pen, rng: np.random.Generator, paint: Material) -> None:
    """Put ribs across the roof, sometimes a rack on it."""
    for k in range(int(rng.integers(3, 7))):
        pen.bar(0.18 - 0.1 * k, 0.66, 0.05, paint.scaled(0.91), VAN.height)
    draw = rng.random()
    if draw < 0.2:
        rack = Material((150, 152, 152), 0.05)
        for y in (-0.5, -0.1, 0.3):
            rail = ((0.22, y), (0.22, y + 0.06), (-0.44, y + 0.06), (-0.44, y))
            pen.fill(rail, rack, VAN.height + 0.2)
        for k in range(6):
            pen.bar(0.2 - 0.12 * k, 0.55, 0.06, rack, VAN.height + 0.2)


def _minibus(pen: Pen, rng: np.random.Generator, paint: Material) -> None:
    """Put windows along the sides, a cooler on the roof."""
    for side in (-1, 1):
        panes = ((0.26, 0.78), (0.26, 0.87), (-0.44, 0.87), (-0.44, 0.78))
        pen.fill([(x, y * side) for x, y in panes], GLASS, VAN.height - 0.2)
    x = rng.uniform(-0.25, 0.1)
    unit = mirrored(((x + 0.09, 0.42), (x - 0.09, 0.42)))
    pen.fill(scaled(unit, 1.15, 1.15), paint.scaled(0.7), VAN.height)
    pen.fill(unit, paint.scaled(1.04), VAN.height + 0.15)


def _box(pen: Pen, rng: np.random.Generator, paint: Material) -> None:
    """Put a box as wide as the van behind its cab."""
    skin, height = coat(rng, BOX_PAINTS), rng.uniform(2.6, 3.1)
    _hull(pen, (BEHIND + rng.uniform(0, 0.06), -0.5), (skin, height))
    if rng.random() < 0.5:
        spoiler = mirrored(((BEHIND + 0.1, 0.6), (BEHIND, 0.85)))
        pen.fill(spoiler, paint.scaled(1.05), height - 0.2)


def _drop_side(pen: Pen, rng: np.random.Generator, paint: Material) -> None:
    """Put an open bed behind the cab, empty or loaded."""
    floor = Material((96, 90, 84), 0.35).scaled(rng.uniform(0.5, 1.4))
    bed = mirrored(((BEHIND - 0.02, 1.0), (-0.5, 1.0)))
    pen.fill(bed, paint.scaled(0.75), 1.1)
    pen.fill(scaled(bed, 0.97, 0.92), floor, 0.9)
    if rng.random() < 0.6:
        tone = rng.uniform(60, 190)
        load = mirrored(((BEHIND - 0.05, 0.7), (rng.uniform(-0.46, -0.1), 0.7)))
        pen.cast(load, 0.9, 1.7)
        pen.fill(load, Material((tone, tone * 0.95, tone * 0.88), 0.4), 1.7)


def _motor_home(pen: Pen, rng: np.random.Generator, paint: Material) -> None:
    """Put a high hull over the cab, with hatches and a solar panel."""
    skin = Material((228, 228, 224), 0.08).scaled(rng.uniform(0.88, 1.04))
    height = rng.uniform(2.8, 3.1)
    _hull(pen, (rng.uniform(0.24, 0.36), -0.5), (skin, height))
    for _ in range(int(rng.integers(2, 5))):
        x, y, half = rng.uniform(-0.42, 0.15), rng.uniform(-0.45, 0.45), rng.uniform(0.2, 0.45)
        hatch = mirrored(((x + half / pen.length, half), (x - half / pen.length, half)))
        pen.fill(scaled(hatch, 1.0, 1.0, y), skin.scaled(rng.choice((0.5, 0.8, 0.9))), height + 0.1)
    if rng.random() < 0.4:
        panel = mirrored(((0.12, 0.35), (-0.12, 0.35)))
        pen.fill(scaled(panel, 1.0, 1.0, 0.3), Material((34, 42, 62), 0.05), height + 0.05)


def _hull(pen: Pen, part: tuple[float, float], cover: tuple[Material, float]) -> None:
    """Paint an upright box over a part of the length."""
    skin, height = cover
    outline = mirrored([(x, 1.0) for x in part])
    pen.cast(outline, 0.6, height)
    pen.flank(outline, skin.scaled(0.66), 0.6, height)
    pen.fill(outline, skin.scaled(0.86), height)
    pen.fill(scaled(outline, 0.975, 0.93), skin, height)
    pen.fill(scaled(outline, 0.97, 0.6, 0.25 * pen.right), skin.scaled(1.03), height)


KINDS = (
    (0.66, _panel),
    (0.10, _minibus),
    (0.10, _box),
    (0.06, _drop_side),
    (0.08, _motor_home),
)
