from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from geovehicle.errors import SettingsError
from geovehicle.model.build import build_detector
from geovehicle.model.heads import DetectionHeads, OrientedHeads, Predictor, Sample
from geovehicle.model.proposals import IGNORED
from geovehicle.settings import PAPER, UNKNOWN_TYPE, VEHICLE_TYPES

CONFIG = replace(PAPER.detector, feature_channels=8, rpn_channels=8, head_channels=8)
ORIENTED = {"oriented": True, "types": VEHICLE_TYPES}
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
    answers = Predictor(CONFIG, classes=2)(torch.zeros(3, 8))
    assert answers.regression.shape == (3, 8)
    assert answers.types.shape == (3, 0)
    torch.testing.assert_close(answers.classes.softmax(1)[:, 1], torch.full((3,), CONFIG.prior))


def test_an_oriented_predictor_has_codes_and_types() -> None:
    answers = Predictor(replace(CONFIG, **ORIENTED), classes=2)(torch.rand(3, 8))
    assert answers.regression.shape == (3, 6)
    assert answers.types.shape == (3, 4)


@pytest.mark.parametrize("changes", [{"types": VEHICLE_TYPES}, {"oriented": True, "types": "ab"}])
def test_types_are_those_of_the_project_and_of_oriented_heads(changes: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="an oriented head tells car, van, bus, truck"):
        replace(CONFIG, **changes)  # type: ignore[arg-type]


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


def oriented_target(count: int, **changes: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the target of some of three vehicles, the first of which is a bus."""
    plain = target([[12, 12, 42, 42], [60, 60, 90, 80], [90, 20, 120, 60]][:count], [])
    enclosures = torch.tensor(
        [[27.0, 27.0, 38.0, 14.0, 0.7], [75.0, 70.0, 30.0, 20.0, 0.0], [105, 40, 40, 30, 1.5]]
    )
    return {
        **plain,
        "enclosures": enclosures[:count],
        "directed": torch.tensor([True, False, True])[:count],
        "types": torch.tensor([2, UNKNOWN_TYPE, 0])[:count],
        **changes,
    }


def losses_of(*targets: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    part = heads(**ORIENTED).train()
    proposals = [torch.tensor([[10.0, 10.0, 40.0, 40.0], [0.0, 90.0, 30.0, 120.0]])] * len(targets)
    features = {"fused": torch.rand(len(targets), 8, 8, 8)}
    _, losses = part(features, proposals, SIZE * len(targets), list(targets))
    return dict(losses)


def test_oriented_losses_in_training() -> None:
    losses = losses_of(oriented_target(3), oriented_target(0))
    names = {"loss_classifier", "loss_box_reg", "loss_direction", "loss_types"}
    assert set(losses) == names
    assert all(loss > 0 for loss in losses.values())


def test_only_known_directions_and_types_are_learnt() -> None:
    unknown = {
        "directed": torch.zeros(3, dtype=torch.bool),
        "types": torch.full((3,), UNKNOWN_TYPE),
    }
    losses = losses_of(oriented_target(3, **unknown))
    assert losses["loss_direction"] == 0
    assert losses["loss_types"] == 0
    assert losses["loss_box_reg"] > 0
    assert losses["loss_types"].requires_grad  # processes wait for each other's gradients


def test_oriented_losses_without_vehicles() -> None:
    losses = losses_of(oriented_target(0))
    assert losses["loss_box_reg"] == losses["loss_direction"] == losses["loss_types"] == 0


def test_oriented_detections_are_boxes_around_footprints_within_the_patch() -> None:
    torch.manual_seed(1)
    part = heads(**ORIENTED, score_threshold=0.0, head_loss="cross-entropy").eval()
    assert isinstance(part, OrientedHeads)
    torch.nn.init.normal_(part.box_predictor.codes.weight, std=0.5)
    boxes = torch.tensor([[0.0, 0.0, 50.0, 50.0], [60.0, 60.0, 140.0, 100.0], [20, 80, 60, 110]])
    with torch.no_grad():
        (found,), _ = part(FEATURES, [boxes], SIZE)
    assert len(found["boxes"]) > 1
    corners = found["footprints"].clamp(0, 128)
    around = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
    torch.testing.assert_close(found["boxes"], around)
    assert (found["scores"].diff() <= 0).all()
    torch.testing.assert_close(found["types"].sum(dim=1), torch.ones(len(found["boxes"])))


def test_each_patch_gets_its_own_oriented_detections() -> None:
    torch.manual_seed(1)
    part = heads(**ORIENTED, score_threshold=0.0).eval()
    torch.nn.init.normal_(part.box_predictor.classes.weight)
    features = {"fused": torch.rand(2, 8, 8, 8)}
    first = torch.tensor([[10.0, 10.0, 40.0, 30.0]])
    second = torch.tensor([[60.0, 60.0, 90.0, 80.0], [10.0, 90.0, 60.0, 120.0]])
    with torch.no_grad():
        together = part(features, [first, second], SIZE * 2)[0][1]
        alone = part({"fused": features["fused"][1:]}, [second], SIZE)[0][0]
    assert len(alone["boxes"]) == 2
    for key, values in alone.items():
        torch.testing.assert_close(together[key], values)


def test_of_two_footprints_that_overlap_the_better_one_stays() -> None:
    torch.manual_seed(2)
    proposals = [torch.tensor([[10.0, 10.0, 40.0, 30.0], [13.0, 10.0, 43.0, 30.0]])]
    part = heads(**ORIENTED, score_threshold=0.0, nms_iou=1.0).eval()
    torch.nn.init.normal_(part.box_predictor.classes.weight)
    with torch.no_grad():
        (both,), _ = part(FEATURES, proposals, SIZE)
        part.nms_thresh = 0.3
        (found,), _ = part(FEATURES, proposals, SIZE)
    assert both["scores"][0] > both["scores"][1]
    assert found["scores"].tolist() == both["scores"][:1].tolist()


def test_targets_are_those_of_the_own_image() -> None:
    first, second = oriented_target(3), oriented_target(1)
    sample = Sample(
        proposals=[torch.rand(3, 4), torch.rand(2, 4)],
        matched=[torch.tensor([2, 0, 1]), torch.tensor([0, 0])],
        labels=[torch.tensor([1, 0, 1]), torch.tensor([0, 1])],
        deltas=[torch.rand(3, 4), torch.rand(2, 4)],
    )
    assert sample.positive().tolist() == [True, False, True, False, True]
    assert sample.of_vehicles([first, second], "types").tolist() == [0, UNKNOWN_TYPE, 2]
