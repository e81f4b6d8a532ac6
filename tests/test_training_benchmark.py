from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from torchvision.ops import MultiScaleRoIAlign

from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
from geovehicle.model.pooling import RoIAlign
from geovehicle.settings import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "training", raising=False)
    found = __import__("training")
    monkeypatch.delitem(sys.modules, "training")
    return found


def test_steps_with_both_ways_of_pooling_are_compared(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, output = tmp_path / "tiny.safetensors", tmp_path / "told.json"
    info = ModelInfo(DEFAULT_DETECTOR, ("vehicle",), 0.1, "CC0-1.0", {})
    save_checkpoint(weights, build_detector(DEFAULT_DETECTOR).eval(), info)
    sizes = ["--crop", "64", "--batch", "1", "--repeats", "1"]
    script.main(["--weights", str(weights), *sizes, "--output", str(output)])
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert header == "| step with | seconds | times ours |"
    own, other = json.loads(output.read_text())
    assert own["name"] in lines[0]
    assert other["name"] in lines[1]
    assert own["times_ours"] == 1.0
    assert other["times_ours"] == pytest.approx(other["seconds"] / own["seconds"])


def test_each_step_pools_by_what_it_is_named_after(script: ModuleType) -> None:
    own = RoIAlign.forward
    with script.pooling_by(script.OURS):
        assert RoIAlign.forward is own
    with script.pooling_by(script.TORCHVISION):
        assert RoIAlign.forward is MultiScaleRoIAlign.forward
    assert RoIAlign.forward is own
