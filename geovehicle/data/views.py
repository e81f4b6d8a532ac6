"""Views: pixels with the boxes on them, and what every augmentation does with both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ELONGATED = 1.8
"""Boxes longer than this times their width hold a vehicle that lies along the axes."""

VISIBLE = 0.5
"""Vehicles of which less is left in a view become ignore boxes."""

NARROWEST = 1.0
"""Boxes with a side of fewer pixels are no vehicles, and too thin for a network to learn."""

Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Pixels (H, W, 3) uint8 and the boxes on them, x1, y1, x2, y2 in its pixels."""

    pixels: NDArray[np.uint8]
    boxes: Boxes
    ignore: Boxes


def elongated(boxes: Boxes) -> NDArray[np.bool_]:
    """Tell which boxes, shape (N, 4), are a vehicle's own rectangle."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    return np.asarray(np.maximum(width, height) > ELONGATED * np.minimum(width, height))


def resample(
    pixels: NDArray[np.uint8], linear: Boxes, offset: Boxes, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return an image moved by an affine map, black beyond its edge.

    Parameters
    ----------
    pixels : ndarray
        Shape (H, W, 3) or (H, W), uint8.
    linear, offset : ndarray
        Shape (2, 2) and (2,): a point `p` of the image comes to ``linear @ p +
        offset``, corner convention.
    size : tuple of int
        Width and height of the result, pixels.
    """
    image = Image.fromarray(pixels)
    scale = np.sqrt(abs(np.linalg.det(linear)))
    if scale < 0.8:
        smaller = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        shrink = np.array(smaller) / (image.width, image.height)
        image = image.resize(smaller, Image.Resampling.BOX)
        linear = linear / shrink
    inverse = np.linalg.inv(linear)
    shift = -inverse @ offset
    coefficients = (*inverse[0], shift[0], *inverse[1], shift[1])
    return np.asarray(
        image.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    )


def cut(view: View) -> View:
    """Clip boxes to the view; mostly hidden vehicles become ignore boxes, slivers go."""
    height, width = view.pixels.shape[:2]
    boxes, share = _clip(view.boxes, width, height)
    ignore, ignore_share = _clip(view.ignore, width, height)
    partly = (share > 0.05) & (share < VISIBLE)
    return View(
        view.pixels,
        boxes[share >= VISIBLE],
        np.concatenate([ignore[ignore_share > 0.05], boxes[partly]]),
    )


def _clip(boxes: Boxes, width: int, height: int) -> tuple[Boxes, NDArray[np.float64]]:
    """Return boxes clipped to the view and the share of their area left, 0 for slivers."""
    limit = np.array([width, height, width, height], np.float64)
    clipped = np.clip(boxes, 0.0, limit)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    sides = clipped[:, 2:] - clipped[:, :2]
    share = np.prod(sides, axis=1) / np.maximum(area, 1e-9)
    return clipped, np.where((sides >= NARROWEST).all(axis=1), share, 0.0)
