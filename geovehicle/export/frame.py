"""Detections as a layer: one row a vehicle, polygons in the raster's CRS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError

from geovehicle.errors import GeoreferenceError
from geovehicle.georeference import turned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from geovehicle.detections import Detections
    from geovehicle.georeference import GeoGrid
    from geovehicle.settings import BoxesName

AZIMUTH = "azimuth_deg"
"""The one field whose values depend on the CRS of the layer."""

FIELDS: Mapping[str, str] = {
    "id": "int64",
    "score": "float64",
    "label": "str",
    "label_score": "float64",
    "length_m": "float64",
    "width_m": "float64",
    "area_m2": "float64",
    AZIMUTH: "float64",
    "source": "str",
}
"""Name and type of the fields of every layer, in their order."""

SCORE_DECIMALS = 4
"""Scores are rounded to this: float32 digits beyond say nothing and clutter labels."""

METRE_DECIMALS = 2
DEGREE_DECIMALS = 1
"""Lengths, areas and azimuths are rounded to these: a tenth of a pixel of 10 cm says nothing."""


def to_frame(
    detections: Detections,
    grid: GeoGrid,
    source: str,
    labels: Sequence[str],
    boxes: BoxesName = "oriented",
) -> gpd.GeoDataFrame:
    """Return the detections of one raster as a layer.

    Parameters
    ----------
    detections : Detections
        N detections in scene pixels.
    grid : GeoGrid
        The scene grid, whose pixels the detections are in.  Where it has a ``gsd`` of
        its own, vehicles are measured by that, see :meth:`GeoGrid.measure`.
    source : str
        Name of the raster, the same for every row.
    labels : sequence of str
        Names of the labels: label 0 is ``labels[0]``.
    boxes : {"oriented", "horizontal"}
        Polygons of the vehicles as they lie, or of the boxes around them along the
        rows and columns.  The fields tell of the vehicles as they lie either way.

    Returns
    -------
    geopandas.GeoDataFrame
        N rows in the order of the detections with the fields :data:`FIELDS`;
        ``id`` runs from 1 to N.  Polygons are in the grid's CRS, or in the
        units of its transform where it has none.  Lengths, areas and azimuths are nan
        where the detector tells no footprints, lengths and areas where the size of a
        pixel is not known.

    Raises
    ------
    GeoreferenceError
        Where the grid's CRS is not understood.
    """
    columns = {
        "score": np.round(detections.scores.astype(np.float64), SCORE_DECIMALS),
        "label": np.asarray(labels, dtype=object)[detections.labels],
        "label_score": np.round(detections.label_scores.astype(np.float64), SCORE_DECIMALS),
        **_measures(detections, grid),
        "source": np.full(len(detections), source, dtype=object),
    }
    shapes = detections.outlines if boxes == "oriented" else detections.boxes
    return _layer(columns, grid.polygons(shapes), _crs_of(grid))


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
        first layer; layers in other CRSs are reprojected, and their azimuths are
        turned to the north of that CRS.  Lengths and areas stay as they were measured.

    Raises
    ------
    GeoreferenceError
        Where some layers have a CRS and others have none, or where one cannot
        be reprojected.
    """
    aligned = [in_crs(frame, frames[0].crs) for frame in frames]
    columns = {
        name: np.concatenate([frame[name].to_numpy() for frame in aligned])
        for name in FIELDS
        if name != "id"
    }
    polygons = np.concatenate([frame.geometry.to_numpy() for frame in aligned])
    return _layer(columns, polygons, frames[0].crs)


def in_crs(frame: gpd.GeoDataFrame, crs: CRS | None) -> gpd.GeoDataFrame:
    """Return a layer in the CRS of another raster of the job, its azimuths turned with it.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        A layer, or a part of one, made by :func:`to_frame`.
    crs : pyproj.CRS or None
        The other one.

    Raises
    ------
    GeoreferenceError
        Where one has a CRS and the other has none, or where there is no way between them.
    """
    if frame.crs == crs:
        return frame
    if frame.crs is None or crs is None:
        raise GeoreferenceError(
            "some rasters have a CRS and others have none; assign one to those or run them apart"
        )
    try:
        projected = reproject(frame, crs)
    except ProjError as error:
        raise GeoreferenceError(
            f"{frame.crs.name} cannot be reprojected to {crs.name}; run these rasters apart"
        ) from error
    if not np.isfinite(projected.total_bounds).all() and len(projected):
        raise GeoreferenceError(
            f"{frame.crs.name} does not reach {crs.name}; run these rasters apart"
        )
    return projected


def reproject(frame: gpd.GeoDataFrame, crs: CRS | str) -> gpd.GeoDataFrame:
    """Return a layer in another CRS, its azimuths turned to the north of that CRS.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        A layer with a CRS; it need not have azimuths.
    crs : pyproj.CRS or str
        The other one.

    Raises
    ------
    pyproj.exceptions.ProjError
        Where there is no way from the one to the other.
    """
    projected = frame.to_crs(crs)
    if AZIMUTH not in frame:
        return projected
    places = shapely.get_coordinates(shapely.centroid(frame.geometry.to_numpy()))
    degrees = turned(frame[AZIMUTH].to_numpy(), places, frame.crs, projected.crs)
    return projected.assign(**{AZIMUTH: _rounded_azimuths(degrees)})


def _measures(detections: Detections, grid: GeoGrid) -> dict[str, NDArray[np.float64]]:
    if detections.footprints is None:
        unknown = np.full(len(detections), np.nan)
        return {"length_m": unknown, "width_m": unknown, "area_m2": unknown, AZIMUTH: unknown}
    length, width, azimuth = grid.measure(detections.footprints).T
    return {
        "length_m": np.round(length, METRE_DECIMALS),
        "width_m": np.round(width, METRE_DECIMALS),
        "area_m2": np.round(length * width, METRE_DECIMALS),
        AZIMUTH: _rounded_azimuths(azimuth),
    }


def _rounded_azimuths(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return azimuths rounded, below 180."""
    return np.asarray(np.mod(np.round(degrees, DEGREE_DECIMALS), 180.0))


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
