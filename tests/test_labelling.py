"""Ignore boxes and a detector that finds what it is told to find."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from geovehicle import labelling
from geovehicle.data.coco import read_coco
from geovehicle.detections import Detections
from geovehicle.labelling import CONFIRMING_SCORE, confirm_ignored
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from pathlib import Path

LABEL, MET, MISSED, HALF = (
    [10, 10, 40, 20],
    [60, 10, 20, 40],
    [5, 60, 40, 20],
    [60, 60, 20, 20],
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two images of 96 px: three ignore boxes and a label on the first, one label on the other."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (96, 96), (90, 90, 90)).save(tmp_path / name)
    boxes = [(1, LABEL, 0), (1, MET, 1), (1, MISSED, 1), (1, HALF, 1), (2, LABEL, 0)]
    content = {
        "info": {"year": 2020},
        "images": [
            {"id": number, "file_name": name, "width": 96, "height": 96, "gsd": 0.1}
            for number, name in ((1, "a.png"), (2, "b.png"))
        ],
        "annotations": [
            {"id": k, "image_id": image, "category_id": 1, "bbox": box, "iscrowd": crowd}
            for k, (image, box, crowd) in enumerate(boxes)
        ],
        "categories": [{"id": 1, "name": "vehicle"}],
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    return path


@dataclass
class Finder:
    """Takes the detector's place: on every patch the same boxes, and how it was asked for."""

    boxes: list[list[float]]
    info: Any = field(default_factory=lambda: SimpleNamespace(gsd=0.1, finest_gsd=0.1))
    asked: list[DetectSettings] = field(default_factory=list)
    patches: int = 0

    def load(self, weights: str, settings: DetectSettings) -> Finder:
        self.asked.append(settings)
        return self

    def __call__(self, patches: Any) -> list[Detections]:
        self.patches += len(patches)
        boxes = np.array(self.boxes, float).reshape(-1, 4)
        one = Detections(boxes, np.full(len(boxes), 0.9, np.float32), np.zeros(len(boxes), int))
        return [one.shift(-patch.window.col, -patch.window.row) for patch in patches]


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Finder:
    """Finds one ignore box well and of another less than half."""
    finder = Finder([[61, 11, 81, 50], [60, 60, 69, 80]])
    monkeypatch.setattr(labelling, "load_detector", finder.load)
    return finder


def crowds(content: dict[str, Any]) -> dict[int, int]:
    return {one["id"]: one["iscrowd"] for one in content["annotations"]}


def test_what_is_met_becomes_a_label(dataset: Path, finder: Finder) -> None:
    result = confirm_ignored(dataset, "any")
    assert (result.labels, result.ignored) == (1, 2)
    assert crowds(result.content) == {0: 0, 1: 0, 2: 1, 3: 1, 4: 0}


def test_everything_else_stays(dataset: Path, finder: Finder) -> None:
    content = confirm_ignored(dataset, "any").content
    confirmed = content["annotations"][1]
    assert confirmed.pop("self_labelled") is True
    confirmed["iscrowd"] = 1
    assert content == json.loads(dataset.read_text())


def test_the_result_is_a_data_set(dataset: Path, finder: Finder) -> None:
    result = confirm_ignored(dataset, "any")
    dataset.with_name("new.json").write_text(json.dumps(result.content))
    first, second = read_coco(dataset.with_name("new.json"))
    assert (len(first.boxes), len(first.ignore)) == (2, 2)
    assert (len(second.boxes), len(second.ignore)) == (1, 0)


def test_images_without_ignore_boxes_are_not_searched(dataset: Path, finder: Finder) -> None:
    told: list[tuple[int, int]] = []
    confirm_ignored(dataset, "any", on_image=lambda *numbers: told.append(numbers))
    assert finder.patches == 1
    assert told == [(1, 1)]


@pytest.mark.parametrize(("score", "asked"), [(None, CONFIRMING_SCORE), (0.0, 0.0), (0.7, 0.7)])
def test_the_score_of_a_witness(
    dataset: Path, finder: Finder, score: float | None, asked: float
) -> None:
    confirm_ignored(dataset, "any", DetectSettings(score=score))
    assert finder.asked[0].score == asked


def test_no_detection_confirms_nothing(dataset: Path, finder: Finder) -> None:
    finder.boxes = []
    assert confirm_ignored(dataset, "any").labels == 0


def test_a_detection_confirms_one_box(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][2]["bbox"] = [62, 10, 20, 40]
    dataset.write_text(json.dumps(content))
    for found, confirmed in (([60, 10, 80, 50], 1), ([62, 10, 82, 50], 2)):
        finder.boxes = [found]
        result = confirm_ignored(dataset, "any")
        assert result.labels == 1
        assert crowds(result.content)[confirmed] == 0


def test_each_box_may_have_a_detection_of_its_own(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][2]["bbox"] = [66, 10, 20, 40]
    dataset.write_text(json.dumps(content))
    finder.boxes = [[66, 10, 86, 50], [60, 10, 76, 50]]
    assert confirm_ignored(dataset, "any").labels == 2


def test_the_detection_of_a_label_confirms_nothing(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][1]["bbox"] = [14, 10, 40, 20]
    dataset.write_text(json.dumps(content))
    finder.boxes = [[12, 10, 52, 30]]
    assert confirm_ignored(dataset, "any").labels == 0


def test_a_box_on_the_image_nobody_searched_is_no_witness(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][1]["image_id"] = 2
    dataset.write_text(json.dumps(content))
    finder.boxes = [[60, 10, 80, 50]]
    result = confirm_ignored(dataset, "any")
    assert finder.patches == 2
    assert crowds(result.content)[1] == 0
    assert result.labels == 1
