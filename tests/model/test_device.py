from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from geovehicle.model.device import LARGEST_INT, MAPPED_FROM, keep_memory, visible_gpus


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


class Glibc(SimpleNamespace):
    """A C library that takes a block size up to a limit."""

    def __init__(self, largest: int) -> None:
        super().__init__(largest=largest, told=[])

    def malloc_trim(self, pad: int) -> int:
        return 1

    def mallopt(self, parameter: int, value: int) -> int:
        self.told.append((parameter, value))
        return int(parameter != -3 or value <= self.largest)


@pytest.mark.parametrize(
    ("largest", "told"),
    [
        (LARGEST_INT, [(-3, MAPPED_FROM[0]), (-1, LARGEST_INT), (-8, 1)]),
        (MAPPED_FROM[1], [(-3, MAPPED_FROM[0]), (-3, MAPPED_FROM[1]), (-1, LARGEST_INT), (-8, 1)]),
        (0, [(-3, MAPPED_FROM[0]), (-3, MAPPED_FROM[1])]),
    ],
    ids=["new", "old", "refuses"],
)
def test_freed_memory_is_kept_as_far_as_the_c_library_does(
    monkeypatch: pytest.MonkeyPatch, largest: int, told: list[tuple[int, int]]
) -> None:
    library = Glibc(largest)
    monkeypatch.setattr("geovehicle.model.device.ctypes.CDLL", lambda name: library)
    monkeypatch.setattr("geovehicle.model.device.platform.libc_ver", lambda: ("", ""))
    keep_memory()
    assert not library.told
    monkeypatch.setattr("geovehicle.model.device.platform.libc_ver", lambda: ("glibc", "2.36"))
    keep_memory()
    assert library.told == told
