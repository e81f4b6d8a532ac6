"""An evaluation that needs no detector: two images, three vehicles, known detections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.evaluation import Comparison, report
from geovehicle.export.report import Evaluation
from geovehicle.footprints import boxes_of, corners_of

if TYPE_CHECKING:
    from pathlib import Path

GROUND = (40, 60, 80)
CAR, BUS = [20.0, 30.0, 60.0, 50.0], [60.0, 60.0, 180.0, 90.0]
IGNORED, NOWHERE = [150.0, 10.0, 190.0, 30.0], [100.0, 20.0, 140.0, 40.0]


@pytest.fixture
def images(tmp_path: Path) -> list[LabelledImage]:
    """Return two plain images of 200 x 100 pixels; the first has an ignore box."""
    plain = Image.new("RGB", (200, 100), GROUND)
    made = []
    for number, (boxes, ignore) in enumerate((([CAR, BUS], [IGNORED]), ([CAR], [])), start=1):
        path = tmp_path / f"photo_{number}.png"
        plain.save(path)
        arrays = [np.array(part, float).reshape(-1, 4) for part in (boxes, ignore)]
        made.append(
            LabelledImage(path, 10 * number, 200, 100, 0.1, f"flight {number}", "", *arrays)
        )
    return made


@pytest.fixture
def detections() -> list[Detections]:
    """Return a car and a false detection for the first image, a car for the second."""
    first = Detections(np.array([CAR, NOWHERE]), np.array([0.75, 0.875]), np.zeros(2))
    second = Detections(np.array([CAR]), np.array([0.625]), np.zeros(1))
    return [first, second]


@pytest.fixture
def evaluation(images: list[LabelledImage], detections: list[Detections]) -> Evaluation:
    """Return one detector with those detections, at a score of 0.5."""
    plain = report(images, detections, 0.5, "mine", Comparison("horizontal"))
    return Evaluation("labels.json", [plain], images)


@pytest.fixture
def comparison(evaluation: Evaluation) -> Evaluation:
    """Return two detectors that find the same."""
    (one,) = evaluation.reports
    return replace(evaluation, reports=[one, replace(one, name="other")])


@pytest.fixture
def oriented(images: list[LabelledImage]) -> Evaluation:
    """Return a detector that tells footprints and types: a car of two, and a false one."""
    lying = corners_of(np.array([[50.0, 45, 40, 16, 0.6], [130, 60, 40, 16, 0.6]]))
    off = corners_of(np.array([[50.0, 45, 41, 16, 0.7], [100, 30, 50, 20, -0.6]]))
    image = replace(
        images[0],
        boxes=boxes_of(lying),
        types=("car", "van"),
        footprints=lying,
        oriented=np.ones(2, bool),
    )
    found = Detections(boxes_of(off), np.array([0.75, 0.875]), np.array([1, 0]), off)
    comparison = Comparison("oriented", ("car", "van"))
    return Evaluation("labels.json", [report([image], [found], 0.5, "mine", comparison)], [image])
