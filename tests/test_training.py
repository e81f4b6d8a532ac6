from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from geovehicle import training
from geovehicle.detections import Detections
from geovehicle.errors import (
    CheckpointError,
    DatasetError,
    GeoVehicleError,
    InterruptionError,
    SettingsError,
)
from geovehicle.files import replacing
from geovehicle.learning import start
from geovehicle.learning.averaging import Calibration
from geovehicle.model.backbone import ResNet50
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import read_info, save_checkpoint
from geovehicle.settings import DEFAULT_DETECTOR, TrainSettings
from geovehicle.training import IMAGENET, Recipe, Run, Step, train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import SimpleNamespace

    from geovehicle.data.coco import LabelledImage

STEM = "backbone.backbone.stem.0.weight"
HEAD = "roi_heads.box_head.1.weight"


@pytest.fixture
def images(tiny: SimpleNamespace, tmp_path: Path) -> list[LabelledImage]:
    photos: list[LabelledImage] = tiny.photos(tmp_path / "photo.png")
    return photos


@pytest.fixture
def recipe(tiny: SimpleNamespace) -> Recipe:
    return Recipe(tiny.DETECTOR)


@pytest.fixture
def quick(tiny: SimpleNamespace) -> TrainSettings:
    settings: TrainSettings = tiny.SETTINGS
    return settings


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def equal(first: Path, second: Path) -> bool:
    one, other = load_file(first), load_file(second)
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_training_leaves_a_checkpoint_a_state_and_a_log(
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[Step] = []
    monkeypatch.setattr(Calibration, "ranges", lambda *_: {"conv4": 2.5})
    told = replace(recipe, licence="CC0-1.0", provenance={"made": "by a test"})
    path = train(images, tmp_path / "run", told, quick, steps.append)
    info = read_info(path)
    assert (info.gsd, info.classes, info.licence) == (0.10, ("vehicle",), "CC0-1.0")
    assert info.config == recipe.config
    assert info.ranges == {"conv4": 2.5}
    assert info.provenance["made"] == "by a test"
    assert info.provenance["vehicles"] == 1
    assert [step.iteration for step in steps] == [1, 2]
    assert [line["losses"] for line in log_of(tmp_path / "run")] == [step.losses for step in steps]
    assert (tmp_path / "run" / "state.safetensors").is_file()


def test_the_same_seed_gives_the_same_losses(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    def losses(seed: int) -> list[float]:
        steps: list[Step] = []
        train(images, tmp_path / str(seed), recipe, replace(quick, seed=seed), steps.append)
        return [step.loss for step in steps]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_one_vehicle_is_learnt_by_heart(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    steps: list[Step] = []
    settings = replace(quick, iterations=40, learning_rate=3e-3, warm_up=2, save_every=40)
    train(images, tmp_path / "run", recipe, settings, steps.append)
    classified = [step.losses["loss_classifier"] for step in steps]
    assert np.mean(classified[-5:]) < 0.5 * classified[0]


def test_without_vehicles_there_is_nothing_to_learn(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    empty = [replace(images[0], boxes=np.empty((0, 4)))]
    with pytest.raises(DatasetError, match="no image has a labelled vehicle"):
        train(empty, tmp_path, recipe, quick)
    with pytest.raises(DatasetError, match="no image for validation has a labelled vehicle"):
        train(images, Run(tmp_path, empty), recipe, quick)


def test_a_loss_that_is_not_finite_ends_training(
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(config, classes=1):  # type: ignore[no-untyped-def]
        model = build_detector(config, classes)
        nn.init.constant_(model.roi_heads.box_predictor.classes.weight, torch.nan)
        return model

    monkeypatch.setattr(start, "build_detector", broken)
    with pytest.raises(GeoVehicleError, match=r"the loss is nan at iteration 1; lower"):
        train(images, tmp_path, recipe, quick)
    assert not (tmp_path / "model.safetensors").exists()


def test_training_goes_on_from_a_checkpoint(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    first = train(images, tmp_path / "1", replace(recipe, provenance={"run": "first"}), quick)
    frozen = replace(quick, iterations=1, learning_rate=1e-12)
    second = train(images, tmp_path / "2", Recipe(start=first), frozen)
    before, after = load_file(first), load_file(second)
    torch.testing.assert_close(before[HEAD], after[HEAD])
    torch.testing.assert_close(before[STEM], after[STEM])
    assert read_info(second).config == recipe.config
    assert read_info(second).provenance["started_from"]["run"] == "first"
    third = train(images, tmp_path / "3", Recipe(start=first), replace(frozen, learning_rate=1e-3))
    assert not torch.equal(before[HEAD], load_file(third)[HEAD])


def test_imagenet_weights_are_downloaded_on_demand_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_script: Path
) -> None:
    import runpy

    def offline() -> dict[str, torch.Tensor]:
        raise CheckpointError("no way to the network")

    names = runpy.run_path(str(tiny_script))  # without its backbone
    images, quick = names["photos"](tmp_path / "photo.png"), names["SETTINGS"]
    monkeypatch.setattr(ResNet50, "_download", staticmethod(offline))
    recipe = Recipe(replace(DEFAULT_DETECTOR, backbone="resnet50"), IMAGENET)
    with pytest.raises(CheckpointError, match="no way to the network"):
        train(images, tmp_path, recipe, quick)
    with pytest.raises(CheckpointError, match="resnet50v2 has no ImageNet weights of its own"):
        train(images, tmp_path, Recipe(DEFAULT_DETECTOR, IMAGENET), quick)
    with pytest.raises(CheckpointError, match=r"none\.safetensors cannot be read"):
        train(images, tmp_path, Recipe(DEFAULT_DETECTOR, tmp_path / "none.safetensors"), quick)


def test_going_on_keeps_scale_and_licence(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    first = train(images, tmp_path / "first", replace(recipe, licence="CC0-1.0"), quick)
    second = train(images, tmp_path / "second", Recipe(start=first), quick)
    assert read_info(second).provenance["started_from"]["licence"] == "CC0-1.0"
    with pytest.raises(SettingsError, match=r"works at 0\.1 m, not 0\.2 m; add --gsd 0\.1"):
        train(images, tmp_path / "third", Recipe(start=first), replace(quick, gsd=0.2))


def test_only_what_imagenet_has_taught_is_frozen(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    fast = replace(quick, learning_rate=1e-2)
    scratch = train(images, tmp_path / "scratch", recipe, fast)
    free = train(images, tmp_path / "free", Recipe(start=scratch), fast)
    assert not torch.equal(load_file(scratch)[STEM], load_file(free)[STEM])
    told = replace(recipe, provenance={"backbone_weights": "imagenet"})
    taught = train(images, tmp_path / "taught", told, fast)
    frozen = train(images, tmp_path / "frozen", Recipe(start=taught), fast)
    assert torch.equal(load_file(taught)[STEM], load_file(frozen)[STEM])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_ends_training_with_one_line(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings, workers: int
) -> None:
    path = tmp_path / "damaged.png"
    path.write_bytes(images[0].path.read_bytes()[:300])
    damaged = [replace(images[0], path=path)]
    with pytest.raises(DatasetError, match=r"^\S*damaged\.png cannot be read as an image") as error:
        train(damaged, tmp_path / "run", recipe, replace(quick, workers=workers))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_too_little_memory_says_what_to_lower(
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def full(self: object, images: object, targets: object) -> None:
        raise error

    monkeypatch.setattr(GeneralizedRCNN, "forward", full)
    with pytest.raises(GeoVehicleError, match="memory of cpu is too small; lower --batch or"):
        train(images, tmp_path, recipe, quick)


class CrashError(Exception):
    """What a test raises in place of a crash."""


def stop_at(iteration: int) -> Any:
    def on_step(step: Step) -> None:
        if step.iteration == iteration:
            raise CrashError

    return on_step


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_crashed_run_goes_on_as_if_nothing_had_been(
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
    optimiser: Any,
) -> None:
    settings = replace(quick, iterations=5, save_every=2, optimiser=optimiser, learning_rate=1e-2)
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    train(images, whole, recipe, settings)
    with pytest.raises(CrashError):
        train(images, parted, recipe, settings, stop_at(4))
    taken_up: list[Step] = []
    run = Run(parted, resume=True)
    train(images, run, recipe, replace(settings, save_every=1), taken_up.append)
    assert [step.iteration for step in taken_up] == [3, 4, 5]
    assert equal(whole / "state.safetensors", parted / "state.safetensors")
    assert equal(whole / "model.safetensors", parted / "model.safetensors")
    logs = [
        [(line["iteration"], line["losses"]) for line in log_of(folder)]
        for folder in (whole, parted)
    ]
    assert logs[0] == logs[1]


def test_a_finished_run_has_nothing_to_go_on_with(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    train(images, tmp_path / "run", recipe, quick)
    steps: list[Step] = []
    train(images, Run(tmp_path / "run", resume=True), recipe, quick, steps.append)
    assert steps == []


def test_a_run_cannot_go_on_as_another(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    run = Run(tmp_path / "run", resume=True)
    train(images, run, recipe, quick)
    with pytest.raises(SettingsError, match=r"batch 2 instead of 4, seed 0 instead of 7; give"):
        train(images, run, recipe, replace(quick, batch=4, seed=7, workers=3))
    other = [replace(images[0], boxes=images[0].boxes + 1)]
    with pytest.raises(SettingsError, match="with other images; give"):
        train(other, run, recipe, quick)
    deeper = replace(recipe, config=replace(recipe.config, head_channels=16))
    with pytest.raises(SettingsError, match="with head_channels 8 instead of 16"):
        train(images, run, deeper, quick)


def test_a_new_run_forgets_the_state_of_an_older_one(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    train(images, tmp_path / "run", recipe, quick)
    other = replace(quick, seed=1)
    with pytest.raises(CrashError):
        train(images, tmp_path / "run", recipe, other, stop_at(1))
    steps: list[Step] = []
    train(images, Run(tmp_path / "run", resume=True), recipe, other, steps.append)
    assert [step.iteration for step in steps] == [1, 2]


def test_a_run_can_be_taken_up_from_before_its_first_checkpoint(
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def save_and_crash(*arguments: Any) -> None:
        save_checkpoint(*arguments)
        raise CrashError

    whole, parted = Run(tmp_path / "whole", images), Run(tmp_path / "parted", images, resume=True)
    train(images, whole, recipe, quick)
    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", save_and_crash)
        with pytest.raises(CrashError):
            train(images, parted, recipe, quick)
    assert (parted.folder / "state.safetensors").is_file()
    train(images, parted, recipe, quick)
    for name in ("best.safetensors", "model.safetensors", "state.safetensors"):
        assert equal(whole.folder / name, parted.folder / name)


def test_a_new_run_removes_what_an_older_one_or_a_killed_one_has_left(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    run = tmp_path / "run"
    train(images, Run(run, images), recipe, quick)
    (run / "validation" / "sketch.png").touch()  # none of ours
    with replacing(run / "any") as temporary:
        left = temporary.parent.name
        temporary.touch()
    (run / left).mkdir()
    train(images, run, recipe, quick)
    assert sorted(path.name for path in (run / "validation").iterdir()) == ["sketch.png"]
    assert not (run / "best.safetensors").exists()
    assert not (run / left).exists()


def test_ctrl_c_saves_the_state_and_tells_how_to_go_on(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    def press(step: Step) -> None:
        if step.iteration == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)  # a shell's background jobs ignore it
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(images, whole, recipe, quick)
    with pytest.raises(InterruptionError, match=r"interrupted after iteration 1; .* --resume"):
        train(images, run, recipe, quick, press)
    train(images, Run(run, resume=True), recipe, quick)
    assert equal(whole / "model.safetensors", run / "model.safetensors")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make validations find the vehicle at these IoUs, in turn; return what is left of them."""
    left: list[float] = []

    def found(images: Any, *_: Any) -> list[Detections]:
        x1, y1, x2, y2 = images[0].boxes[0]
        box = [x1, y1, x1 + (x2 - x1) * left.pop(0), y2]
        return [Detections(np.array([box]), np.array([0.7]), np.array([0])) for _ in images]

    monkeypatch.setattr(training, "predict", found)
    return left


def test_the_best_weights_are_kept_and_pictures_drawn(
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
    quality: list[float],
) -> None:
    quality += [0.4, 1.0, 0.2]
    steps: list[Step] = []
    settings = replace(quick, iterations=5, val_every=2)
    run = Run(tmp_path / "run", images)
    train(images, run, recipe, settings, steps.append)
    figures = [(step.validation["AP50"], step.validation["F1"]) for step in steps[1:5:2]]
    assert figures == [(0.0, 1.0), (1.0, 1.0)]
    assert steps[4].validation == pytest.approx({"AP50": 0.0, "F1": 0.0, "score": 0.7})
    assert [bool(step.validation) for step in steps] == [False, True, False, True, True]
    best = read_info(run.folder / "best.safetensors").provenance["validation"]
    assert best == pytest.approx({"iteration": 4, "AP50": 1.0, "F1": 1.0, "score": 0.7})
    assert not equal(run.folder / "best.safetensors", run.folder / "model.safetensors")
    assert (run.folder / "validation" / "1.png").is_file()


def test_training_ends_when_validations_get_no_better(
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
    quality: list[float],
) -> None:
    quality += [0.4, 1.0, 0.4, 1.0, 1.0]
    steps: list[Step] = []
    settings = replace(quick, iterations=9, val_every=1, patience=2)
    train(images, Run(tmp_path / "run", images), recipe, settings, steps.append)
    assert steps[-1].iteration == 4
    again = Run(tmp_path / "run", images, resume=True)
    train(images, again, recipe, settings, steps.append)
    assert steps[-1].iteration == 4


def test_validation_measures_what_the_detector_finds(
    images: list[LabelledImage], tmp_path: Path, recipe: Recipe, quick: TrainSettings
) -> None:
    steps: list[Step] = []
    train(images, Run(tmp_path / "run", images), recipe, quick, steps.append)
    assert steps[-1].validation.keys() == {"AP50", "F1", "score"}


def test_patches_of_a_validation_hold_the_longest_vehicle_at_any_scale(
    images: list[LabelledImage],
    tmp_path: Path,
    tiny: SimpleNamespace,
    quick: TrainSettings,
) -> None:
    fine = [replace(images[0], gsd=0.015)]
    steps: list[Step] = []
    settings = replace(quick, gsd=0.015, iterations=1)
    train(fine, Run(tmp_path / "run", fine), Recipe(tiny.DETECTOR), settings, steps.append)
    assert steps[-1].validation


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute as the script does, for sums depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_a_killed_process_goes_on_with_exactly_the_same_weights(
    tiny_script: Path,
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
) -> None:
    killed, whole = tmp_path / "run", tmp_path / "whole"
    command = [sys.executable, str(tiny_script), str(tmp_path), "iterations=60", "save_every=7"]
    process = subprocess.Popen(command)  # noqa: S603
    log = killed / "log.jsonl"
    while process.poll() is None and not (log.is_file() and log.read_text().count("\n") > 16):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    settings = replace(quick, iterations=60, save_every=7)
    steps: list[Step] = []
    train(images, Run(killed, resume=True), recipe, settings, steps.append)
    train(images, whole, recipe, settings)
    assert 14 < steps[0].iteration < 60
    assert equal(whole / "state.safetensors", killed / "state.safetensors")
    assert equal(whole / "model.safetensors", killed / "model.safetensors")


def run_in_two(script: Path, *arguments: str) -> None:
    """Run a script in two processes, as ``torchrun`` does."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([sys.executable, *launcher, str(script), *arguments], check=True)  # noqa: S603


@pytest.mark.usefixtures("one_thread")
def test_two_processes_learn_what_one_does(
    tiny_script: Path,
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
) -> None:
    options = ["iterations=4", "optimiser=sgd", "learning_rate=0.05", "batch=4"]
    run_in_two(tiny_script, str(tmp_path), *options)
    together, alone = tmp_path / "run", tmp_path / "alone"
    settings = replace(quick, iterations=4, optimiser="sgd", learning_rate=0.05, batch=4)
    train(images, alone, recipe, settings)
    for two, one in zip(log_of(together), log_of(alone), strict=True):
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    ours, theirs = (load_file(path / "state.safetensors") for path in (together, alone))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.usefixtures("one_thread")
def test_two_processes_validate_and_lose_patience_together(
    tiny: SimpleNamespace,
    tiny_script: Path,
    images: list[LabelledImage],
    tmp_path: Path,
    recipe: Recipe,
    quick: TrainSettings,
) -> None:
    numbers = {"iterations": 9, "val_every": 1, "patience": 2}
    options = [f"{name}={number}" for name, number in numbers.items()]
    run_in_two(tiny_script, str(tmp_path), "--val", *options)
    alone = Run(tmp_path / "alone", tiny.kept_aside(tmp_path))
    train(images, alone, recipe, replace(quick, **numbers))
    ours, theirs = log_of(tmp_path / "run"), log_of(alone.folder)
    assert len(ours) == 3
    for two, one in zip(ours, theirs, strict=True):
        assert two["validation"] == pytest.approx(one["validation"], rel=1e-3)
    assert (tmp_path / "run" / "best.safetensors").is_file()
