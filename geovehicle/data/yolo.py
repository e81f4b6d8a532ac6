"""Ultralytics YOLO: one text file an image, horizontal or oriented boxes.

::

    data.yaml                  path, train, val, test, names
    images/train/a.jpg ...     as the file says
    labels/train/a.txt ...     "images" replaced by "labels" in the path of the image

``names`` is a list or a dictionary; ``train``, ``val`` and ``test`` are folders, text
files with a path a line, or lists of those; relative to ``path``, which is relative
to the file or left out.  Lines are ``class x y width height`` or ``class x1 y1 x2 y2
x3 y3 x4 y4``, as shares of the image's width and height [1]_.  Classes are understood
by their names, see :mod:`geovehicle.data.classes`.

An image without label file has no vehicles: that is Ultralytics' convention.  A part
of which no image at all has one is left out, for more likely the labels are missing.
Numbers may leave 0 to 1 by :data:`TOLERANCE`, as rounding makes them.

Where parts overlap, an image is in the first of train, val and test.  The copies that
Roboflow makes of one image share what stands before ``.rf.`` in their names: their
scene.  Other images tell none.

References
----------
.. [1] https://docs.ultralytics.com/datasets/detect/ and
   https://docs.ultralytics.com/datasets/obb/
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from geovehicle.data.classes import Vocabulary
from geovehicle.data.marks import (
    Mark,
    Sheet,
    around,
    numbers,
    scenes_of_copies,
    straight_box,
    whole_number,
)
from geovehicle.data.pictures import SUFFIXES, image_size, subfolders
from geovehicle.data.records import Problem, Record, Split
from geovehicle.data.texts import read_file, shown
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from geovehicle.settings import ConvertSettings

PARTS: tuple[Split, ...] = ("train", "val", "test")

TOLERANCE = 0.01
"""Ultralytics' own, see ``verify_image_label``."""


LARGEST = 2**18
"""Bytes of a data.yaml: one with the names of 1,000 classes has a tenth, and YAML is slow."""


DEEPEST = 20
"""Lists within lists of a data.yaml: its own are three."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Takes no aliases, by which a few bytes stand for gigabytes, and no towers of lists."""

    def fetch_more_tokens(self) -> None:
        if self.flow_level + len(self.indents) > DEEPEST:
            raise yaml.YAMLError("it has lists within lists within lists")
        super().fetch_more_tokens()

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias, which data.yaml does not need; write it out")
        return super().compose_node(parent, index)


@dataclass(frozen=True)
class _Config:
    """What data.yaml tells."""

    path: Path
    root: Path
    names: Mapping[int, str]
    parts: Mapping[Split, Sequence[str]]


def read_yolo(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Read the images that a ``data.yaml`` lists and their labels.

    Parameters
    ----------
    source : Path
        The file, or the folder with it.
    settings : ConvertSettings
        ``gsd`` is that of all images; nan without it.

    Yields
    ------
    Record or Problem
        Image after image, then a note for each class that is no vehicle.

    Raises
    ------
    DatasetError
        If there is no such file, it is damaged, or none of its images is there.
    """
    config = _read_config(source)
    vocabulary = Vocabulary(str(config.path), config.names.values())
    seen: set[str] = set()
    placed: dict[Path, Split] = {}
    gsd = math.nan if settings.gsd is None else settings.gsd
    for split, places in config.parts.items():
        problems: list[Problem] = []
        images = [path for place in places for path in _images(config.root, place, problems)]
        yield from problems
        if images and not any(_label_file(path).is_file() for path in images):
            what = f"none of its {len(images)} images has a label file such as"
            yield Problem(f"{config.path}, {split}", f"{what} {_label_file(images[0])}")
            continue
        scenes = scenes_of_copies(path.stem for path in images)
        for path in images:
            file = path.resolve()
            if file in placed:
                yield Problem(str(path), f"it is in {placed[file]} already; it is left out")
                continue
            placed[file] = split
            name = path.stem if path.stem not in seen else f"{split}_{path.stem}"
            if name in seen:
                yield Problem(str(path), "another image has this name; it is left out")
                continue
            seen.add(name)
            sheet = _sheet(path, config, vocabulary)
            told = {"name": name, "source": config.root.name, "scene": scenes.get(path.stem, "")}
            yield from sheet.records(path, gsd=gsd, split=split, **told)
    if not seen:
        raise DatasetError(f"{config.path} leads to no image with labels; check 'path' and 'train'")
    yield from vocabulary.notes()


def _read_config(source: Path) -> _Config:
    path = source if source.is_file() else next(_yaml_files(source), None)
    if path is None:
        raise DatasetError(
            f"{source} holds no data.yaml; give the folder with data.yaml, images and labels, "
            "or the file"
        )
    try:
        text = read_file(path, LARGEST).decode("utf-8-sig")
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe one
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise DatasetError(
            f"{path} cannot be read as YAML ({' '.join(str(error).split())})"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("names"), list | dict):
        raise DatasetError(f"{path} has no 'names'; the names of the classes are needed")
    parts = {part: _places(path, content, part) for part in PARTS}
    parts["val"] = parts["val"] or _places(path, content, "valid")
    root = path.parent / "".join(_places(path, content, "path"))
    return _Config(
        path,
        root.resolve() if root.is_dir() else path.parent.resolve(),
        _names(path, content["names"]),
        {part: places for part, places in parts.items() if places},
    )


def _names(path: Path, names: list[Any] | dict[Any, Any]) -> Mapping[int, str]:
    found = {}
    for key, name in names.items() if isinstance(names, dict) else enumerate(names):
        if not isinstance(name, str | int | float):
            raise DatasetError(f"{path}: a name of a class is a {type(name).__name__}, no text")
        try:
            found[whole_number(shown(key))] = shown(name)
        except DatasetError as error:
            raise DatasetError(f"{path}: in 'names', {error}") from error
    return found


def _places(path: Path, content: dict[str, Any], key: str) -> list[str]:
    """Return the paths that a key lists, none where it is absent or empty."""
    value = content.get(key) or []
    places = value if isinstance(value, list) else [value]
    if not all(isinstance(place, str) for place in places):
        raise DatasetError(f"{path}: '{key}' is no path and no list of paths")
    return places


def _yaml_files(source: Path) -> Iterator[Path]:
    for folder in subfolders(source):
        yield from sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")), key=_usual)


def _usual(path: Path) -> tuple[bool, str]:
    return path.stem != "data", path.name


def _images(root: Path, place: str, problems: list[Problem]) -> list[Path]:
    """Return the images of a folder, a list of paths in a file, or one image."""
    # Roboflow writes ../train/images for a folder beside the file
    candidates = (root / place, root / place.removeprefix("../"))
    path = next((path for path in candidates if path.exists()), None)
    if path is None:
        problems.append(Problem(str(root / place), "it is not there; its images are left out"))
        return []
    if path.is_dir():
        below = (one for folder in subfolders(path) for one in sorted(folder.iterdir()))
        return [one for one in below if one.suffix.lower() in SUFFIXES and one.is_file()]
    if path.suffix.lower() in SUFFIXES:
        return [path]
    lines = read_file(path).decode(errors="replace").split("\n")
    listed = [path.parent / line.strip() for line in lines if line.strip()]
    problems += [Problem(f"{path}: {one}", "no such image") for one in listed if not one.is_file()]
    return [one for one in listed if one.is_file()]


def _label_file(image: Path) -> Path:
    parts = list(image.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _sheet(path: Path, config: _Config, vocabulary: Vocabulary) -> Sheet:
    sheet = Sheet()
    try:
        size = image_size(path)
    except DatasetError as error:
        sheet.refuse_picture(path, error)
        return sheet
    labels = _label_file(path)
    if labels.is_file():
        sheet.read_lines(labels, partial(_mark, size, config, vocabulary))
    return sheet


def _mark(
    size: tuple[int, int], config: _Config, vocabulary: Vocabulary, fields: list[str], _: str
) -> Mark | None:
    if len(fields) not in (5, 9):
        raise DatasetError(f"{len(fields)} columns; 5 or, for oriented boxes, 9 are needed")
    index = whole_number(fields[0])
    if index not in config.names:
        raise DatasetError(f"class {index} is not in {config.path.name}")
    values = np.array(numbers(fields[1:]))
    if values.min() < -TOLERANCE or values.max() > 1 + TOLERANCE:
        raise DatasetError("a number is outside of 0 to 1; they are shares of the image's size")
    found = vocabulary(config.names[index])
    if found is None:
        return None
    oriented = len(values) == 8
    footprint = (around if oriented else _straight)(values.reshape(-1, 2) * size)
    return Mark(footprint, found.type, found.ignore, oriented)


def _straight(values: Any) -> Any:
    (x, y), (width, height) = values
    return straight_box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
