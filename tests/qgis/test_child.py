from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count
from types import SimpleNamespace

import pytest

from geovehicle.qgis.plugin import child
from geovehicle.qgis.plugin.child import ChildError, as_typed, environment, installed, run

posix = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(("import os, signal, sys, time", *lines))]


def never() -> bool:
    return False


def test_a_summary_and_what_was_told_on_the_way():
    events = []
    summary = run(
        python(
            """print('{"event": "progress", "done": 1}', file=sys.stderr)""",
            "print('a warning', file=sys.stderr)",
            """print('{"no": "event"}', file=sys.stderr)""",
            """print('{"vehicles": 3}')""",
        ),
        events.append,
        never,
    )
    assert summary == {"vehicles": 3}
    assert events == [
        {"event": "progress", "done": 1},
        {"event": "text", "message": "a warning"},
        {"event": "text", "message": '{"no": "event"}'},
    ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            """sys.exit(print('{"event": "error", "message": "ö.tif is bad"}', file=sys.stderr))""",
            "",
        ),
        (
            """print('{"event": "error", "message": "ö.tif is bad"}', file=sys.stderr)""",
            "ö.tif is bad",
        ),
        ("raise ZeroDivisionError('a bug')", "ZeroDivisionError: a bug"),
        ("pass", "geovehicle ended with exit code 3"),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGKILL)",
            "geovehicle was ended by signal 9, perhaps for lack of memory",
            marks=posix,
        ),
    ],
)
def test_a_failure_says_why(code, message):
    command = python(code, "sys.exit(3)")
    if not message:
        assert run(command, lambda event: None, never) == {}
        return
    with pytest.raises(ChildError, match=message):
        run(command, lambda event: None, never)


def test_a_program_that_is_gone(tmp_path):
    with pytest.raises(ChildError, match="cannot be started"):
        run([str(tmp_path / "python")], lambda event: None, never)


def test_much_to_say_on_both_streams_blocks_nothing():
    code = """for stream in (sys.stderr, sys.stdout): print("x" * 500_000, file=stream)"""
    events = []
    assert run(python(code), events.append, never) == {}
    assert len(events[0]["message"]) == 500_000


@posix
def test_a_cancel_lets_the_process_put_things_in_order(tmp_path):
    tidy = tmp_path / "tidy"
    command = python(
        "signal.signal(signal.SIGINT, signal.default_int_handler)",  # a shell's & has it ignored
        "try:",
        """    print('{"event": "progress"}', file=sys.stderr, flush=True)""",
        "    time.sleep(60)",
        "except KeyboardInterrupt:",
        f"    open({str(tidy)!r}, 'w').close()",
    )
    told = []
    assert run(command, told.append, lambda: bool(told)) is None
    assert tidy.exists()


@posix
def test_a_process_that_does_not_listen_is_killed(monkeypatch):
    monkeypatch.setattr(child, "GRACE", 0.2)
    command = python(
        "signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "print(os.getpid(), file=sys.stderr, flush=True)",
        "time.sleep(60)",
    )
    told = []
    start = time.monotonic()
    assert run(command, told.append, lambda: bool(told)) is None
    assert time.monotonic() - start < 10
    with pytest.raises(ProcessLookupError):
        os.kill(int(told[0]["message"]), 0)


@posix
def test_no_process_is_left_where_the_listener_fails():
    def fail(event):
        raise ZeroDivisionError(event["message"])

    command = python("print(os.getpid(), file=sys.stderr, flush=True)", "time.sleep(60)")
    with pytest.raises(ZeroDivisionError) as error:
        run(command, fail, never)
    with pytest.raises(ProcessLookupError):
        os.kill(int(str(error.value)), 0)


def test_a_cancel_before_anything_was_said():
    calls = count()
    assert run(python("time.sleep(60)"), lambda event: None, lambda: next(calls) > 0) is None


@pytest.mark.parametrize(
    ("system", "typed"), [("posix", "python 'my cars.gpkg'"), ("nt", 'python "my cars.gpkg"')]
)
def test_a_command_can_be_pasted_into_a_shell(monkeypatch, system, typed):
    monkeypatch.setattr(child, "os", SimpleNamespace(name=system))
    assert as_typed(["python", "my cars.gpkg"]) == typed


def test_what_belongs_to_qgis_stays_with_qgis():
    own = {"PATH": "/bin", "PYTHONHOME": "a", "PROJ_LIB": "b", "GDAL_DATA": "c", "LANG": "de"}
    assert environment(own) == {"PATH": "/bin", "LANG": "de", "PYTHONIOENCODING": "utf-8"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is damaged; run “geovehicle qgis install” again"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"command": []}', "is not there any more"),
        ('{"command": ["/no/python"]}', "Python /no/python is not there any more"),
    ],
)
def test_an_installation_that_is_gone(tmp_path, content, message):
    file = tmp_path / "installation.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ChildError, match=message):
        installed(file)


def test_signals_of_this_process_are_left_alone():
    before = signal.getsignal(signal.SIGINT)
    run(python("pass"), lambda event: None, never)
    assert signal.getsignal(signal.SIGINT) is before
