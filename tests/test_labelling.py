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
from geovehicle.data.coco import LabelledImage, read_coco
from geovehicle.data.synthetic import render_scene
from geovehicle.detections import Detections
from geovehicle.errors import CheckpointError
from geovehicle.footprints import boxes_of, corners_of, lengthwise, rectangles_of
from geovehicle.labelling import CONFIRMING_SCORE, VIEWS, add_footprints, confirm_ignored
from geovehicle.model.weights import DEFAULT
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

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
    assert (result.changed, result.left) == (1, 2)
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
    assert confirm_ignored(dataset, "any").changed == 0


def test_a_detection_confirms_one_box(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][2]["bbox"] = [62, 10, 20, 40]
    dataset.write_text(json.dumps(content))
    for found, confirmed in (([60, 10, 80, 50], 1), ([62, 10, 82, 50], 2)):
        finder.boxes = [found]
        result = confirm_ignored(dataset, "any")
        assert result.changed == 1
        assert crowds(result.content)[confirmed] == 0


def test_each_box_may_have_a_detection_of_its_own(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][2]["bbox"] = [66, 10, 20, 40]
    dataset.write_text(json.dumps(content))
    finder.boxes = [[66, 10, 86, 50], [60, 10, 76, 50]]
    assert confirm_ignored(dataset, "any").changed == 2


def test_the_detection_of_a_label_confirms_nothing(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][1]["bbox"] = [14, 10, 40, 20]
    dataset.write_text(json.dumps(content))
    finder.boxes = [[12, 10, 52, 30]]
    assert confirm_ignored(dataset, "any").changed == 0


def test_a_box_on_the_image_nobody_searched_is_no_witness(dataset: Path, finder: Finder) -> None:
    content = json.loads(dataset.read_text())
    content["annotations"][1]["image_id"] = 2
    dataset.write_text(json.dumps(content))
    finder.boxes = [[60, 10, 80, 50]]
    result = confirm_ignored(dataset, "any")
    assert finder.patches == 2
    assert crowds(result.content)[1] == 0
    assert result.changed == 1


SIZE = 96.0
"""Of the images, pixels, both ways."""

BUSY = 3
"""Seed of a rendered scene with a car park."""

ASKEW = corners_of(np.array([48.0, 50.0, 40.0, 16.0, 0.5]))[0]
"""The vehicle in the middle of image `a`, of which its label tells the box around only."""


@pytest.fixture
def boxed(dataset: Path) -> Path:
    """One image with a horizontal box around a vehicle that lies askew, and an ignore box."""
    x1, y1, x2, y2 = boxes_of(ASKEW)[0].tolist()
    content = json.loads(dataset.read_text())
    content["images"] = content["images"][:1]
    content["annotations"] = [
        {
            "id": 7,
            "image_id": 1,
            "category_id": 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "type": "car",
        },
        {"id": 8, "image_id": 1, "category_id": 1, "bbox": [0, 0, 20, 20], "iscrowd": 1},
    ]
    dataset.write_text(json.dumps(content))
    return dataset


def change(dataset: Path, **values: Any) -> None:
    """Change the first annotation."""
    content = json.loads(dataset.read_text())
    content["annotations"][0] |= values
    dataset.write_text(json.dumps(content))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what says which footprints are found, by the number of the view.

    A footprint is given as the vehicle lies in the image, or as what is made of it in the
    pixels of the view.
    """

    def tell(
        vehicles: Sequence[NDArray[np.float64] | None],
        in_view: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda corners: corners,
        oriented: bool = True,
    ) -> None:
        def predict(images: list[LabelledImage], *_: Any) -> list[Detections]:
            assert [image.turn for image in images] == list(VIEWS)
            found = []
            for image, vehicle in zip(images, vehicles, strict=True):
                corners = np.empty((0, 4, 2)) if vehicle is None else vehicle[None]
                corners = in_view(image.turn.points(corners, (int(SIZE), int(SIZE))))
                count = len(corners)
                boxes, scores = boxes_of(corners), np.full(count, 0.9)
                found.append(Detections(boxes, scores, np.zeros(count), corners))
            return found

        info = SimpleNamespace(gsd=0.1, finest_gsd=0.1, config=SimpleNamespace(oriented=oriented))
        finder = SimpleNamespace(info=info)
        monkeypatch.setattr(labelling, "load_detector", lambda *asked: finder)
        monkeypatch.setattr(labelling, "predict", predict)

    return tell


def outlined(dataset: Path) -> LabelledImage:
    """Return the image with what `add_footprints` makes of its labels, as trainings read it."""
    path = dataset.with_name("new.json")
    path.write_text(json.dumps(add_footprints(dataset, "any").content))
    return read_coco(path)[0]


def test_what_views_agree_upon_becomes_the_footprint(boxed: Path, seen: Any) -> None:
    seen([ASKEW] * 4)
    result = add_footprints(boxed, "any")
    assert (result.changed, result.left) == (1, 0)
    label, ignored = result.content["annotations"]
    assert label["self_outlined"] is True
    assert label["type"] == "car"
    assert label["area"] == pytest.approx(label["bbox"][2] * label["bbox"][3], abs=0.01)
    assert ignored == json.loads(boxed.read_text())["annotations"][1]
    image = outlined(boxed)
    assert image.oriented.tolist() == [True]
    found, truth = lengthwise(rectangles_of(np.array([image.footprints[0], ASKEW])))
    np.testing.assert_allclose(found, truth, atol=0.02)
    np.testing.assert_allclose(image.boxes, boxes_of(image.footprints), atol=0.02)


def test_a_footprint_fills_the_box_of_its_label(boxed: Path, seen: Any) -> None:
    middle = ASKEW.mean(axis=0)
    seen([middle + 0.9 * (ASKEW - middle) + 2] * 4)
    image = outlined(boxed)
    np.testing.assert_allclose(image.footprints[0], ASKEW, atol=0.02)


def test_three_of_four_views_are_enough(boxed: Path, seen: Any) -> None:
    elsewhere = ASKEW + np.array([30, -30])
    for other in (None, elsewhere):
        seen([ASKEW, ASKEW, other, ASKEW])
        assert add_footprints(boxed, "any").changed == 1
        seen([ASKEW, other, other, ASKEW])
        assert add_footprints(boxed, "any").changed == 0


def test_a_detector_that_always_sees_the_same_diagonal_is_not_believed(
    boxed: Path, seen: Any
) -> None:
    def falling(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        rectangles = lengthwise(rectangles_of(corners))
        rectangles[:, 4] = np.arctan(abs(np.tan(rectangles[:, 4])))
        return corners_of(rectangles)

    seen([ASKEW] * 4, falling)
    assert add_footprints(boxed, "any").changed == 0


@pytest.mark.parametrize(("radians", "changed"), [(0.12, 1), (0.2, 0)])
def test_directions_that_waver_tell_none(
    boxed: Path, seen: Any, radians: float, changed: int
) -> None:
    turns = (radians, -radians, radians, -radians)
    seen([corners_of(np.array([48.0, 50.0, 40.0, 16.0, 0.5 + turn]))[0] for turn in turns])
    assert add_footprints(boxed, "any").changed == changed


@pytest.mark.parametrize(("factor", "changed"), [(0.82, 1), (0.78, 0), (1.2, 1), (1.28, 0)])
def test_a_vehicle_of_another_size_is_another(
    boxed: Path, seen: Any, factor: float, changed: int
) -> None:
    middle = ASKEW.mean(axis=0)
    seen([middle + factor * (ASKEW - middle)] * 4)
    assert add_footprints(boxed, "any").changed == changed


def test_a_vehicle_that_does_not_fill_the_box_is_another(boxed: Path, seen: Any) -> None:
    upright = corners_of(np.array([48.0, 50.0, 46.0, 24.0, 0.0]))[0]
    seen([upright] * 4)
    assert add_footprints(boxed, "any").changed == 0


@pytest.mark.parametrize(("short", "changed"), [(1.5, 0), (2.5, 1)])
@pytest.mark.parametrize("side", [0, 1, 2, 3])
def test_a_vehicle_at_the_edge_may_be_cut(
    boxed: Path, seen: Any, side: int, short: float, changed: int
) -> None:
    x1, y1, x2, y2 = boxes_of(ASKEW)[0]
    move = [(short - x1, 0), (0, short - y1), (SIZE - short - x2, 0), (0, SIZE - short - y2)][side]
    change(boxed, bbox=[x1 + move[0], y1 + move[1], x2 - x1, y2 - y1])
    seen([ASKEW + move] * 4)
    assert add_footprints(boxed, "any").changed == changed


def test_which_side_is_the_length_does_not_matter(boxed: Path, seen: Any) -> None:
    broadside = np.roll(ASKEW, 1, axis=0)
    seen([ASKEW, broadside, broadside, ASKEW])
    assert add_footprints(boxed, "any").changed == 1


def test_others_on_the_image_do_not_change_a_known_footprint(boxed: Path, seen: Any) -> None:
    change(boxed, segmentation=[ASKEW.ravel().tolist()])
    content = json.loads(boxed.read_text())
    content["annotations"].append(dict(content["annotations"][0], id=9, segmentation=[]))
    boxed.write_text(json.dumps(content))
    seen([ASKEW] * 4)
    result = add_footprints(boxed, "any")
    assert (result.changed, result.left) == (1, 0)
    assert ["self_outlined" in one for one in result.content["annotations"]] == [False, False, True]


def test_a_footprint_that_is_known_stays(boxed: Path, seen: Any) -> None:
    change(boxed, segmentation=[ASKEW.ravel().tolist()])
    seen([ASKEW + 1] * 4)
    told: list[tuple[int, int]] = []
    result = add_footprints(boxed, "any", on_image=lambda *numbers: told.append(numbers))
    assert (result.changed, result.left, told) == (0, 0, [])
    assert result.content == json.loads(boxed.read_text())


def test_horizontal_boxes_tell_no_footprints(boxed: Path, seen: Any) -> None:
    seen([ASKEW] * 4, oriented=False)
    with pytest.raises(CheckpointError, match="horizontal boxes only"):
        add_footprints(boxed, "mine")


def test_the_shipped_weights_outline_what_is_rendered(tmp_path: Path) -> None:
    scene = render_scene(BUSY, 420, 360)
    Image.fromarray(scene.pixels.transpose(1, 2, 0).copy()).save(tmp_path / "scene.png")
    boxes = boxes_of(scene.footprints)
    content = {
        "images": [{"id": 1, "file_name": "scene.png", "width": 420, "height": 360, "gsd": 0.1}],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for k, (x1, y1, x2, y2) in enumerate(boxes.tolist())
        ],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    result = add_footprints(tmp_path / "labels.json", DEFAULT)
    got = {
        one["id"]: one["segmentation"][0]
        for one in result.content["annotations"]
        if "self_outlined" in one
    }
    assert result.changed == len(got) >= 0.7 * len(boxes)
    found = lengthwise(rectangles_of(np.array(list(got.values())).reshape(-1, 4, 2)))
    truth = lengthwise(rectangles_of(scene.footprints[list(got)]))
    off = np.degrees(np.angle(np.exp(2j * (found[:, 4] - truth[:, 4])))) / 2
    assert abs(off).max() < 8
    assert np.median(abs(found[:, 2] - truth[:, 2])) < 2
