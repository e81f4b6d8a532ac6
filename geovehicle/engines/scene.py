"""The whole way through one scene: plan, read, detect, merge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.blocks import Block, ScenePlan, plan_blocks
from geovehicle.detections import Detections
from geovehicle.patches import PatchWindow, number_of
from geovehicle.raster.source import Patch
from geovehicle.seams import SeamRule, Views, merged
from geovehicle.settings import (
    LONGEST_VEHICLE_M,
    RIM,
    SEAM_BAND_M,
    SEAM_BOX_IOU,
    SEAM_FOOTPRINT_IOU,
    DetectSettings,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.raster.source import RasterSource

Detector = Callable[[Sequence[Patch]], list[Detections]]
"""Anything that returns the detections of each patch, in patch pixels."""

Ticks = Callable[[int], None]
"""Called now and then with the number of scene pixels that are done with since."""

LEAST_VALID = 0.5
"""A detection of which less lies on valid pixels belongs to the surroundings."""

LEAST_SHOWN = 3.0
"""Pixels of a side that a patch must show of a vehicle."""

CLEAR = 3
"""Pixels of imagery around a vehicle that is whole."""


@dataclass(frozen=True)
class BlockFound:
    """What one block has to say.

    Attributes
    ----------
    views : Views
        In scene pixels.
    searched : int
        Valid pixels that the block owns.
    """

    views: Views
    searched: int


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


@dataclass(frozen=True)
class Search:
    """How a scene of a given size is searched.

    Parameters
    ----------
    width, height : int
        Size of the scene in pixels.
    gsd : float
        The scene's ground sampling distance, metres: turns lengths into pixels.
    settings : DetectSettings
        Of which patch, overlap, batch and block count here.
    """

    width: int
    height: int
    gsd: float
    settings: DetectSettings

    def plan(self) -> ScenePlan:
        """Return the blocks.

        Raises
        ------
        SettingsError
            If patches are no longer than their overlap.
        """
        side = self.settings.block
        return plan_blocks(self.width, self.height, self.settings.patch, self._overlap, side)

    @property
    def patches(self) -> int:
        """How many patches the plan has, known before it is made."""
        return number_of(self.width, self.height, self.settings.patch, self._overlap)

    @property
    def _overlap(self) -> int:
        return round(self.settings.overlap / self.gsd)

    @property
    def rule(self) -> SeamRule:
        """How views of neighbouring patches meet."""
        band, reach = SEAM_BAND_M / self.gsd, LONGEST_VEHICLE_M / self.gsd
        return SeamRule(band, reach, SEAM_BOX_IOU, SEAM_FOOTPRINT_IOU)

    def find(
        self, pixels: Patch, block: Block, detector: Detector, on_pixels: Ticks = lambda count: None
    ) -> BlockFound:
        """Find the vehicles of a block.

        Parameters
        ----------
        pixels : Patch
            The pixels of the block's window.
        block : Block
        detector : callable
            Finds the vehicles of a batch of patches.
        on_pixels : callable
            Called after each batch.
        """
        views, searched = [], 0
        step = self.settings.batch
        for start in range(0, len(block.windows), step):
            windows = block.windows[start : start + step]
            patches = [_part(pixels, window) for window in windows]
            seen = [number for number, patch in enumerate(patches) if patch.valid.any()]
            found = _found([patches[number] for number in seen], detector) if seen else []
            for number, one in zip(seen, found, strict=True):
                first = block.first + start
                views.append(self._views(patches[number], first + number, one))
                searched += _valid_core(patches[number])
            on_pixels(sum(_core_size(window) for window in windows))
        return BlockFound(Views.concatenate(views), searched)

    def settle(self, strips: Iterable[Iterable[Views]], plan: ScenePlan) -> Iterator[Views]:
        """Join the views of the blocks, row of blocks by row of blocks.

        Parameters
        ----------
        strips : iterable
            A row of blocks each, all rows of the plan; in a row the views of its blocks
            in their order, of which any may be missing.
        plan : ScenePlan
            What :meth:`plan` returns.

        Yields
        ------
        Views
        """
        borders = [float(row[0].window.core[3]) for row in plan.rows[:-1]] + [np.inf]
        joined = (Views.concatenate(list(strip)) for strip in strips)
        yield from merged(zip(joined, borders, strict=True), self.rule)

    def _views(self, patch: Patch, number: int, found: Detections) -> Views:
        kept = on_valid(patch, found)
        views = self.rule.views(patch.window, number, kept, (self.width, self.height))
        own = views.detections.shift(-patch.window.col, -patch.window.row)
        return replace(views, whole=clear_of_edges(patch, own))


def mirrored(patch: Patch) -> Patch:
    """Return a patch that goes on beyond its own edges, mirrored, for a rim's width."""
    window, rim = patch.window, (RIM, RIM)
    return Patch(
        np.pad(patch.pixels, ((0, 0), rim, rim), mode="reflect"),
        np.pad(patch.valid, (rim, rim), mode="reflect"),
        PatchWindow(
            window.col - RIM,
            window.row - RIM,
            window.width + 2 * RIM,
            window.height + 2 * RIM,
            window.core,
        ),
    )


def search(
    source: RasterSource,
    detector: Detector,
    settings: DetectSettings,
    gsd: float,
    on_pixels: Ticks = lambda pixels: None,
) -> Found:
    """Find the vehicles of one scene.

    Parameters
    ----------
    source : RasterSource
        The scene at the model's ground sampling distance.
    detector : callable
        Finds the vehicles of a batch of patches.
    settings : DetectSettings
        Of which patch, overlap, batch and block count here.
    gsd : float
        The model's ground sampling distance, metres: turns the overlap into pixels.
    on_pixels : callable
        Called after each batch.

    Raises
    ------
    RasterError
        If the raster is damaged.
    SettingsError
        If patches are no longer than their overlap.
    """
    way = Search(source.grid.width, source.grid.height, gsd, settings)
    plan = way.plan()
    rows = [
        [way.find(source.read(block.window), block, detector, on_pixels) for block in row]
        for row in plan.rows
    ]
    views = way.settle(([found.views for found in row] for row in rows), plan)
    detections = Detections.concatenate([part.detections for part in views])
    return Found(detections, sum(found.searched for row in rows for found in row))


def on_valid(patch: Patch, detections: Detections) -> Detections:
    """Keep the detections, in patch pixels, that lie mostly on valid pixels."""
    if patch.valid.all() or not len(detections):
        return detections
    valid, area = _valid_pixels(patch, detections.boxes)
    return detections.filter(valid >= LEAST_VALID * area)


def clear_of_edges(patch: Patch, detections: Detections) -> NDArray[np.bool_]:
    """Tell which detections, in patch pixels, have imagery all around, (N,)."""
    grown = detections.boxes + np.array([-CLEAR, -CLEAR, CLEAR, CLEAR])
    height, width = patch.valid.shape
    limits = np.array([width, height, width, height])
    inside: NDArray[np.bool_] = ((grown >= 0) & (grown <= limits)).all(axis=1)
    if patch.valid.all() or not inside.any():
        return inside
    valid, area = _valid_pixels(patch, grown)
    clear: NDArray[np.bool_] = inside & (valid == area)
    return clear


def _valid_pixels(
    patch: Patch, boxes: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many pixels of each box, as far as the patch shows it, are valid, and how many."""
    height, width = patch.valid.shape
    edges = boxes.clip(0, [width, height, width, height]).round().astype(int)
    sums = np.pad(patch.valid.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    left, top, right, bottom = edges.T
    valid = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return valid, (right - left) * (bottom - top)


def _found(patches: Sequence[Patch], detector: Detector) -> list[Detections]:
    """Return the detections of patches, in their pixels, as far as they show them."""
    answers = detector([mirrored(patch) for patch in patches])
    return [
        found.shift(-RIM, -RIM).within(patch.window.width, patch.window.height, LEAST_SHOWN)
        for patch, found in zip(patches, answers, strict=True)
    ]


def _part(pixels: Patch, window: PatchWindow) -> Patch:
    """Return the pixels of a window that lies inside another."""
    top, left = window.row - pixels.window.row, window.col - pixels.window.col
    rows, columns = slice(top, top + window.height), slice(left, left + window.width)
    return Patch(pixels.pixels[:, rows, columns], pixels.valid[rows, columns], window)


def _core_size(window: PatchWindow) -> int:
    left, top, right, bottom = window.core
    return (right - left) * (bottom - top)


def _valid_core(patch: Patch) -> int:
    left, top, right, bottom = patch.window.core
    col, row = patch.window.col, patch.window.row
    return int(patch.valid[top - row : bottom - row, left - col : right - col].sum())
