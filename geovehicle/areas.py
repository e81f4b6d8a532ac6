"""How large polygons are on the ground, whatever the CRS stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import ProjError

from geovehicle.errors import GeoreferenceError
from geovehicle.georeference import unit_of
from geovehicle.placement import divided, owned_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

HECTARE = 10_000.0
"""Square metres."""

STEP_M = 30_000.0
"""Distance of the points at which :func:`scale` is measured: between them it bends with the
square of their distance over the earth's radius, here by less than 10⁻⁵."""

MOST_NODES = 129
"""Most such points a side; around the globe what lies between them is off by a thousandth."""

SQUARE_M = 100.0
"""Side of the squares that are measured there: too small to bend, far above rounding."""


def areas(crs: pyproj.CRS | None, polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the areas of polygons on the ellipsoid.

    Edges are straight in the CRS, as they are drawn.

    Parameters
    ----------
    crs : pyproj.CRS or None
    polygons : ndarray of shapely.Geometry, shape (N,)
        Valid polygons or multipolygons in the CRS; other shapes and None have no area.

    Returns
    -------
    ndarray of float64, shape (N,)
        Square metres; nan without a CRS, and where a polygon is outside of what the CRS can
        tell.  A CRS without ellipsoid has its units turned into metres.
    """
    if crs is None:
        return np.full(len(polygons), np.nan)
    geodetic, geod = crs.geodetic_crs, crs.get_geod()
    if geodetic is None or geod is None:
        return np.asarray(shapely.area(polygons) * unit_of(crs) ** 2)
    parts, owner = owned_parts(polygons)
    rings, part = shapely.get_rings(divided(parts, crs), return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    try:
        transformer = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    except ProjError as error:
        raise GeoreferenceError(f"{crs.name} does not lead to the ground; reproject it") from error
    lon, lat = np.multiply(transformer.transform(*points.T), unit_of(geodetic))
    starts = np.searchsorted(ring, np.arange(1, len(rings)))
    pieces = zip(np.split(lon, starts), np.split(lat, starts), strict=True)
    sizes = np.array([abs(_area(geod, *piece)) for piece in pieces])[: len(rings)]
    holes = np.diff(part, prepend=-1) == 0  # the first ring of a polygon is its outer one
    signed = np.where(holes, -sizes, sizes)
    return np.bincount(owner[part], signed, len(polygons)).astype(np.float64)


def scale(crs: pyproj.CRS | None, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much ground there is to the plane of a CRS, at points.

    It is measured on a lattice around the points and interpolated.

    Parameters
    ----------
    crs : pyproj.CRS or None
    points : ndarray of float64, shape (N, 2)
        x, y in the CRS.

    Returns
    -------
    ndarray of float64, shape (N,)
        Square metres on the ground of one square unit of the plane; nan where not known.
    """
    if crs is None or not len(points):
        return np.full(len(points), np.nan)
    side = SQUARE_M / unit_of(crs)
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = (_nodes(*ends, STEP_M / unit_of(crs)) for ends in zip(low, high + side, strict=True))
    across, up = np.meshgrid(x, y)
    corners = across - side / 2, up - side / 2, across + side / 2, up + side / 2
    squares = shapely.box(*(corner.ravel() for corner in corners))
    return _between((areas(crs, squares) / side**2).reshape(across.shape), x, y, points)


def _nodes(low: float, high: float, step: float) -> NDArray[np.float64]:
    """Return points of one axis, at least two, from its low to its high end."""
    return np.linspace(low, high, int(np.clip((high - low) // step + 2, 2, MOST_NODES)))


def _between(
    values: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    points: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return values of a lattice, (y, x), at points within it, by bilinear interpolation."""
    column, across = _place(x, points[:, 0])
    row, up = _place(y, points[:, 1])
    below = values[row, column] * (1 - across) + values[row, column + 1] * across
    above = values[row + 1, column] * (1 - across) + values[row + 1, column + 1] * across
    return np.asarray(below * (1 - up) + above * up)


def _place(
    nodes: NDArray[np.float64], at: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the node before each number, and how far it is on the way to the next."""
    before = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    return before, (at - nodes[before]) / (nodes[before + 1] - nodes[before])


def _area(geod: pyproj.Geod, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> float:
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return float("nan")
    area, _ = geod.polygon_area_perimeter(lon, lat, radians=True)
    return float(area)
