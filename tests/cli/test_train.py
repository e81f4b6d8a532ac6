from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from geovehicle.cli.train import RECIPES
from geovehicle.model.checkpoint import read_info
from geovehicle.settings import DEFAULT_DETECTOR, PAPER, TrainSettings
from geovehicle.training import Step


@pytest.fixture
def train(run, dataset):
    return partial(run, "train", dataset)


@pytest.fixture
def received(monkeypatch):
    """Replace the training; return what it was asked for."""
    calls = []

    def record(images, folder, recipe, settings, on_step):
        calls.append((images, folder, recipe, settings))
        for iteration in range(1, settings.iterations + 1):
            on_step(Step(iteration, 1e-4, {"a": 0.25, "b": 0.5}, 2.0 * iteration))
        return folder / "model.safetensors"

    monkeypatch.setattr("geovehicle.training.train", record)
    return calls


def test_a_checkpoint_comes_out(train, tmp_path, monkeypatch):
    small = replace(DEFAULT_DETECTOR, feature_channels=8, rpn_channels=8, head_channels=8)
    monkeypatch.setitem(RECIPES, "default", small)
    result = train(
        "-o", tmp_path / "run", "--licence", "CC0-1.0", "--gsd", 0.2, "--iterations", 1,
        "--batch", 1, "--crop", 64, "--workers", 0, "--synthetic", 0,
    )  # fmt: skip
    checkpoint = tmp_path / "run" / "model.safetensors"
    assert result.exit_code == 0, result.output
    assert result.stdout == f"1 iterations on 2 images → {checkpoint}\n"
    assert result.stderr.startswith("iteration 1/1  loss ")
    info = read_info(checkpoint)
    assert (info.config, info.gsd, info.licence) == (small, 0.2, "CC0-1.0")


def test_defaults(train, received, tmp_path):
    train("-o", tmp_path / "run")
    ((images, folder, recipe, settings),) = received
    assert [image.gsd for image in images] == [0.1, settings.gsd]
    assert folder == tmp_path / "run"
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
