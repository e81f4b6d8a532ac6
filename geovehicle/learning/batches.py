"""The batches of a run, from any iteration on; each process gets its share."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from geovehicle.data.sampling import TrainingCrops, collate
from geovehicle.errors import GeoVehicleError, SettingsError
from geovehicle.model import processes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from geovehicle.data.coco import LabelledImage
    from geovehicle.settings import TrainSettings

Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


def share_of_batch(iteration: int, batch: int) -> range:
    """Return the numbers of this process's crops of an iteration, counted from 0.

    Raises
    ------
    SettingsError
        If the processes cannot share the batch evenly.
    """
    share, rest = divmod(batch, processes.count())
    if rest:
        raise SettingsError(
            f"a batch of {batch} cannot be shared by {processes.count()} processes; "
            f"make --batch a multiple of {processes.count()}"
        )
    first = iteration * batch + processes.number() * share
    return range(first, first + share)


def batches(
    images: Sequence[LabelledImage], settings: TrainSettings, iterations: Iterable[int]
) -> Iterator[Batch]:
    """Yield this process's share of the batches of some iterations, counted from 0.

    Raises
    ------
    DatasetError
        If an image cannot be read; a worker's error comes out as its own one line.
    """
    numbers = [list(share_of_batch(iteration, settings.batch)) for iteration in iterations]
    loader = DataLoader(
        TrainingCrops(images, settings),
        batch_sampler=numbers,
        num_workers=settings.workers,
        collate_fn=collate,
        multiprocessing_context="spawn" if settings.workers else None,
        worker_init_fn=_one_thread,
    )
    with _deaf_to_interrupts():
        iterator = iter(loader)
    try:
        yield from iterator
    except GeoVehicleError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise type(error)(last_line.rpartition(f"{type(error).__name__}: ")[2]) from error


def _one_thread(worker: int) -> None:
    """Leave the other cores to the model."""
    torch.set_num_threads(1)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Start workers that leave Ctrl-C to this process, which ends them in good order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
