from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
from shapely import box

from geovehicle import DetectSettings, detect, find

if TYPE_CHECKING:
    from conftest import MakeRaster

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_detect_and_count_prints_what_detect_finds(
    weights: Path,
    make_raster: MakeRaster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rasters = [str(make_raster("north.tif", width=128)), str(make_raster("south.tif"))]
    arguments = [*rasters, "--weights", str(weights), "--score", "0.0"]
    monkeypatch.setattr(sys, "argv", ["detect_and_count.py", *arguments])

    runpy.run_path(str(EXAMPLES / "detect_and_count.py"), run_name="__main__")

    lines = capsys.readouterr().out.splitlines()
    found = find(rasters, weights, DetectSettings(score=0.0))
    counts = [scene.count for scene in found.summary.scenes]
    printed = [int(re.findall(r": (\d+) vehicles", line)[0]) for line in lines]
    assert printed == [*counts, sum(counts)]
    assert min(counts) > 0
    hectares = found.summary.scenes[0].area / 10_000
    assert hectares == pytest.approx(128 * 64 * 0.01 / 10_000, rel=1e-3)
    assert lines[0] == f"north.tif: {counts[0]} vehicles, {counts[0] / hectares:.1f} per hectare"


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> None:
    """Run an example as its own program would."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_count_by_zone_adds_up(
    weights: Path,
    make_raster: MakeRaster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raster, zones = make_raster(width=128), tmp_path / "zones.gpkg"
    halves = [box(130_000, 454_990, 130_004, 455_000), box(130_004, 454_990, 130_020, 455_000)]
    fields = {"name": ["narrow", "wide"], "room": [1, 1000]}
    gpd.GeoDataFrame(fields, geometry=halves, crs=28992).to_file(zones)
    options = ["--capacity", "room", "--weights", weights, "--score", 0]

    run(monkeypatch, "count_by_zone.py", raster, zones, *options)

    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "room", "vehicles", "per_ha", "occupancy"]
    assert [row.split()[0] for row in rows] == ["narrow", "wide"]
    total = sum(int(row.split()[2]) for row in rows) + int(last.split()[0])
    assert total == len(detect(raster, weights, DetectSettings(score=0.0))) > 0


def test_compare_flights_sees_that_all_stayed(
    weights: Path,
    make_raster: MakeRaster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    may, june = make_raster("may.tif"), make_raster("june.tif")

    run(monkeypatch, "compare_flights.py", may, june, "--weights", weights, "--score", 0)

    head, _, *rows, last = capsys.readouterr().out.splitlines()
    counts = [list(map(int, row.split()[-3:])) for row in rows]
    assert head.split() == ["change", "arrived", "left", "stayed"]
    assert [sum(column) for column in zip(*counts, strict=True)][:2] == [0, 0]
    assert re.fullmatch(r"(\d+) vehicles before, \1 after", last)


def test_every_example_is_tested() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.iterdir() if path.name not in tested] == []
