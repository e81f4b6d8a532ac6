"""Cars from above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Material, Points, rounded
from geovehicle.data.scenery.chance import weighted
from geovehicle.data.scenery.pen import GLASS, RUBBER, Paints, Pen, coat, mirrored, scaled

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

PAINTS: Paints = (
    (0.25, (240, 241, 240)),  # white
    (0.16, (166, 170, 173)),  # silver
    (0.17, (92, 96, 101)),  # grey
    (0.20, (30, 32, 36)),  # black
    (0.06, (34, 50, 92)),  # dark blue
    (0.03, (46, 92, 152)),  # blue
    (0.06, (158, 26, 32)),  # red
    (0.02, (92, 20, 30)),  # maroon
    (0.015, (44, 74, 58)),  # green
    (0.02, (180, 166, 138)),  # beige
    (0.01, (90, 72, 56)),  # brown
    (0.005, (210, 170, 44)),  # yellow
)
"""Roughly how often each paint is sold in Europe and North America."""

LAMP = Material((188, 192, 196), 0.05)
TAIL_LAMP = Material((128, 28, 30), 0.05)
CHROME = Material((208, 211, 213), 0.05)

BODY = (
    (0.500, 0.34), (0.496, 0.55), (0.483, 0.73), (0.458, 0.87), (0.415, 0.955), (0.33, 0.99),
    (0.10, 1.0), (-0.30, 1.0), (-0.41, 0.965), (-0.458, 0.89), (-0.484, 0.76), (-0.496, 0.58),
    (-0.500, 0.36),
)  # fmt: skip
"""Profile of a car: place along the length, share of the half width."""


@dataclass(frozen=True)
class Body:
    """Where the glass of a car is, along its length, front edge first.

    Attributes
    ----------
    screen, rear
        Front and rear edge of windscreen and rear window.
    height
        Of the roof, metres.
    bluff
        How square the corners are: 1 is a saloon's.
    bed
        True for a pick-up.
    open
        True for a car without its roof.
    waist
        Height of the bonnet's edge, metres.
    """

    screen: tuple[float, float]
    rear: tuple[float, float]
    height: float
    bluff: float = 1.0
    bed: bool = False
    open: bool = False
    waist: float = 0.75


CARS = (
    (0.28, Body((0.215, 0.070), (-0.235, -0.365), 1.45)),  # saloon
    (0.30, Body((0.250, 0.095), (-0.365, -0.455), 1.50, 0.9)),  # hatchback
    (0.16, Body((0.210, 0.075), (-0.385, -0.468), 1.48)),  # estate
    (0.18, Body((0.220, 0.095), (-0.400, -0.464), 1.72, 0.8)),  # SUV
    (0.08, Body((0.205, 0.105), (-0.080, -0.125), 1.80, 0.65, bed=True)),  # pick-up
    (0.03, Body((0.165, 0.065), (-0.290, -0.330), 1.15, open=True)),  # convertible
)


def draw_car(pen: Pen, rng: np.random.Generator) -> None:
    """Paint a car of a random body and its shadow."""
    body = weighted(rng, CARS)
    paint = coat(rng, PAINTS)
    lower_half(pen, body, paint)
    bonnet(pen, rng, body, paint)
    if body.bed:
        _bed(pen, rng, body, paint)
    else:
        tail = mirrored(((body.rear[1] - 0.004, 0.74), (-0.468, 0.66), (-0.482, 0.50)))
        pen.fill(tail, paint.scaled(1.04 - 0.10 * pen.ahead), 0.95)
    cabin(pen, rng, body, paint)
    if body.open:
        _seats(pen, rng, body)
    else:
        roof(pen, rng, body, paint)
        _roof_fittings(pen, rng, body)


def lower_half(pen: Pen, body: Body, paint: Material) -> None:
    """Sills, wings, lamps and mirrors."""
    waist = body.waist
    outline = mirrored([(x, 1 - (1 - y) * body.bluff) for x, y in BODY])
    pen.cast(outline, 0.0, waist)
    pen.fill(outline, RUBBER, 0.15)
    pen.flank(outline, paint.scaled(0.60), 0.3, waist * 0.8)
    pen.fill(scaled(outline, 0.986, 0.95), paint.scaled(0.88), waist)
    for side in (-1, 1):
        mirror = ((0.185, 0.94 * side), (0.205, 1.09 * side), (0.17, 1.09 * side))
        pen.fill(mirror, paint.scaled(0.75), waist)
        sill = ((0.40, 0.84), (0.36, 0.94), (-0.42, 0.94), (-0.44, 0.84))
        pen.fill([(x, y * side) for x, y in sill], paint.scaled(1 + 0.2 * side * pen.right), waist)
        lamp = ((0.487, 0.50), (0.470, 0.74), (0.435, 0.87), (0.445, 0.70))
        pen.fill([(x, y * side) for x, y in lamp], LAMP, waist)
        lamp = ((-0.488, 0.50), (-0.476, 0.76), (-0.455, 0.88), (-0.468, 0.60))
        pen.fill([(x, y * side) for x, y in lamp], TAIL_LAMP, waist)


def bonnet(pen: Pen, rng: np.random.Generator, body: Body, paint: Material) -> None:
    """Bonnet, its crease, and sometimes the sun mirrored in it."""
    base = body.screen[0]
    panel = mirrored(((0.478, 0.40), (0.462, 0.62), (0.44, 0.72), (base, 0.80)))
    pen.fill(panel, paint.scaled(0.99 + 0.10 * pen.ahead), 0.9)
    inner = mirrored(((0.462, 0.34), (0.44, 0.46), (base + 0.01, 0.54)))
    pen.fill(inner, paint.scaled(1.06 + 0.08 * pen.ahead), 0.9)
    pen.bar(base, 0.78, 0.10, paint.scaled(0.72), 0.9)
    if rng.random() < 0.35:
        x, y = min(base + rng.uniform(0.06, 0.16), 0.45), 0.5 * pen.right + rng.uniform(-0.2, 0.2)
        glint = ((x, y - 0.25), (x + 0.03, y), (x, y + 0.25), (x - 0.03, y))
        red, green, blue = paint.scaled(1.3).colour
        pen.fill(glint, Material((red + 50, green + 50, blue + 50), 0.05), 0.9)


def _bed(pen: Pen, rng: np.random.Generator, body: Body, paint: Material) -> None:
    floor = Material((44, 45, 48), 0.2) if rng.random() < 0.7 else paint.scaled(0.7)
    front = body.rear[1] - 0.02
    if rng.random() < 0.4:
        pen.fill(mirrored(((front, 0.82), (-0.462, 0.82))), floor, 1.0)
        return
    pen.fill(mirrored(((front, 0.80), (-0.455, 0.80))), floor, 0.6)
    side = 1 if pen.right > 0 else -1
    dark = ((front, 0.8), (front, 0.4), (-0.455, 0.4), (-0.455, 0.8))
    pen.fill([(x, y * side) for x, y in dark], floor.scaled(0.55), 0.6)


def cabin(pen: Pen, rng: np.random.Generator, body: Body, paint: Material) -> None:
    """Glass all round, mirroring the sky where it faces up, and the pillars."""
    (base, top), (end, tail) = body.screen, body.rear
    house = mirrored(
        (
            (base + 0.028, 0.30), (base + 0.018, 0.58), (base - 0.012, 0.80), (top, 0.885),
            (end, 0.875), (tail + 0.02, 0.77), (tail - 0.006, 0.52),
        )
    )  # fmt: skip
    pen.cast(house, 0.7, body.height)
    pen.flank(house, GLASS, 1.0, body.height - 0.15)
    sky = rng.uniform(0.0, 1.0)
    glass = Material((38 + 34 * sky, 45 + 40 * sky, 55 + 48 * sky), 0.06)
    screen = ((base + 0.022, 0.28), (base + 0.012, 0.55), (base - 0.016, 0.73), (top + 0.01, 0.69))
    pen.fill(mirrored(screen), glass.scaled(1.0 + 0.35 * pen.ahead), body.height - 0.3)
    window = ((end, 0.66), (tail + 0.015, 0.64), (tail, 0.45))
    pen.fill(mirrored(window), glass.scaled(0.85 - 0.3 * pen.ahead), body.height - 0.3)
    for side in (-1, 1):
        for x1, y1, x2, y2 in ((base - 0.012, 0.80, top, 0.70), (tail + 0.01, 0.74, end, 0.70)):
            post = ((x1, y1), (x2, y2), (x2, y2 + 0.07), (x1 - 0.01, y1 + 0.05))
            pen.fill([(x, y * side) for x, y in post], paint.scaled(0.85), body.height - 0.2)


def roof(pen: Pen, rng: np.random.Generator, body: Body, paint: Material) -> None:
    """Roof, domed across, now and then of another colour than the body."""
    top, end = body.screen[1], body.rear[0]
    half = 0.71 if body.height < 1.6 else 0.77
    edge = (
        (top + 0.012, 0.55 * half), (top - 0.004, half * 0.94), (top - 0.05, half),
        (end + 0.05, half), (end + 0.006, half * 0.93), (end - 0.008, half * 0.55),
    )  # fmt: skip
    roof = mirrored(edge)
    skin = Material((34, 36, 40), 0.06) if rng.random() < 0.07 else paint
    for share, gain in ((1.0, 0.92), (0.9, 1.0), (0.7, 1.05), (0.45, 1.08)):
        shift = 0.22 * pen.right * (1 - share)
        pen.fill(scaled(roof, 0.2 + 0.8 * share, share, shift), skin.scaled(gain), body.height)


def _seats(pen: Pen, rng: np.random.Generator, body: Body) -> None:
    """Paint the inside of a car without a roof."""
    top, end = body.screen[1], body.rear[0]
    floor = Material((46, 44, 44), 0.1)
    pen.fill(mirrored(((top - 0.01, 0.72), (end, 0.72))), floor, 0.8)
    tone = rng.uniform(40, 170)
    leather = Material((tone * 1.05, tone * 0.9, tone * 0.78), 0.1)
    for front in (top - 0.10, top - 0.26):
        for side in (-0.36, 0.36):
            seat = rounded(front - 0.10, side - 0.26, front, side + 0.26, 0.03)
            pen.fill(seat, leather, 0.9)
            back = rounded(front - 0.12, side - 0.26, front - 0.08, side + 0.26, 0.02)
            pen.fill(back, leather.scaled(1.25), 1.1)


def _roof_fittings(pen: Pen, rng: np.random.Generator, body: Body) -> None:
    """Sunroof, glass roof, rails, roof box or the sign of a taxi."""
    if body.bed:
        return
    fitting = weighted(rng, FITTINGS)
    if fitting is not None:
        fitting(pen, rng, body)


def _sunroof(pen: Pen, rng: np.random.Generator, body: Body) -> None:
    top, end = body.screen[1], body.rear[0]
    depth = rng.choice((0.35, 0.35, 0.75, 0.95))
    half = 0.45 if depth < 0.5 else 0.6
    rear = top - 0.04 - depth * (top - end - 0.07)
    pen.fill(mirrored(((top - 0.04, half), (rear, half))), GLASS, body.height)


def _rails(pen: Pen, rng: np.random.Generator, body: Body) -> None:
    top, end = body.screen[1], body.rear[0]
    rail = CHROME if rng.random() < 0.5 else RUBBER
    for side in (-1, 1):
        strip: Points = ((top - 0.04, 0.74), (top - 0.04, 0.68), (end, 0.68), (end, 0.74))
        pen.fill([(x, y * side) for x, y in strip], rail, body.height + 0.05)
    if rng.random() < 0.4:
        for x in (top - 0.09, end + 0.08):
            pen.bar(x, 0.72, 0.07, rail, body.height + 0.1)


def _roof_box(pen: Pen, rng: np.random.Generator, body: Body) -> None:
    middle, y = (body.screen[1] + body.rear[0]) / 2, rng.uniform(-0.25, 0.25)
    along = rng.uniform(0.7, 1.1) / pen.length
    box = scaled(mirrored(((middle + along, 0.28), (middle - along, 0.42))), 1.0, 1.0, y)
    tone = rng.choice((38.0, 150.0, 215.0))
    pen.cast(box, body.height, body.height + 0.4)
    pen.fill(box, Material((tone, tone, tone), 0.08), body.height + 0.4)


def _taxi_sign(pen: Pen, rng: np.random.Generator, body: Body) -> None:
    x = body.screen[1] - rng.uniform(0.08, 0.16)
    yellow = Material((226, 190, 66) if rng.random() < 0.6 else (226, 226, 222), 0.05)
    pen.bar(x - 0.02, 0.42, 0.24, RUBBER, body.height)
    pen.bar(x - 0.02, 0.40, 0.2, yellow, body.height + 0.15)


FITTINGS: tuple[tuple[float, Callable[[Pen, np.random.Generator, Body], None] | None], ...] = (
    (0.52, None),
    (0.24, _sunroof),
    (0.16, _rails),
    (0.04, _roof_box),
    (0.04, _taxi_sign),
)
