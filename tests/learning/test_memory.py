from __future__ import annotations

import pytest
import torch

from geovehicle.errors import DatasetError, GeoVehicleError
from geovehicle.learning.memory import enough_memory


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            "of cuda is too small; lower --batch",
        ),
        (RuntimeError("MPS backend out of memory (…)"), "memory of cuda is too small; lower"),
        (
            MemoryError("Caught MemoryError in DataLoader worker"),
            "of cpu is too small; lower",
        ),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "lower --workers"),
    ],
)
def test_memory(error: Exception, message: str) -> None:
    with pytest.raises(GeoVehicleError, match=message), enough_memory(torch.device("cuda")):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), DatasetError("no image")])
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), enough_memory(torch.device("cpu")):
        raise error
