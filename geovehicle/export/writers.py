"""Layers as files, in formats that GIS software reads.

A file is complete or not there (:func:`geovehicle.files.replacing`), and is read
back before it takes its place: on a full disk some drivers lose the last rows
without an error.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import ProjError

from geovehicle.errors import OutputError
from geovehicle.export.frame import AZIMUTH, reproject
from geovehicle.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

LAYER = "vehicles"
"""Name of the layer where the format has names."""

WGS84 = "EPSG:4326"

FARTHEST_LON_LAT = (360.0, 90.0)
"""Numbers beyond are no longitude and latitude, and OGR would leave them out silently.
Longitudes beyond 180 degrees occur, and OGR knows what they mean."""


@dataclass(frozen=True)
class Format:
    """What sets one output format apart.

    Parameters
    ----------
    driver : str
        Name of the OGR driver.
    options : mapping
        Options of :func:`pyogrio.write_dataframe` and of the driver.
    sidecars : tuple of str
        Suffixes of the files that belong to the output.
    locks : tuple of str
        What is appended to the name of a file that another program has open.
    wgs84 : bool
        Whether coordinates have to be longitude and latitude.
    field_name : int
        Longest field name, bytes; 0 where there is no limit.
    short_names : mapping
        What longer names of fields become.
    text : int
        Longest text in a field, bytes; 0 where there is no limit.
    file_size : int
        Largest file, bytes; 0 where there is no limit.
    """

    driver: str
    options: Mapping[str, Any] = field(default_factory=dict)
    sidecars: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    wgs84: bool = False
    field_name: int = 0
    short_names: Mapping[str, str] = field(default_factory=dict)
    text: int = 0
    file_size: int = 0


_GEOPACKAGE = Format("GPKG", {"layer": LAYER}, locks=("-wal", "-journal"))
_SHAPEFILE = Format(
    "ESRI Shapefile",
    {"encoding": "UTF-8"},
    # the last ones are indices that GIS software makes
    sidecars=(".shx", ".dbf", ".prj", ".cpg", ".qpj", ".qix", ".sbn", ".sbx", ".idm", ".ind"),
    field_name=10,
    short_names={"label_score": "labelscore", AZIMUTH: "azimuth"},
    text=254,
    file_size=2**31 - 1,
)
# 8 decimals of a degree are 1.1 mm
_GEOJSON = Format("GeoJSON", {"RFC7946": "YES", "COORDINATE_PRECISION": "8"}, wgs84=True)

FORMATS: Mapping[str, Format] = {
    ".gpkg": _GEOPACKAGE,
    ".shp": _SHAPEFILE,
    ".geojson": _GEOJSON,
    ".json": _GEOJSON,
}
"""The output formats by suffix, in lower case."""


def check_target(path: Path, overwrite: bool = False) -> None:
    """Make sure that a layer can be written to ``path``, before the long work.

    Parameters
    ----------
    path : pathlib.Path
        The output; its suffix says the format, in upper or lower case.
    overwrite : bool
        Whether an existing file may be replaced, all layers in it included.

    Raises
    ------
    OutputError
        Where the suffix is not in :data:`FORMATS`, the folder is missing or
        cannot be written, the file exists and ``overwrite`` is false, or another
        program has it open.
    """
    chosen = _format_of(path)
    check_writable(path, overwrite)
    for lock in chosen.locks:
        if Path(os.path.realpath(path) + lock).exists():
            raise OutputError(
                f"{path} is open in another program such as QGIS, as {path.name}{lock} shows;"
                " close it there or write elsewhere"
            )


def write(frame: gpd.GeoDataFrame, path: Path, overwrite: bool = False) -> None:
    """Write a layer to a file.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        Polygons with their fields; without rows it makes a valid empty layer.
        GeoJSON is written in WGS 84 after RFC 7946, which cuts polygons in two at the
        antimeridian, all else in the frame's CRS.  Numbers that are nan become null.
        Outer rings of Shapefiles are clockwise; those of GeoJSON are counter-clockwise,
        and those of GeoPackages as in the frame.
    path : pathlib.Path
        The output; its suffix says the format, in upper or lower case.
    overwrite : bool
        Whether an existing file may be replaced, all layers in it included.  It
        stays as it is until the new one is complete.

    Raises
    ------
    OutputError
        Where :func:`check_target` raises it, where the format cannot hold the
        layer, or where writing fails.
    """
    path = Path(path)
    chosen = _format_of(path)
    check_target(path, overwrite)
    frame = check_layer(frame, path)
    with replacing(path, chosen.sidecars) as temporary:
        # drivers name their files in lower case
        written = temporary.with_suffix(temporary.suffix.lower())
        try:
            _write(frame, written, chosen)
            complete = _holds(written, frame, chosen)
        except (DataSourceError, DataLayerError) as error:
            reason = " ".join(str(error).replace(str(written), path.name).split())
            raise OutputError(
                f"cannot write {path}: {reason}; see to the disk's free space or write elsewhere"
            ) from error
        if not complete:
            raise OutputError(f"{path} came out incomplete; free some disk space and run again")
        written.replace(temporary)


def check_layer(frame: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """Return the layer with the CRS and the names that the format asks for, if it can hold it.

    A layer without rows tells before the long work what it would refuse after.

    Raises
    ------
    OutputError
        Where the format cannot hold the layer.
    """
    chosen = _format_of(path)
    if chosen.wgs84:
        frame = _to_wgs84(frame, path)
    frame = frame.rename(columns=chosen.short_names)
    _check_limits(frame, chosen, path)
    return frame


def _format_of(path: Path) -> Format:
    suffix = path.suffix
    chosen = FORMATS.get(suffix.lower())
    # OGR finds a Shapefile under .shp and .SHP, not under .Shp
    if chosen is None or (chosen.sidecars and not (suffix.islower() or suffix.isupper())):
        raise OutputError(
            f"{path} has no known output format; let it end in one of {', '.join(FORMATS)}"
        )
    return chosen


def _to_wgs84(frame: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """Return the layer in longitude and latitude, which GeoJSON demands."""
    if frame.crs is None:
        raise OutputError(
            f"{path} has to be in WGS 84 but the raster has no CRS; write a .gpkg instead"
        )
    try:
        geographic = reproject(frame, WGS84)
    except ProjError:
        geographic = None
    if geographic is None or not np.isfinite(shapely.get_coordinates(geographic.geometry)).all():
        raise OutputError(
            f"{path} has to be in WGS 84, which {frame.crs.name} does not reach;"
            " write a .gpkg instead"
        )
    if (np.abs(shapely.get_coordinates(geographic.geometry)) > FARTHEST_LON_LAT).any():
        raise OutputError(
            f"{path} has to be in longitude and latitude, which the coordinates are not,"
            f" whatever their CRS ({frame.crs.name}) says; write a .gpkg instead"
        )
    return geographic


def _check_limits(frame: gpd.GeoDataFrame, chosen: Format, path: Path) -> None:
    """Refuse a layer that the format would cut or rename silently."""
    fields = [str(name) for name in frame.columns if name != frame.geometry.name]
    long = [name for name in fields if len(name.encode()) > chosen.field_name]
    if chosen.field_name and long:
        raise OutputError(
            f"{path} cannot have a field named {long[0]}: {chosen.field_name} letters at most;"
            " write a .gpkg instead"
        )
    if chosen.text and any(_longest(frame[name]) > chosen.text for name in _texts(frame)):
        raise OutputError(
            f"{path} holds texts of {chosen.text} bytes at most, a raster's name is longer;"
            " write a .gpkg instead"
        )
    if chosen.file_size and _shapefile_size(frame) > chosen.file_size:
        raise OutputError(
            f"{path} would pass 2 GB with its {len(frame)} vehicles; write a .gpkg instead"
        )


def _shapefile_size(frame: gpd.GeoDataFrame) -> int:
    """Return the bytes of the larger of .shp and .dbf.

    After the ESRI Shapefile Technical Description (1998): a polygon of one ring
    takes 56 bytes and 16 a point.  OGR gives 18 bytes to an integer, 24 to a
    real, and at least 80 to a text.
    """
    points = int(shapely.get_num_coordinates(frame.geometry).sum())
    widths = 1
    texts = _texts(frame)
    for name in frame.columns.drop(frame.geometry.name):
        widths += max(80, _longest(frame[name])) if name in texts else 24
    return max(100 + 56 * len(frame) + 16 * points, 1000 + widths * len(frame))


def _texts(frame: gpd.GeoDataFrame) -> list[str]:
    """Return the names of the fields that are no numbers."""
    fields = frame.columns.drop(frame.geometry.name)
    return [name for name in fields if frame[name].dtype.kind not in "iuf"]


def _longest(texts: Any) -> int:
    return max((len(str(text).encode()) for text in texts.unique()), default=0)


def _write(frame: gpd.GeoDataFrame, path: Path, chosen: Format) -> None:
    with warnings.catch_warnings():
        # a raster without CRS gives a layer without CRS
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        pyogrio.write_dataframe(
            frame, path, driver=chosen.driver, geometry_type="Polygon", **chosen.options
        )


def _holds(path: Path, frame: gpd.GeoDataFrame, chosen: Format) -> bool:
    """Tell whether a file has every row of the layer, and every text where fields have types."""
    found = pyogrio.read_dataframe(path)
    if len(found) != len(frame) or found.geometry.isna().any():
        return False
    if chosen.wgs84:  # GeoJSON: a name that reads like a date would come back as one
        return True
    exact = frame.drop(columns=frame.geometry.name).select_dtypes(exclude=np.floating).columns
    return all(name in found and np.array_equal(found[name], frame[name]) for name in exact)
