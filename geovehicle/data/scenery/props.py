"""Trees, hedges, lamps, and what is worn on the ground."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.data.scenery.canvas import Frame, Layer, Material, Points, rectangle
from geovehicle.data.scenery.chance import one_of

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

LAMP_M = 8.0
"""Height of a street lamp."""

_WOBBLE = (1.0, 0.72, 1.1, 0.8, 1.05, 0.7, 0.95, 0.85)
_OCTAGON = [(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]
_RAGGED = [
    [(wobble * x, wobble * y) for wobble, (x, y) in zip(radii, _OCTAGON, strict=True)]
    for radii in (_WOBBLE[turn:] + _WOBBLE[:turn] for turn in range(8))
]


def blob(size: float, shape: int) -> Points:
    """Return one of eight ragged outlines of a radius."""
    return [(size * x, size * y) for x, y in _RAGGED[shape % 8]]


def tree(site: Site, frame: Frame, radius: float) -> None:
    """Grow a tree: a dome of leaf clumps, bright on the sun's side, and its shadow."""
    if not site.canvas.sees(frame, radius + 10):
        return
    if site.palette.bare and site.chance(0.8):
        _bare_tree(site, frame, radius)
        return
    rng, light = site.rng, site.canvas.light
    tall = radius * rng.uniform(1.5, 2.3)
    x, y = frame.x + light.lean[0] * tall, frame.y + light.lean[1] * tall
    site.crowns.append((x, y, radius * 0.9))
    leaves = one_of(rng, site.palette.leaves).scaled(rng.uniform(0.8, 1.15))
    count = int(30 + 24 * radius)
    angle, reach = rng.uniform(0, 2 * math.pi, count), np.sqrt(rng.uniform(0, 1, count))
    reach *= 1 + 0.12 * np.sin(3 * angle + rng.uniform(0, 6))
    offset = np.stack((np.cos(angle), np.sin(angle)), axis=1) * reach[:, None]
    rise = np.sqrt(np.maximum(0, 1 - 0.8 * reach**2)) + rng.normal(0, 0.14, count)
    sunward = offset @ np.array(light.facing(Frame(0, 0, 0)))
    bright = 0.50 + 0.30 * sunward + 0.50 * rise + rng.normal(0, 0.13, count)
    size = radius * rng.uniform(0.13, 0.30, count) * (1.25 - 0.45 * rise)
    place = offset * (radius - size[:, None] * 0.7) + (frame.x, frame.y)
    for k in np.argsort(rise).tolist():
        here = Frame(float(place[k, 0]), float(place[k, 1]), float(angle[k]))
        clump = blob(float(size[k]), k)
        site.canvas.sheet(Layer.TREE, here, clump, tall * (0.45 + 0.5 * float(rise[k])))
        site.canvas.lift(Layer.TREE, here, clump, tall)
        site.canvas.fill(Layer.TREE, here, clump, leaves.scaled(float(bright[k])), tall)


def _bare_tree(site: Site, frame: Frame, radius: float) -> None:
    """Grow a tree in winter: branches that fork, and their shadow; it hides nothing."""
    rng, tall = site.rng, radius * site.rng.uniform(1.6, 2.4)
    bark = Material((92, 82, 72), 0.2).scaled(rng.uniform(0.6, 1.2))
    ends = [(Frame(frame.x, frame.y, float(turn)), 0.35) for turn in rng.uniform(0, 6.28, 7)]
    for fork in range(3):
        following = []
        for start, high in ends:
            reach = radius * rng.uniform(0.22, 0.45)
            branch = rectangle(0, 0, reach, 0.09 - 0.02 * fork)
            site.canvas.sheet(Layer.TREE, start, branch, tall * high)
            site.canvas.fill(Layer.TREE, start, branch, bark, tall * high)
            following += [(start.at(reach, 0, turn), high + 0.2) for turn in rng.normal(0, 0.6, 2)]
        ends = following


def hedge(site: Site, frame: Frame, length: float, width: float) -> None:
    """Grow a hedge along the frame's x axis."""
    rng, height = site.rng, site.rng.uniform(1.0, 2.2)
    leaves = site.palette.leaves[0].scaled(rng.uniform(0.75, 0.95))
    body = rectangle(0, -width / 2, length, width / 2)
    site.canvas.prism(Layer.LOW, frame, body, (leaves, leaves.scaled(0.6)), height)
    for x in site.spaced(0.2, length, 0.45):
        place = frame.at(x, rng.normal(0, width / 6))
        if site.canvas.sees(place, 2):
            tone = leaves.scaled(rng.uniform(0.75, 1.3))
            site.canvas.fill(Layer.LOW, place, blob(width * 0.4, int(10 * x)), tone, height)


def lamp(site: Site, frame: Frame) -> None:
    """Put up a street lamp whose arm points along the frame's x axis."""
    if not site.canvas.sees(frame, 14):
        return
    steel = Material((172, 174, 174), 0.05)
    post = rectangle(-0.08, -0.08, 0.08, 0.08)
    site.canvas.prism(Layer.TREE, frame, post, (steel, steel.scaled(0.8)), LAMP_M)
    for shape in (rectangle(0, -0.05, 1.6, 0.05), rectangle(1.4, -0.16, 2.1, 0.16)):
        site.canvas.sheet(Layer.TREE, frame, shape, LAMP_M)
        site.canvas.fill(Layer.TREE, frame, shape, steel.scaled(1.1), LAMP_M)


def ribs(
    site: Site,
    layer: Layer,
    frame: Frame,
    half: tuple[float, float],
    ribs: tuple[Material, float, float],
) -> None:
    """Paint lines across a flat top of half a length and width.

    The ribs are material, distance and height.
    """
    material, step, height = ribs
    for x in site.spaced(-half[0] + step, half[0] - 0.1, step):
        line = rectangle(x, -half[1], x + 0.07, half[1])
        site.canvas.fill(layer, frame, line, material, height)


def crack(site: Site, frame: Frame, length: float, material: Material) -> None:
    """Draw a wandering crack in the ground along the frame's x axis."""
    steps = int(length / 0.6) + 2
    path = np.cumsum(site.rng.normal(0, 0.13, steps)).tolist()
    upper = [(0.6 * k, y) for k, y in enumerate(path)]
    lower = [(x, y + 0.04 + 0.03 * (k % 3)) for k, (x, y) in enumerate(upper)]
    site.canvas.fill(Layer.GROUND, frame, [*upper, *reversed(lower)], material)


def blemish(site: Site, frame: Frame, ground: Material) -> None:
    """Crack, stain or mend the ground."""
    rng = site.rng
    if not site.canvas.sees(frame, 9):
        return
    draw, frame = rng.random(), frame.at(0, 0, rng.uniform(0, 2 * math.pi))
    if draw < 0.4:
        crack(site, frame, rng.uniform(2, 9), ground.scaled(0.78))
    elif draw < 0.85:
        stain = blob(rng.uniform(0.15, 0.6), int(rng.integers(8)))
        site.canvas.fill(Layer.GROUND, frame, stain, ground.scaled(rng.uniform(0.78, 0.92)))
    else:
        box = (0.0, 0.0, rng.uniform(0.6, 5), rng.uniform(0.6, 2.5))
        site.pave(frame, box, ground.scaled(rng.uniform(0.82, 1.08)))
