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


class Calibration:
    """What averaged weights have to be measured for, on the first training crops of a run.

    The crops are made once and kept as bytes.  Several processes share them.

    Parameters
    ----------
    images : sequence of LabelledImage
        The training set.
    settings : TrainSettings
        Of which ``calibration`` tells the number of batches.
    """

    def __init__(self, images: Sequence[LabelledImage], settings: TrainSettings) -> None:
        self._images, self._settings = images, settings
        self._made: list[list[Tensor]] | None = None

    def recalibrate(self, model: GeneralizedRCNN) -> None:
        """Measure the batch statistics of averaged weights anew.

        Averaged weights see other activations than any of the weights they are made of; with
        those weights' statistics scores come out far too low.  ImageNet's statistics stay.

        Parameters
        ----------
        model : GeneralizedRCNN
            Changed in place; left in evaluation mode.
        """
        norms = learning_norms(model.train()) if self._settings.calibration else []
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over all batches
        if norms:
            with torch.no_grad(), self._precise(model):
                for crops in self._crops(model):
                    model.backbone(model.transform(crops)[0].tensors)
        model.eval()

    def ranges(self, model: GeneralizedRCNN) -> dict[str, float]:
        """Return the ranges for int8 of a model in evaluation mode.

        Without any batches there are none, see :func:`geovehicle.model.int8.ranges_of`.
        """
        model.transform.train()  # nothing is smoothed: crops are as smooth as patches will be
        try:
            with self._precise(model):
                return ranges_of(model, self._crops(model))
        finally:
            model.transform.eval()

    def _crops(self, model: GeneralizedRCNN) -> Iterator[list[Tensor]]:
        """Yield batches of crops on the model's device, float32 in [0, 1]."""
        if self._made is None:
            count = self._settings.calibration
            iterations = [number % self._settings.iterations for number in range(count)]
            made = batches(self._images, self._settings, iterations)
            self._made = [[(crop * 255).round().byte() for crop in crops] for crops, _ in made]
        device = next(model.parameters()).device
        for crops in self._made:
            yield [crop.to(device).float() / 255 for crop in crops]

    def _precise(self, model: GeneralizedRCNN) -> torch.autocast:
        """Return a block in which a model computes in the precision of its training."""
        device = next(model.parameters()).device
        precision = choose_precision(self._settings.precision, device)
        return torch.autocast(device.type, precision, enabled=precision is not torch.float32)
