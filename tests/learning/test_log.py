from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from geovehicle.errors import OutputError
from geovehicle.learning import log
from geovehicle.learning.log import Step, open_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


def step(iteration: int, **figures: float) -> Step:
    return Step(iteration, 1e-4, {"loss_a": 0.25, "loss_b": 0.5}, 2.0, figures)


def iterations(folder: Path) -> list[int]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["iteration"] for line in lines]


def test_a_run_that_is_taken_up_drops_the_lines_that_come_again(tmp_path: Path) -> None:
    with open_log(tmp_path) as record:
        for iteration in (1, 2, 3):
            record.write(step(iteration))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"iteration": 4, "lea')
    with open_log(tmp_path, done=2) as record:
        record.write(step(3))
    assert iterations(tmp_path) == [1, 2, 3]
    with open_log(tmp_path) as record:
        record.write(step(1))
    assert iterations(tmp_path) == [1]


def test_tensorboard_gets_figures_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with open_log(tmp_path) as record:
        record.write(step(1))
        record.write(step(2, AP50=0.9))
        record.show("1", np.zeros((4, 6, 3), np.uint8), 2)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {
        "loss/total", "loss/a", "loss/b", "learning rate", "validation/AP50",
    }  # fmt: skip
    assert [event.value for event in events.Scalars("loss/total")] == [0.75, 0.75]
    assert events.Scalars("validation/AP50")[0].step == 2
    (picture,) = events.Images("validation/1")
    assert (picture.width, picture.height) == (6, 4)


def test_without_tensorboard_there_are_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "find_spec", lambda name: None)
    assert not log.has_tensorboard()
    with open_log(tmp_path) as record:
        record.write(step(1))
        record.show("1", np.zeros((4, 6, 3), np.uint8), 1)
    assert iterations(tmp_path) == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(OutputError, match="cannot write"), open_log(tmp_path):
        pass


def test_a_full_disk_is_one_line(
    tmp_path: Path,
    full_disk: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "has_tensorboard", lambda: False)

    def fill() -> None:
        with open_log(tmp_path) as record, full_disk():
            record.write(step(1))

    with pytest.raises(OutputError, match=r"cannot write .*: File too large; see to"):
        fill()


def test_a_full_disk_under_tensorboard_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own writer writes in a thread, at moments that no test can choose."""

    class Board:
        def add_scalar(self, *arguments: object, **options: object) -> None:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

        add_image = add_scalar

        def close(self) -> None:
            pass

    monkeypatch.setattr(log, "has_tensorboard", lambda: True)
    monkeypatch.setattr(log, "_open_board", lambda folder, done: Board())
    with open_log(tmp_path) as record:
        with pytest.raises(OutputError, match="File too large; see to"):
            record.write(step(1))
        with pytest.raises(OutputError, match="File too large; see to"):
            record.show("a", np.zeros((2, 2, 3), np.uint8), 1)


def test_damaged_lines_of_a_log_are_dropped(tmp_path: Path) -> None:
    with open_log(tmp_path) as record:
        record.write(step(1))
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(b'{"iteration": 1, "lo\xff": 0}\n\xff\xfe\x00\n')
    with open_log(tmp_path, done=1) as record:
        record.write(step(2))
    assert iterations(tmp_path) == [1, 2]


def test_a_log_that_was_deleted_begins_anew(tmp_path: Path) -> None:
    with open_log(tmp_path, done=7) as record:
        record.write(step(8))
    assert iterations(tmp_path) == [8]
