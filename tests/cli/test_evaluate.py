from __future__ import annotations

import json
from functools import partial

import pytest

from geovehicle.evaluation import Metrics, Rates, Report


@pytest.fixture
def evaluate(run, weights, dataset):
    return partial(run, "evaluate", dataset, "--weights", weights)


@pytest.fixture
def report(monkeypatch):
    """Replace the evaluation by a known report."""
    north = Metrics(27, 0.5, 0.625, Rates(3, 4, 6), 0.75, 0.875)
    south = Metrics(3, 0.25, 0.375, Rates(0, 0, 1), 1.0, 0.0)
    total = Metrics(30, 0.4, 0.6, Rates(3, 4, 7), 0.7, 0.8)
    report = Report(0.5, total, {"north": north, "south": south})
    monkeypatch.setattr("geovehicle.evaluation.evaluate", lambda *_: report)
    return report


def test_the_table(evaluate, report):
    lines = evaluate("--gsd", 0.1).stdout.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["north", "27", "6", "0.500", "0.625", "0.750", "0.500", "0.600", "0.875", "0.750"],
        ["south", "3", "1", "0.250", "0.375", "1.000", "0.000", "0.000", "0.000", "1.000"],
        ["total", "30", "7", "0.400", "0.600", "0.750", "0.429", "0.545", "0.800", "0.700"],
    ]
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[4] == "precision, recall and F1 at a score of 0.5, IoU 0.3"


def test_json(evaluate, report):
    told = json.loads(evaluate("--gsd", 0.1, "--json").stdout)
    assert told["score"] == 0.5
    assert list(told["sources"]) == ["north", "south"]
    assert told["sources"]["north"] == {
        "images": 27,
        "ap50": 0.5,
        "ap30": 0.625,
        "rates": {
            "true": 3, "detections": 4, "vehicles": 6, "precision": 0.75, "recall": 0.5, "f1": 0.6
        },
        "best_score": 0.75,
        "best_f1": 0.875,
    }  # fmt: skip


def test_the_whole_way(evaluate):
    result = evaluate("--gsd", 0.1, "--score", 0, "--json")
    told = json.loads(result.stdout)
    assert result.stderr == ""
    assert told["score"] == 0.0
    assert set(told["sources"]) == {"north", "south"}
    rates = told["total"]["rates"]
    assert rates["vehicles"] == 2
    assert rates["detections"] > 0
    assert rates["detections"] == sum(
        source["rates"]["detections"] for source in told["sources"].values()
    )


def test_the_score_is_the_weights_own_by_default(evaluate):
    assert json.loads(evaluate("--gsd", 0.1, "--json").stdout)["score"] == 0.5


def test_an_image_that_does_not_tell_its_ground_sampling_distance(evaluate):
    result = evaluate()
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert "use --gsd" in result.stderr


def test_no_images(run, weights, dataset):
    dataset.write_text('{"images": [], "annotations": []}')
    result = run("evaluate", dataset, "--weights", weights)
    assert result.exit_code == 3
    assert "no images" in result.stderr
