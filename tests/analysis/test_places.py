from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.analysis import layers
from geovehicle.analysis.places import centres, held, holding, shapes_of
from geovehicle.errors import GeoreferenceError

small = st.integers(0, 6)
boxes = st.tuples(small, small, st.integers(1, 4), st.integers(1, 4)).map(
    lambda b: shapely.box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)
points = st.lists(st.tuples(small, small), max_size=8).map(
    lambda p: np.array(p, float).reshape(-1, 2)
)


def brute(places: np.ndarray, zones: list, overlap: str) -> list[tuple[int, int]]:
    """Return the pairs by the rule as it is told, one by one."""
    pairs = []
    for number, place in enumerate(places):
        point = shapely.Point(place)
        on = [z for z, zone in enumerate(zones) if zone.touches(point)]
        inside = [z for z, zone in enumerate(zones) if zone.contains(point)]
        if overlap == "first":
            pairs += [(z, number) for z in sorted(on + inside)[:1]]
        else:
            pairs += [(z, number) for z in sorted(inside + on[:1])]
    return pairs


@given(points, st.lists(boxes, max_size=5), st.sampled_from(["each", "first"]))
def test_zones_hold_what_a_look_at_each_pair_says(places, zones, overlap) -> None:
    found = holding(places, np.array(zones, object), overlap)
    assert [*zip(*found.tolist(), strict=True)] == brute(places, zones, overlap)


def test_what_zones_hold_does_not_depend_on_how_many_are_looked_at_together(
    cars, monkeypatch
) -> None:
    places = np.random.default_rng(0).integers(0, 9, (40, 2)).astype(float)
    zones = np.array([shapely.box(0, 0, 5, 5), shapely.box(3, 3, 8, 8), shapely.box(5, 0, 9, 5)])
    fleet = cars(places)

    def results() -> list[list]:
        held_by = [holding(places, zones, overlap) for overlap in ("each", "first")]
        found = [*held_by, held(places, zones, True), held(places, zones, False)]
        return [one.tolist() for one in (*found, centres(fleet, fleet.crs))]

    expected = results()
    for number in (1, 7):
        monkeypatch.setattr(layers, "AT_ONCE", number)
        assert results() == expected


@given(points)
def test_in_zones_that_tile_the_ground_each_point_counts_once(places) -> None:
    tiles = [shapely.box(x, y, x + 2, y + 3) for x in (0, 2, 4) for y in (0, 3)]
    for overlap in ("each", "first"):
        zone, point = holding(places, np.array(tiles, object), overlap)
        assert point.tolist() == list(range(len(places)))
        assert len(zone) == len(places)


def test_holes_and_missing_zones_hold_nothing() -> None:
    ring = shapely.difference(shapely.box(0, 0, 9, 9), shapely.box(3, 3, 6, 6))
    zones = np.array([None, ring, shapely.Polygon()], object)
    assert holding(np.array([[1.0, 1], [4, 4]]), zones).tolist() == [[1], [0]]


def test_a_zone_that_crosses_itself_is_repaired() -> None:
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    shapes = shapes_of(gpd.GeoDataFrame(geometry=[bow, None], crs=None))
    places = np.array([[0.2, 1.0], [1.0, 0.2], [1.8, 1.0]])
    assert holding(places, shapes)[1].tolist() == [0, 2]


@given(points, st.lists(boxes, max_size=3))
def test_what_polygons_hold_with_their_border_and_without(places, polygons) -> None:
    shapes = np.array(polygons, object)
    each = [shapely.Point(place) for place in places]
    for border, test in ((True, shapely.intersects), (False, shapely.contains)):
        expected = [any(test(polygon, point) for polygon in polygons) for point in each]
        assert held(places, shapes, border).tolist() == expected


def test_centres_go_into_the_crs_of_the_zones(cars) -> None:
    frame = cars([[500_000, 5_600_000], [500_100, 5_600_000]])
    moved = centres(frame, gpd.GeoSeries(crs=4326).crs)
    assert moved[0] == pytest.approx([9.0, 50.55193], abs=1e-4)
    assert centres(frame, frame.crs)[1] == pytest.approx([500_100, 5_600_000])


def test_layers_of_which_one_has_no_crs_cannot_be_laid_upon_each_other(cars) -> None:
    with pytest.raises(GeoreferenceError, match="the other has none; assign it one in your GIS"):
        centres(cars([[0, 0]], crs=None), gpd.GeoSeries(crs=4326).crs)
    assert centres(cars([[1, 2]], crs=None), None) == pytest.approx(np.array([[1, 2]]))


def test_layers_of_different_ground_are_told_in_one_line(cars) -> None:
    far = gpd.GeoDataFrame(geometry=[shapely.Point(170, -80)], crs=4326)
    for crs in ("+proj=ortho +lat_0=52 +lon_0=10 +type=crs", 'LOCAL_CS["site",UNIT["metre",1]]'):
        with pytest.raises(GeoreferenceError, match="see whether the layers lie on the same gro"):
            centres(far, gpd.GeoSeries(crs=crs).crs)
