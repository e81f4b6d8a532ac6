from __future__ import annotations

import pytest
import torch
from torch import nn

from geovehicle.model import stripes
from geovehicle.model.backbone import Backbone, build_backbone
from geovehicle.model.stripes import Stripes


def backbone(name: str) -> Backbone:
    torch.manual_seed(0)
    built = build_backbone(name).eval()  # type: ignore[arg-type]
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.weight, 0.5, 1.0)
    return built


@pytest.fixture(scope="module", params=["resnet50", "resnet50v2"])
def whole(request: pytest.FixtureRequest) -> Backbone:
    return backbone(request.param)


def gap(found: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...]) -> float:
    """Return the largest difference of the maps, of their deviations."""
    return max(
        float((one - other).abs().max() / other.std())
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("rows", [32, 64, 96, 160])
def test_stripes_add_up_to_the_whole(whole: Backbone, rows: int) -> None:
    images = torch.rand(2, 3, 160, 64).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert gap(Stripes(whole, rows)(images), whole(images)) < 1e-4


def test_no_fewer_rows_are_seen_than_count(
    whole: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.rand(1, 3, 128, 64)
    monkeypatch.setattr(stripes, "SEEN", 16)
    with torch.inference_mode():
        assert gap(Stripes(whole, 64)(images), whole(images)) > 1e-3


def test_a_stripe_is_all_that_the_beginning_gets_at_once(
    whole: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    heights: list[int] = []
    early = whole.early

    def watched(images: torch.Tensor) -> torch.Tensor:
        heights.append(images.shape[-2])
        return early(images)

    monkeypatch.setattr(whole, "early", watched)
    with torch.inference_mode():
        Stripes(whole, 64)(torch.rand(1, 3, 224, 32))
    assert heights == [64 + 24, 24 + 64 + 24, 24 + 64 + 24, 24 + 32]
