from __future__ import annotations

import pytest
import torch

from geovehicle.environment import describe_weights, devices, shipped_weights
from geovehicle.errors import CheckpointError
from geovehicle.model.weights import SHIPPED


def test_every_gpu_is_told_with_its_precision(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"card {index}")
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device: (9, 0) if device.index else (7, 5)
    )
    assert devices()[1:3] == [
        {"device": "cuda:0", "name": "card 0", "precision": "float32"},
        {"device": "cuda:1", "name": "card 1", "precision": "bfloat16"},
    ]


def test_shipped_weights_that_are_missing_are_told_as_such(monkeypatch, tmp_path):
    monkeypatch.setattr("geovehicle.model.checkpoint.shipped_path", lambda name: tmp_path / name)
    told = shipped_weights()
    assert [weights["name"] for weights in told] == list(SHIPPED)
    assert all("missing or altered" in weights["error"] for weights in told)


def test_weights_that_are_nowhere_are_an_error():
    with pytest.raises(CheckpointError, match="no weights lorries"):
        describe_weights("lorries")
