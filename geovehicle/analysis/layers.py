"""Layers as they are analysed: read whole, refused where something is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from geovehicle.cycles import making_geometries
from geovehicle.errors import InputError
from geovehicle.export.columns import frame_of
from geovehicle.export.formats import FORMATS
from geovehicle.regions import LAYER, layer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

POINT, POLYGON = 0, 2
"""Dimensions of what vehicles are drawn as, and zones."""

PARQUET, WKT = (".parquet", ".geoparquet"), "WKT"
"""Suffixes of GeoParquet files, and the column of a .csv that holds its polygons."""

AT_ONCE = 2**14
"""Geometries that are looked at together: what is made of them fits into the caches."""

SHORT = {short: name for name, short in FORMATS[".shp"].short_names.items()}
"""Fields of detected vehicles in a Shapefile, which holds short names only, and their own."""


def read_vehicles(path: str, fields: Sequence[str] | None = None) -> gpd.GeoDataFrame:
    """Read vehicles, detected or digitised.

    Parameters
    ----------
    path : str
        Any vector file that GDAL reads, with polygons or points; of several layers one is
        named as in QGIS, ``cars.gpkg|layername=north``.
    fields : sequence of str, optional
        Those that are needed, which is quicker than all.

    Returns
    -------
    geopandas.GeoDataFrame
        Features without geometry are left out.  Fields that a Shapefile has short names for
        have their own.

    Raises
    ------
    InputError
        If the file cannot be read, or if it holds other things than polygons and points.
    """
    wanted = fields and [*fields, *(short for short, name in SHORT.items() if name in fields)]
    frame = _read(path, wanted)
    if path.partition(LAYER)[0].lower().endswith(".shp") and set(SHORT) <= set(frame):
        frame = frame.rename(columns=SHORT)
    return of_dimensions(frame, {POINT, POLYGON}, path, "polygons or points")


def read_zones(path: str) -> gpd.GeoDataFrame:
    """Read zones, with all of their fields.

    Parameters
    ----------
    path : str
        As for :func:`read_vehicles`, with polygons.

    Returns
    -------
    geopandas.GeoDataFrame
        Features without geometry are among them.

    Raises
    ------
    InputError
        If the file cannot be read, or if it holds other things than polygons.
    """
    frame = _read(path, None)
    of_dimensions(frame, {POLYGON}, path, "polygons")
    return frame


def of_dimensions(
    frame: gpd.GeoDataFrame, dimensions: set[int], name: str, wanted: str
) -> gpd.GeoDataFrame:
    """Return the features that have a geometry, if all of those are of a kind."""
    missing = np.asarray(frame.geometry.isna() | frame.geometry.is_empty)
    if missing.any():
        frame = frame[~missing].reset_index(drop=True)
    if not set(np.unique(shapely.get_dimensions(frame.geometry.to_numpy()))) <= dimensions:
        kinds = ", ".join(sorted(set(frame.geom_type)))
        raise InputError(f"{name} has features of the kind {kinds}; give {wanted}")
    return frame


def numbers(frame: gpd.GeoDataFrame, field: str, whose: str) -> NDArray[np.float64]:
    """Return a field as numbers, (N,), nan where it has no value.

    Raises
    ------
    InputError
        If there is no such field, or if it holds anything but numbers.
    """
    require(frame, [field], whose)
    try:
        return np.asarray(frame[field].astype(object).astype(float), np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the field {field} of {whose} is not numeric; give numbers") from error


def require(frame: gpd.GeoDataFrame, fields: Sequence[str], whose: str) -> None:
    """Make sure that a layer has fields."""
    lacking = [name for name in fields if name not in frame]
    if lacking:
        plural = "s" if len(lacking) > 1 else ""
        raise InputError(
            f"{whose} have no field{plural} {', '.join(lacking)}; leave out what needs"
            f" {'them' if plural else 'it'}, or give a layer written by geovehicle detect"
        )


def reaching(
    vehicles: gpd.GeoDataFrame, score: float | None, whose: str = "the vehicles"
) -> gpd.GeoDataFrame:
    """Return the vehicles that reach a score; without one, all, and no score is needed."""
    if score is None:
        return vehicles
    return vehicles[numbers(vehicles, "score", whose) >= score].reset_index(drop=True)


def refuse_doubles(frame: gpd.GeoDataFrame, added: Sequence[str], whose: str) -> None:
    """Make sure that fields can be added: most formats take upper and lower case for one.

    Raises
    ------
    InputError
        If a field is there already, or comes twice.
    """
    there = [str(name).lower() for name in frame.columns]
    for name in added:
        if name.lower() in there:
            raise InputError(f"{whose} have a field {name} already; rename it, for it is added")
        there.append(name.lower())


def slices(count: int) -> Iterator[slice]:
    """Yield which of so many geometries are looked at together: one part at least."""
    return (slice(start, start + AT_ONCE) for start in range(0, max(count, 1), AT_ONCE))


def _rows(path: str, fields: Sequence[str] | None) -> gpd.GeoDataFrame:
    """Return what a file holds; GeoParquet without GDAL, whose driver for it few have."""
    suffix = Path(path).suffix.lower()
    if suffix in PARQUET:
        frame = gpd.read_parquet(path)
        names = [name for name in fields or () if name in frame]
        return frame if fields is None else frame[[*names, frame.geometry.name]]
    file, layer = layer_of(path)
    options = {"layer": layer, "columns": fields}
    with pyogrio.open_arrow(file, use_pyarrow=True, **options) as (about, batches):
        frame = frame_of(batches, about["geometry_name"] or "wkb_geometry", about["crs"])
    if frame is None:
        frame = pyogrio.read_dataframe(file, use_arrow=True, **options)
    # the polygons of a table, as text once more
    return frame.drop(columns=WKT, errors="ignore") if suffix == ".csv" else frame


@making_geometries()
def _read(path: str, fields: Sequence[str] | None) -> gpd.GeoDataFrame:
    try:
        frame = _rows(path, fields)
    except (OSError, RuntimeError, ValueError, shapely.errors.ShapelyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as a vector layer ({reason}); check the path"
        ) from error
    shapes = frame.geometry.to_numpy()
    parts = (shapely.get_coordinates(shapes[some]) for some in slices(len(shapes)))
    if not all(np.isfinite(part).all() for part in parts):
        raise InputError(f"{path} has coordinates that are no numbers; repair it in the GIS")
    if frame.geometry.has_z.any():
        frame = frame.set_geometry(frame.geometry.force_2d())
    return gpd.GeoDataFrame(frame)
