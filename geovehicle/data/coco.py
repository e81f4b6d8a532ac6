"""Labelled images in the COCO layout.

Besides COCO's own keys an image may tell its ``gsd`` (metres per pixel),
``source`` and ``scene``, by which training samples and evaluation reports, and an
annotation its ``type`` of vehicle.  A ``segmentation`` of four corners is its footprint.
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
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from geovehicle.data.pictures import read_rgb
from geovehicle.data.texts import read_file, shown
from geovehicle.data.turns import AS_STORED, Turn
from geovehicle.errors import DatasetError
from geovehicle.footprints import boxes_of, straight

if TYPE_CHECKING:
    from numpy.typing import NDArray

COARSEST_GSD = 2.0
"""Metres, at which a car is one pixel wide and two long.  More is taken for another unit:
an image is resampled to the model's gsd, by a hundred times if it tells centimetres."""

LARGEST = 2**30
"""Bytes of a file of labels: that of COCO itself has half as many."""

AGREEMENT = 2.0
"""Pixels by which a polygon may differ from its box, of which one is often rounded, and
its corners from those of a rectangle: few that are drawn by hand are off by more."""

ASKEW = 0.05
"""Share of its diagonal by which a corner may be off: what an edge cuts askew is taken for
a rectangle only where that turns it by a few degrees."""

LEVEL = 1.0
"""Pixels between the corners of a polygon and those of the box around it, up to which it
is that box: rounding and conversion move each side of either by half a pixel at most."""


class Vehicle(NamedTuple):
    """One vehicle: its box x1, y1, x2, y2, its type, and its corners (4, 2) if known."""

    box: list[float]
    type: str
    corners: NDArray[np.float64] | None


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
        Its size, pixels, as it lies.
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
    footprints : ndarray
        Shape (N, 4, 2), float64, the corners of each vehicle in image pixels, in order
        around it.  Where it is not oriented they are those of its box, whatever is given.
    oriented : ndarray
        Shape (N,), bool: whether the footprint lies as the vehicle does; all false
        without footprints.
    turn : Turn
        How the file's pixels are turned before they are the image's.

    Raises
    ------
    ValueError
        If footprints come without `oriented`, or arrays and types differ in length.
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
    footprints: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4, 2)))
    oriented: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    turn: Turn = AS_STORED

    def __post_init__(self) -> None:
        count, known = len(self.boxes), self.oriented
        footprints = self.footprints
        if len(footprints) == len(known) and not known.any():
            footprints, known = straight(self.boxes), np.zeros(count, np.bool_)
        if {len(footprints), len(known), len(self.types) or count} != {count}:
            raise ValueError("boxes, footprints, oriented and types differ in length")
        own = np.where(known[:, None, None], footprints, straight(self.boxes))
        object.__setattr__(self, "footprints", own)
        object.__setattr__(self, "oriented", known)

    def read(self) -> NDArray[np.uint8]:
        """Return the pixels, (H, W, 3) uint8 RGB.

        Raises
        ------
        DatasetError
            If the file is missing, damaged or of another size than labelled.
        """
        pixels = read_rgb(self.path)
        height, width = pixels.shape[:2]
        labelled = self.turn.size((self.width, self.height))
        if (width, height) != labelled:
            raise DatasetError(
                f"{self.path} is {width} x {height} pixels, "
                f"its labels say {labelled[0]} x {labelled[1]}"
            )
        return np.ascontiguousarray(self.turn.pixels(pixels))

    def turned(self, turn: Turn) -> LabelledImage:
        """Return the image as it lies after a turn, its labels with it."""
        size = self.width, self.height
        width, height = turn.size(size)
        return replace(
            self,
            width=width,
            height=height,
            boxes=boxes_of(turn.points(straight(self.boxes), size)),
            ignore=boxes_of(turn.points(straight(self.ignore), size)),
            footprints=turn.points(self.footprints, size),
            turn=self.turn.then(turn),
        )


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
                f"{path}: annotation {shown(annotation.get('id'))} is on image {image_id}, "
                "which is not listed"
            )
        box = corner_box(path, annotation)
        if annotation.get("iscrowd"):
            ignore[image_id].append(box)
        else:
            corners = four_corners(annotation.get("segmentation"), np.array(box))
            kind = text(annotation.get("type"))
            vehicles[image_id].append(Vehicle(box, kind, corners))
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
        content = json.loads(read_file(path, LARGEST).decode("utf-8-sig"))
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
        raise DatasetError(f"{path}: a record has no '{key}': {shown(record)}")
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
            f"{path}: the '{key}' of a record is {shown(value)!r}; "
            f"a whole number from {least} is needed"
        )
    return value


def number(value: Any) -> float:
    """Return a JSON number as float, nan for anything else or beyond float's range."""
    if type(value) not in (int, float) or not -1e300 < value < 1e300:
        return math.nan
    return float(value)


def text(value: Any) -> str:
    """Return a JSON value as the text it stands for; none for what is no text and no number."""
    return shown(value) if type(value) in (int, float) else value if isinstance(value, str) else ""


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
            f"{path}: annotation {shown(annotation.get('id'))} has the box {shown(values)}; "
            "four finite numbers x, y, width, height with a positive size are needed"
        )
    x, y, width, height = numbers
    return [x, y, x + width, y + height]


def four_corners(segmentation: Any, box: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the outline of a vehicle that lies within `box`, x1, y1, x2, y2, as told.

    Parameters
    ----------
    segmentation : Any
        What a COCO annotation tells.
    box : ndarray
        Shape (4,), the horizontal box of the annotation, pixels.

    Returns
    -------
    ndarray or None
        Shape (4, 2), the corners in order around the vehicle.  None for anything else:
        other outlines, those that cross themselves, lie elsewhere or are no rectangles,
        such as the rest of a vehicle that an edge cuts askew, and a horizontal box.
    """
    ring = segmentation[0] if isinstance(segmentation, list) and len(segmentation) == 1 else None
    if not (isinstance(ring, list) and len(ring) == 8):
        return None
    corners = np.array([number(value) for value in ring]).reshape(4, 2)
    bounds = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    if not (np.abs(bounds - box) <= AGREEMENT).all():  # nan as well
        return None
    sides = np.roll(corners, -1, axis=0) - corners
    turns = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    convex = (turns > 0).all() or (turns < 0).all()
    told = convex and _is_rectangle(corners) and not _is_level(corners, bounds)
    return corners if told else None


def _is_rectangle(corners: NDArray[np.float64]) -> bool:
    """Tell whether corners, (4, 2), are nearly those of a rectangle.

    The diagonals of a rectangle are equally long and share their middle.  To get there,
    each corner moves by half of what the middles are apart and by a quarter of what the
    lengths differ.
    """
    lengths = np.hypot(*(corners[:2] - corners[2:]).T)
    apart = np.hypot(*(corners[::2].mean(axis=0) - corners[1::2].mean(axis=0)))
    off = apart / 2 + abs(lengths[0] - lengths[1]) / 4
    return bool(off <= min(AGREEMENT, ASKEW * lengths.mean()))


def _is_level(corners: NDArray[np.float64], bounds: NDArray[np.float64]) -> bool:
    """Tell whether corners, (4, 2), are those of the horizontal box around them, (4,)."""
    gaps = np.abs(corners[:, None] - straight(bounds)).max(axis=2)
    return bool(max(gaps.min(axis=0).max(), gaps.min(axis=1).max()) <= LEVEL)


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
            f"{path}: image {record['id']} has no usable gsd ({shown(told)}); "
            "add it in metres or use --gsd"
        )
    boxes = np.array([one.box for one in vehicles], np.float64).reshape(-1, 4)
    footprints = straight(boxes)
    for footprint, one in zip(footprints, vehicles, strict=True):
        footprint[:] = footprint if one.corners is None else one.corners
    return LabelledImage(
        path=locate_image(path, text(_field(path, record, "file_name"))),
        image_id=record["id"],
        width=whole_number(path, record, "width", 1),
        height=whole_number(path, record, "height", 1),
        gsd=gsd,
        source=text(record.get("source")),
        scene=text(record.get("scene")),
        boxes=boxes,
        ignore=np.array(ignore, np.float64).reshape(-1, 4),
        types=tuple(one.type for one in vehicles) if any(one.type for one in vehicles) else (),
        footprints=footprints,
        oriented=np.array([one.corners is not None for one in vehicles], np.bool_),
    )


def locate_image(path: Path, name: str) -> Path:
    """Return the image file of `name`, which may not climb out of the data set's folder.

    Raises
    ------
    DatasetError
        If it does, or if there is no such file beside `path` or in ``images/``.
    """
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise DatasetError(f"{path}: file_name {shown(name)!r} leaves the folder of the data set")
    for folder in (path.parent / "images", path.parent):
        if os.path.isfile(folder / name):  # noqa: PTH113 - Path raises for names that cannot be
            _check_inside(path, folder, name)
            return folder / name
    raise DatasetError(f"{path}: image {shown(name)} is neither beside it nor in images/")


def _check_inside(path: Path, folder: Path, name: str) -> None:
    """Make sure that links do not lead out of the folders of the data set."""
    real = Path(os.path.realpath(folder / name))
    homes = (os.path.realpath(folder), os.path.realpath(path.parent))
    if not any(real.is_relative_to(home) for home in homes):
        raise DatasetError(
            f"{path}: image {shown(name)} is a link that leaves the folder of the data set;"
            " put the file in its place"
        )
