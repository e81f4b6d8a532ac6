"""The eight ways in which an image can lie without a pixel of it being interpolated."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Turn(NamedTuple):
    """Some quarters of a full turn, against the clock as seen, and then perhaps a mirror.

    Attributes
    ----------
    quarters : int
        0 to 3.
    mirrored : bool
        Whether left and right are exchanged after that.
    """

    quarters: int = 0
    mirrored: bool = False

    def then(self, other: Turn) -> Turn:
        """Return the turn that does the same as this one and `other` after it."""
        onward = -other.quarters if self.mirrored else other.quarters
        return Turn((self.quarters + onward) % 4, self.mirrored != other.mirrored)

    def back(self) -> Turn:
        """Return the turn that undoes this one."""
        return self if self.mirrored else Turn(-self.quarters % 4)

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height that an image of `size`, both in pixels, comes to."""
        return size[::-1] if self.quarters % 2 else size

    def pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image, shape (H, W, ...), as it lies then: a view of the same memory."""
        turned = np.rot90(pixels, self.quarters)
        return turned[:, ::-1] if self.mirrored else turned

    def points(self, points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
        """Return where points come to.

        Parameters
        ----------
        points : ndarray of float64, shape (..., 2)
            x and y in pixels of the image, from its upper left corner.
        size : tuple of int
            Width and height of the image, pixels.

        Returns
        -------
        ndarray of float64
            In the shape of `points`, in pixels of the turned image.
        """
        width, height = size
        for _ in range(self.quarters):
            points = np.stack([points[..., 1], width - points[..., 0]], axis=-1)
            width, height = height, width
        return points * (-1, 1) + (width, 0) if self.mirrored else points


AS_STORED = Turn()
"""Not turned at all."""

TURNS = tuple(Turn(quarters, mirrored) for mirrored in (False, True) for quarters in range(4))
"""All eight."""
