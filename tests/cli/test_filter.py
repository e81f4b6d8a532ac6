from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio
import pytest
import shapely

if TYPE_CHECKING:
    from pathlib import Path

EAST, NORTH = 500_000.0, 5_600_000.0


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    path = tmp_path / "cars.gpkg"
    shapes = [shapely.box(EAST + x, NORTH, EAST + x + 4.6, NORTH + 1.8) for x in (10, 20, 300)]
    fields = {"id": [1, 2, 3], "score": [0.9, 0.6, 0.9], "length_m": [4.6, 12.0, None]}
    gpd.GeoDataFrame(fields, geometry=shapes, crs=25832).to_file(path)
    return path


def test_vehicles_of_a_place_and_a_size_stay_as_they_are(run, cars, tmp_path) -> None:
    park, output = tmp_path / "park.geojson", tmp_path / "few.gpkg"
    box = shapely.box(EAST, NORTH - 50, EAST + 50, NORTH + 50)
    gpd.GeoDataFrame(geometry=[box], crs=25832).to_crs(4326).to_file(park)
    result = run("filter", cars, "-o", output, "--inside", park, "--max-length", "6")
    assert result.stdout == "1 of 3 vehicles → few.gpkg\n"
    kept = pyogrio.read_dataframe(output, layer="vehicles")
    assert (kept["id"].tolist(), kept["length_m"].tolist()) == ([1], [4.6])
    told = run("filter", cars, "-o", output, "--outside", park, "--overwrite", "--json")
    assert json.loads(told.stdout)["kept"] == 1
    assert pyogrio.read_dataframe(output, layer="vehicles")["id"].tolist() == [3]


def test_the_layer_tells_what_was_asked_for(run, cars, tmp_path) -> None:
    output, park = tmp_path / "few.gpkg", tmp_path / "park.geojson"
    box = shapely.box(EAST, NORTH - 50, EAST + 50, NORTH + 50)
    gpd.GeoDataFrame(geometry=[box], crs=25832).to_crs(4326).to_file(park)
    run("filter", cars, "-o", output, "--max-length", "6", "--inside", park)
    with closing(sqlite3.connect(output)) as base:
        query = "SELECT metadata FROM gpkg_metadata WHERE mime_type = 'application/json'"
        told = json.loads(base.execute(query).fetchone()[0])
        (title,) = base.execute("SELECT identifier FROM gpkg_contents").fetchone()
    assert title == f"Vehicles chosen from {cars.name}"
    assert (told["command"], told["inputs"], told["weights"]) == ("filter", [cars.name], None)
    assert told["settings"]["max_length"] == 6
    assert told["settings"]["inside"] == "park.geojson"


def test_nothing_that_stays_is_an_empty_layer(run, cars, tmp_path) -> None:
    output = tmp_path / "none.gpkg"
    assert run("filter", cars, "-o", output, "--min-length", "90").exit_code == 0
    empty = pyogrio.read_dataframe(output, layer="vehicles")
    assert len(empty) == 0
    assert {"id", "score", "length_m"} <= set(empty)


def test_what_is_wrong_is_one_line(run, cars, tmp_path) -> None:
    output = tmp_path / "few.gpkg"
    for arguments, code, message in (
        (("-o", cars, "--overwrite"), 4, "used by this command already"),
        (("-o", output, "--label", "car"), 3, "the vehicles have no field label"),
        (("-o", output, "--inside", tmp_path / "no.gpkg"), 3, "cannot be read as polygons"),
        (("-o", output, "--min-length", "5", "--max-length", "4"), 2, "exchange them"),
    ):
        result = run("filter", cars, *arguments)
        assert result.exit_code == code
        assert message in result.stderr
        assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert not output.exists()
