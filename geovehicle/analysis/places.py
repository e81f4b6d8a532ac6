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

from geovehicle.cycles import making_geometries
from geovehicle.errors import GeoreferenceError

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.settings import OverlapName

WAY_OUT = "see whether the layers lie on the same ground"


@making_geometries()
def centres(frame: gpd.GeoDataFrame, crs: pyproj.CRS | None) -> NDArray[np.object_]:
    """Return the centres of vehicles in a CRS.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        N vehicles with geometries.
    crs : pyproj.CRS or None
        That of the zones, or of whatever they are laid upon.

    Returns
    -------
    ndarray of shapely.Point, shape (N,)

    Raises
    ------
    GeoreferenceError
        If only one of both CRSs is known, or if there is no way from the one to the other.
    """
    points = np.asarray(shapely.centroid(frame.geometry.to_numpy()), object)
    places = shapely.get_coordinates(points)
    if not same_plane(frame.crs, crs):
        try:
            way = pyproj.Transformer.from_crs(frame.crs, crs, always_xy=True)
            places = np.column_stack(way.transform(*places.T))
        except ProjError as error:
            raise no_way(frame.crs, crs) from error
        points = np.asarray(shapely.points(places), object)
    if not np.isfinite(places).all():
        raise no_way(frame.crs, crs)
    return points


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


def holding(
    points: NDArray[np.object_], zones: NDArray[np.object_], overlap: OverlapName = "each"
) -> NDArray[np.intp]:
    """Tell which zones hold points.

    Parameters
    ----------
    points : ndarray of shapely.Point, shape (N,)
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
    pairs = shapely.STRtree(points).query(zones, predicate="intersects")
    zone, point = pairs = pairs[:, np.lexsort(pairs)]
    first = np.diff(point, prepend=-1) != 0
    if overlap == "first" or first.all():
        return np.asarray(pairs[:, first])
    shared = ~first
    shared[:-1] |= ~first[1:]
    inside = np.ones(len(point), bool)
    shapely.prepare(zones)
    inside[shared] = shapely.contains_properly(zones[zone[shared]], points[point[shared]])
    border = np.flatnonzero(~inside)
    inside[border[np.diff(point[border], prepend=-1) != 0]] = True
    return np.asarray(pairs[:, inside])


def held(
    points: NDArray[np.object_], polygons: NDArray[np.object_], border: bool
) -> NDArray[np.bool_]:
    """Tell which points, (N,), are in one of polygons, with those on its border or without."""
    predicate = "intersects" if border else "contains_properly"
    found = shapely.STRtree(points).query(polygons, predicate=predicate)
    inside = np.zeros(len(points), bool)
    inside[found[1]] = True
    return inside


def no_way(start: pyproj.CRS | None, end: pyproj.CRS | None) -> GeoreferenceError:
    """Return the error that tells that coordinates do not lead from one CRS to another."""
    names = " does not reach ".join("a layer" if one is None else one.name for one in (start, end))
    return GeoreferenceError(f"{names}; {WAY_OUT}")
