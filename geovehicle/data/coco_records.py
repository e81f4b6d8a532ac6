"""Reader of COCO in any dialect, to be validated and normalised.

``read_coco`` takes files as this project writes them and stops at the first bad
record.  This reader is for everyone else's: what is bad is told of and left out.

- Categories are told by their names: car, van, bus and truck become types of
  vehicle, their many synonyms as well; machines, trailers and motorcycles become
  ignore boxes; others are no vehicles.  Where no category is known as a vehicle,
  all of them count as one.
- A ``segmentation`` that is one polygon of four corners becomes the footprint,
  other outlines and run lengths are left out in favour of ``bbox``.
- A folder with ``train.json``, ``val.json`` and ``test.json`` keeps its parts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.data.classes import Vocabulary
from geovehicle.data.coco import (
    corner_box,
    four_corners,
    load_content,
    locate_image,
    number,
    text,
    whole_number,
)
from geovehicle.data.marks import COPIED, Mark, straight_box, to_labels
from geovehicle.data.pictures import check_upright, image_size, read_rgb
from geovehicle.data.records import Problem, Record, Split
from geovehicle.data.texts import shown
from geovehicle.errors import DatasetError
from geovehicle.settings import VEHICLE_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from geovehicle.settings import ConvertSettings

PARTS: tuple[Split, ...] = ("train", "val", "test")

NAMELESS = "unnamed"
"""The category of files that list none."""


def read_coco_records(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Read a COCO file, or a folder of one for each part.

    Parameters
    ----------
    source : Path
        A JSON file with its images beside it or in ``images/``, or the folder of
        ``train.json``, ``val.json`` and ``test.json``.
    settings : ConvertSettings
        Not used; the ground sampling distance is filled in by the conversion.

    Yields
    ------
    Record or Problem
        Images in the order of the file.

    Raises
    ------
    DatasetError
        If there is no such file, or if it is no COCO file at all.
    """
    files: dict[Path, Split | None] = {source: None}
    if source.is_dir():
        files = {source / f"{part}.json": part for part in PARTS}
        files = {path: part for path, part in files.items() if path.is_file()}
    if not files:
        raise DatasetError(f"{source} holds no train.json, val.json or test.json; name the file")
    for path, part in files.items():
        yield from _File(path, load_content(path), part).read()


@dataclass(frozen=True)
class _File:
    path: Path
    content: dict[str, Any]
    part: Split | None

    def read(self) -> Iterator[Record | Problem]:
        """Yield the records of the file."""
        names = self._names()
        vocabulary = Vocabulary(self.path.name, names.values() or [NAMELESS])
        marks: dict[int, list[Mark]] = defaultdict(list)
        known, problems = self._ids()
        yield from problems
        for place, annotation in enumerate(self.content["annotations"], 1):
            where = f"{self.path.name}, annotation {_id_of(annotation, place)}"
            try:
                image_id = whole_number(self.path, annotation, "image_id", 0)
                if image_id not in known:
                    raise DatasetError(f"it is on image {image_id}, which is not listed")
                mark = self._mark(annotation, names, vocabulary)
            except DatasetError as error:
                yield Problem(where, self._plain(error))
                continue
            if mark is not None:
                marks[image_id].append(mark)
        for image_id, image in known.items():
            try:
                yield self._record(image, marks[image_id])
            except DatasetError as error:
                lost = f" (with {len(marks[image_id])} labels)" if marks[image_id] else ""
                yield Problem(f"{self.path.name}, image {image_id}", self._plain(error) + lost)
        yield from vocabulary.notes()

    def _plain(self, error: DatasetError) -> str:
        return str(error).removeprefix(f"{self.path}: ")

    def _ids(self) -> tuple[dict[int, Any], list[Problem]]:
        """Return the images by id, and those whose id cannot be used."""
        known: dict[int, Any] = {}
        problems = []
        for place, image in enumerate(self.content["images"], 1):
            try:
                image_id = whole_number(self.path, image, "id", 0)
                if image_id in known:
                    raise DatasetError(f"its id {image_id} is that of an earlier image")
                known[image_id] = image
            except DatasetError as error:
                problems.append(Problem(f"{self.path.name}, image {place}", self._plain(error)))
        return known, problems

    def _names(self) -> dict[Any, str]:
        """Return the names of the categories by their id."""
        listed = self.content.get("categories")
        return {
            one["id"]: text(one.get("name"))
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict) and isinstance(one.get("id"), int | str)
        }

    def _mark(
        self, annotation: dict[str, Any], names: dict[Any, str], vocabulary: Vocabulary
    ) -> Mark | None:
        box = np.array(corner_box(self.path, annotation))
        key = annotation.get("category_id")
        if names and (not isinstance(key, int | str) or key not in names):
            raise DatasetError(f"its category {shown(key)} is not listed")
        known = vocabulary(names[key] if names else NAMELESS)
        if known is None:
            return None
        told = annotation.get("type")
        corners = four_corners(annotation.get("segmentation"), box)
        return Mark(
            straight_box(*box) if corners is None else corners,
            told if told in VEHICLE_TYPES else known.type,
            bool(annotation.get("iscrowd")) or known.ignore,
            oriented=corners is not None,
        )

    def _record(self, image: dict[str, Any], marks: list[Mark]) -> Record:
        file_name = image.get("file_name")
        if not isinstance(file_name, str) or not file_name:
            raise DatasetError("it has no 'file_name'")
        path = locate_image(self.path, file_name)
        check_upright(path)
        gsd = number(image.get("gsd"))
        if image.get("gsd") is not None and not gsd > 0:
            raise DatasetError(f"its gsd {shown(image['gsd'])} is no number of metres above 0")
        name = PurePosixPath(file_name.replace("\\", "/"))
        told = tuple(whole_number(self.path, image, side, 1) for side in ("width", "height"))
        size = image_size(path)
        if size != told:  # here, as patches would be made of it
            raise DatasetError(
                "the image is {} x {} pixels, its labels say {} x {}".format(*size, *told)
            )
        return Record(
            name="_".join(name.with_suffix("").parts),
            width=size[0],
            height=size[1],
            gsd=gsd,
            labels=to_labels(marks),
            read=partial(read_rgb, path),
            path=path if path.suffix.lower() in COPIED else None,
            source=text(image.get("source")),
            scene=text(image.get("scene")),
            split=self.part or "",
        )


def _id_of(record: Any, place: int) -> str:
    told = record.get("id") if isinstance(record, dict) else None
    return f"number {place}" if told is None else shown(told)
