from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from geovehicle.errors import CheckpointError, OutputError
from geovehicle.model import checkpoint
from geovehicle.model.checkpoint import ModelInfo, load_checkpoint, read_info, save_checkpoint
from geovehicle.model.int8 import names_of
from geovehicle.model.weights import (
    DEFAULT,
    SHIPPED,
    ShippedWeights,
    shipped_path,
    told_beside,
)
from geovehicle.settings import DEFAULT_DETECTOR, FINER, DetectorConfig

if TYPE_CHECKING:
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN


@pytest.fixture(scope="module")
def saved(
    tmp_path_factory: pytest.TempPathFactory, model: GeneralizedRCNN, info: ModelInfo
) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(path, model, info)
    return path


def test_a_checkpoint_tells_everything_it_was_told(saved: Path, info: ModelInfo) -> None:
    assert read_info(saved) == info


def test_a_loaded_model_answers_like_the_saved_one(
    saved: Path, model: GeneralizedRCNN, info: ModelInfo
) -> None:
    loaded, found = load_checkpoint(saved)
    assert found == info
    assert not loaded.training
    for key, value in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value, rtol=1e-3, atol=1e-6)
    assert {value.dtype for key, value in loaded.named_parameters()} == {torch.float32}
    with torch.inference_mode():
        detections = loaded([torch.rand(3, 64, 64)])[0]
    assert detections["boxes"].shape[1] == 4


def test_a_checkpoint_can_be_read_by_others(saved: Path) -> None:
    plain = saved.with_name("plain")
    plain.touch()
    assert saved.stat().st_mode == plain.stat().st_mode


def test_anchors_survive_loading(saved: Path, model: GeneralizedRCNN) -> None:
    loaded, _ = load_checkpoint(saved)
    ours, theirs = (m.rpn.anchor_generator.cell_anchors for m in (model, loaded))
    torch.testing.assert_close(ours, theirs)


def test_wide_tensors_are_half_and_statistics_are_not(saved: Path) -> None:
    with saved.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    assert header["backbone.backbone.conv0.weight"]["dtype"] == "F16"
    assert header["backbone.backbone.bn1.running_var"]["dtype"] == "F32"
    assert not any("num_batches_tracked" in key for key in header)


@pytest.mark.parametrize("keep", [0, 4, 100, 5000])
def test_a_truncated_file_is_refused(saved: Path, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"not a safetensors file|damaged"):
        load_checkpoint(path)


def test_a_lost_tail_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path)


def test_a_pickle_is_never_opened(tmp_path: Path, model: GeneralizedRCNN) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "else"}, "holds no detector"),
        ({"format_version": "99"}, "has format 99"),
        ({"config": "{"}, "damaged description"),
        ({"config": json.dumps({"bakcbone": 1})}, "damaged description"),
        ({"config": json.dumps({"backbone": "vgg"})}, "damaged description"),
        ({"gsd": "-1"}, "damaged description"),
        ({"gsd": "nan"}, "damaged description"),
        ({"classes": "7"}, "damaged description"),
        ({"classes": "[]"}, "damaged description"),
        ({"config": json.dumps({"oriented": "false"})}, "damaged description"),
        ({"classes": json.dumps(["car"])}, "does not fit"),
        ({"ranges": "[1.0]"}, "damaged description"),
        ({"ranges": json.dumps({"conv4": -1.0})}, "damaged description"),
        ({"ranges": json.dumps({"conv4": float("nan")})}, "damaged description"),
        ({"ranges": '{"conv4": 1' + "0" * 400 + "}"}, "damaged description"),
        ({"ranges": json.dumps({"conv4": "1.0"})}, "damaged description"),
        ({"ranges": json.dumps({"conv4": 1.0})}, "does not fit .* ranges of other layers"),
    ],
)
def test_a_lying_description_is_refused(
    saved: Path, tmp_path: Path, change: dict[str, str], message: str
) -> None:
    path = tmp_path / "lying.safetensors"
    path.write_bytes(_with_metadata(saved.read_bytes(), change))
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_a_missing_file_is_told_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=DEFAULT):
        load_checkpoint(tmp_path / "none.safetensors")


def test_an_existing_checkpoint_survives_a_failure(
    saved: Path, model: GeneralizedRCNN, info: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def half(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OutputError, match="No space left"):
        save_checkpoint(saved, model, info)
    assert saved.read_bytes() == before


def test_altered_shipped_weights_are_refused(
    saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(SHIPPED, "altered", ShippedWeights("altered.safetensors", "0" * 64))
    monkeypatch.setattr(checkpoint, "shipped_path", lambda name: saved)
    with pytest.raises(CheckpointError, match="missing or altered"):
        read_info("altered")


def test_shipped_weights_are_the_published_ones() -> None:
    assert checkpoint.sha256(shipped_path(DEFAULT)) == SHIPPED[DEFAULT].sha256
    assert shipped_path(DEFAULT).stat().st_size < 75e6
    assert read_info(DEFAULT).gsd == 0.10
    assert read_info(DEFAULT).config == DEFAULT_DETECTOR  # as the model card says


def test_description_survives_replaced_thresholds(
    tmp_path: Path, model: GeneralizedRCNN, info: ModelInfo
) -> None:
    changed = replace(info, config=replace(info.config, score_threshold=0.42))
    save_checkpoint(tmp_path / "changed.safetensors", model, changed)
    assert read_info(tmp_path / "changed.safetensors").config.score_threshold == 0.42


def test_ranges_for_int8_are_kept(tmp_path: Path, model: GeneralizedRCNN, info: ModelInfo) -> None:
    ranges = {name: 1.0 + number for number, name in enumerate(sorted(names_of(model)))}
    save_checkpoint(tmp_path / "ready.safetensors", model, replace(info, ranges=ranges))
    assert load_checkpoint(tmp_path / "ready.safetensors")[1].ranges == ranges


def test_shipped_weights_are_prepared_for_int8(saved: Path) -> None:
    model, info = load_checkpoint(DEFAULT)
    assert set(info.ranges) == names_of(model)
    assert told_beside(saved) is None


@pytest.fixture
def shipped(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what lies beside weights that ship in place of the default ones."""
    digest = checkpoint.sha256(saved)
    monkeypatch.setitem(SHIPPED, DEFAULT, ShippedWeights(str(saved), digest))
    return saved.with_suffix(".json")


def test_what_was_found_of_shipped_weights_goes_before_what_they_say(
    shipped: Path, info: ModelInfo
) -> None:
    changes = {"score_threshold": 0.42, "smoothing": 0.1}
    shipped.write_text(json.dumps({"config": changes, "ranges": {"a": 2}}))
    config = replace(info.config, **changes)
    assert read_info(DEFAULT) == replace(info, config=config, ranges={"a": 2.0})


def test_ranges_that_came_with_shipped_weights_stay(
    tmp_path: Path, model: GeneralizedRCNN, info: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ready.safetensors"
    save_checkpoint(path, model, replace(info, ranges={"a": 2.0}))
    path.with_suffix(".json").write_text('{"config": {}, "ranges": {}}')
    ready = ShippedWeights(str(path), checkpoint.sha256(path))
    monkeypatch.setitem(SHIPPED, DEFAULT, ready)
    assert read_info(DEFAULT).ranges == {"a": 2.0}


@pytest.mark.parametrize(
    "told",
    [
        "",
        "7",
        "[]",
        '{"config": {}}',
        '{"ranges": {}}',
        '{"config": {"smothing": 0.1}, "ranges": {}}',
        '{"config": {"smoothing": 0.5}, "ranges": {}}',
        '{"config": {}, "ranges": {"a": true}}',
        '{"config": {}, "ranges": [1]}',
    ],
)
def test_damage_to_what_was_found_is_told(shipped: Path, told: str) -> None:
    shipped.write_text(told)
    with pytest.raises(CheckpointError, match=r"what belongs to .* is missing or altered"):
        read_info(DEFAULT)
    shipped.unlink()
    with pytest.raises(CheckpointError, match=r"what belongs to .* is missing or altered"):
        read_info(DEFAULT)


def _with_metadata(content: bytes, change: dict[str, str]) -> bytes:
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] |= change
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


@pytest.mark.parametrize(
    ("settings", "finest"),
    [
        ({"gsd_range": None, "scales": [0.7, 1.2]}, 0.1 / 1.2),
        ({"gsd_range": [0.09, 0.2], "scales": [0.7, 1.5]}, 0.09),
        ({"gsd_range": [0.02, 0.2]}, 0.1 / FINER),
        ({"scales": (0.7, 1.5)}, 0.1 / FINER),
        ({"scales": [0.5, 0.8]}, 0.1),
        ({"scales": [0.7, -1.5]}, 0.1),
        ({"scales": [0.7, math.nan]}, 0.1),
        ({"gsd_range": [math.nan, 0.2]}, 0.1 / FINER),
        ({"scales": "wide", "gsd_range": 3}, 0.1),
        ("none", 0.1),
        (None, 0.1),
    ],
)
def test_a_scene_may_be_as_fine_as_the_training_has_shown(settings: object, finest: float) -> None:
    provenance = {} if settings is None else {"settings": settings}
    info = ModelInfo(DetectorConfig(), ("vehicle",), 0.1, "CC0-1.0", provenance)
    assert info.finest_gsd == pytest.approx(finest)


def test_the_shipped_weights_have_been_shown_finer_pixels() -> None:
    assert read_info(DEFAULT).finest_gsd == pytest.approx(0.1 / FINER)
