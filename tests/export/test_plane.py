from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from geovehicle.errors import GeoreferenceError
from geovehicle.export.plane import POINT_RADIUS_M, Plane, in_plane, rings_of
from geovehicle.georeference import GeoGrid

OSLO = (10.75, 59.91)


def around_oslo(epsg: int) -> tuple[pyproj.CRS, np.ndarray]:
    """Return the ends of a line of 400 m to the north-east, in a CRS, and their middle."""
    lon, lat, _ = pyproj.Geod(ellps="WGS84").fwd([OSLO[0]] * 2, [OSLO[1]] * 2, [225, 45], [200] * 2)
    crs = pyproj.CRS(epsg)
    way = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    return crs, np.column_stack(way.transform([*lon, OSLO[0]], [*lat, OSLO[1]]))


@pytest.mark.parametrize("epsg", [3857, 25832, 4326, 3005])
def test_metres_are_true_on_the_ground(epsg):
    crs, points = around_oslo(epsg)
    plane = Plane.of_layer(gpd.GeoDataFrame(geometry=shapely.points(points[:2]), crs=crs))
    one, other = plane.place(points[:2])
    assert np.hypot(*(other - one)) == pytest.approx(400, rel=2e-3)
    assert plane.metric


@pytest.mark.parametrize("epsg", [3857, 25832, 4326])
def test_of_an_orthophoto_likewise(epsg):
    crs, points = around_oslo(epsg)
    side = 1e-6 if crs.is_geographic else 0.1
    corner = points[2] + np.array([-500, 300]) * side
    grid = GeoGrid(1000, 600, Affine(side, 0, corner[0], 0, -side, corner[1]), CRS.from_epsg(epsg))
    plane = Plane.of_grid(grid)
    assert plane.place(points[2]) == pytest.approx([0, 0], abs=1e-6)
    one, other = plane.place(points[:2])
    assert np.hypot(*(other - one)) == pytest.approx(400, rel=2e-3)
    assert (other > one).all()


def test_rows_of_a_raster_without_geotransform_run_down():
    plane = Plane.of_grid(GeoGrid(100, 50, Affine.identity(), None, (0.1, 0.2)))
    assert plane.place(np.array([[0, 0], [100, 50]])) == pytest.approx(np.array([[-5, 5], [5, -5]]))


@pytest.mark.parametrize("rows", [0, 1])
def test_units_that_nobody_knows_are_not_called_metres(rows):
    layer = gpd.GeoDataFrame(geometry=[shapely.box(10, 20, 30, 60)][:rows])
    assert not Plane.of_layer(layer).metric


def test_an_outline_is_exact_to_a_millimetre_kilometres_away():
    plane = Plane((130_000.0, 455_000.0), (1.0, 1.0))
    corners = np.array([[134_567.123, 459_876.543], [134_571.7, 459_876.5], [134_571.7, 459_878.2]])
    rings = rings_of(np.array([shapely.Polygon(corners)]), plane)
    drawn = rings.points[: len(corners)].astype(float) + plane.origin
    assert np.abs(drawn - corners).max() < 1e-3


def test_outlines_one_after_the_other():
    plane = Plane((0.0, 0.0), (1.0, 2.0))
    triangle = shapely.Polygon([(0, 0), (1, 0), (0, 1)])
    two = shapely.MultiPolygon([triangle, shapely.box(5, 5, 6, 6)])
    rings = rings_of(np.array([triangle, two]), plane)
    assert rings.starts.tolist() == [0, 4, 13]
    assert rings.points[:3].tolist() == [[0, 0], [1, 0], [0, 2]]
    assert np.isnan(rings.points[[3, 7, 12]]).all()
    assert np.isfinite(np.delete(rings.points, [3, 7, 12], axis=0)).all()
    assert rings.bounds == (0, 0, 6, 12)


def test_points_are_small_circles_on_the_ground():
    plane = Plane((10.0, 50.0), (71_000.0, 111_000.0))
    rings = rings_of(np.array([shapely.Point(10.001, 50)]), plane)
    away = rings.points[:-1] - plane.place(np.array([10.001, 50.0]))
    assert np.hypot(*away.T) == pytest.approx(POINT_RADIUS_M, abs=1e-3)


def test_no_outlines():
    rings = rings_of(np.array([], object), Plane((0.0, 0.0), (1.0, 1.0)))
    assert rings.points.shape == (0, 2)
    assert rings.starts.tolist() == [0]
    assert rings.bounds == (0, 0, 0, 0)


def test_vehicles_go_into_the_crs_of_the_orthophoto_and_turn_with_it():
    crs, points = around_oslo(4326)
    frame = gpd.GeoDataFrame({"azimuth_deg": [0.0]}, geometry=[shapely.Point(points[2])], crs=crs)
    placed = in_plane(frame, pyproj.CRS(25833))
    assert placed.crs.to_epsg() == 25833
    assert placed["azimuth_deg"].iloc[0] == pytest.approx(3.7, abs=0.1)  # grid north of zone 33
    assert in_plane(frame, frame.crs) is frame


@pytest.mark.parametrize(
    ("crs", "target", "message"),
    [
        (None, 25832, "the layer has no CRS"),
        (25832, None, "the orthophoto has no CRS"),
        (4326, 3857, "cannot be laid on WGS 84 / Pseudo-Mercator"),
        (4326, 'LOCAL_CS["site",UNIT["metre",1]]', "cannot be laid on site"),
    ],
)
def test_vehicles_that_cannot_be_placed(crs, target, message):
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(10, 95)], crs=crs)
    with pytest.raises(GeoreferenceError, match=message):
        in_plane(frame, target and pyproj.CRS(target))
