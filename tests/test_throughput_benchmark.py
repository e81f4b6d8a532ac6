from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import torch

from geovehicle.detections import Detections
from geovehicle.jobs import prepare
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch
from geovehicle.regions import read_whereabouts
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    MakeRaster = Callable[..., Path]

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NAMES = ("inference", "merge", "processes", "rasters", "networks", "throughput", "scaling", "peers")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the benchmarks, which import one another by name, as their programs do."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = {name: __import__(name) for name in NAMES}
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name)
    return SimpleNamespace(**found)


@pytest.fixture
def photo(make_raster: MakeRaster) -> Path:
    """Return a photo of 150 x 100 pixels, a part of it outside of the flight."""
    pixels = np.random.default_rng(0).integers(90, 160, (3, 100, 150), dtype=np.uint8)
    pixels[:, :, :40] = 0
    return make_raster("photo.tif", width=150, height=100, pixels=pixels, nodata=0)


@pytest.fixture
def job(make_raster: MakeRaster, weights: Path) -> Any:
    """Return the job of a raster with nine blocks, at settings that find something."""
    settings = DetectSettings(patch=256, overlap=6, block=1, score=0.0)
    return prepare([make_raster(width=600, height=600)], weights, settings)


def test_a_raster_of_photos_is_imagery_all_over_and_made_once(
    scripts: SimpleNamespace, photo: Path, tmp_path: Path
) -> None:
    path = scripts.rasters.photo_raster(tmp_path / "work", 2500, [photo])
    with rasterio.open(path) as raster:
        assert (raster.width, raster.height, raster.block_shapes[0]) == (2500, 2500, (512, 512))
        assert raster.compression.name == "jpeg"
        assert raster.photometric.name == "ycbcr"
        pixels = raster.read()
    assert pixels.min() > 20
    # a cell is the mirror image of its neighbour, so that they meet without an edge
    step = np.abs(pixels[:, :, 2047].astype(int) - pixels[:, :, 2048]).mean()
    assert step < np.abs(pixels[:, :, 2000].astype(int) - pixels[:, :, 2030]).mean() / 2
    changed = path.stat().st_mtime_ns
    assert scripts.rasters.photo_raster(tmp_path / "work", 2500, [photo]) == path
    assert path.stat().st_mtime_ns == changed


def test_a_mosaic_shows_its_sheet_in_as_many_places_and_else_nodata(
    scripts: SimpleNamespace, photo: Path, tmp_path: Path
) -> None:
    sheet = scripts.rasters.photo_raster(tmp_path, 100, [photo])
    mosaic = scripts.rasters.sparse_mosaic(tmp_path, 1000, sheet, 3)
    with rasterio.open(mosaic) as raster, rasterio.open(sheet) as of:
        assert raster.crs == of.crs
        assert raster.transform == of.transform
        assert np.count_nonzero(raster.dataset_mask()) == 3 * 100 * 100
        assert np.array_equal(raster.read()[:, 900:, 900:], of.read())


def test_a_mosaic_has_room_for_each_sheet_once(
    scripts: SimpleNamespace, photo: Path, tmp_path: Path
) -> None:
    sheet = scripts.rasters.photo_raster(tmp_path, 100, [photo])
    with pytest.raises(ValueError, match="5 sheets of 100 pixels do not fit into 250"):
        scripts.rasters.sparse_mosaic(tmp_path, 250, sheet, 5)


def test_a_process_is_measured_without_what_started_it(scripts: SimpleNamespace) -> None:
    ballast = np.ones(100_000_000, np.uint8)
    outcome = scripts.processes.measured([sys.executable, "-c", "print('told')"])
    assert outcome.output == "told\n"
    assert 3 < outcome.peak_mb < len(ballast) / 1e6 / 4


def test_a_process_that_fails_is_no_measurement(scripts: SimpleNamespace) -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        scripts.processes.measured([sys.executable, "-c", "raise SystemExit(3)"])


def test_some_blocks_are_spread_over_all(scripts: SimpleNamespace) -> None:
    assert scripts.throughput.some(range(10), 2) == [2, 7]
    assert scripts.throughput.some(range(3), 5) == [0, 1, 2]
    assert scripts.throughput.some(range(3), None) == [0, 1, 2]


def test_an_area_takes_the_blocks_that_it_is_made_for(
    scripts: SimpleNamespace, job: Any, tmp_path: Path
) -> None:
    (sheet,) = job.sheets
    chosen = [sheet.blocks[number] for number in (0, 4, 5)]
    scripts.throughput.write_area(sheet, chosen, tmp_path / "area.gpkg")
    where = read_whereabouts(str(tmp_path / "area.gpkg"), None)
    found = prepare([sheet.raster.uri], job.weights.name, job.settings, where)
    assert [block.index for block in found.sheets[0].blocks] == [0, 4, 5]


def test_stages_write_what_a_job_finds(scripts: SimpleNamespace, job: Any, tmp_path: Path) -> None:
    import geopandas as gpd

    from geovehicle.detection import Target, detect_to

    (sheet,) = job.sheets
    job = replace(job, sheets=(replace(sheet, blocks=sheet.blocks[:2]),))
    seen = []
    seconds = scripts.throughput.stages(
        job, tmp_path / "stages.gpkg", lambda task, pixels: seen.append(task.key)
    )
    detect_to(Target(tmp_path / "whole.gpkg"), job)
    assert set(seconds) == {"read", "infer", "merge", "journal", "write"}
    assert min(seconds.values()) > 0
    assert seen == [(0, 0), (0, 1)]
    stages, whole = (
        gpd.read_file(tmp_path / f"{name}.gpkg", layer="vehicles") for name in ("stages", "whole")
    )
    assert len(whole) > 0
    assert stages.equals(whole)


def test_networks_see_the_same_patch_and_are_compared_with_the_bare_one(
    scripts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(scripts.networks.MATRIX, "cpu", 64)
    seen: list[Patch] = []

    def detector(patches: Sequence[Patch]) -> list[Detections]:
        seen.extend(patches)
        return [Detections.empty()]

    detector.arithmetic = "none"  # type: ignore[attr-defined]
    contest = scripts.networks.Contest(detector, torch.device("cpu"), torch.float32)
    window = PatchWindow(0, 0, 64, 64, (0, 0, 64, 64))
    patch = Patch(np.zeros((3, 64, 64), np.uint8), np.ones((64, 64), bool), window)
    contest(patch)
    rows = {row.name: row for row in contest.rows()}
    assert all(one is patch for one in seen)
    assert len(seen) == 3  # two to count operations and to warm up
    assert contest.mpix == 64 * 64 / 1e6
    assert rows[scripts.networks.BARE].times_bare == 1
    assert rows[scripts.networks.BARE].share_of_product > 0
    assert rows[scripts.networks.OURS].share_of_product == 0  # it computed nothing
    names = (scripts.networks.RCNN, scripts.networks.RCNN_LOW)
    assert all(rows[name].seconds_per_mpix > 0 for name in names)
    assert len(rows) == 4


def test_throughput_tells_of_how_many_blocks_its_figures_are(
    scripts: SimpleNamespace,
    photo: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patches = []

    class Contest:
        mpix, peak = 1.0, 1e12

        def __init__(self, *_: object) -> None: ...

        def __call__(self, patch: Patch) -> None:
            patches.append(patch.pixels.shape)

        def rows(self) -> list[Any]:
            names = (scripts.networks.OURS, scripts.networks.BARE)
            return [scripts.networks.Measured(name, 0.5, 1.0, 0.25) for name in names]

    monkeypatch.setattr(scripts.throughput, "Contest", Contest)
    output = tmp_path / "throughput.json"
    common = ["--ortho", str(photo), "--work", str(tmp_path), "--weights", str(weights)]
    scripts.throughput.main([*common, "--side", "160", "--windows", "1", "--output", str(output)])
    figures = json.loads(output.read_text())
    assert (figures["blocks"], figures["all_blocks"], figures["mpix"]) == (1, 1, 0.0256)
    assert figures["peak_mb"] > 100
    assert figures["detect"]["seconds"] < figures["process_seconds"]
    assert patches == [(3, 160, 160)]
    told = capsys.readouterr().out
    assert "1 of 1 blocks of a raster of 160 pixels a side" in told
    for name in (*scripts.throughput.STAGES, "bare ResNet-50", "geovehicle, end to end"):
        assert f"| {name}" in told


def test_scaling_shows_as_much_imagery_in_every_large_raster(
    scripts: SimpleNamespace, photo: Path, tmp_path: Path
) -> None:
    options = Namespace(work=tmp_path, ortho=[photo], content=0.02, sheet=100)
    small, large, larger = (scripts.scaling.raster_of(options, side) for side in (120, 300, 1000))
    assert (small[0].suffix, small[1]) == (".tif", 0.0144)
    assert (large[0].suffix, large[1]) == (".vrt", 0.02)
    assert (larger[0].suffix, larger[1]) == (".vrt", 0.02)


def test_scaling_runs_every_side_and_then_the_workers(
    scripts: SimpleNamespace,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = []

    def detect(raster: Path, output: Path, options: Sequence[str]) -> tuple[Any, dict[str, Any]]:
        calls.append([raster.suffix, *options[2:]])
        outcome = scripts.processes.Outcome(5.0, 100.0 * len(calls), 0, "")
        return outcome, {"seconds": 2.0, "mpix_per_s": 3.0, "vehicles": 7}

    monkeypatch.setattr(scripts.scaling, "detect", detect)
    common = ["--ortho", str(photo), "--work", str(tmp_path), "--sheet", "100"]
    scripts.scaling.main([*common, "--content", "0.01", "--sides", "100", "400", "--workers", "2"])
    assert calls == [[".tif"], [".vrt"], [".tif", "--engine", "dask", "--workers", "2"]]
    *_, last = capsys.readouterr().out.splitlines()
    assert last == "| 100 | dask, 2 workers | 0 | 6 | 2.0 | 3.00 | 300 | 3.00 | 7 |"


def test_boxes_for_peers_are_those_that_our_seams_join(scripts: SimpleNamespace) -> None:
    rows = scripts.peers.merges(Namespace(sahi_python=None), 500)
    assert [(row.boxes, row.vehicles, row.left) for row in rows] == [(600, 500, 500)] * 2
    assert rows[0].times_ours == 1
    search = scripts.merge.scene(500)
    boxes = scripts.peers.in_scene(search, scripts.merge.planted(search, 500))
    assert boxes.shape == (600, 6)
    assert boxes[:, :4].min() > 0
    assert boxes[:, :4].max() < search.width


def test_programs_take_turns_and_the_fastest_of_each_counts(
    scripts: SimpleNamespace, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = []

    def outcome(name: str) -> Any:
        turns.append(name)
        return scripts.processes.Outcome(len(turns), 100.0 * len(turns), 0, "{}")

    monkeypatch.setattr(scripts.peers, "detect", lambda *_: (outcome("ours"), {}))
    monkeypatch.setattr(scripts.peers, "measured", lambda command: outcome(command[0]))
    options = Namespace(
        work=tmp_path,
        side=100,
        ortho=[photo],
        weights=None,
        repeats=2,
        geodeep=Path("geodeep"),
        model=[Path("yolov8m.onnx")],
    )
    ours, theirs = scripts.peers.searches(options)
    assert turns == ["ours", "geodeep"] * 2
    assert (ours.seconds, ours.peak_mb, theirs.times_ours) == (1, 300, 2)
    assert theirs.name == "GeoDeep, yolov8m.onnx"
