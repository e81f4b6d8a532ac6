from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import pytest
from affine import Affine
from geopandas.testing import assert_geodataframe_equal
from rasterio.crs import CRS

from geovehicle.areas import areas
from geovehicle.detections import Detections
from geovehicle.errors import GeoreferenceError
from geovehicle.export.frame import FIELDS, concatenate, in_crs, reproject, to_frame
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.georeference import GeoGrid

if TYPE_CHECKING:
    import geopandas as gpd

CLASSES = ("vehicle", "bus")


def grid(epsg: int | None = 28992, x: float = 155000.0, y: float = 463000.0) -> GeoGrid:
    crs = None if epsg is None else CRS.from_epsg(epsg)
    return GeoGrid(1000, 800, Affine(0.1, 0, x, 0, -0.1, y), crs)


def found(*scores: float, label: int = 0) -> Detections:
    corners = np.arange(len(scores))[:, None] * 50.0
    boxes = np.hstack([corners, corners, corners + 45, corners + 20])
    return Detections(boxes, np.array(scores), np.full(len(scores), label))


def turned(*degrees: float, length: float = 45.0, width: float = 18.0) -> Detections:
    """Return cars that lie at angles from the x axis of pixels, clockwise as seen."""
    rows = [[400, 400, length, width, np.radians(angle)] for angle in degrees]
    corners = corners_of(np.array(rows))
    ones = np.ones(len(rows))
    return Detections(boxes_of(corners), ones, ones, corners, np.full(len(rows), 0.87654))


def dtypes(frame: gpd.GeoDataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_a_detection_becomes_a_row():
    frame = to_frame(found(0.9, 0.75), grid(), "scene.tif", CLASSES)
    assert list(frame.columns) == [*FIELDS, "geometry"]
    assert [*FIELDS] == (
        "id score label label_score length_m width_m area_m2 azimuth_deg source".split()  # noqa: SIM905
    )
    assert frame["id"].tolist() == [1, 2]
    assert frame["score"].tolist() == [0.9, 0.75]
    assert frame["label_score"].tolist() == [1, 1]
    assert frame["label"].tolist() == ["vehicle", "vehicle"]
    assert frame["source"].tolist() == ["scene.tif", "scene.tif"]
    assert frame.geometry[1].bounds == pytest.approx((155005, 462993, 155009.5, 462995))


def test_labels_are_the_names_of_the_classes():
    assert to_frame(found(0.9, label=1), grid(), "s", CLASSES)["label"].tolist() == ["bus"]


def test_scores_have_four_decimals():
    assert to_frame(found(0.123456), grid(), "s", CLASSES)["score"].tolist() == [0.1235]


def test_a_footprint_is_drawn_and_measured_as_it_lies():
    frame = to_frame(turned(0, 30, 90, 120), grid(), "s", CLASSES)
    assert frame["length_m"].tolist() == [4.5] * 4
    assert frame["width_m"].tolist() == [1.8] * 4
    assert frame["area_m2"].tolist() == [8.1] * 4
    assert frame["azimuth_deg"].tolist() == [90, 120, 0, 30]
    assert frame["label_score"].tolist() == [0.8765] * 4
    assert frame["label"].tolist() == ["bus"] * 4
    assert frame.area.tolist() == pytest.approx([4.5 * 1.8] * 4)
    assert frame.exterior.is_ccw.all()


@pytest.mark.parametrize("heading", [0.0, 30.0, 90.0, 135.0])
@pytest.mark.parametrize(
    ("epsg", "lon", "lat", "pixel"),
    [
        (3857, 24.9, 60.0, 0.2),
        (32635, 24.9, 60.0, 0.1),
        (4326, 24.9, 60.0, 1e-6),
        (2263, -74.0, 40.7, 0.3),
    ],
)
def test_a_car_of_4_6_metres_on_the_ground_measures_as_much_in_any_crs(
    epsg: int, lon: float, lat: float, pixel: float, heading: float
) -> None:
    geod = pyproj.Geod(ellps="WGS84")
    half, angle = np.hypot(2.3, 0.9), np.degrees(np.arctan2(0.9, 2.3))
    directions = heading + np.array([-angle, angle, 180 - angle, 180 + angle])
    ground = geod.fwd([lon] * 4, [lat] * 4, directions, [half] * 4)[:2]
    way = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = np.array(way.transform(*ground))
    scene = GeoGrid(
        1000,
        1000,
        Affine(pixel, 0, x.mean() - 500 * pixel, 0, -pixel, y.mean() + 500 * pixel),
        CRS.from_epsg(epsg),
    )
    a, _, left, _, e, top = scene.transform[:6]
    corners = np.stack([(x - left) / a, (y - top) / e], axis=-1)[None]
    car = Detections(boxes_of(corners), np.ones(1), np.zeros(1), corners)
    (row,) = to_frame(car, scene, "s", CLASSES).itertuples()
    assert row.length_m == pytest.approx(4.6, rel=0.02)
    assert row.width_m == pytest.approx(1.8, rel=0.02)
    assert row.area_m2 == pytest.approx(4.6 * 1.8, rel=0.03)
    assert [row.area_m2] == pytest.approx(
        areas(pyproj.CRS(epsg), np.array([row.geometry])).tolist(), rel=0.005
    )


def test_a_horizontal_box_tells_neither_length_nor_direction():
    frame = to_frame(found(0.9, 0.8), grid(), "s", CLASSES)
    assert frame[["length_m", "width_m", "area_m2", "azimuth_deg"]].isna().all(axis=None)


def test_horizontal_boxes_keep_what_is_known_of_the_footprints():
    cars = turned(0, 30, 60)
    oriented = to_frame(cars, grid(), "s", CLASSES)
    horizontal = to_frame(cars, grid(), "s", CLASSES, "horizontal")
    assert horizontal.drop(columns="geometry").equals(oriented.drop(columns="geometry"))
    boxes = to_frame(replace(cars, footprints=None), grid(), "s", CLASSES)
    assert horizontal.geometry.geom_equals(boxes.geometry).all()
    assert horizontal.geometry.geom_equals(oriented.geometry).tolist() == [True, False, False]


def test_measures_are_rounded_and_azimuths_stay_below_180():
    frame = to_frame(turned(89.97, 30.123, length=45.6789), grid(), "s", CLASSES)
    assert frame["azimuth_deg"].tolist() == [0.0, 120.1]
    assert frame["length_m"].tolist() == [4.57, 4.57]


def test_metres_are_those_of_the_grid_where_it_tells_them():
    frame = to_frame(turned(30), replace(grid(), gsd=(0.2, 0.2)), "s", CLASSES)
    assert frame[["length_m", "width_m", "azimuth_deg"]].to_numpy().tolist() == [[9, 3.6, 120]]


def test_without_crs_and_gsd_lengths_are_not_known():
    frame = to_frame(turned(30), grid(None), "s", CLASSES)
    assert frame[["length_m", "width_m", "area_m2"]].isna().all(axis=None)
    assert frame["azimuth_deg"].tolist() == [120]


@pytest.mark.parametrize("epsg", [28992, 4326, 3395, 2263])
def test_the_crs_keeps_its_epsg_code(epsg):
    assert to_frame(found(0.9), grid(epsg), "s", CLASSES).crs.to_epsg() == epsg


def test_without_a_crs_there_is_none():
    assert to_frame(found(0.9), grid(None), "s", CLASSES).crs is None


def test_a_crs_that_proj_does_not_know_is_a_georeference_error():
    class Unknown:
        def to_wkt(self):
            return 'PROJCS["nonsense"]'

    odd = GeoGrid(10, 10, Affine.identity(), Unknown())
    with pytest.raises(GeoreferenceError, match="not understood"):
        to_frame(found(0.9), odd, "s", CLASSES)


def test_an_empty_layer_has_the_same_schema():
    empty = to_frame(Detections.empty(), grid(), "s", CLASSES)
    assert len(empty) == 0
    assert dtypes(empty) == dtypes(to_frame(found(0.9), grid(), "s", CLASSES))
    assert empty.crs.to_epsg() == 28992


def test_layers_of_one_crs_are_joined_as_they_are():
    first = to_frame(found(0.9, 0.8), grid(), "a.tif", CLASSES)
    second = to_frame(found(0.7), grid(x=160000), "b.tif", CLASSES)
    joined = concatenate([first, second])
    assert joined["id"].tolist() == [1, 2, 3]
    assert joined["source"].tolist() == ["a.tif", "a.tif", "b.tif"]
    assert joined["score"].tolist() == [0.9, 0.8, 0.7]
    assert [*joined.geometry] == [*first.geometry, *second.geometry]
    assert dtypes(joined) == dtypes(first)


def test_other_crss_are_reprojected_to_the_first():
    dutch = to_frame(found(0.9), grid(), "a.tif", CLASSES)
    german = to_frame(found(0.9), grid(25832, x=120000, y=5800000), "b.tif", CLASSES)
    joined = concatenate([dutch, german])
    assert joined.crs.to_epsg() == 28992
    assert joined.geometry[0] == dutch.geometry[0]
    assert joined.geometry[1].equals(german.to_crs(28992).geometry[0])


@pytest.mark.parametrize("boxes", ["oriented", "horizontal"])
def test_azimuths_are_of_the_first_layers_north_and_lengths_stay(boxes):
    # the zones' grids differ by 4.5 degrees where they meet
    east = to_frame(turned(0, 150), grid(25833, 300000, 5334800), "b.tif", CLASSES, boxes)
    west = to_frame(Detections.empty(), grid(25832), "a.tif", CLASSES, boxes)
    joined = concatenate([west, east])
    assert joined["length_m"].tolist() == east["length_m"].tolist()
    assert joined["width_m"].tolist() == east["width_m"].tolist()
    oriented = to_frame(turned(0, 150), grid(25833, 300000, 5334800), "b.tif", CLASSES)
    drawn = [longer_side(polygon) for polygon in oriented.to_crs(25832).geometry]
    assert joined["azimuth_deg"].tolist() == pytest.approx(drawn, abs=0.11)
    assert np.abs(joined["azimuth_deg"] - east["azimuth_deg"]).min() > 3


def test_parts_of_a_layer_are_reprojected_as_the_whole():
    first = to_frame(Detections.empty(), grid(25832), "a.tif", CLASSES)
    other = to_frame(turned(0, 30, 150), grid(25833, 300000, 5334800), "b.tif", CLASSES)
    whole = concatenate([first, other]).drop(columns="id")
    for row in range(3):
        part = in_crs(other.iloc[row : row + 1], first.crs).drop(columns="id")
        assert_geodataframe_equal(
            part.reset_index(drop=True), whole.iloc[[row]].reset_index(drop=True)
        )
    assert in_crs(other, other.crs) is other


def longer_side(polygon) -> float:
    """Return the azimuth of the longer side of a rectangle."""
    steps = np.diff(np.array(polygon.exterior.coords), axis=0)
    x, y = steps[np.hypot(*steps.T).argmax()]
    return float(np.degrees(np.arctan2(x, y)) % 180)


def test_unknown_azimuths_stay_unknown_in_another_crs():
    german = to_frame(found(0.9), grid(25832, x=120000, y=5800000), "b.tif", CLASSES)
    joined = concatenate([to_frame(found(0.8), grid(), "a.tif", CLASSES), german])
    assert joined[["length_m", "width_m", "area_m2", "azimuth_deg"]].isna().all(axis=None)
    assert dtypes(joined)["azimuth_deg"] == "float64"


def test_a_layer_without_azimuths_is_reprojected_as_well():
    frame = to_frame(turned(30), grid(), "s", CLASSES).drop(columns="azimuth_deg")
    assert reproject(frame, "EPSG:4326").geometry[0].equals(frame.to_crs(4326).geometry[0])


def test_empty_layers_change_nothing():
    empty = to_frame(Detections.empty(), grid(), "a.tif", CLASSES)
    full = to_frame(found(0.9), grid(), "b.tif", CLASSES)
    joined = concatenate([empty, full, empty])
    assert joined["source"].tolist() == ["b.tif"]
    assert dtypes(joined) == dtypes(full)
    assert dtypes(concatenate([empty, empty])) == dtypes(full)


def test_an_empty_layer_in_another_crs_is_no_obstacle():
    full = to_frame(found(0.9), grid(), "a.tif", CLASSES)
    empty = to_frame(Detections.empty(), grid(25832), "b.tif", CLASSES)
    assert len(concatenate([full, empty])) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_with_and_without_crs_do_not_mix(order):
    frames = [to_frame(found(0.9), grid(epsg), "s", CLASSES) for epsg in (28992, None)]
    with pytest.raises(GeoreferenceError, match="others have none"):
        concatenate([frames[place] for place in order])


def test_the_ground_of_a_building_site_is_no_other():
    frame = to_frame(found(0.9), grid(), "s", CLASSES)
    site = frame.set_crs('LOCAL_CS["site",UNIT["metre",1]]', allow_override=True)
    with pytest.raises(GeoreferenceError, match="site cannot be reprojected to Amersfoort"):
        concatenate([frame, site])


def test_all_without_crs_stay_so():
    frame = to_frame(found(0.9), grid(None), "s", CLASSES)
    assert concatenate([frame, frame]).crs is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gsd", [None, (0.1, 0.1)])
@pytest.mark.parametrize("cars", [found(0.9), turned(30)], ids=["horizontal", "oriented"])
@pytest.mark.parametrize("place", [grid(4326, x=0, y=500), grid(25832, x=1e12)], ids=["N", "E"])
def test_polygons_that_cannot_be_reprojected_are_a_georeference_error(place, cars, gsd):
    frame = to_frame(cars, grid(3857), "s", CLASSES)
    nowhere = to_frame(cars, replace(place, gsd=gsd), "t", CLASSES)
    with pytest.raises(GeoreferenceError, match="does not reach"):
        concatenate([frame, nowhere])


def test_azimuths_of_a_crs_that_is_contradicted_are_known_and_stay_so():
    utm_as_degrees = replace(grid(4326, 500000, 5300000), gsd=(0.1, 0.1))
    frame = to_frame(turned(30), utm_as_degrees, "s", CLASSES)
    assert frame[["length_m", "width_m", "azimuth_deg"]].to_numpy().tolist() == [[4.5, 1.8, 120]]
    assert reproject(frame, "EPSG:4326")["azimuth_deg"].tolist() == [120]
