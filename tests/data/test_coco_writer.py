from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geovehicle.data.coco import read_coco
from geovehicle.data.coco_writer import CocoWriter, foreign_files, labels_in, sound, windows_of
from geovehicle.data.marks import turned_box
from geovehicle.data.pictures import read_rgb
from geovehicle.data.records import Labels, Record
from geovehicle.errors import SettingsError
from geovehicle.patches import cut

WIDTH, HEIGHT = 120, 90
(WHOLE,) = cut(WIDTH, HEIGHT, (WIDTH, HEIGHT), 0)


def labels_of(*footprints, oriented=True, types=None, ignore=None):
    count = len(footprints)
    return Labels(
        np.array(footprints, float).reshape(-1, 4, 2),
        np.full(count, oriented),
        types or ("",) * count,
        np.array(ignore or [False] * count, bool),
    )


def boxes(*corners, **how):
    quads = [[(x1, y1), (x2, y1), (x2, y2), (x1, y2)] for x1, y1, x2, y2 in corners]
    return labels_of(*quads, oriented=False, **how)


TURNED = turned_box((40, 30), (20, 8), 30)


@st.composite
def vehicles(draw):
    """Return a footprint with its centre in the image and any heading."""
    centre = (draw(st.floats(0.5, WIDTH - 0.5)), draw(st.floats(0.5, HEIGHT - 0.5)))
    half = (draw(st.floats(2, 25)), draw(st.floats(1, 6)))
    return turned_box(centre, half, draw(st.floats(0, 360)))


@given(
    footprint=vehicles(),
    size=st.tuples(st.integers(12, 140), st.integers(12, 140)),
    overlap=st.integers(0, 11),
)
def test_every_vehicle_is_one_somewhere(footprint, size, overlap):
    labels = labels_of(footprint)
    found = [
        one for window in cut(WIDTH, HEIGHT, size, overlap) for one in labels_in(labels, window)
    ]
    assert any(not one["iscrowd"] for one in found)


@given(footprint=vehicles(), size=st.tuples(st.integers(12, 140), st.integers(12, 140)))
def test_labels_lie_in_their_window(footprint, size):
    for window in cut(WIDTH, HEIGHT, size, 5):
        for one in labels_in(labels_of(footprint), window):
            x, y, width, height = one["bbox"]
            assert min(x, y) >= -1e-9
            assert min(width, height) > 0
            assert x + width <= window.width + 1e-9
            assert y + height <= window.height + 1e-9
            ring = np.array(one["segmentation"][0]).reshape(-1, 2)
            # one that is whole but for a billionth keeps its own corners
            assert np.allclose(ring.min(axis=0), (x, y), atol=1e-6)
            assert np.allclose(ring.max(axis=0), (x + width, y + height), atol=1e-6)
            assert 0 < one["area"] <= width * height + 1e-6


@given(footprint=vehicles(), overlap=st.integers(0, 11))
def test_parts_without_overlap_make_the_whole(footprint, overlap):
    windows = cut(120, 90, (60, 45), 0)
    inside = sum(one["area"] for one in labels_in(labels_of(footprint), WHOLE))
    parts = [one["area"] for window in windows for one in labels_in(labels_of(footprint), window)]
    assert len(windows) == 4
    assert math.isclose(sum(parts), inside, rel_tol=1e-6, abs_tol=75)  # slivers are left out


def test_a_whole_vehicle_keeps_its_corners_and_their_order():
    labels = labels_of(TURNED, types=("van",))
    (one,) = labels_in(labels, WHOLE)
    assert np.allclose(one["segmentation"][0], TURNED.ravel())
    assert math.isclose(one["area"], 40 * 16)
    assert (one["type"], one["iscrowd"]) == ("van", 0)
    x, y, width, height = one["bbox"]
    assert np.allclose([x, y, x + width, y + height], labels.boxes[0])


def test_a_horizontal_box_has_no_outline():
    (one,) = labels_in(boxes((10, 20, 50, 40)), WHOLE)
    assert one == {"bbox": [10, 20, 40, 20], "area": 800, "iscrowd": 0}


def test_less_than_half_of_a_vehicle_is_to_be_ignored():
    left, right = cut(120, 90, (60, 90), 0)
    labels = boxes((50, 10, 80, 20), (45, 30, 75, 40))
    assert [one["bbox"] for one in labels_in(labels, left)] == [[50, 10, 10, 10], [45, 30, 15, 10]]
    assert [one["iscrowd"] for one in labels_in(labels, left)] == [1, 0]
    assert [one["iscrowd"] for one in labels_in(labels, right)] == [0, 0]


def test_an_ignore_box_remains_one():
    (one,) = labels_in(boxes((10, 20, 50, 40), ignore=[True]), WHOLE)
    assert one["iscrowd"] == 1


def test_a_sliver_is_no_label():
    left, right = cut(120, 90, (60, 90), 0)
    labels = boxes((59.5, 10, 80, 20))
    assert labels_in(labels, left) == []
    assert len(labels_in(labels, right)) == 1


def test_no_labels():
    assert labels_in(labels_of(), WHOLE) == []
    assert sound(labels_of(), 10, 10)[1] == []


def test_unsound_labels_are_named():
    nan = TURNED.copy()
    nan[2, 1] = math.nan
    labels = labels_of(nan, TURNED, TURNED + 1000, np.tile(TURNED[0], (4, 1)), TURNED * 1e300)
    kept, wrong = sound(labels, WIDTH, HEIGHT)
    assert np.array_equal(kept.footprints, [TURNED])
    assert wrong == [
        "vehicle 1 is not finite",
        "vehicle 3 is outside of the image",
        "vehicle 4 has no area",
        "vehicle 5 is not finite",
    ]


def test_what_an_image_cuts_is_judged_once():
    half, less, sliver, corner = (
        (-20, 10, 20, 20), (-21, 30, 19, 40), (-39.5, 50, 0.5, 60), (100, 80, 138, 98)
    )  # fmt: skip
    kept, wrong = sound(boxes(half, less, sliver, corner), WIDTH, HEIGHT)
    assert kept.ignore.tolist() == [False, True, False]
    assert wrong == ["vehicle 3 shows less than a pixel of itself"]


def test_a_sliver_of_an_ignore_box_is_no_problem():
    kept, wrong = sound(boxes((-39.5, 50, 0.5, 60), ignore=[True]), WIDTH, HEIGHT)
    assert (len(kept), wrong) == (0, [])


@given(
    centre=st.tuples(st.floats(-20, WIDTH + 20), st.floats(-20, HEIGHT + 20)),
    half=st.tuples(st.floats(0.3, 25), st.floats(0.3, 6)),
    angle=st.floats(0, 360),
    ignore=st.booleans(),
)
def test_every_sound_label_of_a_whole_image_is_written(centre, half, angle, ignore):
    labels = labels_of(turned_box(centre, half, angle), ignore=[ignore])
    kept, wrong = sound(labels, WIDTH, HEIGHT)
    assert len(kept) + len(wrong) == 1 or ignore
    assert [one["iscrowd"] for one in labels_in(kept, WHOLE)] == kept.ignore.tolist()


@pytest.fixture
def record(tmp_path):
    """A PNG with a turned and a horizontal vehicle and an ignore box."""
    path = tmp_path / "one.png"
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    quads = labels_of(TURNED, *boxes((70, 5, 90, 15), (5, 70, 25, 80)).footprints)
    labels = replace(
        quads,
        oriented=np.array([True, False, False]),
        types=("car", "", ""),
        ignore=np.array([False, False, True]),
    )
    told = {"path": path, "source": "city", "scene": "north"}
    return Record("one", WIDTH, HEIGHT, 0.5, labels, partial(read_rgb, path), **told)


def test_a_whole_image_is_copied_and_read_back(record, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    writer = CocoWriter(folder)
    assert writer.add(record, "val", record.read()) == 1
    writer.finish()
    assert sorted(path.name for path in folder.iterdir()) == ["images", "val.json"]
    assert (folder / "images" / "one.png").read_bytes() == record.path.read_bytes()
    (image,) = read_coco(folder / "val.json")
    assert (image.gsd, image.source, image.scene) == (0.5, "city", "north")
    assert np.allclose(image.boxes, record.labels.boxes[:2])
    assert np.allclose(image.ignore, record.labels.boxes[2:])
    assert image.types == ("car", "")


def test_patches_are_the_pixels_of_their_windows(record, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    writer = CocoWriter(folder, (50, 40), 2.0)
    assert writer.add(record, "train", record.read()) == 9
    writer.finish()
    images = read_coco(folder / "train.json")
    windows = cut(WIDTH, HEIGHT, (50, 40), 4)
    assert len(images) == len(windows) == 9
    for image, window in zip(images, windows, strict=True):
        assert image.path.name == f"one_{window.col:05d}_{window.row:05d}.png"
        rows = slice(window.row, window.row + 40)
        expected = record.read()[rows, window.col : window.col + 50]
        assert np.array_equal(image.read(), expected)


def test_only_training_images_are_cut(record, tmp_path):
    writer = CocoWriter(tmp_path, (50, 40), 2.0)
    assert writer.add(record, "val", record.read()) == 1
    assert writer.add(replace(record, name="two"), "test", record.read()) == 1


@pytest.mark.parametrize("gsd", [1e-310, 0.05])
def test_an_overlap_beyond_the_patch(record, gsd):
    with pytest.raises(SettingsError, match="cannot overlap"):
        windows_of(replace(record, gsd=gsd), "train", (50, 40), 2.0)
    assert windows_of(replace(record, gsd=gsd), "test", (50, 40), 2.0) == (WHOLE,)


@pytest.mark.parametrize("turned", [False, True])
def test_no_image_takes_the_place_of_another(record, tmp_path, turned):
    small = np.zeros((40, 50, 3), np.uint8)
    Image.fromarray(small).save(tmp_path / "small.png")
    told = {"width": 50, "height": 40, "path": tmp_path / "small.png"}
    other = replace(record, name="ONE_00000_00000", **told)
    writer = CocoWriter(tmp_path, (50, 40), 2.0)
    pairs = [(record, record.read()), (other, small)]
    for one, pixels in reversed(pairs) if turned else pairs:
        writer.add(one, "train", pixels)
    writer.finish()
    images = read_coco(tmp_path / "train.json")
    assert len({image.path.name.lower() for image in images}) == 10
    patch, whole = (images[1], images[0]) if turned else (images[0], images[9])
    assert np.array_equal(patch.read(), record.read()[:40, :50])
    assert not whole.read().any()


def test_what_a_writer_wrote_is_known_by_it(record, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    assert foreign_files(folder) == []
    writer = CocoWriter(folder)
    writer.add(record, "val", record.read())
    writer.finish()
    assert foreign_files(folder) == []
    for name in ("images/north.tif", "test.json", "notes.txt"):
        (folder / name).write_text("{")
    assert foreign_files(folder) == ["images/north.tif", "notes.txt", "test.json"]
    content = json.loads((folder / "val.json").read_text())
    (folder / "val.json").write_text(json.dumps(content | {"info": {"year": 2020}}))
    assert "val.json" in foreign_files(folder)
    assert "images/one.png" in foreign_files(folder)


def test_a_file_that_cannot_be_copied_becomes_a_jpeg(record, tmp_path):
    writer = CocoWriter(tmp_path)
    smooth = np.full((HEIGHT, WIDTH, 3), (200, 90, 40), np.uint8)
    writer.add(replace(record, path=None), "train", smooth)
    with Image.open(tmp_path / "images" / "one.jpg") as image:
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image).astype(int) - smooth).max() < 4


def test_ids_are_unique_over_images(record, tmp_path):
    writer = CocoWriter(tmp_path)
    for name in ("one", "two"):
        writer.add(replace(record, name=name), "train", record.read())
    writer.finish()
    content = json.loads((tmp_path / "train.json").read_text())
    assert [image["id"] for image in content["images"]] == [1, 2]
    assert [one["id"] for one in content["annotations"]] == [1, 2, 3, 4, 5, 6]
    assert [one["image_id"] for one in content["annotations"]] == [1, 1, 1, 2, 2, 2]
    assert content["categories"] == [{"id": 1, "name": "vehicle"}]
