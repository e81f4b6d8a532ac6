"""Reader of ITCVD, the aerial images of Enschede that the paper was trained on.

::

    ITC_VD_Training_Testing_set/
    ├── Training/
    │   ├── Image/00219.jpg     5616 x 3744 pixels; the folder is also called Images
    │   └── GT/00219.mat        one variable x00219, a row for each vehicle
    └── Testing/                alike

Columns 1 to 4 of a row are x and y of the upper left and of the lower right
corner.  The paper calls columns 3 and 4 width and height: a file whose rows are no
corners is read that way, and a note says so.  Columns 5 and 6, an orientation, are
documented nowhere and not used.

Whether pixels are counted from 0 or, as in MATLAB, from 1 is not documented either.
Coordinates are taken as they stand; if they count from 1, boxes lie at most one
pixel, 10 cm, too far to the lower right.

Images follow each other along flights and overlap by about 60 %, so those that are
less than three apart may show the same ground.  The numbers have gaps, and a gap of
three or more starts a scene.

References
----------
.. [1] M. Y. Yang, W. Liao, X. Li, Y. Cao, B. Rosenhahn, "Vehicle Detection in
   Aerial Images", Photogrammetric Engineering & Remote Sensing 85(4), 2019.
"""

from __future__ import annotations

import io
import math
import warnings
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.data.pictures import image_size, images_by_stem, read_rgb
from geovehicle.data.records import OVERLAPPING, Labels, Note, Problem, Record
from geovehicle.data.texts import read_file
from geovehicle.errors import DatasetError
from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.data.records import Split
    from geovehicle.settings import ConvertSettings

PARTS: dict[str, Split] = {"Training": "train", "Testing": "test"}
IMAGE_FOLDERS = ("Image", "Images")

PUBLISHED = {"Training": (135, 23_543), "Testing": (38, 5_545)}
"""Images and vehicles of each part [1]_."""

OBLIQUE_SCALE = 1.4
"""An image looks oblique where vehicles grow by more than this factor across it: at
45 degrees even a lens that sees 15 degrees to each side gives 1.7, a nadir view 1."""

FEWEST_TO_TELL = 30
"""With fewer vehicles their different sizes and headings would look like a trend."""

COPIED = (".jpg", ".jpeg", ".png")

LARGEST = 2**20
"""Bytes of a file of labels: one with a thousand vehicles has 50 kB, and what is packed in a
megabyte may be a thousand times as large."""

MOST = 10**6
"""Numbers in it."""

LONGEST = 200
"""Characters of what scipy says that are told."""

NUMERIC = (
    "double",
    "single",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
"""What scipy calls matrices of numbers."""


def read_itcvd(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Read both parts of ITCVD.

    Parameters
    ----------
    source : Path
        The folder that holds ``Training`` and ``Testing``, or the one around it.
    settings : ConvertSettings
        ``gsd`` goes before the paper's 0.10 m, which holds for nadir images;
        ``nadir_only`` leaves out those that look oblique.

    Yields
    ------
    Record or Problem
        Images in the order of their numbers, the training part first.

    Raises
    ------
    DatasetError
        If neither part is there.
    """
    root = _root(source)
    for name, split in PARTS.items():
        if not (root / name).is_dir():
            yield Note(name, "this part of the data set is not there")
            continue
        items = _Part(root / name, split, settings.gsd or PAPER.gsd).read()
        yield from _nadir(items) if settings.nadir_only else items


def _root(source: Path) -> Path:
    inner = sorted(path for path in source.iterdir() if path.is_dir()) if source.is_dir() else []
    for folder in (source, *inner):
        if any((folder / part).is_dir() for part in PARTS):
            return folder
    raise DatasetError(
        f"{source} holds no folder Training or Testing; give the folder of ITCVD that does"
    )


@dataclass(frozen=True)
class _Part:
    folder: Path
    split: Split
    gsd: float

    def read(self) -> Iterator[Record | Problem]:
        """Yield the records of this part, and a note where sizes stand for corners."""
        images = self._images()
        tables = {path.stem: path for path in sorted((self.folder / "GT").glob("*.mat"))}
        scenes = _scenes(images)
        as_sizes = []
        for stem, path in images.items():
            if stem not in tables:
                yield Problem(self._where(path), "its labels GT/*.mat are missing")
                continue
            try:
                width, height = image_size(path)
                rows = _rows(tables[stem])
            except DatasetError as error:
                yield Problem(self._where(path), str(error))
                continue
            if not _are_corners(rows, width, height):
                rows = np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:]])
                as_sizes.append(stem)
            boxes, wrong = _clip(rows, width, height)
            yield from (Problem(self._where(tables[stem]), one) for one in wrong)
            yield self._record(path, (width, height), boxes, scenes.get(stem, ""))
        for stem in sorted(tables.keys() - images.keys()):
            yield Problem(self._where(tables[stem]), "its image is missing")
        if as_sizes:
            yield Note(
                self.folder.name,
                f"columns 3 and 4 of {len(as_sizes)} files are no lower right corners and were"
                f" read as width and height: {_some(as_sizes)}",
            )

    def _where(self, path: Path) -> str:
        return path.relative_to(self.folder.parent).as_posix()

    def _images(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for name in IMAGE_FOLDERS:
            found |= images_by_stem(self.folder / name)
        return dict(sorted(found.items()))

    def _record(
        self, path: Path, size: tuple[int, int], boxes: NDArray[np.float64], scene: str
    ) -> Record:
        labels = Labels.of_boxes(boxes, ("",) * len(boxes), np.zeros(len(boxes), bool))
        record = Record(path.stem, *size, self.gsd, labels, partial(read_rgb, path))
        return replace(
            record,
            path=path if path.suffix.lower() in COPIED else None,
            source="itcvd",
            scene=f"{self.folder.name.lower()} {scene}".strip(),
            split=self.split,
            position=int(path.stem) if path.stem.isdecimal() else None,
        )


def _scenes(stems: Iterable[str]) -> dict[str, str]:
    """Return the flight of each numbered image: the first number without a larger gap."""
    numbers = {stem: int(stem) for stem in stems if stem.isdecimal()}
    ordered = pairwise([-math.inf, *sorted(numbers.values())])
    starts = [number for before, number in ordered if number - before > OVERLAPPING]
    return {
        stem: f"{starts[bisect_right(starts, number) - 1]:05d}" for stem, number in numbers.items()
    }


def _rows(path: Path) -> NDArray[np.float64]:
    """Return columns 1 to 4 of a file of labels, shape (N, 4)."""
    name = f"x{path.stem}"
    values = _load(path, name)
    if values.size == 0:
        return np.zeros((0, 4))
    if values.ndim != 2 or values.shape[1] < 4 or values.dtype.kind not in "iuf":
        raise DatasetError(
            f"{path.name} holds {values.dtype} of shape {values.shape}; rows of at least four"
            " numbers are needed"
        )
    return values[:, :4].astype(np.float64)  # small or unsigned integers would overflow


def _load(path: Path, name: str) -> NDArray[Any]:
    """Return a variable of a MATLAB file; others, such as objects, are not even read."""
    from scipy.io import loadmat, whosmat

    try:
        file = io.BytesIO(read_file(path, LARGEST))
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # scipy only warns of lost variables
            held = {key: (shape, kind) for key, shape, kind in whosmat(file, appendmat=False)}
            shape, kind = held.get(name, ((), ""))
            wanted = kind in NUMERIC and math.prod(shape) <= MOST
            content = loadmat(file, appendmat=False, variable_names=[name]) if wanted else {}
    except Exception as error:  # a damaged file makes loadmat raise nearly anything
        reason = " ".join(str(error).split())[:LONGEST] or type(error).__name__
        raise DatasetError(f"{path.name} cannot be read as a MATLAB file: {reason}") from error
    if name not in held:
        raise DatasetError(f"{path.name} has no variable {name}; it holds {_some(list(held))}")
    if kind not in NUMERIC:
        raise DatasetError(f"{path.name} holds a {kind}; rows of numbers are needed")
    if not wanted:
        size = " x ".join(map(str, shape))
        raise DatasetError(f"{path.name} holds {size} numbers; {MOST} at most are read")
    return np.asarray(content[name])


def _are_corners(rows: NDArray[np.float64], width: int, height: int) -> bool:
    """Tell whether columns 3 and 4 are corners; a few wrong rows do not change a file's kind."""
    finite = rows[np.isfinite(rows).all(axis=1)]
    ordered = (finite[:, 2:] > finite[:, :2]).all(axis=1)
    if 2 * ordered.sum() >= len(finite):
        return True
    fits = (finite[:, 2:] > 0) & (finite[:, :2] + finite[:, 2:] <= (width, height))
    return not 2 * fits.all(axis=1).sum() >= len(finite)


def _clip(
    rows: NDArray[np.float64], width: int, height: int
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the corners inside the image, and what is wrong with the rows left out."""
    clipped = np.clip(rows, 0.0, (width, height, width, height))
    finite = np.asarray(np.isfinite(rows).all(axis=1))
    ordered = np.asarray((rows[:, 2:] > rows[:, :2]).all(axis=1))
    inside = np.asarray((clipped[:, 2:] > clipped[:, :2]).all(axis=1))
    wrong = []
    for index in np.flatnonzero(~(finite & ordered & inside)):
        reason = "is outside of the image" if ordered[index] else "has no area"
        reason = reason if finite[index] else "is not finite"
        numbers = ", ".join(f"{value:g}" for value in rows[index])
        wrong.append(f"row {index + 1} (corners {numbers}) {reason}")
    return clipped[finite & ordered & inside], wrong


def _nadir(items: Iterable[Record | Problem]) -> Iterator[Record | Problem]:
    for item in items:
        if isinstance(item, Record) and (reason := _oblique(item)):
            yield Note(item.name, reason)
        else:
            yield item


def _oblique(record: Record) -> str:
    """Tell why a record is no sure nadir image, by how its vehicles' sizes change across it.

    The data set does not say which images are oblique.  In an oblique view the
    near ground is larger than the far; the trend is fitted to the logarithm of
    the boxes' sizes by least squares.
    """
    boxes = record.labels.boxes
    if len(boxes) < FEWEST_TO_TELL:
        return f"left out by a rule of thumb: {len(boxes)} vehicles do not tell nadir from oblique"
    places = (boxes[:, :2] + boxes[:, 2:]) / 2 / (record.width, record.height)
    sizes = np.log(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)) / 2
    terms = np.column_stack([places, np.ones(len(boxes))])
    slope = np.linalg.lstsq(terms, sizes, rcond=None)[0][:2]
    factor = float(np.exp(np.linalg.norm(slope)))
    if factor <= OBLIQUE_SCALE:
        return ""
    return f"left out by a rule of thumb: vehicles grow {factor:.1f} times across it, as if oblique"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def compare_published(part: str, images: int, vehicles: int) -> str:
    """Return one line that compares a part, ``Training`` or ``Testing``, with the paper [1]_.

    Parameters
    ----------
    part : str
        One of :data:`PUBLISHED`.
    images, vehicles : int
        What was found in it.
    """
    published = PUBLISHED[part]
    found = f"{part}: {images:,} images with {vehicles:,} vehicles"
    if (images, vehicles) == published:
        return f"{found}, as published"
    differences = [
        f"{abs(count):,} {what}{'' if abs(count) == 1 else 's'} {'more' if count > 0 else 'fewer'}"
        for count, what in ((images - published[0], "image"), (vehicles - published[1], "vehicle"))
        if count
    ]
    return (
        f"{found}; published are {published[0]:,} with {published[1]:,}:"
        f" {' and '.join(differences)}"
    )
