from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from geovehicle.errors import GeoVehicleError, SettingsError
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
from geovehicle.model.detector import VehicleDetector
from geovehicle.model.device import choose_device, choose_precision
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch
from geovehicle.settings import VEHICLE_TYPES, DetectSettings

if TYPE_CHECKING:
    from pathlib import Path

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

PLAIN = DetectSettings(device="cpu", precision="float32")


def patch(seed: int, width: int = 96, height: int = 64) -> Patch:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)
    window = PatchWindow(5, 7, width, height, core=(5, 7, 5 + width, 7 + height))
    return Patch(pixels, np.ones((height, width), bool), window)


@pytest.fixture
def detector(tmp_path: Path, model: GeneralizedRCNN, info: ModelInfo) -> VehicleDetector:
    save_checkpoint(tmp_path / "tiny.safetensors", model, info)
    return VehicleDetector.load(tmp_path / "tiny.safetensors", PLAIN)


def test_detections_are_in_patch_pixels_with_labels_from_zero(detector: VehicleDetector) -> None:
    (found,) = detector([patch(0)])
    assert len(found)
    assert found.boxes.min() >= 0
    assert found.boxes[:, 2].max() <= 96
    assert found.boxes[:, 3].max() <= 64
    assert set(found.labels.tolist()) <= set(range(len(detector.labels)))
    assert (np.diff(found.scores) <= 0).all()


def test_an_oriented_detector_tells_footprints_and_types(detector: VehicleDetector) -> None:
    assert detector.labels == VEHICLE_TYPES
    (found,) = detector([patch(0)])
    assert len(found)
    assert found.footprints is not None
    assert found.footprints.shape == (len(found), 4, 2)
    assert (found.label_scores >= 1 / len(VEHICLE_TYPES)).all()
    assert (found.label_scores < 1).all()


def test_a_horizontal_detector_tells_boxes_and_classes(info: ModelInfo) -> None:
    horizontal = replace(info, config=replace(info.config, oriented=False, types=()))
    detector = VehicleDetector(build_detector(horizontal.config, classes=2), horizontal, PLAIN)
    assert detector.labels == ("car", "bus")
    (found,) = detector([patch(0)])
    assert len(found)
    assert found.footprints is None
    assert set(found.labels.tolist()) <= {0, 1}
    assert (found.label_scores == 1).all()


def test_a_batch_gives_what_single_patches_give(detector: VehicleDetector) -> None:
    patches = [patch(1), patch(2)]
    together = detector(patches)
    for one, alone in zip(together, (detector([single])[0] for single in patches), strict=True):
        np.testing.assert_allclose(one.boxes, alone.boxes, atol=1e-3)
        np.testing.assert_allclose(one.scores, alone.scores, atol=1e-5)


def test_thresholds_are_the_weights_own_unless_given(
    model: GeneralizedRCNN, info: ModelInfo
) -> None:
    own = VehicleDetector(model, info, PLAIN)
    assert (own.score, own.nms) == (info.config.score_threshold, info.config.nms_iou)
    given = VehicleDetector(model, info, DetectSettings(score=0.9, nms=0.2, device="cpu"))
    assert (given.score, given.nms) == (0.9, 0.2)
    assert all(found.scores.min(initial=1.0) > 0.9 for found in given([patch(3)]))


def test_bfloat16_answers_nearly_like_float32(model: GeneralizedRCNN, info: ModelInfo) -> None:
    exact = VehicleDetector(model, info, PLAIN)([patch(4)])[0]
    fast = VehicleDetector(model, info, DetectSettings(device="cpu", precision="bfloat16"))
    near = fast([patch(4)])[0]
    assert near.boxes.dtype == np.float64
    assert abs(near.scores.max() - exact.scores.max()) < 0.02


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_missing_device_is_told() -> None:
    with pytest.raises(SettingsError, match="no cuda device"):
        choose_device("cuda")


def test_precision_follows_the_device_and_the_wish() -> None:
    cpu = choose_device("cpu")
    assert choose_precision("float32", cpu) is torch.float32
    assert choose_precision("bfloat16", cpu) is torch.bfloat16
    assert choose_precision("auto", cpu) in (torch.float32, torch.bfloat16)
    assert choose_precision("auto", torch.device("mps")) is torch.float32


def test_too_little_memory_says_what_to_lower(
    detector: VehicleDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(images: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(detector, "_model", full)
    with pytest.raises(GeoVehicleError, match="too small; lower --patch"):
        detector([patch(0)])


def test_larger_patches_may_have_more_detections(model: GeneralizedRCNN, info: ModelInfo) -> None:
    limits = [
        VehicleDetector(
            model, info, replace(PLAIN, patch=patch)
        )._model.roi_heads.detections_per_img
        for patch in (512, 1024, 2048)
    ]
    assert limits == [info.config.detections_per_patch * factor for factor in (1, 1, 4)]


def test_the_arithmetic_is_told(model: GeneralizedRCNN, info: ModelInfo) -> None:
    told = [
        VehicleDetector(model, info, replace(PLAIN, precision=precision)).arithmetic
        for precision in ("float32", "bfloat16")
    ]
    assert told == ["cpu float32", "cpu bfloat16"]
