from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from geovehicle.data.coco import LabelledImage, read_coco
from geovehicle.errors import DatasetError
from geovehicle.footprints import boxes_of, straight

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (30, 20)


def content() -> dict[str, Any]:
    """Return a small, sound data set: two images, a vehicle and an ignore box on the first."""
    one = {"id": 7, "file_name": "a.png", "width": 30, "height": 20, "gsd": 0.125}
    two = {"id": 3, "file_name": "sub/b.png", "width": 30, "height": 20, "gsd": 0.1}
    return {
        "images": [one | {"source": "city", "scene": "north"}, two],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 10.5, 4]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [20, 0, 5, 5], "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "vehicle"}],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the images of `content`, one beside the file and one in images/."""
    (tmp_path / "images" / "sub").mkdir(parents=True)
    Image.new("RGB", SIZE, (200, 100, 50)).save(tmp_path / "a.png")
    Image.new("L", SIZE, 77).save(tmp_path / "images" / "sub" / "b.png")
    return tmp_path


def write(folder: Path, data: Any) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def read(folder: Path, data: Any, default_gsd: float | None = None) -> list[LabelledImage]:
    return read_coco(write(folder, data), default_gsd)


def test_what_is_written_is_read(folder: Path) -> None:
    one, two = read(folder, content())
    assert (one.image_id, one.width, one.height, one.gsd) == (7, 30, 20, 0.125)
    assert (one.source, one.scene) == ("city", "north")
    assert one.boxes.tolist() == [[1, 2, 11.5, 6]]
    assert one.ignore.tolist() == [[20, 0, 25, 5]]
    assert (two.image_id, two.gsd, two.source, two.scene) == (3, 0.1, "", "")
    assert (two.boxes.shape, two.ignore.shape) == ((0, 4), (0, 4))
    assert {array.dtype for array in (one.boxes, one.ignore, two.boxes)} == {np.dtype(float)}
    assert (one.path, two.path) == (folder / "a.png", folder / "images" / "sub" / "b.png")


def test_vehicles_tell_their_types_or_not(folder: Path) -> None:
    data = content()
    assert read(folder, data)[0].types == ()
    data["annotations"][0]["type"] = "bus"
    data["annotations"][1]["type"] = "car"  # of an ignore box
    data["annotations"].append({"id": 3, "image_id": 7, "category_id": 1, "bbox": [9, 9, 1, 1]})
    one, two = read(folder, data)
    assert one.types == ("bus", "")
    assert two.types == ()


RING = [3.0, 2.0, 11.5, 4.0, 9.5, 6.0, 1.0, 4.0]
"""An outline in the box of the vehicle of `content`."""


def test_four_corners_are_the_footprint(folder: Path) -> None:
    data = content()
    data["annotations"][0]["segmentation"] = [RING]
    data["annotations"].append({"id": 3, "image_id": 7, "category_id": 1, "bbox": [9, 9, 1, 2]})
    one, two = read(folder, data)
    assert one.oriented.tolist() == [True, False]
    assert one.footprints[0].ravel().tolist() == RING
    assert (
        boxes_of(one.footprints).tolist() == one.boxes.tolist() == [[1, 2, 11.5, 6], [9, 9, 10, 11]]
    )
    assert (two.footprints.shape, two.oriented.shape) == ((0, 4, 2), (0,))


@pytest.mark.parametrize(
    "segmentation",
    [
        None,
        [],
        "RLE",
        {"size": [20, 30], "counts": "abc"},
        [RING, RING],
        [[*RING, 5, 5]],
        [[float("nan"), *RING[1:]]],
        [["1", *RING[1:]]],
        [RING[4:]],
        [[value + 5 for value in RING]],  # elsewhere
        [[*RING[:2], *RING[4:6], *RING[2:4], *RING[6:]]],  # crosses itself
        [[1, 2, 11.5, 6, 11.5, 6, 1, 2]],  # a line
        [[1, 2, 11.5, 2, 11.5, 6, 1, 6]],  # the box itself
    ],
)
def test_other_outlines_are_no_footprints(folder: Path, segmentation: Any) -> None:
    data = content()
    data["annotations"][0]["segmentation"] = segmentation
    one = read(folder, data)[0]
    assert one.oriented.tolist() == [False]
    assert one.footprints.tolist() == straight(one.boxes).tolist()


def test_outlines_of_ignore_boxes_do_not_count(folder: Path) -> None:
    data = content()
    data["annotations"][1]["segmentation"] = [[22, 0, 25, 3, 23, 5, 20, 2]]
    one = read(folder, data)[0]
    assert one.ignore.tolist() == [[20, 0, 25, 5]]
    assert one.oriented.tolist() == [False]


def test_other_boxes_bring_their_own_corners(folder: Path) -> None:
    image = read(folder, content())[0]
    changed = replace(image, boxes=np.array([[3.0, 4, 5, 6], [1, 1, 9, 3]]))
    assert changed.footprints.tolist() == straight(changed.boxes).tolist()
    assert changed.oriented.tolist() == [False, False]


def test_images_become_rgb(folder: Path) -> None:
    colour, grey = (image.read() for image in read(folder, content()))
    assert colour.shape == grey.shape == (20, 30, 3)
    assert colour.dtype == np.uint8
    assert colour[3, 4].tolist() == [200, 100, 50]
    assert grey[3, 4].tolist() == [77, 77, 77]


numbers = st.floats(-1e6, 1e6)
sizes = st.floats(1e-3, 1e6)
annotations = st.lists(st.tuples(st.integers(0, 3), numbers, numbers, sizes, sizes, st.booleans()))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotations=annotations)
def test_any_boxes_survive_the_round_trip(folder: Path, annotations: list[Any]) -> None:
    ids = [11, 5, 8, 0]
    data = {
        "images": [{"id": i, "file_name": "a.png", "width": 30, "height": 20} for i in ids],
        "annotations": [
            {"image_id": ids[which], "bbox": box, "iscrowd": int(crowd)}
            for which, *box, crowd in annotations
        ],
    }
    images = read(folder, data, 0.2)
    assert [image.image_id for image in images] == ids
    assert {image.gsd for image in images} == {0.2}
    for which, image in enumerate(images):
        for crowd, boxes in ((False, image.boxes), (True, image.ignore)):
            own = [one[1:5] for one in annotations if (one[0], one[5]) == (which, crowd)]
            expected = [[x, y, x + width, y + height] for x, y, width, height in own]
            assert boxes.tolist() == expected


def test_images_in_the_folder_of_images_come_first(folder: Path) -> None:
    Image.new("RGB", SIZE).save(folder / "images" / "a.png")
    assert read(folder, content())[0].path == folder / "images" / "a.png"


def test_an_images_own_gsd_precedes_the_default(folder: Path) -> None:
    data = content()
    del data["images"][1]["gsd"]
    assert [image.gsd for image in read(folder, data, 0.3)] == [0.125, 0.3]


def test_the_coarsest_gsd_is_read_and_a_default_in_centimetres_is_not(folder: Path) -> None:
    data = content()
    data["images"][0]["gsd"] = 2.0
    assert read(folder, data)[0].gsd == 2.0
    del data["images"][0]["gsd"]
    with pytest.raises(DatasetError, match="image 7 has a gsd of 10; is it in metres"):
        read(folder, data, 10.0)


def image_with(**values: Any) -> Any:
    return lambda data: data["images"][0].update(values)


def annotation_with(**values: Any) -> Any:
    return lambda data: data["annotations"][0].update(values)


def image_without(key: str) -> Any:
    return lambda data: data["images"][0].pop(key)


def annotation_without(key: str) -> Any:
    return lambda data: data["annotations"][0].pop(key)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda data: data.pop("images"), "'images'"),
        (lambda data: data.pop("annotations"), "'annotations'"),
        (lambda data: data.update(images={}), "'images'"),
        (lambda data: data["images"].append("c.png"), "'id'.*c.png"),
        (lambda data: data["annotations"].append(None), "'image_id'.*None"),
        (lambda data: data["images"].append(data["images"][0]), "share an id"),
        (image_without("id"), "'id'.*a.png"),
        (image_without("file_name"), "'file_name'"),
        (image_without("width"), "'width'.*a.png"),
        (image_without("height"), "'height'.*a.png"),
        (image_without("gsd"), "image 7 has no usable gsd.*--gsd"),
        (annotation_without("image_id"), "'image_id'"),
        (annotation_without("bbox"), "'bbox'"),
        (annotation_with(image_id=99), "annotation 1 is on image 99"),
        (annotation_with(bbox=[1, 2, 3]), r"annotation 1.*\[1, 2, 3\]"),
        (annotation_with(bbox=[1, 2, 3, 4, 5]), "annotation 1.*four"),
        (annotation_with(bbox=[1, 2, 0, 4]), "annotation 1.*positive"),
        (annotation_with(bbox=[1, 2, 3, -4]), "annotation 1.*positive"),
        (annotation_with(bbox=[1, 2, float("nan"), 4]), "annotation 1.*finite"),
        (annotation_with(bbox=[float("nan"), 2, 3, 4]), "annotation 1.*finite"),
        (annotation_with(bbox=[1, float("-inf"), 3, 4]), "annotation 1.*finite"),
        (annotation_with(bbox=["left", 2, 3, 4]), "annotation 1.*left"),
        (annotation_with(bbox=[[1], 2, 3, 4]), "annotation 1"),
        (annotation_with(bbox=None), "annotation 1.*None"),
        (annotation_with(bbox=[10**400, 2, 3, 4]), "annotation 1"),
        (annotation_with(image_id=[7]), "annotation 1|'image_id'"),
        (image_with(id=[7]), r"id.*\[7\]"),
        (image_with(gsd=0), r"image 7.*gsd \(0\)"),
        (image_with(gsd=-0.1), r"image 7.*gsd \(-0.1\)"),
        (image_with(gsd=float("inf")), r"image 7.*gsd \(inf\)"),
        (image_with(gsd="0.1"), "image 7.*gsd"),
        (image_with(gsd=None), "image 7.*gsd"),
        (image_with(gsd=10), "image 7 has a gsd of 10; is it in metres"),
        (image_with(width="wide"), "wide|'width'"),
        (image_with(width=None), "None|'width'"),
        (image_with(height=float("inf")), "inf|'height'"),
        (image_with(file_name="gone.png"), r"gone\.png is neither"),
        (image_with(file_name="images"), "images is neither"),
        (image_with(file_name="../a.png"), "leaves the folder"),
        (image_with(file_name="sub/../../a.png"), "leaves the folder"),
        (image_with(file_name="/etc/hosts"), "leaves the folder"),
    ],
)
def test_what_is_damaged_is_named(folder: Path, damage: Any, named: str) -> None:
    (folder.parent / "a.png").write_bytes(b"not for us")
    data = content()
    damage(data)
    with pytest.raises(DatasetError, match=named) as caught:
        read(folder, data)
    assert str(caught.value).startswith(str(folder / "labels.json"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b'{"images": "\xff"}', "is not JSON"),
        (b"[]", "no object"),
        (b"null", "no object"),
        (b"{}", "'images'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, raw: bytes, named: str) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match=named):
        read_coco(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.json cannot be read: No such file"):
        read_coco(tmp_path / "none.json")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_coco(tmp_path)


class TestPixels:
    """What is wrong with an image shows when it is read."""

    def test_another_size_than_labelled(self, folder: Path) -> None:
        data = content()
        data["images"][0]["width"] = 31
        image = read(folder, data)[0]
        with pytest.raises(DatasetError, match=r"a\.png is 30 x 20 pixels.*say 31 x 20"):
            image.read()

    def test_width_and_height_are_not_confused(self, folder: Path) -> None:
        data = content()
        data["images"][0].update(width=20, height=30)
        with pytest.raises(DatasetError, match=r"30 x 20 pixels.*say 20 x 30"):
            read(folder, data)[0].read()

    @pytest.mark.parametrize("keep", [0, 10, 60])
    def test_a_damaged_file(self, folder: Path, keep: int) -> None:
        image = read(folder, content())[0]
        image.path.write_bytes(image.path.read_bytes()[:keep])
        with pytest.raises(DatasetError, match=r"a\.png cannot be read as an image"):
            image.read()

    def test_a_file_that_has_gone(self, folder: Path) -> None:
        image = read(folder, content())[0]
        image.path.unlink()
        with pytest.raises(DatasetError, match=r"a\.png cannot be read as an image"):
            image.read()
