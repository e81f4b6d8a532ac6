from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from geovehicle.detections import Detections
from geovehicle.errors import GeoreferenceError
from geovehicle.export.frame import FIELDS, concatenate, to_frame
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


def dtypes(frame: gpd.GeoDataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_a_detection_becomes_a_row():
    frame = to_frame(found(0.9, 0.75), grid(), "scene.tif", CLASSES)
    assert list(frame.columns) == [*FIELDS, "geometry"]
    assert frame["id"].tolist() == [1, 2]
    assert frame["score"].tolist() == [0.9, 0.75]
    assert frame["label"].tolist() == ["vehicle", "vehicle"]
    assert frame["source"].tolist() == ["scene.tif", "scene.tif"]
    assert frame.geometry[1].bounds == pytest.approx((155005, 462993, 155009.5, 462995))


def test_labels_are_the_names_of_the_classes():
    assert to_frame(found(0.9, label=1), grid(), "s", CLASSES)["label"].tolist() == ["bus"]


def test_scores_have_four_decimals():
    assert to_frame(found(0.123456), grid(), "s", CLASSES)["score"].tolist() == [0.1235]


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


def test_all_without_crs_stay_so():
    frame = to_frame(found(0.9), grid(None), "s", CLASSES)
    assert concatenate([frame, frame]).crs is None


def test_polygons_that_cannot_be_reprojected_are_a_georeference_error():
    frame = to_frame(found(0.9), grid(3857), "s", CLASSES)
    nowhere = to_frame(found(0.9), grid(4326, x=0, y=500), "t", CLASSES)
    with pytest.raises(GeoreferenceError, match="does not reach"):
        concatenate([frame, nowhere])
