"""Copy-paste: pieces of labelled images on other views.

A piece is a vehicle or, as often, a part of the background of a vehicle's size:
were there vehicles only, the seam of a piece would give them away.

References
----------
.. [1] G. Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for
   Instance Segmentation", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from geovehicle.data.views import (
    Boxes,
    Vehicles,
    View,
    cut,
    elongated,
    labelled_vehicles,
    resample,
    within,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage

MOST_PIECES = 8
"""Pieces that one image gives to one view, at most."""

ATTEMPTS = 6
"""Places that are tried for a piece before it is given up."""

CLEARANCE = 2.0
"""Pixels between the horizontal boxes of a piece and of everything labelled."""

FEATHER = 0.7
"""Standard deviation of a piece's soft edge, pixels of the image it comes from."""


@dataclass(frozen=True)
class Piece:
    """A rectangle of an image: pixels (h, w, 3) uint8, at which scale, and what is on it."""

    pixels: NDArray[np.uint8]
    scale: float
    vehicles: Vehicles


def paste(
    rng: np.random.Generator,
    view: View,
    donor: LabelledImage,
    gsd: float,
    scales: tuple[float, float],
) -> View:
    """Return a view with pieces of another image on its free ground, turned at will.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    view : View
        What is pasted on; left as it is.
    donor : LabelledImage
        Where pieces come from.  Only whole vehicles in elongated boxes are taken, which
        lie along the axes or nearly so.  A piece is all that is in a horizontal box, and
        around a diagonal vehicle, even one with a footprint, that is much else.
    gsd : float
        Ground sampling distance of the view at scale 1, metres.
    scales : tuple of float
        Range of the additional scale, one for all pieces.
    """
    scale = donor.gsd / gsd * float(np.exp(rng.uniform(*np.log(scales))))
    picture = Image.fromarray(view.pixels)
    taken = np.concatenate([view.boxes, view.ignore])
    vehicles = [view.vehicles]
    for piece in _pieces(rng, donor, scale):
        placed = _place(rng, piece, taken, picture.size)
        if placed is None:
            continue
        linear, offset, box = placed
        _blend(picture, piece, linear, offset)
        taken = np.concatenate([taken, box])
        vehicles.append(piece.vehicles.move(linear, offset))
    return cut(View(np.asarray(picture), Vehicles.concatenate(vehicles), view.ignore))


def _pieces(rng: np.random.Generator, donor: LabelledImage, scale: float) -> list[Piece]:
    """Return some vehicles of an image and as many parts of its background."""
    boxes, size = donor.boxes, (donor.width, donor.height)
    whole = np.flatnonzero(elongated(boxes) & within(boxes, size, 1.0))
    if not len(whole):
        return []
    pixels = donor.read()
    chosen = whole[rng.integers(len(whole), size=rng.integers(1, MOST_PIECES // 2 + 1))]
    moved = _elsewhere(rng, boxes[chosen], donor)
    free = moved[~_touches(moved, np.concatenate([boxes, donor.ignore]))]
    labelled = labelled_vehicles(donor)
    pieces = [
        Piece(_crop(pixels, box), scale, labelled.take(at).shift(-np.floor(box[:2])))
        for at, box in zip(chosen[:, None], boxes[chosen], strict=True)
    ]
    return pieces + [Piece(_crop(pixels, box), scale, labelled.take(whole[:0])) for box in free]


def _elsewhere(rng: np.random.Generator, boxes: Boxes, image: LabelledImage) -> Boxes:
    """Move boxes, half of them turned by 90°, to random places within an image."""
    size = boxes[:, 2:] - boxes[:, :2]
    size = np.where(rng.random((len(size), 1)) < 0.5, size, size[:, ::-1])
    room = np.maximum(np.array([image.width, image.height]) - size, 0.0)
    corner = rng.uniform(0.0, 1.0, size.shape) * room
    return np.concatenate([corner, corner + size], axis=1)


def _touches(boxes: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Tell which boxes come closer than the clearance to any of the others."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.any(np.all(high - low > -CLEARANCE, axis=2), axis=1))


def _crop(pixels: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
    left, top = np.floor(box[:2]).astype(int).clip(0)
    right, bottom = np.ceil(box[2:]).astype(int)
    return pixels[top:bottom, left:right]


def _place(
    rng: np.random.Generator, piece: Piece, taken: Boxes, size: tuple[int, int]
) -> tuple[Boxes, Boxes, Boxes] | None:
    """Return the affine map of a piece to free ground and its box there, shape (1, 4)."""
    extent = np.array(piece.pixels.shape[1::-1], np.float64)
    for _ in range(ATTEMPTS):
        angle = rng.uniform(0.0, 2.0 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = piece.scale * turn
        centre = rng.uniform(0.0, 1.0, 2) * size
        half = np.abs(linear) @ extent / 2
        box = np.concatenate([centre - half, centre + half])[None]
        if not _touches(box, taken).any():
            return linear, centre - linear @ extent / 2, box
    return None


def _blend(picture: Image.Image, piece: Piece, linear: Boxes, offset: Boxes) -> None:
    """Paint a piece on a picture; its corners are round, as a vehicle's, and its edge soft."""
    height, width = piece.pixels.shape[:2]
    rim = 2
    mask = Image.new("L", (width + 2 * rim, height + 2 * rim), 0)
    corners = (rim, rim, rim + width - 1, rim + height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(corners, min(width, height) * 0.2, fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(FEATHER))
    padded = np.pad(piece.pixels, ((rim, rim), (rim, rim), (0, 0)), mode="edge")
    shifted = offset - linear @ (rim, rim)
    painted = resample(padded, linear, shifted, picture.size)
    cover = resample(np.asarray(mask), linear, shifted, picture.size)
    picture.paste(Image.fromarray(painted), (0, 0), Image.fromarray(cover))
