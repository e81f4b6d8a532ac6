"""A web server on this machine that can be told to fail."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class RangeServer:
    """What a server is told to do, and what it was asked; see ``range_server.py``."""

    url: str
    control: Path

    @property
    def failures(self) -> int:
        """Return the answers that are still to be 503."""
        return int((self.control / "failures").read_text())

    def fail(self, times: int) -> None:
        """Answer that many requests with 503."""
        (self.control / "failures").write_text(str(times))

    def go_away(self) -> None:
        """Cut every connection from now on."""
        (self.control / "gone").touch()

    @property
    def paths(self) -> list[str]:
        """Return what was asked for."""
        return [line.split()[1] for line in (self.control / "log").read_text().splitlines()]

    @property
    def sent(self) -> int:
        """Return the bytes that were sent."""
        return sum(int(line.split()[2]) for line in (self.control / "log").read_text().splitlines())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RangeServer]:
    """Serve the test's folder."""
    control = tmp_path / ".control"
    control.mkdir()
    (control / "failures").write_text("0")
    (control / "log").touch()
    command = [sys.executable, str(Path(__file__).with_name("range_server.py")), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        port = process.stdout.readline().strip()
        yield RangeServer(f"http://127.0.0.1:{port}", control)
        process.kill()
