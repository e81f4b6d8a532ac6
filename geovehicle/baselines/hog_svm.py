"""Train the HOG + SVM of the paper's comparison.

Windows around labelled vehicles are told from background by a linear support
vector machine for each shape of window.  It is fitted anew after each search
for background that it takes for vehicles.  Scores are calibrated by Platt's
sigmoid on fresh views [2]_: other cut-outs of the same images, so that they are
somewhat too high for images that were never seen.

References
----------
.. [1] N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection",
   CVPR 2005.
.. [2] J. Platt, "Probabilistic Outputs for Support Vector Machines", Advances in
   Large Margin Classifiers, 1999.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geovehicle import __version__
from geovehicle.baselines.hog import (
    Array,
    block_features,
    block_grid,
    cut_window,
    nearest_shape,
    pyramid,
    to_grey,
)
from geovehicle.baselines.hog_detector import (
    MOST_WINDOWS,
    HogSvmInfo,
    LinearWindows,
    save_windows,
)
from geovehicle.data.augment import labelled_view
from geovehicle.data.sampling import BalancedSampler
from geovehicle.detections import Detections, box_iou
from geovehicle.errors import DatasetError, GeoVehicleError, OutputError
from geovehicle.matching import Overlaps
from geovehicle.settings import HogSvmConfig
from geovehicle.suppression import suppress

try:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC
except ImportError as error:
    raise GeoVehicleError(
        "HOG + SVM needs scikit-image and scikit-learn; pip install 'geovehicle[baselines]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.baselines.hog import Level
    from geovehicle.data.coco import LabelledImage
    from geovehicle.settings import TrainSettings

CHECKPOINT = "model.safetensors"

BACKGROUND_IOU = 0.3
"""Windows that overlap every vehicle by less are background."""

LOWEST_MARGIN = -1.0
"""Background beyond it is on the right side of the SVM's margin and teaches nothing."""

NEVER = -50.0
"""Bias of a shape without an example: it finds nothing."""

JITTER = 0.09
"""Windows of vehicles are moved by as much, as a share of the root of their area, and
scaled by as much, as a logarithm: half a cell and half a step of the pyramid."""

UNCALIBRATED = np.array([1.0, 0.0], np.float32)
"""Slope and offset of the sigmoid before anything is known."""

LEAST_SLOPE = 0.1
"""A higher margin is never a lower score, whatever the views for calibration hold."""

Progress = Callable[[int, int], None]
"""Called with the views that are done with and those of the whole training."""


@dataclass(frozen=True)
class HogSvmRecipe:
    """What is trained and what its file will say.

    Attributes
    ----------
    config : HogSvmConfig
        Windows, pyramid and learning.
    licence : str
        Terms under which the weights may be used.
    provenance : dict
        Further facts for the file, such as the names of the data.
    """

    config: HogSvmConfig = field(default_factory=HogSvmConfig)
    licence: str = "not stated"
    provenance: dict[str, Any] = field(default_factory=dict)


def train(
    images: Sequence[LabelledImage],
    folder: Path,
    settings: TrainSettings,
    on_progress: Progress = lambda done, total: None,
    recipe: HogSvmRecipe | None = None,
) -> Path:
    """Train a HOG + SVM and return its file.

    Parameters
    ----------
    images : sequence of LabelledImage
        The training set.
    folder : Path
        Where ``model.safetensors`` is written; made if missing.
    settings : TrainSettings
        Of which ``gsd``, ``crop`` (the side of a view) and ``seed`` count here.
    on_progress : callable
        Called after each view with the number of those that are done with, and of all.
    recipe : HogSvmRecipe, optional
        What is trained; the defaults without it.

    Raises
    ------
    DatasetError
        If there is no vehicle to learn from, or an image cannot be read.
    OutputError
        If the file cannot be written.
    """
    if not any(len(image.boxes) for image in images):
        raise DatasetError("no image has a labelled vehicle; nothing can be learnt from it")
    recipe = recipe or HogSvmRecipe()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error
    start = time.monotonic()
    windows = _Training(images, settings, recipe.config, on_progress).run()
    provenance = {
        "geovehicle": __version__,
        "images": len(images),
        "vehicles": sum(len(image.boxes) for image in images),
        "sources": sorted({image.source for image in images if image.source}),
        "settings": {"gsd": settings.gsd, "crop": settings.crop, "seed": settings.seed},
        "seconds": round(time.monotonic() - start, 1),
        **recipe.provenance,
    }
    info = HogSvmInfo(recipe.config, ("vehicle",), settings.gsd, recipe.licence, provenance)
    save_windows(folder / CHECKPOINT, windows, info)
    return folder / CHECKPOINT


@dataclass(frozen=True)
class _GreyView:
    """Grey levels and the boxes on them, in their pixels."""

    grey: Array
    boxes: NDArray[np.float64]
    ignore: NDArray[np.float64]

    def is_background(self, boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which boxes lie beside the vehicles and do not touch an ignore box."""
        overlap = box_iou(boxes[:, None], self.boxes).max(axis=1, initial=0.0)
        ignored = (box_iou(boxes[:, None], self.ignore) > 0).any(axis=1)
        return np.asarray((overlap < BACKGROUND_IOU) & ~ignored)

    def whole(self) -> NDArray[np.float64]:
        """Return the boxes of the vehicles that the border does not cut."""
        height, width = self.grey.shape
        inside = (self.boxes[:, :2] > 0).all(axis=1)
        return self.boxes[inside & (self.boxes[:, 2:] < (width, height)).all(axis=1)]


class _Training:
    """One training: every view is drawn again by its number, where it is needed again."""

    def __init__(
        self,
        images: Sequence[LabelledImage],
        settings: TrainSettings,
        config: HogSvmConfig,
        on_progress: Progress,
    ) -> None:
        self._sampler = BalancedSampler(images)
        self._settings, self._config = settings, config
        self._on_progress, self._done = on_progress, 0
        self._rng = np.random.default_rng(settings.seed)
        self._vehicles: list[list[Array]] = [[] for _ in config.windows]
        self._background: list[list[Array]] = [[] for _ in config.windows]

    def run(self) -> LinearWindows:
        """Return the trained classifiers."""
        config = self._config
        for view in self._views(0, config.views):
            self._take_vehicles(view)
            self._take_background(view)
        if not any(self._vehicles):
            raise DatasetError("the border cuts every vehicle; give larger images or --crop")
        windows = self._fit()
        for mining in range(config.mining_rounds):
            for view in self._views(mining * config.mined_views, config.mined_views):
                self._mine(view, windows)
            windows = self._fit()
        fresh = max(config.views, config.mining_rounds * config.mined_views)
        return self._calibrate(windows, self._views(fresh, config.calibration_views))

    def _views(self, first: int, count: int) -> Iterator[_GreyView]:
        """Draw views by number; each is reported when the next one is asked for."""
        config = self._config
        mined = config.mining_rounds * config.mined_views
        for number in range(first, first + count):
            yield self._view(number)
            self._done += 1
            self._on_progress(self._done, config.views + mined + config.calibration_views)

    def _view(self, number: int) -> _GreyView:
        """Return a view of an image, turned and mirrored; its scale is the pyramid's affair."""
        rng = np.random.default_rng([self._settings.seed, number])
        image, gsd = self._sampler.draw(rng), self._settings.gsd
        longest = round(max(image.width, image.height) * image.gsd / gsd)
        side = max(1, min(self._settings.crop, longest))
        view = labelled_view(rng, image, (side, side), gsd, (1.0, 1.0))
        return _GreyView(to_grey(view.pixels), view.boxes, view.ignore)

    def _take_vehicles(self, view: _GreyView) -> None:
        boxes = np.repeat(view.whole(), self._config.jitters, axis=0)
        for box, shape in zip(boxes, nearest_shape(boxes, self._config), strict=True):
            window = cut_window(view.grey, self._jittered(box), shape, self._config)
            self._vehicles[shape].append(window[None])

    def _jittered(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move and scale a box as far as the nearest window may be off."""
        sides = box[2:] - box[:2]
        centre = (box[:2] + box[2:]) / 2
        centre += self._rng.uniform(-JITTER, JITTER, 2) * np.sqrt(sides.prod())
        sides *= np.exp(self._rng.uniform(-JITTER, JITTER))
        return np.concatenate([centre - sides / 2, centre + sides / 2])

    def _take_background(self, view: _GreyView) -> None:
        """Take windows anywhere at a random scale."""
        scale = float(self._rng.choice(self._config.scales))
        for level in pyramid(view.grey, replace(self._config, scales=(scale,))):
            for shape in range(len(self._config.windows)):
                rows, columns = level.positions(shape)
                if rows and columns:
                    size = self._config.negatives
                    row, column = (self._rng.integers(n, size=size) for n in (rows, columns))
                    self._add_background(view, level, shape, row, column)

    def _mine(self, view: _GreyView, windows: LinearWindows) -> None:
        """Take background that is on the wrong side of the margin, from any scale."""
        for level, shape, margins in windows.slide(view.grey, self._config):
            wrong = np.argwhere(margins > LOWEST_MARGIN)
            chosen = self._rng.permutation(len(wrong))[: self._config.mined]
            self._add_background(view, level, shape, *wrong[chosen].T)

    def _add_background(
        self,
        view: _GreyView,
        level: Level,
        shape: int,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
    ) -> None:
        good = view.is_background(level.boxes(shape, rows, columns))
        self._background[shape].append(level.features(shape, rows[good], columns[good]))

    def _fit(self) -> LinearWindows:
        fitted = [self._fit_shape(shape) for shape in range(len(self._config.windows))]
        weights, bias = zip(*fitted, strict=True)
        return LinearWindows(weights, np.array(bias, np.float32), UNCALIBRATED)

    def _fit_shape(self, shape: int) -> tuple[Array, float]:
        """Return the weights, (h, w, F), and the bias of a shape's classifier."""
        config = self._config
        size = (*block_grid(config, config.windows[shape]), block_features(config))
        none = np.empty((0, math.prod(size)), np.float32)
        vehicles = np.concatenate([none, *self._vehicles[shape]])
        background = np.concatenate([none, *self._background[shape]])
        if not len(vehicles) or not len(background):
            return np.zeros(size, np.float32), NEVER
        machine = LinearSVC(C=self._config.penalty, dual=False, tol=1e-3)
        examples = np.concatenate([vehicles, background])
        machine.fit(examples, np.arange(len(examples)) < len(vehicles))
        return machine.coef_.astype(np.float32).reshape(size), float(machine.intercept_[0])

    def _calibrate(self, windows: LinearWindows, views: Iterator[_GreyView]) -> LinearWindows:
        """Set the sigmoid to the share of true detections at each margin."""
        found = [self._judged(view, windows) for view in views]
        margins, true = (np.concatenate(one) for one in zip(*found, strict=True))
        return replace(windows, sigmoid=_platt(margins, true))

    def _judged(
        self, view: _GreyView, windows: LinearWindows
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the margins of a view's detections and which of them are true."""
        parts = []
        for level, shape, margins in windows.slide(view.grey, self._config):
            at = np.nonzero(margins > LOWEST_MARGIN)
            labels = np.zeros(len(at[0]), np.int64)
            parts.append(Detections(level.boxes(shape, *at), margins[at], labels))
        found = Detections.concatenate(parts)
        best = np.argsort(-found.scores, kind="stable")[:MOST_WINDOWS]
        found = suppress(found.filter(best), self._config.nms_iou)
        overlaps = Overlaps.of_boxes(found.boxes, found.scores, view.boxes, view.ignore)
        matches = overlaps.matches(self._config.positive_iou)
        return matches.scores, matches.true


def _platt(margins: NDArray[np.float64], true: NDArray[np.bool_]) -> Array:
    """Return slope and offset of the sigmoid that tells the chance to be true [2]_.

    Each example counts partly as its opposite, by Laplace's rule, so that the
    sigmoid stays finite where margins tell all.
    """
    if not len(margins):
        return UNCALIBRATED
    right, wrong = int(true.sum()), int((~true).sum())
    chance = np.where(true, (right + 1) / (right + 2), 1 / (wrong + 2))
    model = LogisticRegression(C=1e6)
    model.fit(
        np.tile(margins, 2)[:, None],
        np.repeat([1, 0], len(margins)),
        np.concatenate([chance, 1 - chance]),
    )
    return np.array([max(model.coef_[0, 0], LEAST_SLOPE), model.intercept_[0]], np.float32)
