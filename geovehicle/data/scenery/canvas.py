"""Polygons with heights, seen from above: occlusion, lean and cast shadows.

Shapes are given in metres in a :class:`Frame`.  :class:`Canvas` collects them and
draws them all at once, supersampled, in the order of their :class:`Layer`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour: TypeAlias = tuple[float, float, float]
Points: TypeAlias = Sequence[tuple[float, float]]
Ink: TypeAlias = tuple[int, ...] | int

SUPERSAMPLING = 4
"""Strokes as fine as a quarter of a pixel, such as lane markings, stay smooth."""

TILE = 512
"""Output pixels drawn at once, so that the supersampled image stays small."""

LIT, DARK = 0, 255


class Layer(IntEnum):
    """What lies above what; a shadow falls on its own layer and those below."""

    GROUND = 0
    MARKING = 1
    LOW = 2
    VEHICLE = 3
    ROOF = 4
    ROOFTOP = 5
    TREE = 6
    SKY = 7


class Frame(NamedTuple):
    """A place and a direction in the scene: metres, radians, x forward, y to the right."""

    x: float
    y: float
    angle: float

    def at(self, dx: float, dy: float, turn: float = 0.0) -> Frame:
        """Return the frame at ``dx, dy`` of this one, turned by ``turn`` radians."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return Frame(self.x + dx * cos - dy * sin, self.y + dx * sin + dy * cos, self.angle + turn)

    def inward(self, vector: tuple[float, float]) -> tuple[float, float]:
        """Return a vector of the scene in the directions of this frame."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return vector[0] * cos + vector[1] * sin, vector[1] * cos - vector[0] * sin


class Material(NamedTuple):
    """A colour (0-255) and how much of the scene's texture it takes (0-1)."""

    colour: Colour
    rough: float = 0.2

    def scaled(self, factor: float) -> Material:
        """Return the same material, brighter or darker."""
        red, green, blue = self.colour
        return Material((red * factor, green * factor, blue * factor), self.rough)

    def ink(self) -> tuple[int, ...]:
        """Return colour and roughness as four bytes."""
        values = (*self.colour, 255 * self.rough)
        return tuple(0 if v < 0 else 255 if v > 255 else int(v + 0.5) for v in values)


@dataclass(frozen=True)
class Light:
    """The sun and the camera of a scene.

    Attributes
    ----------
    sun
        Shift of a shadow in metres for each metre of height.
    lean
        Shift of the picture of a point in metres for each metre of height.
    shade
        What remains of red, green and blue in the shadow.
    penumbra
        Blur of the shadows' edges in metres.
    """

    sun: tuple[float, float]
    lean: tuple[float, float]
    shade: Colour
    penumbra: float

    def facing(self, frame: Frame) -> tuple[float, float]:
        """Return the unit vector towards the sun in the directions of a frame."""
        x, y = frame.inward(self.sun)
        length = math.hypot(x, y) or 1.0
        return -x / length, -y / length


def rectangle(x1: float, y1: float, x2: float, y2: float) -> Points:
    """Return the corners of a box."""
    return ((x1, y1), (x2, y1), (x2, y2), (x1, y2))


def rounded(x1: float, y1: float, x2: float, y2: float, radius: float) -> Points:
    """Return the outline of a box with round corners."""
    radius = min(radius, (x2 - x1) / 2, (y2 - y1) / 2)
    left, right, top, bottom = x1 + radius, x2 - radius, y1 + radius, y2 - radius
    corners = ((right, bottom), (left, bottom), (left, top), (right, top))
    return [
        (cx + radius * math.cos(turn), cy + radius * math.sin(turn))
        for quarter, (cx, cy) in enumerate(corners)
        for turn in ((quarter + k / 3) * math.pi / 2 for k in range(4))
    ]


def swept(points: Points, start: tuple[float, float], end: tuple[float, float]) -> Points:
    """Return the area that a convex polygon covers on its way from one shift to another."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    following = [*points[1:], points[0]]
    pairs = list(zip(points, following, strict=True))
    sign = 1.0 if sum(px * qy - qx * py for (px, py), (qx, qy) in pairs) > 0 else -1.0
    ahead = [sign * ((qy - py) * dx - (qx - px) * dy) > 0 for (px, py), (qx, qy) in pairs]
    outline = []
    for k, (x, y) in enumerate(points):
        for leads in (ahead[k - 1],) if ahead[k - 1] == ahead[k] else (ahead[k - 1], ahead[k]):
            shift = end if leads else start
            outline.append((x + shift[0], y + shift[1]))
    return outline


class _Shapes:
    """Polygons waiting to be drawn."""

    def __init__(self) -> None:
        self.coordinates = array("d")
        self.counts = array("q")
        self.places = array("d")
        self.inks: list[Ink] = []

    def add(self, frame: Frame, points: Points, shift: tuple[float, float], ink: Ink) -> None:
        for point in points:
            self.coordinates.extend(point)
        self.counts.append(len(points))
        self.places.extend((frame.x + shift[0], frame.y + shift[1], frame.angle))
        self.inks.append(ink)

    def placed(self) -> NDArray[np.float64]:
        """Return all points (K, 2) in metres of the scene."""
        local = np.array(self.coordinates).reshape(-1, 2)
        x, y, angle = np.repeat(np.array(self.places).reshape(-1, 3), self.counts, axis=0).T
        cos, sin = np.cos(angle), np.sin(angle)
        right, down = local[:, 0] * cos - local[:, 1] * sin, local[:, 0] * sin + local[:, 1] * cos
        return np.stack((right + x, down + y), axis=1)


class Canvas:
    """A view of the scene on which shapes are collected and then drawn.

    Parameters
    ----------
    width, height
        Size in pixels.
    gsd
        Metres per pixel.
    light
        The sun and the camera; its vectors are in the axes of the scene's pixels.
    """

    def __init__(self, width: int, height: int, gsd: float, light: Light) -> None:
        self.width, self.height, self.gsd, self.light = width, height, gsd, light
        self._fills = {layer: _Shapes() for layer in Layer}
        self._casts = {layer: _Shapes() for layer in Layer}
        self._clears = {layer: _Shapes() for layer in Layer}

    def sees(self, frame: Frame, radius: float) -> bool:
        """Tell whether something within ``radius`` metres of the frame may be in view."""
        return (
            -radius <= frame.x < self.width * self.gsd + radius
            and -radius <= frame.y < self.height * self.gsd + radius
        )

    def fill(
        self, layer: Layer, frame: Frame, points: Points, material: Material, height: float = 0.0
    ) -> None:
        """Paint a polygon that lies ``height`` metres above the ground."""
        lean = (self.light.lean[0] * height, self.light.lean[1] * height)
        self._fills[layer].add(frame, points, lean, material.ink())

    def flank(
        self,
        layer: Layer,
        frame: Frame,
        points: Points,
        material: Material,
        heights: tuple[float, float],
    ) -> None:
        """Paint the walls of a convex body between two heights."""
        outline = self._leaning(frame, points, heights)
        self._fills[layer].add(frame, outline, (0.0, 0.0), material.ink())

    def cast(
        self, layer: Layer, frame: Frame, points: Points, heights: tuple[float, float]
    ) -> None:
        """Cast the shadow of a convex body between two heights, itself left out."""
        x, y = frame.inward(self.light.sun)
        outline = swept(points, *((x * height, y * height) for height in heights))
        self._casts[layer].add(frame, outline, (0.0, 0.0), DARK)
        outline = self._leaning(frame, points, heights)
        self._clears[layer].add(frame, outline, (0.0, 0.0), LIT)

    def sheet(self, layer: Layer, frame: Frame, points: Points, height: float) -> None:
        """Cast the shadow of a thin sheet at one height."""
        shift = (self.light.sun[0] * height, self.light.sun[1] * height)
        self._casts[layer].add(frame, points, shift, DARK)

    def lift(self, layer: Layer, frame: Frame, points: Points, height: float) -> None:
        """Take what lies ``height`` metres high out of the shadows so far."""
        lean = (self.light.lean[0] * height, self.light.lean[1] * height)
        self._clears[layer].add(frame, points, lean, LIT)

    def prism(
        self,
        layer: Layer,
        frame: Frame,
        points: Points,
        materials: tuple[Material, Material],
        height: float,
    ) -> None:
        """Paint a convex body that stands on the ground (top, walls) and cast its shadow."""
        top, wall = materials
        self.cast(layer, frame, points, (0.0, height))
        self.flank(layer, frame, points, wall, (0.0, height))
        self.fill(layer, frame, points, top, height)

    def colours(self, ground: Material) -> NDArray[np.uint8]:
        """Return red, green, blue and roughness (H, W, 4) without light."""
        return self._raster([self._fills[layer] for layer in Layer], "CMYK", ground.ink())

    def shadows(self) -> NDArray[np.uint8]:
        """Return the depth of the shadow (H, W), 255 where no sun comes."""
        order = [shapes for k in Layer for shapes in (self._casts[k], self._clears[k])]
        return self._raster(order, "L", LIT)

    def _leaning(self, frame: Frame, points: Points, heights: tuple[float, float]) -> Points:
        x, y = frame.inward(self.light.lean)
        return swept(points, *((x * height, y * height) for height in heights))

    def _raster(self, order: Sequence[_Shapes], mode: str, back: Ink) -> NDArray[np.uint8]:
        """Draw the shapes; CMYK serves as four plain bands (RGBA would be premultiplied)."""
        filled = [shapes for shapes in order if shapes.counts]
        inks = [ink for shapes in filled for ink in shapes.inks]
        counts = np.concatenate([np.empty(0, np.int64), *(s.counts for s in filled)]).astype(int)
        points = np.concatenate([np.empty((0, 2)), *(s.placed() for s in filled)])
        points *= SUPERSAMPLING / self.gsd
        rows = []
        for top in range(0, self.height, TILE):
            tall = min(TILE, self.height - top)
            row = []
            for left in range(0, self.width, TILE):
                wide = min(TILE, self.width - left)
                image = Image.new(mode, (wide * SUPERSAMPLING, tall * SUPERSAMPLING), back)
                # Pillow means the middle of a pixel where the scene means its corner
                corner = np.array((left, top)) * SUPERSAMPLING + 0.5
                _draw(image, points - corner, counts, inks)
                row.append(np.asarray(image.reduce(SUPERSAMPLING)))
            rows.append(np.concatenate(row, axis=1))
        return np.concatenate(rows)


def _draw(
    image: Image.Image, points: NDArray[np.float64], counts: NDArray[np.int64], inks: Sequence[Ink]
) -> None:
    """Draw those polygons that touch the image, in order."""
    if not len(counts):
        return
    ends = np.cumsum(counts)
    starts = ends - counts
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    touching = (high > 0).all(axis=1) & (low < np.array(image.size)).all(axis=1)
    flat = points.ravel().tolist()
    polygon = ImageDraw.Draw(image).polygon
    for k in np.flatnonzero(touching).tolist():
        polygon(flat[2 * starts[k] : 2 * ends[k]], fill=inks[k])
