"""Pictures in a folder: found, measured without decoding, read as RGB."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image

from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
"""What a picture's name ends in, in lower case, and which is taken first of two."""

FORMATS = ("JPEG", "PNG", "TIFF", "BMP")
"""The formats that are opened, whatever the name says."""

DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes whose values Pillow would cut off at 255."""

LARGEST = 1_000_000_000
"""Pixels; a picture of more is refused, for a small file may claim to be one.  DOTA's have
up to 400 million."""

_ALONE = threading.Lock()
"""Held while Pillow's limit and the filters of warnings, which are the process's, are others."""


def image_size(path: Path) -> tuple[int, int]:
    """Return the width and the height of a picture, pixels, from its header alone.

    Raises
    ------
    DatasetError
        If the file is missing or no picture.  Damage beyond the header is not seen.
    """
    with _opened(path) as image:
        return image.width, image.height


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Return the pixels of a picture, (H, W, 3) uint8 RGB.

    Raises
    ------
    DatasetError
        If the file is missing, damaged or no picture.
    """
    with _opened(path) as image:
        return np.array(image.convert("RGB"))


def check_upright(path: Path) -> None:
    """Make sure that a picture is stored as it is shown.

    Labelling tools show a photo as its EXIF orientation says; readers of data sets
    do not, so that its labels would lie elsewhere.

    Raises
    ------
    DatasetError
        If it is to be turned or mirrored for showing, missing or no picture.
    """
    with _opened(path) as image:
        # the base class: a PNG's own method decodes all pixels to look behind them
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    if orientation not in (0, 1):
        raise DatasetError(
            f"{path} is stored turned (EXIF orientation {orientation}); turn its pixels and label "
            "it again"
        )


def images_by_stem(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by their name before the suffix, sorted by it.

    An absent folder has none.  The case of the suffix does not matter; of several
    with one stem the first after :data:`SUFFIXES` is taken.
    """
    found: dict[str, Path] = {}
    for path in sorted(_files(folder), key=lambda path: (path.stem, _rank(path), path.name)):
        found.setdefault(path.stem, path)
    return found


def subfolders(source: Path) -> list[Path]:
    """Return a folder and all folders below it, sorted; none where it is absent."""
    if not source.is_dir():
        return []
    below = (path for path in source.rglob("*") if path.is_dir())
    return [source, *sorted(path for path in below if not path.name.startswith("."))]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    paths = [folder / name for name in names if not name.startswith(".")]
    return [path for path in paths if path.suffix.lower() in SUFFIXES]


def _rank(path: Path) -> int:
    return SUFFIXES.index(path.suffix.lower())


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with _pillow(), Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                raise DatasetError(
                    f"{path} has {image.width * image.height // 10**6} megapixels; cut it into "
                    f"smaller ones, of {LARGEST // 10**6} at most"
                )
            if image.mode in DEEP:
                raise DatasetError(f"{path} has more than 8 bits a colour; stretch it to 8 bits")
            yield image
    except (OSError, SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split()).replace(str(path), path.name)
        raise DatasetError(f"{path} cannot be read as an image: {reason}") from error


@contextmanager
def _pillow() -> Iterator[None]:
    """Lift Pillow's limit, which large aerial images exceed, and have it warn of nothing.

    It warns of odd tags and palettes; what makes a picture unreadable, it raises.
    """
    with _ALONE, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
