"""Records to COCO: images whole or in patches, and one file of labels for each part."""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from PIL import Image

from geovehicle.patches import PatchWindow, cut

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.data.records import Labels, Record

CATEGORY = {"id": 1, "name": "vehicle"}

IMAGES = "images"
"""The folder of the images, beside the labels."""

JPEG_QUALITY = 95

LONGEST_JPEG = 65_500
"""libjpeg writes no longer side."""

VISIBLE = 0.5
"""A vehicle of which less is left becomes an ignore box."""

FARTHEST = 1e7
"""Pixels; coordinates beyond are no coordinates."""

OUTSIDE = "is outside of the image"


def sound(labels: Labels, width: int, height: int) -> tuple[Labels, list[str]]:
    """Return the labels that are in an image, and what is wrong with the others.

    Parameters
    ----------
    labels : Labels
        Labels in image pixels.
    width, height : int
        Size of the image, pixels.

    Returns
    -------
    Labels
        Those that are finite, have an area and are in the image at least partly;
        not clipped.
    list of str
        A message for each of the others, which counts from 1.
    """
    finite = np.asarray((np.abs(labels.footprints) < FARTHEST).all(axis=(1, 2)))
    hulls = _hulls(np.where(finite[:, None, None], labels.footprints, 0.0))
    area = shapely.area(hulls)
    inside = shapely.area(shapely.intersection(hulls, shapely.box(0, 0, width, height))) > 0
    keep = finite & (area > 0) & inside
    reasons = np.select([~finite, area <= 0], ["is not finite", "has no area"], OUTSIDE)
    wrong = [f"vehicle {index + 1} {reasons[index]}" for index in np.flatnonzero(~keep)]
    return labels.take(keep), wrong


@dataclass(frozen=True)
class CocoWriter:
    """Writes records into a folder.

    Parameters
    ----------
    folder : Path
        An empty folder.
    patch : tuple of int, optional
        Width and height of the patches, pixels; whole images otherwise.
    overlap : float
        Least overlap of neighbouring patches, metres.
    """

    folder: Path
    patch: tuple[int, int] | None = None
    overlap: float = 0.0
    _images: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _annotations: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, record: Record, part: str, pixels: NDArray[np.uint8]) -> int:
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
        windows = self._windows(record)
        for window in windows:
            name = self._save(record, window, pixels)
            self._list(record, part, name, window)
        return len(windows)

    def finish(self) -> None:
        """Write the labels of every part that has images."""
        for part, images in self._images.items():
            content = {
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

    def _windows(self, record: Record) -> tuple[PatchWindow, ...]:
        size = self.patch or (record.width, record.height)
        overlap = math.ceil(round(self.overlap / record.gsd, 6)) if self.patch else 0
        return cut(record.width, record.height, size, overlap)

    def _save(self, record: Record, window: PatchWindow, pixels: NDArray[np.uint8]) -> str:
        """Write one image file and return its name."""
        whole = (window.width, window.height) == (record.width, record.height)
        suffix = record.path.suffix.lower() if record.path else ".jpg"
        if whole and record.path:
            name = f"{record.name}{suffix}"
            shutil.copyfile(record.path, self.folder / IMAGES / name)
            return name
        place = "" if whole else f"_{window.col:05d}_{window.row:05d}"
        lossless = suffix == ".png" or max(window.width, window.height) > LONGEST_JPEG
        name = f"{record.name}{place}{'.png' if lossless else '.jpg'}"
        columns = slice(window.col, window.col + window.width)
        view = pixels[window.row : window.row + window.height, columns]
        how: dict[str, Any] = {} if lossless else {"quality": JPEG_QUALITY, "subsampling": 0}
        Image.fromarray(np.ascontiguousarray(view)).save(self.folder / IMAGES / name, **how)
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
    hulls = _hulls(footprints)
    views = shapely.intersection(hulls, shapely.box(0, 0, window.width, window.height))
    share = shapely.area(views) / shapely.area(hulls)
    seen = (share >= VISIBLE) | _owned(hulls, window)
    bounds = shapely.bounds(views)
    visible = seen | ((bounds[:, 2:] - bounds[:, :2]).min(axis=1) >= 1)  # nan where empty
    found = []
    for index in np.flatnonzero((share > 0) & visible):
        left, top, right, bottom = bounds[index].tolist()
        one: dict[str, Any] = {
            "bbox": [left, top, right - left, bottom - top],
            "area": float(shapely.area(views[index])),
            "iscrowd": int(labels.ignore[index] or not seen[index]),
        }
        if labels.oriented[index]:
            whole = share[index] > 1 - 1e-9
            ring = footprints[index] if whole else shapely.get_coordinates(views[index])[:-1]
            one["segmentation"] = [ring.ravel().tolist()]
        if labels.types[index]:
            one["type"] = labels.types[index]
        found.append(one)
    return found


def _hulls(footprints: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return footprints as polygons, valid whatever the order of their corners."""
    return np.asarray(shapely.convex_hull(shapely.linestrings(footprints)))


def _owned(hulls: NDArray[np.object_], window: PatchWindow) -> NDArray[np.bool_]:
    """Tell which polygons, in pixels of the window, have their centre in its core."""
    first, last = np.array(window.core).reshape(2, 2) - (window.col, window.row)
    centres = shapely.get_coordinates(shapely.centroid(hulls))
    return np.asarray(((first <= centres) & (centres < last)).all(axis=1))
