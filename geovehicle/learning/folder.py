"""The folder of a run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from geovehicle.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an :class:`OSError` within the block, which writes to a path, into one line.

    Raises
    ------
    OutputError
        In place of it.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error};"
            " see to the folder's space and permissions or write elsewhere"
        ) from error
