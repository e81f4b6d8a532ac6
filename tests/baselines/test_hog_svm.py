from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from geovehicle.baselines import HOG_SVM
from geovehicle.baselines.hog import to_grey
from geovehicle.baselines.hog_detector import HogSvmDetector, load_windows
from geovehicle.baselines.hog_svm import (
    BACKGROUND_IOU,
    LOWEST_MARGIN,
    UNCALIBRATED,
    HogSvmRecipe,
    _platt,
    train,
)
from geovehicle.data.coco import LabelledImage
from geovehicle.detections import box_iou
from geovehicle.errors import CheckpointError, DatasetError, OutputError
from geovehicle.evaluation import evaluate
from geovehicle.model.checkpoint import read_metadata
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch
from geovehicle.settings import DetectSettings, HogSvmConfig, TrainSettings

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = HogSvmConfig(
    windows=((6, 10), (10, 6)),
    scales=(1.0,),
    views=12,
    jitters=1,
    negatives=8,
    mined_views=6,
    mined=20,
    calibration_views=6,
    mining_rounds=1,
)
SETTINGS = TrainSettings(crop=192, device="cpu")
RECIPE = HogSvmRecipe(CONFIG, "CC0-1.0", {"made": "by a test"})
SIDE = 200


def photo(folder: Path, number: int) -> LabelledImage:
    """Return an image with bright vehicles, lying and standing, among smaller clutter."""
    rng = np.random.default_rng(number)
    pixels = rng.normal(90, 8, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
    for x, y in rng.integers(0, SIDE - 12, (12, 2)):
        pixels[y : y + 10, x : x + 10] = 220
    boxes = []
    for x, y, standing in [(20, 20, 0), (110, 30, 1), (30, 100, 1), (110, 150, 0)]:
        left, top = x + rng.integers(20), y + rng.integers(20)
        width, height = (24, 48) if standing else (48, 24)
        height = min(height, SIDE - 2 - top)
        pixels[top - 8 : top + height + 8, left - 8 : left + width + 8] = 90
        pixels[top : top + height, left : left + width] = 210
        boxes.append([left, top, left + width, top + height])
    path = folder / f"{number}.png"
    Image.fromarray(pixels).save(path)
    truth = np.array(boxes, float)
    return LabelledImage(path, number, SIDE, SIDE, 0.1, "made", str(number), truth, truth[:0])


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledImage]:
    folder = tmp_path_factory.mktemp("photos")
    return [photo(folder, number) for number in range(6)]


@pytest.fixture(scope="module")
def trained(
    images: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    folder = tmp_path_factory.mktemp("run") / "new"
    path = train(images[:4], folder, SETTINGS, lambda *done: told.append(done), RECIPE)
    return path, told


def patch_of(image: LabelledImage) -> Patch:
    pixels = image.read().transpose(2, 0, 1)
    window = PatchWindow(3, 5, SIDE, SIDE, core=(3, 5, 3 + SIDE, 5 + SIDE))
    return Patch(pixels, np.ones((SIDE, SIDE), bool), window)


def test_it_finds_what_it_has_learnt_on_other_images(trained, images: list[LabelledImage]) -> None:
    report = evaluate(images[4:], trained[0]).total
    assert report.ap50 > 0.8
    assert report.rates.recall > 0.8
    assert report.rates.precision > 0.8


def test_mining_teaches_it_what_looks_like_a_vehicle(
    trained, images: list[LabelledImage], tmp_path: Path
) -> None:
    def false_windows(path: Path) -> int:
        windows, info = load_windows(path)
        count = 0
        for image in images[4:]:
            for level, shape, margins in windows.slide(to_grey(image.read()), info.config):
                boxes = level.boxes(shape, *np.nonzero(margins > LOWEST_MARGIN))
                count += (box_iou(boxes[:, None], image.boxes).max(axis=1) < BACKGROUND_IOU).sum()
        return count

    without = HogSvmRecipe(replace(CONFIG, mining_rounds=0))
    before = train(images[:4], tmp_path, SETTINGS, recipe=without)
    assert false_windows(trained[0]) < 0.7 * false_windows(before)


def test_it_reports_each_view_once(trained) -> None:
    assert trained[1] == [(number, 24) for number in range(1, 25)]


def test_the_file_tells_everything(trained) -> None:
    windows, info = load_windows(trained[0])
    assert (info.config, info.classes, info.gsd) == (CONFIG, ("vehicle",), 0.10)
    assert (info.licence, info.provenance["made"]) == ("CC0-1.0", "by a test")
    assert (info.provenance["images"], info.provenance["vehicles"]) == (4, 16)
    assert info.provenance["sources"] == ["made"]
    assert [one.shape for one in windows.weights] == [(5, 9, 36), (9, 5, 36)]
    assert windows.sigmoid[0] > 0


def test_detections_are_in_patch_pixels_best_first(trained, images: list[LabelledImage]) -> None:
    detector = HogSvmDetector.load(trained[0], DetectSettings(score=0.01))
    first, second = detector([patch_of(images[4]), patch_of(images[5])])
    assert len(first)
    assert len(second)
    assert first.boxes.min() >= 0
    assert first.boxes.max() <= SIDE
    assert (np.diff(first.scores) <= 0).all()
    assert set(first.labels.tolist()) == {0}
    alone = detector([patch_of(images[5])])[0]
    np.testing.assert_array_equal(second.boxes, alone.boxes)


def test_thresholds_are_the_file_s_own_unless_given(trained, images: list[LabelledImage]) -> None:
    own = HogSvmDetector.load(trained[0], DetectSettings())
    assert (own.score, own.nms) == (CONFIG.score_threshold, CONFIG.nms_iou)
    given = HogSvmDetector.load(trained[0], DetectSettings(score=0.9, nms=0.1))
    assert (given.score, given.nms) == (0.9, 0.1)
    assert given([patch_of(images[4])])[0].scores.min(initial=1.0) >= 0.9
    everything = HogSvmDetector.load(trained[0], DetectSettings(score=0.0))
    assert len(everything([patch_of(images[4])])[0]) > len(own([patch_of(images[4])])[0])


def test_the_same_seed_gives_the_same_weights(images: list[LabelledImage], tmp_path: Path) -> None:
    little = replace(CONFIG, windows=((6, 10),), views=3, mined_views=1, calibration_views=1)

    def weights(run: str, seed: int) -> dict[str, np.ndarray]:
        path = train(
            images, tmp_path / run, replace(SETTINGS, seed=seed), recipe=HogSvmRecipe(little)
        )
        return load_file(path)

    first, again, other = weights("first", 1), weights("again", 1), weights("other", 2)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["bias"], other["bias"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda tensors, metadata: tensors.pop("bias"), "does not fit its own description"),
        (lambda tensors, metadata: tensors.update(bias=np.zeros(3, np.float32)), "does not fit"),
        (lambda tensors, metadata: tensors["sigmoid"].fill(np.nan), "not finite"),
        (lambda tensors, metadata: metadata.update(config='{"cell": 0}'), "damaged description"),
        (lambda tensors, metadata: metadata.update(config='{"windows": [[1, 1]]}'), "damaged"),
        (lambda tensors, metadata: metadata.update(config='{"windows": 7}'), "damaged"),
        (lambda tensors, metadata: metadata.update(config='{"scales": [0]}'), "damaged"),
        (lambda tensors, metadata: metadata.update(gsd="-1"), "damaged description"),
        (lambda tensors, metadata: metadata.update(format="else"), "holds no detector"),
        (lambda tensors, metadata: metadata.update(format_version="9"), "has format 9"),
    ],
)
def test_a_damaged_file_is_refused(trained, tmp_path: Path, damage, message: str) -> None:
    tensors, metadata = load_file(trained[0]), read_metadata(trained[0])
    assert metadata["format"] == HOG_SVM
    damage(tensors, metadata)
    save_file(tensors, tmp_path / "damaged.safetensors", metadata)
    with pytest.raises(CheckpointError, match=message):
        load_windows(tmp_path / "damaged.safetensors")


def test_a_truncated_file_is_refused(trained, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(trained[0].read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_windows(path)


def test_without_vehicles_there_is_nothing_to_learn(
    images: list[LabelledImage], tmp_path: Path
) -> None:
    empty = replace(images[0], boxes=np.empty((0, 4)))
    with pytest.raises(DatasetError, match="no image has a labelled vehicle"):
        train([empty], tmp_path / "run", SETTINGS)
    cut = replace(images[0], boxes=np.array([[-5.0, -5.0, SIDE + 5.0, SIDE + 5.0]]))
    with pytest.raises(DatasetError, match="the border cuts every vehicle"):
        train([cut], tmp_path / "run", SETTINGS, recipe=RECIPE)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        train(images, tmp_path / "file", SETTINGS, recipe=RECIPE)


def test_a_shape_without_examples_finds_nothing(
    images: list[LabelledImage], tmp_path: Path
) -> None:
    config = replace(CONFIG, windows=((6, 10), (30, 6)), views=2, mined_views=1)
    path = train(images[:1], tmp_path, SETTINGS, recipe=HogSvmRecipe(config))
    windows, _ = load_windows(path)
    assert not windows.weights[1].any()
    assert windows.chance(windows.bias)[1] < 1e-6


def test_calibration_tells_the_chance_to_be_true() -> None:
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 2, 4000)
    true = rng.random(4000) < 1 / (1 + np.exp(-(1.5 * margins - 0.7)))
    np.testing.assert_allclose(_platt(margins, true), [1.5, -0.7], atol=0.15)
    assert _platt(margins, np.ones(4000, bool))[0] > 0
    np.testing.assert_array_equal(_platt(margins[:0], true[:0]), UNCALIBRATED)
