"""A model that learns, step by step: its weights, their average and the optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from geovehicle.errors import GeoVehicleError
from geovehicle.learning.averaging import moving_average
from geovehicle.learning.batch_norm import share_statistics
from geovehicle.learning.batches import share_of_batch
from geovehicle.learning.draws import draw_by_crop
from geovehicle.learning.optimisation import make_optimiser, set_rate
from geovehicle.model import processes
from geovehicle.model.device import choose_precision

if TYPE_CHECKING:
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.learning.batches import Batch
    from geovehicle.settings import TrainSettings

MODEL, AVERAGE, OPTIMISER = "model.", "average.", "optimiser."
"""How the names of the tensors of a state begin."""


class Learner:
    """A detector in training.

    Parameters
    ----------
    model : GeneralizedRCNN
        What learns; taken over.
    settings : TrainSettings
        How it learns.
    device : torch.device
        Where it learns.

    Attributes
    ----------
    model : GeneralizedRCNN
        With the weights of the last step.
    average : AveragedModel
        The moving average of them, as ``average.module``.
    device : torch.device
        Where it learns.
    rate : float
        Learning rate of the last step.
    """

    def __init__(
        self, model: GeneralizedRCNN, settings: TrainSettings, device: torch.device
    ) -> None:
        self.model = model.to(device, memory_format=torch.channels_last).train()
        self._settings = settings
        self.device = device
        self._precision = choose_precision(settings.precision, device)
        self._draws = draw_by_crop(self.model, settings.seed)
        self._forward: nn.Module = self.model
        if processes.is_together():
            share_statistics(self.model)
        self.average = moving_average(self.model, settings)
        self.optimiser = make_optimiser(self.model, settings)
        self.rate = 0.0
        if processes.is_together():
            self._forward = self._together()

    def learn(self, iteration: int, batch: Batch) -> dict[str, float]:
        """Take one step, counted from 0, and return the losses over the whole batch.

        Raises
        ------
        GeoVehicleError
            If a loss is not finite.
        """
        losses = self._losses(iteration, batch)
        total = torch.stack(list(losses.values())).sum()
        values = processes.mean(torch.stack([loss.detach() for loss in losses.values()]))
        self._check(iteration, values)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        if self._settings.gradient_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self._settings.gradient_norm)
        self.rate = set_rate(self.optimiser, iteration, self._settings)
        self.optimiser.step()
        self.average.update_parameters(self.model)
        return dict(zip(losses, values.tolist(), strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the next step depends on, by name."""
        optimiser = {
            f"{OPTIMISER}{index}.{name}": value
            for index, state in self.optimiser.state_dict()["state"].items()
            for name, value in state.items()
            if value is not None
        }
        model = {MODEL + name: value for name, value in self.model.state_dict().items()}
        average = {AVERAGE + name: value for name, value in self.average.state_dict().items()}
        return model | average | optimiser

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go back to a state that :meth:`tensors` told.

        Raises
        ------
        RuntimeError, KeyError, ValueError
            If it is the state of another model.
        """
        self.model.load_state_dict(_part(tensors, MODEL))
        self.average.load_state_dict(_part(tensors, AVERAGE))
        state: dict[int, dict[str, Tensor]] = {}
        parameters = [one for group in self.optimiser.param_groups for one in group["params"]]
        for key, value in _part(tensors, OPTIMISER).items():
            index, _, name = key.partition(".")
            alike = torch.zeros_like(parameters[int(index)]) if value.dim() else value
            state.setdefault(int(index), {})[name] = alike.copy_(value)
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})

    def _losses(self, iteration: int, batch: Batch) -> dict[str, Tensor]:
        images = [image.to(self.device) for image in batch[0]]
        targets = [{key: value.to(self.device) for key, value in one.items()} for one in batch[1]]
        for draws in self._draws:
            draws.crops = share_of_batch(iteration, self._settings.batch)
        reduced = self._precision is not torch.float32
        with torch.autocast(self.device.type, self._precision, enabled=reduced):
            losses: dict[str, Tensor] = self._forward(images, targets)
        return losses

    def _check(self, iteration: int, losses: Tensor) -> None:
        total = losses.sum()
        if not torch.isfinite(total):
            raise GeoVehicleError(
                f"the loss is {total.item()} at iteration {iteration + 1}; lower --learning-rate"
            )

    def _together(self) -> nn.Module:
        """Return the model such that gradients are averaged over all processes.

        Without the skip connection a norm after conv4 may have no say in the result.
        """
        device_ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(
            self.model,
            device_ids=device_ids,
            find_unused_parameters=not self.model.backbone.skip_connection,
        )


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
