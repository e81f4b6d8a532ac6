from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from geovehicle.data.marks import (
    Mark,
    Sheet,
    area,
    around,
    numbers,
    straight_box,
    to_labels,
    turned_box,
    whole_number,
)
from geovehicle.data.records import Note, Problem, Record
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("angle", "front"),
    [
        (0, [[14, 4], [14, 6]]),  # to the right: its left side is up
        (90, [[9, 1], [11, 1]]),  # up
        (-90, [[11, 9], [9, 9]]),  # down
        (180, [[6, 6], [6, 4]]),
    ],
)
def test_a_turned_box_heads_where_its_angle_says(angle: float, front: list[list[float]]) -> None:
    corners = turned_box((10, 5), (4, 1), angle)
    assert corners[:2] == pytest.approx(np.array(front))
    assert corners.mean(axis=0) == pytest.approx([10, 5])


@given(
    angle=st.floats(-720, 720),
    half=st.tuples(st.floats(0.5, 100), st.floats(0.5, 100)),
    order=st.permutations(range(4)),
)
def test_corners_in_any_order_make_the_same_ring(
    angle: float, half: tuple[float, float], order: list[int]
) -> None:
    corners = turned_box((3, -7), half, angle)
    ring = around(corners[order])
    assert area(ring) == pytest.approx(4 * half[0] * half[1])
    assert ring[0] == pytest.approx(corners[order[0]])
    assert {tuple(one) for one in ring} == {tuple(one) for one in corners}


def test_the_area_of_a_straight_box() -> None:
    assert area(straight_box(1, 2, 4, 4)) == 6
    assert area(straight_box(1, 2, 1, 4)) == 0


@pytest.mark.parametrize("text", ["x", "nan", "inf", "-1e12", ""])
def test_what_is_no_coordinate_is_told_of(text: str) -> None:
    with pytest.raises(DatasetError, match="is no"):
        numbers(["1", text])


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert [whole_number(text) for text in ("7", "7.0", "-2")] == [7, 7, -2]
    with pytest.raises(DatasetError, match="whole"):
        whole_number("7.5")


def test_no_marks_make_empty_labels() -> None:
    labels = to_labels([])
    assert (labels.footprints.shape, labels.oriented.shape) == ((0, 4, 2), (0,))
    assert (labels.types, labels.ignore.dtype) == ((), np.dtype(bool))


def square(fields: list[str], _: str) -> Mark | None:
    """Understand ``side`` or ``none``."""
    if fields == ["none"]:
        return None
    (side,) = numbers(fields)
    return Mark(straight_box(0, 0, side, side), "car", oriented=False)


def sheet_of(tmp_path: Path, text: str | bytes) -> Sheet:
    path = tmp_path / "a.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    sheet = Sheet()
    sheet.read_lines(path, square)
    return sheet


def test_lines_become_marks_and_comments_nothing(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "\ufeff2\r\n\n# 3\n@x\nnone\n 4 \n")
    assert [area(mark.footprint) for mark in sheet.marks] == [4, 16]
    assert (sheet.problems, sheet.damaged) == ([], False)


def test_a_box_without_area_leaves_its_image_usable(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "0\n2\n")
    assert (len(sheet.marks), sheet.damaged) == (1, False)
    assert [str(one) for one in sheet.problems] == [
        f"{tmp_path}/a.txt, line 1: the box has no area; it is left out"
    ]


@pytest.mark.parametrize("text", ["2\nx\n", b"\xff\xfe\xff"])
def test_a_line_that_is_not_understood_leaves_the_image_out(
    tmp_path: Path, text: str | bytes
) -> None:
    sheet = sheet_of(tmp_path, text)
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (problem,) = sheet.records(tmp_path / "a.png", gsd=0.1)
    assert isinstance(problem, Problem)
    assert "a.txt" in problem.where
    assert problem.what.endswith("the image is left out")


def test_a_record_follows_its_notes(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "2\n")
    sheet.note("here", "look")
    Image.new("RGB", (9, 8), (1, 2, 3)).save(tmp_path / "a.png")
    note, record = sheet.records(tmp_path / "a.png", gsd=math.nan, scene="s")
    assert note == Note("here", "look")
    assert isinstance(record, Record)
    assert (record.name, record.width, record.height, record.scene) == ("a", 9, 8, "s")
    assert (record.path, record.labels.types) == (tmp_path / "a.png", ("car",))
    assert record.read()[0, 0].tolist() == [1, 2, 3]


def test_a_tiff_is_not_copied_as_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (9, 8)).save(tmp_path / "a.tif")
    (record,) = Sheet().records(tmp_path / "a.tif", gsd=0.1)
    assert isinstance(record, Record)
    assert record.path is None


def test_a_photo_that_is_stored_turned_is_a_problem(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    Image.new("RGB", (9, 8)).save(tmp_path / "a.jpg", exif=exif)
    (problem,) = Sheet().records(tmp_path / "a.jpg", gsd=0.1)
    assert isinstance(problem, Problem)
    assert problem.what.startswith("is stored turned (EXIF orientation 8)")


def test_a_damaged_picture_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    (problem,) = Sheet().records(tmp_path / "a.png", gsd=0.1)
    assert isinstance(problem, Problem)
    assert "cannot be read" in problem.what
