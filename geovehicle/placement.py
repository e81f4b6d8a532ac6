"""Polygons of any CRS in the pixels of a scene.

What lies around the raster is cut out in the polygons' own CRS, so that nothing far away
has to be projected.  Edges are divided so that they bend as they should; then they go into
the raster's CRS and through the inverse geotransform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import ProjError

from geovehicle.errors import GeoreferenceError
from geovehicle.settings import REGION_STEP_M

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid

    Way = Callable[[NDArray[np.float64]], NDArray[np.float64]]

LATTICE = 21
"""Points along each side of a raster by which its place in another CRS is found; odd, so
that one is the centre."""

REACH = 0.1
"""Share of that place by which it is taken larger: far more than edges bend between points."""

EARTH_RADIUS_M = 6_371_000.0

WAY_OUT = "save it in the raster's CRS"


def in_pixels(
    polygons: NDArray[np.object_], crs: pyproj.CRS | None, grid: GeoGrid
) -> shapely.Geometry:
    """Return what of polygons lies on a grid or just beside it, as one geometry.

    Parameters
    ----------
    polygons : ndarray of shapely.Polygon, shape (N,)
        Valid ones in their CRS; they may overlap.
    crs : pyproj.CRS or None
        None for the units of a geotransform without CRS.
    grid : GeoGrid

    Returns
    -------
    shapely.Geometry
        In pixels of the grid, empty where no polygon is near.

    Raises
    ------
    GeoreferenceError
        If only one of both has a CRS, if there is no way between their CRSs, or if the
        geotransform cannot be inverted.
    """
    if grid.transform.determinant == 0:
        raise GeoreferenceError("the raster's pixels have no size; give it a geotransform")
    try:
        back, forth = _ways(crs, grid)
        box = _surroundings(back(_lattice(grid)), _full_turn(crs))
        shapes = shapely.transform(divided(_around(polygons, box, _full_turn(crs)), crs), forth)
    except ProjError as error:
        raise GeoreferenceError(f"there is no way to the raster's CRS; {WAY_OUT}") from error
    if not np.isfinite(shapely.bounds(shapes)).all():
        raise GeoreferenceError(f"some of it is outside of the raster's CRS; {WAY_OUT}")
    ground = shapely.union_all(parts_of(shapely.make_valid(shapes)))
    a, b, c, d, e, f = (~grid.transform)[:6]
    return shapely.transform(ground, lambda points: points @ [[a, d], [b, e]] + (c, f))


def parts_of(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the polygons that shapes are made of, without lines, points and emptiness."""
    return owned_parts(shapes)[0]


def owned_parts(shapes: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    """Return the same, and the number of the shape that each belongs to."""
    pieces, owner = shapely.get_parts(shapes, return_index=True)
    parts, piece = shapely.get_parts(pieces, return_index=True)  # multipolygons in collections, too
    areal = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    areal &= ~shapely.is_empty(parts)
    return np.asarray(parts[areal], object), owner[piece[areal]]


def divided(shapes: NDArray[np.object_], crs: pyproj.CRS | None) -> NDArray[np.object_]:
    """Return polygons whose edges are short enough to be straight in any other CRS."""
    if crs is None or not crs.axis_info:
        return shapes
    step = REGION_STEP_M / (EARTH_RADIUS_M if crs.is_geographic else 1.0)
    pieces = shapely.segmentize(shapes, step / crs.axis_info[0].unit_conversion_factor)
    return np.asarray(pieces, object)


def _ways(crs: pyproj.CRS | None, grid: GeoGrid) -> tuple[Way, Way]:
    """Return what brings points (N, 2) from the grid's CRS to another one, and back."""
    if (crs is None) != (grid.crs is None):
        lacking, other = ("it", "the raster") if crs is None else ("the raster", "it")
        raise GeoreferenceError(f"{lacking} has no CRS and {other} has one; assign it in the GIS")
    own = None if grid.crs is None else pyproj.CRS.from_wkt(grid.crs.to_wkt())
    if crs is None or own is None or crs == own:
        return _unchanged, _unchanged
    return _way(own, crs), _way(crs, own)


def _unchanged(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points


def _way(start: pyproj.CRS, end: pyproj.CRS) -> Way:
    transformer = pyproj.Transformer.from_crs(start, end, always_xy=True)
    return lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))


def _lattice(grid: GeoGrid) -> NDArray[np.float64]:
    """Return points all over a grid in its CRS, row by row, shape (N, 2)."""
    columns, rows = (np.linspace(0, length, LATTICE) for length in (grid.width, grid.height))
    x, y = (axis.ravel() for axis in np.meshgrid(columns, rows))
    a, b, c, d, e, f = grid.transform[:6]
    return np.column_stack([a * x + b * y + c, d * x + e * y + f])


def _full_turn(crs: pyproj.CRS | None) -> float:
    """Return the whole circle of a CRS of longitude and latitude in its unit, 0 of others."""
    if crs is None or not crs.is_geographic:
        return 0.0
    return float(2 * np.pi / crs.axis_info[0].unit_conversion_factor)


def _surroundings(points: NDArray[np.float64], turn: float) -> NDArray[np.float64]:
    """Return the box, (4,), around a lattice; one on the antimeridian reaches beyond it."""
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known):
        raise GeoreferenceError(f"the raster is outside of its CRS; {WAY_OUT}")
    centre = points[len(points) // 2, 0]
    if turn and np.isfinite(centre):
        known[:, 0] = np.mod(known[:, 0] - centre + turn / 2, turn) - turn / 2 + centre
    low, high = known.min(axis=0), known.max(axis=0)
    grown = REACH * (high - low)
    return np.concatenate([low - grown, high + grown])


def _around(
    polygons: NDArray[np.object_], box: NDArray[np.float64], turn: float
) -> NDArray[np.object_]:
    """Return what of polygons lies in a box, those that come round the globe as well."""
    found = []
    for shift in (-turn, 0.0, turn) if turn else (0.0,):
        beside = box - [shift, 0, shift, 0]
        left, low, right, high = shapely.bounds(polygons).T
        near = (left <= beside[2]) & (right >= beside[0])
        near &= (low <= beside[3]) & (high >= beside[1])
        cut = parts_of(shapely.intersection(polygons[near], shapely.box(*beside)))
        found.append(shapely.transform(cut, lambda points, east=shift: np.add(points, (east, 0.0))))
    return np.concatenate(found)
