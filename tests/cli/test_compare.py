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
def layers(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Return two flights and a zone: one car stays, one leaves, two arrive, one outside."""
    paths = tmp_path / "before.gpkg", tmp_path / "after.gpkg", tmp_path / "zones.gpkg"
    for path, places in zip(paths, ((10, 20), (10.3, 30, 300)), strict=False):
        shapes = [shapely.box(EAST + x, NORTH, EAST + x + 4.6, NORTH + 1.8) for x in places]
        frame = gpd.GeoDataFrame({"id": range(1, len(shapes) + 1)}, geometry=shapes, crs=25832)
        frame.to_file(path)
    park = shapely.box(EAST, NORTH - 50, EAST + 50, NORTH + 50)
    gpd.GeoDataFrame({"name": ["P1"]}, geometry=[park], crs=25832).to_crs(4326).to_file(paths[2])
    return paths


def test_every_vehicle_with_what_became_of_it(run, layers, tmp_path) -> None:
    output, table = tmp_path / "changes.gpkg", tmp_path / "zones.csv"
    before, after, zones = layers
    options = ("--zones", zones, "--zones-output", table)
    result = run("compare", before, after, "-o", output, *options)
    assert result.stdout == ("2 vehicles, then 3: 2 arrived, 1 left, 1 stayed → changes.gpkg\n")
    layer = pyogrio.read_dataframe(output, layer="changes")
    assert layer["change"].tolist() == ["stayed", "arrived", "arrived", "left"]
    assert layer["before_id"].tolist() == [1, 0, 0, 2]
    assert layer["after_id"].tolist() == [1, 2, 3, 0]
    assert table.read_text().splitlines() == [
        "name,before,after,arrived,left,stayed",
        "P1,2,2,1,1,1",
    ]


def test_a_stricter_overlap_and_a_summary_for_scripts(run, layers, tmp_path) -> None:
    output = tmp_path / "changes.geojson"
    result = run("compare", *layers[:2], "-o", output, "--iou", "0.95", "--json")
    told = json.loads(result.stdout)
    assert (told["before"], told["after"], told["stayed"], told["left"]) == (2, 3, 0, 2)


def test_what_is_wrong_is_one_line(run, layers, tmp_path) -> None:
    before, after, zones = layers
    output = tmp_path / "changes.gpkg"
    for arguments, code, message in (
        ((before, after, "-o", output, "--zones", zones), 2, "belong together"),
        ((before, after, "-o", before, "--overwrite"), 4, "used by this command already"),
        ((before, zones, "-o", output, "--score", "0.5"), 3, "have no field score"),
        ((before, after, "-o", output, "--iou", "0"), 2, "iou"),
    ):
        result = run("compare", *arguments)
        assert result.exit_code == code
        assert message in result.stderr
        assert result.stderr.splitlines()[-1].startswith("Error: ")
    same = ("--zones", zones, "--zones-output", output)
    assert run("compare", before, after, "-o", output, *same).exit_code == 4
    assert not output.exists()


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
def test_zones_that_do_not_fit_leave_an_older_output(run, layers, tmp_path, suffix) -> None:
    before, after, zones = layers
    output, table = tmp_path / f"changes{suffix}", tmp_path / "zones.csv"
    run("compare", before, after, "-o", output, "--iou", "0.95")  # which others would not be like
    older = output.read_bytes()
    counted = gpd.read_file(zones).assign(stayed=3)
    counted.to_file(zones)
    options = ("--zones", zones, "--zones-output", table)
    result = run("compare", before, after, "-o", output, "--overwrite", *options)
    assert result.exit_code == 3
    assert "the zones have a field stayed already; rename it" in result.stderr
    assert output.read_bytes() == older
    assert not table.exists()
    streamed = run("compare", before, after, "-o", "-", *options)
    assert streamed.exit_code == 3
    assert streamed.stdout == ""
