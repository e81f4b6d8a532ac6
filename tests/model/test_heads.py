from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from geovehicle.model.build import build_detector
from geovehicle.model.heads import BoxPredictor, DetectionHeads
from geovehicle.model.proposals import IGNORED
from geovehicle.settings import PAPER

CONFIG = replace(PAPER.detector, feature_channels=8, rpn_channels=8, head_channels=8)
FEATURES = {"fused": torch.rand(1, 8, 8, 8)}
SIZE = [(128, 128)]


def heads(**changes: object) -> DetectionHeads:
    return build_detector(replace(CONFIG, **changes)).roi_heads  # type: ignore[arg-type]


def target(boxes: list[list[float]], ignore: list[list[float]]) -> dict[str, torch.Tensor]:
    return {
        "boxes": torch.tensor(boxes).reshape(-1, 4),
        "labels": torch.ones(len(boxes), dtype=torch.int64),
        "ignore": torch.tensor(ignore).reshape(-1, 4),
    }


def test_focal_predictor_starts_at_the_prior() -> None:
    logits, deltas = BoxPredictor(CONFIG, classes=2)(torch.zeros(3, 8))
    assert deltas.shape == (3, 8)
    torch.testing.assert_close(logits.softmax(1)[:, 1], torch.full((3,), CONFIG.prior))


def test_proposals_on_ignore_boxes_are_not_background() -> None:
    part = heads()
    part._targets = [target([[60, 60, 90, 90]], [[0, 0, 30, 30]])]
    proposals = [torch.tensor([[1.0, 1.0, 29.0, 29.0], [61.0, 60.0, 90.0, 90.0], [30, 0, 60, 30]])]
    _, labels = part.assign_targets_to_proposals(
        proposals, [part._targets[0]["boxes"]], [part._targets[0]["labels"]]
    )
    assert labels[0].tolist() == [IGNORED, 1, 0]


@pytest.mark.parametrize("loss", ["focal", "cross-entropy"])
def test_losses_in_training(loss: str) -> None:
    part = heads(head_loss=loss).train()
    proposals = [torch.tensor([[10.0, 10.0, 40.0, 40.0], [80.0, 80.0, 120.0, 120.0]])]
    found, losses = part(FEATURES, proposals, SIZE, [target([[12, 12, 42, 42]], [])])
    assert found == []
    assert losses["loss_classifier"] > 0
    assert losses["loss_box_reg"] > 0


def test_losses_without_vehicles() -> None:
    proposals = [torch.tensor([[10.0, 10.0, 40.0, 40.0]])]
    _, losses = heads().train()(FEATURES, proposals, SIZE, [target([], [])])
    assert losses["loss_box_reg"] == 0
    assert torch.isfinite(losses["loss_classifier"])


def test_detections_in_evaluation_are_ordered_and_inside() -> None:
    part = heads(score_threshold=0.0, head_loss="cross-entropy").eval()
    boxes = torch.tensor([[0.0, 0.0, 50.0, 50.0], [60.0, 60.0, 140.0, 100.0]])
    with torch.no_grad():
        found, losses = part(FEATURES, [boxes], SIZE)
    assert losses == {}
    assert found[0]["boxes"].max() <= 128
    assert (found[0]["scores"].diff() <= 0).all()
    assert set(found[0]["labels"].tolist()) == {1}


def test_losses_where_nothing_can_be_sampled() -> None:
    everything = target([], [[0, 0, 128, 128]])
    proposals = [torch.tensor([[10.0, 10.0, 40.0, 40.0]])]
    _, losses = heads().train()(FEATURES, proposals, SIZE, [everything])
    assert losses["loss_classifier"] == 0
    assert losses["loss_box_reg"] == 0
