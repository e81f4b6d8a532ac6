"""What the rest of geovehicle knows of a raster, and what its pixels go through.

Nothing here reads files: a source is anything that keeps :class:`RasterSource`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from geovehicle.errors import GeoreferenceError
from geovehicle.georeference import WAY_OUT
from geovehicle.settings import BLACK_LEVEL, GSD_TOLERANCE, STRETCH_PERCENTILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid
    from geovehicle.patches import PatchWindow

LARGEST_SIDE = 2**31 - 1
"""GDAL counts columns and rows in signed 32-bit integers."""


@dataclass(frozen=True, eq=False)
class Patch:
    """The pixels of a window.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (3, H, W)
        Red, green, blue; 0 where not valid.
    valid : ndarray of bool, shape (H, W)
        False outside of the imagery.
    window : PatchWindow
        Where the patch lies, in scene pixels; in the overview's own pixels for
        an overview.
    """

    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    window: PatchWindow


class RasterSource(Protocol):
    """One raster, seen at the model's ground sampling distance."""

    @property
    def name(self) -> str:
        """Name for people: the file name, without folders."""

    @property
    def grid(self) -> GeoGrid:
        """The scene's grid, whose pixels are "scene pixels"."""

    def read(self, window: PatchWindow) -> Patch:
        """Read the pixels of a window that lies inside the scene."""


@dataclass(frozen=True)
class Stretch:
    """The linear map from a raster's values to 8 bits, one for the whole raster.

    Parameters
    ----------
    low, high : tuple of float
        The values of each band that become 0 and 255.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def estimate(cls, values: NDArray[np.number], valid: NDArray[np.bool_]) -> Stretch:
        """Cut the cumulative histogram at ``STRETCH_PERCENTILES``.

        Parameters
        ----------
        values : ndarray, shape (B, H, W)
            A sample of the raster.
        valid : ndarray of bool, shape (H, W)
            Pixels that count; all finite.
        """
        if not valid.any():
            return cls((0.0,) * len(values), (1.0,) * len(values))
        sample = values[:, valid].astype(np.float64)
        low, high = np.percentile(sample, STRETCH_PERCENTILES, axis=1)
        high = np.where(high > low, high, low + 1)
        return cls(tuple(low.tolist()), tuple(high.tolist()))

    def apply(self, values: NDArray[np.number]) -> NDArray[np.uint8]:
        """Map finite values, shape (B, H, W), to 0 to 255."""
        low = np.array(self.low)[:, None]
        factor = 255 / (np.array(self.high)[:, None] - low)
        eight_bit = np.empty(values.shape, np.uint8)
        for row in range(values.shape[1]):  # in float64 a block is eight times as large
            levels = (values[:, row].astype(np.float64) - low) * factor
            eight_bit[:, row] = levels.clip(0, 255).round()
        return eight_bit


def clipped_gsd(gsd: float, span: tuple[float, float]) -> float:
    """Return a ground sampling distance, or the end of a span, finest first, that it is beyond."""
    finest, coarsest = span
    return min(max(gsd, finest), coarsest)


def scene_grid(native: GeoGrid, native_gsd: tuple[float, float], gsd: float) -> GeoGrid:
    """Return the grid over a raster's ground at a ground sampling distance.

    Parameters
    ----------
    native : GeoGrid
        The raster's own grid, which is returned as it is if both axes are within
        ``GSD_TOLERANCE``.
    native_gsd : tuple of float
        Its metres per pixel along a row and along a column.
    gsd : float
        Metres per scene pixel.

    Raises
    ------
    GeoreferenceError
        If the scene would have no pixels, or more than GDAL can count.
    """
    if all(abs(axis / gsd - 1) <= GSD_TOLERANCE for axis in native_gsd):
        return native
    width, height = native.width * native_gsd[0] / gsd, native.height * native_gsd[1] / gsd
    if not all(0.5 < side <= LARGEST_SIDE for side in (width, height)):
        raise GeoreferenceError(
            f"the raster would have {width:.3g} x {height:.3g} pixels of {gsd:g} m; {WAY_OUT}"
        )
    return native.resampled(round(width), round(height))


def is_black(values: NDArray[np.number]) -> NDArray[np.bool_]:
    """Return where every band is black, shape (H, W).

    8-bit values, shape (B, H, W), may be up to ``BLACK_LEVEL``; others, whose
    scale is not known, are black at 0 alone.
    """
    if values.dtype == np.uint8:
        return np.asarray(values.max(axis=0) <= BLACK_LEVEL)
    return np.asarray(~values.any(axis=0))


def opened(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Keep what a square of ``side`` pixels, inside the mask, can reach.

    The morphological opening: thinner parts and smaller spots go.  The square
    does not leave the array.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
    side : int
        Pixels, at least 1.
    """
    if min(mask.shape) < side or not mask.any():
        return np.zeros_like(mask)
    if mask.all():
        return mask
    fits = _windows(_windows(mask, side, np.logical_and).T, side, np.logical_and).T
    if not fits.any():
        return np.zeros_like(mask)
    reach = np.pad(fits, side - 1)
    return _windows(_windows(reach, side, np.logical_or).T, side, np.logical_or).T


def _windows(mask: NDArray[np.bool_], side: int, combine: np.ufunc) -> NDArray[np.bool_]:
    """Combine ``side`` rows from each row on, (H - side + 1, W), in about log2(side) passes."""
    length = 1
    while length < side:
        step = min(length, side - length)
        mask = combine(mask[:-step], mask[step:])
        length += step
    return mask
