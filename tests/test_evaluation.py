from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from scipy import ndimage

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.errors import DatasetError
from geovehicle.evaluation import Comparison, choose_boxes, evaluate, name_of, predict, report
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.georeference import GeoGrid
from geovehicle.matching import FALSE, IGNORED, Rates
from geovehicle.metrics import Confusion, Found
from geovehicle.settings import RIM, DetectSettings

CAR = [0.0, 0.0, 40.0, 20.0]
BOXES, ORIENTED = Comparison("horizontal"), Comparison("oriented")


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
    result = report(images, [found((CAR, 0.9)), Detections.empty()], 0.5, "", BOXES)
    assert result.sources["a"].ap50 == pytest.approx(1.0)
    assert result.sources["b"].rates.recall == 0
    assert result.total.rates == Rates(1, 1, 2)
    assert result.total.images == 2


def test_report_takes_its_rates_at_the_paper_s_overlap() -> None:
    # IoU of 24 / 56 is between 0.3 and 0.5
    result = report([labelled([CAR])], [found((moved(16), 0.75))], 0.5, "", BOXES).total
    assert (result.ap50, result.ap30) == (0.0, 1.0)
    assert result.rates == Rates(1, 1, 1)


def test_report_matches_within_images_and_leaves_out_what_is_ignored() -> None:
    images = [labelled([CAR], ignore=[[100, 0, 200, 50]]), labelled([moved(100)])]
    detections = [found((moved(100), 0.9), (moved(60), 0.8)), found((moved(100), 0.7))]
    result = report(images, detections, 0.5, "", BOXES)
    assert result.total.rates == Rates(1, 2, 2)
    assert result.assigned.tolist() == [IGNORED, FALSE, 1]
    assert result.detections == tuple(detections)


def test_report_has_no_groups_that_the_data_set_does_not_tell() -> None:
    result = report([labelled([CAR])], [found((CAR, 0.9))], 0.5, "", BOXES)
    assert set(result.groups) == {"sizes"}
    assert result.types == {}
    placed = replace(labelled([CAR]), scene="lot")
    scenes = report([placed], [Detections.empty()], 0.5, "", BOXES).groups["scenes"]
    assert scenes["lot"].rates == Rates(0, 0, 1)


def test_report_tells_sizes_in_metres() -> None:
    bus = [0.0, 0.0, 30.0, 120.0]
    coarse = replace(labelled([bus]), gsd=0.2)
    images = [labelled([CAR, moved(100)]), coarse]
    sizes = report(images, [found((CAR, 0.9)), found((bus, 0.9))], 0.5, "", BOXES).groups["sizes"]
    assert sizes["3.5 to 6 m"].rates == Rates(1, 1, 2)
    assert sizes["from 9 m"].rates == Rates(1, 1, 1)
    assert sizes["from 9 m"].images is None


def test_report_tells_types() -> None:
    images = [replace(labelled([CAR, moved(100)]), types=("car", "bus")), labelled([CAR])]
    result = report(images, [found((CAR, 0.9)), found((CAR, 0.9))], 0.5, "", BOXES)
    assert result.types == {"bus": Found(0, 1), "car": Found(1, 1)}


def lying(*rectangles: tuple[float, float, float, float, float]) -> np.ndarray:
    """Return the footprints of rectangles: x, y, length, width, degrees."""
    return corners_of(np.array([(*four, np.radians(angle)) for *four, angle in rectangles]))


def outlined(footprints: np.ndarray, **more: object) -> LabelledImage:
    known = {"footprints": footprints, "oriented": np.ones(len(footprints), bool)}
    return replace(labelled([]), boxes=boxes_of(footprints), **known, **more)


def told(
    footprints: np.ndarray, scores: list[float], labels: list[int] | None = None
) -> Detections:
    numbers = np.array([0] * len(scores) if labels is None else labels)
    return Detections(boxes_of(footprints), np.array(scores), numbers, footprints)


def test_footprints_are_compared_on_request() -> None:
    # a neighbour in a diagonal car park: the boxes share much, the footprints nothing
    image, neighbour = outlined(lying((50, 50, 46, 18, 45))), lying((70, 50, 46, 18, 45))
    horizontal = report([image], [told(neighbour, [0.9])], 0.5, "", BOXES)
    oriented = report([image], [told(neighbour, [0.9])], 0.5, "", ORIENTED)
    assert (horizontal.boxes, horizontal.total.rates) == ("horizontal", Rates(1, 1, 1))
    assert (oriented.boxes, oriented.total.rates) == ("oriented", Rates(0, 1, 1))
    assert horizontal.footprints is None
    assert oriented.footprints is not None
    assert oriented.footprints.vehicles == 0


def test_errors_of_footprints_are_in_metres_and_degrees() -> None:
    fine = outlined(lying((50, 50, 45, 19, 30)), gsd=0.1)
    coarse = outlined(lying((50, 50, 60, 12, -80), (150, 50, 24, 10, 0)), gsd=0.2)
    detections = [
        told(lying((50, 50, 46, 19, 34)), [0.9]),
        told(lying((51, 50, 63, 12, 98), (150, 50, 24, 9, 0)), [0.9, 0.8]),
    ]
    errors = report([fine, coarse], detections, 0.5, "", ORIENTED).footprints
    assert errors is not None
    assert errors.vehicles == 3
    assert errors.turn_median == pytest.approx(2)
    assert errors.small_turns == 1
    assert (errors.length_bias, errors.length_error) == pytest.approx((0.1, 0.1))
    assert (errors.width_bias, errors.width_error) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_a_labelled_outline_may_begin_at_any_corner() -> None:
    footprint = lying((50, 50, 46, 18, 45))
    image = outlined(np.roll(footprint, 1, axis=1))
    errors = report([image], [told(footprint, [0.9])], 0.5, "", ORIENTED).footprints
    assert errors is not None
    assert errors.turn_95 == pytest.approx(0, abs=1e-6)
    assert errors.length_error == pytest.approx(0)


CUT, TURNED = (50, 50, 15, 19, 30), (50, 50, 19, 15, -60)
"""One vehicle that the edge of an image cuts: 15 along, 19 across; and named the other way."""


@pytest.mark.parametrize("one", [CUT, TURNED])
@pytest.mark.parametrize("other", [CUT, TURNED])
def test_the_length_is_the_longer_side_of_both(
    one: tuple[float, ...], other: tuple[float, ...]
) -> None:
    image, found = outlined(lying(one)), told(lying(other), [0.9])
    errors = report([image], [found], 0.5, "", ORIENTED).footprints
    assert errors is not None
    assert errors.vehicles == 1
    assert errors.turn_95 == pytest.approx(0, abs=1e-6)
    assert (errors.length_bias, errors.width_bias) == pytest.approx((0, 0), abs=1e-9)
    lengths = GeoGrid(200, 100, Affine.identity(), None, gsd=image.gsd).measure(found.footprints)
    assert lengths[0, :2] == pytest.approx((1.9, 1.5))  # as in layers


def test_a_cut_vehicle_that_is_told_too_long_has_a_bias_of_its_longer_side() -> None:
    image, found = outlined(lying(TURNED)), told(lying((50, 50, 15, 22, 30)), [0.9])
    errors = report([image], [found], 0.5, "", ORIENTED).footprints
    assert errors is not None
    assert (errors.length_bias, errors.width_bias) == pytest.approx((0.3, 0), abs=1e-9)


def test_an_oriented_detector_may_find_nothing() -> None:
    images = [outlined(lying((50, 50, 46, 18, 45))), labelled([])]
    nothing = report(images, [Detections.empty()] * 2, 0.5, "", ORIENTED)
    assert (nothing.boxes, nothing.footprints) == ("oriented", None)
    assert (nothing.total.rates, nothing.total.ap50) == (Rates(0, 0, 1), 0)
    assert nothing.groups["sizes"]["3.5 to 6 m"].rates == Rates(0, 0, 1)
    # of one image nothing, of the other a false one
    false = told(lying((50, 50, 46, 18, 0)), [0.9])
    one = report(images, [Detections.empty(), false], 0.5, "", ORIENTED)
    assert one.total.rates == Rates(0, 1, 1)
    assert one.footprints is not None
    assert one.footprints.vehicles == 0


def test_a_detector_of_boxes_has_no_errors_of_footprints() -> None:
    image = outlined(lying((50, 50, 46, 18, 45)))
    result = report([image], [found((list(image.boxes[0]), 0.9))], 0.5, "", ORIENTED)
    assert result.footprints is None
    assert result.total.ap30 == pytest.approx(1.0)  # 46 * 18 of a box of 45 * 45


def test_labels_that_are_boxes_are_none_of_the_footprints_that_are_compared() -> None:
    image = replace(outlined(lying((50, 50, 46, 18, 40))), oriented=np.array([False]))
    result = report([image], [told(image.footprints, [0.9])], 0.5, "", ORIENTED)
    assert result.total.rates == Rates(1, 1, 1)
    assert result.footprints is not None
    assert result.footprints.vehicles == 0


def test_a_size_is_that_of_what_is_compared() -> None:
    bus = lying((60, 60, 100, 25, 45))  # its box is 8.8 m long
    sizes = {}
    for boxes in ("oriented", "horizontal"):
        result = report([outlined(bus)], [told(bus, [0.9])], 0.5, "", Comparison(boxes))
        sizes[boxes] = result.groups["sizes"]
    assert sizes["oriented"]["from 9 m"].rates == Rates(1, 1, 1)
    assert sizes["horizontal"]["6 to 9 m"].rates == Rates(1, 1, 1)


def test_types_are_compared_where_both_tell_them() -> None:
    images = [replace(labelled([CAR, moved(100)]), types=("car", "bus")), labelled([CAR])]
    detections = [
        replace(found((CAR, 0.9), (moved(100), 0.8)), labels=np.array([0, 1])),
        found((CAR, 0.9)),
    ]
    types = Comparison("horizontal", ("car", "van"))
    result = report(images, detections, 0.5, "", types)
    assert result.labels == ("car", "van")
    assert result.confusion == Confusion(("car", "van", "bus"), ((1, 0, 0), (0, 0, 0), (0, 1, 0)))
    one = Comparison("horizontal", ("vehicle",))
    assert report(images, detections, 0.5, "", one).confusion is None
    plain = [replace(image, types=()) for image in images]
    assert report(plain, detections, 0.5, "", types).confusion is None


@pytest.fixture
def oriented_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every detector tell footprints, but for one that is called hog."""

    def describe(weights: str) -> SimpleNamespace:
        config = SimpleNamespace() if weights == "hog" else SimpleNamespace(oriented=True)
        return SimpleNamespace(config=config)

    monkeypatch.setattr("geovehicle.evaluation.describe", describe)


@pytest.mark.usefixtures("oriented_weights")
def test_footprints_are_compared_where_labels_and_detectors_have_them() -> None:
    image = outlined(lying(*[(50, 50, 46, 18, 45)] * 10))
    nearly = replace(image, oriented=np.arange(10) > 0)
    partly = replace(image, oriented=np.arange(10) > 1)
    assert choose_boxes([image], ["mine"]) == "oriented"
    assert choose_boxes([nearly, labelled([])], ["mine"]) == "oriented"
    assert choose_boxes([partly], ["mine"]) == "horizontal"
    assert choose_boxes([labelled([CAR])], ["mine"]) == "horizontal"
    assert choose_boxes([labelled([])], ["mine"]) == "horizontal"
    assert choose_boxes([image], ["mine", "hog"]) == "horizontal"


@pytest.mark.usefixtures("oriented_weights")
def test_what_is_asked_for_is_compared_if_there_is_any() -> None:
    image = outlined(lying((50, 50, 46, 18, 45)))
    assert choose_boxes([image], ["mine"], "horizontal") == "horizontal"
    assert choose_boxes([image, labelled([CAR])], ["hog"], "oriented") == "oriented"
    with pytest.raises(DatasetError, match="no vehicle of the data set has a footprint"):
        choose_boxes([labelled([CAR])], ["mine"], "oriented")


def test_evaluate_compares_what_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    footprint = lying((50, 50, 46, 18, 45))
    info = SimpleNamespace(
        gsd=0.1, finest_gsd=0.1, config=SimpleNamespace(oriented=True, score_threshold=0.5)
    )
    detector = SimpleNamespace(info=info, labels=("car", "bus"))
    monkeypatch.setattr("geovehicle.evaluation.describe", lambda _: info)
    monkeypatch.setattr("geovehicle.evaluation.load_detector", lambda *_: detector)
    monkeypatch.setattr("geovehicle.evaluation.predict", lambda *_: [told(footprint, [0.9], [1])])
    images = [outlined(footprint, types=("car",))]
    result = evaluate(images, "mine")
    assert (result.boxes, result.labels) == ("oriented", ("car", "bus"))
    assert result.confusion == Confusion(("car", "bus"), ((0, 1), (0, 0)))
    assert evaluate(images, "mine", boxes="horizontal").boxes == "horizontal"


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
        parts, _ = ndimage.label(patches[0].pixels[0] > 127)
        rows, columns = ndimage.find_objects(parts)[-1]  # the first is the mirror image
        box = [columns.start, rows.start, columns.stop, rows.stop]
        one = found((box, 0.9))
        return [replace(one, footprints=one.outlines)]

    (result,) = predict([image], bright, DetectSettings(), gsds=(0.10, 0.10))
    assert seen == [(3, 50 + 2 * RIM, 100 + 2 * RIM)]
    np.testing.assert_allclose(result.boxes, [[60, 20, 100, 40]])
    np.testing.assert_allclose(boxes_of(result.footprints), [[60, 20, 100, 40]])


@pytest.mark.parametrize(
    ("gsd", "width"), [(0.05, 125), (0.077, 200), (0.08, 200), (0.1, 200), (0.104, 200), (0.2, 400)]
)
def test_images_between_two_resolutions_keep_their_pixels(
    tmp_path: Path, gsd: float, width: int
) -> None:
    Image.fromarray(np.full((100, 200, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    image = replace(labelled([]), path=tmp_path / "photo.png", width=200, height=100, gsd=gsd)
    seen = []

    def blind(patches):  # type: ignore[no-untyped-def]
        seen.extend(patch.pixels.shape[2] - 2 * RIM for patch in patches)
        return [Detections.empty() for _ in patches]

    predict([image], blind, DetectSettings(), gsds=(0.08, 0.10))
    assert seen == [width]


def test_an_image_without_ground_is_named(tmp_path: Path) -> None:
    image = replace(labelled([]), path=tmp_path / "photo.png", width=200, height=100, gsd=1e-5)
    with pytest.raises(DatasetError, match=r"photo\.png: .*0\.02 x 0\.01 pixels of 0\.1 m"):
        predict([image], lambda patches: [], DetectSettings(), gsds=(0.10, 0.10))


def test_patches_of_an_image_go_through_the_detector_in_batches(tmp_path: Path) -> None:
    Image.fromarray(np.full((300, 600, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    image = replace(labelled([]), path=tmp_path / "photo.png", width=600, height=300)
    batches = []

    def blind(patches):  # type: ignore[no-untyped-def]
        batches.append(len(patches))
        return [Detections.empty() for _ in patches]

    predict([image], blind, DetectSettings(patch=256, overlap=2.0, batch=3), gsds=(0.10, 0.10))
    assert max(batches) == 3


def test_an_empty_data_set_is_told() -> None:
    with pytest.raises(DatasetError, match="no images"):
        evaluate([])


def test_average_precision_does_not_depend_on_the_score_of_the_rates() -> None:
    image = labelled([CAR, moved(100)])
    detections = found((CAR, 0.9), (moved(100), 0.02))
    low, high = (report([image], [detections], score, "", BOXES).total for score in (0.01, 0.5))
    assert low.ap50 == high.ap50
    assert (low.rates.true, high.rates.true) == (2, 1)
