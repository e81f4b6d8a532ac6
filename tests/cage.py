"""Command lines in processes of their own that may neither hang nor take the machine's memory.

``python cage.py`` loads geovehicle once, then forks for each request: a line of JSON on
stdin, answered by one on stdout.  :class:`Cage` is the side that asks.  In place of the
network a detector searches that finds what is red.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import ndimage

from geovehicle import detection, jobs, regions  # noqa: F401 - loaded before the forks
from geovehicle.cli import detect  # noqa: F401
from geovehicle.cli.main import main
from geovehicle.detections import Detections
from geovehicle.footprints import straight
from geovehicle.model.checkpoint import ModelInfo
from geovehicle.settings import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.raster.source import Patch

BYTES = 2 * 2**30
"""What a process may take in memory.  What it may ask for, much of which is never used, is twice
that: glibc is slow near the limit."""

REDDER = 60
"""8-bit levels of red above green from which on something is red."""

SECONDS = 20
"""What a command may take; one that hangs is killed."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes
    ----------
    code : int
        Its exit code; negative where a signal ended it.
    stdout, stderr : str
        What it said.
    seconds : float
        Processor time.
    memory : int
        Bytes at its peak.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    memory: int


class Cage:
    """Runs command lines in forks of one process that has everything loaded."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(  # noqa: S603
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def run(self, arguments: Sequence[str], folder: Path, humble: bool = False) -> Outcome:
        """Run ``geovehicle`` with arguments in a folder.

        Parameters
        ----------
        arguments : sequence of str
        folder : pathlib.Path
        humble : bool
            Without root's right to read and write everything.
        """
        assert self._server.stdin
        assert self._server.stdout
        request = {"arguments": list(arguments), "folder": str(folder), "humble": humble}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Outcome(**json.loads(self._server.stdout.readline()))


class RedFinder:
    """Stands in for the network: finds each spot that is far more red than green."""

    labels = ("vehicle",)
    score, nms = 0.5, 0.3
    arithmetic = "exact"

    def __init__(self) -> None:
        self.info = ModelInfo(DEFAULT_DETECTOR, ("vehicle",), 0.10, "none", {})

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        """Return the boxes of the spots, in patch pixels."""
        return [self._find(patch.pixels.astype(int)) for patch in patches]

    def _find(self, pixels: NDArray[np.int_]) -> Detections:
        marks, count = ndimage.label(pixels[0] - pixels[1] > REDDER)
        if not count:
            return Detections.empty()
        slices = ndimage.find_objects(marks)
        boxes = np.array([[x.start, y.start, x.stop, y.stop] for y, x in slices], float)
        return Detections(boxes, np.full(count, 0.9), np.zeros(count, int), straight(boxes))


def _serve() -> None:
    jobs.load_detector = lambda *_: RedFinder()  # type: ignore[assignment,return-value]
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asdict(_forked(json.loads(line)))) + "\n")
        sys.stdout.flush()


def _forked(request: dict[str, Any]) -> Outcome:
    with TemporaryFile() as out, TemporaryFile() as err:
        child = os.fork()
        if not child:
            _run(request, out.fileno(), err.fileno())
        _, status, usage = os.wait4(child, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    code = os.waitstatus_to_exitcode(status)
    return Outcome(code, *texts, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _run(request: dict[str, Any], out: int, err: int) -> None:
    """Become the command; never return."""
    code: Any = 1
    try:
        os.chdir(request["folder"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        resource.setrlimit(resource.RLIMIT_DATA, (2 * BYTES, 2 * BYTES))
        signal.alarm(SECONDS)  # its default ends the process, whatever GDAL is doing
        if request["humble"]:
            _give_up_capabilities()
        sys.argv = ["geovehicle", *request["arguments"]]
        main()
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _give_up_capabilities() -> None:
    """Obey permission bits, even as root."""
    version_3, this_process, sets = 0x20080522, 0, 6
    header = (ctypes.c_uint32 * 2)(version_3, this_process)
    ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * sets)())


if __name__ == "__main__":
    _serve()
