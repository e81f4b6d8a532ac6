from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from geovehicle.learning.optimisation import (
    make_optimiser,
    parameter_groups,
    rate_factor,
    set_rate,
)
from geovehicle.model.build import build_detector

if TYPE_CHECKING:
    from types import SimpleNamespace


def test_learning_rate_rises_and_falls(tiny: SimpleNamespace) -> None:
    settings = replace(tiny.SETTINGS, iterations=100, warm_up=10)
    rates = [rate_factor(step, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_the_schedule_of_steps_falls_once(tiny: SimpleNamespace) -> None:
    settings = replace(tiny.SETTINGS, iterations=80, warm_up=0, schedule="step")
    rates = [rate_factor(step, settings) for step in range(80)]
    assert rates == [1.0] * 60 + [0.1] * 20


def test_every_free_weight_is_in_one_group(tiny: SimpleNamespace) -> None:
    model = build_detector(tiny.DETECTOR)
    backbone = model.backbone.backbone
    backbone.pretrained_parts = backbone.imagenet_parts
    backbone.stem.requires_grad_(False)
    settings = replace(tiny.SETTINGS, rpn_learning_rate=1e-5)
    fresh, taught, proposing = parameter_groups(model, settings)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    fast, slow, rpn = (
        {names[id(parameter)] for parameter in group["params"]}
        for group in (fresh, taught, proposing)
    )
    assert taught["lr"] == settings.learning_rate * settings.backbone_factor
    assert proposing["lr"] == 1e-5
    assert "backbone.backbone.middle.0.weight" in slow
    assert "backbone.backbone.top.0.weight" in fast
    assert rpn == {name for name in names.values() if name.startswith("rpn.")}
    assert len(fast) + len(slow) + len(rpn) == len(fast | slow | rpn)
    rest = set(names.values()) - slow - fast - rpn
    assert {name.rpartition(".")[0] for name in rest} == {
        "backbone.backbone.stem.0",
        "backbone.backbone.stem.1",
    }


def test_the_proposal_network_learns_like_the_rest_by_default(tiny: SimpleNamespace) -> None:
    fresh, proposing = parameter_groups(build_detector(tiny.DETECTOR), tiny.SETTINGS)
    assert fresh["lr"] == proposing["lr"] == tiny.SETTINGS.learning_rate


def test_optimisers_and_their_rates(tiny: SimpleNamespace) -> None:
    model = build_detector(tiny.DETECTOR)
    sgd = make_optimiser(model, replace(tiny.SETTINGS, optimiser="sgd", rpn_learning_rate=1e-5))
    assert isinstance(sgd, torch.optim.SGD)
    assert isinstance(make_optimiser(model, tiny.SETTINGS), torch.optim.AdamW)
    assert sgd.param_groups[0]["momentum"] == 0.9
    settings = replace(tiny.SETTINGS, warm_up=4)
    assert set_rate(sgd, 1, settings) == settings.learning_rate / 2
    assert sgd.param_groups[1]["lr"] == 1e-5 / 2
