from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.model.losses import binary_focal_loss, focal_loss, prior_bias

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


@given(logit=st.floats(-8, 8), gamma=GAMMAS, target=st.sampled_from([0.0, 1.0]))
def test_ratio_to_cross_entropy_is_the_focusing_factor(
    logit: float, gamma: float, target: float
) -> None:
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


@pytest.mark.parametrize("prior", [0.01, 0.1, 0.5])
def test_prior_bias_makes_the_sigmoid_answer_the_prior(prior: float) -> None:
    assert 1 / (1 + math.exp(-prior_bias(prior))) == pytest.approx(prior)
