from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.model.losses import binary_focal_loss, focal_loss, placement_loss, prior_bias

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=20)
GAMMAS = st.floats(0.5, 5.0)


@given(logits=LOGITS, seed=st.integers(0, 99))
def test_binary_without_focus_is_cross_entropy(logits: list[float], seed: int) -> None:
    torch.manual_seed(seed)
    values, targets = torch.tensor(logits), torch.randint(2, (len(logits),)).float()
    expected = F.binary_cross_entropy_with_logits(values, targets)
    torch.testing.assert_close(binary_focal_loss(values, targets, gamma=0.0), expected)


@given(rows=st.integers(1, 10), classes=st.integers(2, 5), seed=st.integers(0, 99))
def test_softmax_without_focus_is_cross_entropy(rows: int, classes: int, seed: int) -> None:
    torch.manual_seed(seed)
    logits, targets = 5 * torch.randn(rows, classes), torch.randint(classes, (rows,))
    torch.testing.assert_close(focal_loss(logits, targets, 0.0), F.cross_entropy(logits, targets))


@given(logit=st.floats(-5, 5), gamma=GAMMAS, target=st.sampled_from([0.0, 1.0]))
def test_ratio_to_cross_entropy_is_the_focusing_factor(
    logit: float, gamma: float, target: float
) -> None:
    """Beyond these logits torch rounds the cross-entropy itself more coarsely than is told here."""
    logits, targets = torch.tensor([logit]), torch.tensor([target])
    true = torch.sigmoid(logits if target else -logits).double().item()
    ratio = binary_focal_loss(logits, targets, gamma) / binary_focal_loss(logits, targets, 0.0)
    assert ratio.item() == pytest.approx((1 - true) ** gamma, rel=1e-3)


@given(logit=st.floats(-8, 8), gamma=GAMMAS, target=st.sampled_from([0, 1]))
def test_two_classes_agree_with_the_binary_form(logit: float, gamma: float, target: int) -> None:
    softmax = focal_loss(torch.tensor([[0.0, logit]]), torch.tensor([target]), gamma)
    binary = binary_focal_loss(torch.tensor([logit]), torch.tensor([float(target)]), gamma)
    torch.testing.assert_close(softmax, binary, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("logit", [-200.0, -20.0, 0.0, 20.0, 200.0])
def test_gradients_are_finite_for_certain_answers(gamma: float, logit: float) -> None:
    logits = torch.tensor([logit, logit], requires_grad=True)
    binary_focal_loss(logits, torch.tensor([0.0, 1.0]), gamma).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@given(logit=st.floats(-4, 4), target=st.sampled_from([0.0, 1.0]))
def test_gradient_agrees_with_finite_differences(logit: float, target: float) -> None:
    logits = torch.tensor([logit], requires_grad=True)
    targets, step = torch.tensor([target]), 1e-2
    binary_focal_loss(logits, targets, 2.0).backward()
    above, below = (binary_focal_loss(logits.detach() + d, targets, 2.0) for d in (step, -step))
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(((above - below) / (2 * step)).item(), abs=2e-3)


def test_nothing_to_learn_from_gives_zero_and_a_gradient_of_zeros() -> None:
    binary = torch.empty(0, requires_grad=True)
    softmax = torch.empty(0, 2, requires_grad=True)
    loss = binary_focal_loss(binary, torch.empty(0), 2.0)
    loss = loss + focal_loss(softmax, torch.empty(0, dtype=torch.int64), 2.0)
    loss.backward()
    assert loss.item() == 0.0
    assert binary.grad is not None
    assert softmax.grad is not None


def test_half_precision_is_computed_in_float32() -> None:
    logits = torch.tensor([9.0, -9.0], dtype=torch.bfloat16)
    loss = binary_focal_loss(logits, torch.tensor([1.0, 0.0]), 2.0)
    assert loss.dtype == torch.float32
    assert 0.0 < loss.item() < 1e-9


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.bfloat16])
def test_half_precision_and_whole_targets_lose_nothing(kind: torch.dtype) -> None:
    half, targets = torch.linspace(-9, 9, 40).bfloat16(), torch.arange(40) % 3 % 2
    expected = binary_focal_loss(half.float(), targets.float(), 2.0)
    torch.testing.assert_close(binary_focal_loss(half, targets.to(kind), 2.0), expected)
    rows = torch.stack([half.flip(0), half], dim=1)
    expected = focal_loss(rows.float(), targets, 2.0)
    torch.testing.assert_close(focal_loss(rows, targets, 2.0), expected)


@given(st.lists(st.floats(-3, 3, width=32), max_size=8), st.floats(-5, 5, width=32))
def test_places_cost_the_square_of_small_errors_and_the_size_of_large_ones(
    errors: list[float], place: float
) -> None:
    """By 4.5 e^2 below a ninth and e - 1/18 above, where both meet; summed up."""
    wanted = torch.full((len(errors),), place, dtype=torch.float64)
    loss = placement_loss(wanted + torch.tensor(errors, dtype=torch.float64), wanted)
    sizes = [abs(error) for error in errors]
    costs = [4.5 * size**2 if size < 1 / 9 else size - 1 / 18 for size in sizes]
    assert loss.item() == pytest.approx(sum(costs), abs=1e-9)


@pytest.mark.parametrize(
    ("error", "cost"), [(-0.1, 0.045), (0.105, 0.0496125), (0.12, 0.12 - 1 / 18)]
)
def test_a_place_that_is_nearly_right(error: float, cost: float) -> None:
    assert placement_loss(torch.tensor([error]), torch.zeros(1)).item() == pytest.approx(cost)


@pytest.mark.parametrize("prior", [0.01, 0.1, 0.5])
def test_prior_bias_makes_the_sigmoid_answer_the_prior(prior: float) -> None:
    assert 1 / (1 + math.exp(-prior_bias(prior))) == pytest.approx(prior)
