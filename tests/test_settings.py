"""The numbers of the paper, as they stand there, and what settings refuse."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from geovehicle.errors import SettingsError
from geovehicle.settings import (
    DEFAULT_DETECTOR,
    FASTER_RCNN,
    PAPER,
    PAPER_TRAINING,
    DetectorConfig,
    DetectSettings,
    EngineSettings,
    TrainSettings,
)


def test_paper_states_its_data_and_evaluation() -> None:
    assert (PAPER.patch_height, PAPER.patch_width) == (674, 752)
    assert PAPER.gsd == 0.10
    assert PAPER.rpn_learning_rate == 1e-5
    assert PAPER.evaluation_iou == 0.3


def test_paper_states_its_network() -> None:
    paper = PAPER.detector
    assert paper.backbone == "resnet50"
    assert paper.skip_connection
    assert paper.conv5_channels == 1024
    assert paper.feature_channels == 1024
    assert paper.anchor_sizes == (30, 50, 70)
    assert sorted(paper.anchor_ratios) == [0.5, 1.0, 2.0]
    assert paper.drop_border_anchors


def test_paper_states_its_losses_and_sampling() -> None:
    paper = PAPER.detector
    assert (paper.rpn_loss, paper.head_loss) == ("focal", "focal")
    assert paper.focal_gamma == 2.0
    assert paper.prior == 0.01
    assert (paper.rpn_positive_iou, paper.rpn_negative_iou) == (0.7, 0.1)
    assert paper.rpn_batch * paper.rpn_positive_fraction == 64
    assert paper.rpn_batch * (1 - paper.rpn_positive_fraction) == 64
    assert paper.rpn_regression_weight == 15
    assert paper.head_regression_weight == 1
    assert paper.head_positive_fraction == 1 / (1 + 3)


def test_baseline_changes_back_what_the_paper_changes() -> None:
    assert not FASTER_RCNN.skip_connection
    assert (FASTER_RCNN.rpn_loss, FASTER_RCNN.head_loss) == ("cross-entropy", "cross-entropy")


@pytest.mark.parametrize(
    ("given", "way_out"),
    [
        ({"workers": 2}, "workers is of a Dask cluster; add --engine dask"),
        ({"scheduler": "tcp://a:1"}, "scheduler is of a Dask cluster; add --engine dask"),
        (
            {"engine": "dask", "scheduler": "tcp://a:1", "workers": 2},
            "leave out --workers or --sch",
        ),
        ({"readers": 0}, "readers is 0"),
    ],
)
def test_what_an_engine_would_not_heed_is_refused(given: dict[str, Any], way_out: str) -> None:
    with pytest.raises(SettingsError, match=way_out):
        EngineSettings(**given)


def test_default_detector_keeps_the_three_changes() -> None:
    assert DEFAULT_DETECTOR.skip_connection
    assert (DEFAULT_DETECTOR.rpn_loss, DEFAULT_DETECTOR.head_loss) == ("focal", "focal")
    assert DEFAULT_DETECTOR.focal_gamma == 2.0


@pytest.mark.parametrize("field", ["backbone", "rpn_loss", "head_loss"])
def test_unknown_names_are_refused_with_the_choices(field: str) -> None:
    with pytest.raises(SettingsError, match="choose one of"):
        DetectorConfig(**{field: "vgg"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [("score", 1.1), ("score", math.nan), ("gsd", 0.0), ("overlap", math.inf), ("batch", 0)],
)
def test_numbers_outside_their_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"{field} is {value}"):
        DetectSettings(**{field: value})


@pytest.mark.parametrize("settings", [DetectSettings, TrainSettings])
@pytest.mark.parametrize(("field", "value"), [("device", "cuda:0"), ("precision", "float16")])
def test_unknown_choices_are_refused(settings: type, field: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{field} is '{value}'; choose one of auto"):
        settings(**{field: value})


def test_the_ends_of_a_range_belong_to_it() -> None:
    assert DetectSettings(score=0.0).score == 0.0
    assert DetectSettings(score=1.0).score == 1.0
    assert DetectSettings(score=None).score is None


def test_the_paper_s_training_is_the_paper_s_and_faster_rcnn_s() -> None:
    training = PAPER_TRAINING
    assert (training.crop, training.crop_size) == (674, (752, 674))
    assert (training.rpn_learning_rate, training.gsd) == (1e-5, 0.10)
    assert (training.optimiser, training.momentum, training.weight_decay) == ("sgd", 0.9, 5e-4)
    assert (training.iterations, training.batch, training.learning_rate) == (80_000, 1, 1e-3)
    assert training.plain
    assert training.view_scales == (1.0, 1.0)
    assert training.synthetic == training.copy_paste == training.tiled == 0.0


def test_a_range_of_ground_sampling_distances_gives_the_scales() -> None:
    assert TrainSettings().view_scales == TrainSettings().scales
    coarse, fine = TrainSettings(gsd=0.2, gsd_range=(0.1, 0.4)).view_scales
    assert (coarse, fine) == pytest.approx((0.5, 2.0))


@pytest.mark.parametrize("limits", [(0.11, 0.2), (0.05, 0.09), (0.2, 0.05), (0.0, 0.2)])
def test_the_range_contains_the_models_own_distance(limits: tuple[float, float]) -> None:
    with pytest.raises(SettingsError, match=r"does not contain the model's 0\.1 m"):
        TrainSettings(gsd_range=limits)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PAPER.detector.focal_gamma = 0.0  # type: ignore[misc]


def test_smoothing_leaves_a_pixel_half_of_itself() -> None:
    DetectorConfig(smoothing=0.25)
    with pytest.raises(SettingsError, match=r"smoothing is 0\.3; it is 0\.25 at most"):
        DetectorConfig(smoothing=0.3)


def test_an_anchor_is_not_both_vehicle_and_background() -> None:
    DetectorConfig(rpn_negative_iou=0.4, rpn_positive_iou=0.4)
    with pytest.raises(SettingsError, match=r"rpn_negative_iou is 0\.5, which is above"):
        DetectorConfig(rpn_negative_iou=0.5, rpn_positive_iou=0.4)
