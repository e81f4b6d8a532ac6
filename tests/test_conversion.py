from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from geovehicle.conversion import READERS, PartCount, Progress, convert
from geovehicle.data.coco import read_coco
from geovehicle.data.pictures import read_rgb
from geovehicle.data.records import Labels, Note, Problem, Record
from geovehicle.errors import DatasetError, OutputError, SettingsError
from geovehicle.settings import ConvertSettings, FormatName

SIZE = (60, 40)
BOXES = np.array([[5.0, 5.0, 25.0, 15.0], [30.0, 20.0, 40.0, 38.0]])


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a record of a real JPEG."""
    (tmp_path / "source").mkdir()

    def record(name="a", boxes=BOXES, **how):
        path = tmp_path / "source" / f"{how.pop('file', name)}.jpg"
        if not path.exists():
            noise = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
            Image.fromarray(noise).save(path)
        labels = Labels.of_boxes(boxes, ("",) * len(boxes), np.zeros(len(boxes), bool))
        told = {"gsd": 0.1, "scene": name, "path": path} | how
        return Record(name, *SIZE, labels=labels, read=partial(read_rgb, path), **told)

    return record


@pytest.fixture
def go(monkeypatch, tmp_path):
    """Return a function that converts what a reader is made to say."""

    def run(items, *, data_format="yolo", target="out", **how):
        reader = f"geovehicle.data.{data_format}", f"read_{data_format}"
        monkeypatch.setitem(READERS, data_format, ("types", "read"))
        monkeypatch.setattr("types.read", lambda *_: iter(items), raising=False)
        events = []
        settings = ConvertSettings(**how)
        try:
            report = convert(
                data_format, tmp_path / "source", tmp_path / target, settings, events.append
            )
        finally:
            monkeypatch.setitem(READERS, data_format, reader)
        return report, events

    return run


def problems(events):
    return [str(one) for one in events if type(one) is Problem]


def test_every_format_has_its_reader():
    from typing import get_args

    assert set(READERS) == set(get_args(FormatName))


def test_parts_are_written_and_read_back(go, make, tmp_path):
    items = [make(f"{index}") for index in range(4)] + [make("t", split="test")]
    report, events = go(items, val_share=0.25)
    assert report.parts["train"] == PartCount(3, 6, 0, 3)
    assert report.parts["val"] == PartCount(1, 2, 0, 1)
    assert report.parts["test"] == PartCount(1, 2, 0, 1)
    assert report.of("train", "val") == PartCount(4, 8, 0, 4)
    assert report.problems == 0
    assert events[-1] == Progress(5, 5)
    for part, count in (("train", 3), ("val", 1), ("test", 1)):
        images = read_coco(tmp_path / "out" / f"{part}.json")
        assert len(images) == count
        assert all(np.array_equal(image.boxes, BOXES) for image in images)
        assert all(image.read().shape == (40, 60, 3) for image in images)
    assert len(list((tmp_path / "out" / "images").iterdir())) == 5


def test_the_same_again(go, make, tmp_path):
    items = [make(f"{index}") for index in range(6)]
    go(items, target="one", val_share=0.3)
    go(items, target="two", val_share=0.3)
    for name in ("train.json", "val.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_images_between_the_parts_are_counted_and_not_written(go, make, tmp_path):
    items = [make(f"{index}", scene="north", position=index) for index in range(10)]
    report, _ = go(items, val_share=0.2)
    assert {part: count.images for part, count in report.parts.items()} == {
        "train": 6, "between": 2, "val": 2
    }  # fmt: skip
    assert report.parts["between"].files == 0
    assert len(list((tmp_path / "out" / "images").iterdir())) == 8


def test_patches_on_request(go, make, tmp_path):
    report, _ = go([make()], patch=(32, 24), overlap=0.4)
    assert report.parts["train"] == PartCount(1, 2, 0, 4)
    assert {(one.width, one.height) for one in read_coco(tmp_path / "out" / "train.json")} == {
        (32, 24)
    }


def test_itcvd_is_cut_into_the_paper_s_patches(go, make, tmp_path):
    path = tmp_path / "source" / "large.png"
    Image.new("RGB", (1000, 800)).save(path)
    labels = Labels.of_boxes(BOXES, ("", ""), np.zeros(2, bool))
    large = Record("large", 1000, 800, 0.1, labels, partial(read_rgb, path), path)
    report, _ = go([large], data_format="itcvd")
    assert report.parts["train"].files == 4
    sizes = {(one.width, one.height) for one in read_coco(tmp_path / "out" / "train.json")}
    assert sizes == {(752, 674)}
    report, _ = go([large], data_format="itcvd", target="whole", no_patches=True)
    assert report.parts["train"].files == 1
    report, _ = go([large, replace(large, name="b", split="test")], data_format="itcvd", target="b")
    assert report.parts["test"] == PartCount(1, 2, 0, 1)


def test_a_ground_sampling_distance_that_fits_no_patch(go, make):
    told = [
        make("a"),
        make("b", gsd=1e-310),
        make("c", gsd=0.005),
        make("t", gsd=0.005, split="test"),
    ]
    report, events = go(told, patch=(32, 24), overlap=0.4, val_share=0)
    assert {part: count.images for part, count in report.parts.items()} == {"train": 1, "test": 1}
    tiny, fine = problems(events)
    assert tiny.startswith("b: at 1e-310 m a pixel, patches of 32 pixels cannot overlap")
    assert fine.startswith("c: at 0.005 m a pixel, patches of 32 pixels cannot overlap by 80;")


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"patch": (32,)}, "width and height"),
        ({"patch": (32, 0)}, "width and height"),
        ({"patch": (32, 24), "no_patches": True}, "leave out one"),
    ],
)
def test_patches_that_are_not_possible(go, make, tmp_path, how, match):
    with pytest.raises(SettingsError, match=match):
        go([make()], **how)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("gsd", [10.0, 0.0, -0.1, math.inf])
def test_a_ground_sampling_distance_that_no_data_set_may_have(go, make, gsd):
    report, events = go([make("a", gsd=gsd), make("b")])
    assert problems(events) == [f"a: its ground sampling distance is {gsd:g} m; is it in metres?"]
    assert sum(count.images for count in report.parts.values()) == 1


def test_the_ground_sampling_distance_is_filled_in_or_asked_for(go, make, tmp_path):
    items = [make("a", gsd=math.nan), make("b", gsd=0.2)]
    report, events = go(items, target="asked")
    assert problems(events) == ["a: its ground sampling distance is not known; add --gsd"]
    assert report.problems == 1
    go(items, gsd=0.3, val_share=0)
    assert [one.gsd for one in read_coco(tmp_path / "out" / "train.json")] == [0.3, 0.2]


def test_bad_records_are_told_of_and_left_out(go, make, tmp_path):
    broken = make("broken")
    broken.path.write_bytes(broken.path.read_bytes()[:700])
    wrong_size = make("large")
    Image.new("RGB", (10, 10)).save(wrong_size.path)
    outside = np.array([[5.0, 5.0, 25.0, 15.0], [70.0, 5.0, 90.0, 15.0]])
    items = [
        Problem("x.txt", "is bad"),
        broken,
        wrong_size,
        make("good"),
        make("good", file="other"),
        make("up/down", file="flat"),
        make("outside", outside),
        Note("set", "is small"),
    ]
    report, events = go(items, val_share=0)
    assert report.parts == {"train": PartCount(2, 3, 0, 2)}
    told = problems(events)
    assert report.problems == len(told) == 6
    assert told[0] == "x.txt: is bad"
    for part in (
        "broken: ",
        "large: it is 10 x 10 pixels, its labels say 60 x 40",
        "good: another image has this name",
        "up/down: this name cannot be that of a file",
        "outside: vehicle 2 is outside of the image; it is left out",
    ):
        assert len([one for one in told if one.startswith(part)]) == 1
    assert Note("set", "is small") in events
    assert [one.path.name for one in read_coco(tmp_path / "out" / "train.json")] == [
        "good.jpg", "outside.jpg"
    ]  # fmt: skip


def test_nothing_remains(go, tmp_path):
    with pytest.raises(DatasetError, match="no image that can be used; the first problem: a: b"):
        go([Problem("a", "b")])
    assert not (tmp_path / "out").exists()


def test_a_source_that_cannot_be_read(go, tmp_path):
    def locked():
        raise PermissionError(13, "Permission denied")
        yield

    with pytest.raises(DatasetError, match="source cannot be read: Permission denied"):
        go(locked())


def test_strictly(go, make, tmp_path):
    items = [make("a"), Problem("b", "is bad")]
    with pytest.raises(DatasetError, match=r"1 records .* nothing was written.*b: is bad"):
        go(items, strict=True)
    assert not (tmp_path / "out").exists()
    go([make("a"), Note("b", "is small")], strict=True)
    assert (tmp_path / "out").exists()


def test_only_some(go, make, tmp_path):
    (tmp_path / "list.txt").write_text("b\n\n c \nz\n")
    items = [make(name) for name in "abc"]
    report, events = go(items, only=str(tmp_path / "list.txt"), val_share=0)
    assert report.parts["train"].images == 2
    assert problems(events) == [
        f"{tmp_path / 'list.txt'}: there is no usable image z in the data set"
    ]
    with pytest.raises(DatasetError, match="list of names"):
        go(items, target="other", only=str(tmp_path / "missing.txt"))


def test_problems_of_images_that_are_not_listed(go, make, tmp_path):
    (tmp_path / "list.txt").write_text("b\nval_d\n")
    elsewhere = [Problem("GT/a.mat, row 3", "is bad"), Problem("up/a.JPG", "is bad"), make("c")]
    items = [*elsewhere, make("b"), make("val_d"), make("bad", gsd=math.nan)]
    how = {"only": str(tmp_path / "list.txt"), "strict": True}
    _, events = go(items, **how)
    assert problems(events) == []
    for where in ("GT/b.mat", "d.jpg", "labels.json, image 3", "a.txt, line 2"):
        with pytest.raises(DatasetError, match=f"1 records .*{where}: is bad"):
            go([*items, Problem(where, "is bad")], target="other", **how)


@pytest.mark.parametrize(
    "how", [{"source": "\ud800"}, {"scene": "\udcdf"}, {"name": "stra\udcdfe"}]
)
def test_what_is_no_text_is_a_problem(go, make, how):
    record = replace(make("b"), **how)
    report, events = go([make("a"), record], val_share=0)
    assert report.parts["train"].images == 1
    assert [one.where for one in events if type(one) is Problem] == [record.name]
    assert "no Unicode text" in problems(events)[0]


def test_the_table_counts_what_is_written(go, make, tmp_path):
    cut = np.array([[-15.0, 5.0, 5.0, 15.0], [-5.0, 5.0, 15.0, 15.0], [-9.5, 20.0, 0.5, 30.0]])
    report, events = go([make("a", cut)])
    assert report.parts["train"] == PartCount(1, 1, 1, 1)
    assert problems(events) == ["a: vehicle 3 shows less than a pixel of itself; it is left out"]
    (image,) = read_coco(tmp_path / "out" / "train.json")
    assert (len(image.boxes), len(image.ignore)) == (1, 1)


def test_too_few_places_for_validation_are_told_of(go, make):
    report, events = go([make()])
    assert set(report.parts) == {"train"}
    assert any(isinstance(one, Note) and "too few places" in one.what for one in events)
    _, events = go([make()], target="asked", val_share=0)
    assert not any(isinstance(one, Note) for one in events)


def test_an_older_result_is_replaced_on_request_only(go, make, tmp_path):
    go([make("old")])
    with pytest.raises(OutputError, match="--overwrite"):
        go([make("new")])
    assert (tmp_path / "out" / "images" / "old.jpg").exists()
    go([make("new")], overwrite=True)
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == ["new.jpg"]


def test_a_failure_leaves_the_older_result(go, make, tmp_path):
    go([make("old")])
    before = (tmp_path / "out" / "train.json").read_bytes()
    with pytest.raises(DatasetError):
        go([make("new"), Problem("b", "is bad")], strict=True, overwrite=True)
    assert (tmp_path / "out" / "train.json").read_bytes() == before
    assert (tmp_path / "out" / "images" / "old.jpg").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_a_folder_with_other_things_is_not_replaced(go, make, tmp_path):
    go([make("old")])
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\.tex, which no conversion wrote"):
        go([make("new")], overwrite=True)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


def test_the_source_is_not_replaced(tmp_path, make):
    (tmp_path / "set" / "images").mkdir(parents=True)
    Image.new("RGB", SIZE).save(tmp_path / "set" / "images" / "a.png")
    image = {"id": 1, "file_name": "a.png", "width": 60, "height": 40, "gsd": 0.1}
    source = tmp_path / "set" / "train.json"
    source.write_text(json.dumps({"images": [image], "annotations": []}))
    for one in (source, source.parent):
        with pytest.raises(OutputError, match="lies in"):
            convert("coco", one, source.parent, ConvertSettings(overwrite=True))
    assert source.exists()


def test_a_set_made_by_hand_is_not_replaced(go, make, tmp_path):
    (tmp_path / "out" / "images").mkdir(parents=True)
    (tmp_path / "out" / "images" / "mine.png").touch()
    content = {"images": [{"id": 1, "file_name": "mine.png"}], "annotations": []}
    (tmp_path / "out" / "train.json").write_text(json.dumps(content))
    with pytest.raises(OutputError, match="which no conversion wrote"):
        go([make()], overwrite=True)
    assert (tmp_path / "out" / "images" / "mine.png").exists()


def test_nothing_that_is_read_is_replaced(go, make, tmp_path):
    go([make("old")])
    inside = tmp_path / "out" / "images" / "old.jpg"
    (tmp_path / "link.jpg").symlink_to(inside)
    for how in ({"raster": (str(inside),)}, {"only": str(inside)}):
        with pytest.raises(OutputError, match="lies in"):
            go([make("new")], overwrite=True, **how)
    with pytest.raises(OutputError, match="lies in"):
        go([make("new"), make("b", path=tmp_path / "link.jpg")], overwrite=True)
    assert inside.exists()


def test_places_that_cannot_be(go, make, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is no folder"):
        go([make()], target="file", overwrite=True)
    with pytest.raises(OutputError, match="there is no folder"):
        go([make()], target="missing/out")
