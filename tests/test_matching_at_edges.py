"""Footprints that reach beyond the image, whose boxes end at its edge."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geovehicle.detections import Detections
from geovehicle.footprints import boxes_of, corners_of, polygons_of, straight
from geovehicle.matching import Overlaps

WIDTH, HEIGHT = 80, 60

REACHING = st.builds(
    lambda *rectangle: rectangle,
    st.floats(0, WIDTH),
    st.floats(0, HEIGHT),
    st.floats(10, 50),
    st.floats(10, 25),
    st.floats(-np.pi / 2, np.pi / 2),
)
"""Rectangles whose centre is in the image."""

VEHICLES = st.lists(st.tuples(REACHING, st.booleans()), max_size=6)
IGNORED = st.tuples(st.floats(0, 60), st.floats(0, 40), st.floats(1, 20), st.floats(1, 20))


def footprints(rectangles: list[tuple[float, ...]]) -> np.ndarray:
    return corners_of(np.array(rectangles, float).reshape(-1, 5))


def clipped(boxes: np.ndarray) -> np.ndarray:
    return boxes.clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])


def iou(first: shapely.Polygon, second: shapely.Polygon) -> float:
    return float(first.intersection(second).area / first.union(second).area)


@settings(max_examples=60, deadline=None)
@given(
    found=st.lists(REACHING, max_size=6),
    vehicles=VEHICLES,
    ignored=st.lists(IGNORED, max_size=3),
)
def test_footprints_beyond_the_image_are_compared_whole_and_ignored_by_what_is_seen(
    found: list[tuple[float, ...]],
    vehicles: list[tuple[tuple[float, ...], bool]],
    ignored: list[tuple[float, ...]],
) -> None:
    told = footprints(found)
    boxes = clipped(boxes_of(told))
    detections = Detections(boxes, np.ones(len(found)), np.zeros(len(found)), told)
    lying = footprints([rectangle for rectangle, _ in vehicles])
    oriented = np.array([known for _, known in vehicles], bool)
    seen = clipped(boxes_of(lying))
    truth = np.where(oriented[:, None, None], lying, straight(seen))
    corner, size = np.array(ignored, float).reshape(-1, 2, 2).swapaxes(0, 1)
    ignore = np.hstack([corner, corner + size])
    overlaps = Overlaps.of_footprints(detections, truth, oriented, ignore)

    actual = np.zeros((len(found), len(vehicles)))
    actual[tuple(overlaps.pairs)] = overlaps.ious
    outlines, rings = polygons_of(told), polygons_of(lying)
    frames, seen_frames = shapely.box(*boxes.T), shapely.box(*seen.T)
    for i in range(len(found)):
        for j in range(len(vehicles)):
            expected = iou(outlines[i], rings[j]) if oriented[j] else iou(frames[i], seen_frames[j])
            np.testing.assert_allclose(actual[i, j], expected, atol=1e-6)
        visible = outlines[i].intersection(frames[i])
        shares = [visible.intersection(shapely.box(*one)).area / visible.area for one in ignore]
        np.testing.assert_allclose(overlaps.covered[i], max(shares, default=0), atol=1e-6)
