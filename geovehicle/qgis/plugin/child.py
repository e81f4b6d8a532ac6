"""The installed geovehicle as a process: what it tells while it runs, and how it is stopped.

Nothing here needs QGIS.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Lines = queue.Queue[tuple[str, str | None]]  # a stream's name and a line, None at its end

INSTALLATION = Path(__file__).with_name("installation.json")
"""Written by ``geovehicle qgis install``: how to call the installation."""

AGAIN = "run “geovehicle qgis install” again"

FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "PROJ_DATA",
    "PROJ_LIB",
)
"""Variables by which QGIS finds its own Python and libraries, of other versions than ours."""

POLL = 0.2
"""Seconds between two looks at whether the user has cancelled."""

GRACE = 10.0
"""Seconds that a process has to end once it is asked to; a busy machine needs some."""

Event = dict[str, Any]
"""One line of JSON."""


class ChildError(Exception):
    """The process has not done its work; the message says why."""


def installed(file: Path = INSTALLATION) -> list[str]:
    """Return the command that calls geovehicle.

    Raises
    ------
    ChildError
        If it is not known, or not there any more.
    """
    try:
        command = [str(one) for one in json.loads(file.read_text("utf-8"))["command"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ChildError(f"{file.name} in the plugin's folder is damaged; {AGAIN}") from error
    if not command or not os.access(command[0], os.X_OK):
        raise ChildError(
            f"geovehicle's Python {''.join(command[:1])} is not there any more; {AGAIN}"
        )
    return command


def as_typed(command: list[str]) -> str:
    """Return a command as it is typed into a shell of this system."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return QGIS's environment without what would lead another Python astray."""
    kept = {name: value for name, value in own.items() if name.upper() not in FOREIGN}
    return {**kept, "PYTHONIOENCODING": "utf-8"}


def run(
    command: list[str], on_event: Callable[[Event], None], cancelled: Callable[[], bool]
) -> Event | None:
    """Run a command with ``--json`` to its end.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    on_event : callable
        Called with each event, in the caller's thread.  A line that is none comes as an
        event ``text`` with a ``message``.
    cancelled : callable
        Asked often; once it says true, the process is stopped.

    Returns
    -------
    dict or None
        The summary; None after a cancel.

    Raises
    ------
    ChildError
        If the process cannot be started, or ends with an error, with what it said last.
    """
    with _started(command) as child, _reading(child) as lines:
        try:
            outcome = _follow(lines, on_event, cancelled)
        except BaseException:
            child.kill()
            raise
        if outcome is None:
            stop(child)
            return None
        summary, said = outcome
        if child.wait():
            raise ChildError(said or _end(child.returncode))
        return summary


def stop(child: subprocess.Popen[str]) -> None:
    """End a process: as Ctrl-C does, so that it can put things in order, or else by force."""
    if os.name == "nt":
        child.terminate()  # Windows has no other way to reach a process without a console
    else:
        child.send_signal(signal.SIGINT)
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _started(command: list[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(  # noqa: S603 - the command that the user has installed
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(os.environ),
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise ChildError(f"{command[0]} cannot be started ({error.strerror}); {AGAIN}") from error


@contextmanager
def _reading(child: subprocess.Popen[str]) -> Iterator[Lines]:
    """Read both outputs of a process side by side, so that it never has to wait for us."""
    lines: Lines = queue.Queue()
    threads = [
        threading.Thread(target=_read, args=(name, getattr(child, name), lines), daemon=True)
        for name in ("stdout", "stderr")
    ]
    for thread in threads:
        thread.start()
    try:
        yield lines
    finally:
        for thread in threads:
            thread.join(GRACE)


def _follow(
    lines: Lines, on_event: Callable[[Event], None], cancelled: Callable[[], bool]
) -> tuple[Event, str] | None:
    """Pass on what a process says until it has no more to say: summary and reason to fail."""
    summary: Event = {}
    said, speaking = "", 2
    while speaking:
        if cancelled():
            return None
        try:
            name, line = lines.get(timeout=POLL)
        except queue.Empty:
            continue
        if line is None:
            speaking -= 1
        elif name == "stdout":
            summary = _parsed(line) or summary
        else:
            event = _parsed(line) or {}
            if "event" not in event:
                event = {"event": "text", "message": line}
            if event["event"] in ("error", "text"):
                said = str(event.get("message"))
            on_event(event)
    return summary, said


def _read(name: str, stream: IO[str], lines: Lines) -> None:
    for line in stream:
        if line.strip():
            lines.put((name, line.rstrip()))
    lines.put((name, None))


def _parsed(line: str) -> Event | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _end(code: int) -> str:
    if code < 0:
        return f"geovehicle was ended by signal {-code}, perhaps for lack of memory"
    return f"geovehicle ended with exit code {code}"
