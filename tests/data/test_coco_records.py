from __future__ import annotations

import json
import math

import numpy as np
import pytest
from PIL import ExifTags, Image

from geovehicle.data.coco_records import read_coco_records
from geovehicle.data.records import Note, Problem, Record
from geovehicle.errors import DatasetError
from geovehicle.settings import ConvertSettings

POLYGON = [10, 20, 30, 10, 35, 20, 15, 30]
BOX = [10, 10, 25, 20]


def content():
    """Return a sound file: two images, several categories."""
    size = {"width": 60, "height": 40}
    return {
        "images": [
            {"id": 1, "file_name": "a.png", "gsd": 0.1, "source": "s", "scene": "t", **size},
            {"id": 2, "file_name": "sub/b.png", **size},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX, "segmentation": [POLYGON]},
            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]},
            {"id": 3, "image_id": 2, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 1},
        ],
        "categories": [
            {"id": 1, "name": "Cars"},
            {"id": 2, "name": "person"},
            {"id": 3, "name": "small-vehicle"},
        ],
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images" / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.png"):
        Image.new("RGB", (60, 40), (9, 8, 7)).save(tmp_path / "images" / name)
    return tmp_path


def read(folder, data):
    """Return the records, the problems and the notes."""
    path = folder / "labels.json"
    path.write_text(json.dumps(data))
    items = list(read_coco_records(path, ConvertSettings()))
    records = [item for item in items if isinstance(item, Record)]
    notes = [item for item in items if isinstance(item, Note)]
    others = [item for item in items if isinstance(item, Problem) and item not in notes]
    return records, others, notes


def test_a_sound_file(folder):
    (one, two), problems, (note,) = read(folder, content())
    assert problems == []
    assert "'person'" in note.what
    assert "1 labels" in note.what
    assert (one.name, one.width, one.height, one.gsd) == ("a", 60, 40, 0.1)
    assert (one.source, one.scene, one.split) == ("s", "t", "")
    assert one.labels.types == ("car",)
    assert one.labels.footprints.reshape(-1).tolist() == POLYGON
    assert one.labels.oriented.tolist() == [True]
    assert (two.name, two.labels.types, two.labels.ignore.tolist()) == ("sub_b", ("",), [True])
    assert math.isnan(two.gsd)
    assert two.path == folder / "images" / "sub" / "b.png"
    assert two.read()[0, 0].tolist() == [9, 8, 7]


@pytest.mark.parametrize(
    "segmentation",
    [
        [[10, 10, 35, 10, 35, 30, 10, 30]],
        [[10, 20, 30, 10, 35, 20]],
        [POLYGON, POLYGON],
        [[40, 20, 50, 10, 55, 20, 45, 30]],
        [[10, 20, 30, 10, 35, "wide", 15, 30]],
        {"counts": [1, 2], "size": [40, 60]},
        None,
        [],
    ],
)
def test_other_outlines_give_way_to_the_box(folder, segmentation):
    data = content()
    data["annotations"][0]["segmentation"] = segmentation
    (one, _), problems, _ = read(folder, data)
    assert problems == []
    assert one.labels.oriented.tolist() == [False]
    assert one.labels.boxes.tolist() == [[10, 10, 35, 30]]


def test_an_annotation_tells_its_own_type(folder):
    data = content()
    data["annotations"][0]["type"] = "bus"
    assert read(folder, data)[0][0].labels.types == ("bus",)


def test_one_category_of_any_name_is_the_vehicles(folder):
    data = content()
    data["categories"] = [{"id": number, "name": "object"} for number in (1, 2, 3)]
    (one, two), problems, (note,) = read(folder, data)
    assert (len(one.labels), len(two.labels)) == (2, 1)
    assert problems == []
    assert "all count as one" in note.what
    del data["categories"]
    assert len(read(folder, data)[0][0].labels) == 2


def test_a_folder_keeps_its_parts(folder):
    for part, index in (("train", 0), ("val", 1)):
        data = content()
        data["images"] = [data["images"][index]]
        data["annotations"] = []
        (folder / f"{part}.json").write_text(json.dumps(data))
    records = [one for one in read_coco_records(folder, ConvertSettings()) if type(one) is Record]
    assert [(one.name, one.split) for one in records] == [("a", "train"), ("sub_b", "val")]


def test_a_folder_without_labels(folder):
    with pytest.raises(DatasetError, match=r"train\.json"):
        list(read_coco_records(folder, ConvertSettings()))


def image_with(**values):
    return lambda data: data["images"][0].update(values)


def annotation_with(**values):
    return lambda data: data["annotations"][0].update(values)


@pytest.mark.parametrize(
    ("damage", "where", "what"),
    [
        (annotation_with(bbox=[1, 2, 0, 4]), "annotation 1", "positive"),
        (annotation_with(bbox=[1, 2, math.nan, 4]), "annotation 1", "finite"),
        (annotation_with(bbox=None), "annotation 1", "None"),
        (annotation_with(image_id=99), "annotation 1", "image 99, which is not listed"),
        (annotation_with(image_id="1"), "annotation 1", "'image_id'"),
        (annotation_with(category_id=77), "annotation 1", "category 77 is not listed"),
        (annotation_with(category_id=[1]), "annotation 1", "not listed"),
        (lambda data: data["annotations"].append(None), "annotation number 4", "'image_id'"),
        (lambda data: data["images"].append("c.png"), "image 3", "'id'"),
        (lambda data: data["images"].append({"id": 1}), "image 3", "id 1 is that of an earlier"),
        (image_with(file_name="gone.png"), "image 1", "gone.png is neither"),
        (image_with(file_name="../a.png"), "image 1", "leaves the folder"),
        (image_with(file_name=None), "image 1", "no 'file_name'"),
        (image_with(gsd=-1), "image 1", "gsd -1"),
        (image_with(width=0), "image 1", "'width'"),
    ],
)
def test_what_is_damaged_is_named_and_the_rest_goes_on(folder, damage, where, what):
    data = content()
    damage(data)
    records, (problem,), _ = read(folder, data)
    assert records[-1].name == "sub_b"
    assert problem.where == f"labels.json, {where}"
    assert what in problem.what
    assert str(folder / "labels.json") not in problem.what


def test_a_photo_that_is_stored_turned_is_left_out(folder):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    Image.new("RGB", (60, 40)).save(folder / "images" / "a.png", exif=exif)
    (record,), (problem,), _ = read(folder, content())
    assert record.name == "sub_b"
    assert problem.where == "labels.json, image 1"
    assert "EXIF orientation 3" in problem.what


def test_labels_of_a_lost_image_are_counted(folder):
    data = content()
    data["images"][0]["file_name"] = "gone.png"
    _, (problem,), _ = read(folder, data)
    assert problem.what.endswith("(with 1 labels)")


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}'])
def test_what_is_no_coco_file_ends_it(folder, text):
    (folder / "bad.json").write_text(text)
    with pytest.raises(DatasetError, match=r"bad\.json"):
        list(read_coco_records(folder / "bad.json", ConvertSettings()))


def test_boxes_are_corners(folder):
    records, _, _ = read(folder, content())
    assert np.array_equal(records[1].labels.boxes, [[1, 2, 4, 6]])
