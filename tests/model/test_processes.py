from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.distributed as dist

from geovehicle.errors import SettingsError
from geovehicle.model import processes

if TYPE_CHECKING:
    from collections.abc import Callable


def test_alone_nothing_changes() -> None:
    value = torch.tensor([1.0, 2.0], requires_grad=True)
    assert processes.mean(value) is value
    assert processes.mean_with_gradient(value).sum().backward() is None
    assert torch.equal(value.grad, torch.ones(2))
    assert processes.weight_of(torch.tensor(0)) == 1
    assert (processes.count(), processes.number(), processes.speaks()) == (1, 0, True)
    assert processes.is_true_for_any(True, torch.device("cpu")) is True
    assert processes.gathered([1, 2]) == [1, 2]
    with processes.joined("cpu") as device:
        assert device == torch.device("cpu")
        assert not processes.is_together()


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a function that tells what the other of two processes has."""

    def other_has(other: Any) -> None:
        def all_reduce(total: torch.Tensor) -> None:
            total += torch.as_tensor(other, dtype=total.dtype)

        def all_gather(shares: list[Any], own: Any) -> None:
            shares[:] = [own, other]

        monkeypatch.setattr(dist, "all_reduce", all_reduce)
        monkeypatch.setattr(dist, "all_gather_object", all_gather)

    monkeypatch.setattr(processes, "is_together", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    return other_has


@pytest.mark.parametrize(("own", "other"), [(6, 2), (0, 3), (0, 0)])
def test_weighted_means_add_up_to_the_mean_over_all(
    pair: Callable[[Any], None], own: int, other: int
) -> None:
    weights = []
    for mine, theirs in ((own, other), (other, own)):
        pair(float(theirs))
        weights.append(float(processes.weight_of(torch.tensor(mine))))
    sums = torch.tensor([5.0 if own else 0.0, 7.0 if other else 0.0])
    means = sums / torch.tensor([own, other]).clamp_min(1)
    whole = sums.sum() / max(own + other, 1)
    assert float((means * torch.tensor(weights)).mean()) == pytest.approx(float(whole))


def test_a_wish_of_one_is_the_wish_of_all(pair: Callable[[Any], None]) -> None:
    pair(1.0)
    assert processes.is_true_for_any(False, torch.device("cpu"))
    pair(0.0)
    assert not processes.is_true_for_any(False, torch.device("cpu"))


def test_items_come_back_in_turn(pair: Callable[[Any], None]) -> None:
    items = list("abcde")
    pair(items[1::2])
    assert processes.gathered(items[0::2]) == items


@pytest.mark.parametrize(("gpus", "told"), [(1, "1 GPU"), (3, "3 GPUs")])
def test_no_two_processes_share_a_gpu(
    monkeypatch: pytest.MonkeyPatch, gpus: int, told: str
) -> None:
    names = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "4", "RANK": "0"}
    for name, value in {**names, "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    message = f"^4 processes but {told}; lower --nproc-per-node or add --device cpu"
    with pytest.raises(SettingsError, match=message), processes.joined("cuda"):
        pass
