from __future__ import annotations

import math
from dataclasses import replace
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
from geovehicle.georeference import GeoGrid, azimuths, turned

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
    grid = GeoGrid(10, 10, Affine.scale(2), RD)
    for none in (np.empty((0, 4)), np.empty((0, 4, 2)), []):
        assert grid.polygons(none).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
def test_boxes_of_few_bits_become_polygons_without_loss(dtype: type) -> None:
    """In the Netherlands, 32-bit coordinates would be 3 cm off."""
    grid = GeoGrid(255, 255, Affine(0.1, 0, 155123.46, 0, -0.1, 463987.65), RD)
    box = np.array([[3, 7, 200, 251]])
    narrow, wide = grid.polygons(box.astype(dtype)), grid.polygons(box.astype(np.float64))
    assert shapely.get_coordinates(narrow).tolist() == shapely.get_coordinates(wide).tolist()


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("south_up", [1, -1])
def test_a_footprint_with_a_dent_is_counter_clockwise_wherever_it_begins(
    first: int, step: int, south_up: int
) -> None:
    dent = np.array([[0.0, 0], [10, 2], [0, 4], [3, 2]])
    corners = dent[np.arange(first, first + 4 * step, step) % 4]
    grid = GeoGrid(10, 10, Affine(0.1, 0.02, 155e3, 0, 0.1 * south_up, 463e3), RD)
    (polygon,) = grid.polygons(corners[None])
    assert polygon.is_valid
    assert polygon.exterior.is_ccw


def _rectangle(length: float, width: float, azimuth: float, place: Any = (0, 0)) -> Any:
    """Return front-left, front-right, rear-right, rear-left on a map, (1, 4, 2)."""
    angle = math.radians(azimuth)
    along = np.array([math.sin(angle), math.cos(angle)]) * length / 2
    right = np.array([math.cos(angle), -math.sin(angle)]) * width / 2
    return (np.array([along - right, along + right, right - along, -along - right]) + place)[None]


def _to_pixels(transform: Affine, points: Any) -> Any:
    a, b, c, d, e, f = transform[:6]
    return np.linalg.solve([[a, b], [d, e]], (points - np.array([c, f]))[..., None])[..., 0]


def _azimuths_agree(found: float, expected: float, within: float) -> bool:
    return abs((found - expected + 90) % 180 - 90) <= within


@given(affines(), st.floats(0, 180), st.booleans())
def test_footprints_become_the_polygons_that_they_were(
    transform: Affine, azimuth: float, other_way_round: bool
) -> None:
    drawn = _rectangle(4.5, 1.8, azimuth, (transform.c, transform.f))
    pixels = _to_pixels(transform, drawn[:, ::-1] if other_way_round else drawn)
    (polygon,) = GeoGrid(100, 100, transform, RD).polygons(pixels)
    assert polygon.exterior.is_ccw
    assert polygon.exterior.is_closed
    np.testing.assert_allclose(
        _sorted(polygon.exterior.coords[:4]), _sorted(drawn[0]), rtol=0, atol=1e-6
    )


def _sorted(corners: Any) -> Any:
    rounded = np.round(corners, 6)
    return rounded[np.lexsort(rounded.T)]


@given(affines(), st.floats(0, 180), st.sampled_from([(4.5, 1.8), (1.2, 1.8)]))
def test_a_footprint_drawn_on_the_map_keeps_its_measures(
    transform: Affine, azimuth: float, sides: tuple[float, float]
) -> None:
    """Under any affine; of one that is wider than long, the longer side counts."""
    amersfoort = Affine(*transform[:2], 155e3, *transform[3:5], 463e3)
    pixels = _to_pixels(amersfoort, _rectangle(*sides, azimuth, (155e3, 463e3)))
    ((length, width, found),) = GeoGrid(100, 100, amersfoort, RD).measure(pixels)
    # the scale of the projection is 0.99991 there
    assert (length, width) == pytest.approx((max(sides), min(sides)), rel=1.1e-4)
    assert 0 <= found <= 180
    assert _azimuths_agree(found, azimuth if sides[0] > sides[1] else azimuth + 90, 1e-3)


@given(affines(), st.floats(0, 180), st.floats(0.1, 2), st.floats(0.1, 2))
def test_a_gsd_of_the_grid_itself_measures_its_pixels(
    transform: Affine, azimuth: float, x: float, y: float
) -> None:
    level = np.array([[[40.0, 10], [40, 20], [10, 20], [10, 10]]])
    sides = 30 * x, 10 * y
    for crs in (RD, None):
        grid = GeoGrid(100, 100, transform, crs, gsd=(x, y))
        assert grid.measure(level)[0, :2] == pytest.approx((max(sides), min(sides)))
    assert grid.ground_sampling_distance() == (x, y)
    assert grid.resampled(50, 400).gsd == pytest.approx((2 * x, y / 4))
    turned_car = _to_pixels(transform, _rectangle(45, 18, azimuth))
    one = GeoGrid(100, 100, transform, RD, gsd=(1.0, 1.0))
    other = GeoGrid(100, 100, transform, RD, gsd=(3.0, 3.0))
    first, second = one.measure(turned_car)[0], other.measure(turned_car)[0]
    assert second == pytest.approx([*first[:2] * 3, first[2]])


@pytest.mark.parametrize(
    ("crs", "place"),
    [(4326, (5e5, 53e5)), (4326, (120.0, 60.0)), (4807, (5e5, 53e5)), (25832, (5e5, 53e5))],
    ids=["UTM as degrees", "a site as degrees", "UTM as grads", "UTM"],
)
@pytest.mark.parametrize("azimuth", [0, 30, 135])
def test_a_gsd_that_contradicts_the_crs_takes_directions_in_the_plane(
    crs: int, place: tuple[float, float], azimuth: float
) -> None:
    transform = Affine(0.1, 0, place[0], 0, -0.1, place[1])
    grid = GeoGrid(100, 100, transform, CRS.from_epsg(crs), gsd=(0.1, 0.1))
    pixels = _to_pixels(transform, _rectangle(4.5, 1.8, azimuth, place))
    ((length, width, found),) = grid.measure(pixels)
    assert (length, width) == pytest.approx((4.5, 1.8))
    assert _azimuths_agree(found, azimuth, 1e-6)


@pytest.mark.parametrize(
    ("gsd", "on_the_ground"),
    [((0.05, 0.1), True), ((0.06, 0.08), True), ((0.05, 0.2), False), ((0.03, 0.1), False)],
)
def test_a_gsd_that_agrees_with_longitude_and_latitude_keeps_directions_on_the_ground(
    gsd: tuple[float, float], on_the_ground: bool
) -> None:
    """At 60 degrees north a degree of longitude is half as long as one of latitude."""
    grid = replace(_grid("EPSG:4258", (9e-7, 9e-7), (24.9, 60.0)), gsd=gsd)
    drawn = _on_the_ground("EPSG:4258", 24.9, 60.0, 45.0)
    ((_, _, found),) = grid.measure(_to_pixels(grid.transform, drawn))
    in_the_plane = math.degrees(math.atan2(1 / math.cos(math.radians(60)), 1))
    assert _azimuths_agree(found, 45 if on_the_ground else in_the_plane, 0.2)


def test_without_crs_and_pixel_size_a_direction_is_all_there_is() -> None:
    footprints = np.concatenate([_rectangle(45, 18, azimuth) for azimuth in (30, 160)])
    measures = GeoGrid(100, 100, Affine.identity(), None).measure(footprints)
    assert np.isnan(measures[:, :2]).all()
    assert measures[:, 2] == pytest.approx([30, 160])


def test_no_footprints_have_no_measures() -> None:
    for grid in (GeoGrid(10, 10, Affine.scale(2), crs) for crs in (RD, None, CRS.from_epsg(4326))):
        assert grid.measure(np.empty((0, 4, 2))).shape == (0, 3)


def test_off_the_map_nothing_is_known_and_the_others_keep_their_measures() -> None:
    grid = GeoGrid(100, 100, Affine(0.1, 0, 5e5, 0, -0.1, 53e5), CRS.from_epsg(25832))
    car = _rectangle(45, 18, 0)
    lengths = grid.measure(np.concatenate([car, car + 1e12]))[:, 0]
    assert lengths[0] == pytest.approx(4.5, rel=5e-4)
    assert np.isnan(lengths[1])


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
        ("EPSG:4979", (1e-6, 1e-6), (4.9, 0.0), (0.11132, 0.110574), 1e-4),  # likewise, in metres
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


def _on_the_ground(crs: str, lon: float, lat: float, azimuth: float) -> Any:
    """Return the corners of a car of 4.5 m x 1.8 m, placed by geodesics, in the CRS."""
    geod = pyproj.Geod(ellps="GRS80")
    corners = []
    for along, side in ((0, -90), (0, 90), (180, 90), (180, -90)):
        middle = geod.fwd(lon, lat, azimuth + along, 2.25)[:2]
        corners.append(geod.fwd(*middle, azimuth + side, 0.9)[:2])
    transformer = pyproj.Transformer.from_crs("EPSG:4258", crs, always_xy=True)
    return np.stack(transformer.transform(*np.array(corners).T), axis=-1)[None]


@pytest.mark.parametrize("azimuth", [0, 17, 45, 90, 136, 179])
@pytest.mark.parametrize(
    ("crs", "pixel", "place", "convergence"),
    [
        ("EPSG:25832", 0.1, (11.57, 48.1), 1.914),  # atan(tan 2.57 degrees * sin latitude)
        ("EPSG:25832", 0.1, (6.43, 48.1), -1.914),
        ("EPSG:3395", 0.2, (24.9, 60.0), 0.0),
        ("EPSG:2263", 0.3, (-74.0, 40.7), 0.0),
        ("EPSG:4258", 1e-6, (24.9, 60.0), 0.0),
        ("EPSG:4937", 1e-6, (24.9, 60.0), 0.0),  # with heights in metres
        ("EPSG:4807", 1e-6, (2.5, 46.0), 0.0),  # grads
    ],
)
def test_a_car_on_the_ground_has_its_metres_and_its_direction_on_the_grid(
    crs: str, pixel: float, place: tuple[float, float], convergence: float, azimuth: float
) -> None:
    grid = _grid(crs, (pixel, pixel), place)
    pixels = _to_pixels(grid.transform, _on_the_ground(crs, *place, azimuth))
    ((length, width, found),) = grid.measure(pixels)
    assert (length, width) == pytest.approx((4.5, 1.8), abs=0.002)
    assert _azimuths_agree(found, azimuth - convergence, 0.02)


@pytest.mark.parametrize("azimuth", [0, 17, 90, 136])
@pytest.mark.parametrize(
    ("crs", "target", "turn"),
    [
        ("EPSG:25832", "EPSG:4258", 1.914),
        ("EPSG:4258", "EPSG:25832", -1.914),
        ("EPSG:25832", "EPSG:25833", 1.914 + 2.555),  # 3.43 degrees to the other side
        ("EPSG:4258", "EPSG:3395", 0.0),
    ],
)
def test_an_azimuth_is_turned_to_the_north_of_another_crs(
    crs: str, target: str, turn: float, azimuth: float
) -> None:
    place = pyproj.Transformer.from_crs(4258, crs, always_xy=True).transform(11.57, 48.1)
    degrees = turned(
        np.array([azimuth, math.nan]), np.array([place] * 2), pyproj.CRS(crs), pyproj.CRS(target)
    )
    assert _azimuths_agree(degrees[0], azimuth + turn, 0.005)
    assert math.isnan(degrees[1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("crs", "target", "beyond"),
    [
        (4326, 25832, (5e5, 53e5)),
        (4326, 3857, (11.57, 500.0)),
        (4326, 4807, (math.nan, 48.1)),
        (25832, 4326, (1e12, 1e12)),
        (25832, 28992, (1e12, 1e12)),
        (25832, 28992, (math.inf, 0.0)),
    ],
)
def test_where_a_crs_does_not_reach_azimuths_are_not_known(
    crs: int, target: int, beyond: tuple[float, float]
) -> None:
    good = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(11.57, 48.1)
    degrees, places = np.array([30.0, 60.0]), np.array([beyond, good])
    found = turned(degrees, places, pyproj.CRS.from_epsg(crs), pyproj.CRS.from_epsg(target))
    assert np.isnan(found).tolist() == [True, False]


def test_an_azimuth_that_begins_beyond_the_horizon_is_not_known() -> None:
    """Though the step by which it is turned ends on this side."""
    places = np.array([[90.00005, 1.0], [89.9999, 1.0]])
    globe = pyproj.CRS("+proj=ortho +lat_0=0 +lon_0=0 +ellps=WGS84")
    found = turned(np.full(2, 270.0), places, pyproj.CRS.from_epsg(4326), globe)
    assert np.isnan(found).tolist() == [True, False]


def test_azimuths_stay_in_their_own_crs_even_off_the_map() -> None:
    degrees, utm = np.array([30.0, math.nan]), np.array([[5e5, 53e5]] * 2)
    found = turned(degrees, utm, pyproj.CRS.from_epsg(4326), pyproj.CRS("EPSG:4326"))
    np.testing.assert_array_equal(found, degrees)


def test_azimuths_run_clockwise_from_the_y_axis() -> None:
    ends = np.array([[0, 1], [1, 1], [1, 0], [1, -1], [0, -1], [-1, 1]])
    axes = np.stack([np.zeros((6, 2)), ends], axis=1)
    assert azimuths(None, axes) % 180 == pytest.approx([0, 45, 90, 135, 0, 135])


@pytest.mark.parametrize("crs", [None, RD, CRS.from_epsg(4326)])
def test_azimuths_are_below_180_degrees_in_every_direction(crs: CRS | None) -> None:
    angles = np.radians(np.arange(-355, 360, 30))
    ends = 1e-5 * np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    axes = np.stack([np.zeros_like(ends), ends], axis=1)
    found = azimuths(None if crs is None else pyproj.CRS(crs), axes)
    assert ((found >= 0) & (found <= 180)).all()
    assert found == pytest.approx(np.degrees(angles) % 180, abs=0.2)


def test_gsd_is_that_of_the_centre() -> None:
    # 10 degrees of latitude in Web Mercator, from 55 N to 65 N.
    low, high = (math.log(math.tan(math.radians(45 + lat / 2))) for lat in (55, 65))
    radius = 6378137.0
    step = (high - low) * radius / 1000
    grid = GeoGrid(1000, 1000, Affine(step, 0, 0, 0, -step, high * radius), CRS.from_epsg(3857))
    middle = 2 * math.degrees(math.atan(math.exp((low + high) / 2))) - 90
    gsd, _ = grid.ground_sampling_distance()
    assert gsd == pytest.approx(step * math.cos(math.radians(middle)), rel=3e-3)


@pytest.mark.parametrize("crs", [32632, 3857, 4326])
@pytest.mark.parametrize("angle", [0, 30, 200])
def test_gsd_is_the_geodesic_size_of_the_middle_pixel(crs: int, angle: float) -> None:
    """Of pixels so large that half a pixel, or half a grid, aside it is another."""
    unit = 0.02 if crs == 4326 else 2000.0
    to_crs = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    origin = to_crs.transform(8.0, 60.0)
    cos, sin = unit * math.cos(math.radians(angle)), unit * math.sin(math.radians(angle))
    pixel = np.array([[cos, 1.5 * sin], [sin, -1.5 * cos]])
    steps = np.array([[[50, 75.5], [51, 75.5]], [[50.5, 75], [50.5, 76]]])  # of 101 x 151 pixels
    ends = np.moveaxis(steps @ pixel.T + origin, -1, 0)
    (lon, lat), (end_lon, end_lat) = np.moveaxis(to_crs.transform(*ends, direction="INVERSE"), 2, 0)
    expected = pyproj.Geod(ellps="WGS84").inv(lon, lat, end_lon, end_lat)[2]
    transform = Affine(*pixel[0], origin[0], *pixel[1], origin[1])
    gsd = GeoGrid(101, 151, transform, CRS.from_epsg(crs)).ground_sampling_distance()
    assert gsd == pytest.approx(expected, rel=1e-7)
    assert [type(length) for length in gsd] == [float, float]


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
    oblique = GeoGrid(10, 10, Affine(3, 4, 5, 4, -3, 5), crs).ground_sampling_distance()
    assert oblique == pytest.approx((5 * 0.3048, 5 * 0.3048))


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(0.1, 0, 155e3, 0, -0.1, 463e3), None),
        (Affine.identity(), RD),
        (Affine(0.1, 0.1, 155e3, 0.1, 0.1, 463e3), RD),
        (Affine(math.nan, 0, 155e3, 0, -0.1, 463e3), RD),
        (Affine(0.1, 0, math.inf, 0, -0.1, 463e3), RD),
        (Affine(0.1, 0, 1e30, 0, -0.1, 1e30), RD),
        (Affine(0.1, 0, 155e3, 0, -1e-15, 463e3), RD),
        (Affine(1e300, 0, 0, 0, -0.1, 0), CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')),
        (Affine(0.1, 0, 155e3, 0, -0.1, 463e3), CRS()),
        (Affine(0.1, 0, 155e3, 0, -0.1, 463e3), CRS.from_epsg(5709)),
    ],
    ids=[
        "no CRS",
        "identity",
        "singular",
        "nan",
        "infinite",
        "off the map",
        "flat",
        "wider than the earth",
        "empty CRS",
        "of heights",
    ],
)
def test_without_a_usable_georeference_the_way_out_is_named(
    transform: Affine, crs: CRS | None
) -> None:
    with pytest.raises(GeoreferenceError, match="--gsd") as caught:
        GeoGrid(10, 10, transform, crs).ground_sampling_distance()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_geotransform_that_is_not_finite_leads_nowhere(place: int, value: float) -> None:
    usable = [0.1, 0.01, 155e3, 0.01, -0.1, 463e3]
    assert GeoGrid(10, 10, Affine(*usable), RD).located is True
    usable[place] = value
    assert GeoGrid(10, 10, Affine(*usable), RD).located is False


def test_grids_are_values() -> None:
    grid = GeoGrid(10, 10, Affine(0.1, 0, 155e3, 0, -0.1, 463e3), RD)
    other = replace(grid, width=11)
    assert len({grid, replace(grid), other}) == 2
