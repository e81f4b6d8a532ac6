"""The drawing of a map for a browser, made with Bokeh: an orthophoto, and outlines on it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.export.basemap import GROUND
from geovehicle.export.preview import INK, RAMP, score_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

JPEG_QUALITY = 85
"""Of the orthophoto: the outlines of cars stay sharp, at a tenth of the size."""

STEPS = 64
"""Colours of the ramp of scores."""

CLOSEST_M = 5.0
"""The smallest part of the ground that fills the map: a car."""

FARTHEST = 8.0
"""How many times wider than the whole the view can become."""

ALWAYS_DRAWN = 4000
"""Of more vehicles than these, one in :data:`LEFT_OUT` is drawn while the map is moved."""

LEFT_OUT = 10

PAUSE_MS = 300
"""From the end of a movement until all vehicles are drawn again."""


@dataclass(frozen=True)
class Frame:
    """A rectangle on the ground, metres from the middle of the map."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """Metres from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Metres from bottom to top."""
        return self.top - self.bottom


def draw(
    frame: Frame, photo: Image.Image | None, scores: tuple[float, float] | None
) -> dict[str, Any]:
    """Return a drawing for ``Bokeh.embed.embed_item``, without vehicles as yet.

    The page puts them into its source, named ``source``: ``xs``, ``ys`` and ``score``.

    Parameters
    ----------
    frame : Frame
        What is shown at first.
    photo : PIL.Image.Image or None
        What fills the frame.
    scores : tuple of float or None
        The lowest and the highest score; without, outlines have one colour.
    """
    from bokeh.embed import json_item
    from bokeh.models import PanTool, Range1d, WheelZoomTool
    from bokeh.plotting import figure

    wheel = WheelZoomTool()
    limits = {
        "min_interval": CLOSEST_M,
        "max_interval": FARTHEST * max(frame.width, frame.height),
    }
    plot = figure(
        name="plot",
        sizing_mode="stretch_both",
        toolbar_location=None,
        tools=[PanTool(), wheel],
        active_scroll=wheel,
        x_range=Range1d(frame.left, frame.right, **limits),
        y_range=Range1d(frame.bottom, frame.top, **limits),
        min_border=0,
        outline_line_color=None,
        background_fill_color=hexadecimal(GROUND),
        border_fill_color=hexadecimal(GROUND),
        lod_factor=LEFT_OUT,
        lod_threshold=ALWAYS_DRAWN,
        lod_timeout=PAUSE_MS,
    )
    plot.axis.visible = False
    plot.grid.visible = False
    if photo is not None:
        size = {"w": [frame.width], "h": [frame.height], "anchor": "top_left"}
        plot.image_url([_data_uri(photo)], [frame.left], [frame.top], **size)
    _add_outlines(plot, scores)
    return dict(json_item(plot))


def ramp() -> list[str]:
    """Return the colours from the lowest to the highest score."""
    return [hexadecimal(colour) for colour in score_colours(np.linspace(0, 1, STEPS)).tolist()]


def hexadecimal(colour: Sequence[int]) -> str:
    """Return red, green and blue as browsers write them."""
    return "#" + bytes(colour).hex()


def _add_outlines(plot: Any, scores: tuple[float, float] | None) -> None:
    """Draw outlines twice, in one view: a dark halo, and on it the colour of the score."""
    from bokeh.models import CDSView, ColumnDataSource, IndexFilter, Patches
    from bokeh.transform import linear_cmap

    colour: Any = hexadecimal(RAMP[1])
    if scores is not None:
        colour = linear_cmap("score", ramp(), *scores, nan_color=hexadecimal(RAMP[0]))
    shape = {"xs": "xs", "ys": "ys", "line_join": "round"}
    clear = {**shape, "fill_color": None}
    halo = Patches(line_color=hexadecimal(INK), line_alpha=0.65, line_width=4.5, **clear)
    lines = Patches(line_color=colour, line_width=2, **clear)
    chosen = Patches(
        line_color="white", line_width=3.5, fill_color="white", fill_alpha=0.25, **shape
    )
    source = ColumnDataSource({"xs": [], "ys": [], "score": []}, name="source")
    how = {"view": CDSView(filter=IndexFilter([])), "nonselection_glyph": None}
    plot.add_glyph(source, halo, name="halo", **how)
    plot.add_glyph(source, lines, name="outlines", selection_glyph=chosen, **how)


def _data_uri(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY, progressive=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
