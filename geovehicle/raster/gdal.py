"""GDAL as geovehicle wants it: bounded memory, patience with servers, one-line errors."""

from __future__ import annotations

import os
import re
import threading
import warnings
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import rasterio
from rasterio._err import CPLE_BaseError  # what rasterio lets through here and there
from rasterio.env import set_gdal_config
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geovehicle.errors import RasterError
from geovehicle.raster.vetting import refuse_traps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rasterio.io import DatasetReader

CACHE_BYTES = 64 * 2**20
"""GDAL's cache of decoded blocks, for all files and threads together.  By default it is
5 % of the machine's memory; this holds a row of 512-pixel tiles of RGB 42,000 pixels long."""

OPTIONS: dict[str, bool | int | float | str] = {
    # The missing part of a truncated JPEG or PNG is silently grey without these two.
    "GDAL_ERROR_ON_LIBJPEG_WARNING": True,
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": False,
    # Overviews, masks and world files beside a raster are asked for by name.  A folder, which
    # on a server may hold a province, is never listed.
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    # The header and the tile index of most COGs come with the first request.
    "GDAL_INGESTED_BYTES_AT_OPEN": 32 * 2**10,
    # The tiles of a window come in parallel, neighbours in one request.
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    # Neighbouring blocks share the tiles of their halos.  VSI_CACHE stays off: it is one
    # cache for each open file, and a mosaic opens a hundred.
    "CPL_VSIL_CURL_CACHE_SIZE": 64 * 2**20,
    # A busy server gets about eight seconds: 0.5, 1, 2 and 4 s between the attempts.
    "GDAL_HTTP_MAX_RETRY": 4,
    "GDAL_HTTP_RETRY_DELAY": 0.5,
    # A server that says nothing for half a minute is gone; GDAL would wait for ever.
    "GDAL_HTTP_CONNECTTIMEOUT": 30,
    "GDAL_HTTP_LOW_SPEED_TIME": 30,
    "GDAL_HTTP_LOW_SPEED_LIMIT": 1,
    # What GDAL only wonders about stays unsaid; what it cannot do is raised, and told by us.
    "CPL_LOG": os.devnull,
    # The input of the terminal, which a stranger's VRT may name, would be waited for.
    "CPL_ALLOW_VSISTDIN": "NO",
    # Nor does a VRT run the Python code that may be in it or beside it.
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}
"""An environment variable of the same name goes before."""

_ADDRESS = re.compile(r"(/vsi\w+/|[A-Za-z][\w+.-]+://)[^\s'\"]+")
"""What GDAL names in its reasons, with the passwords and signatures in it."""


_opening = threading.Lock()
"""The filters of warnings are the process's, not the thread's."""


def open_dataset(path: str | os.PathLike[str], name: str) -> DatasetReader:
    """Open a raster quietly.

    Parameters
    ----------
    path : str or path-like
        Anything that GDAL opens.
    name : str
        What an error calls it.

    Raises
    ------
    RasterError
        If it cannot be opened.
    """
    _bound_cache()
    refuse_traps(path, name)
    with (
        calling_gdal(name, "cannot be opened", "check the path and the format"),
        _opening,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


@contextmanager
def calling_gdal(name: str, what: str, way_out: str) -> Iterator[None]:
    """Run GDAL with our options and turn its exceptions into one line.

    Parameters
    ----------
    name, what, way_out : str
        The line: "``name`` ``what`` (GDAL's reason); ``way_out``".  The reason has the name in
        place of addresses, which may hold secrets.

    Raises
    ------
    RasterError
        In place of what GDAL raises.
    """
    ours = {key: value for key, value in OPTIONS.items() if key not in os.environ}
    with rasterio.Env(**ours):
        try:
            yield
        except (RasterioError, CPLE_BaseError, OSError, ValueError, MemoryError) as error:
            told = " ".join(str(error.__cause__ or error).split()) or "too little memory"
            reason = _ADDRESS.sub(lambda _: name, told)
            raise RasterError(f"{name} {what} ({reason}); {way_out}") from error


@cache
def _bound_cache() -> None:
    """Bound GDAL's cache once: an Env would undo it under another thread's reading."""
    if "GDAL_CACHEMAX" not in os.environ:
        set_gdal_config("GDAL_CACHEMAX", CACHE_BYTES)
