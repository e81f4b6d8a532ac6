from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from geovehicle import DetectSettings, detect

if TYPE_CHECKING:
    from conftest import MakeRaster

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_detect_and_count_prints_what_detect_finds(
    weights: Path,
    make_raster: MakeRaster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rasters = [str(make_raster("north.tif", width=128)), str(make_raster("south.tif"))]
    arguments = [*rasters, "--weights", str(weights), "--score", "0.0"]
    monkeypatch.setattr(sys, "argv", ["detect_and_count.py", *arguments])

    runpy.run_path(str(EXAMPLES / "detect_and_count.py"), run_name="__main__")

    lines = capsys.readouterr().out.splitlines()
    found = detect(rasters, weights, DetectSettings(score=0.0))
    counts = [scene.count for scene in found.summary.scenes]
    printed = [int(re.findall(r": (\d+) vehicles", line)[0]) for line in lines]
    assert printed == [*counts, sum(counts)]
    assert min(counts) > 0
    hectares = found.summary.scenes[0].area / 10_000
    assert hectares == pytest.approx(128 * 64 * 0.01 / 10_000, rel=1e-3)
    assert lines[0] == f"north.tif: {counts[0]} vehicles, {counts[0] / hectares:.1f} per hectare"


def test_every_example_is_tested() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.iterdir() if path.name not in tested] == []
