"""Labelled images in the COCO layout.

Besides COCO's own keys an image may tell its ``gsd`` (metres per pixel),
``source`` and ``scene``, by which training samples and evaluation reports.
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
from PIL import Image

from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray


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

    def read(self) -> NDArray[np.uint8]:
        """Return the pixels, (H, W, 3) uint8 RGB.

        Raises
        ------
        DatasetError
            If the file is missing, damaged or of another size than labelled.
        """
        try:
            with Image.open(self.path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DatasetError(f"{self.path} cannot be read as an image: {error}") from error
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
    content = _load(path)
    boxes: dict[int, list[list[float]]] = defaultdict(list)
    ignore: dict[int, list[list[float]]] = defaultdict(list)
    known = {_integer(path, image, "id", 0) for image in content["images"]}
    if len(known) < len(content["images"]):
        raise DatasetError(f"{path}: two images share an id; ids must be unique")
    for annotation in content["annotations"]:
        image_id = _integer(path, annotation, "image_id", 0)
        if image_id not in known:
            raise DatasetError(
                f"{path}: annotation {annotation.get('id')} is on image {image_id}, "
                "which is not listed"
            )
        kind = ignore if annotation.get("iscrowd") else boxes
        kind[image_id].append(_box(path, annotation))
    return [
        _image(path, image, boxes[image["id"]], ignore[image["id"]], default_gsd)
        for image in content["images"]
    ]


def _load(path: Path) -> dict[str, Any]:
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


def _integer(path: Path, record: dict[str, Any], key: str, least: int) -> int:
    value = _field(path, record, key)
    if type(value) is not int or not least <= value < 2**63:
        raise DatasetError(
            f"{path}: the '{key}' of a record is {str(value)[:40]!r}; "
            f"a whole number from {least} is needed"
        )
    return value


def _number(value: Any) -> float:
    """Return a JSON number as float, nan for anything else or beyond float's range."""
    if type(value) not in (int, float) or not -1e300 < value < 1e300:
        return math.nan
    return float(value)


def _box(path: Path, annotation: dict[str, Any]) -> list[float]:
    """Return x1, y1, x2, y2 of COCO's x, y, width, height."""
    values = _field(path, annotation, "bbox")
    numbers = [_number(value) for value in values] if isinstance(values, list) else []
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
    boxes: list[list[float]],
    ignore: list[list[float]],
    default_gsd: float | None,
) -> LabelledImage:
    told = record.get("gsd")
    gsd = _number(default_gsd if told is None else told)
    if not gsd > 0:
        raise DatasetError(
            f"{path}: image {record['id']} has no usable gsd ({str(told)[:40]}); "
            "add it in metres or use --gsd"
        )
    return LabelledImage(
        path=_locate(path, str(_field(path, record, "file_name"))),
        image_id=record["id"],
        width=_integer(path, record, "width", 1),
        height=_integer(path, record, "height", 1),
        gsd=gsd,
        source=str(record.get("source", "")),
        scene=str(record.get("scene", "")),
        boxes=np.array(boxes, np.float64).reshape(-1, 4),
        ignore=np.array(ignore, np.float64).reshape(-1, 4),
    )


def _locate(path: Path, name: str) -> Path:
    """Return the image file of `name`, which may not climb out of the data set's folder."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise DatasetError(f"{path}: file_name {name!r} leaves the folder of the data set")
    for folder in (path.parent / "images", path.parent):
        if os.path.isfile(folder / name):  # noqa: PTH113 - Path raises for names that cannot be
            return folder / name
    raise DatasetError(f"{path}: image {name} is neither beside it nor in images/")
