from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from geovehicle.baselines.hog_detector import (
    HogSvmDetector,
    HogSvmInfo,
    LinearWindows,
    save_windows,
)
from geovehicle.engines.detectors import describe, load_detector, scene_gsds
from geovehicle.errors import CheckpointError, GeoVehicleError
from geovehicle.evaluation import evaluate
from geovehicle.model.detector import VehicleDetector
from geovehicle.settings import DetectSettings, HogSvmConfig

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = HogSvmConfig(windows=((4, 4),), scales=(1.0,))
INFO = HogSvmInfo(CONFIG, ("vehicle",), 0.2, "CC0-1.0", {"images": 0})
PLAIN = DetectSettings(device="cpu", precision="float32")


@pytest.fixture
def hog(tmp_path: Path) -> Path:
    weights = (np.zeros((3, 3, 36), np.float32),)
    windows = LinearWindows(weights, np.zeros(1, np.float32), np.array([1, 0], np.float32))
    save_windows(tmp_path / "hog.safetensors", windows, INFO)
    return tmp_path / "hog.safetensors"


def test_the_file_decides_which_detector_it_becomes(hog: Path, weights: Path) -> None:
    assert isinstance(load_detector(hog, PLAIN), HogSvmDetector)
    assert isinstance(load_detector(weights, PLAIN), VehicleDetector)
    assert describe(hog) == INFO
    assert describe(weights).config == load_detector(weights, PLAIN).info.config


@pytest.mark.parametrize("name", ["m.onnx", "M.ONNX"])
def test_a_suffix_counts_in_upper_case_as_well(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("nothing")
    with pytest.raises(GeoVehicleError) as caught:
        describe(tmp_path / name)
    assert "safetensors" not in str(caught.value)


def test_a_file_of_neither_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    for use in (lambda path: load_detector(path, PLAIN), describe):
        with pytest.raises(CheckpointError, match="not a safetensors file"):
            use(tmp_path / "notes.txt")
        with pytest.raises(CheckpointError, match="neither a file nor one of the names"):
            use(tmp_path / "none")


def test_without_the_extra_its_installation_is_named(
    hog: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("geovehicle.baselines.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(GeoVehicleError, match=r"pip install 'geovehicle\[baselines\]'$"):
        load_detector(hog, PLAIN)
    assert describe(hog) == INFO
    assert load_detector(weights, PLAIN).score == 0.5


def test_evaluation_and_detection_take_either_kind(hog: Path, make_raster, tmp_path: Path) -> None:
    import geovehicle
    from geovehicle.data.coco import LabelledImage

    raster = make_raster(gsd=(0.2, 0.2))
    found = geovehicle.find([raster], hog)
    assert found.summary.gsd == 0.2
    assert (found.vehicles.score == 0.5).all()
    none = np.empty((0, 4))
    image = LabelledImage(raster, 1, 96, 64, 0.2, "", "", none, none)
    report = evaluate([image], hog)
    assert (report.score, report.total.rates.vehicles) == (0.5, 0)
    assert report.total.rates.detections == len(found.vehicles) > 0


@pytest.mark.parametrize(
    ("asked", "span"),
    [(None, (0.1, 0.2)), (0.05, (0.05, 0.2)), (0.2, (0.2, 0.2)), (3, (0.2, 0.2))],
)
def test_scenes_are_as_fine_as_weights_allow_or_users_ask(
    asked: float | None, span: tuple[float, float]
) -> None:
    info = SimpleNamespace(gsd=0.2, finest_gsd=0.1)
    assert scene_gsds(info, DetectSettings(finest=asked)) == span


def test_windows_of_one_size_see_scenes_of_one_resolution() -> None:
    assert scene_gsds(INFO, PLAIN) == (0.2, 0.2)
