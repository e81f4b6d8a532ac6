"""VEDAI: vehicles on aerial photos of Utah, 1024 x 1024 pixels or half of that.

::

    Vehicules1024/00000000_co.png  00000000_ir.png ...
    Annotations1024/annotation1024.txt     all labels in one file, and/or
    Annotations1024/00000000.txt ...       one file an image
    Annotations1024/fold01.txt  fold01test.txt ...

and the same with 512.  The infrared images show the same ground and are not read.

How sure each fact is:

- Ground sampling distance 12.5 cm, 25 cm for the images of 512 pixels: the
  paper [1]_.
- Columns of ``annotation1024.txt``: image, centre x, y, orientation, four corner x,
  four corner y, class, fully contained, occluded: the authors' kit as three
  independent readers have it.
- Columns of the file of one image: centre x, y, orientation, class, fully contained,
  occluded, four corner x, four corner y: three independent readers.
- Classes 1 car, 2 truck, 4 tractor, 5 camping car, 9 van, 10 other, 11 pick-up,
  23 boat, 31 plane: all readers; 7 motorcycle and 8 bus, fewer than 50 together:
  one reader names them, others call them other.
- Nothing tells where an image was cut from.  Consecutive numbers are taken for
  neighbours: a scene is a run of :data:`RUN` numbers.

Boats and planes are background.  Tractors, motorcycles and "other" become ignore
boxes, for it differs from set to set whether they count.  Vehicles that are cut by
the border or partly hidden stay vehicles, as in the authors' protocol.

References
----------
.. [1] S. Razakarivony and F. Jurie, "Vehicle Detection in Aerial Imagery: A Small
   Target Detection Benchmark", Journal of Visual Communication and Image
   Representation 34, 2016
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.data.marks import Mark, Sheet, around, numbers, whole_number
from geovehicle.data.pictures import images_by_stem, subfolders
from geovehicle.data.records import Problem, Record
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from geovehicle.settings import ConvertSettings

GSD: Mapping[str, float] = {"1024": 0.125, "512": 0.25}
SOURCE = "vedai"
RUN = 20

TYPES: Mapping[int, str] = {1: "car", 2: "truck", 5: "", 8: "bus", 9: "van", 11: "car"}
"""Type of vehicle by class; a camping car is none of them."""

DOUBTFUL = {4, 7, 10}
BACKGROUND = {23, 31}


@dataclass(frozen=True)
class _Columns:
    """Where the columns of a label file are."""

    count: int
    kind: int
    x: slice
    y: slice


ALL_IN_ONE = _Columns(15, 12, slice(4, 8), slice(8, 12))
ONE_IMAGE = _Columns(14, 3, slice(6, 10), slice(10, 14))


def read_vedai(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Read the colour images of a folder and their labels.

    Parameters
    ----------
    source : Path
        The folder with ``Vehicules1024`` and ``Annotations1024``, or with 512.  If
        it has both, the larger ones are read: the ground is the same.
    settings : ConvertSettings
        ``gsd`` takes the place of the published one.

    Yields
    ------
    Record or Problem
        Images in the order of their numbers.

    Raises
    ------
    DatasetError
        If there is no such pair of folders, or no label file.
    """
    size, images, labels = _find(source)
    gsd = GSD[size] if settings.gsd is None else settings.gsd
    photos = {
        stem.removesuffix("_co"): path
        for stem, path in images_by_stem(images).items()
        if stem.endswith("_co")
    }
    sheets = _sheets(labels, size)
    for number, photo in photos.items():
        if number not in sheets:
            yield Problem(str(photo), f"no label file in {labels} tells of it; it is left out")
            continue
        yield from sheets[number].records(photo, gsd=gsd, source=SOURCE, scene=_scene(number))
    for number in sorted(sheets.keys() - photos.keys()):
        yield from sheets[number].problems
        yield Problem(f"{labels}, image {number}", f"{images / number}_co.png is not there")


def _find(source: Path) -> tuple[str, Path, Path]:
    """Return the size, the folder of images and that of the labels."""
    folders = {path.name.lower(): path for path in reversed(subfolders(source))}
    for size in GSD:
        images, labels = (folders.get(name + size) for name in ("vehicules", "annotations"))
        if images and labels and any(labels.glob("*.txt")):
            return size, images, labels
    raise DatasetError(
        f"{source} has no folders Vehicules1024 and Annotations1024, or 512, with images and "
        "label files; give the folder that they are in"
    )


def _sheets(folder: Path, size: str) -> Mapping[str, Sheet]:
    """Return the labels by the number of the image, eight digits."""
    merged = folder / f"annotation{size}.txt"
    single = {path.stem: path for path in folder.glob("*.txt") if path.stem.isdigit()}
    sheets: dict[str, Sheet] = defaultdict(Sheet)
    for number in sorted(single):
        sheets[number].read_lines(single[number], partial(_mark, sheets[number], ONE_IMAGE))
    if not single:
        _read_merged(merged, sheets)
    return dict(sheets)


def _read_merged(path: Path, sheets: dict[str, Sheet]) -> None:
    """Share the lines of the file that has them all out to the images."""
    lines = Sheet()

    def share(fields: list[str], where: str) -> None:
        number = f"{whole_number(fields[0]):08d}"
        try:
            mark = _mark(sheets[number], ALL_IN_ONE, fields, where)
        except DatasetError as error:
            sheets[number].refuse(where, str(error))
        else:
            if mark is not None:
                sheets[number].add(where, mark)

    lines.read_lines(path, share)
    if lines.problems:
        raise DatasetError(f"{lines.problems[0]}, for it is not known which; repair the line")


def _mark(sheet: Sheet, columns: _Columns, fields: list[str], where: str) -> Mark | None:
    if len(fields) != columns.count:
        raise DatasetError(f"{len(fields)} columns in place of {columns.count}")
    kind = whole_number(fields[columns.kind])
    corners = np.array([numbers(fields[columns.x]), numbers(fields[columns.y])]).T
    if kind in BACKGROUND:
        return None
    if kind not in TYPES and kind not in DOUBTFUL:
        sheet.note(where, f"class {kind} is not known; it becomes an ignore box")
    return Mark(around(corners), TYPES.get(kind, ""), ignore=kind not in TYPES)


def _scene(number: str) -> str:
    return f"run{int(number) // RUN:03d}" if number.isdigit() else number
