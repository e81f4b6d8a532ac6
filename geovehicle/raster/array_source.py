"""A raster that is in memory already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid


@dataclass(frozen=True, eq=False)
class ArraySource:
    """RGB pixels at the model's ground sampling distance, all of them valid.

    Attributes
    ----------
    name : str
        Name for people.
    pixels : ndarray
        Shape (3, H, W), uint8, red, green, blue.
    grid : GeoGrid
        Where they lie.
    """

    name: str
    pixels: NDArray[np.uint8]
    grid: GeoGrid

    def read(self, window: PatchWindow) -> Patch:
        """Return the pixels of a window that lies inside the scene."""
        rows = slice(window.row, window.row + window.height)
        columns = slice(window.col, window.col + window.width)
        return _all_valid(np.ascontiguousarray(self.pixels[:, rows, columns]), window)

    def overview(self, longest: int) -> Patch:
        """Return the whole scene, decimated to `longest` pixels on its longer side."""
        image = Image.fromarray(np.ascontiguousarray(self.pixels.transpose(1, 2, 0)))
        image.thumbnail((longest, longest))
        window = PatchWindow(0, 0, *image.size, core=(0, 0, *image.size))
        return _all_valid(np.asarray(image).transpose(2, 0, 1), window)


def _all_valid(pixels: NDArray[np.uint8], window: PatchWindow) -> Patch:
    return Patch(pixels, np.ones(pixels.shape[1:], bool), window)
