"""A short walk of each fuzzer of ``fuzz/``, and the tool itself."""

from __future__ import annotations

import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from geovehicle.errors import RasterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

FOLDER = Path(__file__).parents[1] / "fuzz"

PARTS = sorted(
    path.stem for path in FOLDER.glob("*.py") if "\nPROPERTIES = " in path.read_text("utf-8")
)

EXAMPLES = {"rasters": 8}
"""Of each property; 20 in the other parts, which are quicker."""


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Iterator[None]:
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


@pytest.fixture
def isolation() -> Any:
    return import_module("isolation")


@pytest.mark.parametrize("part", PARTS)
def test_a_short_walk(part: str) -> None:
    for strategy, check in import_module(part).PROPERTIES.values():
        _walk(strategy, check, EXAMPLES.get(part, 20))


def _walk(strategy: SearchStrategy[Any], check: Callable[[Any], object], examples: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def walk(drawn: Any) -> None:
        check(drawn)

    walk()


class TestIsolation:
    """What counts as a finding."""

    def test_an_end_and_a_refusal_do_not(self, isolation: Any) -> None:
        def refuse() -> None:
            raise RasterError("a.tif is bad; mend it")

        assert isolation.check(lambda: 1) is None
        assert isolation.check(refuse) == "a.tif is bad; mend it"

    @pytest.mark.parametrize(
        ("function", "finding"),
        [
            (lambda: 1 / 0, "ZeroDivisionError"),
            (lambda: os.kill(os.getpid(), signal.SIGSEGV), "signal 11"),
        ],
    )
    def test_a_bug_and_a_crash_do(
        self, isolation: Any, function: Callable[[], object], finding: str
    ) -> None:
        with pytest.raises(AssertionError, match=finding):
            isolation.check(function)

    def test_a_flood_does(self, isolation: Any, monkeypatch: Any) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        own = pages * resource.getpagesize()  # of which much may be free already
        monkeypatch.setattr(isolation, "BYTES", 2**27)
        with pytest.raises(AssertionError, match=r"GB|MemoryError"):
            isolation.check(lambda: len(b"x" * (own + 2**28)))

    def test_a_hang_does(self, isolation: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(isolation, "SECONDS", 1)
        with pytest.raises(AssertionError, match="Alarm"):
            isolation.check(lambda: [None for _ in iter(int, 1)])

    def test_two_lines_do(self, isolation: Any) -> None:
        def refuse() -> None:
            raise RasterError("one\ntwo")

        with pytest.raises(AssertionError, match="more than one line"):
            isolation.check(refuse)


def test_the_long_run_counts_and_reports(monkeypatch: Any, capsys: Any) -> None:
    run, rasters = import_module("run"), import_module("rasters")

    def find(drawn: Any) -> None:
        raise AssertionError("found")

    strategy, _ = rasters.PROPERTIES["profiles"]
    monkeypatch.setattr(rasters, "PROPERTIES", {"good": (strategy, len), "bad": (strategy, find)})
    monkeypatch.setattr(run, "ROUND", 2)
    monkeypatch.setattr(run, "DATABASE", None)
    monkeypatch.setattr(sys, "argv", ["run.py", "--minutes", "0.02", "rasters"])
    assert run.main() == 1
    told = capsys.readouterr().out
    assert "rasters: good" in told
    assert "0 turns with findings" in told
    assert "AssertionError: found" in told
