from __future__ import annotations

import pytest
import torch
from torch import nn

from geovehicle.learning.batch_norm import SharedBatchNorm, learning_norms, share_statistics


@pytest.mark.parametrize("momentum", [0.1, None])
def test_alone_it_is_batch_norm(momentum: float | None) -> None:
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(5, momentum=momentum)
    nn.init.normal_(plain.weight)
    shared = SharedBatchNorm.of(nn.BatchNorm2d(5, momentum=momentum))
    shared.load_state_dict(plain.state_dict())
    for _ in range(3):
        features = torch.randn(4, 5, 6, 7) * 3 + 2
        one, other = (features.clone().requires_grad_() for _ in range(2))
        weights = torch.randn_like(features)
        results = plain(one), shared(other)
        torch.testing.assert_close(*results)
        for result in results:
            (result * weights).sum().backward()
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(plain.weight.grad, shared.weight.grad, rtol=1e-4, atol=1e-4)
    assert plain.state_dict().keys() == shared.state_dict().keys()
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(value, shared.state_dict()[key])
    torch.testing.assert_close(plain.eval()(features), shared.eval()(features))


def test_only_norms_that_learn_are_shared_and_weights_stay_their_own() -> None:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(3)))
    weight = model[1][0].weight
    model.train()
    model[0].eval()
    assert learning_norms(model) == [model[1][0]]
    share_statistics(model)
    assert [type(norm) for norm in (model[0], model[1][0])] == [nn.BatchNorm2d, SharedBatchNorm]
    assert model[1][0].weight is weight
    assert [norm.training for norm in (model[0], model[1][0])] == [False, True]


def test_reduced_precision_comes_out_as_it_went_in() -> None:
    shared = SharedBatchNorm.of(nn.BatchNorm2d(2))
    assert shared(torch.ones(1, 2, 2, 2, dtype=torch.bfloat16)).dtype is torch.bfloat16
