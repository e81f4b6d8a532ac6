"""Compare a layer of vehicles with a layer of their true outlines, on the map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj.exceptions import CRSError, ProjError

from geovehicle.errors import DatasetError, GeoreferenceError
from geovehicle.matching import Overlaps
from geovehicle.measurement import Measurement, by_size

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.metrics import Report

POINT, POLYGON = 0, 2
"""Dimensions of what is compared."""


def evaluate_layers(
    truth: gpd.GeoDataFrame,
    predictions: gpd.GeoDataFrame,
    score: float | None = None,
    name: str = "predictions",
) -> Report:
    """Compare vehicles with their true outlines by the IoU of polygons.

    Both layers are projected to the UTM zone of the truth, so that sizes are in
    metres; layers that both have no CRS are compared as they are, without sizes.

    Parameters
    ----------
    truth : GeoDataFrame
        Polygons of the vehicles, or points on them, which a polygon around them
        finds.  Where ``ignore`` is true or not 0, a feature is neither to be found
        nor to be called false.  ``type`` may tell the type of vehicle.
    predictions : GeoDataFrame
        Polygons, with a ``score`` or without, which is a score of 1.  ``label`` may
        tell the type of vehicle: where one of its values is a type of the truth.
    score : float, optional
        Lowest score of the predictions that the rates count; all by default.
    name : str
        Of the predictions, for the report.

    Raises
    ------
    DatasetError
        If a geometry or a field cannot be used.
    GeoreferenceError
        If one layer has a CRS and the other has none, or one cannot be projected.
    """
    truth = _with_geometries(truth, {POINT, POLYGON}, "the truth", "polygons or points")
    predictions = _with_geometries(predictions, {POLYGON}, "the predictions", "polygons")
    truth, predictions = _in_metres(truth, predictions)
    scores = _numbers(predictions, "score", 1.0)
    if not np.isfinite(scores).all():
        raise DatasetError("the predictions have a score that is no number; correct the field")
    ignore = np.nan_to_num(_numbers(truth, "ignore", 0.0)) != 0
    vehicles, polygons = truth[~ignore], _shapes(predictions)
    overlaps = Overlaps.of_polygons(polygons, scores, _shapes(vehicles), _shapes(truth[ignore]))
    groupings = {}
    if truth.crs is not None and (vehicles.geom_type != "Point").all():
        groupings["sizes"] = by_size(_lengths(polygons), _lengths(_shapes(vehicles)))
    types, labels = _texts(vehicles, "type"), _texts(predictions, "label")
    measurement = Measurement(overlaps, scores.min(initial=0.0) if score is None else score)
    report = measurement.report(name, groupings, types)
    if not any(set(types) & set(labels)):
        return report
    return replace(report, confusion=measurement.confusion(labels, types))


def _with_geometries(
    frame: gpd.GeoDataFrame, dimensions: set[int], which: str, wanted: str
) -> gpd.GeoDataFrame:
    """Return the features that have a geometry, if all of those are of a kind."""
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if not set(shapely.get_dimensions(frame.geometry)) <= dimensions:
        kinds = ", ".join(sorted(set(frame.geom_type)))
        raise DatasetError(f"{which} has features of the kind {kinds}; give {wanted}")
    return frame


def _in_metres(
    truth: gpd.GeoDataFrame, predictions: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return both layers in the UTM zone of the truth, or as they are without a CRS."""
    known = [frame for frame in (truth, predictions) if frame.crs is not None]
    if len(known) == 1:
        raise GeoreferenceError(
            "one of the layers has a CRS and the other has none; assign it one in your GIS"
        )
    filled = next((frame for frame in known if len(frame)), None)
    if filled is None:
        return truth, predictions
    try:
        local = filled.estimate_utm_crs()
        placed = truth.to_crs(local), predictions.to_crs(local)
    except (CRSError, ProjError, RuntimeError, ValueError) as error:
        raise GeoreferenceError(
            f"layers in {truth.crs.name} and {predictions.crs.name} cannot be projected to metres"
            " together; reproject them in your GIS"
        ) from error
    if not all(np.isfinite(shapely.get_coordinates(frame.geometry)).all() for frame in placed):
        raise GeoreferenceError(
            f"{predictions.crs.name} does not reach {truth.crs.name};"
            " see whether the layers lie on the same ground"
        )
    return placed


def _numbers(frame: gpd.GeoDataFrame, name: str, default: float) -> NDArray[np.float64]:
    """Return a field as numbers, nan where it has no value."""
    if name not in frame:
        return np.full(len(frame), default)
    try:
        return np.asarray(frame[name].astype(object).astype(float), np.float64)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"the field {name} is not numeric; make it a number") from error


def _texts(frame: gpd.GeoDataFrame, name: str) -> list[str]:
    """Return a field as texts, empty where there is none."""
    values = frame[name] if name in frame else [""] * len(frame)
    return [value if isinstance(value, str) else "" for value in values]


def _shapes(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Return valid geometries: a ring that crosses itself has no area that means anything."""
    return np.asarray(shapely.make_valid(frame.geometry.to_numpy()), dtype=object)


def _lengths(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the longer side of the smallest rectangle around each polygon."""
    rectangles = shapely.oriented_envelope(polygons)
    # of sides a and b: a + b is half of the perimeter, a b the area
    mean = shapely.length(rectangles) / 4
    return np.asarray(mean + np.sqrt(np.maximum(mean**2 - shapely.area(rectangles), 0)))
