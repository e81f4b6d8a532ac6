"""Outlines of vehicles on a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.footprints import corners_of, rectangles_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import ImageDraw

LINE = 2
"""Width of a line, pixels."""


def draw_outlines(
    pen: ImageDraw.ImageDraw,
    corners: NDArray[np.float64],
    colour: tuple[int, int, int],
    inset: float = 0.0,
) -> None:
    """Draw footprints, lines inwards.

    Parameters
    ----------
    pen : ImageDraw
        Of the picture.
    corners : ndarray, shape (N, 4, 2)
        In pixels of the picture, from pixel corners.
    colour : tuple of int
        RGB.
    inset : float
        Pixels between the outline and the line.  What is too small for it is left out.
    """
    rectangles = rectangles_of(corners)
    rectangles[:, 2:4] -= 2 * inset
    rectangles = rectangles[(rectangles[:, 2:4] > 0).all(axis=1)]
    rectangles[:, 2:4] = (rectangles[:, 2:4] - 1).clip(0)  # from the middle of a pixel
    for ring in (corners_of(rectangles) - 0.5).round().astype(int).tolist():
        pen.polygon([tuple(corner) for corner in ring], outline=colour, width=LINE)
