from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely

if TYPE_CHECKING:
    from pathlib import Path

EAST, NORTH = 130_000.0, 455_000.0


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    """Return two cars that stand on the raster of ``make_raster``."""
    path = tmp_path / "cars.gpkg"
    shapes = [shapely.box(EAST + x, NORTH - 4, EAST + x + 2, NORTH - 3) for x in (1, 5)]
    frame = gpd.GeoDataFrame({"score": [0.9, 0.6], "label": "car"}, geometry=shapes, crs=28992)
    frame.to_file(path)
    return path


def test_a_page_and_a_line_about_it(run, cars, make_raster, tmp_path) -> None:
    output = tmp_path / "map.html"
    result = run("map", cars, "--ortho", make_raster("ortho.tif"), "-o", output)
    assert result.exit_code == 0
    megabytes = f"{output.stat().st_size / 1e6:.1f}"
    assert result.stdout == f"2 vehicles, {megabytes} MB → map.html\n"
    page = output.read_text("utf-8")
    assert "<h1>Vehicles in ortho.tif</h1>" in page
    assert "cars.gpkg · ortho.tif · " in page


def test_the_summary_as_json(run, cars, make_raster, tmp_path) -> None:
    output = tmp_path / "map.html"
    ortho = make_raster("ortho.tif", width=600, height=300)
    result = run("map", cars, "--ortho", ortho, "-o", output, "--pixels", 256, "--json")
    told = json.loads(result.stdout)
    assert (told["vehicles"], told["outside"]) == (2, 0)
    assert told["pixels"] == [256, 128]
    assert told["bytes"] == output.stat().st_size
    assert told["output"] == str(output)


def test_vehicles_outside_of_the_orthophoto_are_told(run, cars, make_raster, tmp_path) -> None:
    output = tmp_path / "map.html"
    ortho = make_raster("ortho.tif", width=40, height=60)  # 4 m by 6 m
    result = run("map", cars, "--ortho", ortho, "-o", output)
    assert "2 vehicles, 1 of them outside of the orthophoto, " in result.stdout
    told = json.loads(
        run("map", cars, "--ortho", ortho, "-o", output, "--overwrite", "--json").stdout
    )
    assert (told["vehicles"], told["outside"]) == (2, 1)


def test_without_an_orthophoto(run, cars, tmp_path) -> None:
    output = tmp_path / "map.html"
    result = run("map", cars, "-o", output, "--title", "A <b>", "--attribution", "© Survey, CC BY")
    assert result.exit_code == 0
    page = output.read_text("utf-8")
    assert "<h1>A &lt;b&gt;</h1>" in page
    assert "© Survey, CC BY</p>" in page


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["cars.gpkg", "-o", "map.gpkg"], 4, "let it end in .html"),
        (["cars.gpkg", "-o", "there.html"], 4, "add --overwrite"),
        (["cars.gpkg", "--ortho", "there.html", "-o", "there.html"], 4, "used by this command"),
        (["none.gpkg", "-o", "map.html"], 3, "cannot be read as a vector layer"),
        (["cars.gpkg", "--ortho", "none.tif", "-o", "map.html"], 3, "none.tif cannot be opened"),
        (["cars.gpkg", "--ortho", "scan.tif", "-o", "map.html"], 3, "with --gsd"),
        (
            ["cars.gpkg", "--ortho", "ortho.tif", "--bands", "9", "-o", "map.html"],
            3,
            "band(s), not 9",
        ),
        (["cars.gpkg", "--ortho", "far.tif", "-o", "map.html"], 3, "no vehicle lies on far.tif"),
        (["cars.gpkg", "--pixels", "9", "-o", "map.html"], 2, "256<=x<=8192"),
        (["cars.gpkg"], 2, "Missing option"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run, cars, make_raster, tmp_path, monkeypatch, arguments, exit_code, message
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("old")
    make_raster("ortho.tif")
    make_raster("scan.tif", crs=None)
    make_raster("far.tif", origin=(150_000.0, 455_000.0))
    result = run("map", *arguments)
    assert result.exit_code == exit_code
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert (tmp_path / "there.html").read_text() == "old"
    assert not (tmp_path / "map.html").exists()


def test_without_bokeh(run, cars, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "bokeh", None)
    result = run("map", cars, "-o", tmp_path / "map.html")
    assert result.exit_code == 1
    assert result.stderr == "Error: a map needs Bokeh; pip install 'geovehicle[map]'\n"
