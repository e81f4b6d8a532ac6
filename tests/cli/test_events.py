from __future__ import annotations

import json
import math

import pytest

from geovehicle.cli import events
from geovehicle.cli.events import INTERVAL, Events, one_line


@pytest.fixture
def now(monkeypatch):
    """Return a clock that is set by hand."""
    time = [100.0]
    monkeypatch.setattr(events.time, "monotonic", lambda: time[0])
    return time


@pytest.fixture
def told(capsys):
    """Return a function that returns the events since its last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_what_json_has_not_is_null_and_names_stay_readable():
    facts = {"name": "größe.tif", "numbers": [1, (math.nan,)], "more": {"most": math.inf}}
    assert (
        one_line(facts) == '{"name": "größe.tif", "numbers": [1, [null]], "more": {"most": null}}'
    )
    assert one_line({"name": "a\udcff\n"}) == '{"name": "a?\\n"}'


def test_an_event_is_a_line_on_stderr(told):
    Events(told=True).tell("journal", state="new", blocks=0)
    assert told() == [{"event": "journal", "state": "new", "blocks": 0}]


def test_silence(told):
    silent = Events(told=False)
    silent.tell("journal")
    silent.progress(1, 1)
    assert told() == []


def test_progress_comes_now_and_then_and_at_the_end(now, told):
    log = Events(told=True)
    for done in range(5):
        log.progress(done, 5, weights="a")
        now[0] += INTERVAL * 0.4
    log.progress(5, 5)
    assert told() == [
        {"event": "progress", "done": 0, "total": 5, "seconds": 0.0, "weights": "a"},
        {"event": "progress", "done": 3, "total": 5, "seconds": 0.6, "weights": "a"},
        {"event": "progress", "done": 5, "total": 5, "seconds": 1.0},
    ]


def test_a_job_without_pixels_is_at_its_end(told):
    Events(told=True).progress(0, 0)
    (event,) = told()
    assert (event["done"], event["total"]) == (0, 0)
