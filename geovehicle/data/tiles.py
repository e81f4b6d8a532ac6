"""Orthophotos as training images: cut into tiles, and the ground into blocks of tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyproj
import shapely
from affine import Affine
from rasterio.features import rasterize

from geovehicle.data.records import Problem
from geovehicle.errors import DatasetError, GeoreferenceError, InputError
from geovehicle.patches import plan
from geovehicle.raster.rasterio_source import open_raster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid
    from geovehicle.patches import PatchWindow
    from geovehicle.raster.rasterio_source import RasterioSource
    from geovehicle.raster.source import Patch

TILE = 1024
"""Pixels a side of a tile, at most; at 0.10 m it shows 100 m."""

LARGEST_BLOCK = 4
"""Tiles a side of a block, at most."""

FEWEST_BLOCKS = 10
"""Blocks are smaller where there would be fewer: one of them must not be half of all."""

METRES_PER_DEGREE = 111_320.0

FARTHEST = 1e11
"""Beyond all maps, those in millimetres as well, and where floats still tell pixels apart."""


class Tile(NamedTuple):
    """A window of an orthophoto that has pixels.

    Attributes
    ----------
    window : PatchWindow
        Where it lies, in scene pixels.
    read : callable
        Returns its pixels, (H, W, 3) uint8 RGB, black where there are none or
        where the ground is not labelled.
    place : tuple of float
        Longitude and latitude of its centre.
    """

    window: PatchWindow
    read: Callable[[], NDArray[np.uint8]]
    place: tuple[float, float]


@dataclass
class Orthophotos:
    """Opens orthophotos, one at a time, for one thread.

    A file stays open until another one is asked for: to open it for every tile would
    settle how values become 8 bits anew each time.  The last is closed with the last
    of its tiles that is let go.

    Attributes
    ----------
    gsd : float
        What they are opened with, metres.
    """

    gsd: float
    _open: dict[Path, RasterioSource] = field(default_factory=dict, init=False, repr=False)

    def open(self, path: Path) -> RasterioSource:
        """Return an open orthophoto, which is not to be closed.

        Raises
        ------
        InputError
            As :func:`~geovehicle.raster.rasterio_source.open_raster` does.
        """
        if path not in self._open:
            self.close()
            self._open[path] = open_raster(path, self.gsd)
        return self._open[path]

    def close(self) -> None:
        """Close the file that is open; asked for again, it is opened again."""
        while self._open:
            self._open.popitem()[1].close()


def tiles_of(
    orthophotos: Orthophotos, path: Path, area: shapely.Geometry | None = None
) -> Iterator[Tile | Problem]:
    """Cut an orthophoto into tiles that do not overlap; empty ones are left out.

    Parameters
    ----------
    orthophotos : Orthophotos
        Opens the file, again where another one was opened before a tile is read.
    path : Path
        The file.
    area : Geometry, optional
        The labelled ground in scene pixels; all of it otherwise.

    Yields
    ------
    Tile or Problem
        Row by row; a problem where the file is damaged.
    """
    ortho = orthophotos.open(path)
    to_degrees = pyproj.Transformer.from_crs(crs_of(ortho.grid), "EPSG:4326", always_xy=True)
    for window in plan(ortho.grid.width, ortho.grid.height, TILE, 0):
        try:
            patch = _labelled(ortho.read(window), area)
        except InputError as error:
            yield Problem(f"{path}, tile at {window.col},{window.row}", str(error))
            continue
        if patch.valid.any():
            centre = np.array([window.col + window.width / 2, window.row + window.height / 2])
            place = to_degrees.transform(*to_map(ortho.grid, centre))
            yield Tile(window, partial(_read, orthophotos, path, window, area), place)


def _labelled(patch: Patch, area: shapely.Geometry | None) -> Patch:
    """Return a patch that is black where the ground is not labelled."""
    if area is None:
        return patch
    shift = Affine.translation(patch.window.col, patch.window.row)
    parts = [part for part in shapely.get_parts(area) if part.area > 0]
    inside = np.zeros(patch.valid.shape, bool)
    if parts:
        inside = rasterize(parts, patch.valid.shape, transform=shift).astype(bool)
    return replace(patch, pixels=patch.pixels * inside, valid=patch.valid & inside)


def _read(
    orthophotos: Orthophotos, path: Path, window: PatchWindow, area: shapely.Geometry | None
) -> NDArray[np.uint8]:
    try:
        pixels = _labelled(orthophotos.open(path).read(window), area).pixels
    except InputError as error:
        raise DatasetError(str(error)) from error
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def block_names(places: Sequence[tuple[float, float]], gsd: float) -> list[str]:
    """Return the block of the ground that each tile is in.

    Blocks are squares of one to :data:`LARGEST_BLOCK` tiles a side in rows of
    equal latitude, the same for all orthophotos: where two show the same ground,
    their tiles come into one block, or into neighbours at its border.

    Parameters
    ----------
    places : sequence of tuple of float
        Longitude and latitude of the tiles.
    gsd : float
        Metres of a pixel.
    """
    tiles = min(LARGEST_BLOCK, max(1, math.isqrt(len(places) // FEWEST_BLOCKS)))
    side = tiles * TILE * gsd / METRES_PER_DEGREE
    names = []
    for longitude, latitude in places:
        row = math.floor(latitude / side)
        narrowed = math.cos(math.radians((row + 0.5) * side))
        names.append(f"block {row} {math.floor(longitude * narrowed / side)}")
    return names


def crs_of(grid: GeoGrid) -> str:
    """Return the CRS of a grid as WKT.

    Raises
    ------
    GeoreferenceError
        If it has none.
    """
    if grid.crs is None:
        raise GeoreferenceError("the raster has no CRS; assign it one")
    return str(grid.crs.to_wkt())


def to_map(grid: GeoGrid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scene pixels, shape (..., 2), into map coordinates of the grid's CRS."""
    return _transformed(grid.transform, points)


def to_pixels(grid: GeoGrid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn map coordinates of the grid's CRS, shape (..., 2), into scene pixels.

    Those beyond :data:`FARTHEST` are taken for that.
    """
    return _transformed(~grid.transform, points.clip(-FARTHEST, FARTHEST))


def _transformed(transform: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c, d, e, f = transform[:6]
    x, y = points[..., 0], points[..., 1]
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)
