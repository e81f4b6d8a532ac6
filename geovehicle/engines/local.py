"""The whole way through one scene on this machine: plan, read, detect, merge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from geovehicle.detections import Detections, merge
from geovehicle.patches import PatchWindow, plan
from geovehicle.raster.source import Patch, RasterSource
from geovehicle.settings import (
    SEAM_BAND_M,
    SEAM_BOX_IOU,
    SEAM_FOOTPRINT_IOU,
    DetectSettings,
)

Detector = Callable[[Sequence[Patch]], list[Detections]]
"""Anything that returns the detections of each patch, in patch pixels."""

LEAST_VALID = 0.5
"""A detection of which less lies on valid pixels belongs to the surroundings."""


@dataclass(frozen=True)
class Found:
    """The vehicles of a scene and how much of it was looked at.

    Attributes
    ----------
    detections : Detections
        In scene pixels.
    searched : int
        Valid pixels of the scene.
    """

    detections: Detections
    searched: int


def search(
    source: RasterSource,
    detector: Detector,
    settings: DetectSettings,
    gsd: float,
    on_pixels: Callable[[int], None] = lambda pixels: None,
) -> Found:
    """Find the vehicles of one scene.

    Boxes end with the scene.  Footprints stay as the detector gave them: rectangles
    around what is visible.

    Parameters
    ----------
    source : RasterSource
        The scene at the model's ground sampling distance.
    detector : callable
        Finds the vehicles of a batch of patches.
    settings : DetectSettings
        Of which patch, overlap and batch count here.
    gsd : float
        The model's ground sampling distance, metres: turns the overlap into pixels.
    on_pixels : callable
        Called after each batch with the number of scene pixels that are done with.

    Raises
    ------
    RasterError
        If the raster is damaged.
    SettingsError
        If patches are no longer than their overlap.
    """
    grid = source.grid
    overlap = round(settings.overlap / gsd)
    windows = plan(grid.width, grid.height, settings.patch, overlap)
    parts: list[tuple[PatchWindow, Detections]] = []
    searched = 0
    for first in range(0, len(windows), settings.batch):
        patches = [source.read(window) for window in windows[first : first + settings.batch]]
        seen = [patch for patch in patches if patch.valid.any()]
        found = detector(seen) if seen else []
        parts += [(p.window, on_valid(p, d)) for p, d in zip(seen, found, strict=True)]
        searched += sum(_valid_core(patch) for patch in seen)
        on_pixels(sum(_core_size(patch.window) for patch in patches))
    oriented = any(found.footprints is not None for _, found in parts)
    iou = SEAM_FOOTPRINT_IOU if oriented else SEAM_BOX_IOU
    merged = merge(parts, band=SEAM_BAND_M / gsd, iou=iou)
    return Found(merged.clip(grid.width, grid.height), searched)


def on_valid(patch: Patch, detections: Detections) -> Detections:
    """Keep the detections, in patch pixels, that lie mostly on valid pixels."""
    if patch.valid.all() or not len(detections):
        return detections
    height, width = patch.valid.shape
    sums = np.pad(patch.valid.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    left, top, right, bottom = detections.clip(width, height).boxes.round().astype(int).T
    valid = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return detections.filter(valid >= LEAST_VALID * (right - left) * (bottom - top))


def _core_size(window: PatchWindow) -> int:
    left, top, right, bottom = window.core
    return (right - left) * (bottom - top)


def _valid_core(patch: Patch) -> int:
    left, top, right, bottom = patch.window.core
    col, row = patch.window.col, patch.window.row
    return int(patch.valid[top - row : bottom - row, left - col : right - col].sum())
