from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from geovehicle.model.orientation import (
    CODE_WEIGHTS,
    FIRST_GUESS,
    decode,
    direction_loss,
    enclosure_loss,
)

PROPOSAL = torch.tensor([[100.0, 60.0, 140.0, 90.0]])

ANGLES = st.floats(-math.pi, math.pi)
SIDES = st.floats(12.0, 60.0)


def encode(x: float, y: float, length: float, width: float, angle: float) -> Tensor:
    """Return the codes (1, 6) of a rectangle for the proposal."""
    left, top, right, bottom = PROPOSAL[0].tolist()
    scale = math.sqrt((right - left) * (bottom - top))
    plain = [
        (x - (left + right) / 2) / (right - left),
        (y - (top + bottom) / 2) / (bottom - top),
        math.log(length / scale),
        math.log(width / scale),
        math.cos(2 * angle),
        math.sin(2 * angle),
    ]
    return torch.tensor([plain]) * torch.tensor(CODE_WEIGHTS)


def enclosure(x: float, y: float, sides: tuple[float, float, float], frame: float) -> Tensor:
    """Return the rectangle turned by `frame` around one of length, width, angle `sides`."""
    length, width, angle = sides
    along, across = abs(math.cos(angle - frame)), abs(math.sin(angle - frame))
    reach = (length * along + width * across, length * across + width * along)
    return torch.tensor([[x, y, *reach, frame]])


@given(x=st.floats(90, 150), y=st.floats(50, 100), length=SIDES, width=SIDES, angle=ANGLES)
def test_codes_tell_any_rectangle(
    x: float, y: float, length: float, width: float, angle: float
) -> None:
    (found,) = decode(encode(x, y, length, width, angle), PROPOSAL).tolist()
    assert found[:4] == pytest.approx([x, y, length, width], rel=1e-4, abs=1e-3)
    assert math.sin(found[4] - angle) == pytest.approx(0, abs=1e-4)
    assert -math.pi / 2 <= found[4] <= math.pi / 2 + 1e-6


@given(length=SIDES, width=SIDES, angle=ANGLES, frame=ANGLES)
def test_a_rectangle_fits_its_enclosure_in_any_frame(
    length: float, width: float, angle: float, frame: float
) -> None:
    codes = encode(118, 77, length, width, angle)
    around = enclosure(118, 77, (length, width, angle), frame)
    assert enclosure_loss(codes, PROPOSAL, around) < 0.2  # 0.3 degrees askew
    larger = around * torch.tensor([1, 1, 1.2, 1.2, 1])
    assert enclosure_loss(codes, PROPOSAL, larger) > 0.5


def test_only_a_turned_view_tells_a_vehicle_from_its_mirror_image() -> None:
    sides = (46.0, 19.0, math.radians(40))
    mirrored = encode(118, 77, 46, 19, -math.radians(40))
    assert enclosure_loss(mirrored, PROPOSAL, enclosure(118, 77, sides, 0.0)) < 1e-3
    assert enclosure_loss(mirrored, PROPOSAL, enclosure(118, 77, sides, 0.5)) > 0.5


def test_boxes_in_frames_of_any_angle_alone_teach_the_rectangle() -> None:
    torch.manual_seed(0)
    angle = math.radians(35)
    codes = torch.tensor([FIRST_GUESS]).requires_grad_()
    optimiser = torch.optim.Adam([codes], lr=0.05)
    frames = torch.rand(600).mul(2 * math.pi).tolist()
    for frame in frames:
        optimiser.zero_grad()
        enclosure_loss(codes, PROPOSAL, enclosure(118, 77, (46.0, 19.0, angle), frame)).backward()
        optimiser.step()
    found = decode(codes.detach(), PROPOSAL)[0].tolist()
    assert found[:4] == pytest.approx([118, 77, 46, 19], rel=0.06)
    assert math.degrees(found[4] - angle) == pytest.approx(0, abs=3)


def test_the_loss_of_a_direction_has_a_period_of_half_a_turn() -> None:
    codes = encode(118, 77, 46, 19, 0.3)
    for turns in range(-2, 3):
        wanted = torch.tensor([0.3 + turns * math.pi])
        assert direction_loss(codes, wanted).item() == pytest.approx(0, abs=1e-6)
    assert direction_loss(codes, torch.tensor([0.3 + math.pi / 2])) > 5


def test_what_says_nothing_has_finite_gradients() -> None:
    codes = torch.zeros(1, 6).requires_grad_()
    loss = enclosure_loss(codes, PROPOSAL, torch.tensor([[118.0, 77.0, 46.0, 19.0, 0.0]]))
    (loss + direction_loss(codes, torch.tensor([0.0]))).backward()
    assert codes.grad is not None
    assert torch.isfinite(codes.grad).all()


def test_without_vehicles_the_losses_are_zero() -> None:
    codes = torch.empty(0, 6).requires_grad_()
    assert enclosure_loss(codes, torch.empty(0, 4), torch.empty(0, 5)) == 0
    assert direction_loss(codes, torch.empty(0)) == 0
