"""Vehicles digitised in a GIS: from the features of a layer to footprints in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely

from geovehicle.data.classes import Meaning, Vocabulary
from geovehicle.data.records import Problem
from geovehicle.data.tiles import crs_of, to_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid

    Pixels = Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """From coordinates (N, 2) of a layer to pixels."""

TYPE_FIELDS = ("type", "label", "class", "category")
IGNORE_FIELDS = ("ignore", "iscrowd", "difficult")
HEADING_FIELDS = ("heading", "angle", "azimuth")
"""Names of fields, in any case; the first that a layer has is taken."""

CAR = (4.5, 1.8)
"""Length and width in metres of the box around a point that tells its heading."""

STRAIGHT = 0.5
"""Degrees: a rectangle turned by less against the pixels is a box around a vehicle."""

FARTHEST = 1e9
"""Pixels from the raster; what lies farther is not on it, and squares of it may overflow."""

POLYGON = 3
"""shapely's number of the type."""


@dataclass(frozen=True)
class Digitised:
    """The vehicles of a layer, in its CRS.

    Attributes
    ----------
    numbers : ndarray
        Shape (N,), the feature that each is of; parts of a feature share it.
    shapes : ndarray
        Shape (N,), polygons and points.
    types : tuple of str
        Type of vehicle or empty.
    ignore : ndarray
        Shape (N,), bool.
    headings : ndarray
        Shape (N,), degrees clockwise from the north of the CRS, nan if not known.
    crs : pyproj.CRS
        Where they are.
    """

    numbers: NDArray[np.int64]
    shapes: NDArray[np.object_]
    types: tuple[str, ...]
    ignore: NDArray[np.bool_]
    headings: NDArray[np.float64]
    crs: pyproj.CRS

    def footprints(
        self, grid: GeoGrid, gsd: tuple[float, float], point_size: float
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the vehicles in the pixels of a grid.

        Parameters
        ----------
        grid : GeoGrid
            A grid with a CRS.
        gsd : tuple of float
            Metres of its pixels along a row and along a column.
        point_size : float
            Side of the boxes around points without heading, metres.

        Returns
        -------
        ndarray
            Shape (N, 4, 2), corners: of a polygon the smallest rectangle around it;
            of a point with heading a car, front-left first; of others a square.
            nan where the CRS of the grid does not reach.
        ndarray
            Shape (N,), bool: whether the footprint lies as the vehicle does.
        """
        to_grid = pyproj.Transformer.from_crs(self.crs, crs_of(grid), always_xy=True)

        def pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
            projected = np.stack(to_grid.transform(*points.T), axis=-1)
            return to_pixels(grid, np.where(np.isfinite(projected), projected, np.nan))

        corners = np.full((len(self.shapes), 4, 2), np.nan)
        polygons = shapely.get_type_id(self.shapes) == POLYGON
        corners[polygons] = _rectangles(self.shapes[polygons], pixels)
        centres = shapely.get_coordinates(self.shapes[~polygons])
        ahead = pixels(centres + _steps(self.crs, centres, self.headings[~polygons]))
        corners[~polygons] = _boxes(pixels(centres), ahead, np.array(gsd), point_size)
        oriented = np.where(polygons, ~_straight(corners), np.isfinite(self.headings))
        return corners, oriented


def digitised(where: str, frame: gpd.GeoDataFrame) -> tuple[Digitised, list[Problem]]:
    """Return the vehicles of a layer, and the features that are none or are doubtful.

    Parameters
    ----------
    where : str
        The layer, to tell of its features.
    frame : GeoDataFrame
        Its features in a CRS, indexed by their numbers.
    """
    names = _texts(frame, TYPE_FIELDS)
    vocabulary = Vocabulary(where, {name for name in names if name})
    doubtful = _numbers(frame, IGNORE_FIELDS, 0.0) != 0
    headings = _numbers(frame, HEADING_FIELDS, np.nan)
    problems: list[Problem] = []
    rows: list[tuple[int, shapely.Geometry, str, bool, float]] = []
    for index, (number, shape) in enumerate(frame.geometry.items()):
        parts, fault = _parts(shape)
        if fault:
            problems.append(Problem(f"{where}, feature {number}", fault))
        found = vocabulary(names[index]) if names[index] else Meaning("", False)
        if found is not None:
            ignore = bool(doubtful[index] or found.ignore or fault)
            rows += [(number, part, found.type, ignore, headings[index]) for part in parts]
    problems += vocabulary.notes()
    return Digitised(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], object),
        tuple(row[2] for row in rows),
        np.array([row[3] for row in rows], bool),
        np.array([row[4] for row in rows], np.float64),
        pyproj.CRS(frame.crs),
    ), problems


def _parts(shape: shapely.Geometry | None) -> tuple[list[shapely.Geometry], str]:
    """Return the polygons and points of a feature, and what is wrong with it, if so."""
    if shape is None or shape.is_empty:
        return [], "it has no geometry; it is left out"
    parts = list(shapely.get_parts(shapely.force_2d(shape)))
    if {part.geom_type for part in parts} - {"Polygon", "Point"}:
        return [], f"a {shape.geom_type} is no vehicle; it is left out"
    if not np.isfinite(shapely.get_coordinates(parts)).all():
        return [], "its coordinates are not finite; it is left out"
    polygons = [part for part in parts if part.geom_type == "Polygon"]
    if any(part.convex_hull.area == 0 for part in polygons):
        return [], "it has no area; it is left out"
    wrong = next((part for part in polygons if not part.is_valid), None)
    if wrong is not None:
        reason = shapely.is_valid_reason(wrong).split("[")[0]
        return [part.convex_hull for part in parts], f"{reason}; it becomes an ignore box"
    return parts, ""


def _field(frame: gpd.GeoDataFrame, names: Sequence[str]) -> Any:
    """Return the first field of a layer that has one of some names, or None."""
    fields = {str(field).lower(): field for field in frame.columns[::-1]}
    fields.pop(str(frame.geometry.name).lower(), None)
    return next((frame[fields[name]] for name in names if name in fields), None)


def _texts(frame: gpd.GeoDataFrame, names: Sequence[str]) -> list[str]:
    field = _field(frame, names)
    if field is None:
        return [""] * len(frame)
    return [
        "" if missing else str(one).strip()
        for one, missing in zip(field, field.isna(), strict=True)
    ]


def _numbers(frame: gpd.GeoDataFrame, names: Sequence[str], default: float) -> NDArray[np.float64]:
    """Return a field as numbers, true as 1; the default where there is none."""
    values = []
    for text in _texts(frame, names):
        word = text.lower()
        try:
            value = float({"true": "1", "yes": "1", "false": "0", "no": "0"}.get(word, word))
        except ValueError:
            value = default
        values.append(value if math.isfinite(value) else default)
    return np.array(values, np.float64)


def _steps(
    crs: pyproj.CRS, points: NDArray[np.float64], headings: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return short steps along headings, shape (N, 2), in units of the CRS."""
    radians = np.radians(headings)
    east, north = np.sin(radians), np.cos(radians)
    if crs.is_geographic:  # degrees of longitude are shorter
        east, north = 1e-5 * east / np.cos(np.radians(points[:, 1])), 1e-5 * north
    return np.stack([east, north], axis=-1)


def _rectangles(polygons: NDArray[np.object_], pixels: Pixels) -> NDArray[np.float64]:
    """Return the corners of the smallest rectangle around each polygon in pixels, (N, 4, 2)."""
    corners = np.full((len(polygons), 4, 2), np.nan)
    for index, polygon in enumerate(polygons):
        # a ring of which a point is nan could not be closed
        if (np.abs(pixels(shapely.get_coordinates(polygon))) < FARTHEST).all():
            placed = shapely.transform(polygon, pixels)
            corners[index] = shapely.get_coordinates(shapely.oriented_envelope(placed))[:4]
    return corners


def _boxes(
    centres: NDArray[np.float64],
    ahead: NDArray[np.float64],
    gsd: NDArray[np.float64],
    point_size: float,
) -> NDArray[np.float64]:
    """Return boxes around points, (N, 4, 2): cars where they tell a heading.

    Lengths are taken in metres, for pixels need not be square.
    """
    steps = (ahead - centres) * gsd
    known = np.asarray(np.isfinite(steps).all(axis=1))
    steps = np.where(known[:, None], steps, (1.0, 0.0))
    forward = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    left = forward[:, ::-1] * (1, -1)  # y runs down
    halves = np.where(known[:, None], CAR, (point_size, point_size)) / 2
    forward, left = forward * halves[:, :1], left * halves[:, 1:]
    corners = np.stack([forward + left, forward - left, -forward - left, left - forward], axis=1)
    boxes: NDArray[np.float64] = centres[:, None] + corners / gsd
    return boxes


def _straight(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rectangles, (N, 4, 2), lie along the pixels: boxes around vehicles."""
    side = corners[:, 1] - corners[:, 0]
    degrees = np.degrees(np.arctan2(side[:, 1], side[:, 0])) % 90
    return np.asarray(np.minimum(degrees, 90 - degrees) < STRAIGHT)
