"""Readers ahead of the detector: what is asked of whom, and when."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from geovehicle.blocks import plan_blocks
from geovehicle.detections import Detections
from geovehicle.engines.local import run_all
from geovehicle.engines.scene import BlockFound
from geovehicle.errors import RasterError
from geovehicle.raster.source import Patch
from geovehicle.seams import Views

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = plan_blocks(500, 500, 100, 20, 1).blocks


@dataclass
class Log:
    """What happened, in the order in which it did."""

    events: list[tuple[str, int]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def ahead(self) -> int:
        """Return the most blocks that had been read and not yet been searched."""
        ahead = most = 0
        for event, _ in self.events:
            ahead += {"read": 1, "found": -1}[event]
            most = max(most, ahead)
        return most


@dataclass
class Task:
    """Stands in for a task: it keeps a log."""

    number: int
    log: Log
    damaged: bool = False

    def read(self) -> Patch:
        if self.damaged:
            raise RasterError(f"block {self.number} cannot be read")
        self.log.threads.add(threading.current_thread().name)
        self.log.events.append(("read", self.number))
        window = BLOCKS[self.number].window
        return Patch(np.zeros((3, 1, 1), np.uint8), np.ones((1, 1), bool), window)

    def find(self, pixels: Patch, detector: Any, on_pixels: Any) -> BlockFound:
        assert pixels.window == BLOCKS[self.number].window
        detector([pixels])
        on_pixels(1)
        return BlockFound(Views.empty(), self.number)


class Run:
    """One job of a number of tasks."""

    def __init__(self, count: int, readers: int = 2, damaged: int = -1) -> None:
        self.log, self.found, self.pixels = Log(), [], 0
        self.tasks: Any = [Task(number, self.log, number == damaged) for number in range(count)]
        self.readers = readers

    def __call__(self) -> Run:
        run_all(self.tasks, self._detector, self.readers, self._on_found, self._on_pixels)
        return self

    def _detector(self, patches: Sequence[Patch]) -> list[Detections]:
        self.log.threads.add(threading.current_thread().name)
        return [Detections.empty() for _ in patches]

    def _on_found(self, task: Any, found: BlockFound) -> None:
        assert task.number == found.searched
        self.log.events.append(("found", task.number))
        self.found.append(task.number)

    def _on_pixels(self, count: int) -> None:
        self.pixels += count


@pytest.mark.parametrize("count", [0, 1, 2, 9])
@pytest.mark.parametrize("readers", [1, 3])
def test_every_task_is_done_in_its_order(count: int, readers: int) -> None:
    run = Run(count, readers)()
    assert run.found == list(range(count))
    assert run.pixels == count


def test_what_is_read_ahead_is_bounded_by_the_readers() -> None:
    assert Run(30, readers=3)().log.ahead() <= 4


def test_others_read_while_this_thread_searches() -> None:
    names = Run(6)().log.threads
    assert threading.current_thread().name in names
    assert any(name.startswith("reader") for name in names)


def test_a_damaged_block_ends_the_job_after_those_before_it() -> None:
    run = Run(9, damaged=5)
    with pytest.raises(RasterError, match="block 5"):
        run()
    assert run.found == [0, 1, 2, 3, 4]
    assert not any(thread.name.startswith("reader") for thread in threading.enumerate())


def test_what_ends_the_search_ends_the_readers() -> None:
    run = Run(9)

    def interrupted(task: Any, found: BlockFound) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(run.tasks, run._detector, 2, interrupted, run._on_pixels)
    assert not any(thread.name.startswith("reader") for thread in threading.enumerate())
