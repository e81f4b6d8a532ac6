from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.errors import DatasetError
from geovehicle.evaluation import evaluate, name_of, predict, report
from geovehicle.matching import FALSE, IGNORED, Rates
from geovehicle.metrics import Found
from geovehicle.settings import DetectSettings

CAR = [0.0, 0.0, 40.0, 20.0]


def labelled(
    boxes: list[list[float]], ignore: list[list[float]] | None = None, source: str = ""
) -> LabelledImage:
    return LabelledImage(
        path=Path("photo.png"),
        image_id=1,
        width=200,
        height=100,
        gsd=0.10,
        source=source,
        scene="",
        boxes=np.array(boxes, float).reshape(-1, 4),
        ignore=np.array(ignore or [], float).reshape(-1, 4),
    )


def found(*boxes: tuple[list[float], float]) -> Detections:
    return Detections(
        np.array([box for box, _ in boxes]),
        np.array([score for _, score in boxes]),
        np.zeros(len(boxes)),
    )


def moved(dx: float) -> list[float]:
    return [dx, 0.0, 40.0 + dx, 20.0]


def test_report_tells_sources_apart() -> None:
    images = [labelled([CAR], source="a"), labelled([CAR], source="b")]
    result = report(images, [found((CAR, 0.9)), Detections.empty()], score=0.5)
    assert result.sources["a"].ap50 == pytest.approx(1.0)
    assert result.sources["b"].rates.recall == 0
    assert result.total.rates == Rates(1, 1, 2)
    assert result.total.images == 2


def test_report_takes_its_rates_at_the_paper_s_overlap() -> None:
    # IoU of 24 / 56 is between 0.3 and 0.5
    result = report([labelled([CAR])], [found((moved(16), 0.75))], score=0.5).total
    assert (result.ap50, result.ap30) == (0.0, 1.0)
    assert result.rates == Rates(1, 1, 1)


def test_report_matches_within_images_and_leaves_out_what_is_ignored() -> None:
    images = [labelled([CAR], ignore=[[100, 0, 200, 50]]), labelled([moved(100)])]
    detections = [found((moved(100), 0.9), (moved(60), 0.8)), found((moved(100), 0.7))]
    result = report(images, detections, score=0.5)
    assert result.total.rates == Rates(1, 2, 2)
    assert result.assigned.tolist() == [IGNORED, FALSE, 1]
    assert result.detections == tuple(detections)


def test_report_has_no_groups_that_the_data_set_does_not_tell() -> None:
    result = report([labelled([CAR])], [found((CAR, 0.9))], score=0.5)
    assert set(result.groups) == {"sizes"}
    assert result.types == {}
    assert report([replace(labelled([CAR]), scene="lot")], [Detections.empty()], 0.5).groups[
        "scenes"
    ]["lot"].rates == Rates(0, 0, 1)


def test_report_tells_sizes_in_metres() -> None:
    bus = [0.0, 0.0, 30.0, 120.0]
    coarse = replace(labelled([bus]), gsd=0.2)
    images = [labelled([CAR, moved(100)]), coarse]
    sizes = report(images, [found((CAR, 0.9)), found((bus, 0.9))], score=0.5).groups["sizes"]
    assert sizes["3.5 to 6 m"].rates == Rates(1, 1, 2)
    assert sizes["from 9 m"].rates == Rates(1, 1, 1)
    assert sizes["from 9 m"].images is None


def test_report_tells_types() -> None:
    images = [replace(labelled([CAR, moved(100)]), types=("car", "bus")), labelled([CAR])]
    result = report(images, [found((CAR, 0.9)), found((CAR, 0.9))], score=0.5)
    assert result.types == {"bus": Found(0, 1), "car": Found(1, 1)}


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("vehicles-10cm", "vehicles-10cm"),
        ("runs/mine/model.safetensors", "mine"),
        ("runs/mine/best.safetensors", "mine-best"),
        ("runs/mine/first.safetensors", "first"),
    ],
)
def test_a_detector_is_called_by_its_file_or_folder(weights: str, name: str) -> None:
    assert name_of(weights) == name


def test_detections_come_back_in_the_image_s_own_pixels(tmp_path: Path) -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[20:40, 60:100] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    image = labelled([[60, 20, 100, 40]])
    image = LabelledImage(**(vars(image) | {"path": tmp_path / "photo.png", "gsd": 0.05}))
    seen = []

    def bright(patches):  # type: ignore[no-untyped-def]
        seen.extend(patch.pixels.shape for patch in patches)
        rows, columns = np.nonzero(patches[0].pixels[0] > 127)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return [found((box, 0.9))]

    (result,) = predict([image], bright, DetectSettings(), gsd=0.10)
    assert seen == [(3, 50, 100)]
    np.testing.assert_allclose(result.boxes, [[60, 20, 100, 40]])


def test_an_empty_data_set_is_told() -> None:
    with pytest.raises(DatasetError, match="no images"):
        evaluate([])


def test_average_precision_does_not_depend_on_the_score_of_the_rates() -> None:
    image = labelled([CAR, moved(100)])
    detections = found((CAR, 0.9), (moved(100), 0.02))
    low, high = (report([image], [detections], score).total for score in (0.01, 0.5))
    assert low.ap50 == high.ap50
    assert (low.rates.true, high.rates.true) == (2, 1)
