"""Histograms of oriented gradients, and windows that slide over them.

The features of an image are computed once for each scale.  A window is a
rectangle of the grid of blocks, so that its score is a sum of inner products of
blocks, and all windows are scored by one matrix product.

References
----------
.. [1] N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection",
   CVPR 2005.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from geovehicle.errors import GeoVehicleError

try:
    from skimage.feature import hog
except ImportError as error:
    raise GeoVehicleError(
        "HOG + SVM needs scikit-image and scikit-learn; pip install 'geovehicle[baselines]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from geovehicle.settings import HogSvmConfig

PADDING = 2
"""Cells that are added around an image: the window of a vehicle that touches the
border needs its context, and those beside it are not far off."""

CLIPPED = 0.2
"""No feature takes a larger part of its block (L2-Hys) [1]_."""

Array = NDArray[np.float32]


def to_grey(pixels: NDArray[np.uint8]) -> Array:
    """Return the luma (ITU-R BT.601) of RGB pixels (H, W, 3), 0 to 1."""
    return np.asarray(Image.fromarray(pixels).convert("L"), np.float32) / 255.0


def block_grid(config: HogSvmConfig, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of blocks of a window, or image, of so many cells."""
    return shape[0] - config.block + 1, shape[1] - config.block + 1


def block_features(config: HogSvmConfig) -> int:
    """Return the number of features of a block."""
    return config.block**2 * config.orientations


def blocks(grey: Array, config: HogSvmConfig) -> Array:
    """Return the normalised blocks of an image, shape (R, C, F), from its upper left corner.

    They are those of :func:`skimage.feature.hog`, which normalises block by block in
    Python.  Here it is asked for one block as large as the image, which gives the
    cells but for a common factor, and all blocks are normalised at once: five times
    faster.  Pixels beyond the last whole cell are left out.
    """
    rows, columns = (side // config.cell for side in grey.shape)
    cells = hog(
        grey,
        orientations=config.orientations,
        pixels_per_cell=(config.cell, config.cell),
        cells_per_block=(rows, columns),
        block_norm="L1",
        transform_sqrt=True,
        feature_vector=False,
    )[0, 0]
    size = (config.block, config.block)
    found = np.moveaxis(sliding_window_view(cells, size, axis=(0, 1)), 2, -1)
    flat = found.reshape(*found.shape[:2], -1).astype(np.float32)
    return _unit(np.minimum(_unit(flat), CLIPPED))


def _unit(vectors: Array) -> Array:
    """Return vectors of length 1; those without length stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


@dataclass(frozen=True, eq=False)
class Level:
    """The features of an image at one scale.

    Attributes
    ----------
    blocks : ndarray
        Shape (R, C, F), float32.
    zoom : tuple of float
        Image pixels in a pixel of the level, along x and y.
    config : HogSvmConfig
        Cells, windows and margin.
    """

    blocks: Array
    zoom: tuple[float, float]
    config: HogSvmConfig

    def positions(self, shape: int) -> tuple[int, int]:
        """Return in how many rows and columns a window of a shape can stand."""
        height, width = block_grid(self.config, self.config.windows[shape])
        rows, columns = self.blocks.shape[:2]
        return max(0, rows - height + 1), max(0, columns - width + 1)

    def features(self, shape: int, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Array:
        """Return the features of windows that begin at these blocks, shape (N, D)."""
        height, width = block_grid(self.config, self.config.windows[shape])
        down, right = np.ogrid[:height, :width]
        taken = self.blocks[rows[:, None, None] + down, columns[:, None, None] + right]
        return np.asarray(taken.reshape(len(rows), height * width * self.blocks.shape[2]))

    def boxes(
        self, shape: int, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the vehicles' boxes of these windows, in image pixels, shape (N, 4)."""
        margin = self.config.margin
        height, width = self.config.windows[shape]
        ends = (margin, margin, width - margin, height - margin)
        cells = np.stack([columns, rows, columns, rows], axis=1) + ends - PADDING
        return np.asarray(cells * self.config.cell * (self.zoom * 2), np.float64)

    def score(self, weights: Sequence[Array]) -> list[Array]:
        """Return the scores of every window of each shape, without bias.

        Parameters
        ----------
        weights : sequence of ndarray
            For each shape (h, w, F), a weight for each feature of its blocks.

        Returns
        -------
        list of ndarray
            For each shape an array of :meth:`positions`.
        """
        depth = self.blocks.shape[2]
        filters = np.concatenate([one.reshape(-1, depth) for one in weights])
        products = np.moveaxis(self.blocks @ filters.T, 2, 0)
        scores, first = [], 0
        for shape, one in enumerate(weights):
            height, width = one.shape[:2]
            rows, columns = self.positions(shape)
            total = np.zeros((rows, columns), np.float32)
            for index in range(height * width):
                down, right = divmod(index, width)
                total += products[first + index, down : down + rows, right : right + columns]
            scores.append(total)
            first += height * width
        return scores


def pyramid(grey: Array, config: HogSvmConfig) -> Iterator[Level]:
    """Yield the features of an image at each scale that holds a block."""
    height, width = grey.shape
    padding = PADDING * config.cell
    for scale in config.scales:
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        if min(size) + 2 * padding < config.block * config.cell:
            continue
        image = Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR)
        padded = np.pad(np.asarray(image), padding, mode="edge")
        yield Level(blocks(padded, config), (width / size[0], height / size[1]), config)


def nearest_shape(boxes: NDArray[np.float64], config: HogSvmConfig) -> NDArray[np.intp]:
    """Return the window for each box: that of the most similar aspect, shape (N,)."""
    aspects = np.log([width / height for height, width in _inner(config)])
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(np.abs(np.log(sides[:, 0] / sides[:, 1])[:, None] - aspects).argmin(axis=1))


def cut_window(grey: Array, box: NDArray[np.float64], shape: int, config: HogSvmConfig) -> Array:
    """Return the features, shape (D,), of the window of a shape that fits a box best.

    The window has the box's centre and its area, context aside.  It is cut with a
    rim of one cell, for gradients at a border would be others than inside.
    """
    rows, columns = config.windows[shape]
    zoom = np.sqrt(np.prod(box[2:] - box[:2]) / np.prod(_inner(config)[shape]))
    half = np.array([columns + 2, rows + 2]) * config.cell * zoom / 2
    low, high = ((box[:2] + box[2:]) / 2 + sign * half for sign in (-1, 1))
    first, last = np.floor(low).astype(int) - 1, np.ceil(high).astype(int) + 1
    across, down = (
        np.arange(first[axis], last[axis]).clip(0, grey.shape[1 - axis] - 1) for axis in (0, 1)
    )
    image = Image.fromarray(grey[np.ix_(down, across)])
    area = (*(low - first).tolist(), *(high - first).tolist())
    size = ((columns + 2) * config.cell, (rows + 2) * config.cell)
    found = blocks(np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=area)), config)
    return found[1:-1, 1:-1].reshape(-1)


def _inner(config: HogSvmConfig) -> NDArray[np.int_]:
    """Return the height and width, pixels, of the vehicle in each window."""
    return (np.array(config.windows) - 2 * config.margin) * config.cell
