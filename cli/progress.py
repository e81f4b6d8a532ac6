"""How far a long job has come, on a terminal only."""

from __future__ import annotations

import math
import shutil
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

INTERVAL = 0.1
"""Seconds between two updates: faster than that nobody reads."""


class StatusLine:
    """One line on stderr that is written again and again, and gone at the end.

    Parameters
    ----------
    shown : bool
        False keeps it silent, as does a stderr that is no terminal.
    """

    def __init__(self, shown: bool = True) -> None:
        self.live = shown and sys.stderr.isatty()
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.live:
            self._rewrite("")

    def show(self, text: str) -> None:
        """Put a text in place of the last one."""
        now = time.monotonic()
        if self.live and now >= self._next:
            self._next = now + INTERVAL
            self._rewrite(text[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        """Take the text away, to make room for a line that stays."""
        if self.live:
            self._rewrite("")
        self._next = 0.0

    def _rewrite(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


class Pace:
    """How fast a count grows.  The clock starts at the first count, after all loading."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def __call__(self, done: float, total: float) -> tuple[float, float]:
        """Return the counts a second and the seconds left, 0 and infinity at first."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, done
        seconds, counted = now - self._first[0], done - self._first[1]
        if seconds <= 0 or counted <= 0:
            return 0.0, math.inf
        return counted / seconds, (total - done) * seconds / counted


def clock(seconds: float) -> str:
    """Return a duration as h:mm:ss, or dashes where it is not known."""
    return str(timedelta(seconds=round(seconds))) if math.isfinite(seconds) else "-:--:--"
