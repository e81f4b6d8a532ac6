from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from geovehicle.data.sampling import TrainingCrops
from geovehicle.learning import averaging
from geovehicle.learning.averaging import Calibration, decay, moving_average
from geovehicle.model.build import Normalize, build_detector

if TYPE_CHECKING:
    from pathlib import Path
    from types import SimpleNamespace


@pytest.mark.parametrize("iterations", [1, 10, 400, 5000])
def test_the_average_forgets_what_a_run_started_with(
    tiny: SimpleNamespace, iterations: int
) -> None:
    settings = replace(tiny.SETTINGS, iterations=iterations)
    left = decay(settings)
    assert left**iterations <= 0.5**10 * 1.001
    assert left**settings.ema_half_life <= 0.5 * 1.001


def test_without_a_half_life_there_is_no_average(tiny: SimpleNamespace) -> None:
    model = nn.Linear(3, 3)
    average = moving_average(model, replace(tiny.SETTINGS, ema_half_life=0.0))
    for _ in range(2):
        nn.init.normal_(model.weight)
        average.update_parameters(model)
        assert torch.equal(average.module.weight, model.weight)


def test_recalibration_measures_new_statistics_and_keeps_imagenet_s(
    tiny: SimpleNamespace, tmp_path: Path
) -> None:
    model = build_detector(tiny.DETECTOR)
    backbone = model.backbone.backbone
    backbone.pretrained_parts = backbone.imagenet_parts
    taught, fresh = backbone.stem[1], backbone.top[1]
    for norm in (taught, fresh):
        norm.running_mean.fill_(7.0)
    images = tiny.photos(tmp_path / "photo.png")
    Calibration(images, replace(tiny.SETTINGS, calibration=0)).recalibrate(model)
    assert (fresh.running_mean == 7.0).all()
    Calibration(images, tiny.SETTINGS).recalibrate(model)
    assert (taught.running_mean == 7.0).all()
    assert not (fresh.running_mean == 7.0).any()
    assert not model.training


def test_ranges_for_int8_are_measured_on_the_run_s_own_crops(
    tiny: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tiny.photos(tmp_path / "photo.png")
    model = build_detector(replace(tiny.DETECTOR, smoothing=0.1)).eval()
    shown: list[torch.Tensor] = []

    def recorded(seen: object, crops: Any) -> dict[str, float]:
        assert seen is model
        noise = torch.rand(3, 8, 8)
        assert torch.equal(model.transform.normalize(noise), Normalize().normalize(noise))
        shown.extend(crop for batch in crops for crop in batch)
        return {"conv4": 3.0}

    monkeypatch.setattr(averaging, "ranges_of", recorded)
    settings = replace(tiny.SETTINGS, calibration=2)
    assert Calibration(images, settings).ranges(model) == {"conv4": 3.0}
    crops = TrainingCrops(images, settings)
    assert len(shown) == 4
    assert all(torch.equal(one, crops[number][0]) for number, one in enumerate(shown))
    assert not model.transform.training


def test_without_calibration_there_are_no_ranges(tiny: SimpleNamespace, tmp_path: Path) -> None:
    images = tiny.photos(tmp_path / "photo.png")
    model = build_detector(replace(tiny.DETECTOR, backbone="resnet50v2")).eval()
    assert Calibration(images, replace(tiny.SETTINGS, calibration=0)).ranges(model) == {}


def test_the_run_s_own_crops_come_from_the_workers_once(
    tiny: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tiny.photos(tmp_path / "photo.png")
    settings = replace(tiny.SETTINGS, calibration=3)  # a batch more than the run has
    made, seen = [], []

    def recorded(*arguments: Any) -> Any:
        for batch in batches(*arguments):
            made.extend(batch[0])
            yield batch

    def shown(crops: list[torch.Tensor]) -> Any:
        seen.extend(crops)
        return normalised(crops)

    batches = averaging.batches
    monkeypatch.setattr(averaging, "batches", recorded)
    model = build_detector(tiny.DETECTOR)
    normalised = model.transform.forward
    monkeypatch.setattr(model.transform, "forward", shown)
    calibration = Calibration(images, settings)
    for _ in range(2):
        calibration.recalibrate(model)
    crops = TrainingCrops(images, settings)
    expected = [crops[number][0] for number in (0, 1, 2, 3, 0, 1)]
    for found in (made, seen[:6], seen[6:]):
        assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
