from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torchvision.models.detection.image_list import ImageList

from geovehicle.model.build import build_detector
from geovehicle.model.proposals import IGNORED, ProposalHead, ProposalNetwork, inside, on_ignore_box
from geovehicle.settings import PAPER

CONFIG = replace(PAPER.detector, feature_channels=8, rpn_channels=8, head_channels=8)


def network(**changes: object) -> ProposalNetwork:
    rpn = build_detector(replace(CONFIG, **changes)).rpn  # type: ignore[arg-type]
    rpn._image_sizes = [(100, 100)]
    return rpn


def test_focal_head_starts_at_the_prior() -> None:
    head = ProposalHead(CONFIG)
    logits, deltas = head([torch.zeros(1, 8, 4, 5)])
    assert logits[0].shape == (1, 9, 4, 5)
    assert deltas[0].shape == (1, 36, 4, 5)
    torch.testing.assert_close(torch.sigmoid(logits[0]), torch.full_like(logits[0], CONFIG.prior))


def test_cross_entropy_head_starts_undecided() -> None:
    logits, _ = ProposalHead(replace(CONFIG, rpn_loss="cross-entropy"))([torch.zeros(1, 8, 2, 2)])
    assert (logits[0] == 0).all()


def test_anchors_follow_the_paper_s_iou_limits() -> None:
    vehicle = torch.tensor([[20.0, 20.0, 60.0, 60.0]])
    anchors = torch.tensor(
        [
            [20.0, 20.0, 60.0, 59.0],  # IoU 0.975: positive
            [20.0, 20.0, 60.0, 40.0],  # IoU 0.5: between the limits
            [57.0, 20.0, 97.0, 60.0],  # IoU 0.04: negative
            [-1.0, 20.0, 5.0, 60.0],  # crosses the border
        ]
    )
    labels, _ = network().assign_targets_to_anchors([anchors], [{"boxes": vehicle}])
    assert labels[0].tolist() == [1, IGNORED, 0, IGNORED]
    kept, _ = network(drop_border_anchors=False).assign_targets_to_anchors(
        [anchors], [{"boxes": vehicle}]
    )
    assert kept[0].tolist() == [1, IGNORED, 0, 0]


def test_anchors_on_ignore_boxes_are_not_background() -> None:
    target = {
        "boxes": torch.tensor([[60.0, 60.0, 90.0, 90.0]]),
        "ignore": torch.tensor([[0.0, 0.0, 30.0, 30.0]]),
    }
    anchors = torch.tensor(
        [
            [2.0, 2.0, 28.0, 28.0],  # wholly on the ignore box
            [0.0, 14.0, 30.0, 44.0],  # a little more than half of it
            [0.0, 16.0, 30.0, 46.0],  # a little less
            [60.0, 60.0, 90.0, 90.0],
        ]
    )
    labels, _ = network().assign_targets_to_anchors([anchors], [target])
    assert labels[0].tolist() == [IGNORED, IGNORED, 0, 1]


def test_a_vehicle_is_learnt_where_it_meets_an_ignore_box() -> None:
    box = torch.tensor([[20.0, 20.0, 60.0, 60.0]])
    labels, _ = network().assign_targets_to_anchors([box], [{"boxes": box, "ignore": box}])
    assert labels[0].tolist() == [1]


def test_on_ignore_box_with_nothing_to_compare() -> None:
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    assert on_ignore_box(box, {}).tolist() == [False]
    assert on_ignore_box(box, {"ignore": torch.empty(0, 4)}).tolist() == [False]
    assert on_ignore_box(torch.empty(0, 4), {"ignore": box}).shape == (0,)


def test_inside_counts_the_border_in() -> None:
    boxes = torch.tensor([[0.0, 0.0, 100.0, 50.0], [0.0, 0.0, 101.0, 50.0], [0.0, 0.0, 99.0, 51.0]])
    assert inside(boxes, (50, 100)).tolist() == [True, False, False]


@pytest.mark.parametrize("loss", ["focal", "cross-entropy"])
def test_regression_is_weighted_and_losses_are_finite(loss: str) -> None:
    torch.manual_seed(0)
    features = {"fused": torch.rand(1, 8, 6, 6)}
    images = ImageList(torch.zeros(1, 3, 96, 96), [(96, 96)])
    target = [{"boxes": torch.tensor([[20.0, 20.0, 50.0, 50.0]])}]
    state = network(rpn_loss=loss).state_dict()
    values = {}
    for weight in (1.0, 15.0):
        rpn = network(rpn_loss=loss, rpn_regression_weight=weight).train()
        rpn.load_state_dict(state)
        torch.manual_seed(0)
        proposals, values[weight] = rpn(images, features, target)
        assert proposals[0].shape[1] == 4
    assert 0 < values[1.0]["loss_objectness"] < 10
    ratio = values[15.0]["loss_rpn_box_reg"] / values[1.0]["loss_rpn_box_reg"]
    assert ratio.item() == pytest.approx(15.0)


def test_an_image_without_vehicles_teaches_background_only() -> None:
    features = {"fused": torch.rand(1, 8, 6, 6)}
    images = ImageList(torch.zeros(1, 3, 96, 96), [(96, 96)])
    _, losses = network().train()(images, features, [{"boxes": torch.empty(0, 4)}])
    assert losses["loss_rpn_box_reg"] == 0
    assert losses["loss_objectness"] > 0


def test_each_stripe_of_a_large_patch_has_the_proposals_of_a_patch_of_its_own() -> None:
    part = network().eval()
    part._pre_nms_top_n["testing"] = 60
    count = (1024 // 16) ** 2 * 9
    torch.manual_seed(0)
    boxes = [torch.rand(1, count, 4) * 500 for _ in range(2)]
    for one in boxes:
        one[..., 2:] += 500
    scores = [torch.randn(1, count) for _ in boxes]
    alone = [
        part.filter_proposals(one, score, [(1024, 1024)], [count])[0][0]
        for one, score in zip(boxes, scores, strict=True)
    ]
    boxes[1][..., 1::2] += 1024
    alone[1][..., 1::2] += 1024
    whole = (torch.cat(boxes, 1), torch.cat(scores, 1), [(2048, 1024)], [2 * count])
    (together,), _ = part.filter_proposals(*whole)
    assert {*map(tuple, together.tolist())} == {*map(tuple, torch.cat(alone).tolist())}
    part._post_nms_top_n["testing"] = len(alone[0]) // 4
    (fewer,), _ = part.filter_proposals(*whole)
    torch.testing.assert_close(fewer, together[: 2 * (len(alone[0]) // 4)])


def test_the_proposals_of_a_patch_do_not_depend_on_the_others_of_its_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("geovehicle.model.proposals.LIMITS_HOLD_FOR", 64 * 128)
    part = network().eval()
    part._pre_nms_top_n["testing"] = 20
    torch.manual_seed(0)
    corner = torch.rand(2, 16, 12, 9, 2) * 60
    boxes = torch.cat([corner, corner + 30], dim=-1)
    scores = torch.randn(2, 16, 12, 9)
    shapes = [(120, 80), (250, 190)]
    together, sure = part.filter_proposals(
        boxes.flatten(1, 3), scores.flatten(), shapes, [16 * 12 * 9]
    )
    alone, certain = part.filter_proposals(
        boxes[:1, :8, :6].flatten(1, 3), scores[:1, :8, :6].flatten(), shapes[:1], [8 * 6 * 9]
    )
    torch.testing.assert_close(together[0], alone[0])
    torch.testing.assert_close(sure[0], certain[0])
    assert len(together[1]) > len(together[0])
