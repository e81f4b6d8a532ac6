"""Where the detector runs, and in which arithmetic."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import TYPE_CHECKING

import torch

from geovehicle.errors import SettingsError

if TYPE_CHECKING:
    from geovehicle.settings import DeviceName, FloatName

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Parameters of glibc's ``mallopt``, from its malloc.h: from how many bytes on memory at
the end of the heap is given back, and a block has a mapping of its own; and how many heaps
threads have between them."""

MAPPED_FROM = (80 * 2**20, 32 * 2**20)
"""From how many bytes on a block has a mapping of its own, the second for a C library that
refuses the first.  The widest maps of the default patch are 64 MiB.  Those of larger patches
would leave gaps among other blocks."""

LARGEST_INT = 2**31 - 1


NO_MEMORY = ("DefaultCPUAllocator", "MPS backend out of memory", "out of memory")
"""What RuntimeErrors about memory say on processors and on Apple's GPUs."""


def is_no_memory(error: BaseException | None) -> bool:
    """Tell whether an error says that a device or the machine has too little memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in NO_MEMORY)


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


def choose_precision(name: FloatName, device: torch.device) -> torch.dtype:
    """Return the dtype of floating point; ``auto`` takes bfloat16 where it is fast.

    That is on GPUs with bfloat16 units, and on processors with AVX-512 or AMX
    instructions for it; elsewhere bfloat16 is emulated and slower than float32.
    """
    if name == "auto":
        return torch.bfloat16 if _bfloat16_is_fast(device) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def visible_gpus() -> tuple[str, ...]:
    """Return this process's CUDA devices as ``CUDA_VISIBLE_DEVICES`` names them."""
    count = torch.cuda.device_count()
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(names.split(",") if names else map(str, range(count)))[:count]


def threads() -> int:
    """Return how many threads this process computes with; the last bits depend on it."""
    return torch.get_num_threads()


def _bfloat16_is_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def keep_memory() -> None:
    """Have the C library keep what this process has freed, for the next tensor.

    Else glibc gives each large tensor back at once, and the kernel clears its pages anew
    for the next.  Other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.malloc_trim(0)  # what loading has left would not fit the patches' tensors
    # where it is refused, the other two would only end glibc's own adaptation
    if any(library.mallopt(M_MMAP_THRESHOLD, size) for size in MAPPED_FROM):
        library.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)
        library.mallopt(M_ARENA_MAX, 1)  # what one thread has freed serves the others
