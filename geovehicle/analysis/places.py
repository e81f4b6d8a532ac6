"""Where vehicles stand, and which zones hold them.

A vehicle is where its centre is: the centroid of its outline, in the CRS of its layer.  That
point goes into the CRS of the zones, whose edges are straight there, as they were drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import ProjError

from geovehicle.analysis.layers import slices
from geovehicle.cycles import making_geometries
from geovehicle.errors import GeoreferenceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.settings import OverlapName

WAY_OUT = "see whether the layers lie on the same ground"


@making_geometries()
def centres(frame: gpd.GeoDataFrame, crs: pyproj.CRS | None) -> NDArray[np.float64]:
    """Return the centres of vehicles in a CRS.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        N vehicles with geometries.
    crs : pyproj.CRS or None
        That of the zones, or of whatever they are laid upon.

    Returns
    -------
    ndarray of float64, shape (N, 2)
        x, y in that CRS.

    Raises
    ------
    GeoreferenceError
        If only one of both CRSs is known, or if there is no way from the one to the other.
    """
    shapes, places = frame.geometry.to_numpy(), np.empty((len(frame), 2))
    for some in slices(len(frame)):
        places[some] = shapely.get_coordinates(shapely.centroid(shapes[some]))
    if not same_plane(frame.crs, crs):
        try:
            way = pyproj.Transformer.from_crs(frame.crs, crs, always_xy=True)
            places = np.column_stack(way.transform(*places.T))
        except ProjError as error:
            raise no_way(frame.crs, crs) from error
    if not np.isfinite(places).all():
        raise no_way(frame.crs, crs)
    return places


def same_plane(one: pyproj.CRS | None, other: pyproj.CRS | None) -> bool:
    """Tell whether coordinates of two layers mean the same.

    Raises
    ------
    GeoreferenceError
        If that is not known, as only one of them has a CRS.
    """
    if (one is None) != (other is None):
        raise GeoreferenceError(
            "one of the layers has a CRS and the other has none; assign it one in your GIS"
        )
    return one is None or one == other


def shapes_of(zones: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Return the geometries of zones, (Z,), valid; None where there is none."""
    shapes = zones.geometry.to_numpy()
    return np.asarray(shapely.make_valid(shapes), object)


@making_geometries()
def holding(
    places: NDArray[np.float64], zones: NDArray[np.object_], overlap: OverlapName = "each"
) -> NDArray[np.intp]:
    """Tell which zones hold points.

    Parameters
    ----------
    places : ndarray of float64, shape (N, 2)
        x, y of the points.
    zones : ndarray of shapely.Geometry or None, shape (Z,)
        Valid polygons of the same plane.
    overlap : {"each", "first"}
        ``"each"``: a point counts in all zones that it is inside of.  Of those on whose
        border it is, it counts in the first, so that neighbours do not share it.
        ``"first"``: it counts in one, the first that it is inside of or on the border.

    Returns
    -------
    ndarray of int, shape (2, M)
        Pairs of a zone and a point, ordered by point and then by zone.
    """
    found = []
    for start, points, near in _near(places, zones):
        pairs = near[:, shapely.intersects(zones[near[0]], points[near[1]])]
        zone, point = _counting(pairs, zones, points, overlap)
        found.append(np.stack([zone, point + start]))
    return np.concatenate(found, axis=1)


def _counting(
    pairs: NDArray[np.intp],
    zones: NDArray[np.object_],
    points: NDArray[np.object_],
    overlap: OverlapName,
) -> NDArray[np.intp]:
    """Return those pairs of a zone and a point in or on it that count, see :func:`holding`."""
    zone, point = pairs
    first = np.diff(point, prepend=-1) != 0
    if overlap == "first" or first.all():
        return pairs[:, first]
    shared = ~first
    shared[:-1] |= ~first[1:]
    inside = np.ones(len(point), bool)
    inside[shared] = shapely.contains_properly(zones[zone[shared]], points[point[shared]])
    border = np.flatnonzero(~inside)
    inside[border[np.diff(point[border], prepend=-1) != 0]] = True
    return pairs[:, inside]


@making_geometries()
def held(
    places: NDArray[np.float64], polygons: NDArray[np.object_], border: bool
) -> NDArray[np.bool_]:
    """Tell which points, (N, 2), are in one of polygons, with those on its border or without."""
    test = shapely.intersects if border else shapely.contains_properly
    inside = np.zeros(len(places), bool)
    for start, points, (polygon, point) in _near(places, polygons):
        inside[start + point[test(polygons[polygon], points[point])]] = True
    return inside


def _near(
    places: NDArray[np.float64], polygons: NDArray[np.object_]
) -> Iterator[tuple[int, NDArray[np.object_], NDArray[np.intp]]]:
    """Yield some points after others, with the polygons whose bounds they are in.

    These are the number of the first point, the points, and pairs, (2, M), of a polygon and one
    of these points, ordered by point and then by polygon.
    """
    shapely.prepare(polygons)
    tree = shapely.STRtree(polygons)
    for some in slices(len(places)):
        points = np.asarray(shapely.points(places[some]), object)
        pairs = tree.query(points)[::-1]
        yield some.start, points, pairs[:, np.lexsort(pairs)]


def no_way(start: pyproj.CRS | None, end: pyproj.CRS | None) -> GeoreferenceError:
    """Return the error that tells that coordinates do not lead from one CRS to another."""
    names = " does not reach ".join("a layer" if one is None else one.name for one in (start, end))
    return GeoreferenceError(f"{names}; {WAY_OUT}")
