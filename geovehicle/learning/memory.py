"""Too little memory, whoever notices, as one error that names the way out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from geovehicle.errors import GeoVehicleError
from geovehicle.model.device import is_no_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

TRAINING = "; lower --batch or --crop"
VALIDATION = " to validate; leave out --val and use geovehicle evaluate on the checkpoint"
"""The ways out."""

KILLED = "DataLoader worker"
"""How the error begins when a worker has gone: as a rule the system wanted its memory."""


@contextmanager
def enough_memory(device: torch.device, way_out: str = TRAINING) -> Iterator[None]:
    """Turn every kind of exhausted memory within the block into one line.

    Parameters
    ----------
    device : torch.device
        Where the block computes.
    way_out : str
        How the line ends.

    Raises
    ------
    GeoVehicleError
        If the memory of the device or of the machine is too small.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _too_small(device, way_out) from error
    except MemoryError as error:
        raise _too_small(torch.device("cpu"), way_out) from error
    except RuntimeError as error:
        if str(error).startswith(KILLED):
            raise GeoVehicleError(
                "a process that prepares crops has ended, as a rule for want of memory; "
                "lower --workers or --crop"
            ) from error
        if not is_no_memory(error):
            raise
        raise _too_small(device, way_out) from error


@contextmanager
def enough_memory_to_validate(device: torch.device) -> Iterator[None]:
    """As :func:`enough_memory`, where a detector would name options that training has not.

    Raises
    ------
    GeoVehicleError
        If the memory of the device or of the machine is too small.
    """
    try:
        with enough_memory(device, VALIDATION):
            yield
    except GeoVehicleError as error:
        if not is_no_memory(error.__cause__):
            raise
        raise _too_small(device, VALIDATION) from error


def _too_small(device: torch.device, way_out: str) -> GeoVehicleError:
    return GeoVehicleError(f"the memory of {device} is too small{way_out}")
