"""Records to COCO: images whole or in patches, and one file of labels for each part."""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from PIL import Image

from geovehicle.data.coco import load_content
from geovehicle.errors import DatasetError
from geovehicle.patches import PatchWindow, cut

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.data.division import Part
    from geovehicle.data.records import Labels, Record

INFO = {"description": "written by geovehicle convert"}
"""The sign of a conversion, by which its files are known when they are replaced."""

CATEGORY = {"id": 1, "name": "vehicle"}

IMAGES = "images"
"""The folder of the images, beside the labels."""

PARTS = ("train", "val", "test")
"""What has a file of labels."""

JPEG_QUALITY = 95

LONGEST_JPEG = 65_500
"""libjpeg writes no longer side."""

VISIBLE = 0.5
"""A vehicle of which less is left becomes an ignore box."""

LEAST_SIDE = 1 - 1e-6
"""Pixels; what shows less of a vehicle is no label.  A side of 1 may be rounded."""

FARTHEST = 1e7
"""Pixels; coordinates and overlaps beyond are none."""

SLIVER = "shows less than a pixel of itself"


def sound(labels: Labels, width: int, height: int) -> tuple[Labels, list[str]]:
    """Return the labels that can be seen in an image, and what is wrong with the others.

    Parameters
    ----------
    labels : Labels
        Labels in image pixels.
    width, height : int
        Size of the image, pixels.

    Returns
    -------
    Labels
        Those that are finite, have an area and show a pixel of it in the image at
        least; not clipped.  They are to be ignored where less than half of them is in
        the image, and their centre is not.
    list of str
        A message for each of the others, which counts from 1; none for slivers of
        ignore boxes, in which there is nothing to ignore.
    """
    finite = np.asarray((np.abs(labels.footprints) < FARTHEST).all(axis=(1, 2)))
    footprints = np.where(finite[:, None, None], labels.footprints, 0.0)
    (whole,) = cut(width, height, (width, height), 0)
    views = _Views.of(footprints, whole)
    reasons = np.select(
        [~finite, shapely.area(_hulls(footprints)) <= 0, views.share <= 0, views.slivers],
        ["is not finite", "has no area", "is outside of the image", SLIVER],
        "",
    )
    told = (reasons != "") & ~(labels.ignore & (reasons == SLIVER))
    wrong = [f"vehicle {index + 1} {reasons[index]}" for index in np.flatnonzero(told)]
    return replace(labels, ignore=labels.ignore | ~views.seen).take(reasons == ""), wrong


def windows_of(
    record: Record, part: Part, patch: tuple[int, int] | None, overlap: float
) -> tuple[PatchWindow, ...]:
    """Return the windows that a record is written in: patches, to train on, or its whole.

    Parameters
    ----------
    record : Record
        Its ground sampling distance is known.
    part : str
        The part that it belongs to.
    patch : tuple of int, optional
        Width and height of the patches, pixels.
    overlap : float
        Least overlap of neighbouring patches, metres.

    Raises
    ------
    SettingsError
        If the overlap is as large as a patch.
    """
    if patch is None or part != "train":
        return cut(record.width, record.height, (record.width, record.height), 0)
    pixels = math.ceil(round(min(overlap / record.gsd, FARTHEST), 6))
    return cut(record.width, record.height, patch, pixels)


def foreign_files(folder: Path) -> list[str]:
    """Return what no :class:`CocoWriter` wrote, of all that a folder holds, sorted."""
    images = folder / IMAGES
    own = {images} if images.is_dir() else set()
    for part in PARTS:
        own |= _written_with(folder / f"{part}.json")
    held = {*folder.iterdir(), *images.glob("*")}
    return sorted(path.relative_to(folder).as_posix() for path in held - own)


def _written_with(path: Path) -> set[Path]:
    """Return a file of labels and its images, nothing if it lacks the sign."""
    try:
        content = load_content(path) if path.is_file() else {}
    except DatasetError:
        return set()
    if content.get("info") != INFO:
        return set()
    names = [one.get("file_name") for one in content["images"] if isinstance(one, dict)]
    return {path, *(path.parent / IMAGES / str(name) for name in names)}


@dataclass(frozen=True)
class CocoWriter:
    """Writes records into a folder.

    Parameters
    ----------
    folder : Path
        An empty folder.
    patch : tuple of int, optional
        Width and height of the patches that training images are cut into, pixels;
        whole images otherwise.
    overlap : float
        Least overlap of neighbouring patches, metres.
    """

    folder: Path
    patch: tuple[int, int] | None = None
    overlap: float = 0.0
    _images: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _annotations: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _names: set[str] = field(default_factory=set)

    def add(self, record: Record, part: Part, pixels: NDArray[np.uint8]) -> int:
        """Write an image, whole or in patches, and keep its labels for :meth:`finish`.

        Parameters
        ----------
        record : Record
            Its labels are :func:`sound`.
        part : str
            The part that it belongs to.
        pixels : ndarray
            What the record reads.

        Returns
        -------
        int
            Number of image files.
        """
        (self.folder / IMAGES).mkdir(exist_ok=True)
        windows = windows_of(record, part, self.patch, self.overlap)
        for window in windows:
            name = self._save(record, window, pixels)
            self._list(record, part, name, window)
        return len(windows)

    def finish(self) -> None:
        """Write the labels of every part that has images."""
        for part, images in self._images.items():
            content = {
                "info": INFO,
                "images": images,
                "annotations": self._annotations[part],
                "categories": [CATEGORY],
            }
            text = json.dumps(content, ensure_ascii=False, allow_nan=False)
            (self.folder / f"{part}.json").write_text(text, encoding="utf-8")

    def _list(self, record: Record, part: str, name: str, window: PatchWindow) -> None:
        images, labels = self._images[part], self._annotations[part]
        image = {"id": len(images) + 1, "file_name": name}
        size = {"width": window.width, "height": window.height}
        told = {"gsd": record.gsd, "source": record.source, "scene": record.scene}
        images.append(image | size | told)
        for annotation in labels_in(record.labels, window):
            ids = {"id": len(labels) + 1, "image_id": image["id"], "category_id": CATEGORY["id"]}
            labels.append(ids | annotation)

    def _save(self, record: Record, window: PatchWindow, pixels: NDArray[np.uint8]) -> str:
        """Write one image file and return its name."""
        whole = (window.width, window.height) == (record.width, record.height)
        suffix = record.path.suffix.lower() if record.path else ".jpg"
        if whole and record.path:
            name = self._free(record.name, suffix)
            shutil.copyfile(record.path, self.folder / IMAGES / name)
            return name
        place = "" if whole else f"_{window.col:05d}_{window.row:05d}"
        lossless = suffix == ".png" or max(window.width, window.height) > LONGEST_JPEG
        name = self._free(f"{record.name}{place}", ".png" if lossless else ".jpg")
        columns = slice(window.col, window.col + window.width)
        view = pixels[window.row : window.row + window.height, columns]
        how: dict[str, Any] = {} if lossless else {"quality": JPEG_QUALITY, "subsampling": 0}
        Image.fromarray(np.ascontiguousarray(view)).save(self.folder / IMAGES / name, **how)
        return name

    def _free(self, stem: str, suffix: str) -> str:
        """Return a name that no image has, not even in another case, and keep it."""
        name = f"{stem}{suffix}"
        numbers = count(2)
        while name.casefold() in self._names:
            name = f"{stem}-{next(numbers)}{suffix}"
        self._names.add(name.casefold())
        return name


def labels_in(labels: Labels, window: PatchWindow) -> list[dict[str, Any]]:
    """Return the labels that are in a window, in COCO's words, without ids.

    Footprints are clipped.  A vehicle stays one where at least half of it is left,
    or where the window's core owns its centre: so every vehicle is one somewhere.
    What is left of the others is to be ignored.

    Parameters
    ----------
    labels : Labels
        :func:`sound` labels in image pixels.
    window : PatchWindow
        A window of the image.

    Returns
    -------
    list of dict
        ``bbox``, ``area``, ``iscrowd``, and where they are known ``segmentation``
        and ``type``, in pixels of the window.
    """
    footprints = labels.footprints - (window.col, window.row)
    views = _Views.of(footprints, window)
    found = []
    for index in np.flatnonzero((views.share > 0) & (views.seen | ~views.slivers)):
        left, top, right, bottom = shapely.bounds(views.shapes[index]).tolist()
        one: dict[str, Any] = {
            "bbox": [left, top, right - left, bottom - top],
            "area": float(shapely.area(views.shapes[index])),
            "iscrowd": int(labels.ignore[index] or not views.seen[index]),
        }
        if labels.oriented[index]:
            whole = views.share[index] > 1 - 1e-9
            ring = shapely.get_coordinates(views.shapes[index])[:-1]
            ring = footprints[index] if whole else ring
            one["segmentation"] = [ring.ravel().tolist()]
        if labels.types[index]:
            one["type"] = labels.types[index]
        found.append(one)
    return found


class _Views(NamedTuple):
    """What a window shows of vehicles, in its pixels.

    ``shapes`` are polygons, ``share`` is how much of the vehicle each is; ``seen``
    tells whether it is a vehicle still, ``slivers`` whether it is less than a pixel.
    """

    shapes: NDArray[np.object_]
    share: NDArray[np.float64]
    seen: NDArray[np.bool_]
    slivers: NDArray[np.bool_]

    @classmethod
    def of(cls, footprints: NDArray[np.float64], window: PatchWindow) -> _Views:
        """Return the views of footprints in pixels of the window."""
        hulls = _hulls(footprints)
        shapes = shapely.intersection(hulls, shapely.box(0, 0, window.width, window.height))
        areas = shapely.area(hulls)
        share = np.divide(shapely.area(shapes), areas, out=np.zeros(len(areas)), where=areas > 0)
        bounds = shapely.bounds(shapes)
        sides = (bounds[:, 2:] - bounds[:, :2]).min(axis=1)
        seen = (share >= VISIBLE) | _owned(hulls, window)
        return cls(shapes, share, seen, ~(sides >= LEAST_SIDE))  # nan where empty


def _hulls(footprints: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return footprints as polygons, valid whatever the order of their corners."""
    return np.asarray(shapely.convex_hull(shapely.linestrings(footprints)))


def _owned(hulls: NDArray[np.object_], window: PatchWindow) -> NDArray[np.bool_]:
    """Tell which polygons, in pixels of the window, have their centre in its core."""
    first, last = np.array(window.core).reshape(2, 2) - (window.col, window.row)
    centres = shapely.get_coordinates(shapely.centroid(hulls))
    return np.asarray(((first <= centres) & (centres < last)).all(axis=1))
