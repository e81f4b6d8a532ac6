from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.data.synthetic import render_scene
from geovehicle.engines.detectors import load_detector
from geovehicle.exporting import export
from geovehicle.model.weights import DEFAULT
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_shipped_weights_answer_as_torch_on_a_rendered_scene(
    tmp_path: Path, patch_of: Callable[..., object], assert_same: Callable[..., None]
) -> None:
    export(tmp_path / "shipped.onnx")
    scene = patch_of(render_scene(7, 448, 384).pixels)
    settings = DetectSettings(device="cpu", precision="float32", score=0.3)
    (exact,) = load_detector(DEFAULT, settings)([scene])
    (found,) = load_detector(tmp_path / "shipped.onnx", settings)([scene])
    assert_same(found, exact, least=5)
