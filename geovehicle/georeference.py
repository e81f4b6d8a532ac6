"""Where pixels lie on the ground.

Pixel space is measured from the outer corner of the first pixel: the centre of
pixel (0, 0) is at (0.5, 0.5).  A box is ``x1, y1, x2, y2`` with x along columns
and y along rows; a footprint is four corners, see :mod:`geovehicle.footprints`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely
from affine import Affine
from pyproj.exceptions import CRSError

from geovehicle.errors import GeoreferenceError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from rasterio.crs import CRS

WAY_OUT = "give its ground sampling distance in metres with --gsd"

TURNING_STEP_M = 10.0
"""Length of the line by which an azimuth is brought to another CRS: far above the rounding
of projections, and too short to bend."""

GSD_CONTRADICTION = 1.5
"""A pixel size that is given contradicts the CRS's own where the one is more than so many
times the other: roughly known sizes do not, other units do."""

FARTHEST_M = 2.1e7
"""No two places on the earth are further apart; so neither are both ends of a pixel."""


@dataclass(frozen=True)
class GeoGrid:
    """A grid of pixels and where it lies.

    Parameters
    ----------
    width, height : int
        Number of columns and rows.
    transform : affine.Affine
        Pixel corner (column, row) to CRS x, y; any affine: rotated, sheared,
        south-up or with pixels that are not square.
    crs : rasterio.crs.CRS or None
        None where the grid has no coordinate reference system.
    gsd : tuple of float, optional
        Metres on the ground of a pixel along a row and along a column, where they
        are known better than from the CRS.
    """

    width: int
    height: int
    transform: Affine
    crs: CRS | None
    gsd: tuple[float, float] | None = None

    @property
    def located(self) -> bool:
        """Whether the geotransform leads to the ground: invertible, not the identity."""
        coefficients = self.transform[:6]
        return bool(
            np.isfinite(coefficients).all()
            and self.transform.determinant != 0
            and self.transform != Affine.identity()
        )

    def resampled(self, width: int, height: int) -> GeoGrid:
        """Return the grid of ``width`` x ``height`` pixels over the same ground."""
        a, b, c, d, e, f = self.transform[:6]
        x, y = self.width / width, self.height / height
        gsd = None if self.gsd is None else (self.gsd[0] * x, self.gsd[1] * y)
        return GeoGrid(width, height, Affine(a * x, b * y, c, d * x, e * y, f), self.crs, gsd)

    def ground_sampling_distance(self) -> tuple[float, float]:
        """Return the metres on the ground of one pixel at the grid's centre.

        One rule for every CRS that has an ellipsoid: the geodesic length of a
        pixel's step, so feet, degrees and Mercator's stretch come out right.  A
        local (engineering) CRS has its units turned into metres.  Where the grid
        has a ``gsd`` of its own, that is it.

        Returns
        -------
        tuple of float
            Along a row (from column to column) and along a column.

        Raises
        ------
        GeoreferenceError
            If there is no CRS or no usable geotransform.
        """
        if self.gsd is not None:
            return self.gsd
        if self.crs is None or not self.located:
            raise GeoreferenceError(f"the raster has no CRS or no usable geotransform; {WAY_OUT}")
        crs = _proj_crs(self.crs)
        if crs.type_name == "Vertical CRS":
            raise GeoreferenceError(f"the CRS of the raster ({crs.name}) tells heights; {WAY_OUT}")
        lengths = _lengths(crs, self._central_steps())
        if not ((lengths > 0) & (lengths < FARTHEST_M)).all():  # of nan, neither
            raise GeoreferenceError(f"the raster lies outside its CRS ({crs.name}); {WAY_OUT}")
        return float(lengths[0]), float(lengths[1])

    def polygons(self, shapes: ArrayLike) -> NDArray[np.object_]:
        """Turn pixel boxes or footprints into polygons in the CRS.

        All four corners go through the full affine, so the result is exact for
        rotated, sheared, mirrored and south-up grids as well.

        Parameters
        ----------
        shapes : array_like, shape (N, 4) or (N, 4, 2)
            Boxes, ``x1, y1, x2, y2``, or the corners of footprints, x, y, in pixels
            of this grid.

        Returns
        -------
        ndarray of shapely.Polygon, shape (N,)
            Exterior rings are closed and counter-clockwise.
        """
        pixels = np.asarray(shapes, np.float64)
        if pixels.ndim < 3:
            pixels = pixels.reshape(-1, 4)[:, [0, 1, 0, 3, 2, 3, 2, 1]].reshape(-1, 4, 2)
        corners = self._mapped(pixels)
        one, other = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
        clockwise = one[:, 0] * other[:, 1] < one[:, 1] * other[:, 0]
        corners[clockwise] = corners[clockwise, ::-1]
        polygons: NDArray[np.object_] = shapely.polygons(corners)
        return polygons

    def measure(self, footprints: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how long and how wide footprints are on the ground, and how they lie.

        A footprint is measured between the midpoints of opposite sides: along the
        geodesic, or by the pixels where the grid has a ``gsd`` of its own.  Where that
        contradicts the CRS, directions are those in the plane of the coordinates.

        Parameters
        ----------
        footprints : ndarray of float64, shape (N, 4, 2)
            In pixels of this grid.

        Returns
        -------
        ndarray of float64, shape (N, 3)
            The longer side and the shorter one, metres, nan where the size of a pixel
            is not known; and the azimuth of the longer one, see :func:`azimuths`.

        Raises
        ------
        GeoreferenceError
            If the CRS is not understood.
        """
        crs = None if self.crs is None else _proj_crs(self.crs)
        middles = (footprints + np.roll(footprints, -1, axis=1)) / 2
        axes = middles[:, [[2, 0], [3, 1]]]  # rear to front, left to right
        drawn = self._mapped(axes)
        if self.gsd is not None:
            metres = np.hypot(*np.moveaxis((axes[:, :, 1] - axes[:, :, 0]) * self.gsd, -1, 0))
        elif crs is not None:
            metres = _lengths(crs, drawn.reshape(-1, 2, 2)).reshape(-1, 2)
        else:
            metres = np.full((len(axes), 2), np.nan)
        longer = metres.argmax(axis=1)  # of two nan the first, which is the vehicle's length
        north = crs if self._fits_its_crs() else None
        azimuth = azimuths(north, drawn[np.arange(len(drawn)), longer])
        return np.column_stack([metres.max(axis=1), metres.min(axis=1), azimuth])

    def _fits_its_crs(self) -> bool:
        """Tell whether the CRS makes the pixels about as large as the ``gsd`` that is given."""
        if self.gsd is None:
            return True
        try:
            own = replace(self, gsd=None).ground_sampling_distance()
        except GeoreferenceError:
            return False
        ratios = np.divide(self.gsd, own)
        return bool((np.maximum(ratios, 1 / ratios) <= GSD_CONTRADICTION).all())

    def _mapped(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points, (..., 2), through the full affine."""
        a, b, c, d, e, f = self.transform[:6]
        x, y = pixels[..., 0], pixels[..., 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)

    def _central_steps(self) -> NDArray[np.float64]:
        """Return the ends of both pixel steps over the centre, (axis, end, xy)."""
        a, b, c, d, e, f = self.transform[:6]
        column, row = self.width / 2, self.height / 2
        centre = np.array([a * column + b * row + c, d * column + e * row + f])
        half = np.array([[a, d], [b, e]]) / 2
        return np.stack([centre - half, centre + half], axis=1)


def _proj_crs(crs: CRS) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_wkt(crs.to_wkt())
    except CRSError as error:
        raise GeoreferenceError(f"the raster's CRS is not understood; {WAY_OUT}") from error


def azimuths(crs: pyproj.CRS | None, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions of axes, clockwise from north.

    North is the y axis of the CRS, so directions are as drawn on the map.  In a CRS of
    longitude and latitude, whose plane distorts angles, they are those on the ground.

    Parameters
    ----------
    crs : pyproj.CRS or None
        None for the coordinates of a grid without CRS.
    axes : ndarray of float64, shape (N, 2, 2)
        Both ends of each axis, x, y, in the CRS.

    Returns
    -------
    ndarray of float64, shape (N,)
        Degrees from 0 to 180; an axis has no front.
    """
    if crs is not None and crs.is_geographic:
        (lon, lat), (end_lon, end_lat) = (axes * unit_of(crs)).transpose(1, 2, 0)
        degrees = np.degrees(_geod(crs).inv(lon, lat, end_lon, end_lat, radians=True)[0])
    else:
        degrees = np.degrees(np.arctan2(*(axes[:, 1] - axes[:, 0]).T))
    return np.asarray(np.mod(degrees, 180.0))


def turned(
    degrees: NDArray[np.float64],
    places: NDArray[np.float64],
    crs: pyproj.CRS,
    target: pyproj.CRS,
) -> NDArray[np.float64]:
    """Return azimuths from the north of another CRS.

    Parameters
    ----------
    degrees : ndarray of float64, shape (N,)
        Azimuths in ``crs``, as :func:`azimuths` gives them; nan where not known.
    places : ndarray of float64, shape (N, 2)
        Where they were taken, x, y in ``crs``.
    crs, target : pyproj.CRS
        The CRS of the places, and the other one.

    Returns
    -------
    ndarray of float64, shape (N,)
        Degrees from 0 to 180; nan where they were not known, and for places that either
        CRS does not reach.  Between equal CRSs they stay as they are.
    """
    if crs == target:
        return degrees
    axes = np.stack([places, _steps_away(np.radians(degrees), places, crs)], axis=1)
    transformer = pyproj.Transformer.from_crs(crs, target, always_xy=True)
    moved = np.stack(transformer.transform(axes[..., 0], axes[..., 1]), axis=-1)
    reached = (np.isfinite(axes) & np.isfinite(moved)).all(axis=(1, 2))
    result = np.full(len(degrees), np.nan)
    result[reached] = azimuths(target, moved[reached])
    return result


def _steps_away(
    angles: NDArray[np.float64], places: NDArray[np.float64], crs: pyproj.CRS
) -> NDArray[np.float64]:
    """Return the points ``TURNING_STEP_M`` from places (N, 2), by azimuths in radians."""
    if crs.is_geographic:
        metres = np.full(len(angles), TURNING_STEP_M)
        lon, lat = (places * unit_of(crs)).T
        ends = _geod(crs).fwd(lon, lat, angles, metres, radians=True)[:2]
        return np.stack(ends, axis=-1) / unit_of(crs)
    step = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return places + step * TURNING_STEP_M / unit_of(crs)


def unit_of(crs: pyproj.CRS) -> float:
    """Return the metres, or the radians, of the CRS's unit."""
    return float(crs.axis_info[0].unit_conversion_factor)


def _geod(crs: pyproj.CRS) -> pyproj.Geod:
    """Return the ellipsoid of a CRS of longitude and latitude, which always has one."""
    geod = crs.get_geod()
    assert geod is not None
    return geod


def _lengths(crs: pyproj.CRS, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the metres from the first to the second end of each step, nan off the map."""
    geodetic, geod = crs.geodetic_crs, crs.get_geod()
    if geodetic is None or geod is None:
        return np.asarray(np.hypot(*(steps[:, 1] - steps[:, 0]).T) * unit_of(crs))
    transformer = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    lon_lat = np.array(transformer.transform(steps[..., 0], steps[..., 1]))
    known = np.isfinite(lon_lat).all(axis=(0, 2))
    lon, lat = lon_lat[:, known] * unit_of(geodetic)  # degrees, but grads as well
    metres = np.full(len(steps), np.nan)
    metres[known] = geod.inv(lon[:, 0], lat[:, 0], lon[:, 1], lat[:, 1], radians=True)[2]
    return metres
