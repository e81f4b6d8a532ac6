from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geovehicle.errors import DatasetError, GeoreferenceError
from geovehicle.map_evaluation import evaluate_layers
from geovehicle.matching import Rates
from geovehicle.metrics import Confusion, Found

RD, LON_LAT, SITE = "EPSG:28992", "EPSG:4326", 'LOCAL_CS["site",UNIT["metre",1]]'
BEYOND = shapely.box(5, 91, 6, 92)
WEST, SOUTH = 130_000.0, 455_000.0


def car(east: float, length: float = 4.5) -> shapely.Polygon:
    return shapely.box(WEST + east, SOUTH, WEST + east + length, SOUTH + 1.8)


def layer(*shapes: Any, crs: str | None = RD, **fields: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(fields, geometry=list(shapes), crs=crs)


def test_polygons_find_polygons_one_to_one() -> None:
    truth = layer(car(0), car(10), car(20))
    predictions = layer(car(0.3), car(0.1), car(10), car(50), score=[0.6, 0.9, 0.8, 0.7])
    report = evaluate_layers(truth, predictions, score=0.65, name="mine")
    assert report.name == "mine"
    assert report.total.rates == Rates(2, 3, 3)
    assert report.false().tolist() == [3]
    assert report.missed().tolist() == [2]
    assert report.total.images is None


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:25831"])
def test_the_predictions_may_be_in_another_crs(crs: str) -> None:
    truth = layer(car(0), car(10, length=12))
    predictions = layer(car(0), car(10, length=12)).to_crs(crs)
    for pair in ((truth, predictions), (predictions, truth)):
        report = evaluate_layers(*pair)
        assert report.total.rates == Rates(2, 2, 2)
        assert report.total.ap50_95 == pytest.approx(1.0)
        assert report.groups["sizes"]["3.5 to 6 m"].rates == Rates(1, 1, 1)
        assert report.groups["sizes"]["from 9 m"].rates == Rates(1, 1, 1)


def test_a_size_is_that_of_the_vehicle_however_it_stands() -> None:
    turned = [shapely.affinity.rotate(car(0, length=6.5), angle) for angle in (0, 30, 45)]
    for polygon in turned:
        sizes = evaluate_layers(layer(polygon), layer(polygon)).groups["sizes"]
        assert sizes["6 to 9 m"].rates == Rates(1, 1, 1)


@pytest.mark.parametrize("ignore", [[False, True], [0, 1], [None, 1.0]])
def test_what_is_to_be_ignored_counts_neither_way(ignore: list[Any]) -> None:
    truth = layer(car(0), car(10), ignore=ignore, type=["car", "bus"])
    report = evaluate_layers(truth, layer(car(0), car(10)))
    assert report.total.rates == Rates(1, 1, 1)
    assert report.types == {"car": Found(1, 1)}


def test_types_are_compared_where_both_layers_tell_them() -> None:
    truth = layer(car(0), car(10), car(20), type=["car", "van", None])
    predictions = layer(car(0), car(10), car(20), label=["car", "car", "van"])
    assert evaluate_layers(truth, predictions).confusion == Confusion(
        ("car", "van"), ((1, 0), (1, 0))
    )


@pytest.mark.parametrize("labels", [{}, {"label": ["vehicle"]}, {"label": [None]}, {"label": [1]}])
def test_without_types_in_both_layers_none_are_compared(labels: dict[str, Any]) -> None:
    report = evaluate_layers(layer(car(0), type=["car"]), layer(car(0), **labels))
    assert report.confusion is None
    assert evaluate_layers(layer(car(0)), layer(car(0), label=["car"])).confusion is None


def test_without_scores_every_prediction_counts_alike() -> None:
    report = evaluate_layers(layer(car(0)), layer(car(0), car(10)))
    assert report.scores.tolist() == [1.0, 1.0]
    assert report.total.rates == Rates(1, 2, 1)


def test_points_are_found_by_the_polygons_around_them() -> None:
    truth = layer(car(0).centroid, car(10).centroid)
    report = evaluate_layers(truth, layer(car(0), car(20)))
    assert report.total.rates == Rates(1, 2, 2)
    assert "sizes" not in report.groups


def test_layers_without_a_crs_are_compared_as_they_are() -> None:
    report = evaluate_layers(layer(car(0), crs=None), layer(car(0), crs=None))
    assert report.total.rates == Rates(1, 1, 1)
    assert report.groups == {}


def test_features_without_a_geometry_and_rings_that_cross_are_no_obstacle() -> None:
    bow = shapely.Polygon([(0, 0), (4, 4), (4, 0), (0, 4)])
    crossing = shapely.affinity.translate(bow, WEST, SOUTH)
    report = evaluate_layers(layer(crossing, None), layer(shapely.Polygon(), crossing))
    assert report.total.rates == Rates(1, 1, 1)


def test_empty_layers() -> None:
    nothing = layer()
    assert evaluate_layers(nothing, nothing).total.rates == Rates(0, 0, 0)
    assert evaluate_layers(nothing, layer(car(0))).total.rates == Rates(0, 1, 0)
    assert evaluate_layers(layer(car(0)), nothing).total.rates == Rates(0, 0, 1)


@pytest.mark.parametrize(
    ("truth", "predictions", "error", "message"),
    [
        (layer(car(0)), layer(car(0), crs=None), GeoreferenceError, "one of the layers has a CRS"),
        (layer(car(0)), layer(car(0), crs=SITE), GeoreferenceError, "New and site cannot be proj"),
        (layer(car(0)), layer(BEYOND, crs=LON_LAT), GeoreferenceError, "WGS 84 does not reach Ame"),
        (layer(car(0)), layer(car(0), score=["good"]), DatasetError, "score is not numeric"),
        (layer(car(0)), layer(car(0), score=[np.nan]), DatasetError, "no number"),
        (layer(car(0), ignore=["yes"]), layer(car(0)), DatasetError, "ignore is not numeric"),
        (layer(car(0)), layer(car(0).centroid), DatasetError, "predictions .* Point; give poly"),
        (layer(car(0).boundary), layer(car(0)), DatasetError, "truth .* give polygons or points"),
    ],
)
def test_what_cannot_be_compared_is_told(
    truth: gpd.GeoDataFrame, predictions: gpd.GeoDataFrame, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        evaluate_layers(truth, predictions)
