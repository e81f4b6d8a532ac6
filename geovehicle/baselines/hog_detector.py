"""A trained HOG + SVM: patches in, detections out, and its file.

The file is in the safetensors format, with the same description as a network's
checkpoint and a format name of its own.  Nothing in it is ever executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from geovehicle.baselines import HOG_SVM
from geovehicle.baselines.hog import (
    Array,
    Level,
    block_features,
    block_grid,
    pyramid,
    to_grey,
)
from geovehicle.detections import Detections
from geovehicle.errors import CheckpointError
from geovehicle.files import replacing
from geovehicle.model.checkpoint import Info, from_metadata, locate, to_metadata
from geovehicle.settings import HogSvmConfig
from geovehicle.suppression import suppress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike
    from pathlib import Path

    from geovehicle.raster.source import Patch
    from geovehicle.settings import DetectSettings

MOST_WINDOWS = 4000
"""Best windows of a patch that go into the suppression; a full car park has 300 vehicles,
each of which a dozen windows see."""

HogSvmInfo = Info[HogSvmConfig]
"""What the file of a HOG + SVM says about itself."""


@dataclass(frozen=True, eq=False)
class LinearWindows:
    """A linear classifier for each shape of window, and what their scores mean.

    Attributes
    ----------
    weights : tuple of ndarray
        For each shape (h, w, F), float32: a weight for each feature of its blocks.
    bias : ndarray
        Shape (number of shapes,), float32.
    sigmoid : ndarray
        Slope and offset, float32: the chance of a window of margin `m` to be a
        vehicle is ``1 / (1 + exp(-(slope * m + offset)))``.
    """

    weights: tuple[Array, ...]
    bias: Array
    sigmoid: Array

    def slide(self, grey: Array, config: HogSvmConfig) -> Iterator[tuple[Level, int, Array]]:
        """Yield each scale with each shape and the margins of its windows in all places."""
        for level in pyramid(grey, config):
            for shape, scores in enumerate(level.score(self.weights)):
                yield level, shape, scores + self.bias[shape]

    def chance(self, margins: Array) -> Array:
        """Return the calibrated scores, 0 to 1, of margins."""
        slope, offset = self.sigmoid
        logits = np.clip(slope * margins + offset, -50.0, 50.0)
        return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)


class HogSvmDetector:
    """Patches in, detections in patch pixels out.

    Parameters
    ----------
    windows : LinearWindows
        The classifiers.
    info : HogSvmInfo
        What they were trained for.
    settings : DetectSettings
        Of which score and nms count here; it runs on the CPU.

    Attributes
    ----------
    info : HogSvmInfo
        As given.
    labels : tuple of str
        What the labels of detections stand for: its classes.
    score, nms : float
        The thresholds in force.
    arithmetic : str
        What computes its features, such as ``scikit-image 0.26.0``.
    """

    def __init__(self, windows: LinearWindows, info: HogSvmInfo, settings: DetectSettings) -> None:
        self.info = info
        self.labels = info.classes
        self.score = info.config.score_threshold if settings.score is None else settings.score
        self.nms = info.config.nms_iou if settings.nms is None else settings.nms
        self.arithmetic = f"scikit-image {version('scikit-image')}"
        self._windows = windows

    @classmethod
    def load(cls, weights: str | PathLike[str], settings: DetectSettings) -> HogSvmDetector:
        """Return the detector of a file.

        Raises
        ------
        CheckpointError
            If the file cannot be used.
        """
        return cls(*load_windows(weights), settings)

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        """Return the detections of each patch, in its pixels, best first."""
        return [self._detect(to_grey(patch.pixels.transpose(1, 2, 0))) for patch in patches]

    def _detect(self, grey: Array) -> Detections:
        parts = []
        for level, shape, margins in self._windows.slide(grey, self.info.config):
            scores = self._windows.chance(margins)
            at = np.nonzero(scores >= self.score)
            labels = np.zeros(len(at[0]), np.int64)
            parts.append(Detections(level.boxes(shape, *at), scores[at], labels))
        found = Detections.concatenate(parts)
        best = np.argsort(-found.scores, kind="stable")[:MOST_WINDOWS]
        height, width = grey.shape
        return suppress(found.filter(best).clip(width, height), self.nms)


def save_windows(path: Path, windows: LinearWindows, info: HogSvmInfo) -> None:
    """Write the classifiers and their description.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is left as it was.
    """
    tensors = {f"weights.{shape}": one for shape, one in enumerate(windows.weights)}
    tensors |= {"bias": windows.bias, "sigmoid": windows.sigmoid}
    tensors = {name: np.ascontiguousarray(one, np.float32) for name, one in tensors.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, to_metadata(HOG_SVM, info)))


def load_windows(weights: str | PathLike[str]) -> tuple[LinearWindows, HogSvmInfo]:
    """Return the classifiers of a file and their description.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind.
    """
    path = locate(weights)
    info = from_metadata(path, HOG_SVM, HogSvmConfig)
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # a header that lies makes it raise nearly anything
        raise CheckpointError(f"{path} is damaged: {error}; fetch it again") from error
    _check(tensors, info.config, path)
    shapes = range(len(info.config.windows))
    ordered = tuple(tensors[f"weights.{shape}"] for shape in shapes)
    return LinearWindows(ordered, tensors["bias"], tensors["sigmoid"]), info


def _check(tensors: dict[str, Array], config: HogSvmConfig, path: Path) -> None:
    """Make sure that the tensors are those of the description, and finite."""
    depth = block_features(config)
    expected: dict[str, tuple[int, ...]] = {
        f"weights.{index}": (*block_grid(config, shape), depth)
        for index, shape in enumerate(config.windows)
    }
    expected |= {"bias": (len(config.windows),), "sigmoid": (2,)}
    if {name: one.shape for name, one in tensors.items()} != expected:
        raise CheckpointError(f"{path} does not fit its own description; fetch it again")
    if not all(np.isfinite(one).all() for one in tensors.values()):
        raise CheckpointError(f"{path} is damaged: it holds numbers that are not finite")
