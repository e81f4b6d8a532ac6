from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
from PIL import Image

from geovehicle.engines.detectors import describe, load_detector
from geovehicle.exporting import export
from geovehicle.settings import DetectSettings, ExportSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geovehicle.raster.source import Patch

INT8 = ExportSettings(quantize="int8", patches=1)


def test_features_are_integers_and_the_answers_nearly_the_same(
    exported: tuple[Path, Path], tmp_path: Path, noise: Callable[[int, int], Patch]
) -> None:
    quantised = tmp_path / "int8.onnx"
    export(quantised, exported[0], INT8)
    told = describe(quantised).provenance
    assert told == {"quantized": "int8", "calibrated_on": "rendered scenes", "images": 0}
    settings = DetectSettings(device="cpu", precision="float32")
    (exact,), (found,) = (
        load_detector(file, settings)([noise(96, 64)]) for file in (exported[1], quantised)
    )
    assert len(found)
    assert abs(found.scores.max() - exact.scores.max()) < 0.02
    model = onnx.load(quantised)
    onnx.checker.check_model(model)
    integers = {
        one.name.removesuffix("_quantized")
        for one in model.graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and one.name.endswith("_quantized")
    }
    assert any("backbone.middle" in name for name in integers)
    assert "rpn.head.conv.weight" in integers
    assert not [name for name in integers if "stem" in name or "predictor" in name]
    assert not [name for name in integers if "objectness" in name or "deltas" in name]


def test_ranges_come_from_the_users_images(exported: tuple[Path, Path], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 90, "height": 70, "gsd": 0.1}],
        "annotations": [],
        "categories": [{"id": 1, "name": "vehicle"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    export(tmp_path / "int8.onnx", exported[0], INT8, tmp_path / "labels.json")
    assert describe(tmp_path / "int8.onnx").provenance["calibrated_on"] == "labels.json"
