"""Calls in a process of their own: a crash, a hang or a flood of memory is a finding, no end."""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import signal
import traceback
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from geovehicle.errors import GeoVehicleError

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 20
"""What a call may take."""

BYTES = 3 * 2**29
"""What a call may take in memory, above what its process has at first."""


def check(function: Callable[..., object], *arguments: object) -> str | None:
    """Call a function; raise what makes a finding of its end, return what it refused.

    Parameters
    ----------
    function : callable
        It shall return, or raise an error of ours whose message is one line.
    *arguments
        Its arguments.

    Returns
    -------
    str or None
        The message of the error, None where there was none.

    Raises
    ------
    AssertionError
        If it does anything else.
    """
    resident, data = _memory()
    with TemporaryFile() as told:
        child = os.fork()
        if not child:
            _run(told.fileno(), data + 2 * BYTES, function, arguments)
        _, status, usage = os.wait4(child, 0)
        told.seek(0)
        content = told.read()
    code = os.waitstatus_to_exitcode(status)
    assert code == 0, f"ended by signal {-code} ({signal.strsignal(-code)})"
    kind, text = pickle.loads(content)  # noqa: S301 - from our own child
    assert kind != "bug", text
    taken = usage.ru_maxrss * 1024 - resident
    assert taken < BYTES, f"took {taken / 1e9:.1f} GB"
    if kind == "done":
        return None
    assert text, "an error without a message"
    assert "\n" not in text, f"more than one line: {text!r}"
    return str(text)


def _memory() -> tuple[int, int]:
    """Return the bytes that this process has in memory, and those of data that it has asked for."""
    pages = Path("/proc/self/statm").read_text().split()
    return int(pages[1]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()


def _run(
    told: int, limit: int, function: Callable[..., object], arguments: tuple[object, ...]
) -> None:
    """Call it in the child, with a limit to its data, and write down how it ended; never return."""
    faulthandler.disable()  # it would print where the parent's went
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    signal.alarm(SECONDS)  # its default ends the process, whatever C code is doing
    try:
        function(*arguments)
        end = "done", ""
    except GeoVehicleError as error:
        end = "refused", str(error)
    except BaseException:
        end = "bug", traceback.format_exc()
    os.write(told, pickle.dumps(end))
    os._exit(0)
