"""Too little memory, whoever notices, as one error that names the way out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from geovehicle.errors import GeoVehicleError

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOCATORS = ("DefaultCPUAllocator", "MPS backend out of memory", "out of memory")
"""What RuntimeErrors about memory say on processors and on Apple's GPUs."""

KILLED = "DataLoader worker"
"""How the error begins when a worker has gone: as a rule the system wanted its memory."""


@contextmanager
def enough_memory(device: torch.device) -> Iterator[None]:
    """Turn every kind of exhausted memory within the block into one line.

    Raises
    ------
    GeoVehicleError
        If the memory of the device or of the machine is too small.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _too_small(device) from error
    except MemoryError as error:
        raise _too_small(torch.device("cpu")) from error
    except RuntimeError as error:
        if str(error).startswith(KILLED):
            raise GeoVehicleError(
                "a process that prepares crops has ended, as a rule for want of memory; "
                "lower --workers or --crop"
            ) from error
        if not any(sign in str(error) for sign in ALLOCATORS):
            raise
        raise _too_small(device) from error


def _too_small(device: torch.device) -> GeoVehicleError:
    return GeoVehicleError(f"the memory of {device} is too small; lower --batch or --crop")
