from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio
import pytest
import shapely

if TYPE_CHECKING:
    from pathlib import Path

EAST, NORTH = 500_000.0, 5_600_000.0


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    """Return three cars and two car parks of another CRS; one car stands beside them."""
    cars, zones = tmp_path / "cars.gpkg", tmp_path / "zones.gpkg"
    shapes = [shapely.box(EAST + x, NORTH, EAST + x + 4.6, NORTH + 1.8) for x in (10, 20, 300)]
    fields = {"score": [0.9, 0.6, 0.9], "label": ["car", "bus", "car"]}
    gpd.GeoDataFrame(fields, geometry=shapes, crs=25832).to_file(cars)
    parks = [
        shapely.box(EAST, NORTH - 50, EAST + 50, NORTH + 50),
        shapely.box(EAST + 50, NORTH - 50, EAST + 100, NORTH + 50),
    ]
    drawn = gpd.GeoDataFrame({"name": ["P1", "P2"], "room": [4, 8]}, geometry=parks, crs=25832)
    drawn.to_crs(3857).to_file(zones)
    return cars, zones


def test_a_layer_of_zones_with_counts_and_one_line(run, layers, tmp_path) -> None:
    output = tmp_path / "counts.gpkg"
    result = run("count", *layers, "-o", output, "--capacity", "room", "--by-label")
    assert result.exit_code == 0
    assert result.stdout == "2 of 3 vehicles in 2 zones; 1 outside of all → counts.gpkg\n"
    table = pyogrio.read_dataframe(output)
    assert table["vehicles"].tolist() == [2, 0]
    assert table["occupancy"].tolist() == [0.5, 0.0]
    assert table["n_bus"].tolist() == table["n_car"].tolist() == [1, 0]
    assert table.crs.to_epsg() == 3857


def test_a_table_and_a_summary_for_scripts(run, layers, tmp_path) -> None:
    output = tmp_path / "counts.csv"
    result = run("count", *layers, "-o", output, "--score", "0.7", "--json")
    told = json.loads(result.stdout)
    assert (told["vehicles"], told["inside"], told["outside"], told["total"]) == (2, 1, 1, 1)
    assert output.read_text().splitlines()[0] == "name,room,vehicles,per_ha"


def test_vehicles_in_several_zones_are_told(run, layers, tmp_path) -> None:
    cars, zones = layers
    twice = tmp_path / "twice.gpkg"
    park = gpd.read_file(zones).geometry[0]
    gpd.GeoDataFrame(geometry=[park, park], crs=3857).to_file(twice)
    result = run("count", cars, twice, "-o", tmp_path / "a.csv")
    assert "2 of 3 vehicles in 2 zones, 2 in several; 1 outside" in result.stdout
    first = run("count", cars, twice, "-o", tmp_path / "b.csv", "--overlap", "first", "--json")
    assert json.loads(first.stdout)["total"] == 2


def test_what_is_wrong_is_one_line(run, layers, tmp_path) -> None:
    cars, zones = layers
    output = tmp_path / "counts.gpkg"
    for arguments, code, message in (
        ((cars, zones, "-o", zones, "--overwrite"), 4, "used by this command already"),
        ((cars, zones, "-o", tmp_path / "a.xls"), 4, "no known output format"),
        ((tmp_path / "no.gpkg", zones, "-o", output), 3, "cannot be read as a vector layer"),
        ((cars, zones, "-o", output, "--capacity", "x"), 3, "the zones have no field x"),
        ((cars, zones, "-o", output, "--score", "2"), 2, "score"),
    ):
        result = run("count", *arguments)
        assert result.exit_code == code
        assert message in result.stderr
        assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert not output.exists()


def test_existing_files_are_kept(run, layers, tmp_path) -> None:
    output = tmp_path / "counts.csv"
    output.write_text("old")
    assert run("count", *layers, "-o", output).exit_code == 4
    assert output.read_text() == "old"
    assert run("count", *layers, "-o", output, "--overwrite").exit_code == 0
