from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from geovehicle.data.coco import LabelledImage
from geovehicle.errors import CheckpointError, OutputError, SettingsError
from geovehicle.footprints import boxes_of, corners_of, straight
from geovehicle.learning.learner import Learner
from geovehicle.learning.state import FREE, Progress, facts_of, load_state, save_state
from geovehicle.model.build import build_detector
from geovehicle.settings import VEHICLE_TYPES, DetectorConfig
from geovehicle.training import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import SimpleNamespace

    from geovehicle.settings import TrainSettings


@pytest.fixture
def learner(tiny: SimpleNamespace) -> Learner:
    return Learner(build_detector(tiny.DETECTOR), tiny.SETTINGS, torch.device("cpu"))


def test_progress_comes_back(learner: Learner, tmp_path: Path) -> None:
    progress = Progress(3, 1.5, 0.75, 2)
    save_state(tmp_path / "state.safetensors", learner, progress, {"batch": 2})
    assert load_state(tmp_path / "state.safetensors", learner, {"batch": 2}) == progress


def test_damage_is_one_line(learner: Learner, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, learner, Progress(), {})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"is damaged: .*; delete it") as error:
        load_state(path, learner, {})
    assert "\n" not in str(error.value)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(CheckpointError, match="is no state of a training; leave out --resume"):
        load_state(path, learner, {})


def test_a_full_disk_is_one_line_and_the_older_state_stays(
    learner: Learner, tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, learner, Progress(1), {})
    with full_disk(), pytest.raises(OutputError, match=r"cannot write .*: File too large; see"):
        save_state(path, learner, Progress(2), {})
    assert load_state(path, learner, {}) == Progress(1)


def test_a_state_has_the_permissions_of_any_new_file(learner: Learner, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_state(tmp_path / "state.safetensors", learner, Progress(), {})
    finally:
        os.umask(before)
    assert (tmp_path / "state.safetensors").stat().st_mode & 0o777 == 0o640


def test_every_setting_but_the_free_ones_is_a_fact(tiny: SimpleNamespace) -> None:
    def facts(settings: TrainSettings) -> dict[str, object]:
        return facts_of(Recipe(tiny.DETECTOR), settings, [], [])

    plain = facts(tiny.SETTINGS)
    free = replace(tiny.SETTINGS, workers=3, save_every=1, device="auto")
    assert facts(free) == plain
    assert facts(replace(tiny.SETTINGS, gsd_range=(0.05, 0.2))) != plain
    assert not set(FREE) & plain.keys()


def image(**known: Any) -> LabelledImage:
    boxes = boxes_of(FOOTPRINTS)
    return LabelledImage(Path("a.png"), 1, 99, 99, 0.1, "", "", boxes, boxes[:0], **known)


FOOTPRINTS = corners_of(np.array([[30.0, 40, 46, 19, 0.7], [60.0, 50, 46, 19, 0.7]]))
OTHERWISE = FOOTPRINTS[:, ::-1]
"""Alike in their boxes."""
BOTH, ONE = np.array([True, True]), np.array([True, False])


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"types": ("car", "van")},
        {"footprints": FOOTPRINTS, "oriented": BOTH},
        {"footprints": FOOTPRINTS, "oriented": ONE, "types": ("car", "van")},
        {"footprints": OTHERWISE, "oriented": BOTH, "types": ("car", "van")},
        {"footprints": FOOTPRINTS, "oriented": BOTH, "types": ("car", "bus")},
        {"footprints": FOOTPRINTS, "oriented": BOTH, "types": ("car", "")},
    ],
)
def test_a_changed_segmentation_or_type_is_of_another_run(
    learner: Learner, tiny: SimpleNamespace, tmp_path: Path, other: dict[str, Any]
) -> None:
    path = tmp_path / "state.safetensors"
    known = {"footprints": FOOTPRINTS, "oriented": BOTH, "types": ("car", "van")}
    one, changed = [image(**known)], [image(**other)]
    recipe = Recipe(tiny.DETECTOR)
    save_state(path, learner, Progress(1), facts_of(recipe, tiny.SETTINGS, one, one))
    again = facts_of(recipe, tiny.SETTINGS, [image(**known)], [image(**known)])
    assert load_state(path, learner, again) == Progress(1)
    for images, validation, named in ((changed, one, "other images"), (one, changed, "other val")):
        with pytest.raises(SettingsError, match=f"a run with {named}; give"):
            load_state(path, learner, facts_of(recipe, tiny.SETTINGS, images, validation))


def test_footprints_that_are_the_boxes_count_as_well(tiny: SimpleNamespace) -> None:
    own = straight(boxes_of(FOOTPRINTS))
    images = [image(footprints=own, oriented=known) for known in (ONE, ~ONE, BOTH)]
    facts = [facts_of(Recipe(tiny.DETECTOR), tiny.SETTINGS, [one], []) for one in images]
    assert len({one["images"] for one in facts}) == 3


LATER = ("oriented", "types", "head_direction_weight", "head_type_weight", "smoothing")
"""Fields of the network that the first states do not tell."""


def test_a_state_of_before_there_were_footprints_goes_on(
    learner: Learner, tiny: SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "state.safetensors"
    first = {name: getattr(DetectorConfig(), name) for name in LATER}
    config = replace(tiny.DETECTOR, **first)
    facts = facts_of(Recipe(config), tiny.SETTINGS, [image()], [])
    earlier = {name: value for name, value in facts.items() if name not in LATER}
    assert len(facts) - len(earlier) == len(LATER)
    save_state(path, learner, Progress(5), earlier)
    assert load_state(path, learner, facts) == Progress(5)
    tells = replace(config, oriented=True, types=VEHICLE_TYPES)
    oriented = facts_of(Recipe(tells), tiny.SETTINGS, [image()], [])
    with pytest.raises(SettingsError, match=r"oriented False instead of True, types \[\] instead"):
        load_state(path, learner, oriented)
    other = facts_of(Recipe(replace(config, head_type_weight=7.5)), tiny.SETTINGS, [image()], [])
    with pytest.raises(SettingsError, match=r"head_type_weight [\d.]+ instead of 7\.5; give"):
        load_state(path, learner, other)


def test_patience_counts_validations_without_progress(tiny: SimpleNamespace) -> None:
    settings = replace(tiny.SETTINGS, iterations=100, patience=2)
    progress = Progress()
    assert [progress.validated(quality) for quality in (0.0, 0.5, 0.5, 0.6, 0.1)] == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert (progress.best, progress.stale) == (0.6, 1)
    assert not progress.is_over(settings)
    progress.validated(0.6)
    assert progress.is_over(settings)
    assert not progress.is_over(replace(settings, patience=None))
    assert Progress(iteration=100).is_over(settings)
