"""What a raster must not be: what never ends, fills the memory, or takes GDAL down.

Rasters come from strangers.  These are told before they are read, for then it is too late.
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from geovehicle.errors import RasterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rasterio.io import DatasetReader

LARGEST_TILE = 256 * 2**20
"""Bytes that a tile may decode to: GDAL holds it twice, and there are two readers."""

LARGEST_VRT = 2**28
"""Bytes of a VRT that is looked into; a longer one GDAL would not finish either."""

_VRT = b"<VRTDataset"
_HEAD = 1024
"""What GDAL knows a VRT by, whatever its name is, and within how many bytes."""

_SOURCE = re.compile(r"<Source(?:Filename|Dataset)\b([^>]*)>\s*([^<]+?)\s*<", re.IGNORECASE)
_RELATIVE = re.compile(r"relativeToVRT\s*=\s*[\"']?1", re.IGNORECASE)

_FILTER = re.compile(r"<KernelFilteredSource\b(.*?)(?:</KernelFilteredSource|$)", re.I | re.S)
_KERNEL = re.compile(r"\bSize\b[\s=>\"']+0*[1-9]", re.IGNORECASE)


def refuse_traps(path: str | os.PathLike[str], name: str) -> None:
    """Make sure that opening and reading a raster ends, and the process does not.

    The raster, and the sources of a VRT at any depth, must be files: a pipe may never end.
    A VRT must not filter by a kernel of no size, which GDAL 3.10 does not survive.

    Parameters
    ----------
    path : str or path-like
        Anything that GDAL opens; what is no path of this machine passes.
    name : str
        What an error calls it.

    Raises
    ------
    RasterError
        If it is otherwise.
    """
    known, waiting = {os.fspath(path)}, [os.fspath(path)]
    while waiting:
        one = waiting.pop()
        if os.path.exists(one) and not (os.path.isfile(one) or os.path.isdir(one)):  # noqa: PTH110, PTH112, PTH113 - Path raises for names that cannot be
            what = name if one == os.fspath(path) else f"{name} is made of {Path(one).name}, which"
            raise RasterError(f"{what} is no file but a pipe or a device; copy it to a file")
        text = _vrt(one)
        if not all(_KERNEL.search(source) for source in _FILTER.findall(text)):
            raise RasterError(f"{name} filters by a kernel of no size; mend the VRT")
        sources = [source for source in _sources(text, one) if source not in known]
        known.update(sources)
        waiting += sources


def refuse_large_tiles(dataset: DatasetReader, name: str, bands: tuple[int, ...]) -> None:
    """Make sure that the tiles of a raster fit the memory: a file of kilobytes may hold gigabytes.

    Parameters
    ----------
    dataset : DatasetReader
    name : str
        What an error calls it.
    bands : tuple of int
        Those that are read, from 1.

    Raises
    ------
    RasterError
        If a tile decodes to more than ``LARGEST_TILE``.
    """
    together = dataset.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "PIXEL"
    rows, columns = dataset.block_shapes[bands[0] - 1]
    size = _bytes_of(dataset.dtypes[bands[0] - 1])
    decoded = rows * columns * size * (dataset.count if together else 1)
    if decoded > LARGEST_TILE:
        raise RasterError(
            f"{name} has tiles of {columns} x {rows} pixels, each of which decodes to"
            f" {decoded / 1e9:.1f} GB; rewrite it with smaller ones by"
            " gdal_translate -co TILED=YES"
        )


def _bytes_of(dtype: str) -> int:
    bits = re.search(r"\d+$", dtype)
    return int(bits.group()) // 8 if bits else 1


def _vrt(path: str) -> str:
    """Return the text of a VRT, which may be the path itself; of anything else an empty one."""
    if path.lstrip().startswith(_VRT.decode()):
        return path
    if not os.path.isfile(path):  # noqa: PTH113 - as above
        return ""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            if _VRT not in (head := file.read(_HEAD)):
                return ""
            content = head + file.read(LARGEST_VRT)
    except OSError:
        return ""  # GDAL will tell
    if len(content) > LARGEST_VRT:
        raise RasterError(f"{Path(path).name} is too long for a VRT; name its rasters instead")
    return content.decode(errors="replace")


def _sources(text: str, path: str) -> Iterator[str]:
    """Yield what a VRT is made of."""
    for attributes, escaped in _SOURCE.findall(text):
        source = html.unescape(escaped)
        if _RELATIVE.search(attributes):
            source = os.path.join(os.path.dirname(path), source)  # noqa: PTH118, PTH120 - as above
        yield source
