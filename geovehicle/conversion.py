"""Labelled data sets of several formats to COCO: read, divide, cut, write."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from geovehicle.data.coco import COARSEST_GSD
from geovehicle.data.coco_writer import CocoWriter, foreign_files, sound, windows_of
from geovehicle.data.division import Part, divide
from geovehicle.data.pictures import SUFFIXES
from geovehicle.data.records import Note, Problem, Record
from geovehicle.errors import DatasetError, OutputError, SettingsError
from geovehicle.files import check_folder_writable, replacing_folder
from geovehicle.settings import PAPER, ConvertSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from geovehicle.settings import FormatName

READERS: dict[FormatName, tuple[str, str]] = {
    "itcvd": ("geovehicle.data.itcvd", "read_itcvd"),
    "dlr3k": ("geovehicle.data.dlr3k", "read_dlr3k"),
    "vedai": ("geovehicle.data.vedai", "read_vedai"),
    "dota": ("geovehicle.data.dota", "read_dota"),
    "yolo": ("geovehicle.data.yolo", "read_yolo"),
    "voc": ("geovehicle.data.voc", "read_voc"),
    "coco": ("geovehicle.data.coco_records", "read_coco_records"),
    "vectors": ("geovehicle.data.vectors", "read_vectors"),
}
"""Module and function of each format; imported late, for some bring heavy libraries."""

PATCHES: dict[FormatName, tuple[int, int]] = {"itcvd": (PAPER.patch_width, PAPER.patch_height)}
"""Formats that are cut unless one asks for whole images: width and height, pixels."""

NAMED_ALIKE = (*SUFFIXES, ".mat", ".xml")
"""Suffixes of the files that bear the name of their image in every format."""


class Progress(NamedTuple):
    """How many images of how many are done."""

    done: int
    total: int


Event = Progress | Problem


@dataclass(frozen=True)
class PartCount:
    """What came into one part.

    Attributes
    ----------
    images, vehicles, ignored : int
        Images of the data set, the vehicles in them and the ignore boxes, before
        they were cut into patches.
    files : int
        Image files written: patches, or whole images.
    """

    images: int = 0
    vehicles: int = 0
    ignored: int = 0
    files: int = 0

    def __add__(self, other: PartCount) -> PartCount:
        return PartCount(
            self.images + other.images,
            self.vehicles + other.vehicles,
            self.ignored + other.ignored,
            self.files + other.files,
        )


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion did.

    Attributes
    ----------
    parts : dict
        A count for each part that has images, among them ``between``: images that
        overlap with both training and validation and are in neither.
    problems : int
        Number of bad records.
    """

    parts: dict[Part, PartCount]
    problems: int

    def of(self, *names: Part) -> PartCount:
        """Return the count of some parts together."""
        return sum((self.parts.get(name, PartCount()) for name in names), PartCount())


def convert(
    data_format: FormatName,
    source: Path,
    destination: Path,
    settings: ConvertSettings | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> ConversionReport:
    """Turn a labelled data set into COCO.

    Parameters
    ----------
    data_format : str
        One of :data:`READERS`.
    source : Path
        The data set, as its reader wants it.
    destination : Path
        The folder to write: ``train.json``, ``val.json`` and ``test.json``, those that
        have images, and ``images/``.
    settings : ConvertSettings, optional
        How; the defaults if left out.
    on_event : callable
        Is told every bad record, every note, and the progress.

    Returns
    -------
    ConversionReport
        What came into each part.

    Raises
    ------
    DatasetError
        If there is nothing of this format, if nothing of it can be used, or if a
        record is bad and ``settings.strict``.
    SettingsError
        If the patches are not possible.
    OutputError
        If the destination exists, holds what no conversion wrote or what is to be
        read, or cannot be written.  An older result stays until its successor is complete.
    """
    settings = settings or ConvertSettings()
    patch = _patch_size(data_format, settings)
    _check_destination(source, destination, settings)
    listener = _Listener(on_event)
    try:
        records = list(_gather(data_format, source, settings, patch, listener))
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror or error}") from error
    _check_outside(destination, [record.path for record in records if record.path])
    with replacing_folder(destination) as folder:
        writer = CocoWriter(folder, patch, settings.overlap)
        parts = _write(writer, records, settings, listener)
        _check_result(source, parts, settings.strict, listener)
        writer.finish()
    return ConversionReport(parts, listener.problems)


@dataclass
class _Listener:
    """Hands events on and counts the bad records."""

    on_event: Callable[[Event], None]
    problems: int = 0
    first: str = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Problem) and not isinstance(event, Note):
            self.problems += 1
            self.first = self.first or str(event)
        self.on_event(event)


def _patch_size(data_format: FormatName, settings: ConvertSettings) -> tuple[int, int] | None:
    if settings.no_patches and settings.patch:
        raise SettingsError("a patch size and no patches were asked for; leave out one of them")
    if settings.no_patches:
        return None
    size = settings.patch or PATCHES.get(data_format)
    if size is not None and not (len(size) == 2 and min(size) > 0):
        raise SettingsError(
            f"the patch size is {','.join(map(str, size))}; width and height such as 752,674"
            " are needed"
        )
    return None if size is None else (size[0], size[1])


def _check_destination(source: Path, destination: Path, settings: ConvertSettings) -> None:
    check_folder_writable(destination, settings.overwrite)
    if not destination.is_dir():
        return
    lists = [settings.only] if settings.only else []
    _check_outside(destination, [source, *map(Path, [*settings.raster, *lists])])
    foreign = foreign_files(destination)
    if foreign:
        raise OutputError(
            f"{destination} holds {foreign[0]}, which no conversion wrote; name another folder"
        )


def _check_outside(destination: Path, inputs: Iterable[Path]) -> None:
    """Make sure that nothing of what is read goes when the destination is replaced."""
    folder = os.path.realpath(destination)
    for path in inputs:
        if Path(os.path.realpath(path)).is_relative_to(folder):
            raise OutputError(f"{path} lies in {destination}; name another folder")


def _gather(
    data_format: FormatName,
    source: Path,
    settings: ConvertSettings,
    patch: tuple[int, int] | None,
    listener: _Listener,
) -> Iterator[Record]:
    """Yield the records that can be used; tell of the others."""
    module, function = READERS[data_format]
    reader = getattr(import_module(module), function)
    wanted = _wanted(settings.only)
    met: set[str] = set()
    for item in reader(source, settings):
        if isinstance(item, Problem):
            if wanted is None or _concerns(item, wanted):
                listener(item)
            continue
        known = settings.gsd is None or not math.isnan(item.gsd)
        record = item if known else replace(item, gsd=settings.gsd)
        fault = _fault(record, met) or _uncut(record, patch, settings.overlap)
        met.add(record.name)
        if wanted is not None and record.name not in wanted:
            continue
        if fault:
            listener(Problem(record.name, fault))
            continue
        labels, wrong = sound(record.labels, record.width, record.height)
        for one in wrong:
            listener(Problem(record.name, f"{one}; it is left out"))
        yield replace(record, labels=labels)
    for name in sorted((wanted or set()) - met):
        listener(Problem(str(settings.only), f"there is no usable image {name} in the data set"))


def _wanted(path: str | None) -> set[str] | None:
    """Return the names in a text file, one a line."""
    if path is None:
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a list of names: {error}") from error
    return {line.strip() for line in lines} - {""}


def _concerns(problem: Problem, wanted: set[str]) -> bool:
    """Tell whether a problem may be that of an image that was asked for.

    Names of images begin or end with that of the file, as those of tiles do.
    """
    file = PurePath(problem.where.split(", ")[0])
    if isinstance(problem, Note) or file.suffix.lower() not in NAMED_ALIKE:
        return True
    begin, end = f"{file.stem}_", f"_{file.stem}"
    return any(name == file.stem or name.startswith(begin) or name.endswith(end) for name in wanted)


def _fault(record: Record, met: set[str]) -> str:
    """Tell why a record cannot be written, if so."""
    if record.name in met:
        return "another image has this name; it is left out"
    if not record.name or PurePosixPath(record.name).name != record.name or "\0" in record.name:
        return "this name cannot be that of a file; it is left out"
    if any("\ud800" <= one <= "\udfff" for one in record.name + record.source + record.scene):
        return "its name, source or scene is no Unicode text; it is left out"
    if math.isnan(record.gsd):
        return "its ground sampling distance is not known; add --gsd"
    if not 0 < record.gsd <= COARSEST_GSD:
        return f"its ground sampling distance is {record.gsd:g} m; is it in metres?"
    return ""


def _uncut(record: Record, patch: tuple[int, int] | None, overlap: float) -> str:
    """Tell why a record cannot be cut into patches, if so."""
    try:
        windows_of(record, record.split or "train", patch, overlap)
    except SettingsError as error:
        return f"at {record.gsd:g} m a pixel, {error}"
    return ""


def _write(
    writer: CocoWriter, records: list[Record], settings: ConvertSettings, listener: _Listener
) -> dict[Part, PartCount]:
    """Write the records and return what came into each part."""
    parts: dict[Part, PartCount] = {}
    divided = divide(records, settings.val_share, settings.seed)
    if records and settings.val_share > 0 and "val" not in divided:
        listener(Note("validation", "there are too few places to keep one of them apart"))
    for done, (record, part) in enumerate(zip(records, divided, strict=True), 1):
        try:
            pixels = _read(record)
        except DatasetError as error:
            listener(Problem(record.name, str(error)))
            continue
        ignored = int(record.labels.ignore.sum())
        files = 0 if part == "between" else writer.add(record, part, pixels)
        count = PartCount(1, len(record.labels) - ignored, ignored, files)
        parts[part] = parts.get(part, PartCount()) + count
        listener(Progress(done, len(records)))
    return parts


def _read(record: Record) -> NDArray[np.uint8]:
    """Return the pixels, decoded to the end also where the file is only copied."""
    pixels = record.read()
    if pixels.shape != (record.height, record.width, 3):
        raise DatasetError(
            f"it is {pixels.shape[1]} x {pixels.shape[0]} pixels, its labels say"
            f" {record.width} x {record.height}"
        )
    return pixels


def _check_result(
    source: Path, parts: dict[Part, PartCount], strict: bool, listener: _Listener
) -> None:
    if strict and listener.problems:
        raise DatasetError(
            f"{listener.problems} records of {source} are bad and nothing was written;"
            f" the first: {listener.first}"
        )
    if not parts:
        reason = f"; the first problem: {listener.first}" if listener.first else ""
        raise DatasetError(f"{source} has no image that can be used{reason}")
