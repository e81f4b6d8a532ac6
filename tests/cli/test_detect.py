from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from PIL import Image

from geovehicle import __version__
from geovehicle.detections import Detections
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.journal import open_journal
from geovehicle.model.checkpoint import ModelInfo
from geovehicle.settings import DEFAULT_DETECTOR

SCRIPT = Path(sys.executable).with_name("geovehicle")


@pytest.fixture
def detect(run, weights):
    """Return a function that detects with the untrained weights, which find something."""
    return partial(run, "detect", "--weights", weights, "--score", 0)


@pytest.fixture
def parked_car(monkeypatch):
    """Put a detector in place that finds a car of 45 x 18 pixels, turned by 45 degrees."""
    footprint = corners_of(np.array([[60, 60, 45, 18, np.pi / 4]]))
    found = Detections(boxes_of(footprint), np.ones(1), np.ones(1), footprint)

    class Detector:
        info = ModelInfo(DEFAULT_DETECTOR, ("car", "bus"), 0.1, "none", {})
        labels = ("car", "bus")
        score, nms = 0.5, 0.3
        arithmetic = "exact"

        def __call__(self, patches):
            return [found for _ in patches]

    monkeypatch.setattr("geovehicle.jobs.load_detector", lambda *_: Detector())


@pytest.fixture
def never(monkeypatch):
    """Make the test fail if the long work begins."""

    def prepare(*_):
        raise AssertionError("the work began")

    monkeypatch.setattr("geovehicle.jobs.prepare", prepare)


def refused(result, exit_code, complaint):
    """Assert one line on stderr that says what was wrong, and nothing else."""
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert re.fullmatch(f"Error: [^\n]*{complaint}[^\n]*\n", result.stderr), result.stderr


class TestWhatItWrites:
    def test_a_layer_and_one_line(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), "-o", tmp_path / "cars.gpkg")
        layer = gpd.read_file(tmp_path / "cars.gpkg", layer="vehicles")
        assert len(layer) > 0
        assert layer.crs == "EPSG:28992"
        assert set(layer["source"]) == {"scene.tif"}
        assert result.exit_code == 0
        assert result.stderr == ""
        assert re.fullmatch(
            rf"{len(layer)} vehicles in 61 m² \(scene\.tif → cars\.gpkg\),"
            r" [\d.]+ s, [\de.-]+ MPix/s\n",
            result.stdout,
        )

    def test_an_interrupted_run_of_another_job_is_told(self, detect, make_raster, tmp_path):
        output = tmp_path / "cars.gpkg"
        with open_journal(output, {"another": "job"}) as journal:
            journal.add((0, 0), b"found")
        result = detect(make_raster(), "-o", output)
        assert result.exit_code == 0
        assert result.stderr == "the interrupted run here was another job; starting afresh\n"

    def test_several_rasters_are_one_layer(self, detect, make_raster, tmp_path):
        rasters = make_raster("a.tif"), make_raster("b.tif", origin=(131_000, 455_000))
        result = detect(*rasters, "-o", tmp_path / "cars.gpkg")
        layer = gpd.read_file(tmp_path / "cars.gpkg", layer="vehicles")
        assert set(layer["source"]) == {"a.tif", "b.tif"}
        assert "in 123 m² (2 rasters → cars.gpkg)" in result.stdout

    def test_json(self, detect, make_raster, tmp_path, weights):
        output = tmp_path / "cars.geojson"
        result = detect(make_raster(dtype="uint16"), "-o", output, "--nms", 0.4, "--json")
        told = json.loads(result.stdout)
        (raster,) = told.pop("rasters")
        assert told.pop("seconds") > 0
        assert told.pop("mpix_per_s") > 0
        assert told.pop("vehicles") == raster["vehicles"] == len(gpd.read_file(output)) > 0
        assert told.pop("area_km2") == raster["area_km2"] == pytest.approx(61.44e-6, rel=1e-3)
        assert told == {
            "output": str(output),
            "score": 0.0,
            "nms": 0.4,
            "weights": str(weights),
            "version": __version__,
        }
        assert raster["name"] == "scene.tif"
        assert [len(raster["stretch"][end]) for end in ("low", "high")] == [3, 3]

    def test_json_is_a_summary_and_events(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), "-o", tmp_path / "cars.gpkg", "--json")
        assert len(result.stdout.splitlines()) == 1
        journal, *progress = map(json.loads, result.stderr.splitlines())
        assert journal == {"event": "journal", "state": "new", "blocks": 0}
        assert [(one["event"], one["done"]) for one in progress] == [
            ("progress", 0),
            ("progress", 96 * 64),
        ]
        assert {one["total"] for one in progress} == {96 * 64}
        assert 0 <= progress[0]["seconds"] <= progress[1]["seconds"]
        result = detect(make_raster(), "-o", tmp_path / "quiet.gpkg", "--json", "--quiet")
        assert (len(result.stdout.splitlines()), result.stderr) == (1, "")

    def test_8_bits_have_no_stretch(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), "-o", tmp_path / "cars.gpkg", "--json")
        assert json.loads(result.stdout)["rasters"][0]["stretch"] is None

    def test_quiet(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), "-o", tmp_path / "cars.gpkg", "--quiet")
        assert (result.exit_code, result.output) == (0, "")
        assert (tmp_path / "cars.gpkg").exists()

    def test_a_preview(self, detect, make_raster, tmp_path):
        raster, preview = make_raster(crs=None, located=False), tmp_path / "cars.png"
        result = detect(raster, "-o", tmp_path / "cars.gpkg", "--gsd", 0.1, "--preview", preview)
        assert result.exit_code == 0
        with Image.open(preview) as picture:
            assert picture.format == "PNG"
            colours = picture.convert("RGB").getcolors(picture.width * picture.height)
        assert any(red > 200 and blue < 80 for _, (red, _green, blue) in colours)  # outlines

    @pytest.mark.usefixtures("parked_car")
    @pytest.mark.parametrize("recipe", [{}, {"crs": "EPSG:4326"}, {"crs": None, "located": False}])
    def test_a_preview_and_the_fields_follow_the_same_pixel_size(
        self, run, make_raster, tmp_path, monkeypatch, recipe
    ):
        """The raster's pixels of 0.2 m are two pixels of the scene each."""
        bars = []
        monkeypatch.setattr(
            "geovehicle.export.preview._Strip.draw_scale_bar",
            lambda self, metres: bars.append(metres),
        )
        raster, output = make_raster(width=100, height=60, **recipe), tmp_path / "cars.gpkg"
        preview = tmp_path / "cars.png"
        result = run("detect", raster, "-o", output, "--gsd", 0.2, "--preview", preview)
        assert result.exit_code == 0
        vehicle = gpd.read_file(output, layer="vehicles").iloc[0]
        assert (vehicle.length_m, vehicle.width_m) == (4.5, 1.8)
        assert vehicle.azimuth_deg == (135 if recipe.get("located", True) else 45)
        with Image.open(preview) as picture:
            assert bars == pytest.approx([20 / picture.width])

    def test_boxes(self, run, parked_car, make_raster, tmp_path):
        raster = make_raster(width=120, height=120)
        areas, pictures = [], []
        for boxes in ("oriented", "horizontal"):
            output, preview = tmp_path / f"{boxes}.gpkg", tmp_path / f"{boxes}.png"
            result = run("detect", raster, "-o", output, "--boxes", boxes, "--preview", preview)
            assert result.exit_code == 0
            layer = gpd.read_file(output, layer="vehicles")
            assert layer["azimuth_deg"].tolist() == [135]
            assert layer["label"].tolist() == ["bus"]
            areas.append(layer.area[0])
            pictures.append(preview.read_bytes())
        # 45 x 18 pixels, and the square around them when turned by 45 degrees
        assert areas == pytest.approx([45 * 18 / 100, (45 + 18) ** 2 / 200])
        assert pictures[0] != pictures[1]
        run("detect", raster, "-o", tmp_path / "default.gpkg")
        default = gpd.read_file(tmp_path / "default.gpkg", layer="vehicles")
        assert default.area[0] == pytest.approx(areas[0])

    def test_the_weights_own_score_is_the_default(self, run, weights, make_raster, tmp_path):
        result = run(
            "detect", make_raster(), "-o", tmp_path / "cars.gpkg", "--weights", weights, "--json"
        )
        told = json.loads(result.stdout)
        assert (told["score"], told["nms"], told["vehicles"]) == (0.5, 0.3, 0)

    def test_overwrite(self, detect, make_raster, tmp_path):
        output = tmp_path / "cars.gpkg"
        output.write_text("old")
        assert detect(make_raster(), "-o", output, "--overwrite").exit_code == 0
        assert len(gpd.read_file(output, layer="vehicles")) > 0


def zero_bands(make_raster):
    for table in ("north", "south"):
        creation = {"RASTER_TABLE": table} | (
            {"APPEND_SUBDATASET": "YES"} if table == "south" else {}
        )
        path = make_raster("two.gpkg", creation=creation)
    return path


def truncated(make_raster):
    path = make_raster(width=500, height=400, creation={"compress": "deflate"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def nowhere(make_raster):
    return make_raster(crs=None, located=False)


def missing(make_raster):
    return make_raster().with_name("missing.tif")


class TestBadInput:
    @pytest.mark.parametrize(
        ("raster", "complaint"),
        [
            (missing, r"missing\.tif cannot be opened"),
            (nowhere, r"scene\.tif.*--gsd"),
            (zero_bands, r"two\.gpkg has no bands"),
            (truncated, r"scene\.tif cannot be read"),
        ],
    )
    def test_a_raster(self, detect, make_raster, tmp_path, raster, complaint):
        output = tmp_path / "cars.gpkg"
        output.write_text("old")
        refused(detect(raster(make_raster), "-o", output, "--overwrite"), 3, complaint)
        assert output.read_text() == "old"

    def test_one_of_several_rasters(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), missing(make_raster), "-o", tmp_path / "cars.gpkg")
        refused(result, 3, r"missing\.tif cannot be opened")
        assert not (tmp_path / "cars.gpkg").exists()

    def test_bands_that_are_not_there(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), "-o", tmp_path / "cars.gpkg", "--bands", "4,3,2")
        refused(result, 3, r"has 3 band\(s\), not 4,3,2")

    def test_unknown_weights(self, run, make_raster, tmp_path):
        output = tmp_path / "cars.gpkg"
        result = run("detect", make_raster(), "-o", output, "--weights", "lorries")
        refused(result, 3, "no weights lorries: neither a file nor one of the names vehicles-10cm")

    @pytest.mark.parametrize("kept", [0, 1000, -1000])
    def test_damaged_weights(self, run, make_raster, tmp_path, weights, kept):
        damaged, output = tmp_path / "damaged.safetensors", tmp_path / "cars.gpkg"
        damaged.write_bytes(weights.read_bytes()[:kept])
        output.write_text("old")
        result = run("detect", make_raster(), "-o", output, "--weights", damaged, "--overwrite")
        refused(result, 3, r"damaged\.safetensors")
        assert output.read_text() == "old"


@pytest.mark.usefixtures("never")
class TestTargetsAreCheckedBeforeTheWork:
    def test_an_unknown_suffix(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), "-o", tmp_path / "cars.dxf")
        refused(result, 4, r"cars\.dxf has no known output format")

    def test_an_existing_output(self, detect, make_raster, tmp_path):
        output = tmp_path / "cars.gpkg"
        output.write_text("old")
        refused(detect(make_raster(), "-o", output), 4, r"cars\.gpkg exists; add --overwrite")
        assert output.read_text() == "old"

    def test_an_existing_preview(self, detect, make_raster, tmp_path):
        preview = tmp_path / "cars.png"
        preview.write_text("old")
        result = detect(make_raster(), "-o", tmp_path / "cars.gpkg", "--preview", preview)
        refused(result, 4, r"cars\.png exists; add --overwrite")
        assert preview.read_text() == "old"

    def test_a_missing_folder(self, detect, make_raster, tmp_path):
        result = detect(make_raster(), "-o", tmp_path / "no" / "cars.gpkg")
        refused(result, 4, "there is no folder")

    def test_a_folder_that_cannot_be_written(self, detect, make_raster, tmp_path, monkeypatch):
        def refuse(**_):
            raise PermissionError(13, "Permission denied")  # root is never refused

        monkeypatch.setattr("geovehicle.files.TemporaryDirectory", refuse)
        result = detect(make_raster(), "-o", tmp_path / "cars.gpkg")
        refused(result, 4, "cannot write .*Permission denied")

    def test_a_raster_as_output(self, detect, make_raster, tmp_path):
        raster = make_raster("ortho.gpkg")
        before = raster.read_bytes()
        link = tmp_path / "link.gpkg"
        link.symlink_to(raster)
        refused(detect(raster, "-o", link, "--overwrite"), 4, "is one of the rasters")
        assert raster.read_bytes() == before

    def test_a_raster_as_preview(self, detect, make_raster, tmp_path):
        raster = make_raster("ortho.png")
        output = tmp_path / "cars.gpkg"
        result = detect(raster, "-o", output, "--preview", raster, "--overwrite")
        refused(result, 4, "is one of the rasters")

    def test_a_preview_of_several_rasters(self, detect, make_raster, tmp_path):
        rasters = make_raster("a.tif"), make_raster("b.tif")
        result = detect(*rasters, "-o", tmp_path / "c.gpkg", "--preview", tmp_path / "c.png")
        assert result.exit_code == 2
        assert "--preview draws one raster" in result.stderr

    def test_a_preview_that_is_no_png(self, detect, make_raster, tmp_path):
        output = tmp_path / "cars.gpkg"
        result = detect(make_raster(), "-o", output, "--preview", tmp_path / "cars.jpg")
        assert result.exit_code == 2
        assert "let it end in .png" in result.stderr

    def test_no_raster(self, detect, tmp_path):
        result = detect("-o", tmp_path / "cars.gpkg")
        assert result.exit_code == 2
        assert "Missing argument 'RASTER...'" in result.stderr


@pytest.mark.skipif(not SCRIPT.exists(), reason="geovehicle is not installed, so has no command")
def test_the_installed_command_says_one_line(make_raster, tmp_path, weights):
    process = subprocess.run(  # noqa: S603 - our own command
        [SCRIPT, "detect", truncated(make_raster), "-o", tmp_path / "c.gpkg", "--weights", weights],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 3
    assert process.stdout == ""
    assert process.stderr.count("\n") == 1
    assert process.stderr.startswith("Error: scene.tif cannot be read")


def test_geojson_without_a_crs_is_refused_before_the_search(
    detect, make_raster, tmp_path, monkeypatch
):
    def never(*arguments):
        raise AssertionError("the search has begun")

    monkeypatch.setattr("geovehicle.detection._search", never)
    raster = make_raster("plain.tif", crs=None)
    result = detect(raster, "-o", tmp_path / "out.geojson", "--gsd", "0.1")
    assert result.exit_code == 4
    assert "the layer has no CRS" in result.stderr
    other = make_raster("other.tif")
    result = detect(raster, other, "-o", tmp_path / "out.gpkg", "--gsd", "0.1")
    assert result.exit_code == 3
    assert "some rasters have a CRS" in result.stderr
