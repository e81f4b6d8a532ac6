"""Fuzzes the readers of weights: checkpoints, HOG + SVM files and ONNX files, made unsound.

``PROPERTIES`` has the strategies and what each example goes through; ``fuzz/run.py`` runs
them for minutes, ``tests/test_fuzz.py`` for seconds.
"""

from __future__ import annotations

import json
import runpy
import struct
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import torch
from hypothesis import strategies as st
from isolation import check
from mutation import changes, damage, other_value, other_word

from geovehicle.baselines.hog import block_features, block_grid
from geovehicle.baselines.hog_detector import save_windows
from geovehicle.baselines.hog_svm import LinearWindows
from geovehicle.engines.detectors import describe, load_detector
from geovehicle.model import build
from geovehicle.model.checkpoint import Info, save_checkpoint
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch
from geovehicle.settings import DEFAULT_DETECTOR, VEHICLE_TYPES, DetectSettings, HogSvmConfig

if TYPE_CHECKING:
    from mutation import Change

TINY = Path(__file__).parents[1] / "tests" / "learning" / "tiny_run.py"
"""Where a backbone of three layers is defined."""

SETTINGS = DetectSettings(device="cpu", precision="float32", score=0.0)

NAMES = ("net.safetensors", "svm.safetensors")
"""A network, and a HOG + SVM."""


def small() -> Any:
    """Have a backbone of three layers in place of ResNet, within the context."""
    return mock.patch.multiple(build, **runpy.run_path(str(TINY))["PATCHES"])


@cache
def checkpoints() -> dict[str, bytes]:
    """Return small sound files of weights."""
    narrow = {"conv5_channels": 16, "feature_channels": 8, "rpn_channels": 8, "head_channels": 8}
    config = replace(DEFAULT_DETECTOR, **narrow, types=VEHICLE_TYPES, rpn_top_n=50)
    hog = HogSvmConfig()
    depth = block_features(hog)
    vectors = [np.zeros((*block_grid(hog, shape), depth), np.float32) for shape in hog.windows]
    windows = LinearWindows(tuple(vectors), np.zeros(len(vectors), np.float32), np.ones(2))
    with TemporaryDirectory() as place, small():
        net, svm = (Path(place) / name for name in NAMES)
        torch.manual_seed(0)
        info = Info(config, ("vehicle",), 0.1, "CC0-1.0", {"images": 0})
        save_checkpoint(net, build.build_detector(config), info)
        save_windows(svm, windows, Info(hog, ("vehicle",), 0.1, "CC0-1.0", {}))
        return {path.name: path.read_bytes() for path in (net, svm)}


def used(path: Path) -> None:
    """Tell about weights, load them and let them look at a patch."""
    torch.set_num_threads(1)  # threads do not come along into a fork
    warnings.simplefilter("error")
    describe(path)
    with small():
        detector = load_detector(path, SETTINGS)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 96), np.uint8)
    window = PatchWindow(0, 0, 96, 64, core=(0, 0, 96, 64))
    (found,) = detector([Patch(pixels, np.ones((64, 96), bool), window)])
    assert np.isfinite(found.boxes).all()
    assert set(found.labels.tolist()) <= set(range(len(detector.labels)))


def survives(name: str, content: bytes) -> None:
    """Check a file of weights."""
    with TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(content)
        check(used, path)


def _damaged(name: str, changed: list[Change]) -> None:
    content = checkpoints()[name]
    for change in changed:
        content = change(content)
    survives(name, content)


def _relabelled(name: str, changed: list[Change], key: str) -> None:
    """Check a file whose header, or one description in it, has been changed."""
    content = checkpoints()[name]
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    text = header["__metadata__"][key].encode() if key else json.dumps(header).encode()
    for change in changed:
        text = change(text)
    if key:
        header["__metadata__"][key] = text.decode(errors="replace")
        text = json.dumps(header).encode()
    survives(name, struct.pack("<Q", len(text)) + text + content[8 + length :])


def _both(check: Any) -> Any:
    return lambda drawn: check(*drawn)


FILES = st.sampled_from(NAMES)
KEYS = st.sampled_from(["", "config", "config", "config", "classes", "gsd", "provenance", "format"])

PROPERTIES = {
    "damaged weights": (st.tuples(FILES, changes(damage())), _both(_damaged)),
    "weights that lie": (
        st.tuples(FILES, changes(other_value(), other_value(), other_word()), KEYS),
        _both(_relabelled),
    ),
}
