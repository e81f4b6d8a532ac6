from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from geovehicle.data.synthetic import render_scene
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.model.fusion import for_inference
from geovehicle.model.weights import DEFAULT
from geovehicle.settings import DEFAULT_DETECTOR, FASTER_RCNN, PAPER, DetectorConfig

if TYPE_CHECKING:
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

CPU = torch.device("cpu")
SLIM = {"rpn_channels": 8, "head_channels": 8, "score_threshold": 0.0, "nms_iou": 1.0}
CONFIGS = {
    "default": replace(DEFAULT_DETECTOR, feature_channels=8, **SLIM),
    "paper, not projected": replace(PAPER.detector, **SLIM),
    "paper, projected": replace(PAPER.detector, feature_channels=8, **SLIM),
    "faster-rcnn": replace(FASTER_RCNN, feature_channels=8, **SLIM),
}
BOX, SCORE = 0.5, 0.02
"""Pixels and score that fast arithmetic may change."""


def shaken(config: DetectorConfig) -> GeneralizedRCNN:
    """Return a detector whose batch norms all do something, some of it with negative factors."""
    torch.manual_seed(3)
    model = build_detector(config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -0.3, 1.0)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model


def bytes_of(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randint(0, 256, (3, *shape), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_fused_map_is_that_of_the_plain_model(config: DetectorConfig) -> None:
    model = shaken(config)
    images = [bytes_of(100, 140), bytes_of(64, 96)]
    fused = for_inference(model, CPU, torch.float32)
    with torch.inference_mode():
        batch, _ = model.transform([image.float() / 255 for image in images])
        expected = model.backbone(batch.tensors)["fused"]
        batch, _ = fused.transform(images)
        found = fused.backbone(batch.tensors)["fused"]
    spread = float(expected.std())
    torch.testing.assert_close(found, expected, atol=1e-4 * spread, rtol=1e-4)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_both_stages_answer_as_the_plain_ones(config: DetectorConfig) -> None:
    model = shaken(config)
    fused = for_inference(model, CPU, torch.float32)
    level = torch.rand(1, config.feature_channels, 8, 8)
    boxes = [torch.tensor([[10.0, 10.0, 50.0, 40.0], [0.0, 60.0, 128.0, 128.0], [90, -9, 140, 9]])]
    with torch.inference_mode():
        for expected, found in zip(model.rpn.head([level]), fused.rpn.head([level]), strict=True):
            torch.testing.assert_close(found, expected)
        answers = (
            one.roi_heads._answers({"fused": level}, boxes, [(128, 128)]) for one in (model, fused)
        )
        for expected, found in zip(*answers, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_no_batch_norm_that_can_be_folded_is_left() -> None:
    for name, left in (("default", 16 + 2), ("paper, projected", 0)):
        fused = for_inference(build_detector(CONFIGS[name]).eval(), CPU, torch.float32)
        assert sum(isinstance(one, nn.BatchNorm2d) for one in fused.modules()) == left


def test_the_model_stays_as_it_was() -> None:
    model = build_detector(CONFIGS["default"]).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for_inference(model, CPU, torch.bfloat16)
    assert model.training
    assert all(one.requires_grad for one in model.parameters())
    assert model.state_dict().keys() == before.keys()
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, before[key])


@pytest.fixture(scope="module")
def shipped() -> GeneralizedRCNN:
    return load_checkpoint(DEFAULT)[0]


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(render_scene(1, 480, 480).pixels))


@pytest.fixture(scope="module")
def expected(shipped: GeneralizedRCNN, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what the plain model finds, in float32."""
    with torch.inference_mode():
        (answers,) = shipped([pixels.float() / 255])
    return dict(answers)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_shipped_weights_find_the_same_vehicles_in_any_arithmetic(
    shipped: GeneralizedRCNN,
    pixels: torch.Tensor,
    expected: dict[str, torch.Tensor],
    dtype: torch.dtype,
) -> None:
    with torch.inference_mode():
        (found,) = for_inference(shipped, CPU, dtype)([pixels])
    assert len(found["boxes"]) == len(expected["boxes"]) > 20
    apart = torch.cdist(expected["footprints"].mean(dim=1), found["footprints"].mean(dim=1))
    own = apart.argmin(dim=1)
    assert len(own.unique()) == len(own)
    torch.testing.assert_close(found["boxes"][own], expected["boxes"], atol=BOX, rtol=0)
    torch.testing.assert_close(found["scores"][own], expected["scores"], atol=SCORE, rtol=0)
