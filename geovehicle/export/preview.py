"""A picture of the result: the orthophoto with every vehicle outlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from geovehicle.errors import GeoreferenceError
from geovehicle.files import replacing
from geovehicle.footprints import corners_of, rectangles_of, straight

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.detections import Detections
    from geovehicle.raster.rasterio_source import RasterioSource
    from geovehicle.settings import BoxesName

SUPERSAMPLING = 3
"""Outlines are drawn this many times larger, then averaged: smooth edges."""

SMALLEST_SIDE = 1000
"""Pictures smaller than this are enlarged, so that small scenes fill the screen, pixels."""

NARROWEST = 640
"""A picture is at least this wide, so that its caption fits, pixels."""

SMALLEST_OUTLINE = 5.0
"""Outlines are at least this wide, or a city would show none, pixels."""

STRIP = 0.062
"""Height of the caption as a share of the picture's width."""

RAMP = ((255, 92, 57), (255, 214, 61), (64, 240, 255))
"""Colours from the lowest to the highest score; none occurs on the ground."""

INK = (18, 22, 27)
PAPER = (244, 246, 248)
MUTED = (160, 170, 180)


def draw_preview(
    source: RasterioSource,
    detections: Detections,
    path: Path,
    longest: int = 2048,
    boxes: BoxesName = "oriented",
) -> None:
    """Draw the detections of a raster on a reduced picture of it.

    Below the picture stand the number of vehicles, the colours of the scores
    and, where the grid tells the size of its pixels, a scale bar.

    Parameters
    ----------
    source : RasterioSource
        The raster.
    detections : Detections
        What was found in it, in scene pixels.
    path : pathlib.Path
        The PNG; an existing one is replaced when the new one is complete.
    longest : int
        Longer side of the picture, pixels.
    boxes : {"oriented", "horizontal"}
        Outline the vehicles as they lie, or the boxes around them.

    Raises
    ------
    OutputError
        Where the picture cannot be written.
    """
    pixels = np.ascontiguousarray(source.overview(longest).pixels.transpose(1, 2, 0))
    photo = _enlarged(Image.fromarray(pixels), min(longest, SMALLEST_SIDE))
    drawn = detections.scale(photo.width / source.grid.width, photo.height / source.grid.height)
    outlines = drawn.outlines if boxes == "oriented" else straight(drawn.boxes)
    lowest = _ramp_start(detections.scores)
    colours = score_colours(detections.scores, lowest)
    photo = _outlined(photo, rectangles_of(outlines), colours)
    try:
        metres = source.grid.resampled(*photo.size).ground_sampling_distance()[0]
    except GeoreferenceError:
        metres = None
    picture = _on_strip(photo)
    strip = _Strip(picture, top=photo.height)
    strip.write_title(len(detections), source.name)
    strip.draw_ramp(lowest)
    if metres is not None:
        strip.draw_scale_bar(metres)
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")


def score_colours(scores: NDArray[np.floating], lowest: float = 0.0) -> NDArray[np.uint8]:
    """Return the colours of scores.

    Parameters
    ----------
    scores : ndarray, shape (N,)
        Up to 1.
    lowest : float
        Score of the ramp's first colour, less than 1.

    Returns
    -------
    ndarray of uint8, shape (N, 3)
        Red, green and blue, linear between the colours of :data:`RAMP`.
    """
    stops = np.linspace(lowest, 1.0, len(RAMP))
    channels = [np.interp(scores, stops, channel) for channel in zip(*RAMP, strict=True)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _enlarged(photo: Image.Image, side: int) -> Image.Image:
    """Return the photo with its longer side at ``side`` or more."""
    factor = side / max(photo.size)
    if factor <= 1:
        return photo
    size = (max(1, round(photo.width * factor)), max(1, round(photo.height * factor)))
    return photo.resize(size, Image.Resampling.BICUBIC)


def _ramp_start(scores: NDArray[np.floating]) -> float:
    """Return the tenth at or below the lowest score, at most 0.5."""
    return float(np.floor(scores.min(initial=0.5) * 10) / 10)


def _outlined(
    photo: Image.Image, rectangles: NDArray[np.floating], colours: NDArray[np.uint8]
) -> Image.Image:
    """Return the photo with the rectangles (N, 5), in its pixels, outlined on dark seams."""
    sides = np.maximum(rectangles[:, 2:4], SMALLEST_OUTLINE)
    line = round(SUPERSAMPLING * _line_width(sides))
    rectangles = np.hstack(
        [rectangles[:, :2] * SUPERSAMPLING, sides * SUPERSAMPLING, rectangles[:, 4:]]
    )
    # enlarging by repetition and reducing by averages gives the very photo back
    large = photo.resize(
        (photo.width * SUPERSAMPLING, photo.height * SUPERSAMPLING), Image.Resampling.NEAREST
    )
    draw = ImageDraw.Draw(large)
    seam = max(1, line // 2)
    for outer, inner, paints in (
        (line + seam, -seam, np.full_like(colours, INK)),
        (line, 0, colours),
    ):
        rings = _rings(rectangles, outer, inner)
        for ring, paint in zip(rings.tolist(), paints.tolist(), strict=True):
            draw.polygon(ring, tuple(paint))
    return large.reduce(SUPERSAMPLING)


def _rings(rectangles: NDArray[np.floating], outer: float, inner: float) -> NDArray[np.int64]:
    """Return what lies between two distances from rectangles (N, 5), as polygons (N, 20).

    Each polygon runs around outside, crosses over and runs back inside.  Its corners are
    the first and last pixels that Pillow fills.
    """
    beyond, within = (
        corners_of(rectangles + np.array([0, 0, grown, grown, 0]))
        for grown in (2 * outer - 1, 2 * inner + 1)
    )
    around = np.concatenate([beyond, beyond[:, :1], within[:, :1], within[:, ::-1]], axis=1)
    return np.rint(around - 0.5).astype(np.int64).reshape(-1, 20)


def _line_width(sides: NDArray[np.floating]) -> float:
    """Return a line width that leaves the vehicles to be seen, pixels."""
    if not len(sides):
        return 1.0
    return float(np.clip(np.median(sides) / 12, 1.0, 4.0))


def _on_strip(photo: Image.Image) -> Image.Image:
    """Return the photo above an empty strip for the caption."""
    width = max(photo.width, NARROWEST)
    picture = Image.new("RGB", (width, photo.height + round(width * STRIP)), INK)
    picture.paste(photo, ((width - photo.width) // 2, 0))
    return picture


class _Strip:
    """The caption below a photo; lengths are in hundredths of the picture's width."""

    def __init__(self, picture: Image.Image, top: int) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._unit = picture.width / 100
        self._top = top / self._unit

    def write_title(self, vehicles: int, name: str) -> None:
        self._text((2, 2.4), f"{vehicles:,} vehicle{'' if vehicles == 1 else 's'}", 2.2, "lm")
        self._text((2, 4.7), name if len(name) <= 40 else f"{name[:39]}…", 1.4, "lm", MUTED)

    def draw_ramp(self, lowest: float) -> None:
        left, length = 41.0, 18.0
        steps = 120
        scores = np.linspace(lowest, 1.0, steps)
        for step, colour in enumerate(score_colours(scores, lowest).tolist()):
            start = left + length * step / steps
            self._bar((start, 2.0, left + length * (step + 1) / steps, 3.0), tuple(colour))
        self._text((left, 4.7), f"{lowest:.1f}", 1.4, "lm", MUTED)
        self._text((left + length / 2, 4.7), "score", 1.4, "mm", MUTED)
        self._text((left + length, 4.7), "1.0", 1.4, "rm", MUTED)

    def draw_scale_bar(self, metres: float) -> None:
        """Draw a bar of a round length; ``metres`` is the ground size of a pixel."""
        length = _round_below(18 * self._unit * metres)
        right, wide = 98.0, length / metres / self._unit
        self._bar((right - wide, 2.8, right, 3.0), PAPER)
        for end in (right - wide, right - 0.2):
            self._bar((end, 2.0, end + 0.2, 3.0), PAPER)
        label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
        self._text((right - wide / 2, 4.7), label, 1.4, "mm", MUTED)

    def _text(
        self,
        at: tuple[float, float],
        text: str,
        size: float,
        anchor: str,
        colour: tuple[int, int, int] = PAPER,
    ) -> None:
        font = ImageFont.load_default(size * self._unit)
        place = (at[0] * self._unit, (self._top + at[1]) * self._unit)
        self._draw.text(place, text, colour, font, anchor)

    def _bar(self, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
        left, top, right, bottom = (round(side * self._unit) for side in box)
        shift = round(self._top * self._unit)
        corners = (left, top + shift, max(left, right - 1), max(top, bottom - 1) + shift)
        self._draw.rectangle(corners, colour)


def _round_below(length: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above ``length``."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= length))
