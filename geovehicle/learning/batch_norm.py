"""Batch norm whose batch is that of all processes, on every device.

torch's own ``SyncBatchNorm`` works on GPUs only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from geovehicle.model import processes

if TYPE_CHECKING:
    from typing import Self


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the shares of all processes, which have the same size."""

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> Self:
        """Return one with the parameters and statistics of another, which it takes over."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        for name, value in (*norm.named_parameters(), *norm.named_buffers()):
            setattr(shared, name, value)
        return shared.train(norm.training)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C, H, W), normalised; in training by the statistics of all shares."""
        if not self.training:
            return super().forward(features)
        precise = features.float()
        variance, own_mean = torch.var_mean(precise, (0, 2, 3), correction=0)
        mean = processes.mean_with_gradient(own_mean)
        variance = processes.mean_with_gradient(variance + (own_mean - mean) ** 2)
        samples = processes.count() * features.numel() // self.num_features
        self._remember(mean.detach(), variance.detach() * samples / max(samples - 1, 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        result = precise * scale[:, None, None] + shift[:, None, None]
        return result.to(features.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics as torch does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        with torch.no_grad():
            self.num_batches_tracked += 1
            share = self.momentum
            if share is None:
                share = 1.0 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance, share)


def learning_norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    """Return the batch norms that estimate their own statistics in training."""
    norms = (module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    return [norm for norm in norms if norm.training]


def share_statistics(model: nn.Module) -> None:
    """Let the learning batch norms of a model see the shares of all processes."""
    chosen = {id(norm) for norm in learning_norms(model)}
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d) and id(module) in chosen:
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, SharedBatchNorm.of(module))
