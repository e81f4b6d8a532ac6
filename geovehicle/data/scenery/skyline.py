"""Towers out of view, whose shadows are all that the picture shows of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, rectangle

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

TALLEST_M = 90.0


def overshadow(site: Site, angle: float) -> None:
    """Let a tower out of view, in line with the streets, shade a part of the scene.

    Parameters
    ----------
    site
        The scene.
    angle
        Direction of the streets, radians.
    """
    rng, canvas = site.rng, site.canvas
    width, height = canvas.width * canvas.gsd, canvas.height * canvas.gsd
    reach = math.hypot(*canvas.light.sun)
    x, y = canvas.light.sun[0] / reach, canvas.light.sun[1] / reach
    target = rng.uniform(0, width), rng.uniform(0, height)
    long, wide = rng.uniform(6, 22), rng.uniform(5, 9)
    way = _way_out(target, (-x, -y), (width, height))
    away = way + math.hypot(long, wide) + rng.uniform(1, 6)
    tower = Frame(target[0] - x * away, target[1] - y * away, angle)
    tall = min(TALLEST_M, away / reach)
    canvas.cast(Layer.SKY, tower, rectangle(-long, -wide, long, wide), (0.0, tall))


def _way_out(
    start: tuple[float, float], heading: tuple[float, float], size: tuple[float, float]
) -> float:
    """Return how far it is from a place in a box at the origin to its edge."""
    ways = [
        ((limit if step > 0 else 0.0) - place) / step
        for place, step, limit in zip(start, heading, size, strict=True)
        if abs(step) > 1e-9
    ]
    return min(ways)
