"""Jobs of one and many rasters: every planted vehicle once, also after any kind of end."""

from __future__ import annotations

import io
import json
import os
import runpy
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from geovehicle import jobs
from geovehicle.detection import Target, detect_to
from geovehicle.detections import Detections, box_iou
from geovehicle.engines.tasks import pack
from geovehicle.errors import GeoreferenceError, OutputError, SettingsError
from geovehicle.export.destinations import Destination
from geovehicle.export.frame import concatenate
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.jobs import Memory, prepare
from geovehicle.model.weights import SHIPPED
from geovehicle.regions import read_whereabouts
from geovehicle.settings import DetectorConfig, DetectSettings

if TYPE_CHECKING:
    from geovehicle.jobs import Job

SCRIPT = Path(__file__).with_name("planted_job.py")
SIDE = 1100
"""Pixels of the scenes: 6 x 6 patches, 3 x 3 blocks."""


def make_mosaic(path: Path, source: Path) -> Path:
    """Write a VRT that shows one band of a raster, and return its path."""
    with rasterio.open(source) as raster:
        width, height, transform = raster.width, raster.height, raster.transform.to_gdal()
    area = f'xOff="0" yOff="0" xSize="{width}" ySize="{height}"'
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>EPSG:28992</SRS>'
        f"<GeoTransform>{', '.join(map(str, transform))}</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand>"
        f"<SrcRect {area}/><DstRect {area}/></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return path


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what the script defines; jobs have their own loader again afterwards."""
    monkeypatch.setattr(jobs, "load_detector", jobs.load_detector)
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


def lattice(side: int = SIDE, step: int = 70, seed: int = 0) -> np.ndarray:
    """Return boxes (N, 4) of 20 x 45 or 45 x 20 pixels, none of which touch."""
    rng = np.random.default_rng(seed)
    corners = np.stack(np.meshgrid(*[np.arange(5, side - 60, step)] * 2), axis=-1).reshape(-1, 2)
    corners = corners + rng.integers(0, 15, corners.shape)
    sizes = np.where(rng.random((len(corners), 1)) < 0.5, [20, 45], [45, 20])
    return np.hstack([corners, corners + sizes])


def paint(boxes: np.ndarray, width: int = SIDE, height: int = SIDE) -> np.ndarray:
    """Return RGB with red boxes; their green tells one from another."""
    pixels = np.full((3, height, width), 90, np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        x1, y1 = max(x1, 0), max(y1, 0)
        pixels[:, y1:y2, x1:x2] = np.array([255, 130 + number % 120, 40])[:, None, None]
    return pixels


def centres(layer: gpd.GeoDataFrame) -> list[tuple[float, float]]:
    points = layer.geometry.centroid
    return sorted(zip(points.x.round(2), points.y.round(2), strict=True))


def expected(boxes: np.ndarray, origin: tuple[float, float] = (130_000, 455_000)) -> list[Any]:
    x, y = (boxes[:, :2] + boxes[:, 2:]).T / 2 * 0.1
    return sorted(zip((origin[0] + x).round(2), (origin[1] - y).round(2), strict=True))


def rows(path: Path) -> list[Any]:
    """Return all features with their fields, in the order of the file."""
    layer = gpd.read_file(path, layer="vehicles")
    return [*layer.drop(columns="geometry").to_dict("records"), *layer.geometry.to_wkb()]


def searched(job: Job, store: Any = None) -> Memory:
    """Do all tasks of a job in this thread."""
    store = store or Memory()
    for task in job.tasks():
        store.add(task.key, pack(task.find(task.read(), job.detector)))
    return store


def layer_of(job: Job, store: Memory) -> gpd.GeoDataFrame:
    return concatenate([chunk.frame for chunk in job.layers(store)])


class TestOneRaster:
    @pytest.mark.parametrize("block", [1, 2, 5, 40])
    def test_every_vehicle_once_whatever_the_blocks(
        self, make_raster: Any, planted: Any, block: int
    ) -> None:
        boxes = lattice()
        path = make_raster(pixels=paint(boxes))
        settings = replace(planted.SETTINGS, block=block)
        job = planted.prepared([path], planted.RedFinder(), settings)
        assert centres(layer_of(job, searched(job))) == expected(boxes)

    def test_the_order_of_the_tasks_does_not_matter(self, make_raster: Any, planted: Any) -> None:
        job = planted.prepared([make_raster(pixels=paint(lattice()))], planted.RedFinder())
        found = searched(job)
        shuffled = Memory()
        keys = sorted(found.done(), key=lambda key: key[1] * 5 % 9)
        payloads = dict(found.payloads(0))
        for key in keys:
            shuffled.add(key, payloads[key[1]])
        one, other = layer_of(job, found), layer_of(job, shuffled)
        assert one.equals(other)

    def test_the_next_row_of_blocks_is_not_needed_for_the_first_vehicles(
        self, make_raster: Any, planted: Any
    ) -> None:
        job = planted.prepared([make_raster(pixels=paint(lattice()))], planted.RedFinder())
        chunks = list(job.layers(searched(job)))
        assert len(chunks) == 3
        assert all(len(chunk.frame) for chunk in chunks)

    def test_blocks_without_imagery_are_not_read(self, make_raster: Any, planted: Any) -> None:
        pixels = np.zeros((3, SIDE, SIDE), np.uint8)
        pixels[:, :256, :256] = paint(lattice(256), 256, 256)
        sparse = {"tiled": True, "blockxsize": 256, "blockysize": 256, "sparse_ok": True}
        path = make_raster(pixels=pixels, creation=sparse, nodata=0)
        job = planted.prepared([path], planted.RedFinder())
        assert 0 < len(list(job.tasks())) < 9
        assert centres(layer_of(job, searched(job))) == expected(lattice(256))

    def test_without_rasters_there_is_nothing_to_search(self) -> None:
        with pytest.raises(SettingsError, match="no raster is given"):
            prepare([], "vehicles-10cm", DetectSettings())

    def test_a_batch_that_no_block_can_fill_is_refused(self, make_raster: Any) -> None:
        with pytest.raises(SettingsError, match="for a batch of 5; add --block 3, or lower"):
            prepare([make_raster()], "vehicles-10cm", DetectSettings(batch=5, block=2))


class TestWhereToLook:
    def _area(self, folder: Path, polygon: shapely.Polygon, name: str = "area.gpkg") -> str:
        gpd.GeoDataFrame(geometry=[polygon], crs=28992).to_file(folder / name)
        return str(folder / name)

    def _found(self, planted: Any, path: Path, where: Any) -> tuple[Job, gpd.GeoDataFrame]:
        planted.prepared([path], planted.RedFinder())
        job = prepare([path], "vehicles-10cm", planted.SETTINGS, where)
        return job, layer_of(job, searched(job))

    def test_vehicles_count_by_their_centre(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        boxes = lattice()
        corner = shapely.box(130_000, 455_000 - 30, 130_030, 455_000)
        where = read_whereabouts(self._area(tmp_path, corner), None)
        job, layer = self._found(planted, make_raster(pixels=paint(boxes)), where)
        inside = (boxes[:, :2] + boxes[:, 2:] <= 600).all(axis=1)
        assert centres(layer) == expected(boxes[inside])
        assert [task.block.index for task in job.tasks()] == [0]

    def test_what_is_excluded_is_left_out(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        boxes = lattice()
        corner = shapely.box(130_000, 455_000 - 30, 130_030, 455_000)
        where = read_whereabouts(None, self._area(tmp_path, corner))
        _, layer = self._found(planted, make_raster(pixels=paint(boxes)), where)
        inside = (boxes[:, :2] + boxes[:, 2:] < 600).all(axis=1)
        assert centres(layer) == expected(boxes[~inside])


class TestSheets:
    def test_vehicles_in_the_overlap_come_once(self, make_raster: Any, planted: Any) -> None:
        boxes = lattice()
        picture = paint(boxes)
        west = make_raster("west.tif", pixels=picture[:, :, :600])
        east = make_raster("east.tif", pixels=picture[:, :, 500:], origin=(130_050, 455_000))
        job = planted.prepared([west, east], planted.RedFinder())
        layer = layer_of(job, searched(job))
        assert centres(layer) == expected(boxes)
        assert set(layer["source"]) == {"west.tif", "east.tif"}

    def test_a_vehicle_that_one_sheet_cuts_is_whole_in_the_layer(
        self, make_raster: Any, planted: Any
    ) -> None:
        boxes = np.array([[480, 100, 525, 120], [490, 300, 510, 345]])
        picture = paint(boxes, 800, 500)
        west = make_raster("west.tif", pixels=picture[:, :, :507])
        east = make_raster("east.tif", pixels=picture[:, :, 400:], origin=(130_040, 455_000))
        job = planted.prepared([west, east], planted.RedFinder())
        assert centres(layer_of(job, searched(job))) == expected(boxes)

    @pytest.mark.parametrize("excluded", [False, True])
    def test_a_part_in_the_area_does_not_stand_for_a_vehicle_outside(
        self, make_raster: Any, planted: Any, tmp_path: Path, excluded: bool
    ) -> None:
        """Its centre is outside, but not that of the half that the one sheet shows."""
        boxes = np.array([[480, 100, 530, 120], [470, 300, 490, 345]])
        picture = paint(boxes, 1000, 500)
        west = make_raster("west.tif", pixels=picture[:, :, :500])
        east = make_raster("east.tif", pixels=picture[:, :, 298:], origin=(130_029.8, 455_000))
        planted.prepared([west, east], planted.RedFinder())
        sides = [shapely.box(130_000, 454_900, 130_049.5, 455_000)]
        sides += [shapely.box(130_049.5, 454_900, 130_200, 455_000)]
        gpd.GeoDataFrame(geometry=sides[excluded:][:1], crs=28992).to_file(tmp_path / "area.gpkg")
        area = str(tmp_path / "area.gpkg")
        where = read_whereabouts(*((None, area) if excluded else (area, None)))
        settings = replace(planted.SETTINGS, block=1)
        job = prepare([west, east], "vehicles-10cm", settings, where)
        assert centres(layer_of(job, searched(job))) == expected(boxes[1:])

    def test_a_sheet_in_another_crs_is_the_same_ground(
        self, make_raster: Any, planted: Any
    ) -> None:
        boxes = lattice(400)
        picture = paint(boxes, 400, 400)
        one = make_raster("one.tif", pixels=picture)
        other = make_raster(
            "other.tif", pixels=picture, crs="EPSG:28992+5709", origin=(130_000, 455_000)
        )
        job = planted.prepared([one, other], planted.RedFinder())
        layer = layer_of(job, searched(job))
        assert centres(layer) == expected(boxes)

    @pytest.mark.parametrize("boxes", ["oriented", "horizontal"])
    def test_diagonal_neighbours_stay_apart_whatever_is_drawn(
        self, make_raster: Any, planted: Any, boxes: str
    ) -> None:
        """Side by side at 45 degrees: their boxes overlap, their footprints do not."""
        lying = corners_of(np.array([[80 + 15 * n, 80 - 15 * n, 50, 20, 0.785] for n in range(3)]))
        around = boxes_of(lying)
        assert (box_iou(around[1:], around[:-1]) > 0.3).all()

        class Row(planted.RedFinder):
            def __call__(self, patches: Any) -> list[Detections]:
                found = Detections(around, np.ones(3), np.zeros(3), lying)
                return [found for _ in patches]

        sheets = [make_raster(f"{name}.tif", width=200, height=200) for name in "ab"]
        settings = replace(planted.SETTINGS, boxes=boxes)
        job = planted.prepared(sheets, Row(), settings)
        assert len(layer_of(job, searched(job))) == 3

    def test_sheets_far_apart_do_not_meet(self, make_raster: Any, planted: Any) -> None:
        boxes = lattice(400)
        picture = paint(boxes, 400, 400)
        one = make_raster("one.tif", pixels=picture)
        other = make_raster("other.tif", pixels=picture, origin=(140_000, 455_000))
        job = planted.prepared([one, other], planted.RedFinder())
        assert len(layer_of(job, searched(job))) == 2 * len(boxes)

    def test_what_does_not_go_with_the_others_is_named_before_the_work(
        self, make_raster: Any, planted: Any
    ) -> None:
        good = make_raster("good.tif")
        far = make_raster("far.tif", crs="EPSG:32631", origin=(1e9, 1e9))
        bare = make_raster("bare.tif", crs=None)
        settings = replace(planted.SETTINGS, gsd=0.1)
        with pytest.raises(GeoreferenceError, match=r"^bare\.tif: "):
            planted.prepared([good, bare], planted.RedFinder(), settings)
        with pytest.raises(GeoreferenceError, match=r"^far\.tif: .*does not reach"):
            planted.prepared([good, far], planted.RedFinder(), settings)


class TestFingerprint:
    def test_the_same_job_has_the_same(self, make_raster: Any, planted: Any) -> None:
        path = make_raster()
        one, other = (planted.prepared([path], planted.RedFinder()) for _ in range(2))
        assert one.fingerprint() == other.fingerprint()

    @pytest.mark.parametrize("change", ["score", "touch", "more", "area"])
    def test_what_changes_the_result_changes_it(
        self, make_raster: Any, planted: Any, tmp_path: Path, change: str
    ) -> None:
        path = make_raster()
        before = planted.prepared([path], planted.RedFinder()).fingerprint()
        rasters, settings, area = [path], planted.SETTINGS, None
        if change == "score":
            settings = replace(settings, score=0.6)
        elif change == "touch":
            os.utime(path, (1, 1))
        elif change == "more":
            rasters.append(make_raster("b.tif"))
        else:
            polygon = shapely.box(130_000, 454_990, 130_005, 455_000)
            gpd.GeoDataFrame(geometry=[polygon], crs=28992).to_file(tmp_path / "a.gpkg")
            area = str(tmp_path / "a.gpkg")
        after = prepare(rasters, "vehicles-10cm", settings, read_whereabouts(area, None))
        assert after.fingerprint() != before

    @pytest.mark.parametrize(
        ("notes", "same"),
        [
            ('<Metadata><MDI key="STATISTICS_MEAN">90</MDI></Metadata>', True),
            ("<NoDataValue>90</NoDataValue>", False),
            ("<ColorInterp>Alpha</ColorInterp>", False),
            ("</PAMRasterBand><SRS>EPSG:32631</SRS><PAMRasterBand>", False),
        ],
    )
    def test_so_do_notes_beside_a_raster_but_not_statistics(
        self, make_raster: Any, planted: Any, notes: str, same: bool
    ) -> None:
        path = make_raster()
        before = planted.prepared([path], planted.RedFinder())
        beside = path.with_name(f"{path.name}.aux.xml")
        band = f'<PAMRasterBand band="1">{notes}</PAMRasterBand>'
        beside.write_text(f"<PAMDataset>{band}</PAMDataset>")
        after = planted.prepared([path], planted.RedFinder())
        assert (after.fingerprint() == before.fingerprint()) is same
        beside.unlink()
        after.check_unchanged()

    @pytest.mark.parametrize("depth", [1, 2])
    def test_so_does_a_source_of_a_mosaic(
        self, make_raster: Any, planted: Any, tmp_path: Path, depth: int
    ) -> None:
        source = make_raster("source.tif")
        mosaic = source
        for level in range(depth):
            mosaic = make_mosaic(tmp_path / f"{level}.vrt", mosaic)
        before = planted.prepared([mosaic], planted.RedFinder()).fingerprint()
        os.utime(source, (1, 1))
        assert planted.prepared([mosaic], planted.RedFinder()).fingerprint() != before

    def test_so_does_what_the_detector_computes_in(self, make_raster: Any, planted: Any) -> None:
        path, finder = make_raster(), planted.RedFinder()
        before = planted.prepared([path], finder).fingerprint()
        asked = replace(planted.SETTINGS, device="cpu", precision="float32")
        assert planted.prepared([path], finder, asked).fingerprint() == before
        finder = planted.RedFinder(arithmetic="cuda bfloat16")
        assert planted.prepared([path], finder).fingerprint() != before

    def test_so_does_the_configuration(self, make_raster: Any, planted: Any) -> None:
        path, prints = make_raster(), []
        for smoothing in (0.0, 0.1):
            finder = planted.RedFinder()
            finder.info = replace(finder.info, config=DetectorConfig(smoothing=smoothing))
            prints.append(planted.prepared([path], finder).fingerprint())
        assert prints[0] != prints[1]

    def test_so_do_the_weights(self, make_raster: Any, planted: Any, tmp_path: Path) -> None:
        path, weights = make_raster(), tmp_path / "w.safetensors"
        prints = []
        planted.prepared([path], planted.RedFinder())
        for content in (b"one", b"two", b"one"):
            weights.write_bytes(content)
            prints.append(prepare([path], weights, planted.SETTINGS).fingerprint())
        assert prints[0] == prints[2] != prints[1]

    def test_addresses_count_without_their_secrets(self, make_raster: Any, planted: Any) -> None:
        job = planted.prepared([make_raster()], planted.RedFinder())
        raster = replace(job.sheets[0].raster, uri="/vsicurl/https://host/a.tif?token=word")
        job = replace(job, sheets=(replace(job.sheets[0], raster=raster, files=()),))
        assert job.fingerprint()["rasters"][0]["uri"] == "/vsicurl/https://host/a.tif"

    def test_a_mosaic_may_be_given_as_text(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        text = make_mosaic(tmp_path / "a.vrt", make_raster()).read_text() + "\n" * 5000
        job = planted.prepared([text], planted.RedFinder())
        assert len(json.dumps(job.fingerprint())) < 5000


class TestProvenance:
    def test_the_layer_tells_what_it_was_made_of(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        rasters = [make_raster("a.tif"), make_raster("b.tif", origin=(131_000, 455_000))]
        area = tmp_path / "area.gpkg"
        gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1e6, 1e6)], crs=28992).to_file(area)
        planted.prepared(rasters, planted.RedFinder())
        where = read_whereabouts(str(area), None)
        job = prepare(rasters, "vehicles-10cm", planted.SETTINGS, where)
        detect_to(Target(tmp_path / "cars.gpkg"), job)
        with closing(sqlite3.connect(tmp_path / "cars.gpkg")) as base:
            query = "SELECT metadata FROM gpkg_metadata WHERE mime_type = 'application/json'"
            told = json.loads(base.execute(query).fetchone()[0])
        assert told["command"] == "detect"
        assert told["inputs"] == ["a.tif", "b.tif"]
        assert told["weights"] == "vehicles-10cm"
        assert told["weights_sha256"] == SHIPPED["vehicles-10cm"].sha256
        assert told["licence"] == "none"
        assert (told["settings"]["score"], told["settings"]["nms"]) == (0.4, 0.2)
        assert told["settings"]["finest"] == 0.1
        assert told["settings"]["aoi"] == "area.gpkg"
        assert "exclude" not in told["settings"]
        assert str(tmp_path) not in json.dumps(told)


@dataclass
class Watcher:
    """Interrupts a job when more than a share of it is done."""

    limit: float
    state: str = ""
    blocks: int = -1

    def on_journal(self, state: str, blocks: int) -> None:
        self.state, self.blocks = state, blocks

    def on_pixels(self, done: int, total: int) -> None:
        if done > self.limit * total:
            raise KeyboardInterrupt

    def on_chunk(self, chunk: Any) -> None: ...


def ended(out: Path, raster: Path) -> str:
    """Let the script end; return what it says of its journal."""
    command = [sys.executable, SCRIPT, out, "0", raster]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return done.stdout.splitlines()[0]


def killed(out: Path, raster: Path, patches: int, moment: float) -> str:
    """Kill the script after some patches; return how many blocks it found done."""
    command = [sys.executable, SCRIPT, out, "0.03", raster]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        journal, _, *_ = (process.stdout.readline() for _ in range(2 + patches))
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return journal.split()[1]


class TestResuming:
    def test_what_is_done_is_not_done_again(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        path, out = make_raster(pixels=paint(lattice())), tmp_path / "cars.gpkg"
        finder = planted.RedFinder()
        job = planted.prepared([path], finder)

        with pytest.raises(KeyboardInterrupt):
            detect_to(Target(out), job, watcher=Watcher(0.5))
        assert not out.exists()
        before = finder.patches
        watcher = Watcher(2)
        detect_to(Target(out), job, watcher=watcher)
        assert watcher.state == "resumed"
        assert 3 <= watcher.blocks <= 5
        assert finder.patches - before == 36 - 4 * watcher.blocks
        assert centres(gpd.read_file(out, layer="vehicles")) == expected(lattice())
        assert list(tmp_path.glob(".cars*")) == []

    def test_a_job_killed_at_any_moment_ends_as_if_undisturbed(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        path = make_raster(pixels=paint(lattice()))
        whole, out = tmp_path / "whole.gpkg", tmp_path / "cars.gpkg"
        detect_to(Target(whole), planted.prepared([path], planted.RedFinder()))
        out.write_text("an older result")
        rng = np.random.default_rng(5)
        # of 36 patches; what a block had done when the kill came is done again
        kept = [int(killed(out, path, after, rng.uniform(0, 0.03))) for after in (9, 12)]
        assert kept[0] == 0 < kept[1]
        assert out.read_text() == "an older result"
        state, blocks = ended(out, path).split()
        assert state == "resumed"
        assert kept[1] < int(blocks) < 9
        assert rows(out) == rows(whole)
        assert list(tmp_path.glob(".*journal")) == []

    @pytest.mark.parametrize("name", ["there.gpkg", "sheet.shp", "sheet.geojson"])
    def test_what_cannot_be_written_is_told_before_the_search(
        self, make_raster: Any, planted: Any, tmp_path: Path, name: str
    ) -> None:
        """It exists; the raster's name is too long; WGS 84 does not reach the raster."""
        (tmp_path / "there.gpkg").write_text("an older result")
        raster = "r" * 251 + ".tif" if name == "sheet.shp" else "r.tif"
        origin = (1e9, 1e9) if name == "sheet.geojson" else (500_000, 5e6)
        path = make_raster(raster, crs="EPSG:32631", origin=origin)
        finder = planted.RedFinder()
        job = planted.prepared([path], finder, replace(planted.SETTINGS, gsd=0.1))
        with pytest.raises(OutputError):
            detect_to(Target(tmp_path / name), job)
        assert finder.patches == 0

    def test_a_job_whose_disk_filled_goes_on(
        self, make_raster: Any, planted: Any, small_disk: Path
    ) -> None:
        job = planted.prepared([make_raster(pixels=paint(lattice()))], planted.RedFinder())
        ballast, out = small_disk / "ballast", small_disk / "cars.gpkg"
        ballast.write_bytes(bytes(330 * 1024))
        with pytest.raises(OutputError, match="same command"):
            detect_to(Target(out), job)
        ballast.unlink()
        detect_to(Target(out), job)
        assert centres(gpd.read_file(out, layer="vehicles")) == expected(lattice())


class TestDestinations:
    def test_a_stream_leaves_nothing_behind(
        self,
        make_raster: Any,
        planted: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        job = planted.prepared([make_raster(pixels=paint(lattice()))], planted.RedFinder())
        folder, stream = tmp_path / "temporary", io.BytesIO()
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        monkeypatch.chdir(folder)
        there = SimpleNamespace(stdout=SimpleNamespace(buffer=stream))
        monkeypatch.setattr("geovehicle.export.sequences.sys", there)
        with pytest.raises(KeyboardInterrupt):
            detect_to(Target("-"), job, watcher=Watcher(0.5))
        assert stream.getvalue() == b""
        watcher = Watcher(2)
        summary = detect_to(Target("-"), job, watcher=watcher)
        assert (watcher.state, watcher.blocks) == ("new", 0)
        texts = stream.getvalue().split(b"\x1e")[1:]
        assert [json.loads(text)["properties"]["id"] for text in texts] == [
            *range(1, summary.count + 1)
        ]
        assert list(folder.iterdir()) == []

    def test_rows_are_added_after_an_interruption_once(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        path, out = make_raster(pixels=paint(lattice())), tmp_path / "cars.gpkg"
        target = Target(Destination(out, existing="append"))
        job = planted.prepared([path], planted.RedFinder())
        detect_to(target, job)
        with pytest.raises(KeyboardInterrupt):
            detect_to(target, job, watcher=Watcher(0.5))
        watcher = Watcher(2)
        detect_to(target, job, watcher=watcher)
        assert watcher.state == "resumed"
        layer = gpd.read_file(out, layer="vehicles")
        assert layer["id"].tolist() == [*range(1, 2 * len(lattice()) + 1)]
        assert centres(layer) == sorted(2 * expected(lattice()))

    def test_rows_that_do_not_fit_are_told_before_the_search(
        self, make_raster: Any, planted: Any, tmp_path: Path
    ) -> None:
        path, out = make_raster(), tmp_path / "cars.gpkg"
        gpd.GeoDataFrame({"id": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs=28992).to_file(
            out, layer="vehicles"
        )
        finder = planted.RedFinder()
        job = planted.prepared([path], finder)
        with pytest.raises(OutputError, match="score is one among the new rows"):
            detect_to(Target(Destination(out, existing="append")), job)
        assert finder.patches == 0
