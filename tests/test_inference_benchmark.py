from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
from geovehicle.model.int8 import is_fast, names_of
from geovehicle.settings import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "inference", raising=False)
    found = __import__("inference")
    monkeypatch.delitem(sys.modules, "inference")
    return found


def test_speeds_stand_beside_those_of_a_bare_network(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, output = tmp_path / "tiny.safetensors", tmp_path / "told.json"
    model = build_detector(DEFAULT_DETECTOR).eval()
    ranges = dict.fromkeys(names_of(model), 1.0)
    info = ModelInfo(DEFAULT_DETECTOR, ("vehicle",), 0.1, "CC0-1.0", {}, ranges)
    save_checkpoint(weights, model, info)
    sizes = ["--patch", "64", "--matrix", "64", "--repeats", "1"]
    script.main(["--weights", str(weights), *sizes, "--output", str(output)])
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert header.startswith("| what | seconds | MPix/s | times bare |")
    product, bare, *models = json.loads(output.read_text())
    assert len(lines) == 2 + len(models) == (6 if is_fast() else 5)
    assert product["share_of_product"] == bare["times_bare"] == 1.0
    for row in models:
        assert row["mpix_per_second"] == pytest.approx(64**2 / 1e6 / row["seconds"])
        assert row["times_bare"] == pytest.approx(row["seconds"] / bare["seconds"])


def test_operations_are_two_for_each_product_and_sum(script: ModuleType) -> None:
    one, other = torch.rand(3, 5), torch.rand(5, 7)
    assert script.operations(lambda: one @ other) == 2 * 3 * 5 * 7
