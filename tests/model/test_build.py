from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.model.build import Features, Normalize, build_detector, smoothed
from geovehicle.settings import (
    DEFAULT_DETECTOR,
    FASTER_RCNN,
    LARGEST_SMOOTHING,
    PAPER,
    VEHICLE_TYPES,
    DetectorConfig,
)

SMALL = {"feature_channels": 8, "rpn_channels": 8, "head_channels": 8}


@pytest.mark.parametrize("backbone", ["resnet50", "resnet50v2"])
def test_features_of_the_paper_s_patch(backbone: str) -> None:
    config = replace(PAPER.detector, backbone=backbone)
    batch, _ = Normalize()([torch.rand(3, 674, 752)])
    assert batch.tensors.shape == (1, 3, 704, 768)
    with torch.inference_mode():
        levels = Features(config).eval()(batch.tensors)
    assert [level.shape for level in levels.values()] == [(1, 1024, 44, 48)]


def test_reduction_before_upsampling_equals_the_paper_s_order() -> None:
    torch.manual_seed(0)
    features = Features(replace(PAPER.detector, backbone="resnet50v2")).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        conv4, conv5 = features.backbone(images)
        upsampled = F.interpolate(
            conv5, size=conv4.shape[-2:], mode="bilinear", align_corners=False
        )
        expected = conv4 + features.reduce(upsampled)
        (fused,) = features(images).values()
    torch.testing.assert_close(fused, expected, rtol=1e-4, atol=1e-5)


def test_skip_connection_is_what_the_configuration_says() -> None:
    torch.manual_seed(0)
    images = torch.rand(1, 3, 64, 64)
    for skip in (True, False):
        features = Features(replace(PAPER.detector, skip_connection=skip)).eval()
        with torch.inference_mode():
            torch.nn.init.zeros_(features.reduce.weight)
            conv4, _ = features.backbone(images)
            (fused,) = features(images).values()
        torch.testing.assert_close(fused, conv4 if skip else torch.zeros_like(conv4))


LOSSES = {"loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"}


@pytest.mark.parametrize(
    ("config", "further"),
    [
        (PAPER.detector, set()),
        (FASTER_RCNN, set()),
        (DEFAULT_DETECTOR, {"loss_direction"}),
        (replace(DEFAULT_DETECTOR, types=VEHICLE_TYPES), {"loss_direction", "loss_types"}),
    ],
)
def test_one_builder_gives_detector_and_baseline(config: DetectorConfig, further: set[str]) -> None:
    model = build_detector(replace(config, **SMALL)).train()
    vehicle = {
        "boxes": torch.tensor([[30.0, 30.0, 70.0, 50.0]]),
        "labels": torch.ones(1, dtype=torch.int64),
        "ignore": torch.empty(0, 4),
        "enclosures": torch.tensor([[50.0, 40.0, 40.0, 20.0, 0.0]]),
        "directed": torch.ones(1, dtype=torch.bool),
        "types": torch.zeros(1, dtype=torch.int64),
    }
    losses = model([torch.rand(3, 128, 128)], [vehicle])
    assert set(losses) == LOSSES | further
    torch.stack(list(losses.values())).sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_patches_are_never_resized() -> None:
    model = build_detector(replace(DEFAULT_DETECTOR, **SMALL, score_threshold=0.0)).eval()
    images = [torch.rand(3, 100, 140), torch.rand(3, 64, 96)]
    batch, _ = model.transform(images)
    assert batch.image_sizes == [(100, 140), (64, 96)]
    assert batch.tensors.shape == (2, 3, 128, 160)
    with torch.inference_mode():
        found = model(images)
    for one, image in zip(found, images, strict=True):
        assert len(one["boxes"])
        assert one["boxes"][:, 2].max() <= image.shape[2]
        assert one["boxes"][:, 3].max() <= image.shape[1]


@given(
    share=st.floats(0.01, LARGEST_SMOOTHING),
    sides=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
def test_pixels_take_a_share_of_their_neighbours(
    share: float, sides: tuple[int, int], seed: int
) -> None:
    image = torch.rand(3, *sides, generator=torch.Generator().manual_seed(seed))
    own = torch.tensor([share, 1 - 2 * share, share])
    beyond = F.pad(image[:, None], (1, 1, 1, 1), mode="replicate")
    expected = F.conv2d(beyond, torch.outer(own, own)[None, None])[:, 0]
    torch.testing.assert_close(smoothed(image, share), expected)


def test_only_detection_smooths() -> None:
    image = torch.rand(3, 64, 64)
    seen = {}
    for smoothing, training in ((0.0, False), (0.1, True), (0.1, False)):
        batch, _ = Normalize(smoothing).train(training)([image])
        seen[smoothing, training] = batch.tensors
    torch.testing.assert_close(seen[0.1, True], seen[0.0, False], rtol=0, atol=0)
    assert seen[0.1, False].std() < 0.8 * seen[0.0, False].std()


def test_a_classifier_without_prior_starts_hundreds_of_times_higher() -> None:
    vehicle = {
        "boxes": torch.empty(0, 4),
        "labels": torch.empty(0, dtype=torch.int64),
        "enclosures": torch.empty(0, 5),
        "directed": torch.empty(0, dtype=torch.bool),
        "types": torch.empty(0, dtype=torch.int64),
    }
    losses = []
    for prior in (0.01, 0.5):
        torch.manual_seed(0)
        model = build_detector(replace(DEFAULT_DETECTOR, **SMALL, prior=prior)).train()
        losses.append(model([torch.rand(3, 96, 96)], [vehicle])["loss_objectness"].item())
    assert losses[1] > 300 * losses[0]


@pytest.mark.parametrize("height", [20, 40, 66])
def test_a_sliver_seen_first_changes_nothing_later(height: int) -> None:
    torch.manual_seed(0)
    model = build_detector(replace(DEFAULT_DETECTOR, **SMALL, score_threshold=0.0)).eval()
    image = torch.rand(3, 128, 128)
    with torch.inference_mode():
        model([torch.rand(3, height, 160)])
        after = model([image])[0]["scores"]
        fresh = build_detector(replace(DEFAULT_DETECTOR, **SMALL, score_threshold=0.0)).eval()
        fresh.load_state_dict(model.state_dict())
        torch.testing.assert_close(after, fresh([image])[0]["scores"])
    assert model.roi_heads.box_roi_pool.scales == [1 / 16]
