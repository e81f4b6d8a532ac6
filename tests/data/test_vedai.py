from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from geovehicle.data.marks import area, turned_box
from geovehicle.data.records import Note, Problem, Record
from geovehicle.data.vedai import read_vedai
from geovehicle.errors import DatasetError
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CAR = np.array([[10, 20], [30, 20], [30, 28], [10, 28]], float)


def columns(corners: NDArray[Any], kind: int) -> dict[str, str]:
    """Return the columns of one vehicle as both layouts have them."""
    x, y = (" ".join(map(str, axis)) for axis in corners.T.tolist())
    middle = " ".join(map(str, corners.mean(axis=0).tolist()))
    return {"head": f"{middle} 1.57", "kind": str(kind), "flags": "1 0", "corners": f"{x} {y}"}


def merged(number: int, corners: NDArray[Any], kind: int) -> str:
    one = columns(corners, kind)
    return f"{number:08d} {one['head']} {one['corners']} {one['kind']} {one['flags']}\n"


def single(corners: NDArray[Any], kind: int) -> str:
    one = columns(corners, kind)
    return f"{one['head']} {one['kind']} {one['flags']} {one['corners']}\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small twin of the images of 1024 pixels, labels in one file."""
    for folder in ("Vehicules1024", "Annotations1024"):
        (tmp_path / folder).mkdir()
    for number in (0, 1, 25):
        for kind in ("co", "ir"):
            path = tmp_path / "Vehicules1024" / f"{number:08d}_{kind}.png"
            Image.new("RGB", (64, 48), (number, 20, 30)).save(path)
    lines = merged(0, CAR, 1) + merged(0, CAR + 15, 11) + merged(1, CAR, 2) + merged(25, CAR, 9)
    (tmp_path / "Annotations1024" / "annotation1024.txt").write_text(lines)
    (tmp_path / "Annotations1024" / "fold01.txt").write_text("00000000\n00000001\n")
    return tmp_path


def read(source: Path, **how: float) -> tuple[list[Record], list[Problem]]:
    items = list(read_vedai(source, ConvertSettings(**how)))
    records = [one for one in items if isinstance(one, Record)]
    return records, [one for one in items if isinstance(one, Problem)]


def test_the_colour_images_come_with_their_labels(source: Path) -> None:
    records, problems = read(source)
    assert problems == []
    assert [one.name for one in records] == ["00000000_co", "00000001_co", "00000025_co"]
    first = records[0]
    assert (first.width, first.height, first.gsd, first.source) == (64, 48, 0.125, "vedai")
    assert first.labels.footprints[0] == pytest.approx(CAR)
    assert [one.labels.types for one in records] == [("car", "car"), ("truck",), ("van",)]
    assert first.labels.oriented.all()
    assert first.read()[0, 0].tolist() == [0, 20, 30]


def test_neighbouring_numbers_share_a_scene(source: Path) -> None:
    first, second, far = read(source)[0]
    assert first.scene == second.scene != far.scene


def test_files_of_one_image_say_the_same(source: Path) -> None:
    before = read(source)[0]
    labels = source / "Annotations1024"
    (labels / "00000000.txt").write_text(single(CAR, 1) + single(CAR + 15, 11))
    (labels / "00000001.txt").write_text(single(CAR, 2))
    (labels / "00000025.txt").write_text(single(CAR, 9))
    after = read(source)[0]
    for one, other in zip(before, after, strict=True):
        assert one.labels.footprints.tolist() == other.labels.footprints.tolist()
        assert one.labels.types == other.labels.types


def test_the_smaller_images_have_twice_the_gsd(source: Path) -> None:
    for folder in ("Vehicules", "Annotations"):
        (source / f"{folder}1024").rename(source / f"{folder}512")
    path = source / "Annotations512" / "annotation1024.txt"
    path.rename(path.with_name("annotation512.txt"))
    assert {one.gsd for one in read(source)[0]} == {0.25}
    assert {one.gsd for one in read(source, gsd=0.3)[0]} == {0.3}


def test_of_both_sizes_the_larger_is_read(source: Path) -> None:
    (source / "Vehicules512").mkdir()
    (source / "Annotations512").mkdir()
    (source / "Annotations512" / "annotation512.txt").write_text(merged(0, CAR, 1))
    assert {one.gsd for one in read(source)[0]} == {0.125}


def append(source: Path, text: str) -> Path:
    path = source / "Annotations1024" / "annotation1024.txt"
    path.write_text(path.read_text() + text)
    return path


def test_boats_and_planes_are_background_and_machines_are_ignored(source: Path) -> None:
    append(source, "".join(merged(25, CAR, kind) for kind in (23, 31, 4, 7, 10, 5, 8)))
    labels = read(source)[0][2].labels
    assert labels.types == ("van", "", "", "", "", "bus")
    assert labels.ignore.tolist() == [False, True, True, True, False, False]


def test_an_unknown_class_becomes_an_ignore_box_and_is_told_of(source: Path) -> None:
    path = append(source, merged(25, CAR, 201))
    records, (note,) = read(source)
    assert records[2].labels.ignore.tolist() == [False, True]
    assert isinstance(note, Note)
    assert str(note).startswith(f"{path}, line 5: class 201 is not known")


@pytest.mark.parametrize("line", ["00000025 1 2 3\n", merged(25, CAR, 1).replace("30", "x")])
def test_a_damaged_line_leaves_its_image_out(source: Path, line: str) -> None:
    path = append(source, line)
    records, (problem,) = read(source)
    assert [one.name for one in records] == ["00000000_co", "00000001_co"]
    assert problem.where == f"{path}, line 5"


def test_a_damaged_number_of_an_image_makes_all_labels_doubtful(source: Path) -> None:
    append(source, merged(0, CAR, 1).replace("00000000", "0000??00", 1))
    with pytest.raises(DatasetError, match=r"line 5: '0000\?\?00' is no number"):
        read(source)


def test_images_without_labels_and_labels_without_image_are_told_of(source: Path) -> None:
    (source / "Vehicules1024" / "00000001_co.png").rename(
        source / "Vehicules1024" / "00000002_co.png"
    )
    records, problems = read(source)
    assert len(records) == 2
    assert "00000002_co.png: no label file" in str(problems[0])
    assert "00000001_co.png is not there" in str(problems[1])


def test_a_damaged_image_is_told_of(source: Path) -> None:
    path = source / "Vehicules1024" / "00000001_co.png"
    path.write_bytes(b"\x89PNG")
    records, (problem,) = read(source)
    assert len(records) == 2
    assert problem.where == str(path)


@pytest.mark.parametrize("absent", ["Vehicules1024", "Annotations1024/annotation1024.txt"])
def test_another_layout_is_refused(source: Path, absent: str) -> None:
    (source / absent).rename(source / "elsewhere")
    for path in source.glob("Annotations1024/*"):
        path.unlink()
    with pytest.raises(DatasetError, match="has no folders Vehicules1024 and Annotations1024"):
        read(source)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(angle=st.floats(-180, 180), order=st.permutations(range(4)))
def test_corners_come_in_order_around_the_vehicle(
    source: Path, angle: float, order: list[int]
) -> None:
    corners = turned_box((30, 20), (18, 7), angle)
    path = source / "Annotations1024" / "annotation1024.txt"
    path.write_text(merged(0, corners[order], 1))
    labels = read(source)[0][0].labels
    assert area(labels.footprints[0]) == pytest.approx(18 * 7 * 4)
