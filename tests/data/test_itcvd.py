from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from geovehicle.data.itcvd import compare_published, read_itcvd
from geovehicle.data.records import Note, Problem, Record
from geovehicle.errors import DatasetError
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (120, 80)
ROW = [10, 20, 50, 40, 3, 4]


@dataclass(frozen=True)
class Twin:
    """A small data set in ITCVD's layout."""

    root: Path

    def image(self, stem, part="Training", folder="Image", size=SIZE):
        path = self.root / part / folder / f"{stem}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(int(stem)).integers(0, 256, (*size[::-1], 3), np.uint8)
        Image.fromarray(noise).save(path)
        return path

    def labels(self, stem, rows, part="Training", name=None, dtype=np.float64):
        path = self.root / part / "GT" / f"{stem}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {name or f"x{stem}": np.array(rows, dtype)})
        return path

    def both(self, stem, rows=(ROW,), part="Training", **how):
        self.image(stem, part)
        return self.labels(stem, rows, part, **how)


@pytest.fixture
def twin(tmp_path):
    """Return a set with one image in each part."""
    made = Twin(tmp_path / "ITC_VD_Training_Testing_set")
    made.both("00219")
    made.both("00400", part="Testing")
    return made


def read(source, **how):
    """Return the records, the problems and the notes."""
    items = list(read_itcvd(source, ConvertSettings(**how)))
    records = [item for item in items if isinstance(item, Record)]
    notes = [item for item in items if isinstance(item, Note)]
    others = [item for item in items if isinstance(item, Problem) and item not in notes]
    return records, others, notes


@pytest.mark.parametrize("around", [False, True], ids=["the folder", "the one around it"])
def test_the_published_layout(twin, around):
    records, problems, notes = read(twin.root.parent if around else twin.root)
    assert (problems, notes) == ([], [])
    first, second = records
    assert (first.name, first.width, first.height, first.gsd) == ("00219", *SIZE, 0.1)
    assert (first.split, second.split) == ("train", "test")
    assert (first.source, first.scene, first.position) == ("itcvd", "training 00219", 219)
    assert first.labels.boxes.tolist() == [[10, 20, 50, 40]]
    assert not first.labels.oriented.any()
    assert first.path == twin.root / "Training" / "Image" / "00219.jpg"
    assert np.array_equal(first.read(), np.asarray(Image.open(first.path)))


def test_the_folder_is_called_images_as_well(twin):
    (twin.root / "Testing" / "Image").rename(twin.root / "Testing" / "Images")
    records, problems, _ = read(twin.root)
    assert [record.name for record in records] == ["00219", "00400"]
    assert problems == []


def test_a_ground_sampling_distance_of_one_s_own(twin):
    assert {record.gsd for record in read(twin.root, gsd=0.12)[0]} == {0.12}


def test_nothing_of_the_kind(tmp_path):
    with pytest.raises(DatasetError, match="Training or Testing"):
        read(tmp_path)
    with pytest.raises(DatasetError, match="Training or Testing"):
        read(tmp_path / "missing")


def test_a_part_that_is_not_there_is_told_of(twin):
    (twin.root / "Testing").rename(twin.root / "elsewhere")
    _, problems, notes = read(twin.root)
    assert problems == []
    assert [note.where for note in notes] == ["Testing"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_any_number_type(twin, dtype):
    twin.labels("00219", [ROW, [100, 1, 119, 79, 0, 0]], dtype=dtype)
    records, problems, _ = read(twin.root)
    assert records[0].labels.boxes.tolist() == [[10, 20, 50, 40], [100, 1, 119, 79]]
    assert problems == []


@pytest.mark.parametrize("empty", [np.zeros((0, 6)), np.zeros((0, 0))])
def test_an_image_without_vehicles_is_sound(twin, empty):
    twin.labels("00219", empty)
    records, problems, _ = read(twin.root)
    assert [len(record.labels) for record in records] == [0, 1]
    assert problems == []


def test_sizes_in_place_of_corners_are_read_and_told_of_once(twin):
    for stem in ("00219", "00220"):
        twin.both(stem, [[70, 30, 40, 20, 0, 0], [60, 50, 10, 12, 0, 0], [5, 5, 40, 20, 0, 0]])
    records, problems, (note,) = read(twin.root)
    for record in records[:2]:
        assert record.labels.boxes.tolist() == [[70, 30, 110, 50], [60, 50, 70, 62], [5, 5, 45, 25]]
    assert problems == []
    assert note.where == "Training"
    assert "2 files" in note.what
    assert "00219, 00220" in note.what


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([np.nan, 1, 5, 5, 0, 0], "not finite"),
        ([1, 1, np.inf, 5, 0, 0], "not finite"),
        ([50, 20, 10, 40, 0, 0], "no area"),
        ([10, 20, 10, 40, 0, 0], "no area"),
        ([130, 20, 150, 40, 0, 0], "outside"),
        ([-30, 20, -10, 40, 0, 0], "outside"),
    ],
)
def test_a_bad_row_is_named_and_the_others_stay(twin, row, reason):
    twin.labels("00219", [ROW, row, ROW])
    records, (problem,), notes = read(twin.root)
    assert len(records[0].labels) == 2
    assert problem.where == "Training/GT/00219.mat"
    assert problem.what.startswith("row 2 (corners ")
    assert reason in problem.what
    assert notes == []


def test_boxes_are_clipped_to_the_image(twin):
    twin.labels("00219", [[-5, 70, 20, 95, 0, 0]])
    assert read(twin.root)[0][0].labels.boxes.tolist() == [[0, 70, 20, 80]]


def damage(path, keep):
    path.write_bytes(path.read_bytes()[:keep])


def without_labels(twin):
    twin.image("00230")


def without_image(twin):
    twin.labels("00230", [ROW])


def of_another_name(twin):
    twin.both("00230", name="x00231")


def of_text(twin):
    twin.image("00230")
    savemat(twin.root / "Training" / "GT" / "00230.mat", {"x00230": "a,b"})


def of_three_columns(twin):
    twin.both("00230", [[1, 2, 3]])


def cut_short(twin):
    damage(twin.both("00230", [[*ROW]] * 40), 300)


def without_a_byte(twin):
    damage(twin.both("00230"), 0)


def with_a_cut_header(twin):
    twin.both("00230")
    damage(twin.root / "Training" / "Image" / "00230.jpg", 12)


@pytest.mark.parametrize(
    ("wrong", "where", "what"),
    [
        (without_labels, "Image/00230.jpg", "missing"),
        (without_image, "GT/00230.mat", "image is missing"),
        (of_another_name, "Image/00230.jpg", "no variable x00230; it holds x00231"),
        (of_text, "Image/00230.jpg", "00230.mat holds"),
        (of_three_columns, "Image/00230.jpg", "at least four"),
        (cut_short, "Image/00230.jpg", "00230.mat cannot be read as a MATLAB file"),
        (without_a_byte, "Image/00230.jpg", "00230.mat cannot be read as a MATLAB file"),
        (with_a_cut_header, "Image/00230.jpg", "cannot be read as an image"),
    ],
)
def test_what_is_damaged_is_named_and_the_rest_goes_on(twin, wrong, where, what):
    wrong(twin)
    records, (problem,), notes = read(twin.root)
    assert [record.name for record in records] == ["00219", "00400"]
    assert problem.where == f"Training/{where}"
    assert what in problem.what
    assert "\n" not in str(problem)
    assert notes == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_of_a_label_file_ends_the_reading(twin, data):
    path = twin.labels("00219", [ROW] * 3)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    records, problems, _ = read(twin.root)
    assert records[-1].name == "00400"
    assert len(records) == 2 or problems


def test_larger_gaps_begin_a_scene(twin):
    for number in (221, 222, 225, 226):
        twin.both(f"{number:05d}")
    scenes = {record.name: record.scene for record in read(twin.root)[0]}
    assert scenes == {
        "00219": "training 00219",
        "00221": "training 00219",
        "00222": "training 00219",
        "00225": "training 00225",
        "00226": "training 00225",
        "00400": "testing 00400",
    }


def test_images_that_look_oblique_are_left_out_on_request(twin):
    rng = np.random.default_rng(0)
    for stem, growth in (("00219", 0.0), ("00220", 1.0)):
        middle = rng.uniform(15, [105, 65], (60, 2))
        side = rng.uniform(5, 7, (60, 1)) * np.exp(growth * middle[:, 1:] / SIZE[1])
        twin.both(stem, np.hstack([middle - side / 2, middle + side / 2]))
    records, problems, notes = read(twin.root, nadir_only=True)
    assert [record.name for record in records] == ["00219"]
    assert problems == []
    assert [note.where for note in notes] == ["00220", "00400"]
    assert "rule of thumb" in notes[0].what
    assert "1 vehicles do not tell" in notes[1].what
    assert len(read(twin.root)[0]) == 3


def test_the_published_counts():
    assert compare_published("Testing", 38, 5545).endswith(
        "38 images with 5,545 vehicles, as published"
    )
    text = compare_published("Training", 134, 23_600)
    assert "published are 135 with 23,543: 1 image fewer and 57 vehicles more" in text
    assert compare_published("Testing", 38, 5544).endswith(": 1 vehicle fewer")
