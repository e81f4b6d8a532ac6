from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

if TYPE_CHECKING:
    from pathlib import Path

EAST, NORTH = 500_000.0, 5_600_000.0


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    path = tmp_path / "cars.gpkg"
    shapes = [shapely.box(EAST + x, NORTH, EAST + x + 4.6, NORTH + 1.8) for x in (10, 20, 300)]
    frame = gpd.GeoDataFrame({"score": [0.9, 0.6, 0.9]}, geometry=shapes, crs=25832)
    frame.to_file(path)
    return path


def test_a_raster_of_vehicles_per_hectare(run, cars, tmp_path) -> None:
    output = tmp_path / "density.tif"
    result = run("density", cars, "-o", output)
    assert result.stdout == "3 vehicles in 2 cells, at most 8.0 per hectare → density.tif\n"
    with rasterio.open(output) as raster:
        values = raster.read(1)
        assert raster.crs.to_epsg() == 25832
        assert raster.transform.a == 50
        assert raster.descriptions == ("vehicles per hectare",)
    assert np.round(values).tolist() == [[8, 0, 0, 0, 0, 0, 4]]


def test_hexagons_as_a_layer(run, cars, tmp_path) -> None:
    output = tmp_path / "density.gpkg"
    result = run("density", cars, "-o", output, "--hex", "--cell", "100", "--json")
    told = json.loads(result.stdout)
    assert (told["vehicles"], told["most"]) == (3, 2)
    layer = pyogrio.read_dataframe(output, layer="density")
    assert sorted(layer["vehicles"]) == [1, 2]
    assert layer.geometry.area.to_numpy() == pytest.approx(100**2 * np.sqrt(3) / 2)


def test_what_is_wrong_is_one_line(run, cars, tmp_path) -> None:
    for arguments, code, message in (
        (("-o", tmp_path / "a.gpkg"), 4, "let it end in .tif"),
        (("-o", tmp_path / "a.tif", "--hex"), 4, "no known output format"),
        (("-o", tmp_path / "a.tif", "--score", "0.99"), 3, "no vehicles to draw a density of"),
        (("-o", tmp_path / "a.tif", "--cell", "0"), 2, "cell"),
        (("-o", cars, "--hex", "--overwrite"), 4, "used by this command already"),
    ):
        result = run("density", cars, *arguments)
        assert result.exit_code == code
        assert message in result.stderr
        assert result.stderr.splitlines()[-1].startswith("Error: ")
