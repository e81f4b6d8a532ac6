from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import warnings

import click
import pytest

from geovehicle import __version__
from geovehicle.cli import main as command_line
from geovehicle.cli.main import COMMANDS, geovehicle
from geovehicle.errors import (
    CheckpointError,
    GeoVehicleError,
    GeoVehicleWarning,
    OutputError,
    RasterError,
    SettingsError,
)


@pytest.fixture
def failing(monkeypatch):
    """Let every command raise an error."""

    def fail_with(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(geovehicle, "get_command", lambda ctx, name: command)

    return fail_with


def test_the_help_lists_every_command(run):
    result = run("--help")
    assert result.exit_code == 0
    for name, help_text in COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert help_text in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_name_and_help_of_the_list(name):
    command = geovehicle.get_command(click.Context(geovehicle), name)
    assert command.name == name
    assert command.help.splitlines()[0] == COMMANDS[name]


def test_the_version(run):
    assert run("--version").stdout == f"geovehicle {__version__}\n"


def test_an_unknown_command(run):
    result = run("detecy")
    assert result.exit_code == 2
    assert "No such command 'detecy'" in result.stderr


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (GeoVehicleError("wrong"), 1),
        (SettingsError("wrong"), 2),
        (RasterError("wrong"), 3),
        (CheckpointError("wrong"), 3),
        (OutputError("wrong"), 4),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(run, failing, error, exit_code):
    failing(error)
    result = run("detect")
    assert result.exit_code == exit_code
    assert result.stderr == "Error: wrong\n"
    assert result.stdout == ""


def test_a_line_break_in_a_message_is_none_on_the_terminal(run, failing):
    failing(RasterError("a\nb.tif cannot be opened"))
    assert run("detect").stderr == "Error: a b.tif cannot be opened\n"


def test_a_strangers_file_does_not_steer_the_terminal(run, failing):
    failing(RasterError("\x1b[2J\x9b31m\u202e.tif\x07 cannot be opened"))
    assert run("detect").stderr == "Error:  [2J 31m .tif  cannot be opened\n"


def test_ctrl_c_is_one_line_and_the_exit_code_of_shells(run, failing):
    failing(KeyboardInterrupt())
    result = run("detect")
    assert result.exit_code == 130
    assert result.stderr == "Error: interrupted\n"


@pytest.mark.parametrize(
    ("error", "message", "exit_code"),
    [
        (RasterError("a\nö.tif is bad"), "a ö.tif is bad", 3),
        (KeyboardInterrupt(), "interrupted", 130),
        (click.UsageError("both"), "both", 2),
    ],
)
def test_an_error_is_an_event_for_programs(run, monkeypatch, error, message, exit_code):
    @click.command()
    @click.option("--json", is_flag=True)
    def command(json):
        raise error

    monkeypatch.setattr(geovehicle, "get_command", lambda ctx, name: command)
    result = run("detect", "--json")
    assert (result.exit_code, result.stdout) == (exit_code, "")
    event = {"event": "error", "message": message, "exit_code": exit_code}
    assert [json.loads(line) for line in result.stderr.splitlines()] == [event]


def test_a_wrong_option_is_an_event_for_programs(run):
    result = run("detect", "--json", "--score", "7", "a.tif", "-o", "b.gpkg")
    (event,) = map(json.loads, result.stderr.splitlines())
    assert (event["event"], event["exit_code"], result.exit_code) == ("error", 2, 2)
    assert "--score" in event["message"]


class TestWarnings:
    @pytest.fixture
    def warning(self, monkeypatch):
        """Let every command warn, twice of the same."""

        @click.command()
        @click.option("--json", is_flag=True)
        def command(json):
            for _ in range(2):
                warnings.warn("a\nö.tif is odd", GeoVehicleWarning, stacklevel=1)

        monkeypatch.setattr(geovehicle, "get_command", lambda ctx, name: command)

    def test_each_is_one_line(self, run, warning):
        result = run("detect")
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "warning: a ö.tif is odd\n" * 2

    def test_each_is_an_event_for_programs(self, run, warning):
        events = [json.loads(line) for line in run("detect", "--json").stderr.splitlines()]
        assert events == [{"event": "warning", "message": "a ö.tif is odd"}] * 2

    def test_those_of_others_are_left_alone(self, run, monkeypatch):
        @click.command()
        def command():
            warnings.warn("old", DeprecationWarning, stacklevel=1)

        monkeypatch.setattr(geovehicle, "get_command", lambda ctx, name: command)
        with pytest.raises(DeprecationWarning):
            run("detect")


def test_a_bug_is_not_hidden(run, failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run("detect")


def test_a_name_that_the_terminal_cannot_show_is_no_failure(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["geovehicle", "--version"])
    with pytest.raises(SystemExit):
        command_line.main()
    stream.write("→ straße.gpkg")
    stream.flush()
    assert stream.buffer.getvalue().endswith(b"? stra?e.gpkg")


def test_a_closed_pipe_is_silent():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = subprocess.run(
            [sys.executable, "-m", "geovehicle", "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert process.stderr == b""
    assert process.returncode == 1
