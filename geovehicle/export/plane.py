"""Vehicles in metres around the middle of a map, as a browser draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from pyproj.exceptions import ProjError

from geovehicle.errors import GeoreferenceError
from geovehicle.export.frame import reproject
from geovehicle.georeference import GeoGrid

if TYPE_CHECKING:
    import geopandas as gpd
    import pyproj
    from numpy.typing import NDArray

POINT_RADIUS_M = 1.5
"""Vehicles that are points become circles of this size: well inside of a parking space."""

QUARTER = 3
"""Segments of a quarter of a circle."""


@dataclass(frozen=True)
class Plane:
    """The way from a CRS to metres: an origin and two factors, no rotation.

    Float32 then tells millimetres over ten kilometres.  Metres are true on the ground at
    the origin, which is the middle of the map.

    Parameters
    ----------
    origin : tuple of float
        x and y in the CRS.
    scale : tuple of float
        Metres of a unit along x and along y; the latter is negative where y runs down.
    metric : bool
        False where the size of a unit is not known, and units stand for metres.
    """

    origin: tuple[float, float]
    scale: tuple[float, float]
    metric: bool = True

    @classmethod
    def of_grid(cls, grid: GeoGrid) -> Plane:
        """Return the plane of a grid without rotation.

        Raises
        ------
        GeoreferenceError
            If the size of its pixels is not known.
        """
        a, _, c, _, e, f = grid.transform[:6]
        along, down = grid.ground_sampling_distance()
        upwards = 1 if grid.located else -1
        middle = c + a * grid.width / 2, f + e * grid.height / 2
        return cls(middle, (along / abs(a), upwards * down / abs(e)))

    @classmethod
    def of_layer(cls, layer: gpd.GeoDataFrame) -> Plane:
        """Return the plane around the middle of a layer.

        Raises
        ------
        GeoreferenceError
            If that lies outside of the layer's CRS.
        """
        x1, y1, x2, y2 = layer.total_bounds.tolist() if len(layer) else (0.0,) * 4
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        if layer.crs is None or layer.empty:
            return cls((x, y), (1.0, 1.0), metric=False)
        side = 1e-5 if layer.crs.is_geographic else 1.0  # about a metre
        return cls.of_grid(GeoGrid(2, 2, Affine(side, 0, x - side, 0, -side, y + side), layer.crs))

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (..., 2) of the CRS in metres from the middle, x east and y north."""
        return (points - self.origin) * self.scale


@dataclass(frozen=True, eq=False)
class Rings:
    """The outlines of vehicles, one after the other.

    Parameters
    ----------
    points : ndarray of float32, shape (P, 2)
        Metres in a :class:`Plane`; a row of nan parts the pieces of an outline.
    starts : ndarray of int32, shape (N + 1,)
        Where the outline of each vehicle begins, and at last P.
    """

    points: NDArray[np.float32]
    starts: NDArray[np.int32]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return ``x1, y1, x2, y2``; of no vehicles, those of the middle."""
        if not len(self.points):
            return 0.0, 0.0, 0.0, 0.0
        x1, y1 = np.nanmin(self.points, axis=0).tolist()
        x2, y2 = np.nanmax(self.points, axis=0).tolist()
        return x1, y1, x2, y2


def in_plane(vehicles: gpd.GeoDataFrame, crs: pyproj.CRS | None) -> gpd.GeoDataFrame:
    """Return vehicles in the CRS of a map, their azimuths turned to its north.

    Raises
    ------
    GeoreferenceError
        If only one of both CRSs is known, or if there is no way from the one to the other.
    """
    if vehicles.crs == crs:
        return vehicles
    if vehicles.crs is None or crs is None:
        lacking = "orthophoto" if crs is None else "layer"
        raise GeoreferenceError(
            f"of layer and orthophoto, the {lacking} has no CRS; assign it one in your GIS"
        )
    try:
        projected = reproject(vehicles, crs)
    except ProjError as error:
        raise _no_way(vehicles.crs, crs) from error
    if not np.isfinite(shapely.get_coordinates(projected.geometry.to_numpy())).all():
        raise _no_way(vehicles.crs, crs)
    return projected


def rings_of(shapes: NDArray[np.object_], plane: Plane) -> Rings:
    """Return the outlines of polygons, several polygons and points, (N,), in a plane."""
    pieces, owners = shapely.get_parts(shapely.transform(shapes, plane.place), return_index=True)
    points = shapely.get_type_id(pieces) == shapely.GeometryType.POINT
    pieces[points] = shapely.buffer(pieces[points], POINT_RADIUS_M, quad_segs=QUARTER)
    outlines = shapely.get_exterior_ring(pieces)
    corners, piece = shapely.get_coordinates(outlines, return_index=True)
    corners[np.append(np.diff(piece) > 0, True)[: len(piece)]] = np.nan  # repeats the first
    lengths = np.bincount(owners[piece], minlength=len(shapes))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return Rings(corners.astype(np.float32), starts.astype(np.int32))


def _no_way(crs: pyproj.CRS, target: pyproj.CRS) -> GeoreferenceError:
    return GeoreferenceError(
        f"vehicles in {crs.name} cannot be laid on {target.name};"
        " see whether layer and orthophoto lie on the same ground"
    )
