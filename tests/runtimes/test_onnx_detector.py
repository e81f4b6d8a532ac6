from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from geovehicle.engines.detectors import describe, load_detector
from geovehicle.errors import CheckpointError, GeoVehicleError, SettingsError
from geovehicle.runtimes import sessions
from geovehicle.runtimes.onnx_detector import OnnxDetector
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geovehicle.raster.source import Patch

    Noise = Callable[[int, int], Patch]

PLAIN = DetectSettings(device="cpu", precision="float32")
RUNTIMES = {"openvino": sessions._by_openvino, "onnxruntime": sessions._by_onnxruntime}


@pytest.mark.parametrize("open_session", RUNTIMES.values(), ids=RUNTIMES)
@pytest.mark.parametrize("size", [(96, 64), (75, 131), (352, 320)], ids=str)
def test_an_exported_network_answers_as_torch(
    exported: tuple[Path, Path],
    open_session: Callable[..., sessions.Session],
    size: tuple[int, int],
    noise: Noise,
    assert_same: Callable[..., None],
) -> None:
    checkpoint, file = exported
    detector = OnnxDetector(open_session(file, "float32"), describe(file), PLAIN)
    (exact,) = load_detector(checkpoint, PLAIN)([noise(*size)])
    (found,) = detector([noise(*size)])
    assert_same(found, exact, least=3)
    assert (np.diff(found.scores) <= 0).all()


def test_the_file_describes_itself_as_the_checkpoint(exported: tuple[Path, Path]) -> None:
    checkpoint, file = exported
    assert describe(file) == describe(checkpoint)
    own, other = load_detector(file, PLAIN), load_detector(checkpoint, PLAIN)
    assert (own.labels, own.score, own.nms) == (other.labels, other.score, other.nms)
    onnx.checker.check_model(onnx.load(file), full_check=True)


def test_thresholds_given_go_before_the_files_own(
    exported: tuple[Path, Path], noise: Noise
) -> None:
    settings = DetectSettings(device="cpu", score=0.6, nms=0.2)
    detector = load_detector(exported[1], settings)
    assert (detector.score, detector.nms) == (0.6, 0.2)
    assert all(found.scores.min(initial=1) > 0.6 for found in detector([noise(96, 64)]))


def test_another_device_is_refused(exported: tuple[Path, Path]) -> None:
    with pytest.raises(SettingsError, match="leave out --device"):
        load_detector(exported[1], DetectSettings(device="cuda"))
    with pytest.raises(SettingsError, match="lower --patch"):
        load_detector(exported[1], DetectSettings(patch=8193))


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.onnx"
    file.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="export the weights again"):
        describe(file)
    with pytest.raises(CheckpointError, match="cannot be run"):
        sessions.open_session(file, "auto")


def test_without_the_extra_its_installation_is_named(
    exported: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(GeoVehicleError, match=r"pip install 'geovehicle\[export\]'$"):
        sessions.open_session(exported[1], "auto")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(GeoVehicleError, match=r"pip install 'geovehicle\[export\]'$"):
        describe(exported[1])
