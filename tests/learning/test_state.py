from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from geovehicle.errors import CheckpointError, OutputError
from geovehicle.learning.learner import Learner
from geovehicle.learning.state import FREE, Progress, facts_of, load_state, save_state
from geovehicle.model.build import build_detector
from geovehicle.training import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
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
