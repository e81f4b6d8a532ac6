"""Train a detector on labelled images."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from geovehicle.engines.detectors import scene_gsds
from geovehicle.errors import DatasetError, InterruptionError
from geovehicle.evaluation import LOWEST_SCORE, predict
from geovehicle.files import sweep
from geovehicle.learning.averaging import Calibration
from geovehicle.learning.batches import batches, share_of_batch
from geovehicle.learning.folder import writing
from geovehicle.learning.interruption import interruptible
from geovehicle.learning.learner import Learner
from geovehicle.learning.log import LOG, Log, Step, open_log
from geovehicle.learning.memory import enough_memory, enough_memory_to_validate
from geovehicle.learning.pictures import clear_pictures, save_pictures
from geovehicle.learning.start import IMAGENET, Recipe, first_model, provenance_of
from geovehicle.learning.state import STATE, Progress, facts_of, load_state, save_state
from geovehicle.matching import Overlaps
from geovehicle.model import processes
from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
from geovehicle.model.detector import VehicleDetector
from geovehicle.settings import LONGEST_VEHICLE_M, PAPER, DetectSettings, TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.data.coco import LabelledImage
    from geovehicle.detections import Detections
    from geovehicle.learning.interruption import Wish
    from geovehicle.learning.state import Facts

__all__ = [
    "BEST",
    "CHECKPOINT",
    "IMAGENET",
    "LOG",
    "STATE",
    "Recipe",
    "Run",
    "Step",
    "train",
]

CHECKPOINT = "model.safetensors"
BEST = "best.safetensors"
PICTURES = "validation"


@dataclass(frozen=True)
class Run:
    """Where a training writes, and what it is watched by.

    Attributes
    ----------
    folder : Path
        Made if missing.  It gets ``model.safetensors`` (the moving average of the
        weights), ``state.safetensors`` (all that is needed to go on), ``log.jsonl``
        (a line an iteration) and, where TensorBoard is installed, ``tensorboard/``.
    validation : sequence of LabelledImage
        Images that are kept aside.  With them the folder gets ``best.safetensors``,
        the weights with the highest AP50, and a few pictures in ``validation/``.
    resume : bool
        Go on from the state in the folder, if there is one.
    """

    folder: Path
    validation: Sequence[LabelledImage] = ()
    resume: bool = False


def train(
    images: Sequence[LabelledImage],
    run: Run | Path,
    recipe: Recipe,
    settings: TrainSettings,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Path:
    """Train a detector and return its checkpoint.

    Under ``torchrun`` each process takes its share of every batch, and the first one
    writes and calls.

    Without ``resume`` an earlier run in the folder is replaced: its state, best weights,
    log and pictures at once, its checkpoint by the first of the new run.

    Parameters
    ----------
    images : sequence of LabelledImage
        The training set.
    run : Run or Path
        Where the results go and what the training is watched by, or just the folder.
    recipe : Recipe
        What is trained.
    settings : TrainSettings
        How it is trained.
    on_step : callable
        Called after each iteration.

    Raises
    ------
    DatasetError
        If there is no vehicle to learn from or to validate with.
    SettingsError
        If the checkpoint to go on from works at another ground sampling distance,
        the state to go on from is that of another run, or several processes cannot
        share a batch.
    OutputError
        If the folder cannot be written.
    GeoVehicleError
        If the loss is not finite, or the device's memory is too small.
    InterruptionError
        After Ctrl-C; the state is saved.
    """
    run = run if isinstance(run, Run) else Run(run)
    _check_labels(images, run.validation)
    with processes.joined(settings.device) as device, enough_memory(device):
        share_of_batch(0, settings.batch)
        torch.manual_seed(settings.seed)
        model, config, started_from = first_model(recipe, settings.gsd)
        provenance = provenance_of(images, recipe, settings) | started_from
        info = ModelInfo(config, ("vehicle",), settings.gsd, recipe.licence, provenance)
        work = _Work(Learner(model, settings, device), info, images, run, settings)
        work.take_up(facts_of(recipe, settings, images, run.validation))
        work.do(on_step)
    return run.folder / CHECKPOINT


def _check_labels(images: Sequence[LabelledImage], validation: Sequence[LabelledImage]) -> None:
    if not any(len(image.boxes) for image in images):
        raise DatasetError("no image has a labelled vehicle; nothing can be learnt from it")
    if validation and not any(len(image.boxes) for image in validation):
        raise DatasetError("no image for validation has a labelled vehicle; leave out --val")


class _Work:
    """One training, from where it is taken up to its end or an interrupt."""

    def __init__(
        self,
        learner: Learner,
        info: ModelInfo,
        images: Sequence[LabelledImage],
        run: Run,
        settings: TrainSettings,
    ) -> None:
        self._learner = learner
        self._info = info
        self._images = images
        self._run = run
        self._settings = settings
        self._progress = Progress()
        self._facts: Facts = {}
        self._calibration = Calibration(images, settings)
        self._calibrated = -1
        self._writes = processes.number() == 0

    def take_up(self, facts: Facts) -> None:
        """Load the state of the folder, or begin with one, so that any end can be mended."""
        self._facts = facts
        folder, state = self._run.folder, self._run.folder / STATE
        known = self._run.resume and state.is_file()
        resumed = processes.is_true_for_any(known, self._learner.device)  # before one is written
        if resumed:
            self._progress = load_state(state, self._learner, facts)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if self._writes:
            sweep(folder)
            if not resumed:
                save_state(state, self._learner, self._progress, facts)
            if self._progress.iteration == 0:
                self._forget_others()

    def _forget_others(self) -> None:
        """Remove what can only be of an earlier run, for this one is about to begin."""
        with writing(self._run.folder):
            (self._run.folder / BEST).unlink(missing_ok=True)
        clear_pictures(self._run.folder / PICTURES)

    def do(self, on_step: Callable[[Step], None]) -> None:
        """Learn until the end, unless it has been reached before."""
        progress = self._progress
        if progress.is_over(self._settings):
            return
        begun = time.monotonic() - progress.seconds
        record = open_log(self._run.folder, progress.iteration) if self._writes else nullcontext()
        with interruptible(patient=processes.is_together()) as wish, record as log:
            left = range(progress.iteration, self._settings.iterations)
            for batch in batches(self._images, self._settings, left):
                losses = self._learner.learn(progress.iteration, batch)
                progress.iteration += 1
                figures = self._validate(log)
                progress.seconds = time.monotonic() - begun
                if log is not None:
                    rate = self._learner.rate
                    step = Step(progress.iteration, rate, losses, progress.seconds, figures)
                    log.write(step)
                    on_step(step)
                self._save(wish)
                if progress.is_over(self._settings):
                    break

    def _save(self, wish: Wish) -> None:
        """Save what is due; the state last, so that what it stands for is there."""
        progress = self._progress
        over = progress.is_over(self._settings)
        due = over or progress.iteration % self._settings.save_every == 0
        ended = not over and processes.is_true_for_any(wish.expressed, self._learner.device)
        if due:
            self._save_checkpoint(CHECKPOINT, {})
        if (due or ended) and self._writes:
            save_state(self._run.folder / STATE, self._learner, progress, self._facts)
        if ended:
            raise InterruptionError(
                f"interrupted after iteration {progress.iteration}; the same command with"
                " --resume goes on from there"
            )

    def _save_checkpoint(self, name: str, figures: dict[str, float]) -> None:
        model = self._delivered()
        if self._writes:
            facts = {"iteration": self._progress.iteration}
            told = {"validation": facts | figures} if figures else {}
            ranges = self._calibration.ranges(model)
            provenance = self._info.provenance | told
            info = replace(self._info, provenance=provenance, ranges=ranges)
            save_checkpoint(self._run.folder / name, model, info)

    def _delivered(self) -> GeneralizedRCNN:
        """Return the average of the weights with statistics of its own."""
        model: GeneralizedRCNN = self._learner.average.module
        if self._calibrated != self._progress.iteration:
            self._calibration.recalibrate(model)
            self._calibrated = self._progress.iteration
        return model

    def _validate(self, log: Log | None) -> dict[str, float]:
        """Return the figures of a validation, or nothing where none is due."""
        iteration = self._progress.iteration
        last = iteration == self._settings.iterations
        if not self._run.validation or not (last or iteration % self._settings.val_every == 0):
            return {}
        found = self._detections()
        figures = _figures(self._run.validation, found)
        if self._progress.validated(figures["AP50"]):
            self._save_checkpoint(BEST, figures)
        if log is not None:
            folder = self._run.folder / PICTURES
            chosen = [one.filter(one.scores >= figures["score"]) for one in found]
            pictures = save_pictures(folder, self._run.validation, chosen)
            for name, picture in pictures.items():
                log.show(name, picture, iteration)
        return figures

    def _detections(self) -> list[Detections]:
        """Return what is found on the images for validation, which all processes share."""
        gsds = scene_gsds(self._info, DetectSettings())
        settings = DetectSettings(
            score=LOWEST_SCORE,
            patch=max(DetectSettings.patch, 2 * math.ceil(LONGEST_VEHICLE_M / gsds[0])),
            device=self._settings.device,
            precision=self._settings.precision,
        )
        model = self._delivered()
        own = self._run.validation[processes.number() :: processes.count()]
        with enough_memory_to_validate(self._learner.device):
            detector = VehicleDetector(model, self._info, settings)
            found = predict(own, detector, settings, gsds)
        return processes.gathered(found)


def _figures(images: Sequence[LabelledImage], found: Sequence[Detections]) -> dict[str, float]:
    """Return AP50, the best F1 at the paper's IoU, and the score that it has it at."""
    overlaps = Overlaps.concatenate(
        [
            Overlaps.of_boxes(one.boxes, one.scores, image.boxes, image.ignore)
            for image, one in zip(images, found, strict=True)
        ]
    )
    paper = overlaps.matches(PAPER.evaluation_iou)
    score = paper.best_score()
    return {
        "AP50": float(overlaps.matches(0.5).average_precision()),
        "F1": float(paper.at_score(score).f1),
        "score": float(score),
    }
