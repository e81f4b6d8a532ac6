"""Where the detector runs, and in which arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from geovehicle.errors import SettingsError

if TYPE_CHECKING:
    from geovehicle.settings import DeviceName, PrecisionName


def choose_device(name: DeviceName) -> torch.device:
    """Return the device; ``auto`` takes CUDA, then Apple's MPS, then the CPU.

    Raises
    ------
    SettingsError
        If the device asked for is not there.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in present.items() if there))
    if not present[name]:
        raise SettingsError(f"no {name} device was found; leave out --device to use what is there")
    return torch.device(name)


def choose_precision(name: PrecisionName, device: torch.device) -> torch.dtype:
    """Return the dtype of the arithmetic; ``auto`` takes bfloat16 where it is fast.

    That is on GPUs with bfloat16 units, and on processors with AVX-512 or AMX
    instructions for it; elsewhere bfloat16 is emulated and slower than float32.
    """
    if name == "auto":
        return torch.bfloat16 if _bfloat16_is_fast(device) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _bfloat16_is_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
