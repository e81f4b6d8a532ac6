"""DOTA: oriented boxes on large aerial and satellite images.

::

    train/images/P0000.png ...
    train/labelTxt/P0000.txt ...
    val/images/...  val/labelTxt/...

or ``images/train`` and ``labelTxt/train``, or without parts.  The folder of labels
may be called ``labelTxt-v1.0`` or ``labelTxt-v1.5`` and have one more inside; of two
versions the later is read, of horizontal boxes (``hbb``, ``reclabelTxt``) nothing.

A label file begins with ``imagesource:`` and ``gsd:`` (metres, or ``null``); DOTA 1.5
and 2.0 have the same.  Then come lines of ``x1 y1 x2 y2 x3 y3 x4 y4 category
difficult``, corners in clockwise order, the first one at the top left or the front
[1]_.  Files cut by the authors' kit lack the first two lines.

``small-vehicle`` and ``large-vehicle`` become vehicles whose type is not known;
difficult ones become ignore boxes.  All other categories are background, and each
is told of once with the number of its labels.  Version 1.0 leaves out vehicles of
less than about ten pixels, version 1.5 labels them [1]_.

What stands before ``__`` in a name is the image that a cut was made from: its scene.

References
----------
.. [1] G.-S. Xia et al., "DOTA: A Large-scale Dataset for Object Detection in Aerial
   Images", CVPR 2018; format at https://captain-whu.github.io/DOTA/dataset.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from geovehicle.data.classes import Vocabulary
from geovehicle.data.marks import Mark, Sheet, around, numbers, whole_number
from geovehicle.data.pictures import images_by_stem, subfolders
from geovehicle.data.records import Problem, Record, Split
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from geovehicle.settings import ConvertSettings

LABELS = "labeltxt"
"""How the name of a folder with labels begins, in lower case."""

HORIZONTAL = ("hbb", "reclabel")
"""What the names of folders with horizontal boxes hold."""

SOURCE = "dota"
VEHICLES = ("small-vehicle", "large-vehicle")
SPLITS: Mapping[str, Split] = {"train": "train", "val": "val", "test": "test"}


def read_dota(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Read the images of a folder and their ``labelTxt`` files.

    Parameters
    ----------
    source : Path
        The data set, or one part of it.
    settings : ConvertSettings
        ``gsd`` is that of images whose file says ``null``.

    Yields
    ------
    Record or Problem
        Image after image, then a note for each category that is no vehicle.

    Raises
    ------
    DatasetError
        If there are no such folders.
    """
    pairs = _pairs(source)
    if not pairs:
        raise DatasetError(
            f"{source} has no folders images and labelTxt with images and label files; "
            "give the folder that they are in, or that with train and val"
        )
    vocabulary = Vocabulary(str(source), VEHICLES)
    for images, labels in pairs.items():
        split = _split(source, images)
        for record in _read_folder(images, labels, vocabulary, settings.gsd):
            yield record if isinstance(record, Problem) else replace(record, split=split)
    for folder in subfolders(source):
        if folder.name.lower() == "images" and not any(folder in (p, *p.parents) for p in pairs):
            yield Problem(str(folder), "there is no folder labelTxt for it; it is left out")
    yield from vocabulary.notes()


def _pairs(source: Path) -> Mapping[Path, Path]:
    """Return the folder of labels for each folder of images."""
    pairs: dict[Path, Path] = {}
    for labels in subfolders(source):  # sorted: a later version replaces an earlier one
        names = _parts(source, labels)
        horizontal = any(word in name for name in names for word in HORIZONTAL)
        if horizontal or not any(name.startswith(LABELS) for name in names):
            continue
        images = _images_for(source, labels)
        if images is not None and any(labels.glob("*.txt")):
            pairs[images] = labels
    return pairs


def _images_for(source: Path, labels: Path) -> Path | None:
    """Return the images beside a folder of labels, of the same part if there are parts."""
    parents = [labels, *labels.parents]
    beside = [parent / "images" for parent in parents[: len(_parts(source, labels)) + 2]]
    found = next((folder for folder in beside if folder.is_dir()), None)
    part = labels.name.lower()
    if found is not None and part in SPLITS and (found / labels.name).is_dir():
        return found / labels.name
    return found


def _split(source: Path, images: Path) -> Split | Literal[""]:
    return next((SPLITS[name] for name in _parts(source, images) if name in SPLITS), "")


def _parts(source: Path, folder: Path) -> tuple[str, ...]:
    """Return the names of the folders from the data set on, in lower case."""
    return tuple(name.lower() for name in (source.name, *folder.relative_to(source).parts))


@dataclass
class _Sheet(Sheet):
    """A label file with its header."""

    gsd: float = math.nan


def _read_folder(
    images: Path, labels: Path, vocabulary: Vocabulary, default_gsd: float | None
) -> Iterator[Record | Problem]:
    files = {path.stem: path for path in labels.glob("*.txt")}
    pictures: dict[str, Path] = {}
    for folder in subfolders(images):
        pictures = images_by_stem(folder) | pictures
    for stem, picture in sorted(pictures.items()):
        if stem not in files:
            yield Problem(str(picture), f"it has no label file in {labels}; it is left out")
            continue
        sheet = _read_sheet(files[stem], vocabulary)
        gsd = sheet.gsd if sheet.gsd > 0 else default_gsd
        if gsd is None:
            sheet.refuse(str(files[stem]), "it does not tell the gsd; add it or use --gsd")
            gsd = math.nan
        yield from sheet.records(picture, gsd=gsd, source=SOURCE, scene=stem.split("__")[0])
    for stem in sorted(files.keys() - pictures.keys()):
        yield Problem(str(files[stem]), f"its image is not in {images}")


def _read_sheet(path: Path, vocabulary: Vocabulary) -> _Sheet:
    sheet = _Sheet()

    def parse(fields: list[str], _: str) -> Mark | None:
        key, colon, value = " ".join(fields).partition(":")
        if colon:
            if key.strip(" \"'").lower() == "gsd" and value.strip().lower() not in ("null", "none"):
                (sheet.gsd,) = numbers([value.strip()])
            return None
        return _mark(fields, vocabulary)

    sheet.read_lines(path, parse)
    return sheet


def _mark(fields: list[str], vocabulary: Vocabulary) -> Mark | None:
    if len(fields) != 10:
        raise DatasetError(
            f"{len(fields)} columns; x and y of four corners, category and difficult are needed"
        )
    corners = np.array(numbers(fields[:8])).reshape(4, 2)
    difficult = whole_number(fields[9]) > 0
    found = vocabulary(fields[8])
    return None if found is None else Mark(around(corners), ignore=difficult)
