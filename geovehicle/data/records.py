"""What a converter reads: labelled images on their way to COCO, and the records that are bad.

A reader is a generator of :class:`Record`, :class:`Problem` and :class:`Note`; it
raises only if there is nothing of its format at all.  A bad record is told of and
left out, the rest goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

Split = Literal["train", "val", "test"]

OVERLAPPING = 2
"""Images of a flight that are at most this far apart may show the same ground: with
60 % of overlap from one to the next, every second shares 20 %, every third nothing."""


@dataclass(frozen=True)
class Labels:
    """Vehicles of one image, in its pixels, corner convention.

    Attributes
    ----------
    footprints : ndarray
        Shape (N, 4, 2), float64, x and y of the corners in order around the
        vehicle: front-left, front-right, rear-right, rear-left where the data set
        tells the heading, any order around otherwise.
    oriented : ndarray
        Shape (N,), bool: whether the footprint lies as the vehicle does; otherwise
        it is the horizontal box around it.
    types : tuple of str
        One of :data:`geovehicle.settings.VEHICLE_TYPES`, or empty where it is not known.
    ignore : ndarray
        Shape (N,), bool: neither to be found nor to be called background.
    """

    footprints: NDArray[np.float64]
    oriented: NDArray[np.bool_]
    types: tuple[str, ...]
    ignore: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.footprints)

    @property
    def boxes(self) -> NDArray[np.float64]:
        """Horizontal boxes, shape (N, 4): x1, y1, x2, y2."""
        return np.concatenate([self.footprints.min(axis=1), self.footprints.max(axis=1)], axis=1)

    def take(self, keep: NDArray[np.bool_]) -> Labels:
        """Return the labels where `keep`, shape (N,), is true."""
        types = tuple(one for one, kept in zip(self.types, keep, strict=True) if kept)
        return Labels(self.footprints[keep], self.oriented[keep], types, self.ignore[keep])

    @classmethod
    def of_boxes(
        cls, boxes: NDArray[np.float64], types: tuple[str, ...], ignore: NDArray[np.bool_]
    ) -> Labels:
        """Return the labels of horizontal boxes, shape (N, 4): x1, y1, x2, y2."""
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)[:, [0, 1, 2, 1, 2, 3, 0, 3]]
        return cls(corners.reshape(-1, 4, 2), np.zeros(len(corners), bool), types, ignore)


@dataclass(frozen=True)
class Record:
    """One labelled image of a data set in any format.

    Attributes
    ----------
    name : str
        File name without folders and without suffix, unique in the data set.
    width, height : int
        Size of the image, pixels.
    gsd : float
        Ground sampling distance, metres; nan where the format does not tell it.
    labels : Labels
        Its vehicles.
    read : callable
        Returns the pixels, (H, W, 3) uint8 RGB; raises DatasetError.
    path : Path, optional
        A JPEG or PNG with exactly these pixels, which can be copied as it is.
    source, scene : str
        Where the image comes from.  Images that show the same ground share a scene,
        and a scene is never split between training and validation.
    split : str
        The part that the data set itself puts the image in; empty where it does not.
    position : int, optional
        Its number along a flight whose neighbouring images overlap.  A scene of such
        images may be split after all, with those left out that show both sides.
    """

    name: str
    width: int
    height: int
    gsd: float
    labels: Labels
    read: Callable[[], NDArray[np.uint8]] = field(repr=False)
    path: Path | None = None
    source: str = ""
    scene: str = ""
    split: Split | Literal[""] = ""
    position: int | None = None


@dataclass(frozen=True)
class Problem:
    """A record that was left out: where it stands and what is wrong with it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Note(Problem):
    """Something to know about a record, which is as good as the data set is."""
