from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from geovehicle.errors import GeoreferenceError
from geovehicle.georeference import GeoGrid
from geovehicle.placement import in_pixels, parts_of

LON_LAT = pyproj.CRS.from_epsg(4326)


def _grid(
    epsg: int | None, origin: tuple[float, float], size: int = 1000, pixel: float = 0.1
) -> GeoGrid:
    transform = Affine(pixel, 0, origin[0], 0, -pixel, origin[1])
    return GeoGrid(size, size, transform, None if epsg is None else CRS.from_epsg(epsg))


def _ground(grid: GeoGrid, epsg: int) -> shapely.Polygon:
    """Return the whole grid, its sides as they bend, in another CRS."""
    a, b, c, d, e, f = grid.transform[:6]
    sides = shapely.segmentize(shapely.box(0, 0, grid.width, grid.height), grid.width / 100)
    way = pyproj.Transformer.from_crs(grid.crs.to_wkt(), epsg, always_xy=True)
    return shapely.transform(
        sides, lambda p: np.column_stack(way.transform(*(p @ [[a, d], [b, e]] + (c, f)).T))
    )


def _fills(found: shapely.Geometry, grid: GeoGrid) -> bool:
    whole = shapely.box(0, 0, grid.width, grid.height)
    return shapely.symmetric_difference(found, whole).area < 1e-3 * whole.area


def _covers(found: shapely.Geometry, grid: GeoGrid) -> bool:
    return found.covers(shapely.box(0, 0, grid.width, grid.height))


@pytest.mark.parametrize(
    ("epsg", "origin"),
    [(28992, (130_000, 455_000)), (32631, (500_000, 10)), (3857, (1e6, 6e6)), (2154, (7e5, 6.6e6))],
)
def test_the_outline_of_a_raster_in_degrees_becomes_its_rectangle(
    epsg: int, origin: tuple[float, float]
) -> None:
    grid = _grid(epsg, origin)
    assert _fills(in_pixels(np.array([_ground(grid, 4326)]), LON_LAT, grid), grid)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(-500, 500))
def test_corners_go_through_the_inverse_of_any_geotransform(
    a: float, b: float, d: float, e: float, offset: float
) -> None:
    if abs(a * e - b * d) < 1e-3:
        return
    grid = GeoGrid(1000, 800, Affine(a, b, offset, d, e, -offset), None)
    shape = shapely.Polygon([(100, 100), (900, 150), (500, 700)])
    drawn = shapely.transform(shape, lambda p: p @ [[a, d], [b, e]] + (offset, -offset))
    found = in_pixels(np.array([drawn]), None, grid)
    assert shapely.symmetric_difference(found, shape).area < 1e-6 * shape.area


def test_long_edges_bend_as_they_do_on_the_ground() -> None:
    """A parallel of latitude is no straight line in UTM: 10 km from the middle of 80 km."""
    grid = _grid(32632, (460_000, 5_540_000), size=800, pixel=100)
    north = shapely.Polygon([(5, 49.8), (13, 49.8), (13, 60), (5, 60)])
    found = in_pixels(np.array([north]), LON_LAT, grid)
    way = pyproj.Transformer.from_crs(4326, 32632, always_xy=True)
    for east in (8.5, 9.0, 9.4):
        x, y = way.transform(east, 49.8)
        border = shapely.Point((x - 460_000) / 100, (5_540_000 - y) / 100)
        assert found.boundary.distance(border) < 1e-3  # 10 cm


def test_what_lies_at_the_other_end_of_the_world_does_not_matter() -> None:
    grid = _grid(32631, (500_000, 5_700_000))
    world = shapely.box(-180, -90, 180, 90)
    assert _covers(in_pixels(np.array([world]), LON_LAT, grid), grid)
    antipode = shapely.box(182 - 360, -52, 184 - 360, -50)
    assert in_pixels(np.array([antipode]), LON_LAT, grid).is_empty


@pytest.mark.parametrize(
    ("spans", "area"),
    [
        ([(179, 180), (-180, -179)], 1_000_000),
        ([(179, 181)], 1_000_000),
        ([(-181, -179)], 1_000_000),
        ([(179, 180)], 500_000),
        ([(-180, -179)], 500_000),
        ([(180, 181)], 500_000),
    ],
    ids=["in two", "to the east", "to the west", "west half", "east half", "east half again"],
)
def test_the_antimeridian_divides_nothing(spans: list[tuple[float, float]], area: float) -> None:
    x, y = pyproj.Transformer.from_crs(4326, 32701, always_xy=True).transform(180, -17)
    grid = _grid(32701, (x - 50, y + 50))
    shapes = np.array([shapely.box(west, -18, east, -16) for west, east in spans])
    found = in_pixels(shapes, LON_LAT, grid).intersection(shapely.box(0, 0, 1000, 1000))
    assert found.area == pytest.approx(area, rel=0.02)  # the meridian is not quite upright


def test_only_what_is_near_the_antimeridian_is_projected() -> None:
    half_a_globe = CRS.from_proj4("+proj=gnom +lat_0=-17 +lon_0=180 +datum=WGS84")
    grid = GeoGrid(1000, 1000, Affine(0.1, 0, -50, 0, -0.1, 50), half_a_globe)
    shapes = np.array([shapely.box(west, -18, west + 2, -16) for west in (-1, 179)])
    assert _covers(in_pixels(shapes, LON_LAT, grid), grid)


def test_a_raster_in_degrees_may_count_beyond_180() -> None:
    grid = _grid(4326, (199.9, -10), pixel=1e-4)
    around = shapely.box(-161, -11, -159, -9)
    assert _covers(in_pixels(np.array([around]), LON_LAT, grid), grid)


def test_a_raster_around_the_pole_has_one() -> None:
    grid = _grid(3995, (-1000, 1000), size=2000, pixel=1)
    cap = shapely.box(-180, 80, 180, 90)
    found = in_pixels(np.array([cap]), LON_LAT, grid)
    assert found.buffer(1).covers(shapely.box(0, 0, 2000, 2000))


def test_polygons_that_overlap_become_one() -> None:
    shapes = np.array([shapely.box(0, 0, 50, 50), shapely.box(20, 20, 80, 80)])
    grid = GeoGrid(100, 100, Affine.identity(), None)
    assert in_pixels(shapes, None, grid).area == 50**2 + 60**2 - 30**2


def test_nothing_near_is_empty() -> None:
    shapes = np.array([shapely.box(900, 900, 950, 950)])
    assert in_pixels(shapes, None, GeoGrid(100, 100, Affine.identity(), None)).is_empty


@pytest.mark.parametrize(("crs", "epsg"), [(None, 28992), (LON_LAT, None)])
def test_one_that_lacks_its_crs_is_refused(crs: pyproj.CRS | None, epsg: int | None) -> None:
    shapes = np.array([shapely.box(4, 52, 5, 53)])
    with pytest.raises(GeoreferenceError, match=r"has no CRS and .* has one"):
        in_pixels(shapes, crs, _grid(epsg, (130_000, 455_000)))


def test_pixels_without_size_are_refused() -> None:
    grid = GeoGrid(10, 10, Affine(0, 0, 5, 0, 0, 5), None)
    with pytest.raises(GeoreferenceError, match="no size"):
        in_pixels(np.array([shapely.box(0, 0, 9, 9)]), None, grid)


def test_a_raster_outside_of_its_crs_is_refused() -> None:
    grid = _grid(32631, (1e30, 1e30))
    with pytest.raises(GeoreferenceError, match="outside of its CRS"):
        in_pixels(np.array([shapely.box(0, 0, 9, 9)]), LON_LAT, grid)


def test_crss_of_different_worlds_are_refused() -> None:
    moon = pyproj.CRS.from_proj4("+proj=longlat +a=1737400 +b=1737400 +no_defs")
    with pytest.raises(GeoreferenceError, match="no way to the raster's CRS"):
        in_pixels(np.array([shapely.box(4, 52, 6, 53)]), moon, _grid(28992, (130_000, 455_000)))


def test_parts_are_polygons_of_any_depth() -> None:
    box = shapely.box(0, 0, 1, 1)
    shapes = [
        box,
        shapely.MultiPolygon([box, shapely.box(2, 2, 3, 3)]),
        shapely.GeometryCollection([shapely.MultiPolygon([box]), shapely.Point(0, 0)]),
        shapely.Polygon(),
        shapely.LineString([(0, 0), (1, 1)]),
    ]
    assert [part.area for part in parts_of(np.array(shapes, object))] == [1, 1, 1, 1]
    assert len(parts_of(np.empty(0, object))) == 0
