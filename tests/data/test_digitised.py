from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from geovehicle.data.digitised import Digitised, digitised
from geovehicle.data.marks import area, turned_box
from geovehicle.data.records import Note, Problem
from geovehicle.data.tiles import to_map
from geovehicle.georeference import GeoGrid

RD = "EPSG:28992"
GSD = (0.1, 0.1)
NORTH_UP = GeoGrid(500, 400, Affine(0.1, 0, 130_000, 0, -0.1, 455_000), CRS.from_string(RD))


def layer(shapes: list[Any], crs: Any = RD, **fields: list[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=crs)


def on_grid(
    frame: gpd.GeoDataFrame, grid: GeoGrid = NORTH_UP, gsd: tuple[float, float] = GSD
) -> tuple[Any, Any]:
    vehicles, problems = digitised("layer", frame)
    assert problems == []
    return vehicles.footprints(grid, gsd, 4.0)


def corners_of(footprint: Any) -> set[tuple[float, ...]]:
    return {tuple(corner) for corner in np.round(footprint, 2).tolist()}


def polygon(grid: GeoGrid, corners: Any) -> shapely.Polygon:
    return shapely.Polygon(to_map(grid, np.asarray(corners, float)))


@settings(max_examples=30)
@given(
    crs=st.sampled_from([RD, "EPSG:4326", "EPSG:25832", "EPSG:3857", "EPSG:4258"]),
    turn=st.floats(-180, 180),
    heading=st.floats(1, 89),
    centre=st.tuples(st.floats(0, 500), st.floats(0, 400)),
)
def test_pixels_survive_the_way_over_the_map(
    crs: str, turn: float, heading: float, centre: tuple[float, float]
) -> None:
    cosine, sine = 0.1 * np.cos(np.radians(turn)), 0.1 * np.sin(np.radians(turn))
    transform = Affine(cosine, sine, 130_000, sine, -cosine, 455_000)
    grid = GeoGrid(500, 400, transform, CRS.from_string(RD))
    corners = turned_box(centre, (23, 9), heading)
    frame = layer([polygon(grid, corners)]).to_crs(crs)
    (found,), oriented = on_grid(frame, grid)
    distances = np.linalg.norm(found[:, None] - corners[None], axis=2)
    assert distances.min(axis=0).max() < 0.05
    assert area(found) == pytest.approx(4 * 23 * 9, rel=1e-3)
    assert oriented.tolist() == [True]


def test_a_rectangle_along_the_pixels_is_a_box_around_a_vehicle() -> None:
    straight = polygon(NORTH_UP, [[10, 10], [40, 10], [40, 30], [10, 30]])
    turned = polygon(NORTH_UP, turned_box((100, 100), (23, 9), 30))
    footprints, oriented = on_grid(layer([straight, turned]))
    assert oriented.tolist() == [False, True]
    assert corners_of(footprints[0]) == {(10, 10), (40, 10), (40, 30), (10, 30)}


def test_an_outline_becomes_the_rectangle_around_it() -> None:
    outline = [[10, 20], [20, 10], [60, 50], [55, 54.9], [50, 60]]
    (found,), _ = on_grid(layer([polygon(NORTH_UP, outline)]))
    assert corners_of(found) == {(10, 20), (20, 10), (60, 50), (50, 60)}


def point(x: float, y: float) -> shapely.Point:
    return shapely.Point(to_map(NORTH_UP, np.array([x, y])))


def test_a_point_without_heading_is_a_square() -> None:
    footprints, oriented = on_grid(layer([point(100, 50)]))
    assert corners_of(footprints[0]) == {(80, 30), (120, 30), (120, 70), (80, 70)}
    assert oriented.tolist() == [False]


@pytest.mark.parametrize(
    ("heading", "front"),
    [(0, [[91, 27.5], [109, 27.5]]), (90, [[122.5, 41], [122.5, 59]])],
)
@pytest.mark.parametrize("field", ["heading", "ANGLE"])
def test_a_point_with_heading_is_a_car(
    heading: float, front: list[list[float]], field: str
) -> None:
    footprints, oriented = on_grid(layer([point(100, 50)], **{field: [heading]}))
    assert footprints[0, :2] == pytest.approx(np.array(front), abs=0.01)
    assert oriented.tolist() == [True]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_headings_count_from_the_north_of_the_layer(crs: str) -> None:
    frame = layer([point(100, 50)]).to_crs(crs)
    frame["heading"] = [45.0]
    (found,), _ = on_grid(frame)
    straight, _ = on_grid(layer([point(100, 50)], heading=[45.0]))
    # the Dutch grid's north is 0.01 to 0.3 degrees off here
    assert np.abs(found - straight[0]).max() < 0.3


def test_metres_count_where_pixels_are_not_square() -> None:
    grid = GeoGrid(500, 400, Affine(0.2, 0, 130_000, 0, -0.1, 455_000), CRS.from_string(RD))
    centre = shapely.Point(to_map(grid, np.array([100, 50])))
    (car, square), _ = on_grid(layer([centre] * 2, heading=[90, None]), grid, (0.2, 0.1))
    assert np.ptp(car, axis=0) == pytest.approx([4.5 / 0.2, 1.8 / 0.1], abs=0.01)
    assert np.ptp(square, axis=0) == pytest.approx([4 / 0.2, 4 / 0.1])


def test_fields_tell_types_and_what_is_to_be_ignored() -> None:
    square = polygon(NORTH_UP, [[10, 10], [40, 10], [40, 30], [10, 30]])
    names = ["Lkw", None, "  ", "bus", "tractor"]
    flags = [False, True, None, False, False]
    vehicles, problems = digitised("layer", layer([square] * 5, Class=names, Ignore=flags))
    assert problems == []
    assert vehicles.types == ("truck", "", "", "bus", "")
    assert vehicles.ignore.tolist() == [False, True, False, False, True]


@pytest.mark.parametrize("flags", [["1", "no", "true"], [1, 0, 2], [True, False, True]])
def test_flags_may_be_of_any_type(flags: list[Any]) -> None:
    vehicles, _ = digitised("layer", layer([point(1, 1)] * 3, iscrowd=flags))
    assert vehicles.ignore.tolist() == [True, False, True]


def test_parts_are_vehicles_of_their_own() -> None:
    both = shapely.MultiPolygon([shapely.box(0, 0, 4, 2), shapely.box(9, 0, 13, 2)])
    points = shapely.MultiPoint([(1, 1), (5, 5)])
    vehicles, _ = digitised("layer", layer([both, points], type=["van", "car"]))
    assert vehicles.numbers.tolist() == [0, 0, 1, 1]
    assert vehicles.types == ("van", "van", "car", "car")


BOW_TIE = shapely.Polygon([(0, 0), (4, 2), (4, 0), (0, 2)])


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        (None, "it has no geometry; it is left out"),
        (shapely.Polygon(), "it has no geometry; it is left out"),
        (shapely.LineString([(0, 0), (1, 1)]), "a LineString is no vehicle; it is left out"),
        (shapely.Polygon([(0, 0), (1, 1), (2, 2)]), "it has no area; it is left out"),
        (shapely.Point(np.inf, 1), "its coordinates are not finite; it is left out"),
    ],
)
def test_what_is_no_vehicle_is_told_of(shape: Any, what: str) -> None:
    vehicles, problems = digitised("layer", layer([shape, shapely.box(0, 0, 4, 2)]))
    assert problems == [Problem("layer, feature 0", what)]
    assert vehicles.numbers.tolist() == [1]


def test_an_outline_that_crosses_itself_is_told_of_and_ignored() -> None:
    vehicles, problems = digitised("layer", layer([BOW_TIE]))
    assert problems == [Problem("layer, feature 0", "Self-intersection; it becomes an ignore box")]
    assert vehicles.ignore.tolist() == [True]
    assert vehicles.shapes[0].area == 8


def test_features_that_are_no_vehicles_are_counted() -> None:
    frame = layer([point(1, 1)] * 3, type=["car", "tree", "tree"])
    vehicles, problems = digitised("layer", frame)
    assert vehicles.numbers.tolist() == [0]
    tree = "class 'tree' is not known as a vehicle, its 2 labels are left out"
    assert problems == [Note("layer", tree)]


def test_a_layer_without_features_has_no_vehicles() -> None:
    footprints, oriented = on_grid(layer([]))
    assert (footprints.shape, oriented.shape) == ((0, 4, 2), (0,))


def test_heights_are_dropped() -> None:
    box = shapely.force_3d(shapely.box(130_001, 454_990, 130_005, 454_992), 7.0)
    (found,), _ = on_grid(layer([box]))
    assert corners_of(found) == {(10, 80), (50, 80), (50, 100), (10, 100)}


def test_what_the_crs_does_not_reach_has_no_place() -> None:
    there, away = shapely.Point(5.38, 52.08), shapely.Point(5.38, 4000.0)
    vehicles = Digitised(
        np.array([0, 1]),
        np.array([there, away], object),
        ("", ""),
        np.zeros(2, bool),
        np.full(2, np.nan),
        pyproj.CRS("EPSG:4326"),
    )
    footprints, _ = vehicles.footprints(NORTH_UP, GSD, 4.0)
    assert np.isfinite(footprints[0]).all()
    assert not np.isfinite(footprints[1]).any()


def test_what_is_beyond_all_maps_is_beyond_the_grid() -> None:
    """As floats end at 1.8e308, ten pixels a metre would be infinitely many."""
    far = layer([shapely.Point(1e308, 454_990), shapely.box(0, 0, 1e308, 1e308)])
    with np.errstate(over="raise", invalid="raise"):
        footprints, _ = digitised("far", far)[0].footprints(NORTH_UP, GSD, 4.0)
    assert not (abs(footprints) <= 2**31).all(axis=(1, 2)).any()
