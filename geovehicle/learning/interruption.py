"""Ctrl-C as a wish that is granted between two iterations."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Wish:
    """Whether the user wants the work to end."""

    def __init__(self) -> None:
        self.expressed = False


@contextmanager
def interruptible(patient: bool = False) -> Iterator[Wish]:
    """Yield a wish that the first Ctrl-C expresses; the second ends the work at once.

    Outside of the main thread Ctrl-C is somebody else's business.

    Parameters
    ----------
    patient : bool
        Nothing but the wish, however often: ``torchrun`` passes on what the
        terminal has sent to everyone already, and kills what takes too long.
    """
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def express(number: int, frame: Any) -> None:
        if wish.expressed and not patient:
            raise KeyboardInterrupt
        wish.expressed = True

    before = signal.signal(signal.SIGINT, express)
    try:
        yield wish
    finally:
        signal.signal(signal.SIGINT, before)
