"""Python's search for reference cycles, where there are none to be found."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def making_geometries() -> Iterator[None]:
    """Make many geometries without a search for reference cycles, which they never form.

    Python would go through all that are there each time that their number has grown by a
    quarter, which takes more than a quarter of the time of reading a million.
    """
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()
