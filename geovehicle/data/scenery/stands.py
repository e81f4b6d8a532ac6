"""Things with a roof of their own: kiosks, tents, parasols, shelters, sheds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from geovehicle.data.scenery.canvas import Frame, Layer, Material, Points, rectangle
from geovehicle.data.scenery.chance import one_of
from geovehicle.data.scenery.props import ribs

if TYPE_CHECKING:
    from geovehicle.data.scenery.site import Site

Size = tuple[float, float]
"""Length and width of a thing in metres."""

ROOFING = (
    (206, 206, 202), (228, 228, 224), (168, 168, 166), (122, 124, 126), (64, 66, 70),
    (96, 82, 70), (70, 96, 84), (126, 60, 52), (92, 116, 148),
)  # fmt: skip
CLOTH = (
    (236, 234, 226), (222, 208, 176), (178, 54, 48), (52, 92, 70), (56, 84, 138), (204, 170, 92),
)  # fmt: skip
GLAZED = ((96, 124, 196), (168, 190, 196), (206, 212, 212), (110, 132, 130), (74, 82, 88))

_OCTAGON = [(math.cos((k + 0.5) * math.pi / 4), math.sin((k + 0.5) * math.pi / 4))
            for k in range(8)]  # fmt: skip


def kiosk(site: Site, frame: Frame, size: Size) -> None:
    """Build a stall, a transformer or a guard's hut with a flat or a hipped roof."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    height = rng.uniform(2.3, 3.4)
    skin = Material(one_of(rng, ROOFING), 0.2).scaled(rng.uniform(0.85, 1.1))
    body = rectangle(-x, -y, x, y)
    site.canvas.prism(Layer.ROOF, frame, body, (skin, skin.scaled(0.6)), height)
    draw = rng.random()
    if draw < 0.25:
        tent(site, frame, body, (skin, height, rng.uniform(0.4, 1.2)))
        return
    rim = rng.uniform(0.1, 0.3)
    inner = rectangle(rim - x, rim - y, x - rim, y - rim)
    site.canvas.fill(Layer.ROOF, frame, inner, skin.scaled(rng.uniform(0.75, 1.15)), height)
    if draw < 0.5:
        ribs(site, Layer.ROOF, frame, (x - rim, y - rim), (skin.scaled(0.85), 0.6, height))
    elif draw < 0.8:
        _vent(site, frame.at(rng.uniform(-0.4, 0.4) * x, rng.uniform(-0.4, 0.4) * y), height)
    if site.chance(0.3):
        _awning(site, frame, (x, y))


def _vent(site: Site, frame: Frame, height: float) -> None:
    """Put a box on a roof."""
    x, y = site.rng.uniform(0.2, 0.6), site.rng.uniform(0.2, 0.5)
    tone = site.rng.uniform(90, 220)
    skin = Material((tone, tone, tone), 0.1)
    box = rectangle(-x, -y, x, y)
    site.canvas.cast(Layer.ROOF, frame, box, (height, height + 0.5))
    site.canvas.flank(Layer.ROOF, frame, box, skin.scaled(0.6), (height, height + 0.5))
    site.canvas.fill(Layer.ROOF, frame, box, skin, height + 0.5)


def _awning(site: Site, frame: Frame, half: Size) -> None:
    """Stretch striped cloth before the side of a stall at positive y."""
    (x, y), cloth = half, Material(one_of(site.rng, CLOTH), 0.1)
    deep, height = y + site.rng.uniform(0.8, 1.6), 2.2
    sheet = rectangle(-x, y, x, deep)
    site.canvas.sheet(Layer.LOW, frame, sheet, height)
    site.canvas.fill(Layer.ROOF, frame, sheet, cloth, height)
    for left in site.spaced(-x, x - 0.3, 0.6):
        stripe = rectangle(left, y, left + 0.3, deep)
        site.canvas.fill(Layer.ROOF, frame, stripe, cloth.scaled(0.8), height)


def tent(site: Site, frame: Frame, outline: Points, cover: tuple[Material, float, float]) -> None:
    """Put a pyramid of (material, height of its rim, rise) over a convex outline."""
    cloth, base, rise = cover
    dx, dy = frame.inward(site.canvas.light.lean)
    apex = (dx * rise, dy * rise)
    x, y = site.canvas.light.facing(frame)
    for (px, py), (qx, qy) in zip(outline, [*outline[1:], outline[0]], strict=True):
        mx, my = (px + qx) / 2, (py + qy) / 2
        gain = 1 + 0.22 * (mx * x + my * y) / (math.hypot(mx, my) or 1.0)
        face = ((px, py), (qx, qy), apex)
        site.canvas.fill(Layer.ROOF, frame, face, cloth.scaled(gain), base)


def parasol(site: Site, frame: Frame, size: Size) -> None:
    """Open a parasol, round or square, over a table."""
    rng, radius = site.rng, min(size) / 2
    cloth = Material(one_of(rng, CLOTH), 0.08).scaled(rng.uniform(0.85, 1.05))
    square = rectangle(-radius, -radius, radius, radius)
    outline = square if site.chance(0.4) else [(radius * x, radius * y) for x, y in _OCTAGON]
    site.canvas.cast(Layer.ROOF, frame, outline, (2.1, 2.3))
    tent(site, frame, outline, (cloth, 2.2, 0.5))


def marquee(site: Site, frame: Frame, size: Size) -> None:
    """Put up a pavilion or a market stall of cloth."""
    rng, (x, y) = site.rng, (size[0] / 2, size[1] / 2)
    cloth = Material(one_of(rng, CLOTH), 0.08).scaled(rng.uniform(0.9, 1.05))
    body = rectangle(-x, -y, x, y)
    site.canvas.cast(Layer.ROOF, frame, body, (1.8, 2.3))
    tent(site, frame, body, (cloth, 2.2, rng.uniform(0.5, 1.3)))


def canopy(site: Site, frame: Frame, size: Size) -> None:
    """Put up a long narrow roof, vaulted or flat, opaque or nearly clear."""
    rng, (x, y), height = site.rng, (size[0] / 2, size[1] / 2), site.rng.uniform(2.2, 2.8)
    skin = Material(one_of(rng, GLAZED), 0.12).scaled(rng.uniform(0.8, 1.1))
    clear = rng.uniform(0.3, 0.75) if site.chance(0.5) else 0.0
    skin = _through(skin, site.palette.paving, clear)
    body = rectangle(-x, -y, x, y)
    if clear:
        for line in (rectangle(-x, -y, x, 0.1 - y), rectangle(-x, y - 0.1, x, y)):
            site.canvas.sheet(Layer.LOW, frame, line, height)
        site.canvas.fill(Layer.ROOF, frame, body, skin, height)
    else:
        site.canvas.prism(Layer.ROOF, frame, body, (skin, skin.scaled(0.55)), height)
    if site.chance(0.5):
        _vault(site, frame, (x, y), (skin, height))
    frames = skin.scaled(one_of(rng, (0.6, 0.85, 1.25)))
    ribs(site, Layer.ROOF, frame, (x, y), (frames, rng.uniform(0.6, 1.6), height))


def _vault(site: Site, frame: Frame, half: Size, cover: tuple[Material, float]) -> None:
    """Shade a roof as if it was round across its length."""
    (x, y), (skin, height) = half, cover
    _, sunny = site.canvas.light.facing(frame)
    for k in range(6):
        top = y * (2 * k / 6 - 1)
        gain = 1 + 0.3 * sunny * (2 * (k + 0.5) / 6 - 1)
        strip = rectangle(-x, top, x, top + y / 3)
        site.canvas.fill(Layer.ROOF, frame, strip, skin.scaled(gain), height)


def _through(skin: Material, ground: Material, clear: float) -> Material:
    """Return how a clear roof looks over the ground."""
    red, green, blue = (
        (1 - clear) * top + clear * low * 0.8
        for top, low in zip(skin.colour, ground.colour, strict=True)
    )
    return Material((red, green, blue), skin.rough)


def shed(site: Site, frame: Frame, size: Size) -> None:
    """Build a garden shed or a garage with a low gable, its ridge along x."""
    rng, (x, y), height = site.rng, (size[0] / 2, size[1] / 2), site.rng.uniform(1.9, 2.5)
    felt = Material(one_of(rng, ROOFING), 0.3).scaled(rng.uniform(0.7, 1.0))
    body = rectangle(-x, -y, x, y)
    site.canvas.prism(Layer.ROOF, frame, body, (felt, felt.scaled(0.6)), height)
    _, sunny = site.canvas.light.facing(frame)
    for side in (-1, 1):
        top, bottom = sorted((0.0, side * y))
        slope = rectangle(-x, top, x, bottom)
        site.canvas.fill(Layer.ROOF, frame, slope, felt.scaled(1 + 0.22 * side * sunny), height)
    ribs(site, Layer.ROOF, frame, (x, y), (felt.scaled(0.88), 0.7, height))
