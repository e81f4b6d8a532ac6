from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from geovehicle.data.division import divide
from geovehicle.data.marks import turned_box
from geovehicle.data.records import Note, Problem, Record
from geovehicle.data.yolo import read_yolo
from geovehicle.errors import DatasetError
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (80, 40)
CONFIG = {
    "path": ".",
    "train": "images/train",
    "val": "images/val",
    "test": None,
    "names": {0: "car", 1: "person", 2: "truck", 3: "tractor"},
}


def add(root: Path, part: str, name: str, labels: str | None) -> Path:
    """Write an image and, unless it is None, its label file; return where that is."""
    for folder in ("images", "labels"):
        (root / folder / part).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, (200, 100, 50)).save(root / "images" / part / f"{name}.png")
    path = root / "labels" / part / f"{name}.txt"
    if labels is not None:
        path.write_text(labels)
    return path


def configure(root: Path, **changes: Any) -> None:
    (root / "data.yaml").write_text(yaml.safe_dump(CONFIG | changes))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small twin: two images to train on, one to validate with."""
    root = tmp_path / "vehicles"
    add(root, "train", "a", "0 0.5 0.5 0.25 0.5\n2 0.1 0.1 0.1 0.1\n1 0.5 0.5 0.1 0.1\n")
    add(root, "train", "b", None)
    add(root, "val", "c", "3 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n")
    configure(root)
    return root


def read(source: Path, **how: float) -> tuple[list[Record], list[Problem]]:
    items = list(read_yolo(source, ConvertSettings(**how)))
    records = [one for one in items if isinstance(one, Record)]
    return records, [one for one in items if isinstance(one, Problem)]


def test_images_come_with_their_vehicles(source: Path) -> None:
    records, notes = read(source)
    assert [(one.name, one.split) for one in records] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "val"),
    ]
    first, empty, last = records
    assert (first.width, first.height, first.source) == (*SIZE, "vehicles")
    assert math.isnan(first.gsd)
    assert first.labels.types == ("car", "truck")
    assert first.labels.boxes[0].tolist() == [30, 10, 50, 30]
    assert not first.labels.oriented.any()
    assert len(empty.labels) == 0
    assert last.labels.footprints[0] == pytest.approx(
        np.array([[8, 8], [40, 8], [40, 24], [8, 24]])
    )
    assert (last.labels.oriented.tolist(), last.labels.ignore.tolist()) == ([True], [True])
    person = "class 'person' is not known as a vehicle, its 1 labels are left out"
    assert notes == [Note(str(source / "data.yaml"), person)]
    assert read(source, gsd=0.1)[0][0].gsd == 0.1


shares = st.floats(0.1, 0.9)
sizes = st.floats(0.01, 0.2)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(boxes=st.lists(st.tuples(shares, shares, sizes, sizes), max_size=5))
def test_boxes_survive_the_way_through_a_file(
    source: Path, boxes: list[tuple[float, float, float, float]]
) -> None:
    add(source, "val", "c", "".join(f"0 {x} {y} {w} {h}\n" for x, y, w, h in boxes))
    corners = [
        [(x - w / 2) * 80, (y - h / 2) * 40, (x + w / 2) * 80, (y + h / 2) * 40]
        for x, y, w, h in boxes
    ]
    found = read(source)[0][2].labels.boxes
    assert found == pytest.approx(np.array(corners).reshape(-1, 4))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(angle=st.floats(-180, 180))
def test_oriented_boxes_survive_the_way_through_a_file(source: Path, angle: float) -> None:
    corners = turned_box((40, 20), (12, 5), angle)
    add(source, "val", "c", f"0 {' '.join(map(repr, (corners / SIZE).ravel().tolist()))}\n")
    found = read(source)[0][2].labels.footprints[0]
    assert found[0] == pytest.approx(corners[0])
    assert {tuple(row) for row in found.round(6).tolist()} == {
        tuple(row) for row in corners.round(6).tolist()
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.1", "4 columns"),
        ("0 0.5 0.5 0.1 0.1 0.9", "6 columns"),
        ("0 0.5 0.5 0.1 x", "'x' is no number"),
        ("0 0.5 0.5 0.1 nan", "'nan' is no coordinate"),
        ("0 50 50 10 10", "outside of 0 to 1"),
        ("0 0.5 -0.2 0.1 0.1", "outside of 0 to 1"),
        ("7 0.5 0.5 0.1 0.1", "class 7 is not in data.yaml"),
        ("0.5 0.5 0.5 0.1 0.1", "'0.5' is no whole number"),
    ],
)
def test_a_damaged_line_leaves_its_image_out(source: Path, line: str, reason: str) -> None:
    path = add(source, "val", "c", f"0 0.5 0.5 0.1 0.1\n{line}\n")
    records, problems = read(source)
    assert [one.name for one in records] == ["a", "b"]
    assert problems[0].where == f"{path}, line 2"
    assert reason in problems[0].what


def test_rounding_may_leave_the_image_a_little(source: Path) -> None:
    add(source, "val", "c", "0 0 0 1.0001 0.5\n0 -0.001 0 0.5 0 0.5 0.5 0 0.5\n")
    records, _ = read(source)
    assert len(records[2].labels) == 2


def test_a_box_without_area_is_told_of_and_its_image_stays(source: Path) -> None:
    path = add(source, "val", "c", "0 0.5 0.5 0 0.1\n0 0.5 0.5 0.1 0.1\n")
    records, problems = read(source)
    assert len(records[2].labels) == 1
    assert problems[0] == Problem(f"{path}, line 1", "the box has no area; it is left out")


def test_a_part_without_any_label_file_is_left_out(source: Path) -> None:
    (source / "labels" / "val" / "c.txt").unlink()
    records, problems = read(source)
    assert [one.name for one in records] == ["a", "b"]
    assert "none of its 1 images has a label file such as" in problems[0].what
    assert "labels/val/c.txt" in problems[0].what


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ["car", "person", "truck", "tractor"]},
        {"path": None},
        {"path": "/nowhere/at/all"},
        {"train": ["images/train"], "val": "../images/val"},  # as Roboflow writes it
        {"train": "train.txt", "val": "images/val/c.png"},
    ],
)
def test_data_yaml_may_say_it_in_several_ways(source: Path, changes: dict[str, Any]) -> None:
    (source / "train.txt").write_text("./images/train/a.png\n./images/train/b.png\n\n")
    configure(source, **changes)
    assert [one.name for one in read(source)[0]] == ["a", "b", "c"]


def test_the_file_itself_may_be_given(source: Path) -> None:
    assert len(read(source / "data.yaml")[0]) == 3


def test_missing_images_are_told_of(source: Path) -> None:
    (source / "train.txt").write_text("./images/train/a.png\n./images/train/z.png\n")
    configure(source, train="train.txt", val="images/nowhere")
    records, problems = read(source)
    assert [one.name for one in records] == ["a"]
    told = "\n".join(map(str, problems))
    assert "z.png: no such image" in told
    assert "images/nowhere: it is not there" in told


def test_two_images_of_one_name_get_two(source: Path) -> None:
    add(source, "val", "a", "0 0.5 0.5 0.1 0.1\n")
    assert [one.name for one in read(source)[0]] == ["a", "b", "val_a", "c"]
    Image.new("RGB", SIZE).save(source / "images" / "val" / "a.bmp")  # it would be val_a as well
    records, problems = read(source)
    assert [one.name for one in records] == ["a", "b", "val_a", "c"]
    assert problems[0].what == "another image has this name; it is left out"


def test_copies_of_one_image_share_its_scene(source: Path) -> None:
    for copy in ("x_jpg.rf.0123", "x_jpg.rf.4567"):
        add(source, "train", copy, "")
    scenes = [one.scene for one in read(source)[0]]
    assert scenes == ["", "", "x_jpg", "x_jpg", ""]


@pytest.mark.parametrize("suffix", ["", "_jpg.rf.0123"])
def test_validation_is_a_block_of_neighbours_where_nothing_was_copied(
    source: Path, suffix: str
) -> None:
    (source / "images" / "val" / "c.png").unlink()
    for number in range(10, 18):
        add(source, "train", f"frame{number}{suffix}", "")
    records, _ = read(source)
    for seed in range(5):
        parts = divide(records, 0.3, seed)
        assert parts == ["train"] * 7 + ["val"] * 3


def test_an_image_is_in_one_part_only(source: Path) -> None:
    configure(source, train="images", val="images", test="images/val/c.png")
    records, problems = read(source)
    assert [(one.name, one.split) for one in records] == [(name, "train") for name in "abc"]
    images = sorted((source / "images").rglob("*.png"))
    left_out = [*images, source / "images" / "val" / "c.png"]
    assert problems[:-1] == [
        Problem(str(path), "it is in train already; it is left out") for path in left_out
    ]


def test_a_photo_that_is_stored_turned_is_refused(source: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", SIZE).save(source / "images" / "val" / "c.png", exif=exif)
    _, problems = read(source)
    assert "EXIF orientation 6" in problems[0].what


def test_damaged_images_are_told_of(source: Path) -> None:
    path = source / "images" / "train" / "a.png"
    path.write_bytes(b"nothing")
    records, problems = read(source)
    assert [one.name for one in records] == ["b", "c"]
    assert problems[0].where == str(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("names: [", "cannot be read as YAML"),
        ("train: images\n", "has no 'names'"),
        ("[]", "has no 'names'"),
        ("names: {a: b}", "'a' is no number"),
        ("names: [car]\n", "leads to no image with labels"),
        ("names: [[car, car]]\n", "a name of a class is a list"),
        ("names: [car]\ntrain: {a: b}\n", "'train' is no path"),
        ("!!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_a_damaged_data_yaml_is_refused(source: Path, text: str, reason: str) -> None:
    (source / "data.yaml").write_text(text)
    with pytest.raises(DatasetError, match=reason):
        read(source)


def test_a_folder_without_data_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no data\.yaml; give the folder"):
        read(tmp_path)
