from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from geovehicle import training
from geovehicle.data.coco import LabelledImage
from geovehicle.errors import CheckpointError, DatasetError, GeoVehicleError, SettingsError
from geovehicle.model.backbone import ResNet50
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import read_info
from geovehicle.settings import DEFAULT_DETECTOR, TrainSettings
from geovehicle.training import IMAGENET, Recipe, recalibrate, train

if TYPE_CHECKING:
    from pathlib import Path

TINY = replace(DEFAULT_DETECTOR, feature_channels=8, rpn_channels=8, head_channels=8)
QUICK = TrainSettings(
    iterations=2,
    batch=2,
    crop=64,
    workers=0,
    synthetic=0.0,
    device="cpu",
    precision="float32",
    calibration=1,
    warm_up=1,
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledImage]:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 90, (96, 96, 3), dtype=np.uint8)
    pixels[30:50, 20:60] = 220
    Image.fromarray(pixels).save(path)
    boxes = np.array([[20.0, 30.0, 60.0, 50.0]])
    return [LabelledImage(path, 1, 96, 96, 0.10, "photos", "one", boxes, np.empty((0, 4)))]


def test_training_changes_weights_and_leaves_a_checkpoint_and_a_log(
    images: list[LabelledImage], tmp_path: Path
) -> None:
    steps: list[training.Step] = []
    recipe = Recipe(TINY, licence="CC0-1.0", provenance={"made": "by a test"})
    path = train(images, tmp_path / "run", recipe, QUICK, steps.append)
    info = read_info(path)
    assert (info.gsd, info.classes, info.licence) == (0.10, ("vehicle",), "CC0-1.0")
    assert info.config == TINY
    assert info.provenance["made"] == "by a test"
    assert info.provenance["vehicles"] == 1
    assert [step.iteration for step in steps] == [1, 2]
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["losses"] for line in lines] == [step.losses for step in steps]


def test_the_same_seed_gives_the_same_losses(images: list[LabelledImage], tmp_path: Path) -> None:
    def losses(seed: int) -> list[float]:
        steps: list[training.Step] = []
        settings = replace(QUICK, seed=seed)
        train(images, tmp_path / str(seed), Recipe(TINY), settings, steps.append)
        return [step.loss for step in steps]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_one_vehicle_is_learnt_by_heart(images: list[LabelledImage], tmp_path: Path) -> None:
    steps: list[training.Step] = []
    settings = replace(QUICK, iterations=14, batch=1, learning_rate=1e-3, warm_up=2, seed=3)
    train(images, tmp_path, Recipe(TINY), settings, steps.append)
    classified = [step.losses["loss_classifier"] for step in steps]
    assert np.mean(classified[-3:]) < 0.5 * classified[0]


def test_without_vehicles_there_is_nothing_to_learn(
    images: list[LabelledImage], tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match="no image has a labelled vehicle"):
        train([replace(images[0], boxes=np.empty((0, 4)))], tmp_path, Recipe(TINY), QUICK)


def test_a_loss_that_is_not_finite_ends_training(
    images: list[LabelledImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(config, classes=1):  # type: ignore[no-untyped-def]
        model = build_detector(config, classes)
        nn.init.constant_(model.roi_heads.box_predictor.classes.weight, torch.nan)
        return model

    monkeypatch.setattr(training, "build_detector", broken)
    with pytest.raises(GeoVehicleError, match=r"the loss is nan at iteration 1; lower"):
        train(images, tmp_path, Recipe(TINY), QUICK)
    assert not (tmp_path / "model.safetensors").exists()


def test_learning_rate_rises_and_falls() -> None:
    settings = replace(QUICK, iterations=100, warm_up=10)
    rates = [training._rate(step, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_every_free_weight_is_in_one_group() -> None:
    model = build_detector(TINY)
    backbone = model.backbone.backbone
    backbone.pretrained_parts = backbone.imagenet_parts
    backbone.conv0.requires_grad_(False)
    fresh, taught = training._parameter_groups(model, QUICK)
    assert taught["lr"] == QUICK.learning_rate * QUICK.backbone_factor
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    slow = {names[id(parameter)] for parameter in taught["params"]}
    fast = {names[id(parameter)] for parameter in fresh["params"]}
    assert "backbone.backbone.stages.2.0.conv1.weight" in slow
    assert "backbone.backbone.stages.3.0.conv1.weight" in fast
    assert not slow & fast
    assert set(names.values()) - slow - fast == {"backbone.backbone.conv0.weight"}


def test_recalibration_measures_new_statistics_and_keeps_imagenet_s(
    images: list[LabelledImage],
) -> None:
    model = build_detector(TINY)
    backbone = model.backbone.backbone
    backbone.pretrained_parts = backbone.imagenet_parts
    backbone.bn1.running_mean.fill_(7.0)
    backbone.bn_conv5.running_mean.fill_(7.0)
    recalibrate(model, images, QUICK)
    assert (backbone.bn1.running_mean == 7.0).all()
    assert not (backbone.bn_conv5.running_mean == 7.0).any()
    assert not model.training


def test_training_goes_on_from_a_checkpoint(images: list[LabelledImage], tmp_path: Path) -> None:
    first = train(images, tmp_path / "first", Recipe(TINY, provenance={"run": "first"}), QUICK)
    frozen = replace(QUICK, iterations=1, learning_rate=1e-12)
    second = train(images, tmp_path / "second", Recipe(start=first), frozen)
    before, after = load_file(first), load_file(second)
    for key in ("roi_heads.box_head.1.weight", "backbone.backbone.stages.3.0.conv1.weight"):
        torch.testing.assert_close(before[key], after[key])
    assert read_info(second).config == TINY
    assert read_info(second).provenance["started_from"]["run"] == "first"
    third = train(
        images, tmp_path / "third", Recipe(start=first), replace(frozen, learning_rate=1e-3)
    )
    changed = load_file(third)
    assert not torch.equal(
        before["roi_heads.box_head.1.weight"], changed["roi_heads.box_head.1.weight"]
    )


def test_imagenet_weights_are_downloaded_on_demand_only(
    images: list[LabelledImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline() -> dict[str, torch.Tensor]:
        raise CheckpointError("no way to the network")

    monkeypatch.setattr(ResNet50, "_download", staticmethod(offline))
    recipe = Recipe(replace(TINY, backbone="resnet50"), IMAGENET)
    with pytest.raises(CheckpointError, match="no way to the network"):
        train(images, tmp_path, recipe, QUICK)
    with pytest.raises(CheckpointError, match="resnet50v2 has no ImageNet weights of its own"):
        train(images, tmp_path, Recipe(TINY, IMAGENET), QUICK)
    with pytest.raises(CheckpointError, match=r"none\.safetensors cannot be read"):
        train(images, tmp_path, Recipe(TINY, tmp_path / "none.safetensors"), QUICK)


def test_going_on_keeps_scale_and_licence(images: list[LabelledImage], tmp_path: Path) -> None:
    first = train(images, tmp_path / "first", Recipe(TINY, licence="CC0-1.0"), QUICK)
    second = train(images, tmp_path / "second", Recipe(start=first), QUICK)
    assert read_info(second).provenance["started_from"]["licence"] == "CC0-1.0"
    with pytest.raises(SettingsError, match=r"works at 0\.1 m, not 0\.2 m; add --gsd 0\.1"):
        train(images, tmp_path / "third", Recipe(start=first), replace(QUICK, gsd=0.2))


def test_only_what_imagenet_has_taught_is_frozen(
    images: list[LabelledImage], tmp_path: Path
) -> None:
    stem = "backbone.backbone.stages.0.0.conv1.weight"
    first = train(images, tmp_path / "first", Recipe(TINY), QUICK)
    second = train(images, tmp_path / "second", Recipe(start=first), QUICK)
    assert not torch.equal(load_file(first)[stem], load_file(second)[stem])
    taught = {"started_from": {"started_from": {"backbone_weights": "imagenet"}}}
    assert training._has_seen_imagenet(taught)
    assert not training._has_seen_imagenet({"started_from": {"backbone_weights": None}})


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_ends_training_with_one_line(
    images: list[LabelledImage], tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "damaged.png"
    path.write_bytes(images[0].path.read_bytes()[:300])
    damaged = [replace(images[0], path=path)]
    with pytest.raises(DatasetError, match=r"^\S*damaged\.png cannot be read as an image") as error:
        train(damaged, tmp_path / "run", Recipe(TINY), replace(QUICK, workers=workers))
    assert "\n" not in str(error.value)


def test_too_little_memory_says_what_to_lower(
    images: list[LabelledImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, images: object, targets: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(GeneralizedRCNN, "forward", full)
    with pytest.raises(GeoVehicleError, match="lower --batch or --crop"):
        train(images, tmp_path, Recipe(TINY), QUICK)


@pytest.mark.parametrize("iterations", [1, 10, 400, 5000])
def test_the_average_forgets_what_a_run_started_with(iterations: int) -> None:
    settings = replace(QUICK, iterations=iterations)
    decay = training._decay(settings)
    assert decay**iterations <= 0.5**10 * 1.001
    assert decay**settings.ema_half_life <= 0.5 * 1.001
