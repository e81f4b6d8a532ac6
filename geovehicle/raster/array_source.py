"""A raster that is in memory already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.raster.source import Patch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid
    from geovehicle.patches import PatchWindow


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
        pixels = np.ascontiguousarray(self.pixels[:, rows, columns])
        return Patch(pixels, np.ones(pixels.shape[1:], bool), window)
