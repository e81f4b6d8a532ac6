from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from geovehicle.data.coco import read_coco

PUBLISHED = (("Training", 135, 23_543), ("Testing", 38, 5_545))
SIZE = (96, 80)


def write_twin(root, parts, start=100):
    """Write a data set in ITCVD's layout with these parts, images and vehicles."""
    rng = np.random.default_rng(0)
    number = start
    for part, images, vehicles in parts:
        for folder in ("Image", "GT"):
            (root / part / folder).mkdir(parents=True)
        for count in np.diff(np.linspace(0, vehicles, images + 1).round().astype(int)):
            stem = f"{number:05d}"
            number += 1 if number % 23 else 7  # the numbers have gaps
            corner = rng.integers(0, (SIZE[0] - 10, SIZE[1] - 6), (count, 2))
            rows = np.hstack([corner, corner + rng.integers(4, 6, (count, 2)), corner * 0])
            savemat(root / part / "GT" / f"{stem}.mat", {f"x{stem}": rows.astype(np.uint16)})
            pixels = rng.integers(0, 256, (*SIZE[::-1], 3), np.uint8)
            Image.fromarray(pixels).save(root / part / "Image" / f"{stem}.jpg")
    return root


@pytest.fixture
def twin(tmp_path):
    return write_twin(tmp_path / "set", (("Training", 10, 40), ("Testing", 2, 6)))


def test_the_table_and_what_was_published(run, twin, tmp_path):
    result = run("convert", "itcvd", twin, tmp_path / "out", "--no-patches")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert [line.split() for line in lines[:6]] == [
        ["part", "images", "vehicles", "ignored", "files"],
        ["train", "6", "24", "0", "6"],
        ["val", "2", "8", "0", "2"],
        ["test", "2", "6", "0", "2"],
        ["between", "2", "8", "0", "0"],
        ["total", "12", "46", "0", "10"],
    ]
    assert len({len(line) for line in lines[:6]}) == 1
    assert lines[6].startswith("between: images that overlap")
    assert lines[7].startswith("Training: 10 images with 40 vehicles; published are 135")
    assert lines[8].startswith("Testing: 2 images with 6 vehicles; published are 38")


def test_bad_records_are_named_line_by_line(run, twin, tmp_path):
    (twin / "Training" / "GT" / "00101.mat").unlink()
    (twin / "Training" / "Image" / "00102.jpg").write_bytes(b"no picture")
    result = run("convert", "itcvd", twin, tmp_path / "out", "--val-share", 0)
    assert result.exit_code == 0
    first, second, last = result.stderr.splitlines()
    assert first.startswith("problem: Training/Image/00101.jpg: ")
    assert second.startswith("problem: Training/Image/00102.jpg: ")
    assert last == "2 problems, named above"
    assert "2 images fewer" not in result.stdout
    assert "127 images fewer" in result.stdout
    strictly = run("convert", "itcvd", twin, tmp_path / "strict", "--strict")
    assert strictly.exit_code == 3
    assert "2 records" in strictly.stderr.splitlines()[-1]
    assert not (tmp_path / "strict").exists()


def test_json_is_a_summary_and_events(run, twin, tmp_path):
    (twin / "Training" / "GT" / "00101.mat").unlink()
    result = run("convert", "itcvd", twin, tmp_path / "out", "--no-patches", "--json")
    (summary,) = map(json.loads, result.stdout.splitlines())
    assert summary["problems"] == 1
    assert summary["output"] == str(tmp_path / "out")
    assert summary["parts"]["test"] == {"images": 2, "vehicles": 6, "ignored": 0, "files": 2}
    events = [json.loads(line) for line in result.stderr.splitlines()]
    (problem,) = (one for one in events if one["event"] == "problem")
    assert problem["message"].startswith("Training/Image/00101.jpg: ")
    last = [one for one in events if one["event"] == "progress"][-1]
    assert last["done"] == last["total"]


def test_an_existing_folder(run, twin, tmp_path):
    assert run("convert", "itcvd", twin, tmp_path / "out").exit_code == 0
    assert run("convert", "itcvd", twin, tmp_path / "out").exit_code == 4
    assert run("convert", "itcvd", twin, tmp_path / "out", "--overwrite").exit_code == 0


def test_a_name_that_is_no_text_is_one_line(run, dataset, tmp_path):
    content = json.loads(dataset.read_text())
    content["images"][0]["source"] = "\ud800"
    dataset.write_text(json.dumps(content))
    result = run("convert", "coco", dataset, tmp_path / "out", "--gsd", 0.2)
    assert result.exit_code == 0
    assert result.stderr.startswith("problem: a: its name, source or scene is no Unicode text")


def test_an_orthophoto_in_the_folder_to_replace_stays(run, tmp_path):
    ortho = tmp_path / "out" / "images" / "north.tif"
    ortho.parent.mkdir(parents=True)
    ortho.touch()
    (tmp_path / "one.gpkg").touch()
    how = ("--raster", ortho, "--overwrite")
    result = run("convert", "vectors", tmp_path / "one.gpkg", tmp_path / "out", *how)
    assert result.exit_code == 4
    assert "north.tif lies in" in result.stderr
    assert ortho.exists()


def test_coco_is_normalised(run, dataset, tmp_path):
    result = run("convert", "coco", dataset, tmp_path / "out", "--gsd", 0.2, "--val-share", 0)
    assert result.exit_code == 0
    assert [image.gsd for image in read_coco(tmp_path / "out" / "train.json")] == [0.1, 0.2]
    assert "published" not in result.stdout


def test_an_unknown_format(run, tmp_path):
    result = run("convert", "kitti", tmp_path, tmp_path / "out")
    assert result.exit_code == 2
    assert "'kitti' is not one of 'itcvd'" in result.stderr


@pytest.mark.parametrize(
    "data_format", ["itcvd", "dlr3k", "vedai", "dota", "yolo", "voc", "coco", "vectors"]
)
def test_nothing_of_the_format(run, tmp_path, data_format):
    (tmp_path / "empty").mkdir()
    for source in ("empty", "missing"):
        result = run("convert", data_format, tmp_path / source, tmp_path / "out")
        assert result.exit_code == 3
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_the_whole_way_with_the_published_counts(run, weights, tmp_path):
    write_twin(tmp_path / "ITC_VD_Training_Testing_set", PUBLISHED)
    data = tmp_path / "itcvd"
    result = run("convert", "itcvd", tmp_path, data, "--no-patches", "--val-share", 0.02)
    assert result.stderr == ""
    assert "Training: 135 images with 23,543 vehicles, as published" in result.stdout
    assert "Testing: 38 images with 5,545 vehicles, as published" in result.stdout
    assert len(read_coco(data / "test.json")) == 38
    assert sum(len(image.boxes) for image in read_coco(data / "test.json")) == 5_545
    assert len(read_coco(data / "val.json")) == 3

    checkpoint = tmp_path / "run" / "model.safetensors"
    result = run(
        "train", data / "train.json", "-o", checkpoint.parent, "--iterations", 2, "--crop", 64,
        "--batch", 1, "--workers", 0, "--device", "cpu", "--weights", weights,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert checkpoint.is_file()

    result = run("evaluate", data / "val.json", "--weights", checkpoint, "--device", "cpu")
    assert result.exit_code == 0, result.output
    vehicles = sum(len(image.boxes) for image in read_coco(data / "val.json"))
    assert str(vehicles) in result.stdout.replace(",", "").split()


def test_patches_of_a_converted_set_are_sound(run, twin, tmp_path):
    run("convert", "itcvd", twin, tmp_path / "out", "--patch", "48,40", "--overlap", 1)
    assert {image.width for image in read_coco(tmp_path / "out" / "test.json")} == {SIZE[0]}
    content = json.loads((tmp_path / "out" / "train.json").read_text())
    assert {(image["width"], image["height"]) for image in content["images"]} == {(48, 40)}
    assert {one["iscrowd"] for one in content["annotations"]} == {0, 1}
