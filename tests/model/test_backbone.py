from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from geovehicle.errors import CheckpointError
from geovehicle.model.backbone import ResNet50, ResNet50V2, build_backbone

if TYPE_CHECKING:
    from pathlib import Path

IMAGENET = "backbone/resnet50v2_imagenet_conv1-4.safetensors"


@pytest.mark.parametrize("name", ["resnet50", "resnet50v2"])
def test_both_backbones_give_conv4_and_conv5(name: str) -> None:
    with torch.no_grad():
        conv4, conv5 = build_backbone(name).eval()(torch.rand(2, 3, 64, 96))  # type: ignore[arg-type]
    assert conv4.shape == (2, 1024, 4, 6)
    assert conv5.shape == (2, 2048, 2, 3)
    assert conv4.min() >= 0
    assert conv5.min() >= 0


def test_imagenet_file_covers_conv1_to_conv4_exactly(shared_data: Path) -> None:
    backbone = ResNet50V2()
    before = backbone.stages[3][0].conv1.weight.clone()
    backbone.load_imagenet(shared_data / IMAGENET)
    for key, value in load_file(shared_data / IMAGENET).items():
        torch.testing.assert_close(backbone.state_dict()[key], value.float())
    torch.testing.assert_close(backbone.stages[3][0].conv1.weight, before)


def test_imagenet_statistics_stay_in_training_and_new_ones_are_learnt(tmp_path: Path) -> None:
    backbone = ResNet50V2()
    backbone.load_imagenet(_conv1_to_4(tmp_path))
    backbone.train()
    old, new = backbone.stages[0][1].bn2, backbone.stages[3][1].bn2
    kept, changed = old.running_mean.clone(), new.running_mean.clone()
    backbone(torch.rand(2, 3, 64, 64))
    torch.testing.assert_close(old.running_mean, kept)
    assert not torch.allclose(new.running_mean, changed)


@pytest.mark.parametrize("change", ["missing", "unknown", "shape", "nan"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change: str) -> None:
    path = _conv1_to_4(tmp_path)
    state = load_file(path)
    if change == "missing":
        del state["stages.1.0.conv2.weight"]
    elif change == "unknown":
        state["stages.4.0.conv1.weight"] = torch.zeros(1)
    elif change == "shape":
        state["conv0.weight"] = torch.zeros(64, 3, 3, 3)
    else:
        state["bn1.bias"][0] = torch.nan
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"do not fit|NaN"):
        ResNet50V2().load_imagenet(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not safetensors")
    with pytest.raises(CheckpointError, match="cannot be read"):
        ResNet50V2().load_imagenet(path)


def test_without_a_file_the_pre_activation_form_says_what_to_give() -> None:
    with pytest.raises(CheckpointError, match="--backbone-weights"):
        ResNet50V2().load_imagenet()


def test_original_form_loads_a_file_and_leaves_the_classifier(tmp_path: Path) -> None:
    state = {key: value.contiguous() for key, value in ResNet50().state_dict().items()}
    save_file(state | {"fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet50.safetensors")
    backbone = ResNet50()
    backbone.load_imagenet(tmp_path / "resnet50.safetensors")
    torch.testing.assert_close(backbone.conv1.weight, state["conv1.weight"])
    backbone.train()
    assert not any(m.training for m in backbone.modules() if isinstance(m, nn.BatchNorm2d))


def _conv1_to_4(folder: Path) -> Path:
    """Write random weights in the layout of the ImageNet file."""
    state = {
        key: value.contiguous()
        for key, value in ResNet50V2().state_dict().items()
        if not key.startswith(("stages.3.", "bn_conv")) and "num_batches" not in key
    }
    save_file(state, folder / "conv1-4.safetensors")
    return folder / "conv1-4.safetensors"
