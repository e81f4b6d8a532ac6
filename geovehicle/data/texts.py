"""Label files as bytes: regular files of a size that label files have, and no others."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2**26
"""Bytes of a file about one image, or of a list: a hundred times the longest published."""

LONGEST = 80
"""Characters of a wrong value that are told."""

DEEPEST = 3
"""Lists within lists of which something is told."""


def read_file(path: Path, largest: int = LARGEST) -> bytes:
    """Return the content of a file.

    Parameters
    ----------
    path : Path
        The file.
    largest : int
        Bytes that it may have: a sparse file of terabytes is made in no time.

    Raises
    ------
    OSError
        If it cannot be read, is larger, or is no regular file: a pipe would be waited for
        and a device has no end.
    """
    if not path.is_file():
        code = errno.EINVAL if path.exists() else errno.ENOENT
        reason = "not a regular file" if path.exists() else os.strerror(code)
        raise OSError(code, reason, str(path))
    if path.stat().st_size > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest / 2**20:g} MB", str(path))
    return path.read_bytes()


def shown(value: Any) -> str:
    """Return a value of a stranger's file as a message shows it: in a line and not at length."""
    return " ".join(_flat(value, DEEPEST).split())[:LONGEST]


def _flat(value: Any, depth: int) -> str:
    """Return a text of a value of JSON or YAML, whose repr may be endless."""
    if isinstance(value, dict | list) and not depth:
        return "..."
    if isinstance(value, list):
        return f"[{', '.join(_flat(one, depth - 1) for one in value[:LONGEST])}]"
    if isinstance(value, dict):
        pairs = list(value.items())[:LONGEST]
        inner = ", ".join(f"{_flat(key, 0)}: {_flat(one, depth - 1)}" for key, one in pairs)
        return f"{{{inner}}}"
    if isinstance(value, int) and abs(value) >= 10**LONGEST:
        return "a number of many digits"  # more than 4300 cannot be turned into text
    return str(value)[:LONGEST]
