from __future__ import annotations

import torch
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from geovehicle.learning.draws import CropDraws


def draw(crops: list[int], seed: int = 0) -> list[torch.Tensor]:
    labels = torch.cat([torch.ones(50), torch.zeros(200)])
    sampler = CropDraws(BalancedPositiveNegativeSampler(32, 0.5), seed)
    sampler.crops = crops
    positive, negative = sampler([labels] * len(crops))
    for one, other in zip(positive, negative, strict=True):
        assert (int(one.sum()), int(other.sum())) == (16, 16)
        assert not one[50:].any()
        assert not other[:50].any()
    return [one + other for one, other in zip(positive, negative, strict=True)]


def test_a_draw_belongs_to_its_crop() -> None:
    first, second, third = draw([5, 6, 7])
    torch.manual_seed(99)
    assert torch.equal(draw([6])[0], second)
    assert not torch.equal(first, second)
    assert not torch.equal(draw([7], seed=1)[0], third)
