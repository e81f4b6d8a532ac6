"""The moving average of the weights, which is what a training delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from geovehicle.learning.batch_norm import learning_norms
from geovehicle.learning.batches import batches
from geovehicle.model.device import choose_precision
from geovehicle.model.int8 import ranges_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.data.coco import LabelledImage
    from geovehicle.settings import TrainSettings

LONGEST_MEMORY = 0.1
"""Half-life of the moving average as a share of a run, or short runs would save what
they started with."""


def moving_average(model: nn.Module, settings: TrainSettings) -> AveragedModel:
    """Return the average of a model's weights, which now are its only past."""
    function = get_ema_multi_avg_fn(decay(settings))  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=function)


def decay(settings: TrainSettings) -> float:
    """Return the share of the moving average that one iteration leaves in place."""
    half_life = min(settings.ema_half_life, settings.iterations * LONGEST_MEMORY)
    return float(0.5 ** (1 / half_life)) if half_life else 0.0


def recalibrate(
    model: GeneralizedRCNN, images: Sequence[LabelledImage], settings: TrainSettings
) -> None:
    """Measure the batch statistics of averaged weights anew, on training crops.

    Averaged weights see other activations than any of the weights they are made
    of; with those weights' statistics scores come out far too low.  ImageNet's
    statistics stay.  Several processes share the crops.

    Parameters
    ----------
    model : GeneralizedRCNN
        Changed in place; left in evaluation mode.
    images : sequence of LabelledImage
        The training set.
    settings : TrainSettings
        Of which ``calibration`` tells the number of batches.
    """
    norms = learning_norms(model.train()) if settings.calibration else []
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    if norms:
        with torch.no_grad(), _precise(model, settings):
            for crops in _crops(model, images, settings):
                model.backbone(model.transform(crops)[0].tensors)
    model.eval()


def measured_ranges(
    model: GeneralizedRCNN, images: Sequence[LabelledImage], settings: TrainSettings
) -> dict[str, float]:
    """Return the ranges for int8, on the crops of :func:`recalibrate`.

    Parameters
    ----------
    model : GeneralizedRCNN
        In evaluation mode.
    images : sequence of LabelledImage
        The training set.
    settings : TrainSettings
        Of which ``calibration`` tells the number of batches; without any there are no ranges.

    Returns
    -------
    dict of str to float
        See :func:`geovehicle.model.int8.ranges_of`.
    """
    with _precise(model, settings):
        return ranges_of(model, _crops(model, images, settings))


def _crops(
    model: GeneralizedRCNN, images: Sequence[LabelledImage], settings: TrainSettings
) -> Iterator[list[Tensor]]:
    """Yield batches of training crops for measuring, on the model's device."""
    device = next(model.parameters()).device
    iterations = [one % settings.iterations for one in range(settings.calibration)]
    for crops, _ in batches(images, settings, iterations):
        yield [crop.to(device) for crop in crops]


def _precise(model: GeneralizedRCNN, settings: TrainSettings) -> torch.autocast:
    """Return a block in which a model computes in the precision of its training."""
    device = next(model.parameters()).device
    precision = choose_precision(settings.precision, device)
    return torch.autocast(device.type, precision, enabled=precision is not torch.float32)
