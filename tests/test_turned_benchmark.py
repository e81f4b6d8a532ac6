from __future__ import annotations

import runpy
import sys
from dataclasses import replace
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

    from numpy.typing import NDArray

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

WIDTH, HEIGHT = 90, 60

CORNERS = np.array([[20.0, 10.0], [24.0, 13.0], [18.0, 21.0], [14.0, 18.0]])
"""Of a vehicle that lies askew, at corners of pixels; the image marks the four pixels whose
upper left corners they are."""


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
    """Return an image of a vehicle, of which it shows the corners, and of an ignore box."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number, (x, y) in enumerate(CORNERS.astype(int), start=1):
        pixels[y, x] = 50 * number
    pixels[40:42, 70:75] = 255
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return LabelledImage(
        path=tmp_path / "image.png",
        image_id=1,
        width=WIDTH,
        height=HEIGHT,
        gsd=0.1,
        source="",
        scene="",
        boxes=boxes_of(CORNERS),
        ignore=np.array([[70.0, 40, 75, 42]]),
        footprints=CORNERS[None],
        oriented=np.array([True]),
    )


def dots(image: LabelledImage) -> NDArray[np.float64]:
    """Return the middles of the pixels that hold the dots, in the order of the corners."""
    grey = image.read()[..., 0]
    places = [np.argwhere(grey == 50 * number)[0] for number in (1, 2, 3, 4)]
    return np.array(places, float)[:, ::-1] + 0.5


def test_labels_go_where_the_pixels_go(
    script: SimpleNamespace, image: LabelledImage, tmp_path: Path
) -> None:
    seen = set()
    in_middles = replace(image, footprints=image.footprints + 0.5)
    for quarters, mirrored in script.VIEWS:
        view = script.turned(in_middles, quarters, mirrored, tmp_path / "view.png")
        np.testing.assert_allclose(view.footprints[0], dots(view))
        np.testing.assert_allclose(view.boxes + 0.5, boxes_of(view.footprints), atol=1)
        ((left, top, right, bottom),) = view.ignore.astype(int)
        assert view.read()[top:bottom, left:right].min() == 255
        assert (view.read() == 255).sum() == 3 * (right - left) * (bottom - top)
        seen.add((view.width, view.height, view.read().tobytes()))
    assert len(seen) == 8


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
