from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely

from geovehicle.areas import areas, scale
from geovehicle.errors import GeoreferenceError

UTM = pyproj.CRS(25832)
MERCATOR = pyproj.CRS(3857)


def squares(*boxes: tuple[float, float, float, float]) -> np.ndarray:
    return np.array([shapely.box(*one) for one in boxes], object)


def test_a_hectare_in_utm_is_larger_by_the_scale_of_its_central_meridian() -> None:
    (area,) = areas(UTM, squares((500_000, 5_600_000, 500_100, 5_600_100)))
    assert area == pytest.approx(10_000 / 0.9996**2, rel=1e-6)


def test_mercator_at_60_degrees_shows_four_times_the_ground() -> None:
    y = 8_399_737.9
    (area,) = areas(MERCATOR, squares((0, y, 100, y + 100)))
    assert area == pytest.approx(2_508, rel=2e-3)


def test_feet_and_degrees_are_measured_as_well() -> None:
    feet, degrees = pyproj.CRS(2263), pyproj.CRS(4326)
    way = pyproj.Transformer.from_crs(feet, degrees, always_xy=True)
    lot = shapely.box(1e6, 2e5, 1.001e6, 2.01e5)
    drawn = shapely.transform(lot, lambda p: np.column_stack(way.transform(*p.T)))
    one, other = areas(feet, np.array([lot])), areas(degrees, np.array([drawn]))
    assert one[0] == pytest.approx(1e6 * 0.3048**2, rel=1e-4)
    assert one[0] == pytest.approx(other[0], rel=1e-6)


def test_holes_parts_and_missing_shapes() -> None:
    outer, hole = shapely.box(0, 0, 300, 300), shapely.box(100, 100, 200, 200)
    ring = shapely.difference(outer, hole)
    both = shapely.MultiPolygon([shapely.box(0, 0, 100, 100), shapely.box(900, 0, 1000, 100)])
    collection = shapely.GeometryCollection([both, shapely.Point(0, 0)])
    shapes = np.array([ring, None, both, shapely.Polygon(), collection], object)
    moved = shapely.transform(shapes, lambda p: np.add(p, (500_000, 5_600_000)))
    assert areas(UTM, moved) * 0.9996**2 == pytest.approx([8e4, 0, 2e4, 0, 2e4], rel=1e-5)


def test_without_crs_no_area_is_known_and_a_local_one_counts_by_its_unit() -> None:
    local = pyproj.CRS.from_wkt('LOCAL_CS["site",UNIT["foot",0.3048]]')
    shapes = squares((0, 0, 10, 10))
    assert np.isnan(areas(None, shapes)).all()
    assert areas(local, shapes) == pytest.approx([100 * 0.3048**2])


def test_what_lies_off_the_map_has_no_area() -> None:
    polar = pyproj.CRS("+proj=ortho +lat_0=52 +lon_0=10")
    (area,) = areas(polar, squares((9e6, 9e6, 9.1e6, 9.1e6)))
    assert np.isnan(area)


def test_a_crs_of_another_planet_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise pyproj.exceptions.ProjError("no way")

    monkeypatch.setattr(pyproj.Transformer, "from_crs", nothing)
    with pytest.raises(GeoreferenceError, match="does not lead to the ground; reproject it"):
        areas(UTM, squares((0, 0, 1, 1)))


def test_the_scale_between_points_of_half_the_globe_is_that_of_small_squares() -> None:
    points = np.random.default_rng(0).uniform([-8e6, -8e6], [8e6, 8e6], (100, 2))
    own = areas(MERCATOR, shapely.box(*(points - 50).T, *(points + 50).T)) / 1e4
    assert scale(MERCATOR, points) == pytest.approx(own, rel=1e-3)


def test_the_scale_of_a_country_is_exact_to_the_fifth_digit() -> None:
    points = np.random.default_rng(0).uniform([3e5, 5.2e6], [9e5, 6.1e6], (100, 2))
    own = areas(UTM, shapely.box(*(points - 50).T, *(points + 50).T)) / 1e4
    assert scale(UTM, points) == pytest.approx(own, rel=1e-5)


def test_the_scale_without_crs_or_points() -> None:
    assert np.isnan(scale(None, np.zeros((2, 2)))).all()
    assert scale(UTM, np.empty((0, 2))).shape == (0,)
