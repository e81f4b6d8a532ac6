from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geovehicle.errors import OutputError
from geovehicle.export.destinations import Destination

SCRIPT = Path(sys.executable).with_name("geovehicle")
EAST, NORTH = 500_000.0, 5_600_000.0


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    path = tmp_path / "cars.gpkg"
    shapes = [shapely.box(EAST + x, NORTH, EAST + x + 4.6, NORTH + 1.8) for x in range(0, 900, 300)]
    fields = {"id": [1, 2, 3], "score": [0.9, 0.6, 0.9], "length_m": [4.6, 12.0, None]}
    gpd.GeoDataFrame(fields, geometry=shapes, crs=25832).to_file(path)
    return path


def features(text: str) -> list[dict[str, object]]:
    assert text.startswith("\x1e")
    return [json.loads(one) for one in text.split("\x1e")[1:]]


@pytest.mark.parametrize("command", ["filter", "compare", "density --hex"])
def test_features_go_to_stdout_and_the_summary_to_stderr(run, cars, command) -> None:
    layers = [cars, cars] if command == "compare" else [cars]
    result = run(*command.split(), *layers, "-o", "-")
    assert len(features(result.stdout)) == 3
    (line,) = result.stderr.splitlines()
    assert line.endswith("→ standard output")
    result = run(*command.split(), *layers, "-o", "-", "--json")
    assert len(features(result.stdout)) == 3
    assert json.loads(result.stderr)["output"] == "standard output"


def test_detect_streams_as_well(run, weights, make_raster, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    raster = make_raster()
    result = run("detect", "--weights", weights, "--score", 0, raster, "-o", "-")
    found = features(result.stdout)
    assert result.stderr.splitlines()[-1].startswith(f"{len(found)} vehicle")
    assert "scene.tif → standard output" in result.stderr
    result = run("detect", "--weights", weights, "--score", 0, raster, "-o", "-", "--json")
    assert features(result.stdout) == found
    assert json.loads(result.stderr.splitlines()[-1])["vehicles"] == len(found)
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


def test_rows_are_added_by_commands(run, cars, tmp_path, read_layer) -> None:
    for number, command in enumerate((["filter"], ["density", "--hex"], ["compare", cars])):
        output = tmp_path / f"out{number}.gpkg"
        for _ in range(2):
            result = run(*command, cars, "-o", output, "--append", "--layer", "mine")
            assert not result.exit_code, result.output
        found = read_layer(output, "mine")
        assert len(found) == 6
        if "id" in found and command != ["density", "--hex"]:
            assert sorted(found["id"]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("suffix", [".fgb", ".parquet", ".csv"])
def test_formats_without_rows_to_add_say_so(run, cars, tmp_path, suffix) -> None:
    for command in (["filter", cars], ["compare", cars, cars], ["density", "--hex", cars]):
        result = run(*command, "-o", tmp_path / f"out{suffix}", "--append")
        assert result.exit_code == 4
        assert result.stderr.startswith("Error: rows cannot be added to")
        assert len(result.stderr.splitlines()) == 1


def test_options_that_contradict_each_other_are_refused(run, cars, tmp_path) -> None:
    for arguments, code, message in (
        (["filter", cars, "-o", "a.gpkg", "--append", "--overwrite"], 2, "give one of them"),
        (["filter", cars, "-o", tmp_path / "a.shp", "--layer", "x"], 4, "no layers with names"),
        (["density", cars, "-o", tmp_path / "a.tif", "--append"], 2, "a raster is a file"),
        (["density", cars, "-o", tmp_path / "a.tif", "--layer", "x"], 2, "a raster is a file"),
        (["density", cars, "-o", "-"], 2, "a raster is a file of its own; add --hex"),
        (["density", cars, "-o", "postgresql://me:pw@nowhere/x"], 2, "a raster is a file"),
    ):
        result = run(*arguments)
        assert result.exit_code == code
        assert message in result.stderr
        assert "me:pw" not in result.stderr


def test_tables_without_geometries_have_neither_names_nor_rows_to_add(run, cars, tmp_path) -> None:
    park = tmp_path / "parks.gpkg"
    box = shapely.box(EAST, NORTH - 50, EAST + 50, NORTH + 50)
    gpd.GeoDataFrame({"name": ["a"]}, geometry=[box], crs=25832).to_file(park)
    table = tmp_path / "counts.csv"
    for option in ("--append", "--layer=x"):
        assert run("count", cars, park, "-o", table, option).exit_code == 4
    (tmp_path / "counts.csvt").write_text("WKT")  # of an older layer of that name
    assert run("count", cars, park, "-o", table).exit_code == 0
    assert table.read_text().splitlines()[0] == "name,vehicles,per_ha"
    assert not (tmp_path / "counts.csvt").exists()
    (zone,) = features(run("count", cars, park, "-o", "-").stdout)
    assert zone["properties"]["vehicles"] == 1


def test_a_destination_is_no_input(cars, tmp_path) -> None:
    from geovehicle.cli.outputs import refuse_inputs

    refuse_inputs([str(cars)], Destination("-"), Destination("postgresql://me@host/x"), None)
    for used in (Destination(cars), cars):
        with pytest.raises(OutputError, match="is used by this command already"):
            refuse_inputs([f"{cars}|layername=x"], used)


def test_a_reader_that_has_enough_ends_the_command_without_a_word(cars) -> None:
    command = [SCRIPT, "filter", cars, "-o", "-"]
    reading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    assert reading.stdout
    assert reading.stderr
    reading.stdout.close()
    with reading.stderr:
        assert reading.stderr.read() == b""
    assert reading.wait() == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_stdout_that_takes_no_more_is_one_line(cars) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603
            [SCRIPT, "filter", cars, "-o", "-"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 4
    assert b"Error: cannot write to standard output: No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1
