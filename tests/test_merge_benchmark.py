from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "merge", raising=False)
    found = __import__("merge")
    monkeypatch.delitem(sys.modules, "merge")
    return found


def test_one_in_five_is_planted_twice_and_comes_back_once(script: ModuleType) -> None:
    search = script.scene(500)
    parts = script.planted(search, 500)
    counts = np.bincount(np.concatenate([part.labels for part in parts]))
    assert np.bincount(counts).tolist() == [0, 400, 100]
    found = np.concatenate([part.labels for part in script.merged(search, parts)])
    assert sorted(found.tolist()) == list(range(500))


def test_a_merge_that_forgets_doubles_is_seen(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "merged", lambda search, parts: parts)
    assert not script.measured(500).exact


def test_every_size_is_a_row_of_the_table_and_of_the_file(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "merge.json"
    script.main(["--vehicles", "200", "--output", str(output)])
    (figures,) = json.loads(output.read_text())
    assert (figures["vehicles"], figures["detections"], figures["exact"]) == (200, 240, True)
    assert figures["peak_mb"] > 20
    *_, row = capsys.readouterr().out.splitlines()
    assert row.startswith("| 200 | 240 | ")
    assert row.endswith("| yes |")
