from __future__ import annotations

import io
import math
from types import SimpleNamespace

import pytest

from geovehicle.cli import progress
from geovehicle.cli.progress import Pace, StatusLine, clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def now(monkeypatch):
    """Return a clock that is set by hand."""
    time = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: time[0])
    return time


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setenv("COLUMNS", "20")
    return stream


def test_a_pipe_gets_nothing(monkeypatch, now):
    stream = io.StringIO()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    with StatusLine() as line:
        line.show("half")
    assert stream.getvalue() == ""


def test_a_terminal_that_shall_be_quiet_gets_nothing(terminal, now):
    with StatusLine(shown=False) as line:
        line.show("half")
    assert terminal.getvalue() == ""


def test_a_terminal_gets_a_line_that_fits_and_goes(terminal, now):
    with StatusLine() as line:
        line.show("0123456789" * 3)
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines == ["", "0123456789012345678", ""]


def test_the_line_goes_when_the_work_fails(terminal, now):
    def work():
        with StatusLine() as line:
            line.show("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_updates_that_nobody_could_read_are_left_out(terminal, now):
    line = StatusLine()
    line.show("first")
    now[0] += progress.INTERVAL / 2
    line.show("second")
    now[0] += progress.INTERVAL
    line.show("third")
    assert "second" not in terminal.getvalue()
    assert terminal.getvalue().endswith("third")


def test_a_cleared_line_makes_room_and_the_next_text_is_shown(terminal, now):
    line = StatusLine()
    line.show("first")
    line.clear()
    assert terminal.getvalue().endswith("first\r\x1b[K")
    line.show("second")
    assert terminal.getvalue().endswith("second")


def test_the_pace_is_counted_from_the_first_count(now):
    pace = Pace()
    assert pace(10, 100) == (0.0, math.inf)
    now[0] += 5
    assert pace(20, 100) == (2.0, 40.0)


def test_a_clock():
    assert clock(3725.4) == "1:02:05"
    assert clock(math.inf) == "-:--:--"
