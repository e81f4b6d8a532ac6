from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from PIL import Image

from geovehicle.engines.detectors import describe, load_detector
from geovehicle.errors import DatasetError, GeoVehicleError
from geovehicle.exporting import _cut, export
from geovehicle.runtimes.quantisation import quantised
from geovehicle.settings import CALIBRATION_SIDE, DetectSettings, ExportSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geovehicle.raster.source import Patch

INT8 = ExportSettings(quantize="int8", patches=1)


@pytest.fixture
def graph_at_hand(exported: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the float graph, which takes seconds, be the one that is exported already."""
    monkeypatch.setattr("geovehicle.exporting.to_onnx", lambda graph: onnx.load(exported[1]))


@pytest.mark.usefixtures("graph_at_hand")
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


def labelled(folder: Path, width: int, height: int, images: int = 1) -> Path:
    """Write a data set of an image of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    image = {"id": 1, "file_name": "a.png", "width": width, "height": height, "gsd": 0.1}
    content = {
        "images": [image] * images,
        "annotations": [],
        "categories": [{"id": 1, "name": "vehicle"}],
    }
    (folder / "labels.json").write_text(json.dumps(content))
    return folder / "labels.json"


@pytest.mark.usefixtures("graph_at_hand")
def test_ranges_come_from_the_users_images_however_small(
    exported: tuple[Path, Path], tmp_path: Path
) -> None:
    export(tmp_path / "int8.onnx", exported[0], INT8, labelled(tmp_path, 90, 50))
    assert describe(tmp_path / "int8.onnx").provenance["calibrated_on"] == "labels.json"


def test_a_small_image_becomes_a_patch_that_the_graph_takes() -> None:
    pixels = np.ones((3, 40, 700), np.uint8)
    patch = _cut(pixels, np.random.default_rng(0))
    assert patch.shape == (3, 64, CALIBRATION_SIDE)
    assert (patch[:, :40] == 1).all()


def test_a_data_set_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images"):
        export(tmp_path / "a.onnx", settings=INT8, calibration=labelled(tmp_path, 9, 9, images=0))


def test_ranges_that_cannot_be_measured_are_one_line() -> None:
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [
                onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="first"),
                onnx.helper.make_node("Conv", ["y", "w"], ["z"], name="second"),
            ],
            "two",
            [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, None, None])],
            [onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 1, None, None])],
            [onnx.numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=10,
    )
    with pytest.raises(GeoVehicleError, match="cannot be measured") as caught:
        quantised(model, [{"x": np.ones((1, 1, 2, 2), np.float32)}])
    assert "\n" not in str(caught.value)
