"""Detections as a layer: one row a vehicle, polygons in the raster's CRS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError

from geovehicle.errors import GeoreferenceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from geovehicle.detections import Detections
    from geovehicle.georeference import GeoGrid

FIELDS: Mapping[str, str] = {"id": "int64", "score": "float64", "label": "str", "source": "str"}
"""Name and type of the fields of every layer, in their order."""

SCORE_DECIMALS = 4
"""Scores are rounded to this: float32 digits beyond say nothing and clutter labels."""


def to_frame(
    detections: Detections, grid: GeoGrid, source: str, classes: Sequence[str]
) -> gpd.GeoDataFrame:
    """Return the detections of one raster as a layer.

    Parameters
    ----------
    detections : Detections
        N detections in scene pixels.
    grid : GeoGrid
        The scene grid, whose pixels the boxes are in.
    source : str
        Name of the raster, the same for every row.
    classes : sequence of str
        Names of the labels: label 0 is ``classes[0]``.

    Returns
    -------
    geopandas.GeoDataFrame
        N rows in the order of the detections with the fields :data:`FIELDS`;
        ``id`` runs from 1 to N.  Polygons are in the grid's CRS, or in the
        units of its transform where it has none.

    Raises
    ------
    GeoreferenceError
        Where the grid's CRS is not understood.
    """
    columns = {
        "score": np.round(detections.scores.astype(np.float64), SCORE_DECIMALS),
        "label": np.asarray(classes, dtype=object)[detections.labels],
        "source": np.full(len(detections), source, dtype=object),
    }
    return _layer(columns, grid.polygons(detections.boxes), _crs_of(grid))


def concatenate(frames: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return the layers of several rasters as one.

    Parameters
    ----------
    frames : sequence of geopandas.GeoDataFrame
        At least one layer made by :func:`to_frame`.

    Returns
    -------
    geopandas.GeoDataFrame
        The rows in their order, ``id`` from 1 to their number, in the CRS of the
        first layer; layers in other CRSs are reprojected.

    Raises
    ------
    GeoreferenceError
        Where some layers have a CRS and others have none, or where one cannot
        be reprojected.
    """
    aligned = [_in_crs(frame, frames[0].crs) for frame in frames]
    columns = {
        name: np.concatenate([frame[name].to_numpy() for frame in aligned])
        for name in FIELDS
        if name != "id"
    }
    polygons = np.concatenate([frame.geometry.to_numpy() for frame in aligned])
    return _layer(columns, polygons, frames[0].crs)


def _crs_of(grid: GeoGrid) -> CRS | None:
    if grid.crs is None:
        return None
    try:
        return CRS.from_wkt(grid.crs.to_wkt())
    except CRSError as error:
        raise GeoreferenceError(
            "the raster's CRS is not understood; assign it one, by gdal_edit.py -a_srs for example"
        ) from error


def _layer(
    columns: Mapping[str, NDArray[Any]], polygons: NDArray[np.object_], crs: CRS | None
) -> gpd.GeoDataFrame:
    """Return a layer with fixed field types, whether or not it has rows."""
    numbered = {"id": np.arange(1, len(polygons) + 1), **columns}
    return gpd.GeoDataFrame(numbered, geometry=polygons, crs=crs).astype(dict(FIELDS))


def _in_crs(frame: gpd.GeoDataFrame, crs: CRS | None) -> gpd.GeoDataFrame:
    if frame.crs == crs:
        return frame
    if frame.crs is None or crs is None:
        raise GeoreferenceError(
            "some rasters have a CRS and others have none; assign one to those or run them apart"
        )
    try:
        projected = frame.to_crs(crs)
    except ProjError as error:
        raise GeoreferenceError(
            f"{frame.crs.name} cannot be reprojected to {crs.name}; run these rasters apart"
        ) from error
    if not np.isfinite(projected.total_bounds).all() and len(projected):
        raise GeoreferenceError(
            f"{frame.crs.name} does not reach {crs.name}; run these rasters apart"
        )
    return projected
