"""Rasters of any size for the benchmarks, made of a few photos."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

from geovehicle.data.synthetic import CRS, EXAMPLE_GSD, ORIGIN, render_scene
from geovehicle.files import replacing
from geovehicle.patches import PatchWindow
from geovehicle.raster.rasterio_source import open_raster

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

CELL = 2048
"""Side in pixels of the square that each photo fills: a multiple of the file's tiles."""

SCENES = (1, 2, 3, 4)
"""Seeds of the rendered scenes that stand in for photos."""

PROFILE = {
    "driver": "GTiff",
    "count": 3,
    "dtype": "uint8",
    "crs": CRS,
    "tiled": True,
    "blockxsize": 512,
    "blockysize": 512,
    "compress": "JPEG",
    "photometric": "YCBCR",
    "jpeg_quality": 90,
    "bigtiff": "IF_SAFER",
}


def photo_raster(folder: Path, side: int, photos: Sequence[Path]) -> Path:
    """Return a square tiled JPEG GeoTIFF that is imagery all over, of 0.10 m.

    Photos lie side by side, mirrored in every other row and column.  A raster that is in the
    folder already is not made again.

    Parameters
    ----------
    folder : pathlib.Path
    side : int
        Pixels.
    photos : sequence of pathlib.Path
        Orthophotos of any ground sampling distance; rendered scenes where there are none.
    """
    path = folder / f"photos-{side}-{_digest(photos)}.tif"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    cells = [_cell(photo) for photo in photos] or [
        render_scene(seed, CELL, CELL).pixels for seed in SCENES
    ]
    profile = PROFILE | {"width": side, "height": side, "transform": _transform()}
    with replacing(path) as new, rasterio.open(new, "w", **profile) as raster:
        for row, top in enumerate(range(0, side, CELL)):
            for col, left in enumerate(range(0, side, CELL)):
                picture = cells[(row * 3 + col) % len(cells)]  # rows that begin with other photos
                picture = picture[:, :: 1 - 2 * (row % 2), :: 1 - 2 * (col % 2)]
                height, width = min(CELL, side - top), min(CELL, side - left)
                window = Window(left, top, width, height)
                raster.write(np.ascontiguousarray(picture[:, :height, :width]), window=window)
    return path


def sparse_mosaic(folder: Path, side: int, sheet: Path, count: int) -> Path:
    """Return a square VRT mosaic that shows one sheet in a few places, and else nodata.

    Parameters
    ----------
    folder : pathlib.Path
        Where the sheet is.
    side : int
        Pixels.
    sheet : pathlib.Path
        A raster of :func:`photo_raster`.
    count : int
        How often the sheet is shown; evenly spread, without overlap.

    Raises
    ------
    ValueError
        If there is no room for so many.
    """
    with rasterio.open(sheet) as raster:
        size = raster.width
    per_row = side // size
    if count > per_row**2:
        raise ValueError(f"{count} sheets of {size} pixels do not fit into {side} pixels a side")
    cells = np.linspace(0, per_row**2 - 1, count).round().astype(int)
    places = [(cell % per_row * size, cell // per_row * size) for cell in cells.tolist()]
    mosaic = ElementTree.Element("VRTDataset", rasterXSize=str(side), rasterYSize=str(side))
    ElementTree.SubElement(mosaic, "SRS").text = CRS
    ElementTree.SubElement(mosaic, "GeoTransform").text = ", ".join(
        map(str, _transform().to_gdal())
    )
    for number, colour in enumerate(("Red", "Green", "Blue"), start=1):
        band = ElementTree.SubElement(mosaic, "VRTRasterBand", dataType="Byte", band=str(number))
        ElementTree.SubElement(band, "NoDataValue").text = "0"
        ElementTree.SubElement(band, "ColorInterp").text = colour
        for place in places:
            _add_source(band, sheet.name, size, place)
    path = folder / f"mosaic-{side}-{count}-{sheet.stem}.vrt"
    with replacing(path) as new:
        ElementTree.ElementTree(mosaic).write(new, encoding="utf-8")
    return path


def _add_source(band: ElementTree.Element, name: str, size: int, place: tuple[int, int]) -> None:
    """Show the same band of a file, which lies beside the mosaic, at a place."""
    source = ElementTree.SubElement(band, "SimpleSource")
    ElementTree.SubElement(source, "SourceFilename", relativeToVRT="1").text = name
    ElementTree.SubElement(source, "SourceBand").text = band.get("band")
    for kind, (left, top) in (("SrcRect", (0, 0)), ("DstRect", place)):
        bounds = {"xOff": left, "yOff": top, "xSize": size, "ySize": size}
        ElementTree.SubElement(source, kind, {key: str(value) for key, value in bounds.items()})


def _transform() -> Affine:
    return Affine(EXAMPLE_GSD, 0, ORIGIN[0], 0, -EXAMPLE_GSD, ORIGIN[1])


def _digest(photos: Sequence[Path]) -> str:
    """Return what tells rasters of other photos apart."""
    digest = hashlib.sha256(str(SCENES).encode())
    for photo in photos:
        digest.update(photo.read_bytes())
    return digest.hexdigest()[:8]


def _cell(photo: Path) -> Picture:
    """Return the middle of a photo, mirrored at its edges where it is too small."""
    with open_raster(photo, EXAMPLE_GSD) as source:
        width, height = min(CELL, source.grid.width), min(CELL, source.grid.height)
        left, top = (source.grid.width - width) // 2, (source.grid.height - height) // 2
        core = (left, top, left + width, top + height)
        patch = source.read(PatchWindow(left, top, width, height, core))
    pixels = patch.pixels.copy()
    # Every pixel shall cost: patches without imagery would be skipped.
    pixels[:, ~patch.valid] = np.median(pixels[:, patch.valid], axis=1, keepdims=True)
    lacking = ((0, 0), (0, CELL - height), (0, CELL - width))
    return np.pad(pixels, lacking, mode="symmetric")
