from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from geovehicle.data.dota import read_dota
from geovehicle.data.records import Note, Problem, Record
from geovehicle.errors import DatasetError
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "imagesource:GoogleEarth\ngsd:0.146343590398\n"
SMALL = "10.0 20.0 30.0 20.0 30.0 28.0 10.0 28.0 small-vehicle 0\n"
LARGE = "35.0 5.0 60.0 5.0 60.0 15.0 35.0 15.0 large-vehicle 1\n"
SHIP = "1 1 9 1 9 9 1 9 ship 0\n"


def add(folder: Path, name: str, text: str, labels: str = "labelTxt") -> None:
    for inner in ("images", labels):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (9, 8, 7)).save(folder / "images" / f"{name}.png")
    (folder / labels / f"{name}.txt").write_text(text)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small twin: train and val, each with images and labelTxt."""
    root = tmp_path / "DOTA"
    add(root / "train", "P0000", HEADER + SMALL + LARGE + SHIP)
    add(root / "train", "P0001", HEADER)
    add(root / "val", "P0003", HEADER + SMALL + SHIP)
    return root


def read(source: Path, **how: float) -> tuple[list[Record], list[Problem]]:
    items = list(read_dota(source, ConvertSettings(**how)))
    records = [one for one in items if isinstance(one, Record)]
    return records, [one for one in items if isinstance(one, Problem)]


def test_images_come_with_their_vehicles(source: Path) -> None:
    records, notes = read(source)
    assert [(one.name, one.split) for one in records] == [
        ("P0000", "train"),
        ("P0001", "train"),
        ("P0003", "val"),
    ]
    first = records[0]
    assert (first.width, first.height, first.source) == (64, 48, "dota")
    assert first.gsd == pytest.approx(0.146343590398)
    assert first.labels.types == ("", "")
    assert first.labels.ignore.tolist() == [False, True]
    assert first.labels.oriented.all()
    assert first.labels.footprints[0].tolist() == [[10, 20], [30, 20], [30, 28], [10, 28]]
    assert len(records[1].labels) == 0
    ships = "class 'ship' is not known as a vehicle, its 2 labels are left out"
    assert notes == [Note(str(source), ships)]


def shapes(source: Path) -> list[tuple[str, str, int]]:
    return [(one.name, one.split, len(one.labels)) for one in read(source)[0]]


def test_parts_may_be_inside_of_images(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for part in ("train", "val"):
        for inner in ("images", "labelTxt"):
            (other / inner).mkdir(parents=True, exist_ok=True)
            (source / part / inner).rename(other / inner / part)
    before = [("P0000", "train", 2), ("P0001", "train", 0), ("P0003", "val", 1)]
    assert shapes(other) == before


def test_one_part_may_be_given(source: Path) -> None:
    assert shapes(source / "val") == [("P0003", "val", 1)]


def test_a_set_without_parts_has_no_splits(source: Path, tmp_path: Path) -> None:
    (source / "train").rename(tmp_path / "mine")
    assert shapes(tmp_path / "mine") == [("P0000", "", 2), ("P0001", "", 0)]


def test_the_later_version_of_the_labels_is_read_and_horizontal_ones_are_not(source: Path) -> None:
    train = source / "train"
    (train / "labelTxt").rename(train / "labelTxt-v1.0")
    nothing = {"labelTxt-v1.5/DOTA-v1.5_train": HEADER + SMALL * 3, "labelTxt-v1.5/z_hbb": HEADER}
    for folder, text in nothing.items():
        (train / folder).mkdir(parents=True)
        for name in ("P0000", "P0001"):
            (train / folder / f"{name}.txt").write_text(text)
    assert shapes(source)[:2] == [("P0000", "train", 3), ("P0001", "train", 3)]


def test_cuts_share_the_scene_of_their_image(source: Path) -> None:
    for name in ("P0010__1__0___0", "P0010__1__0___824"):
        add(source / "val", name, SMALL)
    scenes = {one.name: one.scene for one in read(source, gsd=0.2)[0]}
    assert scenes["P0010__1__0___0"] == scenes["P0010__1__0___824"] == "P0010"
    assert scenes["P0003"] == "P0003"


@pytest.mark.parametrize("header", ["imagesource:GoogleEarth\ngsd:null\n", "", "gsd:None\n"])
def test_an_unknown_gsd_has_to_be_given(source: Path, header: str) -> None:
    add(source / "val", "P0003", header + SMALL)
    records, problems = read(source)
    assert len(records) == 2
    assert str(problems[0]).endswith(
        "P0003.txt: it does not tell the gsd; add it or use --gsd; the image is left out"
    )
    records, _ = read(source, gsd=0.3)
    assert [one.gsd for one in records] == [pytest.approx(0.146343590398)] * 2 + [0.3]
    assert not any(math.isnan(one.gsd) for one in records)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("10 20 30 20 30 28 10 28 small-vehicle\n", "9 columns"),
        ("10 20 30 20 30 28 10 x small-vehicle 0\n", "'x' is no number"),
        ("10 20 30 20 30 28 10 nan ship 0\n", "'nan' is no coordinate"),
        ("gsd:x\n", "'x' is no number"),
    ],
)
def test_a_damaged_line_leaves_its_image_out(source: Path, line: str, reason: str) -> None:
    add(source / "val", "P0003", HEADER + SMALL + line)
    records, problems = read(source)
    assert [one.name for one in records] == ["P0000", "P0001"]
    assert problems[0].where.endswith("P0003.txt, line 4")
    assert reason in problems[0].what


def test_missing_partners_are_told_of(source: Path) -> None:
    (source / "train" / "labelTxt" / "P0001.txt").rename(
        source / "train" / "labelTxt" / "P0002.txt"
    )
    (source / "test" / "images").mkdir(parents=True)
    records, problems = read(source)
    assert [one.name for one in records] == ["P0000", "P0003"]
    told = "\n".join(map(str, problems))
    assert "P0001.png: it has no label file" in told
    assert "P0002.txt: its image is not in" in told
    assert f"{source / 'test' / 'images'}: there is no folder labelTxt for it" in told


def test_a_damaged_image_is_told_of(source: Path) -> None:
    path = source / "val" / "images" / "P0003.png"
    path.write_bytes(b"")
    records, problems = read(source)
    assert len(records) == 2
    assert problems[0].where == str(path)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError, match="has no folders images and labelTxt"):
        read(tmp_path)


def test_pixels_are_read(source: Path) -> None:
    assert np.unique(read(source)[0][0].read()).tolist() == [7, 8, 9]
