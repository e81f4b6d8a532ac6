from __future__ import annotations

import runpy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from geovehicle.exporting import export
from geovehicle.model import build
from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch
from geovehicle.settings import DEFAULT_DETECTOR, VEHICLE_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geovehicle.detections import Detections

CONFIGS = {
    "oriented": replace(DEFAULT_DETECTOR, types=VEHICLE_TYPES),
    "horizontal": replace(DEFAULT_DETECTOR, oriented=False),
}


@pytest.fixture(scope="session", params=CONFIGS)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_script: Path
) -> tuple[Path, Path]:
    """Write a checkpoint that has learnt nothing and its export, of either kind of boxes."""
    narrow = {"feature_channels": 8, "rpn_channels": 8, "head_channels": 8, "rpn_top_n": 50}
    narrow |= {"conv5_channels": 16, "score_threshold": 0.0}
    config = replace(CONFIGS[request.param], **narrow)
    folder = tmp_path_factory.mktemp(request.param)
    paths = folder / "tiny.safetensors", folder / "tiny.onnx"
    info = ModelInfo(config, ("car", "bus"), 0.1, "CC0-1.0", {"images": 0})
    with pytest.MonkeyPatch.context() as patches:
        for name, value in runpy.run_path(str(tiny_script))["PATCHES"].items():
            patches.setattr(build, name, value)
        torch.manual_seed(0)
        save_checkpoint(paths[0], build.build_detector(config, classes=2), info)
        export(paths[1], paths[0])
    return paths


@pytest.fixture
def exported(written: tuple[Path, Path], tiny: object) -> tuple[Path, Path]:
    """Return the two files, while a backbone of three layers stands in place of ResNet."""
    return written


@pytest.fixture
def patch_of() -> Callable[[np.ndarray], Patch]:
    """Return a function that makes a patch of pixels, (3, H, W)."""

    def make(pixels: np.ndarray) -> Patch:
        height, width = pixels.shape[1:]
        window = PatchWindow(0, 0, width, height, core=(0, 0, width, height))
        return Patch(pixels, np.ones((height, width), bool), window)

    return make


@pytest.fixture
def noise(patch_of: Callable[[np.ndarray], Patch]) -> Callable[[int, int], Patch]:
    """Return a function that makes a patch of a width and height."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3, 400, 400), dtype=np.uint8)
    return lambda width, height: patch_of(noise[:, :height, :width])


@pytest.fixture
def assert_same() -> Callable[..., None]:
    """Return a comparison of detections: equal scores may come in any order."""

    def compare(found: Detections, exact: Detections, least: int) -> None:
        assert len(found) == len(exact) >= least
        apart = np.abs(found.outlines[:, None] - exact.outlines[None]).max(axis=(2, 3))
        twin = apart.argmin(axis=0)
        assert apart.min(axis=0).max() < 0.5
        assert len(set(twin.tolist())) == len(exact)
        assert np.abs(found.boxes[twin] - exact.boxes).max() < 0.5
        assert np.abs(found.scores[twin] - exact.scores).max() < 0.02
        assert np.abs(found.label_scores[twin] - exact.label_scores).max() < 0.02
        assert (found.labels[twin] == exact.labels).all()

    return compare
