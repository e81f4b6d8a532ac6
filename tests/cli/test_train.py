from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from importlib import import_module

import pytest

from geovehicle.cli.train import RECIPES
from geovehicle.errors import InterruptionError, SettingsError
from geovehicle.model.checkpoint import read_info
from geovehicle.settings import (
    DEFAULT_DETECTOR,
    FASTER_RCNN,
    PAPER,
    PAPER_TRAINING,
    VEHICLE_TYPES,
    TrainSettings,
)
from geovehicle.training import Step


@pytest.fixture
def train(run, dataset):
    return partial(run, "train", dataset)


@pytest.fixture
def received(monkeypatch):
    """Replace the training; return what it was asked for."""
    calls = []

    def record(images, run, recipe, settings, on_step):
        calls.append((images, run, recipe, settings))
        for iteration in range(1, min(settings.iterations, 200) + 1):
            figures = {"AP50": 0.5, "F1": 0.75, "score": 0.3} if iteration == 70 else {}
            figures = figures if run.validation else {}
            on_step(Step(iteration, 1e-4, {"a": 0.25, "b": 0.5}, 2.0 * iteration, figures))
        return run.folder / "model.safetensors"

    monkeypatch.setattr("geovehicle.training.train", record)
    monkeypatch.setattr("geovehicle.learning.log.has_tensorboard", lambda: True)
    return calls


def test_a_checkpoint_comes_out(train, tmp_path, monkeypatch, tiny):
    small = tiny.DETECTOR
    monkeypatch.setitem(RECIPES, "default", (small, TrainSettings()))
    result = train(
        "-o", tmp_path / "run", "--licence", "CC0-1.0", "--gsd", 0.2, "--iterations", 1,
        "--batch", 1, "--crop", 64, "--workers", 0, "--synthetic", 0, "--copy-paste", 0,
    )  # fmt: skip
    checkpoint = tmp_path / "run" / "model.safetensors"
    assert result.exit_code == 0, result.output
    assert result.stdout == f"1 iterations on 2 images → {checkpoint}\n"
    assert result.stderr.startswith("iteration 1/1  loss ")
    info = read_info(checkpoint)
    assert (info.config, info.gsd, info.licence) == (small, 0.2, "CC0-1.0")


def test_defaults(train, received, tmp_path):
    train("-o", tmp_path / "run")
    ((images, run, recipe, settings),) = received
    assert [image.gsd for image in images] == [0.1, settings.gsd]
    assert (run.folder, run.validation, run.resume) == (tmp_path / "run", (), False)
    assert (recipe.config, recipe.backbone_weights) == (DEFAULT_DETECTOR, None)
    assert recipe.licence == "not stated"
    assert settings == TrainSettings()


def test_the_paper_s_recipe_with_another_backbone(train, received, tmp_path):
    file = tmp_path / "imagenet.safetensors"
    arguments = "--recipe", "paper", "--backbone", "resnet50v2", "--backbone-weights", file
    train("-o", tmp_path / "run", *arguments)
    train("-o", tmp_path / "run", "--recipe", "paper")
    changed, paper = (recipe for _, _, recipe, _ in received)
    assert changed.config.backbone == "resnet50v2"
    assert changed.config.rpn_regression_weight == PAPER.detector.rpn_regression_weight
    assert changed.backbone_weights == str(file)
    assert paper.config == PAPER.detector


def test_a_recipe_brings_its_numbers_and_options_go_before(train, received, tmp_path):
    train("-o", tmp_path / "run", "--recipe", "paper")
    train("-o", tmp_path / "run", "--recipe", "paper", "--crop", 512, "--batch", 4)
    as_it_stands, changed = (settings for _, _, _, settings in received)
    assert as_it_stands == PAPER_TRAINING
    assert (as_it_stands.crop_size, as_it_stands.rpn_learning_rate) == ((752, 674), 1e-5)
    assert changed == replace(PAPER_TRAINING, crop=512, crop_width=None, batch=4)
    train("-o", tmp_path / "run", "--recipe", "paper", "--crop", 512, "--crop-width", 640)
    assert received[-1][3].crop_size == (640, 512)


@pytest.mark.parametrize("recipe", ["paper", "default"])
def test_faster_rcnn_is_the_recipe_without_the_paper_s_changes(train, received, tmp_path, recipe):
    train("-o", tmp_path / "run", "--recipe", recipe)
    train("-o", tmp_path / "run", "--recipe", recipe, "--model", "faster-rcnn")
    ours, baseline = (recipe.config for _, _, recipe, _ in received)
    assert baseline == replace(
        ours, skip_connection=False, rpn_loss="cross-entropy", head_loss="cross-entropy"
    )
    assert recipe != "paper" or baseline == FASTER_RCNN


@pytest.mark.parametrize(
    ("recipe", "boxes", "oriented"),
    [
        ("default", None, True),
        ("default", "horizontal", False),
        ("paper", None, False),
        ("paper", "oriented", True),
    ],
)
def test_boxes_are_the_recipe_s_or_as_asked_for(train, received, tmp_path, recipe, boxes, oriented):
    asked = ("--boxes", boxes) if boxes else ()
    train("-o", tmp_path / "run", "--recipe", recipe, *asked)
    ((_, _, chosen, _),) = received
    assert chosen.config.oriented is oriented
    assert chosen.config.types == ()


def test_types_are_told_if_asked_for(train, received, tmp_path):
    train("-o", tmp_path / "run", "--types")
    ((_, _, chosen, _),) = received
    assert chosen.config == replace(DEFAULT_DETECTOR, types=VEHICLE_TYPES)


def test_types_need_an_oriented_head(train, received, tmp_path):
    result = train("-o", tmp_path / "run", "--types", "--boxes", "horizontal")
    assert result.exit_code == 2
    assert "--types are told by an oriented network" in result.stderr
    assert received == []


def test_a_range_of_ground_sampling_distances(train, received, tmp_path):
    train("-o", tmp_path / "run", "--gsd-range", 0.08, 0.2)
    assert received[0][3].view_scales == pytest.approx((0.5, 1.25))
    result = train("-o", tmp_path / "run", "--gsd-range", 0.12, 0.2)
    assert result.exit_code == 2
    assert "gsd_range is 0.12 to 0.2 m, which does not contain the model's 0.1 m" in result.stderr


def test_validation_is_read_and_its_figures_are_shown(train, received, dataset, tmp_path):
    result = train("-o", tmp_path / "run", "--val", dataset, "--iterations", 100)
    assert len(received[0][1].validation) == 2
    assert [line.split("left")[1] for line in result.stderr.splitlines()] == [
        "", "  AP50 0.500  F1 0.750", "  AP50 0.500  F1 0.750",
    ]  # fmt: skip


def test_json_is_a_summary_and_events(train, received, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("geovehicle.learning.log.has_tensorboard", lambda: False)
    result = train("-o", tmp_path / "run", "--val", dataset, "--iterations", 80, "--json")
    (summary,) = map(json.loads, result.stdout.splitlines())
    assert (summary["iterations"], summary["images"]) == (80, 2)
    assert summary["output"] == str(tmp_path / "run" / "model.safetensors")
    note, *progress, validation, last = map(json.loads, result.stderr.splitlines())
    assert note["event"] == "note"
    assert "pip install" in note["message"]
    assert {one["event"] for one in progress} == {"progress"}
    expected = {"event": "validation", "iteration": 70, "AP50": 0.5, "F1": 0.75, "score": 0.3}
    assert validation == expected
    assert (last["done"], last["total"], last["loss"]) == (80, 80, 0.75)


def test_resume_needs_no_overwrite_where_there_is_a_state(train, received, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.jsonl").touch()  # of a run that ended before its first state
    result = train("-o", tmp_path / "run", "--resume", "--iterations", 1)
    assert result.stderr.startswith(f"no state in {tmp_path / 'run'}: starting from the beginning")
    for name in ("state.safetensors", "model.safetensors"):
        (tmp_path / "run" / name).touch()
    assert train("-o", tmp_path / "run", "--resume", "--iterations", 1).exit_code == 0
    assert [run.resume for _, run, _, _ in received] == [True, True]
    assert train("-o", tmp_path / "run").exit_code == 4


def test_how_much_was_done_is_told(train, tmp_path, monkeypatch):
    def stop_early(images, run, recipe, settings, on_step):
        for iteration in range(1, iterations + 1):
            on_step(Step(iteration, 1e-4, {"a": 0.25}, 2.0))
        return run.folder / "model.safetensors"

    monkeypatch.setattr("geovehicle.training.train", stop_early)
    iterations = 3
    assert train("-o", tmp_path / "run").stdout.startswith("3 iterations on 2 images → ")
    iterations = 0
    assert train("-o", tmp_path / "run").stdout.startswith("no iteration was left on 2 images → ")


def test_an_interrupt_ends_with_one_line(train, tmp_path, monkeypatch):
    def interrupted(*_):
        raise InterruptionError("interrupted after iteration 7; …")

    monkeypatch.setattr("geovehicle.training.train", interrupted)
    result = train("-o", tmp_path / "run")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1].endswith("interrupted after iteration 7; …")


def test_of_several_processes_the_first_one_speaks(train, received, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    (tmp_path / "model.safetensors").touch()  # which the first process has looked for
    assert train("-o", tmp_path, "--resume", "--iterations", 1).output.count("no state") == 0
    monkeypatch.setenv("RANK", "0")
    assert train("-o", tmp_path).exit_code == 4


def test_how_to_get_tensorboard(train, received, tmp_path, monkeypatch):
    monkeypatch.setattr("geovehicle.learning.log.has_tensorboard", lambda: False)
    result = train("-o", tmp_path / "run", "--iterations", 1)
    assert "pip install 'geovehicle[tensorboard]'" in result.stderr.splitlines()[0]


def test_hog_svm_is_no_network(train, tmp_path, monkeypatch):
    baseline = import_module("geovehicle.baselines.hog_svm")
    calls = []

    def record(images, folder, settings, on_progress, recipe):
        calls.append((len(images), settings.crop, recipe.licence))
        on_progress(1, 2)
        return folder / "model.safetensors"

    monkeypatch.setattr(baseline, "train", record)
    options = "--model", "hog-svm", "--licence", "CC0-1.0", "--crop", 256
    assert train("-o", tmp_path / "run", *options).exit_code == 0
    assert calls == [(2, 256, "CC0-1.0")]
    (tmp_path / "model.safetensors").touch()
    assert train("-o", tmp_path, *options).exit_code == 4  # nor are existing weights replaced
    assert len(calls) == 1
    result = train("-o", tmp_path / "run", "--model", "hog-svm", "--backbone", "resnet50")
    assert result.exit_code == 2
    assert "hog-svm is no network; leave out --backbone" in result.stderr


def test_a_pipe_gets_a_line_in_fifty(train, received, tmp_path):
    result = train("-o", tmp_path / "run", "--iterations", 120)
    assert result.stderr.splitlines() == [
        "iteration 50/120  loss 0.7500  2.00 s/it  0:02:20 left",
        "iteration 100/120  loss 0.7500  2.00 s/it  0:00:40 left",
        "iteration 120/120  loss 0.7500  2.00 s/it  0:00:00 left",
    ]


def test_an_earlier_checkpoint_is_kept(train, received, tmp_path):
    checkpoint = tmp_path / "run" / "model.safetensors"
    checkpoint.parent.mkdir()
    checkpoint.write_text("old")
    result = train("-o", checkpoint.parent)
    assert result.exit_code == 4
    assert "exists; add --overwrite" in result.stderr
    assert not received
    assert train("-o", checkpoint.parent, "--overwrite").exit_code == 0


def test_a_file_in_the_place_of_the_folder(train, received, tmp_path):
    (tmp_path / "run").touch()
    result = train("-o", tmp_path / "run")
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1


def test_a_data_set_without_vehicles(run, dataset, tmp_path):
    content = json.loads(dataset.read_text())
    dataset.write_text(json.dumps(content | {"annotations": []}))
    result = run("train", dataset, "-o", tmp_path / "run")
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert "no image has a labelled vehicle" in result.stderr


def test_a_missing_data_set(run, tmp_path):
    result = run("train", tmp_path / "no.json", "-o", tmp_path / "run")
    assert result.exit_code == 3
    assert "no.json cannot be read" in result.stderr
    assert not (tmp_path / "run").exists()


def test_weights_bring_their_own_network(train, received, weights, tmp_path):
    result = train("-o", tmp_path / "run", "--weights", weights, "--recipe", "paper")
    assert result.exit_code == 2
    assert "leave out --recipe" in result.stderr
    assert train("-o", tmp_path / "run", "--weights", weights).exit_code == 0
    assert received[0][2].start == str(weights)


def test_an_older_log_is_not_lost(train, tmp_path):
    (tmp_path / "log.jsonl").write_text("old")
    assert "exists; add --overwrite" in train("-o", tmp_path).stderr
    assert (tmp_path / "log.jsonl").read_text() == "old"


@pytest.mark.parametrize(
    "error", [SettingsError("no such batch"), InterruptionError("interrupted")]
)
def test_what_all_processes_have_to_say_the_first_one_says(train, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("geovehicle.training.train", fail)
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    for name, value in (("TORCHELASTIC_RUN_ID", "none"), ("WORLD_SIZE", "2"), ("RANK", "1")):
        monkeypatch.setenv(name, value)
    result = train("-o", tmp_path / "run")
    assert (result.exit_code, result.output) == (error.exit_code, "")
    assert bool(waits) == isinstance(error, SettingsError)
    monkeypatch.setenv("RANK", "0")
    assert train("-o", tmp_path / "run").stderr.endswith(f"{error}\n")
