"""Labelled images in the COCO layout.

Besides COCO's own keys an image may tell its ``gsd`` (metres per pixel),
``source`` and ``scene``, by which training samples and evaluation reports, and an
annotation its ``type`` of vehicle.
``iscrowd: 1`` marks an ignore box: something that is neither to be found nor
to be called background.

References
----------
.. [1] T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014;
   format at https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle.data.pictures import read_rgb
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Vehicle = tuple[list[float], str]
"""The box of one vehicle, x1, y1, x2, y2, and its type."""

COARSEST_GSD = 2.0
"""Metres, at which a car is one pixel wide and two long.  More is taken for another unit:
an image is resampled to the model's gsd, by a hundred times if it tells centimetres."""


@dataclass(frozen=True)
class LabelledImage:
    """One image and its vehicles.

    Attributes
    ----------
    path : Path
        The image file.
    image_id : int
        Its id in the data set.
    width, height : int
        Its size, pixels.
    gsd : float
        Ground sampling distance, metres.
    source, scene : str
        Where it comes from; empty where the data set does not tell.
    boxes : ndarray
        Shape (N, 4), float64, x1, y1, x2, y2 in image pixels, corner convention.
    ignore : ndarray
        Shape (M, 4), the ignore boxes, alike.
    types : tuple of str
        The type of each vehicle, such as "car"; "" for one that the data set does not
        tell, none at all where it tells no types.
    """

    path: Path
    image_id: int
    width: int
    height: int
    gsd: float
    source: str
    scene: str
    boxes: NDArray[np.float64]
    ignore: NDArray[np.float64]
    types: tuple[str, ...] = ()

    def read(self) -> NDArray[np.uint8]:
        """Return the pixels, (H, W, 3) uint8 RGB.

        Raises
        ------
        DatasetError
            If the file is missing, damaged or of another size than labelled.
        """
        pixels = read_rgb(self.path)
        if pixels.shape[:2] != (self.height, self.width):
            raise DatasetError(
                f"{self.path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, "
                f"its labels say {self.width} x {self.height}"
            )
        return pixels


def read_coco(path: Path, default_gsd: float | None = None) -> list[LabelledImage]:
    """Read a COCO file; images are looked for beside it, in ``images/`` or as given.

    Parameters
    ----------
    path : Path
        The JSON file.
    default_gsd : float, optional
        Ground sampling distance of images that do not tell theirs, metres.

    Returns
    -------
    list of LabelledImage
        In the order of the file.

    Raises
    ------
    DatasetError
        If the file, a record or an image is missing or damaged; the message
        names the first one.
    """
    content = load_content(path)
    vehicles: dict[int, list[Vehicle]] = defaultdict(list)
    ignore: dict[int, list[list[float]]] = defaultdict(list)
    known = {whole_number(path, image, "id", 0) for image in content["images"]}
    if len(known) < len(content["images"]):
        raise DatasetError(f"{path}: two images share an id; ids must be unique")
    for annotation in content["annotations"]:
        image_id = whole_number(path, annotation, "image_id", 0)
        if image_id not in known:
            raise DatasetError(
                f"{path}: annotation {annotation.get('id')} is on image {image_id}, "
                "which is not listed"
            )
        box = corner_box(path, annotation)
        if annotation.get("iscrowd"):
            ignore[image_id].append(box)
        else:
            vehicles[image_id].append((box, str(annotation.get("type") or "")))
    return [
        _image(path, image, vehicles[image["id"]], ignore[image["id"]], default_gsd)
        for image in content["images"]
    ]


def load_content(path: Path) -> dict[str, Any]:
    """Return what a COCO file holds: ``images`` and ``annotations`` are lists.

    Raises
    ------
    DatasetError
        If the file cannot be read, is no JSON or lacks one of the two.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} is not a COCO file: it holds no object")
    for key in ("images", "annotations"):
        if not isinstance(content.get(key), list):
            raise DatasetError(f"{path} is not a COCO file: it has no list '{key}'")
    return content


def _field(path: Path, record: dict[str, Any], key: str) -> Any:
    if not isinstance(record, dict) or key not in record:
        raise DatasetError(f"{path}: a record has no '{key}': {str(record)[:80]}")
    return record[key]


def whole_number(path: Path, record: dict[str, Any], key: str, least: int) -> int:
    """Return a whole number, `least` or more, of a record.

    Raises
    ------
    DatasetError
        If the record, which may be anything, has none.
    """
    value = _field(path, record, key)
    if type(value) is not int or not least <= value < 2**63:
        raise DatasetError(
            f"{path}: the '{key}' of a record is {str(value)[:40]!r}; "
            f"a whole number from {least} is needed"
        )
    return value


def number(value: Any) -> float:
    """Return a JSON number as float, nan for anything else or beyond float's range."""
    if type(value) not in (int, float) or not -1e300 < value < 1e300:
        return math.nan
    return float(value)


def corner_box(path: Path, annotation: dict[str, Any]) -> list[float]:
    """Return x1, y1, x2, y2 of the ``bbox`` of an annotation: x, y, width, height.

    Raises
    ------
    DatasetError
        If it is not four finite numbers with a positive size.
    """
    values = _field(path, annotation, "bbox")
    numbers = [number(value) for value in values] if isinstance(values, list) else []
    if not (len(numbers) == 4 and all(map(math.isfinite, numbers)) and min(numbers[2:]) > 0):
        raise DatasetError(
            f"{path}: annotation {annotation.get('id')} has the box {str(values)[:80]}; "
            "four finite numbers x, y, width, height with a positive size are needed"
        )
    x, y, width, height = numbers
    return [x, y, x + width, y + height]


def _image(
    path: Path,
    record: dict[str, Any],
    vehicles: list[Vehicle],
    ignore: list[list[float]],
    default_gsd: float | None,
) -> LabelledImage:
    told = record.get("gsd")
    gsd = number(default_gsd if told is None else told)
    if gsd > COARSEST_GSD:
        raise DatasetError(
            f"{path}: image {record['id']} has a gsd of {gsd:g}; is it in metres?"
            f" Vehicles cannot be told beyond {COARSEST_GSD:g}"
        )
    if not gsd > 0:
        raise DatasetError(
            f"{path}: image {record['id']} has no usable gsd ({str(told)[:40]}); "
            "add it in metres or use --gsd"
        )
    return LabelledImage(
        path=locate_image(path, str(_field(path, record, "file_name"))),
        image_id=record["id"],
        width=whole_number(path, record, "width", 1),
        height=whole_number(path, record, "height", 1),
        gsd=gsd,
        source=str(record.get("source", "")),
        scene=str(record.get("scene", "")),
        boxes=np.array([box for box, _ in vehicles], np.float64).reshape(-1, 4),
        ignore=np.array(ignore, np.float64).reshape(-1, 4),
        types=tuple(kind for _, kind in vehicles) if any(kind for _, kind in vehicles) else (),
    )


def locate_image(path: Path, name: str) -> Path:
    """Return the image file of `name`, which may not climb out of the data set's folder.

    Raises
    ------
    DatasetError
        If it does, or if there is no such file beside `path` or in ``images/``.
    """
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise DatasetError(f"{path}: file_name {name!r} leaves the folder of the data set")
    for folder in (path.parent / "images", path.parent):
        if os.path.isfile(folder / name):  # noqa: PTH113 - Path raises for names that cannot be
            return folder / name
    raise DatasetError(f"{path}: image {name} is neither beside it nor in images/")
