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

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_ONCE = 16_384
"""Pairs whose common area a thread computes together: what this takes fits into the caches."""


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


def common(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what pairs of boxes, (N, 4), have in common; nan where one is."""
    low, high = np.maximum(first, second), np.minimum(first, second)
    return np.concatenate([low[:, :2], high[:, 2:]], axis=1)


def cut_by_edge(
    rectangles: NDArray[np.float64], width: float, height: float
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return what is left of the rectangles that the edge of a picture cuts.

    Parameters
    ----------
    rectangles : ndarray of float64, shape (N, 5)
        In pixels of the picture.
    width, height : float
        Of the picture, pixels.

    Returns
    -------
    at : ndarray of int, shape (M,)
        Which are cut, or lie outside.
    parts : ndarray of float64, shape (M, 5)
        The rectangle of the same direction around what is left of each, nan where nothing is.
    boxes : ndarray of float64, shape (M, 4)
        The box around it, within the picture.
    """
    corners = corners_of(rectangles)
    at = np.flatnonzero(((corners < 0) | (corners > (width, height))).any(axis=(1, 2)))
    shapes = shapely.clip_by_rect(polygons_of(corners[at]), 0, 0, width, height)
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    seen, first = np.unique(owner, return_index=True)
    parts = np.full((len(at), 5), np.nan)
    if len(seen):
        parts[seen] = _framing(points, first, rectangles[at[seen]])
    return at, parts, shapely.bounds(shapes)


def _framing(
    points: NDArray[np.float64], first: NDArray[np.intp], frames: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the rectangles, (N, 5), in given frames around groups of points.

    `points`, shape (P, 2), belong to the next group from each of `first`, shape (N,);
    of `frames`, shape (N, 5), the angles count.
    """
    cosine, sine = np.cos(frames[:, 4]), np.sin(frames[:, 4])
    axes = np.stack([cosine, sine, -sine, cosine], axis=1).reshape(-1, 2, 2)
    counts = np.diff(first, append=len(points))
    seen = np.einsum("pij,pj->pi", np.repeat(axes, counts, axis=0), points)
    low, high = np.minimum.reduceat(seen, first), np.maximum.reduceat(seen, first)
    centres = np.einsum("nji,nj->ni", axes, (low + high) / 2)
    return np.concatenate([centres, high - low, frames[:, 4:]], axis=1)


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
    common, one, other = _areas(first, second)
    return _ratio(common, one + other - common)


def footprint_share(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of the smaller of two footprints lies on the other, for pairs.

    Parameters
    ----------
    first, second : ndarray of float64, shape (N, 4, 2)
        As for :func:`footprint_iou`.

    Returns
    -------
    ndarray of float64, shape (N,)
        The common area over the smaller one: 1 where one lies within the other, 0 where
        one has no area.
    """
    common, one, other = _areas(first, second)
    return _ratio(common, np.minimum(one, other))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return ratio


def _areas(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the areas that pairs of footprints share, and that each has, (N,)."""
    one, other = (np.asarray(corners, np.float64).reshape(-1, 4, 2) for corners in (first, second))
    if len(one) <= AT_ONCE:
        return _areas_at_once(one, other)
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(one), AT_ONCE)]
    with ThreadPoolExecutor() as pool:  # NumPy leaves other threads their turn
        areas = pool.map(_areas_at_once, *([side[part] for part in parts] for side in (one, other)))
        common, *alone = map(np.concatenate, zip(*areas, strict=True))
    return common, alone[0], alone[1]


def _areas_at_once(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    origin = one[:, :1]  # areas of small numbers: none are rounded off far from zero
    one, other = _convex(one - origin), _convex(other - origin)
    alone = _area(one), _area(other)
    # nothing is cut off by a ring that is a point
    return np.minimum(_area(_clipped(one, other)), np.minimum(*alone)), *alone


def _area(rings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas of rings, (N, K, 2); positive where x turns to y on the way."""
    x, y = rings[..., 0], rings[..., 1]
    doubled = x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y
    return np.asarray(doubled.sum(axis=1) / 2)


def _convex(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return footprints as convex rings, (N, 4, 2), that all run from x to y."""
    sides = np.roll(corners, -1, axis=1) - corners
    following = np.roll(sides, -1, axis=1)
    turns = sides[..., 0] * following[..., 1] - sides[..., 1] * following[..., 0]
    bent = (turns < 0).any(axis=1) & (turns > 0).any(axis=1)
    rings = corners.copy()
    hulls = shapely.convex_hull(shapely.linestrings(corners[bent]))
    for number, hull in zip(np.flatnonzero(bent), hulls, strict=True):
        points = shapely.get_coordinates(hull)
        rings[number] = points[np.minimum(range(4), len(points) - 1)]
    return np.where((_area(rings) < 0)[:, None, None], rings[:, ::-1], rings)


def _clipped(rings: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what convex rings, (N, 4, 2), share with others, as rings (N, K, 2).

    Those of fewer corners repeat their first.  The method is that of I. Sutherland and
    G. Hodgman, "Reentrant Polygon Clipping", CACM 17(1), 1974: side by side, what lies
    beyond is cut off.  The area changes steadily with the corners, whatever coincides.
    """
    # with all x of one corner beside each other, which is quicker
    rings, others = (np.ascontiguousarray(corners.T) for corners in (rings, others))
    for side in range(4):
        start, end = others[:, side, None], others[:, (side + 1) % 4, None]
        rings = _cut(rings, start, end - start)
    return np.ascontiguousarray(rings.T)


def _cut(
    rings: NDArray[np.float64], start: NDArray[np.float64], along: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what of rings, (2, K, N), lies to the inner side of lines, (2, 1, N)."""
    ahead = rings - start
    depth = along[0] * ahead[1] - along[1] * ahead[0]
    inside = depth >= 0
    crossing = inside != np.roll(inside, -1, axis=0)
    steps = np.where(crossing, depth - np.roll(depth, -1, axis=0), 1.0)
    crossings = rings + depth / steps * (np.roll(rings, -1, axis=1) - rings)
    taken = np.stack([inside, crossing], axis=1).reshape(2 * len(inside), -1)
    points = np.stack([rings, crossings], axis=2).reshape(2, *taken.shape)
    places = taken.cumsum(axis=0)
    first = points[:, taken.argmax(axis=0), np.arange(taken.shape[1])]
    cut = np.repeat(first[:, None], places[-1].max(initial=1), axis=1)
    row, column = np.nonzero(taken)
    cut[:, places[row, column] - 1, column] = points[:, row, column]
    return cut


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
