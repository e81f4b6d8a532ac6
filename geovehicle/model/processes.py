"""Training in several processes, each with its share of every batch.

``torchrun`` starts the processes and tells each of them, in the environment, who it
is.  Whatever is computed over a batch is computed over all shares of it, so that the
number of processes changes the pace and not the result.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from geovehicle.errors import SettingsError
from geovehicle.model.device import choose_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geovehicle.settings import DeviceName


@contextmanager
def joined(device: DeviceName) -> Iterator[torch.device]:
    """Join the other processes of ``torchrun``, if there are any, for as long as the block lasts.

    Parameters
    ----------
    device : str
        The kind of device that is asked for.

    Yields
    ------
    torch.device
        The device of this process; of several GPUs each process takes its own.

    Raises
    ------
    SettingsError
        If the device asked for is not there, or there are fewer GPUs than processes.
    """
    chosen = choose_device(device)
    if not _has_company() or is_together():
        yield chosen
        return
    if chosen.type == "cuda":
        _check_gpus(int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count())
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield chosen
    finally:
        dist.destroy_process_group()


def _check_gpus(wanted: int, there: int) -> None:
    """Refuse what NCCL cannot do: two processes on one GPU."""
    if wanted > there:
        raise SettingsError(
            f"{wanted} processes but {there} GPU{'s' if there > 1 else ''};"
            " lower --nproc-per-node or add --device cpu"
        )


def speaks() -> bool:
    """Tell whether this process is the one that speaks to the user, joined or not."""
    return not _has_company() or os.environ["RANK"] == "0"


def _has_company() -> bool:
    launched = dist.is_available() and dist.is_torchelastic_launched()
    return launched and int(os.environ["WORLD_SIZE"]) > 1


def is_together() -> bool:
    """Tell whether this is one of several processes that have joined."""
    return dist.is_available() and dist.is_initialized()


def count() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if is_together() else 1


def number() -> int:
    """Return which of the processes this is, from 0.  Number 0 writes and speaks."""
    return dist.get_rank() if is_together() else 0


def mean(value: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes, without a gradient."""
    if not is_together():
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total / count()


def mean_with_gradient(value: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes, which passes gradients to all of them."""
    result: Tensor = _Mean.apply(value)
    return result


def weight_of(samples: Tensor) -> Tensor:
    """Return how much this process's mean over its samples counts in the mean over all.

    Gradients are averaged over processes.  A mean over other numbers of samples in
    each process, weighed like this, gives the gradient of the mean over all samples.

    Parameters
    ----------
    samples : Tensor
        Their number in this process, a scalar.

    Returns
    -------
    Tensor
        The number over the mean number of all processes; 1 in a single process.
    """
    if not is_together():
        return samples.new_ones(())
    return samples / mean(samples.float()).clamp_min(1 / count())


def is_true_for_any(flag: bool, device: torch.device) -> bool:
    """Tell every process whether `flag` is true in one of them."""
    return flag if not is_together() else bool(mean(torch.tensor(float(flag), device=device)) > 0)


def gathered(own: list[Any]) -> list[Any]:
    """Return the items of all processes in turn: the first of each, the second of each, …."""
    if not is_together():
        return own
    shares: list[list[Any]] = [[] for _ in range(count())]
    dist.all_gather_object(shares, own)
    longest = max(map(len, shares))
    return [share[i] for i in range(longest) for share in shares if i < len(share)]


class _Mean(torch.autograd.Function):
    """A mean over processes; so is the gradient of a sum of losses by each of its parts."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return mean(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return mean(gradients[0])
