from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import assume, given
from hypothesis import strategies as st
from rasterio.crs import CRS

from geovehicle.errors import GeoreferenceError
from geovehicle.georeference import GeoGrid

RD = CRS.from_epsg(28992)


@st.composite
def affines(draw: Any) -> Affine:
    """Rotated, sheared, south-up, mirrored, with pixels that are not square."""
    angle, shear = draw(st.floats(0, 2 * math.pi)), draw(st.floats(-1, 1))
    size = st.floats(0.01, 30)
    x, y = draw(size), draw(size) * draw(st.sampled_from([-1, 1]))
    cos, sin = math.cos(angle), math.sin(angle)
    origin = draw(st.floats(-1e5, 1e5)), draw(st.floats(-1e5, 1e5))
    return Affine(
        cos * x, (cos * shear - sin) * y, origin[0], sin * x, (sin * shear + cos) * y, origin[1]
    )


def _boxes() -> Any:
    corner, size = st.integers(0, 5000), st.integers(1, 300)
    box = st.tuples(corner, corner, size, size).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    )
    return st.lists(box, min_size=1, max_size=5)


@given(affines(), _boxes())
def test_polygons_are_exact_to_the_pixel_corner(transform: Affine, boxes: Any) -> None:
    polygons = GeoGrid(6000, 6000, transform, RD).polygons(boxes)
    a, b, c, d, e, f = transform[:6]
    for (x1, y1, x2, y2), polygon in zip(boxes, polygons, strict=True):
        corners = {(x1, y1), (x1, y2), (x2, y2), (x2, y1)}
        expected = {(a * x + b * y + c, d * x + e * y + f) for x, y in corners}
        assert set(polygon.exterior.coords) == expected


@given(affines(), _boxes())
def test_the_inverse_affine_leads_back_to_the_box(transform: Affine, boxes: Any) -> None:
    polygons = GeoGrid(6000, 6000, transform, RD).polygons(boxes)
    a, b, c, d, e, f = transform[:6]
    points = shapely.get_coordinates(polygons) - [c, f]
    pixels = np.linalg.solve([[a, b], [d, e]], points.T).T.reshape(-1, 5, 2)
    low_high = np.hstack([pixels.min(axis=1), pixels.max(axis=1)])
    np.testing.assert_allclose(low_high, boxes, atol=1e-4)


@given(affines(), _boxes())
def test_rings_are_valid_and_counter_clockwise(transform: Affine, boxes: Any) -> None:
    polygons = GeoGrid(6000, 6000, transform, RD).polygons(boxes)
    assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
    assert shapely.is_valid(polygons).all()


def test_no_boxes_are_no_polygons() -> None:
    assert GeoGrid(10, 10, Affine.scale(2), RD).polygons(np.empty((0, 4))).shape == (0,)


@given(affines(), st.integers(1, 500), st.integers(1, 500))
def test_a_resampled_grid_covers_the_same_ground(
    transform: Affine, width: int, height: int
) -> None:
    grid = GeoGrid(300, 200, transform, RD)
    (whole,) = grid.polygons([(0, 0, 300, 200)])
    (resampled,) = grid.resampled(width, height).polygons([(0, 0, width, height)])
    np.testing.assert_allclose(
        shapely.get_coordinates(resampled), shapely.get_coordinates(whole), atol=1e-6
    )


def _grid(crs: str, pixel: tuple[float, float], lon_lat: tuple[float, float]) -> GeoGrid:
    """Return a north-up grid of 200 x 100 pixels around a place."""
    x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(*lon_lat)
    transform = Affine(pixel[0], 0, x - 100 * pixel[0], 0, -pixel[1], y + 50 * pixel[1])
    return GeoGrid(200, 100, transform, CRS.from_user_input(crs))


FOOT = 0.30480060960121924
RADIANS = math.radians(1)
SPHERE = 6371008.8


@pytest.mark.parametrize(
    ("crs", "pixel", "place", "expected", "tolerance"),
    [
        ("EPSG:28992", (0.25, 0.25), (5.3876, 52.1562), (0.25, 0.25), 2e-4),
        ("EPSG:28992", (0.1, 0.2), (5.3876, 52.1562), (0.1, 0.2), 2e-4),
        ("EPSG:2263", (0.5, 0.5), (-74.0, 40.7), (0.5 * FOOT, 0.5 * FOOT), 2e-4),
        ("EPSG:4326", (1e-6, 1e-6), (4.9, 0.0), (0.11132, 0.110574), 1e-4),
        ("EPSG:4326", (2e-6, 1e-6), (4.9, 60.0), (0.1116, 0.111412), 1e-3),
        ("EPSG:4807", (1e-6, 1e-6), (2.5, 46.0), (0.0697, 0.1000), 2e-3),  # grads
        ("EPSG:3857", (0.1, 0.1), (24.9, 60.0), (0.05, 0.05), 5e-3),
        ("EPSG:3395", (0.1, 0.1), (24.9, 60.0), (0.05, 0.05), 5e-3),
        ("EPSG:7415", (0.1, 0.1), (5.3876, 52.1562), (0.1, 0.1), 2e-4),  # with heights
    ],
)
def test_gsd_is_metres_on_the_ground(
    crs: str,
    pixel: tuple[float, float],
    place: tuple[float, float],
    expected: tuple[float, float],
    tolerance: float,
) -> None:
    gsd = _grid(crs, pixel, place).ground_sampling_distance()
    assert gsd == pytest.approx(expected, rel=tolerance)


def test_gsd_is_that_of_the_centre() -> None:
    # 10 degrees of latitude in Web Mercator, from 55 N to 65 N.
    low, high = (math.log(math.tan(math.radians(45 + lat / 2))) for lat in (55, 65))
    radius = 6378137.0
    step = (high - low) * radius / 1000
    grid = GeoGrid(1000, 1000, Affine(step, 0, 0, 0, -step, high * radius), CRS.from_epsg(3857))
    middle = 2 * math.degrees(math.atan(math.exp((low + high) / 2))) - 90
    gsd, _ = grid.ground_sampling_distance()
    assert gsd == pytest.approx(step * math.cos(math.radians(middle)), rel=3e-3)


@pytest.mark.parametrize("angle", [0, 30, 90, 137, 270])
@pytest.mark.parametrize("north_up", [1, -1])
def test_rotation_leaves_the_gsd(angle: float, north_up: int) -> None:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    transform = Affine(
        0.1 * cos, 0.3 * sin * north_up, 155e3, 0.1 * sin, -0.3 * cos * north_up, 463e3
    )
    gsd = GeoGrid(100, 100, transform, RD).ground_sampling_distance()
    assert gsd == pytest.approx((0.1, 0.3), rel=2e-4)


def test_shear_lengthens_the_step_between_rows() -> None:
    transform = Affine(0.1, 0.1, 155e3, 0, -0.1, 463e3)
    gsd = GeoGrid(100, 100, transform, RD).ground_sampling_distance()
    assert gsd == pytest.approx((0.1, 0.1 * math.sqrt(2)), rel=2e-4)


@given(st.floats(-179, 179), st.floats(-80, 80))
def test_degrees_agree_with_the_sphere(lon: float, lat: float) -> None:
    assume(abs(lon) < 178.9)
    transform = Affine(1e-6, 0, lon, 0, -1e-6, lat)
    x, y = GeoGrid(2, 2, transform, CRS.from_epsg(4326)).ground_sampling_distance()
    metres = 1e-6 * RADIANS * SPHERE
    assert (x, y) == pytest.approx((metres * math.cos(math.radians(lat)), metres), rel=0.01)


def test_a_local_crs_counts_its_units() -> None:
    crs = CRS.from_wkt('LOCAL_CS["site",UNIT["foot",0.3048]]')
    gsd = GeoGrid(10, 10, Affine(2, 0, 5, 0, -1, 5), crs).ground_sampling_distance()
    assert gsd == pytest.approx((0.6096, 0.3048))


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(0.1, 0, 155e3, 0, -0.1, 463e3), None),
        (Affine.identity(), RD),
        (Affine(0.1, 0.1, 155e3, 0.1, 0.1, 463e3), RD),
        (Affine(math.nan, 0, 155e3, 0, -0.1, 463e3), RD),
        (Affine(0.1, 0, math.inf, 0, -0.1, 463e3), RD),
        (Affine(0.1, 0, 1e30, 0, -0.1, 1e30), RD),
    ],
    ids=["no CRS", "identity", "singular", "nan", "infinite", "off the map"],
)
def test_without_a_usable_georeference_the_way_out_is_named(
    transform: Affine, crs: CRS | None
) -> None:
    with pytest.raises(GeoreferenceError, match="--gsd") as caught:
        GeoGrid(10, 10, transform, crs).ground_sampling_distance()
    assert "\n" not in str(caught.value)
