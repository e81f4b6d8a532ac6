"""Which bands of a raster are read, and the colours of a palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rasterio.enums import ColorInterp

from geovehicle.errors import RasterError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

INDICES = {"uint8": 256, "uint16": 65_536}
"""Types of indices into a palette, and how many colours there may be."""


def choose_bands(
    dataset: DatasetReader, name: str, bands: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return the bands that are red, green and blue, or one that is grey.

    Parameters
    ----------
    dataset : DatasetReader
    name : str
        What an error calls it.
    bands : tuple of int or None
        The user's choice, numbers from 1; None follows colour interpretation, else the
        names of the bands.

    Raises
    ------
    RasterError
        If the raster has not the bands, or they are of no use together.
    SettingsError
        If they are neither one nor three.
    """
    count = dataset.count
    if count == 0:
        inside = f"; open what it contains, such as {dataset.subdatasets[0]}"
        raise RasterError(f"{name} has no bands{inside if dataset.subdatasets else ''}")
    chosen = _default_bands(dataset) if bands is None else tuple(bands)
    if len(chosen) not in (1, 3):
        raise SettingsError(f"{len(chosen)} bands were chosen; give three, or one that is grey")
    if not all(1 <= band <= count for band in chosen):
        numbers = ",".join(map(str, chosen))
        raise RasterError(f"{name} has {count} band(s), not {numbers}; choose from 1 to {count}")
    of_all = dataset.dtypes  # asked for each band anew, and there may be 65,535
    dtypes = {of_all[band - 1] for band in chosen}
    if any("complex" in dtype for dtype in dtypes):
        raise RasterError(f"{name} has complex values; convert them to amplitudes first")
    if len(dtypes) > 1:
        raise RasterError(f"{name} mixes {' and '.join(sorted(dtypes))}; choose bands of one type")
    return chosen


def _default_bands(dataset: DatasetReader) -> tuple[int, ...]:
    colours = dataset.colorinterp
    wanted = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if set(wanted) <= set(colours):
        return tuple(colours.index(colour) + 1 for colour in wanted)
    names = [(name or "").strip().lower() for name in dataset.descriptions]
    if {"red", "green", "blue"} <= set(names):
        return tuple(names.index(name) + 1 for name in ("red", "green", "blue"))
    numbers = [n for n, colour in enumerate(colours, 1) if colour != ColorInterp.alpha] or [1]
    return tuple(numbers[:3] if len(numbers) >= 3 else numbers[:1])


def names_of(dataset: DatasetReader, bands: tuple[int, ...]) -> tuple[str, ...]:
    """Return what the file says that bands are: their descriptions, else colour interpretation."""
    descriptions, colours = dataset.descriptions, dataset.colorinterp
    return tuple(descriptions[band - 1] or colours[band - 1].name for band in bands)


def levels_of(dataset: DatasetReader, bands: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the 8-bit levels that values of fewer bits stand for, or None if they have eight.

    Returns
    -------
    ndarray of uint8, shape (256,)
        From black to white; those beyond the largest value are white.
    """
    if dataset.dtypes[bands[0] - 1] != "uint8":
        return None
    bits = int(dataset.tags(bands[0], ns="IMAGE_STRUCTURE").get("NBITS", 8))
    if not 1 <= bits < 8:
        return None
    levels: NDArray[np.uint8] = np.linspace(0, 255 * 255 / (2**bits - 1), 256).clip(max=255).round()
    return levels.astype(np.uint8)


def palette_of(
    dataset: DatasetReader, name: str, bands: tuple[int, ...]
) -> NDArray[np.uint8] | None:
    """Return the colours that a band's values stand for, or None if they are no indices.

    Returns
    -------
    ndarray of uint8, shape (4, values)
        Red, green, blue, alpha.

    Raises
    ------
    RasterError
        If the values are of a type that no palette has.
    """
    if len(bands) != 1 or dataset.colorinterp[bands[0] - 1] != ColorInterp.palette:
        return None
    dtype = dataset.dtypes[bands[0] - 1]
    if dtype not in INDICES:
        raise RasterError(f"{name} has a palette for {dtype}; convert it to red, green and blue")
    table = np.zeros((4, INDICES[dtype]), np.uint8)
    for value, colour in dataset.colormap(bands[0]).items():
        if value < INDICES[dtype]:
            table[:, value] = np.clip(colour, 0, 255)
    return table
