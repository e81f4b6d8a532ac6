from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.errors import OutputError
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.learning.pictures import FOUND, LABELLED, draw_validation, save_pictures

if TYPE_CHECKING:
    from pathlib import Path


def photo(path: Path, width: int, height: int) -> LabelledImage:
    Image.new("RGB", (width, height), (9, 9, 9)).save(path)
    boxes = np.array([[width - 50.0, height - 40.0, width - 20.0, height - 20.0]])
    return LabelledImage(path, 1, width, height, 0.1, "", "", boxes, np.empty((0, 4)))


def detections(*boxes: list[float]) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes).reshape(-1, 4), np.full(count, 0.9), np.zeros(count, np.int64)
    )


def test_labels_and_detections_are_outlined(tmp_path: Path) -> None:
    image = photo(tmp_path / "a.png", 90, 60)
    picture = draw_validation(image, detections([5.0, 5.0, 25.0, 15.0], [1.0, 1.0, 2.0, 2.0]))
    assert picture.shape == (60, 90, 3)
    assert tuple(picture[20, 50]) == LABELLED
    assert tuple(picture[7, 15]) == FOUND
    assert tuple(picture[30, 60]) == (9, 9, 9)


def test_footprints_are_drawn_where_they_are_known(tmp_path: Path) -> None:
    image = photo(tmp_path / "a.png", 90, 60)
    labelled = corners_of(np.array([[30.0, 30, 36, 16, np.pi / 4]]))
    found = corners_of(np.array([[65.0, 30, 36, 16, np.pi / 4]]))
    image = replace(
        image, boxes=boxes_of(labelled), footprints=labelled, oriented=np.ones(1, np.bool_)
    )
    one = Detections(boxes_of(found), np.ones(1), np.zeros(1), found)
    picture = draw_validation(image, one)
    for x, colour, offset in ((30, LABELLED, 0), (65, FOUND, 2)):
        drawn = (picture == colour).all(axis=-1)
        columns, rows = np.nonzero(drawn)[::-1]
        assert abs(columns.mean() + 0.5 - x) < 1
        assert abs(rows.mean() + 0.5 - 30) < 1
        along = (columns + 0.5 - x + rows + 0.5 - 30) / np.sqrt(2)
        assert abs(np.abs(along).max() - (18 - offset)) < 1.5


def test_of_a_large_image_the_part_with_a_label_is_shown(tmp_path: Path) -> None:
    picture = draw_validation(photo(tmp_path / "a.png", 2000, 900), detections())
    assert picture.shape == (800, 800, 3)
    assert tuple(picture[760, 760]) == LABELLED


def test_a_few_images_from_all_over_the_list(tmp_path: Path) -> None:
    images = [photo(tmp_path / f"{index}.png", 60 + index, 60) for index in range(7)]
    drawn = save_pictures(tmp_path / "out", images, [detections()] * 7)
    assert {name: picture.shape[1] for name, picture in drawn.items()} == {
        "1": 60, "4": 63, "7": 66,
    }  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "4.png", "7.png"]
    bare = replace(images[0], boxes=np.empty((0, 4)))
    assert list(save_pictures(tmp_path / "out", [bare], [detections()])) == ["1"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    image = photo(tmp_path / "a.png", 60, 60)
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match=r"cannot write .*out: File exists"):
        save_pictures(tmp_path / "out", [image], [detections()])
