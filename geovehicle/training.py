"""Train a detector on labelled images."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from geovehicle import __version__
from geovehicle.data.sampling import TrainingCrops, collate
from geovehicle.errors import DatasetError, GeoVehicleError, OutputError, SettingsError
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import ModelInfo, load_checkpoint, save_checkpoint
from geovehicle.model.device import choose_device, choose_precision
from geovehicle.settings import DEFAULT_DETECTOR, DetectorConfig, TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.data.coco import LabelledImage

CHECKPOINT = "model.safetensors"
LOG = "log.jsonl"

LONGEST_MEMORY = 0.1
"""Half-life of the moving average as a share of a run, or short runs would save what
they started with."""

IMAGENET = "imagenet"
"""In place of a file: the ImageNet weights that torchvision downloads."""

Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


@dataclass(frozen=True)
class Step:
    """What one iteration tells: its number, its losses and the time since the start."""

    iteration: int
    learning_rate: float
    losses: dict[str, float]
    seconds: float

    @property
    def loss(self) -> float:
        """Sum of the losses."""
        return sum(self.losses.values())


@dataclass(frozen=True)
class Recipe:
    """What is trained and what its checkpoint will say.

    Attributes
    ----------
    config : DetectorConfig
        Architecture and losses.
    backbone_weights : str or Path, optional
        A file of ImageNet weights, or :data:`IMAGENET` for those that torchvision
        downloads; without either the backbone starts from scratch.
    start : str or Path, optional
        Shipped weights, by name, or a checkpoint to go on from.  Its own
        configuration and backbone then take the place of those above.
    licence : str
        Terms under which the weights may be used.
    provenance : dict
        Further facts for the checkpoint, such as the names of the data.
    """

    config: DetectorConfig = DEFAULT_DETECTOR
    backbone_weights: str | Path | None = None
    start: str | Path | None = None
    licence: str = "not stated"
    provenance: dict[str, str] = field(default_factory=dict)


def train(
    images: Sequence[LabelledImage],
    folder: Path,
    recipe: Recipe,
    settings: TrainSettings,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Path:
    """Train a detector and return its checkpoint.

    Parameters
    ----------
    images : sequence of LabelledImage
        The training set.
    folder : Path
        Where ``model.safetensors`` (the moving average of the weights) and
        ``log.jsonl`` (a line an iteration) are written; made if missing.
    recipe : Recipe
        What is trained.
    settings : TrainSettings
        How it is trained.
    on_step : callable
        Called after each iteration.

    Raises
    ------
    DatasetError
        If there is no vehicle to learn from.
    SettingsError
        If the checkpoint to go on from works at another ground sampling distance.
    GeoVehicleError
        If the loss is not finite, or the device's memory is too small.
    """
    if not any(len(image.boxes) for image in images):
        raise DatasetError("no image has a labelled vehicle; nothing can be learnt from it")
    torch.manual_seed(settings.seed)
    model, config, started_from = _start(recipe, settings.gsd)
    model = model.to(choose_device(settings.device), memory_format=torch.channels_last).train()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(_decay(settings)))  # type: ignore[no-untyped-call]
    provenance = _provenance(images, recipe, settings) | started_from
    info = ModelInfo(config, ("vehicle",), settings.gsd, recipe.licence, provenance)
    checkpoint = folder / CHECKPOINT
    with _open_log(folder) as log:
        for step in _steps(model, _batches(images, settings), settings):
            average.update_parameters(model)
            log.write(json.dumps(asdict(step)) + "\n")
            log.flush()
            on_step(step)
            if step.iteration % settings.save_every == 0 or step.iteration == settings.iterations:
                recalibrate(average.module, images, settings)
                save_checkpoint(checkpoint, average.module, info)
    return checkpoint


def recalibrate(
    model: GeneralizedRCNN, images: Sequence[LabelledImage], settings: TrainSettings
) -> None:
    """Measure the batch statistics of averaged weights anew, on training crops.

    Averaged weights see other activations than any of the weights they are made
    of; with those weights' statistics scores come out far too low.  ImageNet's
    statistics stay.

    Parameters
    ----------
    model : GeneralizedRCNN
        Changed in place; left in evaluation mode.
    images : sequence of LabelledImage
        The training set.
    settings : TrainSettings
        Of which ``calibration`` tells the number of batches.
    """
    device = next(model.parameters()).device
    precision = choose_precision(settings.precision, device)
    crops = TrainingCrops(images, settings)
    norms = _learning_norms(model.train())
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    with (
        torch.no_grad(),
        torch.autocast(device.type, precision, enabled=precision is not torch.float32),
    ):
        for batch in range(settings.calibration):
            numbers = range(batch * settings.batch, (batch + 1) * settings.batch)
            samples = [crops[number % len(crops)][0].to(device) for number in numbers]
            model.backbone(model.transform(samples)[0].tensors)
    model.eval()


def _decay(settings: TrainSettings) -> float:
    """Return the share of the moving average that one iteration leaves in place."""
    half_life = min(settings.ema_half_life, settings.iterations * LONGEST_MEMORY)
    return float(0.5 ** (1 / half_life))


def _learning_norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    """Return the batch norms that estimate their own statistics in training."""
    norms = (module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    return [norm for norm in norms if norm.training]


def _start(recipe: Recipe, gsd: float) -> tuple[GeneralizedRCNN, DetectorConfig, dict[str, Any]]:
    """Return the model, its configuration and what it goes on from.

    The stem is frozen and ImageNet's batch statistics are kept, if there are any.
    """
    if recipe.start is not None:
        model, info = load_checkpoint(recipe.start)
        if not math.isclose(info.gsd, gsd):
            raise SettingsError(
                f"{recipe.start} works at {info.gsd:g} m, not {gsd:g} m; add --gsd {info.gsd:g}"
            )
        model.requires_grad_(True)
        backbone = model.backbone.backbone
        if _has_seen_imagenet(info.provenance):
            backbone.pretrained_parts = backbone.imagenet_parts
        origin = {**info.provenance, "licence": info.licence}
        config, started_from = info.config, {"started_from": origin}
    else:
        model, config, started_from = build_detector(recipe.config), recipe.config, {}
        backbone = model.backbone.backbone
        if recipe.backbone_weights is not None:
            wanted = str(recipe.backbone_weights)
            backbone.load_imagenet(None if wanted == IMAGENET else Path(wanted))
    if backbone.pretrained_parts:
        for part in backbone.stem_parts:
            backbone.get_submodule(part).requires_grad_(False)
    return model, config, started_from


def _has_seen_imagenet(provenance: dict[str, Any]) -> bool:
    """Tell whether a checkpoint, or one that it goes back to, began with ImageNet weights."""
    earlier = provenance.get("started_from")
    return bool(provenance.get("backbone_weights")) or (
        isinstance(earlier, dict) and _has_seen_imagenet(earlier)
    )


def _batches(images: Sequence[LabelledImage], settings: TrainSettings) -> Iterator[Batch]:
    """Yield the batches of a run; a worker's error comes out as its own one line."""
    loader = DataLoader(
        TrainingCrops(images, settings),
        batch_size=settings.batch,
        num_workers=settings.workers,
        collate_fn=collate,
        multiprocessing_context="spawn" if settings.workers else None,
        worker_init_fn=_one_thread,
    )
    try:
        yield from loader
    except GeoVehicleError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise type(error)(last_line.rpartition(f"{type(error).__name__}: ")[2]) from error


def _one_thread(worker: int) -> None:
    """Leave the other cores to the model."""
    torch.set_num_threads(1)


def _steps(
    model: GeneralizedRCNN, batches: Iterator[Batch], settings: TrainSettings
) -> Iterator[Step]:
    """Optimise the model, batch by batch."""
    device = next(model.parameters()).device
    precision = choose_precision(settings.precision, device)
    optimiser = torch.optim.AdamW(
        _parameter_groups(model, settings), weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, settings))
    start = time.monotonic()
    for iteration, (images, targets) in enumerate(batches, start=1):
        images = [image.to(device) for image in images]
        targets = [{key: value.to(device) for key, value in one.items()} for one in targets]
        try:
            with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
                losses = model(images, targets)
        except torch.OutOfMemoryError as error:
            raise GeoVehicleError(
                f"the memory of {device} is too small; lower --batch or --crop"
            ) from error
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            raise GeoVehicleError(
                f"the loss is {total.item()} at iteration {iteration}; lower --learning-rate"
            )
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_norm)
        rate = optimiser.param_groups[0]["lr"]
        optimiser.step()
        schedule.step()
        values = {name: value.item() for name, value in losses.items()}
        yield Step(iteration, rate, values, time.monotonic() - start)


def _parameter_groups(
    model: GeneralizedRCNN, settings: TrainSettings
) -> list[dict[str, float | list[nn.Parameter]]]:
    """Separate what starts from scratch from what ImageNet has taught, which moves slower."""
    backbone = model.backbone.backbone
    taught = {
        id(parameter)
        for part in backbone.pretrained_parts
        for parameter in backbone.get_submodule(part).parameters()
    }
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in free if id(p) not in taught], "lr": settings.learning_rate},
        {
            "params": [p for p in free if id(p) in taught],
            "lr": settings.learning_rate * settings.backbone_factor,
        },
    ]


def _rate(step: int, settings: TrainSettings) -> float:
    """Return the learning rate's factor: linear warm-up, then half a cosine to 1 %."""
    if step < settings.warm_up:
        return (step + 1) / settings.warm_up
    progress = (step - settings.warm_up) / max(settings.iterations - settings.warm_up, 1)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


def _provenance(
    images: Sequence[LabelledImage], recipe: Recipe, settings: TrainSettings
) -> dict[str, Any]:
    return {
        "geovehicle": __version__,
        "images": len(images),
        "vehicles": sum(len(image.boxes) for image in images),
        "sources": sorted({image.source for image in images if image.source}),
        "backbone_weights": recipe.backbone_weights and Path(recipe.backbone_weights).name,
        "settings": asdict(settings),
        **recipe.provenance,
    }


def _open_log(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / LOG).open("w", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error
