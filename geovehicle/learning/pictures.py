"""Pictures of a validation: what was labelled and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from geovehicle.export.outlines import draw_outlines
from geovehicle.files import replacing
from geovehicle.footprints import straight
from geovehicle.learning.folder import writing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage
    from geovehicle.detections import Detections

SIDE = 800
"""Largest side of a picture: what is cut out of a larger image, pixels."""

PICTURES = 3
"""How many images are drawn."""

LABELLED, IGNORED, FOUND = (64, 240, 255), (150, 150, 150), (255, 92, 57)


def draw_validation(image: LabelledImage, found: Detections) -> NDArray[np.uint8]:
    """Return a part of an image with its labels and detections outlined.

    Parameters
    ----------
    image : LabelledImage
        Its labels are drawn in blue, its ignore boxes in grey.
    found : Detections
        In image pixels; drawn in red, inside of the labels.  Of either, footprints are
        drawn where they are known, boxes otherwise.

    Returns
    -------
    ndarray
        Shape (H, W, 3), uint8; the surroundings of the label in the middle of the
        list, where the image is larger than 800 pixels.
    """
    left, top = _corner(image)
    part = image.read()[top : top + SIDE, left : left + SIDE]
    picture = Image.fromarray(np.ascontiguousarray(part))
    pen = ImageDraw.Draw(picture)
    draw_outlines(pen, straight(image.ignore) - (left, top), IGNORED)
    draw_outlines(pen, image.footprints - (left, top), LABELLED)
    draw_outlines(pen, found.outlines - (left, top), FOUND, inset=2)
    return np.asarray(picture)


def save_pictures(
    folder: Path, images: Sequence[LabelledImage], found: Sequence[Detections]
) -> dict[str, NDArray[np.uint8]]:
    """Draw a few images from all over the list, save them as PNG and return them by name.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    chosen = np.linspace(0, len(images) - 1, min(PICTURES, len(images))).round().astype(int)
    drawn = {f"{index + 1}": draw_validation(images[index], found[index]) for index in chosen}
    with writing(folder):
        folder.mkdir(exist_ok=True)
    for name, picture in drawn.items():
        with replacing(folder / f"{name}.png") as temporary:
            Image.fromarray(picture).save(temporary)
    return drawn


def clear_pictures(folder: Path) -> None:
    """Remove the pictures that :func:`save_pictures` left in a folder, if there are any.

    Raises
    ------
    OutputError
        If they cannot be removed.
    """
    with writing(folder):
        for picture in folder.glob("*.png"):
            if picture.stem.isdigit():
                picture.unlink()


def _corner(image: LabelledImage) -> tuple[int, int]:
    boxes = image.boxes if len(image.boxes) else np.zeros((1, 4))
    middle = boxes[len(boxes) // 2].reshape(2, 2).mean(axis=0) - SIDE / 2
    largest = np.array([image.width - SIDE, image.height - SIDE]).clip(min=0)
    left, top = np.clip(middle, 0, largest).astype(int)
    return int(left), int(top)
