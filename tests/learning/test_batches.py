from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from geovehicle.errors import SettingsError
from geovehicle.learning.batches import batches, share_of_batch
from geovehicle.model import processes

if TYPE_CHECKING:
    from pathlib import Path
    from types import SimpleNamespace


def test_processes_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share_of_batch(3, 4) == range(12, 16)
    monkeypatch.setattr(processes, "count", lambda: 2)
    shares = []
    for number in range(2):
        monkeypatch.setattr(processes, "number", lambda number=number: number)
        shares += share_of_batch(3, 4)
    assert shares == list(range(12, 16))
    with pytest.raises(SettingsError, match=r"a batch of 3 cannot be shared by 2 processes; make"):
        share_of_batch(0, 3)


def test_a_run_that_is_taken_up_gets_the_batches_that_are_left(
    tiny: SimpleNamespace, tmp_path: Path
) -> None:
    images = tiny.photos(tmp_path / "photo.png")
    settings = replace(tiny.SETTINGS, iterations=3)
    every = list(batches(images, settings, range(3)))
    left = list(batches(images, settings, range(2, 3)))
    assert (len(every), len(left)) == (3, 1)
    assert all(torch.equal(*pair) for pair in zip(every[2][0], left[0][0], strict=True))
    assert not torch.equal(every[0][0][0], every[1][0][0])
