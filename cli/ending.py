"""How Ctrl-C and SIGTERM end a command: in time, in one line, with the exit code of shells."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from geovehicle.errors import InterruptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Show = Callable[[InterruptionError], None]

TOLD: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""The signals that end a command, and what is said of them."""

GRACE = 1.0
"""Seconds in which a command tidies up and ends by itself."""

LAST_WORDS = 0.2
"""Seconds more for one that has tidied up and is about to say so."""


class Ending:
    """Whether a signal has come, and what is to be said then.

    Attributes
    ----------
    advice : str
        How to go on; empty where there is nothing to go on with.
    signal : int
        Which one has come; 0 for none.
    tidied : bool
        Whether the command has ended by itself.
    """

    def __init__(self) -> None:
        self.advice = ""
        self.tidied = False
        self.signal = 0

    def error(self, number: int) -> InterruptionError:
        """Return the line and the exit code for a signal."""
        error = InterruptionError("; ".join(filter(None, (TOLD[number], self.advice))))
        error.exit_code = 128 + number
        return error

    def on_signal(self, number: int, frame: Any) -> None:
        """End what the main thread does; further signals must not hinder its tidying up."""
        for one in TOLD:
            signal.signal(one, signal.SIG_IGN)
        self.signal = number
        raise KeyboardInterrupt

    def raise_if_signalled(self) -> None:
        """Raise the error if a signal has come."""
        if self.signal:
            self.tidied = True
            # the interpreter takes seconds to let all libraries go, one by one
            atexit.register(_leave, 128 + self.signal)
            raise self.error(self.signal) from None


@contextmanager
def ends_in_time(show: Show) -> Iterator[Ending]:
    """Let SIGINT and SIGTERM end the block, and with it the process, in two seconds.

    The main thread may be where no signal reaches it, in a library's own loop, or may wait
    for a reader.  Then the process ends after :data:`GRACE` all the same; that is safe, for
    outputs and journals bear a kill at any time.

    Outside of the main thread signals are somebody else's business.

    Parameters
    ----------
    show : callable
        Tells the user the error, if the main thread does not come to it.

    Yields
    ------
    Ending
        Whose advice is part of the line.

    Raises
    ------
    InterruptionError
        Where a signal came, in place of whatever the block raised.
    """
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    watcher = threading.Thread(target=_watch, args=(reading, ending, show), daemon=True)
    watcher.start()
    handlers = {number: signal.signal(number, ending.on_signal) for number in TOLD}
    waker = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield ending
    except BaseException:
        ending.raise_if_signalled()
        raise
    finally:
        if not ending.tidied:
            signal.set_wakeup_fd(waker)
            os.close(writing)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _watch(reading: int, ending: Ending, show: Show) -> None:
    """Wait for a signal, which wakes this thread wherever the main one is, and see to the end."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        woken = (byte[0] for byte in iter(lambda: pipe.read(1), b""))
        number = next((one for one in woken if one in TOLD), None)
    if number is None:
        return  # the block has ended
    time.sleep(GRACE)
    if ending.tidied:
        time.sleep(LAST_WORDS)
    else:
        show(ending.error(number))
    _leave(128 + number)


def _leave(code: int) -> None:
    """End the process at once."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
