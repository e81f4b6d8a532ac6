"""Pascal VOC: one XML file an image, horizontal boxes.

::

    JPEGImages/2007_000027.jpg ...
    Annotations/2007_000027.xml ...
    ImageSets/Main/train.txt  val.txt  test.txt     optional: names, one a line

Files and images may also lie beside one another in one folder, as labelling tools leave
them.  There may be several such folders, as ``train``, ``valid`` and ``test``: their
names then tell the parts, unless ``ImageSets`` does.  ``bndbox`` counts pixels from 1
and includes the last one [1]_, so a box is ``xmin - 1, ymin - 1, xmax, ymax`` here.
Many tools write the edges themselves, counted from 0; their boxes come out one pixel
too far to the upper left on those two sides, which cannot be told from the file.
``difficult`` makes an ignore box.  Classes are understood by their names, see
:mod:`geovehicle.data.classes`.  A name in ``trainval.txt`` alone belongs to no part.
Copies that Roboflow made of one image share a scene, others tell none.

References
----------
.. [1] M. Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2010;
   development kit, section "Annotation"
"""

from __future__ import annotations

import math
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from geovehicle.data.classes import Vocabulary
from geovehicle.data.marks import Mark, Sheet, numbers, scenes_of_copies, straight_box
from geovehicle.data.pictures import check_upright, image_size, images_by_stem, subfolders
from geovehicle.data.records import Problem, Record, Split
from geovehicle.data.texts import read_file
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from geovehicle.settings import ConvertSettings

PARTS: tuple[Split, ...] = ("train", "val", "test")
SPLITS: Mapping[str, Split] = {"train": "train", "val": "val", "valid": "val", "test": "test"}
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Read XML label files and their images.

    Parameters
    ----------
    source : Path
        The folder with ``Annotations`` and ``JPEGImages``, or with both kinds of
        files in it; or one around several of those.
    settings : ConvertSettings
        ``gsd`` is that of all images; nan without it.

    Yields
    ------
    Record or Problem
        Folder after folder, images in the order of their names; then a note for each
        class that is no vehicle.

    Raises
    ------
    DatasetError
        If there is no XML file.
    """
    folders = _folders(source)
    if not folders:
        raise DatasetError(
            f"{source} holds no XML file; give the folder with Annotations and JPEGImages"
        )
    vocabulary = Vocabulary(str(source), _names(path for one in folders.values() for path in one))
    gsd = math.nan if settings.gsd is None else settings.gsd
    seen: set[str] = set()
    for pictures, files in folders.items():
        for record in _read_folder(pictures, files, vocabulary):
            if isinstance(record, Problem):
                yield record
                continue
            folder = _home(pictures).name
            name = record.name if record.name not in seen else f"{folder}_{record.name}"
            seen.add(name)
            yield replace(record, name=name, gsd=gsd, source=source.name)
    yield from vocabulary.notes()


def _folders(source: Path) -> Mapping[Path, Sequence[Path]]:
    """Return the XML files about the images of each folder."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for folder in subfolders(source):
        files = sorted(folder.glob("*.xml"))
        beside = folder.parent / "JPEGImages"
        if files:
            folders[beside if beside.is_dir() else folder] += files
    return folders


def _home(pictures: Path) -> Path:
    """Return the folder that tells the part of its images."""
    return pictures.parent if pictures.name == "JPEGImages" else pictures


def _read_folder(
    pictures: Path, paths: Sequence[Path], vocabulary: Vocabulary
) -> Iterator[Record | Problem]:
    images = images_by_stem(pictures)
    scenes = scenes_of_copies(images)
    splits = _splits(pictures.parent / "ImageSets" / "Main")
    part = SPLITS.get(_home(pictures).name.lower(), "")
    files: dict[str, Path] = {}
    for path in paths:
        first = files.setdefault(path.stem, path)
        if first != path:
            yield Problem(str(path), f"{first} is about the same image; it is left out")
    for stem in sorted(files.keys() | images.keys()):
        if stem not in images:
            yield Problem(str(files[stem]), "its image is not there")
        elif stem not in files:
            yield Problem(str(images[stem]), "it has no XML file; the image is left out")
        else:
            sheet = _sheet(files[stem], images[stem], vocabulary)
            told = {"scene": scenes.get(stem, ""), "split": splits.get(stem, part)}
            yield from sheet.records(images[stem], gsd=math.nan, **told)


def _names(files: Iterable[Path]) -> set[str]:
    """Return all names of classes; damaged files are told of later."""
    names = set()
    for path in files:
        with suppress(DatasetError):
            names |= {_name(item) for item in _parse(path).iter("object")}
    return names


def _name(item: ElementTree.Element) -> str:
    return (item.findtext("name") or "").strip()


def _splits(folder: Path) -> Mapping[str, Split]:
    splits: dict[str, Split] = {}
    for part in PARTS:
        if (folder / f"{part}.txt").is_file():
            text = read_file(folder / f"{part}.txt").decode(errors="replace")
            splits |= {line.split()[0]: part for line in text.splitlines() if line.strip()}
    return splits


def _sheet(path: Path, picture: Path, vocabulary: Vocabulary) -> Sheet:
    sheet = Sheet()
    try:
        check_upright(picture)  # first, for its size may be told as it is shown
        size = image_size(picture)
    except DatasetError as error:
        sheet.refuse_picture(picture, error)
        return sheet
    try:
        root = _parse(path)
        _check_size(root, size)
    except DatasetError as error:
        sheet.refuse(str(path), str(error))
        return sheet
    for number, item in enumerate(root.iter("object"), 1):
        where = f"{path}, object {number}"
        try:
            mark = _mark(item, vocabulary)
        except DatasetError as error:
            sheet.refuse(where, str(error))
        else:
            if mark is not None:
                sheet.add(where, mark)
    return sheet


class _Builder(ElementTree.TreeBuilder):
    """Refuses a document type: only there can a few bytes define text of gigabytes."""

    def doctype(self, *_: object) -> None:
        raise DatasetError("it has a DOCTYPE, which labels do not need; remove it")


def _parse(path: Path) -> ElementTree.Element:
    try:
        parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314 - no document type
        return ElementTree.fromstring(read_file(path), parser)  # noqa: S314
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise DatasetError(f"it cannot be read as XML ({error})") from error


def _check_size(root: ElementTree.Element, size: tuple[int, int]) -> None:
    """Make sure that the labels are of this image; a size of 0 says nothing."""
    told = tuple(root.findtext(f"size/{side}", "0") for side in ("width", "height"))
    labelled = tuple(map(round, numbers(told)))
    if all(labelled) and labelled != size:
        raise DatasetError(
            f"the image is {size[0]} x {size[1]} pixels, its labels say {told[0]} x {told[1]}"
        )


def _mark(item: ElementTree.Element, vocabulary: Vocabulary) -> Mark | None:
    box = item.find("bndbox")
    if box is None:
        raise DatasetError("it has no bndbox")
    x1, y1, x2, y2 = numbers([box.findtext(corner, "nothing") for corner in CORNERS])
    if x2 < x1 or y2 < y1:
        raise DatasetError(f"its box ends before it begins ({x1:g} {y1:g} {x2:g} {y2:g})")
    found = vocabulary(_name(item))
    if found is None:
        return None
    difficult = (item.findtext("difficult") or "0").strip().lower() not in ("0", "false", "")
    footprint = straight_box(x1 - 1, y1 - 1, x2, y2)
    return Mark(footprint, found.type, found.ignore or difficult, oriented=False)
