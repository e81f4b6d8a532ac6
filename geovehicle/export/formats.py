"""What sets the output formats apart, and which layers they can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj.exceptions import ProjError

from geovehicle.errors import OutputError
from geovehicle.export.destinations import destination_of
from geovehicle.export.frame import AZIMUTH, reproject

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from geovehicle.export.destinations import Place

GEOPACKAGE, GEOJSON, FLATGEOBUF, PARQUET = "GPKG", "GeoJSON", "FlatGeobuf", "Parquet"
"""Names of formats that are no matter of GDAL's driver alone."""

WGS84 = "EPSG:4326"

FARTHEST_LON_LAT = (360.0, 90.0)
"""Numbers beyond are no longitude and latitude, and OGR would leave them out silently.
Longitudes beyond 180 degrees occur, and OGR knows what they mean."""


@dataclass(frozen=True)
class Kind:
    """What a layer is made of.

    Parameters
    ----------
    layer : str
        Name of the layer where the format has names.
    geometry : str
        Type of its geometries, as OGR calls it.
    ours : tuple of str, optional
        Fields that are compared when the file is read back: what other software wrote may
        come back in another form.  All by default.
    style : str, optional
        How QGIS draws it: one of :mod:`geovehicle.export.styles`.
    """

    layer: str = "vehicles"
    geometry: str = "Polygon"
    ours: tuple[str, ...] | None = None
    style: str | None = None


VEHICLES = Kind(style="vehicles")
"""What is detected."""


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
    indices : tuple of str
        Those that other programs make of the rows.
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
    appends : bool
        Whether the driver adds rows to a file just as it has written the first ones.
    grows : bool
        Whether rows are added to a layer of an earlier run.
    named : bool
        Whether layers have names of their own.
    by_columns : bool
        Whether the driver is quicker with columns than with rows, and writes the same.
    """

    driver: str
    options: Mapping[str, Any] = field(default_factory=dict)
    sidecars: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    wgs84: bool = False
    field_name: int = 0
    short_names: Mapping[str, str] = field(default_factory=dict)
    text: int = 0
    file_size: int = 0
    appends: bool = True
    grows: bool = False
    named: bool = False
    by_columns: bool = False


_GEOPACKAGE = Format(
    "GPKG",
    # later ones are understood in part by GDAL before 3.7, that of QGIS 3.22
    {"VERSION": "1.2"},
    locks=("-wal", "-journal"),
    grows=True,
    named=True,
    by_columns=True,
)
_INDICES = (".qix", ".sbn", ".sbx", ".idm", ".ind")
_SHAPEFILE = Format(
    "ESRI Shapefile",
    {"encoding": "UTF-8"},
    sidecars=(".shx", ".dbf", ".prj", ".cpg", ".qpj", *_INDICES),
    indices=_INDICES,
    field_name=10,
    short_names={"label_score": "labelscore", AZIMUTH: "azimuth"},
    text=254,
    file_size=2**31 - 1,
    grows=True,
)
# 8 decimals of a degree are 1.1 mm
_GEOJSON = Format(
    GEOJSON, {"RFC7946": "YES", "COORDINATE_PRECISION": "8"}, wgs84=True, appends=False
)
_PARQUET = Format(PARQUET)

FORMATS: Mapping[str, Format] = {
    ".gpkg": _GEOPACKAGE,
    ".shp": _SHAPEFILE,
    ".geojson": _GEOJSON,
    ".json": _GEOJSON,
    ".fgb": Format(FLATGEOBUF),
    ".parquet": _PARQUET,
    ".geoparquet": _PARQUET,
    ".csv": Format(
        "CSV",
        # the types of the fields, and the CRS
        {"GEOMETRY": "AS_WKT", "CREATE_CSVT": "YES", "encoding": "UTF-8"},
        sidecars=(".csvt", ".prj"),
    ),
}
"""The output formats by suffix, in lower case."""

STREAM = _GEOJSON
"""That of standard output, feature by feature."""

TABLE = Format("PostgreSQL", field_name=63, grows=True, named=True)
"""That of a database."""


def format_of(place: Place) -> Format:
    """Return the format of a destination; that of a file is said by its suffix.

    Raises
    ------
    OutputError
        Where it says none.
    """
    destination = destination_of(place)
    path = destination.path
    if path is None:
        return STREAM if destination.is_stream else TABLE
    suffix = path.suffix
    chosen = FORMATS.get(suffix.lower())
    # OGR finds a Shapefile under .shp and .SHP, not under .Shp
    if chosen is None or (chosen.sidecars and not (suffix.islower() or suffix.isupper())):
        raise OutputError(
            f"{destination} has no known output format; let it end in one of"
            f" {', '.join(FORMATS)}, or name a database as postgresql://user@host/database"
        )
    return chosen


def fit(frame: gpd.GeoDataFrame, place: Place) -> gpd.GeoDataFrame:
    """Return the layer with the CRS and the names that the format of its destination asks for.

    Raises
    ------
    OutputError
        Where the format cannot hold the layer.
    """
    chosen, shown = format_of(place), destination_of(place).shown
    if chosen.wgs84:
        frame = _to_wgs84(frame, shown)
    frame = frame.rename(columns=chosen.short_names)
    _check_limits(frame, chosen, shown)
    return frame


def _to_wgs84(frame: gpd.GeoDataFrame, shown: str) -> gpd.GeoDataFrame:
    """Return the layer in longitude and latitude, which GeoJSON demands."""
    if frame.crs is None:
        raise OutputError(
            f"{shown} has to be in WGS 84 but the layer has no CRS; write a .gpkg instead"
        )
    try:
        geographic = reproject(frame, WGS84)
    except ProjError:
        geographic = None
    if geographic is None or not np.isfinite(shapely.get_coordinates(geographic.geometry)).all():
        raise OutputError(
            f"{shown} has to be in WGS 84, which {frame.crs.name} does not reach;"
            " write a .gpkg instead"
        )
    if (np.abs(shapely.get_coordinates(geographic.geometry)) > FARTHEST_LON_LAT).any():
        raise OutputError(
            f"{shown} has to be in longitude and latitude, which the coordinates are not,"
            f" whatever their CRS ({frame.crs.name}) says; write a .gpkg instead"
        )
    return geographic


def _check_limits(frame: gpd.GeoDataFrame, chosen: Format, shown: str) -> None:
    """Refuse a layer that the format would cut or rename silently."""
    fields = [str(name) for name in frame.columns if name != frame.geometry.name]
    long = [name for name in fields if len(name.encode()) > chosen.field_name]
    if chosen.field_name and long:
        raise OutputError(
            f"{shown} cannot have a field named {long[0]}: {chosen.field_name} letters at most;"
            " write a .gpkg instead"
        )
    if chosen.text and any(_longest(frame[name]) > chosen.text for name in _texts(frame)):
        raise OutputError(
            f"{shown} holds texts of {chosen.text} bytes at most, some are longer;"
            " write a .gpkg instead"
        )


def _texts(frame: gpd.GeoDataFrame) -> list[str]:
    """Return the names of the fields that are no numbers."""
    fields = frame.columns.drop(frame.geometry.name)
    return [name for name in fields if frame[name].dtype.kind not in "iuf"]


def _longest(texts: Any) -> int:
    return max((len(str(text).encode()) for text in texts.unique()), default=0)
