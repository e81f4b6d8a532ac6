"""Which optimiser moves which weights, and how fast, at every step of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.settings import TrainSettings

LOWEST_RATE = 0.01
"""Factor of the learning rate at the end of the cosine."""

LATE, LATE_RATE = 0.75, 0.1
"""Share of the run after which the schedule of steps takes this factor: Faster R-CNN's
60,000 of 80,000 steps."""


def make_optimiser(model: GeneralizedRCNN, settings: TrainSettings) -> torch.optim.Optimizer:
    """Return the optimiser of a model's free weights."""
    groups = parameter_groups(model, settings)
    if settings.optimiser == "sgd":
        return torch.optim.SGD(
            groups, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)


def parameter_groups(model: GeneralizedRCNN, settings: TrainSettings) -> list[dict[str, Any]]:
    """Return the free weights in three groups, each with its peak rate as ``initial_lr``.

    What starts from scratch, what ImageNet has taught, which moves slower, and the
    region proposal network.
    """
    backbone = model.backbone.backbone
    taught = {
        id(parameter)
        for part in backbone.pretrained_parts
        for parameter in backbone.get_submodule(part).parameters()
    }
    proposing = {id(parameter) for parameter in model.rpn.parameters()}
    groups: tuple[list[nn.Parameter], ...] = ([], [], [])
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups[1 if id(parameter) in taught else 2 * (id(parameter) in proposing)].append(
                parameter
            )
    rate = settings.learning_rate
    rates = rate, rate * settings.backbone_factor, settings.rpn_learning_rate or rate
    return [
        {"params": parameters, "lr": peak, "initial_lr": peak}
        for parameters, peak in zip(groups, rates, strict=True)
        if parameters
    ]


def set_rate(optimiser: torch.optim.Optimizer, step: int, settings: TrainSettings) -> float:
    """Set the learning rates of a step, counted from 0; return the first group's."""
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * rate_factor(step, settings)
    return float(optimiser.param_groups[0]["lr"])


def rate_factor(step: int, settings: TrainSettings) -> float:
    """Return the learning rate's factor: linear warm-up, then the fall of the schedule."""
    if step < settings.warm_up:
        return (step + 1) / settings.warm_up
    if settings.schedule == "step":
        return 1.0 if step < LATE * settings.iterations else LATE_RATE
    progress = (step - settings.warm_up) / max(settings.iterations - settings.warm_up, 1)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    return LOWEST_RATE + (1.0 - LOWEST_RATE) * cosine
