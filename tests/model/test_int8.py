from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from geovehicle.data.synthetic import render_scene
from geovehicle.errors import SettingsError
from geovehicle.model import detector, int8
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.model.detector import VehicleDetector
from geovehicle.model.fusion import for_inference
from geovehicle.model.int8 import IntegerConv, Quantiser, names_of, ranges_of
from geovehicle.model.weights import DEFAULT
from geovehicle.settings import PAPER, DetectSettings

if TYPE_CHECKING:
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.model.checkpoint import ModelInfo

CPU = torch.device("cpu")

computes = pytest.mark.skipif(
    not int8.is_fast(), reason="this processor has no fast instructions for int8"
)


def picture(side: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(render_scene(seed, side, side).pixels.copy())


@pytest.fixture(scope="module")
def prepared(model: GeneralizedRCNN, info: ModelInfo) -> ModelInfo:
    """Return the description of the tiny model with its ranges."""
    return replace(info, ranges=ranges_of(model, [[picture(96) / 255]]))


def test_ranges_are_the_largest_values_that_convolutions_see(model: GeneralizedRCNN) -> None:
    images = [[picture(64, seed) / 255] for seed in (1, 2)]
    ranges = ranges_of(model, images)
    assert set(ranges) == names_of(model)
    backbone, largest = model.backbone.backbone, {"in": 0.0, "between": 0.0, "conv5": 0.0}
    with torch.inference_mode():
        for batch in images:
            seen = model.transform(batch)[0].tensors
            stem = F.relu(backbone.bn1(backbone.conv0(backbone.bn0(seen))))
            unit = backbone.stages[0][0]
            active = F.relu(unit.bn1(F.max_pool2d(stem, 3, stride=2, padding=1)))
            between = F.relu(unit.bn2(unit.conv1(active)))
            for name, values in (
                ("in", active),
                ("between", between),
                ("conv5", backbone(seen)[1]),
            ):
                largest[name] = max(largest[name], float(values.max()))
    names = ("stages.0.0.conv1", "stages.0.0.conv2", "conv5")
    assert [ranges[name] for name in names] == pytest.approx(list(largest.values()))


def test_measuring_leaves_no_trace(model: GeneralizedRCNN) -> None:
    ranges_of(model, [[picture(64) / 255]])
    for part in model.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks


def test_other_backbones_have_no_ranges() -> None:
    other = build_detector(replace(PAPER.detector, rpn_channels=8, head_channels=8)).eval()
    assert ranges_of(other, [[picture(64) / 255]]) == {}
    assert names_of(other) == set()


def test_without_images_there_are_no_ranges(model: GeneralizedRCNN) -> None:
    assert ranges_of(model, []) == {}


@computes
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1)]
)
def test_sums_of_integers_are_exact(kernel: int, stride: int, padding: int) -> None:
    generator = torch.Generator().manual_seed(kernel + stride)
    conv = nn.Conv2d(24, 16, kernel, stride, padding).requires_grad_(False)
    weight = torch.randint(-127, 128, conv.weight.shape, generator=generator)
    weight[:, 0, 0, 0] = 127  # so that a level of the weights is 1
    conv.weight.copy_(weight)
    conv.bias.copy_(torch.randint(-999, 999, (16,), generator=generator))  # type: ignore[union-attr]
    levels = torch.randint(0, 256, (2, 24, 9, 14), dtype=torch.uint8, generator=generator)
    expected = conv(levels.float())
    layer = IntegerConv(conv, 1.0, torch.float32)
    torch.testing.assert_close(layer(levels), expected, rtol=1e-6, atol=0)
    others = torch.rand(expected.shape).contiguous(memory_format=torch.channels_last)
    total = expected + others
    torch.testing.assert_close(layer.added(levels, to=others), total, rtol=1e-6, atol=1e-3)
    torch.testing.assert_close(others, total, rtol=1e-6, atol=1e-3)  # in place


@computes
def test_what_lies_between_convolutions_is_rounded_and_cut() -> None:
    conv = nn.Conv2d(1, 1, 1).requires_grad_(False)
    conv.weight.fill_(127.0)
    conv.bias.fill_(-254.0)  # type: ignore[union-attr]
    values = torch.arange(0, 8, dtype=torch.uint8).view(1, 1, 1, 8)
    found = IntegerConv(conv, 1.0, torch.float32).levels(values, step=2.0).flatten().tolist()
    # (127 n - 254) / 2, halves to the even one
    assert found == [0, 0, 0, 64, 127, 190, 254, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_values_become_the_nearest_levels(dtype: torch.dtype) -> None:
    norm = nn.BatchNorm2d(6).eval().requires_grad_(False)
    for one in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(one, std=0.5)
    features = torch.randn(2, 6, 20, 30).to(dtype).contiguous(memory_format=torch.channels_last)
    quantise = Quantiser(norm, largest=1.27)
    assert quantise.step == pytest.approx(0.01)
    levels = quantise(features)
    assert levels.dtype == torch.uint8
    exact = norm(features.float()) / quantise.step
    assert (exact > 128).any()
    apart = (levels.float() - exact.clamp(0, 127)).abs()
    # bfloat16 tells halves up to 127
    assert apart.max() <= (0.501 if dtype is torch.float32 else 0.76)


@computes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("side", [32, 128])
def test_features_are_nearly_those_of_floating_point(
    model: GeneralizedRCNN, dtype: torch.dtype, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.transform, "smoothing", 0.0)  # the arithmetic alone
    image = picture(side)
    ranges = ranges_of(model, [[image / 255]])
    with torch.inference_mode():
        exact, rounded = (
            fused.backbone(fused.transform([image])[0].tensors)["fused"]
            for fused in (
                for_inference(model, CPU, torch.float32),
                for_inference(model, CPU, dtype, ranges),
            )
        )
    assert float((rounded - exact).norm() / exact.norm()) < 0.05


@computes
def test_stripes_see_the_same_levels(model: GeneralizedRCNN, prepared: ModelInfo) -> None:
    fused = for_inference(model, CPU, torch.float32, prepared.ranges)
    batch = fused.transform([picture(192)])[0].tensors
    with torch.inference_mode():
        whole = fused.backbone(batch)["fused"]
        fused.backbone.backbone.rows = 64
        striped = fused.backbone(batch)["fused"]
    assert torch.equal(whole, striped)


@computes
def test_int8_is_taken_where_weights_are_prepared(
    model: GeneralizedRCNN, info: ModelInfo, prepared: ModelInfo
) -> None:
    automatic = DetectSettings(device="cpu")
    told = VehicleDetector(model, prepared, automatic).arithmetic
    assert told.startswith("cpu int8 and ")
    assert "int8" not in VehicleDetector(model, info, automatic).arithmetic
    asked = replace(automatic, precision="int8")
    assert VehicleDetector(model, prepared, asked).arithmetic == told
    for name in ("float32", "bfloat16"):
        settings = replace(automatic, precision=name)
        assert VehicleDetector(model, prepared, settings).arithmetic == f"cpu {name}"


def test_int8_is_refused_without_ranges_and_without_instructions(
    model: GeneralizedRCNN,
    info: ModelInfo,
    prepared: ModelInfo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = DetectSettings(device="cpu", precision="int8")
    monkeypatch.setattr(detector, "is_fast", lambda: True)
    with pytest.raises(SettingsError, match="tell no ranges of values; leave out --precision"):
        VehicleDetector(model, info, asked)
    monkeypatch.setattr(detector, "is_fast", lambda: False)
    with pytest.raises(SettingsError, match="AVX-512 VNNI; leave out --precision"):
        VehicleDetector(model, prepared, asked)
    automatic = VehicleDetector(model, prepared, DetectSettings(device="cpu"))
    assert "int8" not in automatic.arithmetic


class Broken(IntegerConv):
    """A convolution of another PyTorch, or one whose sums overflow."""

    error: Exception | None = None

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        if self.error is not None:
            raise self.error
        return super().forward(levels).clamp(max=32767 / 4)


@computes
@pytest.mark.parametrize(
    "error",
    [
        None,
        AttributeError("no such operator"),
        RuntimeError("other arguments"),
        TypeError("others"),
    ],
)
def test_a_processor_that_overflows_or_another_torch_is_found_out(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    assert int8._is_exact()
    monkeypatch.setattr(Broken, "error", error)
    monkeypatch.setattr(int8, "IntegerConv", Broken)
    assert not int8._is_exact()


@pytest.fixture(scope="module")
def shipped() -> tuple[GeneralizedRCNN, ModelInfo]:
    return load_checkpoint(DEFAULT)


@computes
def test_shipped_weights_find_the_same_vehicles_in_int8(
    shipped: tuple[GeneralizedRCNN, ModelInfo],
) -> None:
    pixels = picture(480, seed=1)
    with torch.inference_mode():
        exact, found = (
            for_inference(shipped[0], CPU, *arithmetic)([pixels])[0]
            for arithmetic in ((torch.float32,), (torch.bfloat16, shipped[1].ranges))
        )
    assert len(found["boxes"]) == len(exact["boxes"]) > 20
    centres: list[Any] = [one["footprints"].mean(dim=1) for one in (exact, found)]
    apart, own = torch.cdist(*centres).min(dim=1)
    assert len(own.unique()) == len(own)
    assert apart.median() < 0.25  # pixels
    assert apart.max() < 1.0
    scores = np.abs((found["scores"][own] - exact["scores"]).numpy())
    assert np.median(scores) < 0.01
