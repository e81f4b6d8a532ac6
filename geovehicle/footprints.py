"""Footprints: the rectangles that vehicles cover, turned as the vehicles lie.

A *footprint* is four corners, x and y in pixels (y down), in the order front-left,
front-right, rear-right, rear-left: sides 0-1 and 2-3 are the width, sides 1-2 and
3-0 run along the vehicle.  Which end is the front may not be known, so directions
count modulo 180 degrees.

A *rectangle* is the same as five numbers: x and y of the centre, length, width, and
the angle in radians from the x axis towards the y axis (clockwise as seen) to the
direction of the length.  The length runs along the vehicle; of a vehicle that an
edge cuts, it may be shorter than the width.

A *box* is horizontal: ``x1, y1, x2, y2``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rectangles_of(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return footprints as rectangles, by the midpoints of their sides.

    Parameters
    ----------
    corners : ndarray of float64, shape (N, 4, 2)
        Footprints in pixels.

    Returns
    -------
    ndarray of float64, shape (N, 5)
        Rectangles in the same pixels; the angle is above -pi/2 and at most pi/2.
    """
    corners = np.asarray(corners, np.float64).reshape(-1, 4, 2)
    front, right, rear, left = ((corners + np.roll(corners, -1, axis=1)) / 2).swapaxes(0, 1)
    along = front - rear
    length = np.hypot(*along.T)
    width = np.hypot(*(right - left).T)
    angle = np.arctan2(along[:, 1], along[:, 0])
    angle = np.where(angle > np.pi / 2, angle - np.pi, angle)
    angle = np.where(angle <= -np.pi / 2, angle + np.pi, angle)
    return np.column_stack([corners.mean(axis=1), length, width, angle])


def corners_of(rectangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rectangles as footprints.

    Parameters
    ----------
    rectangles : ndarray, shape (N, 5)
        In pixels; the front is the end that the angle points to.

    Returns
    -------
    ndarray of float64, shape (N, 4, 2)
        In the same pixels.
    """
    rectangles = np.asarray(rectangles, np.float64).reshape(-1, 5)
    length, width, angle = rectangles[:, 2:, None].swapaxes(0, 1)
    cosine, sine = np.cos(angle), np.sin(angle)
    along = length / 2 * np.array([1, 1, -1, -1])
    across = width / 2 * np.array([-1, 1, 1, -1])
    offsets = np.stack([along * cosine - across * sine, along * sine + across * cosine], axis=-1)
    corners: NDArray[np.float64] = rectangles[:, None, :2] + offsets
    return corners


def lengthwise(rectangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rectangles, (N, 5), whose length is the longer side: labels begin anywhere."""
    broad = rectangles[:, 3] > rectangles[:, 2]
    turned = rectangles[:, [0, 1, 3, 2, 4]] + [0, 0, 0, 0, np.pi / 2]
    return np.where(broad[:, None], turned, rectangles)


def boxes_of(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the horizontal boxes, (N, 4), around footprints, (N, 4, 2), in their pixels."""
    corners = np.asarray(corners, np.float64).reshape(-1, 4, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def straight(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return horizontal boxes as footprints whose length is the longer side.

    Parameters
    ----------
    boxes : ndarray, shape (N, 4)
        ``x1, y1, x2, y2`` in pixels.

    Returns
    -------
    ndarray of float64, shape (N, 4, 2)
        The boxes' own corners; the length of a square runs along x.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    tall = boxes[:, 3] - boxes[:, 1] > boxes[:, 2] - boxes[:, 0]
    upright, level = boxes[:, [2, 3, 0, 3, 0, 1, 2, 1]], boxes[:, [2, 1, 2, 3, 0, 3, 0, 1]]
    return np.where(tall[:, None], upright, level).reshape(-1, 4, 2)


def polygons_of(corners: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return footprints, (N, 4, 2), as shapely polygons, (N,), whose rings run alike."""
    polygons: NDArray[np.object_] = shapely.polygons(
        np.asarray(corners, np.float64).reshape(-1, 4, 2)
    )
    return polygons


def footprint_iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of pairs of footprints.

    Parameters
    ----------
    first, second : ndarray of float64, shape (N, 4, 2)
        In one pixel space.  A ring that crosses itself, as a careless label may, counts
        as its convex hull.

    Returns
    -------
    ndarray of float64, shape (N,)
        0 where both have no area.
    """
    one, other = (
        shapely.convex_hull(shapely.linestrings(np.asarray(corners).reshape(-1, 4, 2)))
        for corners in (first, second)
    )
    common = shapely.area(shapely.intersection(one, other))
    union = shapely.area(one) + shapely.area(other) - common
    ious: NDArray[np.float64] = np.divide(common, union, out=np.zeros(len(common)), where=union > 0)
    return ious


def turn_between(
    first: NDArray[np.float64] | float, second: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the angle between directions that are known to 180 degrees.

    Parameters
    ----------
    first, second : float or ndarray
        Angles in radians; shapes broadcast.

    Returns
    -------
    ndarray of float64
        Radians from 0 to pi/2.
    """
    turn = np.mod(np.asarray(first, np.float64) - second, np.pi)
    return np.minimum(turn, np.pi - turn)
