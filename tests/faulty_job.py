"""Jobs over planted rectangles that get stuck or are killed, in processes of their own.

Whoever starts the process gives the global ``CALL``: the name of a function, its arguments
and the file that takes what it prints.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import click

import geovehicle
from geovehicle import jobs
from geovehicle.cli.main import main
from geovehicle.detection import Target, detect_to
from geovehicle.engines.tasks import BlockTask
from geovehicle.export.destinations import Destination
from geovehicle.journal import Journal

MINUTE = 60
OURS = str(Path(geovehicle.__file__).parent)

planted = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("planted_job.py"))))


class Stuck(planted.RedFinder):
    """Finds vehicles in two blocks and is then stuck: in Python, or in a library's own loop."""

    where = "python"

    def __call__(self, patches: Any) -> Any:
        if self.patches > 7:
            stick(self.where)
        return super().__call__(patches)


def stick(where: str) -> None:
    click.echo("stuck")
    # no signal reaches the main thread while it is in the C library, where Python's own
    # sleep would come back for it; other threads go on
    (ctypes.CDLL(None).sleep if where == "library" else time.sleep)(MINUTE)


def detect(where: str, *arguments: str) -> None:
    """Run ``geovehicle detect``, stuck in the detector or in a reader.

    Parameters
    ----------
    where : {"python", "library", "reader", "nowhere"}
        The detector, in Python or in a library; or a thread that reads.
    *arguments : str
        Of the command.
    """
    read, finder = BlockTask.read, planted.RedFinder()

    def stuck_read(task: BlockTask) -> Any:
        if task.block.index == 2:
            stick("library")
        return read(task)

    if where == "reader":
        BlockTask.read = stuck_read  # type: ignore[method-assign]
    elif where != "nowhere":
        finder = Stuck()
        finder.where = where
    jobs.load_detector = lambda weights, settings: finder  # type: ignore[assignment,return-value]
    sys.argv = ["geovehicle", "detect", *arguments]
    main()


def job(output: str, raster: str, line: int = 0) -> None:
    """Search a raster and write the layer, over an older one.

    Prints a line for each block that is kept, in the end how many patches were searched and
    how many lines of geovehicle's code were run.

    Parameters
    ----------
    output, raster : str
        Paths.
    line : int
        Before which line of geovehicle's code that is run the process kills itself; never
        by default.
    """
    add, finder = Journal.add, planted.RedFinder()

    def told_add(journal: Journal, key: Any, payload: bytes) -> None:
        add(journal, key, payload)
        click.echo("kept")

    Journal.add = told_add  # type: ignore[method-assign]
    prepared = planted.prepared([Path(raster)], finder)
    click.echo("begun")
    lines = Lines(line)
    sys.settrace(lines)
    detect_to(Target(Destination(output, existing="overwrite")), prepared)
    sys.settrace(None)
    click.echo(f"patches {finder.patches}")
    click.echo(f"lines {lines.count}")


class Lines:
    """Counts the lines of geovehicle's code as they are run, and kills the process at one."""

    def __init__(self, last: int) -> None:
        self.count, self._last = 0, last

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "call":
            return self if frame.f_code.co_filename.startswith(OURS) else None
        if event == "line":
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


if __name__ == "__main__":
    name, arguments, log = CALL  # type: ignore[name-defined]  # noqa: F821
    with open(log, "w", buffering=1) as stream, redirect_stdout(stream), redirect_stderr(stream):  # noqa: PTH123
        globals()[name](*arguments)
