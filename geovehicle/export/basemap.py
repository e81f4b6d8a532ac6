"""An orthophoto as one picture, north up, for what is drawn on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from PIL import Image

from geovehicle.raster.rasterio_source import open_raster

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid

GROUND = (38, 44, 51)
"""Where the orthophoto shows nothing, and all around it: no colour of a vehicle's outline."""


@dataclass(frozen=True, eq=False)
class Basemap:
    """A picture and where it lies.

    Parameters
    ----------
    name : str
        The raster's name, without folders.
    image : PIL.Image.Image
        Red, green and blue, :data:`GROUND` where the raster shows nothing.
    grid : GeoGrid
        Of its pixels: columns go east, rows go south.  Where the raster has no
        geotransform, rows go along its own y axis.
    """

    name: str
    image: Image.Image
    grid: GeoGrid


def read_basemap(
    path: str | os.PathLike[str],
    longest: int,
    gsd: float | None = None,
    bands: tuple[int, ...] | None = None,
) -> Basemap:
    """Read a raster as a picture, from its overviews where it has them.

    Parameters
    ----------
    path : str or path-like
        A file, or anything else that GDAL opens.
    longest : int
        Longer side of the picture at most, pixels.
    gsd : float, optional
        Metres on the ground of one of the raster's pixels, in place of what the CRS says.
    bands : tuple of int, optional
        The bands that are red, green and blue, or one that is grey; see
        :func:`geovehicle.raster.rasterio_source.open_raster`.

    Raises
    ------
    RasterError
        If the raster cannot be read or has not the bands.
    GeoreferenceError
        If it is not known how large its pixels are on the ground.
    SettingsError
        If ``gsd`` or ``bands`` is out of its range.
    """
    with open_raster(path, None, source_gsd=gsd, bands=bands) as source:
        view = source.overview(longest)
        grid = source.grid.resampled(view.window.width, view.window.height)
    image = Image.fromarray(_on_ground(view.pixels, view.valid))
    if not grid.located or is_north_up(grid.transform):
        return Basemap(source.name, image, grid)
    upright = north_up(grid, longest)
    return Basemap(source.name, _turned(image, grid, upright), upright)


def is_north_up(transform: Affine) -> bool:
    """Tell whether columns go east and rows go south, along the axes of the CRS."""
    a, b, _, d, e, _ = transform[:6]
    return bool(b == 0 and d == 0 and a > 0 > e)


def north_up(grid: GeoGrid, longest: int) -> GeoGrid:
    """Return the grid along the axes of the CRS that holds all of another one.

    Parameters
    ----------
    grid : GeoGrid
        Rotated, sheared or mirrored.
    longest : int
        Longer side at most, pixels; with fewer, pixels have the area of the other grid's.
    """
    a, b, c, d, e, f = grid.transform[:6]
    columns, rows = np.array([[0, 1, 0, 1], [0, 0, 1, 1]]) * [[grid.width], [grid.height]]
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    extent = np.array([np.ptp(x), np.ptp(y)])
    side = max(abs(grid.transform.determinant) ** 0.5, extent.max() / longest)
    width, height = (int(n) for n in np.maximum(1, np.rint(extent / side)))
    step_x, step_y = extent / [width, height]
    transform = Affine(step_x, 0, x.min(), 0, -step_y, y.max())
    gsd = None
    if grid.gsd is not None:
        metres = float(np.mean(grid.gsd) / np.hypot(a, d))  # of a unit
        gsd = metres * step_x, metres * step_y
    return replace(grid, width=width, height=height, transform=transform, gsd=gsd)


def _on_ground(pixels: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return pixels (3, H, W) as (H, W, 3), with the ground where they are not valid."""
    return np.where(valid[..., None], pixels.transpose(1, 2, 0), np.array(GROUND, np.uint8))


def _turned(image: Image.Image, grid: GeoGrid, upright: GeoGrid) -> Image.Image:
    """Return the image of a grid on another one over the same plane."""
    way = ~grid.transform @ upright.transform  # from the new pixels to the old ones
    return image.transform(
        (upright.width, upright.height),
        Image.Transform.AFFINE,
        way[:6],
        Image.Resampling.BILINEAR,
        fillcolor=GROUND,
    )
