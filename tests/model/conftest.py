from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import ModelInfo
from geovehicle.settings import DEFAULT_DETECTOR, VEHICLE_TYPES

if TYPE_CHECKING:
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

TINY = replace(
    DEFAULT_DETECTOR,
    feature_channels=8,
    rpn_channels=8,
    head_channels=8,
    score_threshold=0.0,
    types=VEHICLE_TYPES,
)


@pytest.fixture(scope="session")
def info() -> ModelInfo:
    return ModelInfo(TINY, ("car", "bus"), 0.10, "CC0-1.0", {"trained on": "nothing"})


@pytest.fixture(scope="session")
def model() -> GeneralizedRCNN:
    torch.manual_seed(0)
    return build_detector(TINY, classes=2).eval()
