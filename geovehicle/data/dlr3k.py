"""DLR 3K Munich vehicles: oriented boxes on photos of 5616 x 3744 pixels.

::

    MunichDatasetVehicleDetection-2015-old/
        Train/2012-04-26-Muenchen-Tunnel_4K0G0010.JPG
              2012-04-26-Muenchen-Tunnel_4K0G0010_pkw.samp
              2012-04-26-Muenchen-Tunnel_4K0G0010_bus.samp ...
        Test/...

A ``.samp`` file is text; lines that begin with ``#`` or ``@`` are comments, all
others are ``id type center.x center.y size.width size.height angle``.

How sure each fact is:

- Ground sampling distance about 13 cm, 20 photos: the paper [1]_.
- The columns: the files say so themselves in their line ``# format: ...``.
- Sizes are half the length and half the width: every published parser that was
  compared agrees, and the buses in their examples are 70 x 22 pixels then
  (9.1 x 2.9 m), half of that otherwise.
- Angles are degrees counter-clockwise as seen: most parsers, and two neighbouring
  buses of the published example stand side by side only so.  One parser turns
  the other way.
- The first direction is where the vehicle heads for: one drawing script of the
  institute, not confirmed.
- Codes: 10 car, 11 car with trailer, 12 motorcycle, 16 van, 17 van with trailer,
  20 "cam" (taken for campers), 22 truck, 23 truck with trailer, 30 bus: the same
  script, and the names of the files.
- Sizes of 0 occur: two parsers skip them.  They are told of.
- The published ``Test`` folder seems to come without labels; photos without any
  ``.samp`` file are told of and left out.
- Whether x, y are corners or centres of pixels is not told: they are taken as
  corners, 6 cm at most.
- Photos are ten exposures apart, which is taken to mean that they do not overlap.

References
----------
.. [1] K. Liu and G. Mattyus, "Fast Multiclass Vehicle Detection on Aerial Images",
   IEEE Geoscience and Remote Sensing Letters 12(9), 2015
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from geovehicle.data.marks import Mark, Sheet, numbers, turned_box, whole_number
from geovehicle.data.pictures import images_by_stem, subfolders
from geovehicle.data.records import Problem, Record, Split
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from geovehicle.settings import ConvertSettings

GSD = 0.13
SOURCE = "dlr3k"

TYPES: Mapping[int, str] = {
    10: "car",
    11: "",
    16: "van",
    17: "",
    20: "",
    22: "truck",
    23: "truck",
    30: "bus",
}
"""Type of vehicle by code; a car or van with its trailer is none of them."""

DOUBTFUL = {12}
"""Codes that become ignore boxes: motorcycles."""

SPLITS: Mapping[str, Split] = {"train": "train", "val": "val", "test": "test"}


def read_dlr3k(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Read the photos below a folder and their ``.samp`` files.

    Parameters
    ----------
    source : Path
        The data set, or its ``Train`` folder.
    settings : ConvertSettings
        ``gsd`` takes the place of 0.13 m.

    Yields
    ------
    Record or Problem
        Photos in the order of their names; footprints front-left first.

    Raises
    ------
    DatasetError
        If there is no ``.samp`` file.
    """
    if not any(source.rglob("*.samp")):
        raise DatasetError(
            f"{source} holds no .samp file; give the folder with Train/<photo>.JPG "
            "and Train/<photo>_pkw.samp"
        )
    for folder in subfolders(source):
        yield from _read_folder(folder, GSD if settings.gsd is None else settings.gsd)


def _read_folder(folder: Path, gsd: float) -> Iterator[Record | Problem]:
    photos = images_by_stem(folder)
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*.samp")):
        fitting = [stem for stem in photos if path.name.startswith(f"{stem}_")]
        files[max(fitting, key=len, default="")].append(path)
    orphans = files.pop("", [])
    for stem, photo in photos.items():
        if stem not in files:
            yield Problem(str(photo), "it has no .samp file; the photo is left out")
            continue
        sheet = Sheet()
        for path in files[stem]:
            sheet.read_lines(path, partial(_mark, sheet))
        split = SPLITS.get(folder.name.lower(), "")
        yield from sheet.records(photo, gsd=gsd, source=SOURCE, scene=stem, split=split)
    for path in orphans:
        yield Problem(str(path), "its photo is not there")


def _mark(sheet: Sheet, fields: list[str], where: str) -> Mark:
    if len(fields) != 7:
        raise DatasetError(
            f"{len(fields)} columns; id, type, centre x, y, size x, y and angle are needed"
        )
    code = whole_number(fields[1])
    x, y, half_length, half_width, angle = numbers(fields[2:])
    if code not in TYPES and code not in DOUBTFUL:
        sheet.note(where, f"type {code} is not known; it becomes an ignore box")
    footprint = turned_box((x, y), (half_length, half_width), angle)
    return Mark(footprint, TYPES.get(code, ""), ignore=code not in TYPES)
