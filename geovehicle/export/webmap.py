"""Vehicles on their orthophoto as one HTML file, for people without a GIS.

The page holds everything: the picture, the outlines, its script and Bokeh's.  Its content
security policy forbids any request.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from jinja2 import Environment, StrictUndefined
from pyproj import CRS
from pyproj.exceptions import CRSError

from geovehicle import __version__
from geovehicle.errors import GeoreferenceError, GeoVehicleError, InputError, OutputError
from geovehicle.export.basemap import GROUND
from geovehicle.export.drawing import Frame, draw, hexadecimal, ramp
from geovehicle.export.packing import is_numeric, numbers_of, packed, packed_column
from geovehicle.export.plane import Plane, in_plane, rings_of
from geovehicle.export.provenance import now
from geovehicle.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd

    from geovehicle.export.basemap import Basemap
    from geovehicle.export.plane import Rings

MOST_VEHICLES = 100_000
"""A browser opens as many within seconds; with more, a map is no pleasure."""

SUFFIXES = (".html", ".htm")

FIELDS: tuple[dict[str, Any], ...] = (
    {"name": "id", "title": "ID", "unit": "", "decimals": 0},
    {"name": "score", "title": "Score", "unit": "", "decimals": 2},
    {"name": "label", "title": "Label", "unit": "", "decimals": 2},
    {"name": "change", "title": "Change", "unit": "", "decimals": 2},
    {"name": "length_m", "title": "Length", "unit": "m", "decimals": 2},
    {"name": "width_m", "title": "Width", "unit": "m", "decimals": 2},
    {"name": "area_m2", "title": "Area", "unit": "m²", "decimals": 1},
    {"name": "azimuth_deg", "title": "Azimuth", "unit": "°", "decimals": 1},
    {"name": "source", "title": "Image", "unit": "", "decimals": 2},
)
"""What the page tells of a vehicle, where its layer has the field."""

ROUNDING = 1e-9
"""Hundredths of a score that are no more than this apart are one."""

MARGIN_M = 30.0
"""Without an orthophoto, so much is shown around the vehicles, or more:"""

MARGIN = 0.05
"""as a share of the ground that they stand on."""


@dataclass(frozen=True)
class Caption:
    """What stands beside a map.

    Parameters
    ----------
    title : str
        The heading.
    sources : tuple of str
        Names of the files that are shown.
    attribution : str
        Whom the orthophoto is owed to, and its licence; may be empty.
    time : str
        When the map was made, ISO 8601.
    """

    title: str
    sources: tuple[str, ...]
    attribution: str = ""
    time: str = field(default_factory=now)


def check_map(path: Path, overwrite: bool = False) -> None:
    """Make sure that a map can be written, before the work.

    Raises
    ------
    GeoVehicleError
        Where Bokeh is missing.
    OutputError
        Where the suffix is none of a page, or where
        :func:`geovehicle.files.check_writable` raises it.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{path} is written as a web page; let it end in .html")
    try:
        import bokeh  # noqa: F401 - looked for, so that nobody waits in vain
    except ImportError as error:
        raise GeoVehicleError("a map needs Bokeh; pip install 'geovehicle[map]'") from error
    check_writable(path, overwrite)


def write_map(
    path: Path,
    vehicles: gpd.GeoDataFrame,
    caption: Caption,
    basemap: Basemap | None = None,
    overwrite: bool = False,
) -> int:
    """Write a page that shows vehicles.

    Parameters
    ----------
    path : pathlib.Path
        A .html.
    vehicles : geopandas.GeoDataFrame
        Polygons or points with any of the fields that :data:`FIELDS` names.  Without a
        ``score`` there is no slider.
    caption : Caption
    basemap : Basemap, optional
        The orthophoto, whose CRS the map has; without one, the vehicles stand on a plain
        ground, in their own.
    overwrite : bool
        Whether an existing file may be replaced, once the new one is complete.

    Returns
    -------
    int
        How many vehicles lie outside of the orthophoto, on the plain ground around it.

    Raises
    ------
    InputError
        If there are more than :data:`MOST_VEHICLES`, or none of them on the orthophoto.
    GeoreferenceError
        If the vehicles cannot be laid on the orthophoto.
    GeoVehicleError, OutputError
        Where :func:`check_map` raises it, or where writing fails.
    """
    check_map(path, overwrite)
    if len(vehicles) > MOST_VEHICLES:
        raise InputError(
            f"{len(vehicles):,} vehicles are more than a browser shows, {MOST_VEHICLES:,};"
            " choose some with geovehicle filter"
        )
    outside = 0
    if basemap is not None:
        vehicles = in_plane(vehicles, _crs_of(basemap))
        outside = _outside(vehicles, basemap)
    page = _page(vehicles, caption, basemap)
    with replacing(path) as new:
        new.write_text(page, encoding="utf-8", errors="replace")
    return outside


def _outside(vehicles: gpd.GeoDataFrame, basemap: Basemap) -> int:
    """Return how many vehicles lie outside of the orthophoto, and refuse if all do."""
    grid = basemap.grid
    (ground,) = grid.polygons([[0, 0, grid.width, grid.height]])
    outside = int((~shapely.intersects(vehicles.geometry.to_numpy(), ground)).sum())
    if outside and outside == len(vehicles):
        raise InputError(
            f"no vehicle lies on {basemap.name}; give the orthophoto that they were found in"
        )
    return outside


def _page(vehicles: gpd.GeoDataFrame, caption: Caption, basemap: Basemap | None) -> str:
    plane = Plane.of_grid(basemap.grid) if basemap else Plane.of_layer(vehicles)
    rings = rings_of(vehicles.geometry.to_numpy(), plane)
    frame = _frame(rings, plane, basemap)
    fields = [one for one in FIELDS if one["name"] in vehicles]
    scores = _scores(vehicles)
    facts = {
        "columns": {one["name"]: packed_column(vehicles[one["name"]]) for one in fields},
        "fields": fields,
        "frame": asdict(frame),
        "metric": plane.metric,
        "north": basemap is None or basemap.grid.located,
        "plot": draw(frame, basemap.image if basemap else None, scores),
        "points": packed(rings.points.ravel()),
        "scores": scores,
        "starts": packed(rings.starts),
    }
    return _rendered(facts, caption, len(vehicles))


def _crs_of(basemap: Basemap) -> CRS | None:
    if basemap.grid.crs is None:
        return None
    try:
        return CRS.from_wkt(basemap.grid.crs.to_wkt())
    except CRSError as error:
        raise GeoreferenceError(
            f"the CRS of {basemap.name} is not understood; assign it one, by gdal_edit.py -a_srs"
        ) from error


def _frame(rings: Rings, plane: Plane, basemap: Basemap | None) -> Frame:
    """Return what is shown at first: the orthophoto, or the vehicles and a bit around."""
    if basemap is None:
        x1, y1, x2, y2 = rings.bounds
        more = max(MARGIN_M, MARGIN * max(x2 - x1, y2 - y1))
        return Frame(x1 - more, y1 - more, x2 + more, y2 + more)
    a, _, c, _, e, f = basemap.grid.transform[:6]
    corners = np.array([[c, f], [c + a * basemap.grid.width, f + e * basemap.grid.height]])
    (left, top), (right, bottom) = plane.place(corners).tolist()
    return Frame(left, bottom, right, top)


def _scores(vehicles: gpd.GeoDataFrame) -> tuple[float, float] | None:
    """Return the ends of the slider, hundredths; None where there are no scores."""
    if "score" not in vehicles or not is_numeric(vehicles["score"]):
        return None
    scores = numbers_of(vehicles["score"])
    if not np.isfinite(scores).any():
        return None
    lowest = float(np.floor(np.nanmin(scores) * 100 + ROUNDING) / 100)
    return lowest, max(1.0, float(np.ceil(np.nanmax(scores) * 100 - ROUNDING) / 100))


def _rendered(facts: Mapping[str, Any], caption: Caption, count: int) -> str:
    from bokeh.resources import Resources

    texts = {
        name: files("geovehicle.export").joinpath(f"webmap.{name}").read_text("utf-8")
        for name in ("html.jinja", "css", "js")
    }
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # Bokeh reads its objects in their order: some name others that come before them.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment.from_string(texts["html.jinja"]).render(
        caption=caption,
        count=count,
        facts=facts,
        ground=hexadecimal(GROUND),
        ramp=ramp(),
        library="\n".join(Resources(mode="inline", components=["bokeh"]).js_raw),
        script=texts["js"],
        style=texts["css"],
        version=__version__,
    )
