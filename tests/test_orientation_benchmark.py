from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from geovehicle.data.synthetic import Scene
from geovehicle.detections import Detections
from geovehicle.errors import SettingsError
from geovehicle.evaluation import report
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
from geovehicle.model.detector import VehicleDetector
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from geovehicle.data.coco import LabelledImage

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

LYING = np.array(
    [
        [400.0, 500, 46, 19, 0.6],  # inside of the picture, which begins at 100
        [102.0, 300, 46, 19, 0.2],  # its edge cuts this one
        [60.0, 700, 46, 19, 0.2],  # outside
    ]
)
TYPES = ("van", "car", "bus")


@pytest.fixture
def scenes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Put a blank scene in place of a rendered one; return the seeds that are asked for."""
    seeds = []

    def blank(seed: int, width: int, height: int, gsd: float) -> Scene:
        seeds.append(seed)
        pixels = np.zeros((3, height, width), np.uint8)
        pixels[:, 100:110, 100:110] = 255
        return Scene(pixels, gsd, corners_of(LYING), TYPES)

    monkeypatch.setattr("geovehicle.data.synthetic.render_scene", blank)
    return seeds


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, scenes: list[int]) -> SimpleNamespace:
    """Return what the benchmark defines, with the blank scene."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "orientation.py")))
    for name in ("runs", "variants"):
        sys.modules.pop(name, None)
    return names


def test_the_truth_is_what_is_inside_of_the_picture(
    script: SimpleNamespace, scenes: list[int], tmp_path: Path
) -> None:
    image: LabelledImage = script.held_out(7, tmp_path)
    assert scenes == [2**31 + 7]
    pixels = image.read()
    assert pixels.shape == (1024, 1024, 3)
    assert pixels[:10, :10].min() == 255
    assert pixels.sum() == 100 * 3 * 255
    expected = corners_of(LYING[:1]) - 100
    np.testing.assert_allclose(image.footprints, expected)
    np.testing.assert_allclose(image.boxes, boxes_of(expected))
    assert image.oriented.all()
    assert image.types == ("van",)
    ((left, top, right, bottom),) = image.ignore
    assert left == 0
    assert (right, bottom - top) == pytest.approx((26.5, 27.8), abs=0.1)
    assert (top + bottom) / 2 == pytest.approx(200)


def test_footprints_and_types_are_told(
    script: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from geovehicle.evaluation import Comparison

    def known(images: Any, weights: str, settings: Any, on_image: Any) -> Any:
        turned = LYING[:1] - (100, 100, 0, 0, np.radians(2))
        found = Detections(
            boxes_of(corners_of(turned)), np.array([0.9]), np.array([0]), corners_of(turned)
        )
        comparison = Comparison("oriented", ("car", "van"))
        return report(images, [found] * len(images), 0.5, weights, comparison)

    monkeypatch.setitem(script.compare.__globals__, "evaluate", known)
    script.main(["--scenes", "2", "--seed", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| boxes | images | vehicles | AP50:95 | AP50 |")
    assert [line.split(" | ")[:3] for line in lines[2:4]] == [
        ["| oriented", "2", "2"],
        ["| horizontal", "2", "2"],
    ]
    assert "| 2 | 2.0° | 2.0° | 100.0 % | +0.00 m | 0.00 m | +0.00 m | 0.00 m |" in lines
    assert "Types told right: 0.000" in lines
    assert lines[-1] == "| van | 2 | 0 | 0.000 |"


def test_weights_that_know_nothing_go_the_whole_way(
    script: SimpleNamespace, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script.main(["--scenes", "1", "--weights", str(weights)])
    told = capsys.readouterr()
    assert told.out.splitlines()[2].startswith("| horizontal | 1 | 1 |")
    assert "scene 1/1" in told.err


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return what the benchmark of the cost defines."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "orientation_cost.py")))
    for name in ("runs", "variants"):
        sys.modules.pop(name, None)
    return names


def test_the_horizontal_stand_in_differs_in_the_head_s_last_layers_only(
    cost: SimpleNamespace, tiny: SimpleNamespace
) -> None:
    model = build_detector(tiny.DETECTOR).eval()
    info = ModelInfo(tiny.DETECTOR, ("vehicle",), 0.1, "CC0-1.0", {})
    plain, plain_info = cost.without_orientation(model, info)
    assert not plain_info.config.oriented
    pixels = np.random.default_rng(0).integers(0, 256, (3, 128, 128), dtype=np.uint8)
    window = PatchWindow(0, 0, 128, 128, core=(0, 0, 128, 128))
    patch = Patch(pixels, np.ones((128, 128), bool), window)
    everything = DetectSettings(score=0.0, nms=1.0, device="cpu", precision="float32")
    (oriented,) = VehicleDetector(model, info, everything)([patch])
    (boxes,) = VehicleDetector(plain, plain_info, everything)([patch])
    assert len(boxes) > 10
    np.testing.assert_allclose(boxes.scores, oriented.scores, atol=1e-6)


def test_the_cost_is_told_as_a_ratio(
    cost: SimpleNamespace, tiny: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.safetensors"
    info = ModelInfo(tiny.DETECTOR, ("vehicle",), 0.1, "CC0-1.0", {})
    save_checkpoint(path, build_detector(tiny.DETECTOR), info)
    cost.main(["--weights", str(path), "--side", "256", "--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| horizontal | ")
    assert lines[2].endswith(" | 1.000 |")
    assert float(lines[3].split(" | ")[2].removesuffix(" |")) > 0


def test_the_cost_of_boxes_is_not_asked_for(cost: SimpleNamespace, weights: Path) -> None:
    with pytest.raises(SettingsError, match="tell no footprints"):
        cost.main(["--weights", str(weights)])
