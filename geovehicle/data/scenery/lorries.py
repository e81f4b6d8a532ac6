"""Buses and lorries from above."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Material
from geovehicle.data.scenery.chance import weighted
from geovehicle.data.scenery.pen import (
    BOX_PAINTS,
    GLASS,
    RUBBER,
    WORK_PAINTS,
    Paints,
    Pen,
    coat,
    mirrored,
    scaled,
)

if TYPE_CHECKING:
    import numpy as np

ARTICULATED_M = 13.0
"""Buses longer than this have a joint."""

BUS_PAINTS: Paints = (
    (0.40, (232, 233, 230)),
    (0.15, (176, 40, 40)),
    (0.15, (104, 172, 60)),
    (0.12, (208, 168, 50)),
    (0.10, (54, 92, 152)),
    (0.08, (170, 172, 172)),
)

BUS_HEIGHT_M = 3.1
COACH = ((0.5, 0.84), (0.4955, 0.95), (0.486, 1.0), (-0.488, 1.0), (-0.497, 0.96), (-0.5, 0.88))
"""Profile of a bus: place along the length, share of the half width."""

Span = tuple[float, float]
"""Front and rear of a part, as shares of the vehicle's length."""


def draw_bus(pen: Pen, rng: np.random.Generator) -> None:
    """Paint a bus, with a joint if it is long, and its shadow."""
    paint = coat(rng, BUS_PAINTS)
    roof = paint if rng.random() < 0.5 else Material((222, 223, 220), 0.12)
    parts: tuple[Span, ...] = ((0.5, -0.5),)
    if pen.length > ARTICULATED_M:
        joint = rng.uniform(-0.06, 0.06)
        parts = ((0.5, joint + 0.03), (joint - 0.03, -0.5))
        _bellows(pen, joint)
    for part in parts:
        _coach(pen, part, paint, roof)
        _roof_units(pen, rng, part, roof)
    pen.fill(mirrored(((0.498, 0.78), (0.484, 0.92))), GLASS.scaled(1.5), BUS_HEIGHT_M - 0.3)


def _coach(pen: Pen, part: Span, paint: Material, roof: Material) -> None:
    front, rear = part
    outline = [((front + rear) / 2 + x * (front - rear), y) for x, y in mirrored(COACH)]
    pen.cast(outline, 0.0, BUS_HEIGHT_M)
    pen.flank(outline, paint.scaled(0.68), 0.2, 1.3)
    pen.flank(outline, GLASS, 1.3, 2.4)
    pen.fill(outline, paint.scaled(0.82), BUS_HEIGHT_M - 0.2)
    for across, gain in ((0.92, 0.93), (0.80, 1.0), (0.5, 1.04)):
        top = scaled(outline, 1 - 0.025 * (1.4 - across), across, 0.2 * pen.right * (1 - across))
        pen.fill(top, roof.scaled(gain), BUS_HEIGHT_M)
    for k in range(1, int((front - rear) * pen.length / 1.4)):
        pen.bar(rear + 1.4 * k / pen.length, 0.88, 0.05, roof.scaled(0.93), BUS_HEIGHT_M)


def _roof_units(pen: Pen, rng: np.random.Generator, part: Span, roof: Material) -> None:
    """Hatches and air conditioning."""
    count = int(rng.integers(2, 5))
    for k in range(count):
        x = part[1] + (part[0] - part[1]) * (k + rng.uniform(0.35, 0.65)) / count
        along, half = rng.uniform(0.3, 1.2) / pen.length, rng.uniform(0.2, 0.55)
        along = min(along, 0.95 * (part[0] - x), 0.95 * (x - part[1]))
        box = mirrored(((x + along, half), (x, half * 1.06), (x - along, half)))
        shade = [(px - 0.02 * pen.ahead, py - 0.1 * pen.right) for px, py in box]
        pen.fill(shade, roof.scaled(0.6), BUS_HEIGHT_M)
        pen.fill(box, roof.scaled(rng.uniform(0.78, 1.05)), BUS_HEIGHT_M + 0.2)


def _bellows(pen: Pen, joint: float) -> None:
    fold = mirrored(((joint + 0.04, 0.93), (joint - 0.04, 0.93)))
    pen.cast(fold, 0.0, BUS_HEIGHT_M - 0.2)
    pen.flank(fold, RUBBER, 0.3, BUS_HEIGHT_M - 0.2)
    for k in range(4):
        pen.bar(joint - 0.026 + 0.014 * k, 0.9, 0.1, Material((84, 85, 88), 0.1), BUS_HEIGHT_M)


def draw_truck(pen: Pen, rng: np.random.Generator) -> None:
    """Paint a lorry with its load, and its shadow; a long one is a tractor and its trailer."""
    chassis = mirrored(((0.47, 0.9), (-0.5, 0.9)))
    pen.cast(chassis, 0.0, 0.9)
    pen.fill(chassis, Material((46, 46, 48), 0.2), 0.9)
    behind = 0.5 - rng.uniform(1.7, 2.3) / pen.length
    _cab(pen, (0.5, behind), coat(rng, WORK_PAINTS))
    load = (behind - rng.uniform(0.15, 0.5) / pen.length, -0.5)
    weighted(rng, LOADS)(pen, rng, load)


def _cab(pen: Pen, part: Span, paint: Material) -> None:
    front, rear = part
    long = front - rear
    outline = mirrored(((front, 0.72), (front - 0.05 * long, 0.92), (rear, 0.94)))
    pen.cast(outline, 0.0, 2.7)
    pen.flank(outline, paint.scaled(0.66), 0.4, 1.4)
    pen.flank(outline, GLASS, 1.4, 2.2)
    pen.fill(outline, paint.scaled(0.78), 2.3)
    screen = mirrored(((front - 0.03 * long, 0.70), (front - 0.20 * long, 0.84)))
    pen.fill(screen, GLASS.scaled(1.6), 2.3)
    roof = mirrored(((front - 0.22 * long, 0.80), (front - 0.35 * long, 0.88), (rear, 0.88)))
    pen.fill(roof, paint.scaled(0.95), 2.7)
    spoiler = mirrored(((front - 0.45 * long, 0.55), (rear + 0.08 * long, 0.74)))
    pen.fill(spoiler, paint.scaled(1.07), 2.8)


def _box(pen: Pen, rng: np.random.Generator, part: Span) -> None:
    height, skin = rng.uniform(2.9, 3.7), coat(rng, BOX_PAINTS)
    outline = mirrored([(x, 1.0) for x in part])
    pen.cast(outline, 0.9, height)
    pen.flank(outline, skin.scaled(0.66), 0.9, height)
    pen.fill(outline, skin.scaled(0.84), height)
    pen.fill(scaled(outline, 0.985, 0.94), skin, height)
    pen.fill(scaled(outline, 0.98, 0.6, 0.25 * pen.right), skin.scaled(1.03), height)
    step = rng.uniform(0.5, 1.3) / pen.length
    for k in range(1, int((part[0] - part[1]) / step)):
        pen.bar(part[1] + k * step, 0.93, 0.05, skin.scaled(0.93), height)


def _platform(pen: Pen, rng: np.random.Generator, part: Span) -> None:
    wooden = rng.random() < 0.6
    deck = Material((128, 106, 82), 0.4) if wooden else Material((106, 108, 110), 0.4)
    outline = mirrored([(x, 1.0) for x in part])
    pen.cast(outline, 0.9, 1.4)
    pen.fill(outline, deck.scaled(0.6), 1.4)
    pen.fill(scaled(outline, 0.98, 0.93), deck, 1.2)
    for k in range(1, int((part[0] - part[1]) * pen.length / 0.5)):
        pen.bar(part[1] + 0.5 * k / pen.length, 0.9, 0.05, deck.scaled(0.85), 1.2)
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(part[1] + 0.1, part[0] - 0.1), rng.uniform(-0.4, 0.4)
        along, half = rng.uniform(0.3, 0.9) / pen.length, rng.uniform(0.2, 0.45)
        load = mirrored(((x + along, half), (x - along, half)))
        tone = rng.uniform(70, 190)
        skin = Material((tone, tone * 0.93, tone * 0.82), 0.3)
        pen.fill(scaled(load, 1.0, 1.0, y), skin, 1.7)


def _tank(pen: Pen, rng: np.random.Generator, part: Span) -> None:
    """Shade a tank as the cylinder it is."""
    skin = coat(rng, BOX_PAINTS)
    for k in range(8):
        left, right = 2 * k / 8 - 1, 2 * (k + 1) / 8 - 1
        across = (left + right) / 2
        gain = 0.9 + 0.3 * across * pen.right - 0.25 * across**2
        strip = ((part[0], left), (part[0], right), (part[1], right), (part[1], left))
        pen.fill(strip, skin.scaled(gain), 2.8)
    pen.cast(mirrored([(x, 0.7) for x in part]), 0.9, 3.2)
    for k in range(1, 5):
        x = part[1] + (part[0] - part[1]) * k / 5
        lid = mirrored(((x + 0.25 / pen.length, 0.16), (x - 0.25 / pen.length, 0.16)))
        pen.fill(lid, skin.scaled(0.6), 3.2)


def _tipper(pen: Pen, rng: np.random.Generator, part: Span) -> None:
    """Fill an open box of steel with earth, sand or nothing."""
    steel = coat(rng, WORK_PAINTS)
    outline = mirrored([(x, 1.0) for x in part])
    pen.cast(outline, 0.9, 2.2)
    pen.flank(outline, steel.scaled(0.66), 0.9, 2.2)
    pen.fill(outline, steel.scaled(0.9), 2.2)
    tone = rng.uniform(50, 190)
    load = Material((tone, tone * 0.9, tone * 0.76), 0.5)
    inner = scaled(outline, 0.97, 0.9)
    pen.fill(inner, load.scaled(0.85), 1.8)
    if rng.random() < 0.6:
        pen.fill(scaled(inner, 0.8, 0.6, 0.15 * pen.right), load.scaled(1.15), 2.2)
    else:
        pen.fill(scaled(inner, 0.95, 0.75, -0.2 * pen.right), load.scaled(0.5), 1.0)


LOADS = ((0.55, _box), (0.20, _platform), (0.10, _tank), (0.15, _tipper))
