from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from PIL import Image

from geovehicle.data.dlr3k import read_dlr3k
from geovehicle.data.records import Note, Problem, Record
from geovehicle.errors import DatasetError
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = "2012-04-26-Muenchen-Tunnel_4K0G00"

# the example that published parsers show
BUSES = (
    "0 30 131 233 35 11 56.451578\n1 30 149 245 42 14 57.817368\n2 30 224 156 61 20 136.967797\n"
)


def samp(photo: str, rows: str) -> str:
    return (
        f"@CATEGORY:GENERAL\n@IMAGE:{photo}.JPG\n"
        f"# format: id type center.x center.y size.width size.height angle\n{rows}"
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small twin: two labelled photos in Train, one without labels in Test."""
    root = tmp_path / "MunichDatasetVehicleDetection-2015-old"
    for folder, photo in (("Train", "10"), ("Train", "20"), ("Test", "30")):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (300, 300), (90, 90, 90)).save(root / folder / f"{PHOTO}{photo}.JPG")
    write(root, "10", "bus", BUSES)
    write(root, "10", "pkw", "0 10 50 60 17 7 0\n1 16 90 60 20 8 -90\n")
    write(root, "20", "pkw", "")
    return root


def write(root: Path, photo: str, kind: str, rows: str) -> Path:
    path = root / "Train" / f"{PHOTO}{photo}_{kind}.samp"
    path.write_text(samp(f"{PHOTO}{photo}", rows))
    return path


def read(source: Path, **how: float) -> tuple[list[Record], list[Problem]]:
    items = list(read_dlr3k(source, ConvertSettings(**how)))
    records = [one for one in items if isinstance(one, Record)]
    return records, [one for one in items if isinstance(one, Problem)]


def test_photos_come_with_the_labels_of_all_their_files(source: Path) -> None:
    (one, two), _ = read(source)
    assert (one.name, one.width, one.height, one.gsd) == (f"{PHOTO}10", 300, 300, 0.13)
    assert (one.source, one.scene, one.split) == ("dlr3k", one.name, "train")
    assert one.labels.types == ("bus", "bus", "bus", "car", "van")
    assert one.labels.oriented.all()
    assert not one.labels.ignore.any()
    assert (len(two.labels), one.path.suffix) == (0, ".JPG")
    assert one.read().shape == (300, 300, 3)


def test_sizes_are_halves_and_angles_run_counter_clockwise(source: Path) -> None:
    (one, _), _ = read(source)
    car, van = one.labels.footprints[3:]
    assert car == pytest.approx(np.array([[67, 53], [67, 67], [33, 67], [33, 53]]))
    assert van == pytest.approx(np.array([[98, 80], [82, 80], [82, 40], [98, 40]]))


def test_the_published_buses_stand_side_by_side(source: Path) -> None:
    (one, _), _ = read(source)
    first, second, _ = shapely.polygons(one.labels.footprints[:3])
    shared = first.intersection(second).area / min(first.area, second.area)
    assert shared < 0.2
    metres = math.sqrt(first.area) * one.gsd
    assert 4 < metres < 6  # 9.1 x 2.9 m


def test_photos_without_labels_are_told_of(source: Path) -> None:
    _, (problem,) = read(source)
    assert problem.where.endswith(f"Test/{PHOTO}30.JPG")
    assert "no .samp file" in problem.what


def test_another_gsd_may_be_given(source: Path) -> None:
    (one, _), _ = read(source, gsd=0.2)
    assert one.gsd == 0.2


def test_a_part_alone_can_be_read(source: Path) -> None:
    records, problems = read(source / "Train")
    assert [record.split for record in records] == ["train", "train"]
    assert problems == []


def test_trailers_have_no_type_and_motorcycles_are_ignored(source: Path) -> None:
    write(source, "20", "pkw_trail", "0 11 50 60 30 7 0\n1 23 90 60 50 9 0\n2 12 20 20 5 2 0\n")
    (_, two), _ = read(source)
    assert two.labels.types == ("", "truck", "")
    assert two.labels.ignore.tolist() == [False, False, True]


def test_an_unknown_type_becomes_an_ignore_box_and_is_told_of(source: Path) -> None:
    path = write(source, "20", "odd", "0 99 50 60 30 7 0\n")
    (_, two), (_, note) = read(source)
    assert two.labels.ignore.tolist() == [True]
    assert isinstance(note, Note)
    assert str(note).startswith(f"{path}, line 4: type 99 is not known")


def test_sizes_of_zero_are_told_of_and_the_rest_stays(source: Path) -> None:
    path = write(source, "20", "truck", "0 22 50 60 0 0 12\n1 22 90 60 40 9 0\n")
    (_, two), (_, problem) = read(source)
    assert two.labels.types == ("truck",)
    assert str(problem) == f"{path}, line 4: the box has no area; it is left out"


@pytest.mark.parametrize("row", ["0 10 50 60 17 7", "0 10 50 x 17 7 0", "0 10.5 50 60 17 7 0"])
def test_a_damaged_line_leaves_its_photo_out(source: Path, row: str) -> None:
    path = write(source, "20", "truck", f"{row}\n")
    records, problems = read(source)
    assert [record.name for record in records] == [f"{PHOTO}10"]
    assert problems[-1].where == f"{path}, line 4"


def test_damaged_photos_are_told_of(source: Path) -> None:
    photo = source / "Train" / f"{PHOTO}10.JPG"
    photo.write_bytes(photo.read_bytes()[:20])
    records, problems = read(source)
    assert len(records) == 1
    assert problems[-1].where == str(photo)


def test_labels_belong_to_the_photo_whose_name_fits_best(source: Path) -> None:
    longer = source / "Train" / f"{PHOTO}20_1.JPG"
    Image.new("RGB", (300, 300)).save(longer)
    write(source, "20_1", "pkw", "0 10 50 60 17 7 0\n")
    records, _ = read(source)
    assert [(one.name.removeprefix(PHOTO), len(one.labels)) for one in records] == [
        ("10", 5),
        ("20", 0),
        ("20_1", 1),
    ]


def test_labels_without_photo_are_told_of(source: Path) -> None:
    (source / "Train" / f"{PHOTO}20.JPG").unlink()
    _, problems = read(source)
    orphan = next(one for one in problems if one.where.endswith(f"{PHOTO}20_pkw.samp"))
    assert orphan.what == "its photo is not there"


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no \.samp file; give the folder with Train"):
        read(tmp_path)
