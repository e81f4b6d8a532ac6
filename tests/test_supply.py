"""What is told of the parts that geovehicle is made of, and what is made for its weights."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from geovehicle.model.checkpoint import load_checkpoint, save_checkpoint
from geovehicle.model.int8 import names_of

SUPPLY = Path(__file__).parents[1] / "supply"
AUDIT = runpy.run_path(str(SUPPLY / "audit.py"))


def test_ranges_are_written_beside_the_weights_that_they_are_of(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(SUPPLY / "ranges.py"))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    image = {"id": 1, "file_name": "one.png", "width": 64, "height": 64, "gsd": 0.1}
    labels = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "vehicle"}]}
    (tmp_path / "train.json").write_text(json.dumps(labels))
    model, info = load_checkpoint(weights)
    place = tmp_path / "weights.safetensors"
    (tmp_path / "weights.json").write_text('{"config": {"score_threshold": 0.4}, "ranges": {}}')
    names = script["main"].__globals__
    monkeypatch.setitem(names, "load_checkpoint", lambda _: (model, info))
    monkeypatch.setitem(names, "shipped_path", lambda _: place)
    script["main"]([str(tmp_path / "train.json"), "--patches", "1"])
    found = json.loads((tmp_path / "weights.json").read_text())
    assert found["config"] == {"score_threshold": 0.4}
    ranges = found["ranges"]
    assert set(ranges) == names_of(model)
    assert min(ranges.values()) > 0


def test_the_mean_of_detectors_remembers_each(weights: Path, tmp_path: Path) -> None:
    script = runpy.run_path(str(SUPPLY / "average.py"))
    one, info = load_checkpoint(weights)
    layer = "roi_heads.box_predictor.deltas.weight"
    parts = []
    for number, factor in enumerate((1.0, 3.0)):
        one.load_state_dict(
            {layer: factor * load_checkpoint(weights)[0].state_dict()[layer]}, strict=False
        )
        parts.append(tmp_path / f"{number}.safetensors")
        told = replace(
            info, provenance={"images": number}, ranges=dict.fromkeys(names_of(one), 4.0 - number)
        )
        save_checkpoint(parts[-1], one, told)
    mean = tmp_path / "mean.safetensors"
    script["main"]([*map(str, parts), "-o", str(mean)])
    states = [load_checkpoint(path)[0].state_dict() for path in (*parts, mean)]
    torch.testing.assert_close(states[2][layer], 2 * states[0][layer], rtol=1e-3, atol=0)
    for name in states[0].keys() - {layer}:
        torch.testing.assert_close(states[2][name], states[0][name])
    found = load_checkpoint(mean)[1]
    assert found.provenance == {"images": 0, "mean_of": {"1": {"images": 0}, "2": {"images": 1}}}
    assert set(found.ranges.values()) == {4.0}
    assert (found.config, found.licence) == (info.config, info.licence)


def test_detectors_that_differ_have_no_mean(weights: Path, tmp_path: Path) -> None:
    script = runpy.run_path(str(SUPPLY / "average.py"))
    model, info = load_checkpoint(weights)
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, model, replace(info, gsd=0.2))
    with pytest.raises(SystemExit, match="differ in"):
        script["main"]([str(weights), str(other), "-o", str(tmp_path / "mean.safetensors")])
    assert not (tmp_path / "mean.safetensors").exists()


def package(name: str, *flaws: str) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": [{"id": flaw} for flaw in flaws]}


UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "line"),
    [
        ([package("a"), package("b")], 0, "2 packages asked for; none has a known vulnerability"),
        ([package("a"), UNKNOWN], 0, "1 packages asked for, 1 unknown there; none has a known"),
        (
            [package("a"), package("b", "CVE-1", "CVE-2")],
            1,
            "2 packages asked for; vulnerable: b 1.0: CVE-1, b 1.0: CVE-2",
        ),
        ([UNKNOWN], 2, "nothing was audited: the Python Package Index told nothing"),
        ([], 2, "nothing was audited: the Python Package Index told nothing"),
    ],
)
def test_an_audit_is_a_line_and_silence_of_the_index_is_no_success(
    packages: list[Any], code: int, line: str
) -> None:
    told, ended = AUDIT["told"](packages)
    assert (ended, told[: len(line)]) == (code, line)
    assert "\n" not in told
