"""Which bands of a raster are read, and the colours of a palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rasterio.enums import ColorInterp

from geovehicle.errors import RasterError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader


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
        The user's choice, numbers from 1; None follows colour interpretation.

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
    chosen = _default_bands(dataset.colorinterp) if bands is None else tuple(bands)
    if len(chosen) not in (1, 3):
        raise SettingsError(f"{len(chosen)} bands were chosen; give three, or one that is grey")
    if not all(1 <= band <= count for band in chosen):
        numbers = ",".join(map(str, chosen))
        raise RasterError(f"{name} has {count} band(s), not {numbers}; choose from 1 to {count}")
    dtypes = {dataset.dtypes[band - 1] for band in chosen}
    if any("complex" in dtype for dtype in dtypes):
        raise RasterError(f"{name} has complex values; convert them to amplitudes first")
    if len(dtypes) > 1:
        raise RasterError(f"{name} mixes {' and '.join(sorted(dtypes))}; choose bands of one type")
    return chosen


def _default_bands(colours: tuple[ColorInterp, ...]) -> tuple[int, ...]:
    wanted = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if set(wanted) <= set(colours):
        return tuple(colours.index(colour) + 1 for colour in wanted)
    numbers = [n for n, colour in enumerate(colours, 1) if colour != ColorInterp.alpha] or [1]
    return tuple(numbers[:3] if len(numbers) >= 3 else numbers[:1])


def palette_of(dataset: DatasetReader, bands: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the colours that a band's values stand for, or None if they are no indices.

    Returns
    -------
    ndarray of uint8, shape (4, values)
        Red, green, blue, alpha.
    """
    if len(bands) != 1 or dataset.colorinterp[bands[0] - 1] != ColorInterp.palette:
        return None
    entries = dataset.colormap(bands[0])
    table = np.zeros((4, np.iinfo(dataset.dtypes[bands[0] - 1]).max + 1), np.uint8)
    for value, colour in entries.items():
        table[:, value] = colour
    return table
