from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from geovehicle.data.records import Note, Problem, Record
from geovehicle.data.voc import read_voc
from geovehicle.errors import DatasetError
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from pathlib import Path

Box = tuple[float, float, float, float]


def item(name: str, box: Box, **flags: str) -> str:
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in corners)
    flags_text = "".join(f"<{key}>{value}</{key}>" for key, value in flags.items())
    return f"<object><name>{name}</name>{flags_text}<bndbox>{inner}</bndbox></object>"


def xml(*items: str, size: str = "<width>40</width><height>30</height><depth>3</depth>") -> str:
    head = f"<folder>VOC2007</folder><filename>a.jpg</filename><size>{size}</size>"
    return f"<annotation>{head}{''.join(items)}</annotation>"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small twin with three images, two of them in parts."""
    root = tmp_path / "VOC2007"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for name in ("a", "b", "c"):
        Image.new("RGB", (40, 30), (200, 100, 50)).save(root / "JPEGImages" / f"{name}.jpg")
        write(root, name, xml())
    write(
        root,
        "a",
        xml(
            item("car", (1, 1, 10, 5), difficult="0"),
            item("bus", (11, 2, 40, 30), difficult="1"),
            item("motorbike", (3, 3, 4, 4)),
            item("person", (3, 3, 9, 9)),
        ),
    )
    for part, names in {"train": "a\n", "val": "b\n", "car_train": "a -1\nb 1\n"}.items():
        (root / "ImageSets" / "Main" / f"{part}.txt").write_text(names)
    return root


def write(root: Path, name: str, text: str | bytes) -> Path:
    path = root / "Annotations" / f"{name}.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(source: Path, **how: float) -> tuple[list[Record], list[Problem]]:
    items = list(read_voc(source, ConvertSettings(**how)))
    records = [one for one in items if isinstance(one, Record)]
    return records, [one for one in items if isinstance(one, Problem)]


def test_images_come_with_their_vehicles(source: Path) -> None:
    records, notes = read(source)
    assert [(one.name, one.split) for one in records] == [("a", "train"), ("b", "val"), ("c", "")]
    first = records[0]
    assert (first.source, first.scene, first.width, first.height) == ("VOC2007", "", 40, 30)
    assert math.isnan(first.gsd)
    assert first.labels.types == ("car", "bus", "")
    assert first.labels.ignore.tolist() == [False, True, True]
    assert not first.labels.oriented.any()
    person = "class 'person' is not known as a vehicle, its 1 labels are left out"
    assert notes == [Note(str(source), person)]
    assert read(source, gsd=0.1)[0][0].gsd == 0.1


def test_pixels_are_counted_from_one_and_the_last_belongs_to_the_box(source: Path) -> None:
    labels = read(source)[0][0].labels
    assert labels.boxes[:2].tolist() == [[0, 0, 10, 5], [10, 1, 40, 30]]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    boxes=st.lists(
        st.tuples(
            st.integers(0, 38), st.integers(0, 28), st.integers(1, 40), st.integers(1, 30)
        ).map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])),
        max_size=5,
    )
)
def test_boxes_survive_the_way_through_a_file(source: Path, boxes: list[Box]) -> None:
    items = [item("car", (x1 + 1, y1 + 1, x2, y2)) for x1, y1, x2, y2 in boxes]
    write(source, "a", xml(*items))
    assert read(source)[0][0].labels.boxes.tolist() == [list(map(float, box)) for box in boxes]


def test_files_may_lie_beside_their_images(source: Path) -> None:
    for path in source.glob("Annotations/*"):
        path.rename(source / "JPEGImages" / path.name)
    records, _ = read(source / "JPEGImages")
    assert [len(one.labels) for one in records] == [3, 0, 0]


def beside(folder: Path, *names: str) -> None:
    """Write images with their XML files beside them."""
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (40, 30)).save(folder / f"{name}.jpg")
        (folder / f"{name}.xml").write_text(xml(item("car", (1, 1, 9, 9))))


def test_folders_are_parts(tmp_path: Path) -> None:
    root = tmp_path / "export"
    beside(root / "train", "a_jpg.rf.01", "a_jpg.rf.02", "b")
    beside(root / "valid", "c")
    beside(root / "Test", "b", "d")
    records, problems = read(root)
    assert problems == []
    assert [(one.split, one.name, one.scene) for one in records] == [
        ("test", "b", ""),
        ("test", "d", ""),
        ("train", "a_jpg.rf.01", "a_jpg"),
        ("train", "a_jpg.rf.02", "a_jpg"),
        ("train", "train_b", ""),
        ("val", "c", ""),
    ]


def test_one_year_may_stand_beside_another(source: Path) -> None:
    other = source.with_name("VOC2012")
    beside(other / "Annotations", "a", "z")
    (other / "JPEGImages").mkdir()
    for path in (other / "Annotations").glob("*.jpg"):
        path.rename(other / "JPEGImages" / path.name)
    records, _ = read(source.parent)
    assert [(one.name, one.split) for one in records] == [
        ("a", "train"),
        ("b", "val"),
        ("c", ""),
        ("VOC2012_a", ""),
        ("z", ""),
    ]


def test_two_files_about_one_image_are_told_of(source: Path) -> None:
    second = source / "Annotations2" / "a.xml"
    second.parent.mkdir()
    second.write_text(xml())
    second.with_name("d.xml").write_text(xml())
    Image.new("RGB", (40, 30)).save(source / "JPEGImages" / "d.jpg")
    records, problems = read(source)
    assert [(one.name, len(one.labels)) for one in records] == [
        ("a", 3),
        ("b", 0),
        ("c", 0),
        ("d", 0),
    ]
    first = source / "Annotations" / "a.xml"
    assert problems[0] == Problem(str(second), f"{first} is about the same image; it is left out")


def test_where_no_class_is_known_all_are_vehicles(source: Path) -> None:
    write(source, "a", xml(item("Auto1", (1, 1, 9, 9)), item("Auto2", (1, 1, 9, 9))))
    records, (note,) = read(source)
    assert records[0].labels.types == ("", "")
    assert "all count as one" in note.what


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no element found"),
        (b"<annotation><object>", "cannot be read as XML"),
        (b"<annotation>\xff</annotation>", "cannot be read as XML"),
        (b'<?xml version="1.0" encoding="no"?><a/>', "cannot be read as XML"),
        (xml("<object><name>car</name></object>"), "it has no bndbox"),
        (xml(item("car", (1, 1, math.nan, 5))), "'nan' is no coordinate"),
        (xml(item("car", (9, 1, 3, 5))), "its box ends before it begins"),
        (xml("<object><name>car</name><bndbox><xmin>3</xmin></bndbox></object>"), "'nothing'"),
        (xml(size="<width>39</width><height>30</height>"), "labels say 39 x 30"),
    ],
)
def test_a_damaged_file_leaves_its_image_out(source: Path, text: str | bytes, reason: str) -> None:
    path = write(source, "b", text)
    records, problems = read(source)
    assert [one.name for one in records] == ["a", "c"]
    assert problems[0].where in {str(path), f"{path}, object 1"}
    assert reason in problems[0].what


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_never_expanded(source: Path, encoding: str) -> None:
    entities = '<!ENTITY a "car"><!ENTITY b "&a;&a;">'
    head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [{entities}]>'
    write(source, "b", (head + xml(item("&b;", (1, 1, 5, 5)))).encode(encoding))
    _, problems = read(source)
    assert "it has a DOCTYPE" in problems[0].what


def test_a_box_of_one_column_has_an_area(source: Path) -> None:
    write(source, "b", xml(item("car", (5, 5, 5, 9))))
    assert read(source)[0][1].labels.boxes.tolist() == [[4, 4, 5, 9]]


def test_a_size_of_zero_says_nothing(source: Path) -> None:
    write(source, "b", xml(size="<width>0</width><height>0</height>"))
    write(source, "c", "<annotation/>")
    assert len(read(source)[0]) == 3


def test_missing_partners_and_damaged_images_are_told_of(source: Path) -> None:
    (source / "Annotations" / "b.xml").rename(source / "Annotations" / "d.xml")
    (source / "JPEGImages" / "c.jpg").write_bytes(b"nothing")
    records, problems = read(source)
    assert [one.name for one in records] == ["a"]
    told = "\n".join(map(str, problems))
    assert "b.jpg: it has no XML file" in told
    assert "d.xml: its image is not there" in told
    assert "c.jpg: cannot be read as an image" in told


def test_a_photo_that_is_stored_turned_is_refused(source: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (40, 30)).save(source / "JPEGImages" / "b.jpg", exif=exif)
    _, problems = read(source)
    assert "EXIF orientation 6" in problems[0].what


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no XML file; give the folder with Annotations"):
        read(tmp_path)
