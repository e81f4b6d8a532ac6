from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import torch

from geovehicle import __version__
from geovehicle.baselines.hog_detector import HogSvmInfo, LinearWindows, save_windows
from geovehicle.model.weights import SHIPPED
from geovehicle.settings import VEHICLE_TYPES, DetectorConfig, HogSvmConfig


def test_versions_devices_and_weights(run):
    told = json.loads(run("info", "--json").stdout)
    assert told["versions"]["geovehicle"] == __version__
    assert told["versions"]["torch"] == torch.__version__
    assert {"GDAL of rasterio", "GDAL of pyogrio", "PROJ"} <= set(told["versions"])
    assert told["devices"][0]["device"] == "cpu"
    assert f"{torch.get_num_threads()} threads" in told["devices"][0]["name"]
    kinds = told["devices"][0]["precision"].removeprefix("int8, ")
    assert kinds in {"float32", "bfloat16"}
    assert all(weights["int8"] for weights in told["weights"])
    assert "  int8: prepared" in run("info").stdout.splitlines()
    assert "  finest search: 0.0769 m" in run("info").stdout.splitlines()
    assert [weights["name"] for weights in told["weights"]] == list(SHIPPED)


def test_lines(run):
    lines = run("info").stdout.splitlines()
    assert lines[0] == f"geovehicle {__version__}"
    assert any(line.startswith("device cpu: ") for line in lines)
    assert [line for line in lines if line.startswith("weights ")] == [
        f"weights {name}" for name in SHIPPED
    ]


def test_shipped_weights_that_are_altered(run, monkeypatch, tmp_path):
    file = tmp_path / "altered"
    file.touch()
    monkeypatch.setattr("geovehicle.model.checkpoint.shipped_path", lambda name: file)
    result = run("info")
    assert result.exit_code == 0
    assert "  error: the shipped weights 'vehicles-10cm' are missing or altered" in result.stdout


def test_a_checkpoint(run, weights):
    assert run("info", "--weights", weights).stdout.splitlines() == [
        f"weights {weights}",
        "  classes: vehicle",
        "  ground sampling distance: 0.1 m",
        "  finest search: 0.1 m",
        "  licence: CC0-1.0",
        f"  size: {weights.stat().st_size / 1e6:.1f} MB",
        "  backbone: resnet50v2",
        "  boxes: horizontal",
        "  score: 0.5",
        "  images: 0",
        "  sources: nowhere, nothing",
    ]


def test_a_hog_svm(run, tmp_path):
    shape = (5, 5, 36)
    config = HogSvmConfig(windows=((6, 6),), score_threshold=0.4)
    windows = LinearWindows(
        (np.zeros(shape, np.float32),), np.zeros(1, np.float32), np.ones(2, np.float32)
    )
    path = tmp_path / "hog.safetensors"
    save_windows(path, windows, HogSvmInfo(config, ("vehicle",), 0.1, "CC0-1.0", {"images": 3}))
    lines = run("info", "--weights", path).stdout.splitlines()
    assert lines[0] == f"weights {path}"
    end = ["  model: HOG + SVM", "  boxes: horizontal", "  score: 0.4", "  images: 3"]
    assert lines[-4:] == end


def test_a_checkpoint_that_knows_footprints_and_types(run, monkeypatch):
    config = asdict(DetectorConfig(oriented=True, types=VEHICLE_TYPES))
    told = {"name": "mine", "classes": ["vehicle"], "gsd": 0.1, "finest_gsd": 0.1, "bytes": 1}
    monkeypatch.setattr(
        "geovehicle.environment.describe_weights",
        lambda name: {**told, "licence": "none", "config": config, "provenance": {}},
    )
    lines = run("info", "--weights", "mine").stdout.splitlines()
    assert {"  boxes: oriented", "  types: car, van, bus, truck"} <= set(lines)


def test_a_checkpoint_as_json_has_its_whole_provenance(run, weights):
    (told,) = json.loads(run("info", "--weights", weights, "--json").stdout)["weights"]
    assert told["provenance"]["settings"] == {"iterations": 0}
    assert told["config"]["head_channels"] == 8


def test_a_file_that_is_no_checkpoint(run, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    result = run("info", "--weights", tmp_path / "notes.txt")
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
