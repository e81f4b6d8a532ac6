"""Grids of numbers as GeoTIFF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import rasterio
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geovehicle.errors import OutputError
from geovehicle.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    import pyproj
    from affine import Affine
    from numpy.typing import NDArray

TILE = 256
"""Rows and columns of the tiles of a file, pixels."""

SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Layout:
    """Size and place of a grid.

    Parameters
    ----------
    width, height : int
        Columns and rows.
    transform : affine.Affine
        Pixel corner (column, row) to CRS x, y.
    crs : pyproj.CRS
    """

    width: int
    height: int
    transform: Affine
    crs: pyproj.CRS


def check_grid(path: Path, overwrite: bool = False) -> None:
    """Make sure that a grid can be written, before the work.

    Raises
    ------
    OutputError
        Where the suffix is none of a GeoTIFF, or where
        :func:`geovehicle.files.check_writable` raises it.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{path} is written as GeoTIFF; let it end in .tif")
    check_writable(path, overwrite)


def write_grid(
    path: Path,
    layout: Layout,
    tiles: Iterable[tuple[int, int, NDArray[np.float32]]],
    description: str,
    overwrite: bool = False,
) -> None:
    """Write a grid, tile by tile, in little memory.

    Parameters
    ----------
    path : pathlib.Path
        A .tif.
    layout : Layout
    tiles : iterable of tuple
        First column, first row and values, (height, width), of the tiles that hold
        anything; elsewhere the grid is 0.
    description : str
        Of the only band.
    overwrite : bool
        Whether an existing file may be replaced, once the new one is complete.

    Raises
    ------
    OutputError
        Where the file cannot be written.
    """
    check_grid(path, overwrite)
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "width": layout.width,
        "height": layout.height,
        "transform": layout.transform,
        "crs": CRS.from_wkt(layout.crs.to_wkt()),
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "compress": "deflate",
        "predictor": 3,  # that of floating-point numbers
        "bigtiff": "if_safer",
    }
    with replacing(path) as new:
        try:
            with rasterio.open(new, "w", **profile) as raster:
                raster.set_band_description(1, description)
                for column, row, values in tiles:
                    height, width = values.shape
                    raster.write(values, 1, window=Window(column, row, width, height))
        except RasterioError as error:
            reason = " ".join(str(error).split())
            raise OutputError(
                f"cannot write {path}: {reason}; see to the disk's free space or write elsewhere"
            ) from error
