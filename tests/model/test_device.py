from __future__ import annotations

import pytest
import torch

from geovehicle.model.device import visible_gpus


@pytest.mark.parametrize(
    ("names", "count", "expected"),
    [
        (None, 0, ()),
        (None, 2, ("0", "1")),
        ("", 0, ()),
        ("3,5", 2, ("3", "5")),
        ("GPU-8f1c,GPU-2b7e", 1, ("GPU-8f1c",)),
    ],
)
def test_gpus_are_named_as_the_user_names_them(
    monkeypatch: pytest.MonkeyPatch, names: str | None, count: int, expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if names is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", names)
    assert visible_gpus() == expected
