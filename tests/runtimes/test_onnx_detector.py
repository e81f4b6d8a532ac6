from __future__ import annotations

import re
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from torchvision.models.detection.image_list import ImageList

from geovehicle.engines.detectors import describe, load_detector
from geovehicle.errors import CheckpointError, GeoVehicleError, SettingsError
from geovehicle.model.build import STRIDE
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.runtimes import sessions
from geovehicle.runtimes.graph import DetectorGraph
from geovehicle.runtimes.onnx_detector import OnnxDetector
from geovehicle.settings import ONNX_LARGEST_PATCH, DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geovehicle.raster.source import Patch
    from geovehicle.settings import FloatName

    Noise = Callable[[int, int], Patch]

PLAIN = DetectSettings(device="cpu", precision="float32")
RUNTIMES = {"openvino": sessions.by_openvino, "onnxruntime": sessions.by_onnxruntime}


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


def test_what_lies_beyond_the_patch_does_not_count(exported: tuple[Path, Path]) -> None:
    model, info = load_checkpoint(exported[0])
    image = torch.randint(0, 256, (3, 96, 128), dtype=torch.uint8)
    other = image.clone()
    other[:, 75:] = other[:, :, 90:] = 255
    size, graph = torch.tensor([75, 90]), DetectorGraph(model, info.config)
    seen = [graph._normalised(one, size) for one in (image, other)]
    assert info.config.smoothing > 0
    torch.testing.assert_close(seen[1], seen[0], rtol=0, atol=0)


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
        load_detector(exported[1], DetectSettings(patch=ONNX_LARGEST_PATCH + 1))


@pytest.mark.parametrize(("height", "width"), [(96, 64), (180, 90), (192, 192), (160, 320)])
def test_proposals_are_chosen_by_stripes_as_in_the_checkpoint(
    exported: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, height: int, width: int
) -> None:
    monkeypatch.setattr("geovehicle.model.proposals.LIMITS_HOLD_FOR", 96 * 96)
    monkeypatch.setattr("geovehicle.runtimes.graph.ONNX_LARGEST_SIDE", 256)
    model, info = load_checkpoint(exported[0])
    graph = DetectorGraph(model, info.config)
    torch.manual_seed(0)
    rows, columns = (-(-side // STRIDE) * 2 for side in (height, width))
    shapes = len(graph.shapes)
    objectness = torch.randn(1, shapes, rows, columns)
    deltas = torch.randn(1, 4 * shapes, rows, columns) / 4
    head = lambda features: ([objectness], [deltas])  # noqa: E731
    monkeypatch.setattr(model.rpn, "head", torch.nn.Identity())
    monkeypatch.setattr(model.rpn.head, "forward", head)
    level = OrderedDict(fused=torch.zeros(1, 8, rows, columns))
    padded = torch.zeros(1, 3, 16 * rows, 16 * columns)
    (exact,), _ = model.rpn(ImageList(padded, [(height, width)]), level)
    found = graph._proposals(objectness[0], deltas[0], torch.tensor([height, width]))
    assert len(exact) > 20
    torch.testing.assert_close(found, exact, atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("name", "precision", "expected"),
    [
        ("openvino", "float32", r"openvino \d.* cpu f32"),
        ("onnxruntime", "auto", r"onnxruntime \d.* cpu float32"),
    ],
)
def test_the_arithmetic_is_told(
    exported: tuple[Path, Path], name: str, precision: FloatName, expected: str
) -> None:
    session = RUNTIMES[name](exported[1], precision)
    assert re.fullmatch(expected, OnnxDetector(session, describe(exported[1]), PLAIN).arithmetic)


def test_a_runtime_that_fails_leaves_the_file_to_the_next(
    exported: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path, precision: str) -> None:
        raise RuntimeError("an operation is missing\nat line 7")

    monkeypatch.setattr(sessions, "by_openvino", fails)
    assert sessions.open_session(exported[1], "auto").arithmetic.startswith("onnxruntime")
    with pytest.raises(CheckpointError, match=r"cannot be run \(an operation is missing\); export"):
        sessions.open_session(exported[1], "bfloat16")


def test_onnx_runtime_does_not_pretend_to_compute_in_bfloat16(
    exported: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(SettingsError, match="leave out --precision"):
        sessions.open_session(exported[1], "bfloat16")


def test_a_file_computes_in_int8_only_where_it_was_exported_so(
    exported: tuple[Path, Path],
) -> None:
    with pytest.raises(SettingsError, match="see geovehicle export --quantize; leave out"):
        sessions.open_session(exported[1], "int8")


def test_a_graph_that_fails_is_one_line(exported: tuple[Path, Path], noise: Noise) -> None:
    def fails(inputs: object) -> list[np.ndarray]:
        raise RuntimeError("bad allocation\nin node 3")

    detector = OnnxDetector(sessions.Session(fails, "none"), describe(exported[1]), PLAIN)
    with pytest.raises(GeoVehicleError, match=r"64 pixels \(bad allocation\); lower --patch"):
        detector([noise(96, 64)])


def test_a_description_needs_no_exporter(
    exported: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert describe(exported[1]).classes == ("car", "bus")


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
