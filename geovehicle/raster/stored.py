"""Which parts of a raster hold anything at all, told without reading pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from xml.etree import ElementTree

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags

from geovehicle.settings import BLACK_LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

    Bounds = tuple[float, float, float, float]


class Stored(Protocol):
    """What a raster stores, as an area of its own pixels."""

    def touches(self, bounds: Bounds) -> bool:
        """Return False if nothing is stored in ``left, top, right, bottom``, native pixels."""


def stored_in(dataset: DatasetReader, bands: tuple[int, ...]) -> Stored:
    """Return what some bands of a raster store.

    Everything is known of a VRT mosaic, from its list of sources, and of a sparse GeoTIFF, from
    its index of blocks, where what lies between reads as nodata or black.  Any other raster
    is taken to be full.

    Parameters
    ----------
    dataset : DatasetReader
    bands : tuple of int
        Numbers from 1.
    """
    if _gaps_are_outside(dataset, bands):
        if dataset.driver == "VRT":
            return _mosaic(dataset, bands)
        if dataset.driver == "GTiff":
            return _Blocks(dataset, bands)
    return _Full()


def _gaps_are_outside(dataset: DatasetReader, bands: tuple[int, ...]) -> bool:
    """Return whether what is not stored, which GDAL fills, cannot count as imagery."""
    if dataset.colorinterp[bands[0] - 1] == ColorInterp.palette:
        return False  # 0 is a colour there
    flags, nodata = dataset.mask_flag_enums, dataset.nodatavals
    if all(MaskFlags.nodata in flags[band - 1] for band in bands):
        return True
    fills = {nodata[band - 1] or 0 for band in bands}
    eight_bit = dataset.dtypes[bands[0] - 1] == "uint8"
    return all(0 <= fill <= (BLACK_LEVEL if eight_bit else 0) for fill in fills)


class _Full:
    def touches(self, bounds: Bounds) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class _Mosaic:
    """Rectangles, (N, 4), in native pixels."""

    rectangles: NDArray[np.float64]

    def touches(self, bounds: Bounds) -> bool:
        left, top, right, bottom = bounds
        lefts, tops, rights, bottoms = self.rectangles.T
        return bool(np.any((lefts < right) & (rights > left) & (tops < bottom) & (bottoms > top)))


@dataclass(frozen=True, eq=False)
class _Blocks:
    """A GeoTIFF, asked for the offset in the file of each block."""

    dataset: DatasetReader
    bands: tuple[int, ...]

    def touches(self, bounds: Bounds) -> bool:
        size = self.dataset.width, self.dataset.height
        for band in self.bands:
            for column, row in _cells(bounds, self.dataset.block_shapes[band - 1][::-1], size):
                item = f"BLOCK_OFFSET_{column}_{row}"
                if self.dataset.get_tag_item(item, "TIFF", bidx=band) is not None:
                    return True
        return False


def _cells(
    bounds: Bounds, block: tuple[int, int], size: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Yield column and row of the blocks that native pixels lie in."""
    columns, rows = (
        range(
            max(0, math.floor(bounds[axis]) // block[axis]),
            -(-min(size[axis], math.ceil(bounds[axis + 2])) // block[axis]),
        )
        for axis in (0, 1)
    )
    return ((column, row) for row in rows for column in columns)


def _mosaic(dataset: DatasetReader, bands: tuple[int, ...]) -> Stored:
    """Return the rectangles of a VRT's sources, if it is a plain mosaic."""
    text = dataset.tags(ns="xml:VRT").get("xml:VRT", "")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - GDAL has parsed it and written it anew
    except ElementTree.ParseError:
        return _Full()
    numbers = {str(band) for band in bands}
    chosen = [one for one in root.findall("VRTRasterBand") if one.get("band") in numbers]
    # A VRT that computes its pixels, hides its nodata value, or has one that pixels cannot have
    # and fills gaps with another, may be anything anywhere.
    computed = any(one.get("subClass") for one in (root, *chosen))
    hidden = any(one.find("HideNoDataValue") is not None for one in chosen)
    known = {str(band) for band, value in enumerate(dataset.nodatavals, 1) if value is not None}
    strange = any(
        one.find("NoDataValue") is not None and one.get("band") not in known for one in chosen
    )
    if computed or hidden or strange or len(chosen) < len(numbers):
        return _Full()
    sources = [source for band in chosen for source in band if source.tag.endswith("Source")]
    places = [source.find("DstRect") for source in sources]
    rectangles = [_rectangle(place) for place in places if place is not None]
    if len(rectangles) < len(sources):
        return _Full()  # a source without a place covers everything
    return _Mosaic(np.unique(np.array(rectangles, np.float64).reshape(-1, 4), axis=0))


def _rectangle(place: ElementTree.Element) -> Bounds:
    left, top, width, height = (
        float(place.attrib[name]) for name in ("xOff", "yOff", "xSize", "ySize")
    )
    return left, top, left + width, top + height
