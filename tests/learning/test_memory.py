from __future__ import annotations

import pytest
import torch

from geovehicle.errors import DatasetError, GeoVehicleError
from geovehicle.learning.memory import enough_memory, enough_memory_to_validate


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


def test_validation_has_a_way_out_of_its_own() -> None:
    device = torch.device("cuda")

    def detector() -> None:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        except torch.OutOfMemoryError as error:
            raise GeoVehicleError("too small; lower --batch or --patch") from error

    def validate() -> None:
        with enough_memory(device), enough_memory_to_validate(device):
            detector()

    message = r"^the memory of cuda is too small to validate; leave out --val and"
    with pytest.raises(GeoVehicleError, match=message):
        validate()
    with (
        pytest.raises(GeoVehicleError, match=message),
        enough_memory(device),
        enough_memory_to_validate(device),
    ):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    with pytest.raises(GeoVehicleError, match=r"^no$"), enough_memory_to_validate(device):
        raise GeoVehicleError("no")
