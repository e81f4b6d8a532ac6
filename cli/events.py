"""What commands tell programs: a line of JSON for the result, and one for each event."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from .options import Function

INTERVAL = 0.5
"""Seconds between two events of progress."""


def json_option(
    help: str = "Print the summary as one line of JSON.",
) -> Callable[[Function], Function]:
    """Return the option that makes a command speak to programs."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def one_line(facts: Mapping[str, Any]) -> str:
    """Return facts as one line of JSON: numbers that JSON has not are null, names Unicode."""
    text = json.dumps(_plain(facts), ensure_ascii=False, allow_nan=False)
    return text.encode(errors="replace").decode()


def plain(text: str) -> str:
    """Return a text as a terminal may show it, in one line: a stranger's file may steer it."""
    line = " ".join(text.splitlines())
    return "".join(one if one.isprintable() else " " for one in line)


class Events:
    """Events as lines of JSON on stderr.

    Each line is an object whose member ``event`` says what happened.

    Parameters
    ----------
    told : bool
        False keeps them silent.
    """

    def __init__(self, told: bool) -> None:
        self._told = told
        self._start = time.monotonic()
        self._next = self._start

    def tell(self, event: str, **facts: Any) -> None:
        """Tell an event."""
        if self._told:
            click.echo(one_line({"event": event, **facts}), err=True)

    def progress(self, done: int, total: int, **facts: Any) -> None:
        """Tell how far it is: now and then, and at the end in any case."""
        now = time.monotonic()
        if now >= self._next or done >= total:
            self._next = now + INTERVAL
            seconds = round(now - self._start, 3)
            self.tell("progress", done=done, total=total, seconds=seconds, **facts)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
