"""Random draws of anchors and proposals that belong to the crop, not to the process.

What is drawn for a crop does not depend on the crops before it.  So a run that is
taken up again, or shared by several processes, draws what it would have drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN


Masks = tuple[list[Tensor], list[Tensor]]


class CropDraws:
    """Draws as a sampler of torchvision does, from a seed of the crop's own.

    Parameters
    ----------
    sampler : callable
        Takes the labels of the images of a batch and draws by torch's generator.
    seed : int
        That of the run.

    Attributes
    ----------
    crops : sequence of int
        Numbers of the crops of the batch to come.
    """

    def __init__(self, sampler: Callable[[list[Tensor]], Masks], seed: int) -> None:
        self.crops: Sequence[int] = ()
        self._sampler = sampler
        self._seed = seed

    def __call__(self, labels: list[Tensor]) -> Masks:
        """Return masks of the positive and the negative samples of each image."""
        positive, negative = [], []
        for crop, label in zip(self.crops, labels, strict=True):
            torch.manual_seed(int(np.random.SeedSequence([self._seed, crop]).generate_state(1)[0]))
            (positives,), (negatives,) = self._sampler([label])
            positive.append(positives)
            negative.append(negatives)
        return positive, negative


def draw_by_crop(model: GeneralizedRCNN, seed: int) -> list[CropDraws]:
    """Replace both samplers of a detector; return them, to be told the crops."""
    draws = []
    for stage in (model.rpn, model.roi_heads):
        stage.fg_bg_sampler = CropDraws(stage.fg_bg_sampler, seed)
        draws.append(stage.fg_bg_sampler)
    return draws
