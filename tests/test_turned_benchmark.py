from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.evaluation import Comparison, report
from geovehicle.footprints import boxes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

WIDTH, HEIGHT = 90, 60

CORNERS = np.array([[20.0, 10.0], [24.0, 13.0], [18.0, 21.0], [14.0, 18.0]])
"""Of a vehicle that lies askew."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return what the benchmark defines."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "turned.py")))
    for name in ("runs", "variants"):
        sys.modules.pop(name, None)
    return names


@pytest.fixture
def image(tmp_path: Path) -> LabelledImage:
    """Return a dark image with one label."""
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "image.png")
    return LabelledImage(
        path=tmp_path / "image.png",
        image_id=1,
        width=WIDTH,
        height=HEIGHT,
        gsd=0.1,
        source="",
        scene="",
        boxes=boxes_of(CORNERS),
        ignore=np.empty((0, 4)),
        footprints=CORNERS[None],
        oriented=np.array([True]),
    )


def test_a_view_that_is_missed_shows_in_mean_and_deviation(
    script: SimpleNamespace,
    image: LabelledImage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[tuple[Any, ...]] = []

    def known(images: Sequence[LabelledImage], weights: str, settings: Any, boxes: Any) -> Any:
        asked.append((weights, settings.finest, boxes))
        truth = Detections(images[0].boxes, np.array([0.9]), np.array([0]), images[0].footprints)
        found = Detections.empty() if len(asked) == 1 else truth
        return report(images, [found], 0.5, weights, Comparison(boxes))

    names = script.main.__globals__
    monkeypatch.setitem(names, "evaluate", known)
    monkeypatch.setitem(names, "choose_boxes", lambda images, weights: "oriented")
    monkeypatch.setitem(names, "read_coco", lambda path: [image])
    script.main(["val.json", "--weights", "mine", "--finest", "0.1"])
    assert asked == [("mine", 0.1, "oriented")] * 8
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| view | AP50:95 | AP50 | AP30 | precision | recall | F1 | best F1 |"
    assert [line.split(" | ")[0] for line in lines[2:10:4]] == ["| 0°", "| 0°, mirrored"]
    assert lines[2].startswith("| 0° | 0.0000 | 0.0000 |")
    assert lines[3].startswith("| 90° | 1.0000 | 1.0000 |")
    assert lines[10].startswith("| mean | 0.8750 | 0.8750 |")
    assert lines[11].startswith("| standard deviation | 0.3536 | 0.3536 |")


def test_weights_that_know_nothing_go_the_whole_way(
    script: SimpleNamespace,
    image: LabelledImage,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(script.main.__globals__, "read_coco", lambda path: [image])
    script.main(["val.json", "--weights", str(weights)])
    told = capsys.readouterr()
    assert told.err.splitlines()[-1] == "270°, mirrored"
    assert told.out.count("\n") == 12
