"""Views: pixels with the vehicles on them, and what every augmentation does with both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geovehicle.footprints import (
    common,
    corners_of,
    cut_by_edge,
    lengthwise,
    rectangles_of,
    straight,
)
from geovehicle.settings import UNKNOWN_TYPE, VEHICLE_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geovehicle.data.coco import LabelledImage

ELONGATED = 1.8
"""Boxes longer than this times their width hold a vehicle that lies along the axes."""

DIRECTED = 2.1
"""Boxes longer than this times their width tell the direction of a vehicle: that around
a car of 4.6 m x 1.9 m is as long if the car is turned by 5 degrees."""

BROADEST_M = 3.4
"""Metres; the longer a vehicle is, the more it may be turned in a box of a given shape.
A broader box does not tell its direction: a bus of 12 m is turned by 4 degrees in it."""

EDGE = 1.5
"""Pixels; boxes as near to the edge of an image may hold a vehicle that it cuts."""

VISIBLE = 0.5
"""Vehicles of which less is left in a view become ignore boxes."""

NARROWEST = 1.0
"""Boxes with a side of fewer pixels are no vehicles, and too thin for a network to learn."""

Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class Vehicles:
    """The vehicles of a view, in its pixels.

    Attributes
    ----------
    boxes : ndarray
        Shape (N, 4), float64, x1, y1, x2, y2: the horizontal boxes around what is
        visible of them.
    enclosures : ndarray
        Shape (N, 5), float64, rectangles as in :mod:`geovehicle.footprints`: the
        vehicle's own where its direction is known, otherwise the label's box, turned
        with the view.  Where the view cuts one, the rectangle with the same direction
        around what is left of it: so of the label's box, and not of the vehicle in it,
        where the direction is not known.
    directed : ndarray
        Shape (N,), bool: whether the enclosure lies as the vehicle does.
    types : ndarray
        Shape (N,), int64: index into :data:`~geovehicle.settings.VEHICLE_TYPES`,
        :data:`~geovehicle.settings.UNKNOWN_TYPE` where it is not known.
    """

    boxes: Boxes
    enclosures: Boxes
    directed: NDArray[np.bool_]
    types: NDArray[np.int64]

    @classmethod
    def of_boxes(cls, boxes: Boxes) -> Vehicles:
        """Return vehicles of which nothing is known but their boxes, shape (N, 4)."""
        undirected = np.zeros(len(boxes), np.bool_)
        untyped = np.full(len(boxes), UNKNOWN_TYPE, np.int64)
        return cls(boxes, rectangles_of(straight(boxes)), undirected, untyped)

    @classmethod
    def concatenate(cls, parts: Sequence[Vehicles]) -> Vehicles:
        """Return all vehicles of one or more parts."""
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.enclosures for part in parts]),
            np.concatenate([part.directed for part in parts]),
            np.concatenate([part.types for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def outlined(self) -> NDArray[np.bool_]:
        """Whether each vehicle, if it is whole, fills its enclosure; shape (N,)."""
        return self.directed | _longer(self.enclosures[:, 2:4], ELONGATED)

    def take(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Vehicles:
        """Return the vehicles where `keep` is true, or those that it counts."""
        return Vehicles(
            self.boxes[keep], self.enclosures[keep], self.directed[keep], self.types[keep]
        )

    def shift(self, offset: Sequence[float] | Boxes) -> Vehicles:
        """Return the vehicles moved by x and y pixels."""
        moved = np.asarray(offset, np.float64)
        return replace(
            self,
            boxes=self.boxes + np.tile(moved, 2),
            enclosures=self.enclosures + np.pad(moved, (0, 3)),
        )

    def move(self, linear: Boxes, offset: Boxes) -> Vehicles:
        """Return whole vehicles turned, mirrored and scaled: ``linear @ p + offset``.

        Boxes are exact where vehicles fill their enclosures.  Any other vehicle is
        taken as the ellipse in its enclosure, the best guess for a diagonal one.
        """
        moved = rectangles_of(corners_of(self.enclosures) @ linear.T + offset)
        direction = np.abs(np.stack([np.cos(moved[:, 4]), np.sin(moved[:, 4])], axis=1))
        along = direction * moved[:, 2:3] / 2
        across = direction[:, ::-1] * moved[:, 3:4] / 2
        reach = np.where(self.outlined[:, None], along + across, np.hypot(along, across))
        boxes = np.concatenate([moved[:, :2] - reach, moved[:, :2] + reach], axis=1)
        return replace(self, boxes=boxes, enclosures=moved)


@dataclass(frozen=True)
class View:
    """Pixels (H, W, 3) uint8, the vehicles on them and the ignore boxes (M, 4)."""

    pixels: NDArray[np.uint8]
    vehicles: Vehicles
    ignore: Boxes

    @property
    def boxes(self) -> Boxes:
        """The horizontal boxes of the vehicles, shape (N, 4)."""
        return self.vehicles.boxes


def labelled_vehicles(image: LabelledImage) -> Vehicles:
    """Return the vehicles of a labelled image in its pixels.

    A footprint is the vehicle's own rectangle, whose length is its longer side, unless
    the edge of the image may have cut it down to a stout piece.
    """
    vehicles = Vehicles.of_boxes(image.boxes)
    own = lengthwise(rectangles_of(image.footprints))
    at_edge = ~within(image.boxes, (image.width, image.height), EDGE)
    whole = image.oriented & (~at_edge | _longer(own[:, 2:4], ELONGATED))
    sides = vehicles.enclosures[:, 2:4]
    along = _longer(sides, DIRECTED) & (sides[:, 1] * image.gsd <= BROADEST_M) & ~at_edge
    return replace(
        vehicles,
        enclosures=np.where(whole[:, None], own, vehicles.enclosures),
        directed=whole | along,
        types=type_numbers(image.types) if image.types else vehicles.types,
    )


def type_numbers(types: Sequence[str]) -> NDArray[np.int64]:
    """Return the indices of types of vehicle, `UNKNOWN_TYPE` for other texts, shape (N,)."""
    known = {name: number for number, name in enumerate(VEHICLE_TYPES)}
    return np.array([known.get(one, UNKNOWN_TYPE) for one in types], np.int64)


def elongated(boxes: Boxes) -> NDArray[np.bool_]:
    """Tell which boxes, shape (N, 4), are a vehicle's own rectangle."""
    return _longer(boxes[:, 2:] - boxes[:, :2], ELONGATED)


def within(boxes: Boxes, size: tuple[int, int], margin: float) -> NDArray[np.bool_]:
    """Tell which boxes, (N, 4), keep a margin from the edge of an image of a size, pixels."""
    low, high = boxes[:, :2].min(axis=1), (np.array(size) - boxes[:, 2:]).min(axis=1)
    return np.asarray(np.minimum(low, high) >= margin)


def _longer(sides: Boxes, times: float) -> NDArray[np.bool_]:
    """Tell of which sides, shape (N, 2), one is longer than some times the other."""
    return np.asarray(sides.max(axis=1) > times * sides.min(axis=1))


def resample(
    pixels: NDArray[np.uint8], linear: Boxes, offset: Boxes, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return an image moved by an affine map, black beyond its edge.

    Parameters
    ----------
    pixels : ndarray
        Shape (H, W, 3) or (H, W), uint8.
    linear, offset : ndarray
        Shape (2, 2) and (2,): a point `p` of the image comes to ``linear @ p +
        offset``, corner convention.
    size : tuple of int
        Width and height of the result, pixels.
    """
    image = Image.fromarray(pixels)
    scale = np.sqrt(abs(np.linalg.det(linear)))
    if scale < 0.8:
        smaller = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        shrink = np.array(smaller) / (image.width, image.height)
        image = image.resize(smaller, Image.Resampling.BOX)
        linear = linear / shrink
    inverse = np.linalg.inv(linear)
    shift = -inverse @ offset
    coefficients = (*inverse[0], shift[0], *inverse[1], shift[1])
    return np.asarray(
        image.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    )


def cut(view: View) -> View:
    """Clip vehicles to the view; mostly hidden ones become ignore boxes, slivers go."""
    height, width = view.pixels.shape[:2]
    boxes, share = _clip(view.boxes, width, height)
    ignore, ignore_share = _clip(view.ignore, width, height)
    partly = (share > 0.05) & (share < VISIBLE)
    shown = replace(view.vehicles, boxes=boxes).take(share >= VISIBLE)
    return View(
        view.pixels,
        _trim(shown, width, height),
        np.concatenate([ignore[ignore_share > 0.05], boxes[partly]]),
    )


def _clip(boxes: Boxes, width: int, height: int) -> tuple[Boxes, NDArray[np.float64]]:
    """Return boxes clipped to the view and the share of their area left, 0 for slivers."""
    limit = np.array([width, height, width, height], np.float64)
    clipped = np.clip(boxes, 0.0, limit)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    sides = clipped[:, 2:] - clipped[:, :2]
    share = np.prod(sides, axis=1) / np.maximum(area, 1e-9)
    return clipped, np.where((sides >= NARROWEST).all(axis=1), share, 0.0)


def _trim(vehicles: Vehicles, width: int, height: int) -> Vehicles:
    """Shrink enclosures to what is visible of them, and the boxes of directed vehicles.

    Vehicles that are too thin are left out.
    """
    boxes, enclosures = vehicles.boxes.copy(), vehicles.enclosures.copy()
    at, parts, around = cut_by_edge(enclosures, width, height)
    enclosures[at] = parts
    boxes[at] = np.where(vehicles.directed[at, None], common(boxes[at], around), boxes[at])
    sides = np.concatenate([boxes[:, 2:] - boxes[:, :2], enclosures[:, 2:4]], axis=1)
    trimmed = replace(vehicles, boxes=boxes, enclosures=enclosures)
    return trimmed.take(sides.min(axis=1, initial=np.inf) >= NARROWEST)
