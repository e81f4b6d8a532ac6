"""Commands in fresh processes: how long each takes, and in how much memory.

This file is also the small program in between.  The kernel counts what a process had in
memory before it became a command as the command's own, so a benchmark, which is large, must
not start it itself.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How a command went.

    Attributes
    ----------
    seconds : float
        From its start to its end, loading included.
    peak_mb : float
        The most resident memory of the command, or of the largest of its own processes.
    code : int
        Its exit code.
    output : str
        What it printed; messages go to the terminal.
    """

    seconds: float
    peak_mb: float
    code: int
    output: str


def peak_mb(whose: int) -> float:
    """Return the peak of resident memory, of ``resource.RUSAGE_SELF`` or ``RUSAGE_CHILDREN``."""
    peak = resource.getrusage(whose).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def measured(command: Sequence[str]) -> Outcome:
    """Run a command and return how it went.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    told = subprocess.run(  # noqa: S603
        [sys.executable, __file__, *command], stdout=subprocess.PIPE, text=True, check=True
    )
    outcome = Outcome(**json.loads(told.stdout))
    if outcome.code:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {outcome.code}")
    return outcome


def detect(raster: Path, output: Path, options: Sequence[str]) -> tuple[Outcome, dict[str, Any]]:
    """Run ``geovehicle detect`` from the beginning; return how it went and its summary."""
    fresh = ["--json", "--overwrite", "--no-resume"]
    command = ["-m", "geovehicle", "detect", str(raster), "-o", str(output), *fresh, *options]
    outcome = measured([sys.executable, *command])
    return outcome, json.loads(outcome.output)


def keep(figures: Any, file: Path | None) -> None:
    """Write figures, and rows of tables among them, as JSON; without a file, nothing."""
    if file is None:
        return
    from geovehicle.files import replacing  # here, as the program in between is to stay small

    with replacing(file) as path:
        path.write_text(json.dumps(figures, default=asdict, indent=1), encoding="utf-8")


def _in_between(command: Sequence[str]) -> None:
    """Run a command and print how it went as JSON."""
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    seconds = time.perf_counter() - start
    outcome = Outcome(seconds, peak_mb(resource.RUSAGE_CHILDREN), done.returncode, done.stdout)
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    _in_between(sys.argv[1:])
