"""What the readers of label files share: from lines of text to the labels of an image.

Three rules hold for all of them.  A line that cannot be understood makes its image
a problem, and the image is left out whole: a vehicle without a label would be
learnt as background.  A box without area is told of and left out, its image stays.
A label of a class that may or may not be a vehicle becomes an ignore box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.data.pictures import check_upright, image_size, read_rgb
from geovehicle.data.records import Labels, Note, Problem, Record
from geovehicle.data.texts import read_file
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

COPIED = (".jpg", ".jpeg", ".png")
"""Pictures that can be used as they are."""

LEAST_AREA = 1e-6
"""Square pixels; less is a line or a point."""


@dataclass(frozen=True)
class Mark:
    """One labelled object in image pixels, corner convention.

    Attributes
    ----------
    footprint : ndarray
        Shape (4, 2), corners as in :class:`~geovehicle.data.records.Labels`.
    type : str
        One of the types of vehicle, or empty.
    ignore : bool
        Whether it is an ignore box.
    oriented : bool
        Whether the footprint lies as the vehicle does.
    """

    footprint: NDArray[np.float64]
    type: str = ""
    ignore: bool = False
    oriented: bool = True


@dataclass
class Sheet:
    """The marks of one image and what was wrong with them.

    Attributes
    ----------
    marks : list of Mark
        Its objects.
    problems : list of Problem
        What was left out or doubtful.
    damaged : bool
        Whether something was not understood, so that the image cannot be used.
    """

    marks: list[Mark] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    damaged: bool = False

    def add(self, where: str, mark: Mark) -> None:
        """Add a mark, or a problem if it has no area."""
        if area(mark.footprint) < LEAST_AREA:
            self.tell(where, "the box has no area; it is left out")
        else:
            self.marks.append(mark)

    def tell(self, where: str, what: str) -> None:
        """Keep a problem that leaves the image usable."""
        self.problems.append(Problem(where, what))

    def note(self, where: str, what: str) -> None:
        """Keep something to know about the labels."""
        self.problems.append(Note(where, what))

    def refuse(self, where: str, what: str) -> None:
        """Keep a problem that makes the image unusable."""
        self.tell(where, f"{what}; the image is left out")
        self.damaged = True

    def refuse_picture(self, path: Path, error: DatasetError) -> None:
        """Keep what :mod:`geovehicle.data.pictures` says of a picture."""
        self.refuse(str(path), str(error).removeprefix(f"{path} "))

    def read_lines(self, path: Path, parse: Callable[[list[str], str], Mark | None]) -> None:
        """Add the marks of a text file, one a line, fields between white space.

        Blank lines and those that begin with ``#`` or ``@`` are skipped.

        Parameters
        ----------
        path : Path
            The file.
        parse : callable
            Turns the fields of a line, and where it stands, into a mark; None
            where it is no vehicle.  Raises DatasetError for what it cannot read.
        """
        try:
            lines = read_file(path).decode("utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            self.refuse(str(path), f"it cannot be read as text ({error})")
            return
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith(("#", "@")):
                self._add_line(f"{path}, line {number}", line.split(), parse)

    def _add_line(
        self, where: str, fields: list[str], parse: Callable[[list[str], str], Mark | None]
    ) -> None:
        try:
            mark = parse(fields, where)
        except DatasetError as error:
            self.refuse(where, str(error))
            return
        if mark is not None:
            self.add(where, mark)

    def records(self, path: Path, **told: Any) -> Iterator[Record | Problem]:
        """Yield the problems, then the record unless something is damaged.

        Parameters
        ----------
        path : Path
            The picture, of which only the header is read.
        **told
            Further attributes of the record; ``name`` is the file's by default.
        """
        size = (0, 0)
        if not self.damaged:
            try:
                check_upright(path)
                size = image_size(path)
            except DatasetError as error:
                self.refuse_picture(path, error)
        yield from self.problems
        if self.damaged:
            return
        yield Record(
            width=size[0],
            height=size[1],
            labels=to_labels(self.marks),
            read=partial(read_rgb, path),
            path=path if path.suffix.lower() in COPIED else None,
            **({"name": path.stem} | told),
        )


def scenes_of_copies(stems: Iterable[str]) -> Mapping[str, str]:
    """Return the scenes of images that Roboflow wrote, by their names without suffix.

    What stands before ``.rf.`` is the image that a copy was made from, and its scene.
    Where no image has several copies there are no scenes: the images then are what
    they were before, a sequence whose neighbours may show the same ground.
    """
    originals = {stem: stem.split(".rf.")[0] for stem in stems if ".rf." in stem}
    return originals if len(set(originals.values())) < len(originals) else {}


def to_labels(marks: Sequence[Mark]) -> Labels:
    """Return marks as the labels of an image, in their order."""
    return Labels(
        np.array([mark.footprint for mark in marks], np.float64).reshape(-1, 4, 2),
        np.array([mark.oriented for mark in marks], bool),
        tuple(mark.type for mark in marks),
        np.array([mark.ignore for mark in marks], bool),
    )


def numbers(fields: Sequence[str]) -> list[float]:
    """Return texts as finite numbers.

    Raises
    ------
    DatasetError
        If one is no number, not finite or absurdly large.
    """
    values = []
    for text in fields:
        try:
            value = float(text)
        except ValueError:
            raise DatasetError(f"{text[:40]!r} is no number") from None
        if not abs(value) < 1e9:  # nan as well
            raise DatasetError(f"{text[:40]!r} is no coordinate")
        values.append(value)
    return values


def whole_number(text: str) -> int:
    """Return a text as a whole number, ``1`` and ``1.0`` alike.

    Raises
    ------
    DatasetError
        If it is none.
    """
    (value,) = numbers([text])
    if value != int(value):
        raise DatasetError(f"{text[:40]!r} is no whole number")
    return int(value)


def turned_box(
    centre: tuple[float, float], half: tuple[float, float], angle: float
) -> NDArray[np.float64]:
    """Return the corners of a box turned about its centre, shape (4, 2).

    Parameters
    ----------
    centre : tuple of float
        x, y in pixels, y down.
    half : tuple of float
        Half its length and half its width, pixels.
    angle : float
        Degrees from the x axis to the direction that it heads for, counter-clockwise
        as seen.

    Returns
    -------
    ndarray
        Front-left, front-right, rear-right, rear-left.
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    ahead = half[0] * np.array([cosine, -sine])
    left = half[1] * np.array([-sine, -cosine])
    corners = [ahead + left, ahead - left, -ahead - left, left - ahead]
    return np.asarray(np.array(centre) + np.array(corners), np.float64)


def straight_box(x1: float, y1: float, x2: float, y2: float) -> NDArray[np.float64]:
    """Return the corners of a horizontal box, shape (4, 2)."""
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)


def around(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the corners of a convex quadrilateral, (4, 2), in order around its middle.

    Label files list them in any order; those already in order keep their first.
    """
    x, y = (corners - corners.mean(axis=0)).T
    order = np.argsort(np.arctan2(y, x), kind="stable")
    ordered: NDArray[np.float64] = corners[np.roll(order, -int(np.flatnonzero(order == 0)[0]))]
    return ordered


def area(footprint: NDArray[np.float64]) -> float:
    """Return the area of a footprint, (4, 2), square pixels."""
    x, y = footprint.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
