"""Where pixels lie on the ground.

Pixel space is measured from the outer corner of the first pixel: the centre of
pixel (0, 0) is at (0.5, 0.5).  A box is ``x1, y1, x2, y2`` with x along columns
and y along rows.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    width: int
    height: int
    transform: Affine
    crs: CRS | None

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
        return GeoGrid(width, height, Affine(a * x, b * y, c, d * x, e * y, f), self.crs)

    def ground_sampling_distance(self) -> tuple[float, float]:
        """Return the metres on the ground of one pixel at the grid's centre.

        One rule for every CRS that has an ellipsoid: the geodesic length of a
        pixel's step, so feet, degrees and Mercator's stretch come out right.  A
        local (engineering) CRS has its units turned into metres.

        Returns
        -------
        tuple of float
            Along a row (from column to column) and along a column.

        Raises
        ------
        GeoreferenceError
            If there is no CRS or no usable geotransform.
        """
        if self.crs is None or not self.located:
            raise GeoreferenceError(f"the raster has no CRS or no usable geotransform; {WAY_OUT}")
        crs = _proj_crs(self.crs)
        lengths = _lengths(crs, self._central_steps())
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise GeoreferenceError(f"the raster lies outside its CRS ({crs.name}); {WAY_OUT}")
        return float(lengths[0]), float(lengths[1])

    def polygons(self, boxes: ArrayLike) -> NDArray[np.object_]:
        """Turn pixel boxes into polygons in the CRS.

        All four corners go through the full affine, so the result is exact for
        rotated and sheared grids as well.

        Parameters
        ----------
        boxes : array_like, shape (N, 4)
            ``x1, y1, x2, y2`` in pixels of this grid, x1 < x2 and y1 < y2.

        Returns
        -------
        ndarray of shapely.Polygon, shape (N,)
            Exterior rings are closed and counter-clockwise.
        """
        x1, y1, x2, y2 = np.asarray(boxes, np.float64).reshape(-1, 4).T
        corners = np.stack([x1, y1, x1, y2, x2, y2, x2, y1, x1, y1], axis=1).reshape(-1, 5, 2)
        if self.transform.determinant > 0:  # rows run up: the ring would be clockwise
            corners = corners[:, ::-1]
        a, b, c, d, e, f = self.transform[:6]
        x, y = corners[..., 0], corners[..., 1]
        rings = np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)
        polygons: NDArray[np.object_] = shapely.polygons(rings)
        return polygons

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


def _lengths(crs: pyproj.CRS, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the metres from the first to the second end of each step."""
    geodetic, geod = crs.geodetic_crs, crs.get_geod()
    if geodetic is None or geod is None:
        factor: float = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return np.asarray(np.hypot(*(steps[:, 1] - steps[:, 0]).T) * factor)
    transformer = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    lon, lat = np.array(transformer.transform(steps[..., 0], steps[..., 1]))
    if not np.isfinite([lon, lat]).all():
        return np.full(len(steps), np.nan)
    radians = geodetic.axis_info[0].unit_conversion_factor  # degrees, but grads as well
    lon, lat = lon * radians, lat * radians
    _, _, metres = geod.inv(lon[:, 0], lat[:, 0], lon[:, 1], lat[:, 1], radians=True)
    return np.asarray(metres, np.float64)
