from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.ops import MultiScaleRoIAlign, roi_align
from torchvision.ops.poolers import initLevelMapper

from geovehicle.model import pooling
from geovehicle.model.pooling import PooledHead, RoIAlign

if TYPE_CHECKING:
    import pytest

STRIDE = 16


def torchvision_s(level: torch.Tensor, boxes: list[torch.Tensor], size: int = 7) -> torch.Tensor:
    """Return what torchvision pools, channels last."""
    return roi_align(level, boxes, size, 1 / STRIDE, 2).permute(0, 2, 3, 1)


side = st.floats(-150, 450, width=32)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(side, side, side, side), min_size=1, max_size=8), st.integers(1, 8))
def test_boxes_anywhere_are_pooled_as_by_torchvision(
    corners: list[tuple[float, ...]], size: int
) -> None:
    level = torch.rand(1, 3, 9, 13, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor(corners)
    found = PooledHead(RoIAlign(size, STRIDE), nn.Identity(), torch.float32)(
        {"fused": level}, [boxes], [(144, 208)]
    )
    torch.testing.assert_close(found, torchvision_s(level, [boxes], size), atol=2e-5, rtol=0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(side, side, side, side), min_size=1, max_size=8), st.integers(1, 8))
def test_the_map_learns_from_boxes_anywhere_as_with_torchvision(
    corners: list[tuple[float, ...]], size: int
) -> None:
    random = torch.Generator().manual_seed(0)
    level = torch.rand(2, 3, 9, 13, generator=random)
    boxes = [torch.tensor(corners), torch.tensor(corners[:1]) + 5]
    errors = torch.rand(len(corners) + 1, 3, size, size, generator=random)
    gradients = []
    for part in (RoIAlign(size, STRIDE), MultiScaleRoIAlign(["fused"], size, 2)):
        part.scales, part.map_levels = [1 / STRIDE], initLevelMapper(4, 4)
        learning = level.clone().requires_grad_()
        part({"fused": learning}, boxes, [(144, 208)] * 2).backward(errors)
        gradients.append(learning.grad)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-5)


def test_each_image_is_pooled_from_its_own_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "AT_ONCE", 2)
    level = torch.rand(2, 4, 8, 8).to(memory_format=torch.channels_last)
    boxes = [torch.rand(3, 4) * 60, torch.rand(2, 4) * 60]
    for one in boxes:
        one[:, 2:] += 40
    found = PooledHead(RoIAlign(7, STRIDE), nn.Identity(), torch.float32)(
        {"fused": level}, boxes, [(128, 128)] * 2
    )
    torch.testing.assert_close(found, torchvision_s(level, boxes), atol=1e-5, rtol=0)


def test_nothing_is_pooled_from_no_boxes() -> None:
    part = PooledHead(RoIAlign(7, STRIDE), nn.Identity(), torch.bfloat16)
    found = part({"fused": torch.rand(1, 4, 8, 8)}, [torch.empty(0, 4)], [(128, 128)])
    assert found.shape == (0, 7, 7, 4)
    assert found.dtype is torch.bfloat16


def test_the_head_is_asked_for_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "AT_ONCE", 4)
    seen: list[int] = []

    def total(pooled: torch.Tensor) -> torch.Tensor:
        seen.append(len(pooled))
        return pooled.sum(dim=(1, 2))

    level, boxes = torch.rand(1, 4, 8, 8), torch.rand(10, 4) * 60
    boxes[:, 2:] += 40
    head = nn.Module()
    monkeypatch.setattr(head, "forward", total)
    found = PooledHead(RoIAlign(7, STRIDE), head, torch.float32)(
        {"fused": level}, [boxes], [(128, 128)]
    )
    assert seen == [4, 4, 2]
    expected = torchvision_s(level, [boxes]).sum(dim=(1, 2))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
