from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from geovehicle.analysis.layers import numbers, read_vehicles, read_zones
from geovehicle.errors import InputError
from geovehicle.export.frame import FIELDS
from geovehicle.export.writers import write

if TYPE_CHECKING:
    from pathlib import Path

POINT = shapely.Point(1, 2)


def detected(cars) -> gpd.GeoDataFrame:
    values = {"int64": 1, "float64": 0.5, "str": "car"}
    return cars([[0, 0], [9, 9]], **{name: [values[kind]] * 2 for name, kind in FIELDS.items()})


def test_vehicles_are_read_with_the_fields_that_are_needed(cars, tmp_path: Path) -> None:
    path = tmp_path / "cars.gpkg"
    write(detected(cars), path)
    assert set(read_vehicles(str(path))) == {*FIELDS, "geometry"}
    assert list(read_vehicles(str(path), ["score"])) == ["score", "geometry"]
    assert list(read_vehicles(str(path), [])) == ["geometry"]
    assert list(read_vehicles(str(path), ["height"])) == ["geometry"]


@pytest.mark.parametrize("batch", [2, 100])
def test_batches_make_the_layer_that_pyogrio_reads(tmp_path: Path, monkeypatch, batch: int) -> None:
    path, places = tmp_path / "zones.gpkg", np.arange(5.0)
    fields = {
        "number": pd.array([1, None, 3, 4, 5], "Int64"),
        "share": [0.5, np.nan, 1, 2, 3],
        "known": [True, False, True, False, True],
        "name": ["ä", None, "", "d", "e"],
    }
    shapes = [None, *shapely.box(places, 0, places + 1, 1)[1:]]
    gpd.GeoDataFrame(fields, geometry=shapes, crs=25832).to_file(path)
    expected = pyogrio.read_dataframe(path)
    monkeypatch.setattr(pyogrio, "read_dataframe", None)  # which is for other fields
    opening = partial(pyogrio.open_arrow, batch_size=batch)
    monkeypatch.setattr(pyogrio, "open_arrow", opening)
    assert_geodataframe_equal(read_zones(str(path)), expected)


def test_dates_and_times_are_read_as_pyogrio_reads_them(tmp_path: Path) -> None:
    path, time = tmp_path / "zones.gpkg", pd.to_datetime(["2026-01-02 03:04:05+01:00"])
    fields = {"since": time, "day": [date(2026, 1, 2)], "raw": [b"\xff"]}
    gpd.GeoDataFrame(fields, geometry=[shapely.box(0, 0, 1, 1)], crs=25832).to_file(path)
    assert_geodataframe_equal(read_zones(str(path)), pyogrio.read_dataframe(path, use_arrow=True))


@pytest.mark.parametrize("suffix", [".parquet", ".GeoParquet", ".fgb", ".csv"])
def test_every_format_that_is_written_is_read(cars, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cars{suffix}"
    write(detected(cars), path)
    found = read_vehicles(str(path))
    assert (set(found), len(found)) == ({*FIELDS, "geometry"}, 2)
    assert found.crs == detected(cars).crs
    assert list(read_vehicles(str(path), ["score", "height"])) == ["score", "geometry"]


def test_a_damaged_geoparquet_is_an_input_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "cars.parquet"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="cannot be read as a vector layer"):
        read_vehicles(str(path))


def test_a_table_of_styles_is_no_layer(cars, tmp_path: Path) -> None:
    path = tmp_path / "cars.gpkg"
    write(detected(cars), path)
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["vehicles", "layer_styles"]
    assert len(read_vehicles(str(path))) == len(read_zones(str(path))) == 2
    detected(cars).to_file(path, layer="others", mode="a")
    with pytest.raises(InputError, match=r"has 2 layers, vehicles, others; name one"):
        read_vehicles(str(path))


def test_short_names_of_shapefiles_become_long_again(cars, tmp_path: Path) -> None:
    path = tmp_path / "cars.shp"
    write(detected(cars), path)
    assert set(read_vehicles(str(path))) == {*FIELDS, "geometry"}
    assert "azimuth_deg" in read_vehicles(str(path), ["azimuth_deg", "label_score"])


def test_fields_of_other_software_keep_their_names(cars, tmp_path: Path) -> None:
    path = tmp_path / "cars.shp"
    cars([[0, 0]], azimuth=[1.0]).to_file(path)
    assert "azimuth" in read_vehicles(str(path))


def test_vehicles_without_place_are_left_out_and_zones_without_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "both.gpkg"
    frame = gpd.GeoDataFrame({"n": [1, 2]}, geometry=[None, shapely.box(0, 0, 1, 1)], crs=25832)
    frame.to_file(path)
    assert read_vehicles(str(path)).index.tolist() == [0]
    assert read_zones(str(path))["n"].tolist() == [1, 2]


def test_heights_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "high.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.Point(1, 2, 3)], crs=25832).to_file(path)
    assert not read_vehicles(str(path)).geometry.has_z.any()


def test_a_layer_of_several_is_named_as_in_qgis(tmp_path: Path) -> None:
    path = tmp_path / "plans.gpkg"
    for name, size in (("north", 1), ("south", 2)):
        shapes = [shapely.box(0, 0, 1, 1)] * size
        gpd.GeoDataFrame(geometry=shapes, crs=25832).to_file(path, layer=name)
    assert len(read_zones(f"{path}|layername=south")) == 2
    with pytest.raises(InputError, match=r"has 2 layers, north, south; name one as .*=north"):
        read_zones(str(path))
    with pytest.raises(InputError, match="cannot be read as a vector layer"):
        read_zones(f"{path}|layername=west")


def test_what_is_no_layer_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as a vector layer") as error:
        read_vehicles(str(tmp_path / "missing.gpkg"))
    assert "\n" not in str(error.value)


def test_other_geometries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "points.gpkg"
    gpd.GeoDataFrame(geometry=[POINT], crs=25832).to_file(path)
    assert len(read_vehicles(str(path))) == 1
    with pytest.raises(InputError, match=r"features of the kind Point; give polygons$"):
        read_zones(str(path))
    lines = tmp_path / "lines.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=25832).to_file(lines)
    with pytest.raises(InputError, match=r"LineString; give polygons or points$"):
        read_vehicles(str(lines))


def test_coordinates_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.gpkg"
    shape = shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)])
    gpd.GeoDataFrame(geometry=[shape], crs=25832).to_file(path)
    with pytest.raises(InputError, match="coordinates that are no numbers"):
        read_zones(str(path))


def test_fields_as_numbers() -> None:
    frame = gpd.GeoDataFrame({"n": ["1", None, "2.5"], "t": ["a", "b", "c"]}, geometry=[POINT] * 3)
    assert numbers(frame, "n", "they").tolist() == pytest.approx([1, np.nan, 2.5], nan_ok=True)
    with pytest.raises(InputError, match="the field t of them is not numeric; give numbers"):
        numbers(frame, "t", "them")
    with pytest.raises(InputError, match="they have no field x; leave out what needs it"):
        numbers(frame, "x", "they")
