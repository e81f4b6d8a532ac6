from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geovehicle.detections import Detections
from geovehicle.errors import CheckpointError, DatasetError
from geovehicle.evaluation import Comparison, name_of, report
from geovehicle.metrics import Confusion, FootprintErrors
from geovehicle.model.weights import DEFAULT


@pytest.fixture
def evaluate(run, weights, dataset):
    return partial(run, "evaluate", dataset, "--weights", weights)


@pytest.fixture
def asked(monkeypatch):
    """Replace the evaluation by a known report; return what it was asked for."""
    asked = []
    vehicle = np.array([[0.0, 0, 40, 20]])

    def known(images, weights, settings, on_image, boxes):
        asked.append((weights, settings, boxes))
        scores = np.array([0.75])
        found = Detections(vehicle, scores, np.zeros(1))
        return made(images, [found, Detections.empty()], 0.5, name_of(weights))

    def made(images, detections, score, name):
        plain = [replace(image, boxes=vehicle) for image in images]
        return report(plain, detections, score, name, Comparison("horizontal"))

    monkeypatch.setattr("geovehicle.evaluation.evaluate", known)
    monkeypatch.setattr("geovehicle.engines.detectors.load_detector", lambda *_: None)
    return asked


@pytest.mark.usefixtures("asked")
def test_the_table(evaluate):
    lines = evaluate("--gsd", 0.1).stdout.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["north", "1", "1", "1.000", "1.000", "1.000", "1.000", "1.000", "1.000", "1.000", "0.750"],
        ["south", "1", "1", "0.000", "0.000", "0.000", "1.000", "0.000", "0.000", "0.000", "1.000"],
        ["total", "2", "2", "0.505", "0.505", "0.505", "1.000", "0.500", "0.667", "0.667", "0.750"],
    ]
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[4] == "precision, recall and F1 at a score of 0.5, IoU 0.3 of horizontal boxes"


@pytest.mark.usefixtures("asked")
def test_json(evaluate):
    told = json.loads(evaluate("--gsd", 0.1, "--json").stdout)
    assert (told["score"], told["recommended_score"]) == (0.5, 0.75)
    assert list(told["sources"]) == ["north", "south"]
    assert told["sources"]["north"] == {
        "images": 1,
        "ap50_95": 1.0,
        "ap50": 1.0,
        "ap30": 1.0,
        "rates": {
            "true": 1, "detections": 1, "vehicles": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0
        },
        "best_score": 0.75,
        "best_f1": 1.0,
        "balanced_score": 0.75,
    }  # fmt: skip


def test_several_detectors_side_by_side(run, dataset, asked):
    options = ["--weights", "a/model.safetensors", "--weights", "b.pt", "--weights", "c/b.pt"]
    result = run("evaluate", dataset, *options, "--gsd", 0.1, "--json")
    names = [model["name"] for model in json.loads(result.stdout)["models"]]
    assert names == ["a", "b", "b-2"]
    assert [weights for weights, *_ in asked] == options[1::2]
    table = run("evaluate", dataset, *options, "--gsd", 0.1).stdout
    assert [line for line in table.splitlines() if line in names] == names


@pytest.mark.usefixtures("asked")
def test_no_two_detectors_have_one_name(run, dataset):
    files = ["1/a.pt", "2/a.pt", "a-2.pt", "A.pt"]  # A and a are one file name to some systems
    options = [part for file in files for part in ("--weights", file)]
    result = run("evaluate", dataset, *options, "--gsd", 0.1, "--json")
    names = [model["name"] for model in json.loads(result.stdout)["models"]]
    assert names == ["a", "a-2", "a-2-2", "A-3"]


def test_every_detector_is_looked_at_before_the_first_is_evaluated(
    run, weights, dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr("geovehicle.evaluation.evaluate", lambda *_: pytest.fail("too early"))
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    for name in ("gone.safetensors", "broken.safetensors"):
        options = ["--weights", weights, "--weights", tmp_path / name, "--gsd", 0.1]
        result = run("evaluate", dataset, *options)
        assert result.exit_code == CheckpointError.exit_code
        assert name in result.stderr


@pytest.mark.usefixtures("asked")
def test_a_source_that_is_no_unicode_is_shown_with_a_question_mark(evaluate, dataset):
    content = json.loads(dataset.read_text())
    content["images"][0]["source"] = "north\ud800"
    dataset.write_text(json.dumps(content))
    assert "north? " in evaluate("--gsd", 0.1).stdout
    assert "north?" in json.loads(evaluate("--gsd", 0.1, "--json").stdout)["sources"]


def test_the_shipped_weights_by_default(run, dataset, asked):
    assert run("evaluate", dataset, "--gsd", 0.1, "--score", 0.25).exit_code == 0
    ((weights, settings, boxes),) = asked
    assert weights == DEFAULT
    assert settings.score == 0.25
    assert boxes == "horizontal"


def test_a_report(evaluate, asked, tmp_path):
    folder = tmp_path / "report"
    result = evaluate("--gsd", 0.1, "-o", folder)
    assert "total" in result.stdout
    assert result.stdout.splitlines()[-1] == f"report → {folder / 'report.html'}"
    assert json.loads((folder / "metrics.json").read_text())["data"] == "labels.json"
    again = evaluate("--gsd", 0.1, "-o", folder)
    assert again.exit_code == 4
    assert "--overwrite" in again.stderr
    assert len(asked) == 1  # told before the work
    piped = evaluate("--gsd", 0.1, "-o", folder, "--overwrite", "--json")
    assert json.loads(piped.stdout)["score"] == 0.5
    assert str(folder) in piped.stderr


def outline(dataset):
    """Give every vehicle of the data set a footprint."""
    content = json.loads(dataset.read_text())
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        corners = [x, y + 5, x + width - 5, y, x + width, y + height - 5, x + 5, y + height]
        annotation["segmentation"] = [corners]
    dataset.write_text(json.dumps(content))


def test_what_is_compared_is_chosen_once_for_all_detectors(run, dataset, asked, monkeypatch):
    outline(dataset)
    kinds = {"a.pt": SimpleNamespace(oriented=True), "b.pt": SimpleNamespace()}
    monkeypatch.setattr(
        "geovehicle.evaluation.describe", lambda name: SimpleNamespace(config=kinds[name])
    )
    alone, both = ["--weights", "a.pt"], ["--weights", "a.pt", "--weights", "b.pt"]
    for options in (alone, both, [*both, "--boxes", "oriented"], [*alone, "--boxes", "horizontal"]):
        assert run("evaluate", dataset, *options, "--gsd", 0.1).exit_code == 0
    chosen = ["oriented", *["horizontal"] * 2, *["oriented"] * 2, "horizontal"]
    assert [boxes for *_, boxes in asked] == chosen


@pytest.mark.usefixtures("asked")
def test_footprints_that_are_not_labelled_cannot_be_compared(evaluate):
    result = evaluate("--gsd", 0.1, "--boxes", "oriented")
    assert result.exit_code == DatasetError.exit_code
    assert result.stderr.count("\n") == 1
    assert "no vehicle of the data set has a footprint" in result.stderr


def test_what_was_compared_is_told(evaluate, monkeypatch):
    errors = FootprintErrors(5, 1.5, 4.0, 1.0, 0.1, 0.2, -0.1, 0.1)
    confusion = Confusion(("car", "bus"), ((3, 1), (0, 0)))

    def known(images, *_):
        made = report(images, [Detections.empty()] * 2, 0.5, "", Comparison("oriented"))
        return replace(made, footprints=errors, confusion=confusion)

    monkeypatch.setattr("geovehicle.evaluation.evaluate", known)
    told = evaluate("--gsd", 0.1).stdout.splitlines()[4:]
    assert told == [
        "precision, recall and F1 at a score of 0.5, IoU 0.3 of footprints",
        "direction off by 1.5° (median), 4.0° (95 %); 100.0 % below 10°",
        "length +0.10 m (median), off by 0.20 m; width -0.10 m, off by 0.10 m",
        "types told right: 0.750",
    ]


def test_no_footprints_to_compare_are_no_line(evaluate, monkeypatch):
    none = FootprintErrors(0, *[np.nan] * 7)

    def known(images, *_):
        made = report(images, [Detections.empty()] * 2, 0.5, "", Comparison("oriented"))
        return replace(made, footprints=none)

    monkeypatch.setattr("geovehicle.evaluation.evaluate", known)
    told = evaluate("--gsd", 0.1).stdout.splitlines()[4:]
    assert told == ["precision, recall and F1 at a score of 0.5, IoU 0.3 of footprints"]


@pytest.fixture
def layers(tmp_path):
    """Return a layer of two cars, and one that has found the first."""
    cars = [shapely.box(x, 455_000, x + 4.5, 455_002) for x in (130_000, 130_010)]
    paths = tmp_path / "truth.gpkg", tmp_path / "cars.gpkg"
    for path, shapes in zip(paths, (cars, cars[:1]), strict=True):
        frame = gpd.GeoDataFrame({"score": [0.75] * len(shapes)}, geometry=shapes, crs="EPSG:28992")
        frame.to_file(path)
    return paths


def test_a_layer_against_a_layer(run, layers, tmp_path):
    truth, cars = layers
    folder = tmp_path / "report"
    result = run("evaluate", truth, "--predictions", cars, "-o", folder)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1].split()[:3] == ["total", "-", "2"]
    assert result.stdout.splitlines()[2].endswith("IoU 0.3 of polygons")
    (model,) = json.loads((folder / "metrics.json").read_text())["models"]
    assert model["name"] == "cars"
    assert (model["total"]["rates"]["precision"], model["total"]["rates"]["recall"]) == (1.0, 0.5)
    strict = run("evaluate", truth, "--predictions", cars, "--score", 0.8, "--json")
    assert json.loads(strict.stdout)["total"]["rates"]["detections"] == 0


@pytest.mark.parametrize(
    "options", [["--weights", "mine"], ["--gsd", "0.1"], ["--batch", "1"], ["--boxes", "oriented"]]
)
def test_options_of_a_detector_do_not_go_with_predictions(run, layers, options):
    result = run("evaluate", layers[0], "--predictions", layers[1], *options)
    assert result.exit_code == 2
    assert f"{options[0]} is for a detector" in result.stderr


def test_a_layer_alone_is_not_enough(run, layers):
    result = run("evaluate", layers[0])
    assert result.exit_code == 2
    assert "--predictions" in result.stderr


def test_a_layer_that_is_missing(run, layers, tmp_path):
    result = run("evaluate", layers[0], "--predictions", tmp_path / "gone.gpkg")
    assert result.exit_code == 3
    assert "gone.gpkg" in result.stderr


def test_the_whole_way(evaluate):
    result = evaluate("--gsd", 0.1, "--score", 0, "--json")
    (told,) = map(json.loads, result.stdout.splitlines())
    last = json.loads(result.stderr.splitlines()[-1])
    assert (last["event"], last["done"], last["total"]) == ("progress", 2, 2)
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
