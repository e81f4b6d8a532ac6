"""What a training tells on its way: a line of JSON an iteration, and TensorBoard's events."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from geovehicle.files import replacing
from geovehicle.learning.folder import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

LOG = "log.jsonl"
EVENTS = "tensorboard"


@dataclass(frozen=True)
class Step:
    """What one iteration tells.

    Attributes
    ----------
    iteration : int
        Its number, from 1.
    learning_rate : float
        Of what starts from scratch.
    losses : dict
        By name, over the whole batch.
    seconds : float
        Time since the start, earlier parts of a resumed run included.
    validation : dict
        Figures of the validation after this iteration; empty where there was none.
    """

    iteration: int
    learning_rate: float
    losses: dict[str, float]
    seconds: float
    validation: dict[str, float] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """Sum of the losses."""
        return sum(self.losses.values())


class Log:
    """The record of one run.

    Parameters
    ----------
    path : Path
        The file that the lines are added to.
    board : SummaryWriter or None
        TensorBoard's writer, where it is installed.
    """

    def __init__(self, path: Path, board: Any) -> None:
        self._path = path
        self._board = board

    def write(self, step: Step) -> None:
        """Record an iteration; what a kill leaves is complete up to here.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        with writing(self._path):
            with self._path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(step)) + "\n")
            if self._board is not None:
                self._plot(step)

    def _plot(self, step: Step) -> None:
        scalars = {
            "loss/total": step.loss,
            "learning rate": step.learning_rate,
            **{f"loss/{name.removeprefix('loss_')}": value for name, value in step.losses.items()},
            **{f"validation/{name}": value for name, value in step.validation.items()},
        }
        for name, value in scalars.items():
            self._board.add_scalar(name, value, step.iteration)

    def show(self, name: str, picture: NDArray[np.uint8], iteration: int) -> None:
        """Record a picture, (H, W, 3) uint8."""
        if self._board is not None:
            with writing(self._path):
                self._board.add_image(f"validation/{name}", picture, iteration, dataformats="HWC")


def has_tensorboard() -> bool:
    """Tell whether TensorBoard is installed, which is up to the user."""
    return find_spec("tensorboard") is not None


@contextmanager
def open_log(folder: Path, done: int = 0) -> Iterator[Log]:
    """Yield the record of a run that goes on after `done` iterations.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = folder / LOG
    with writing(path):
        _shorten(path, done)
        board = _open_board(folder / EVENTS, done) if has_tensorboard() else None
    try:
        yield Log(path, board)
    finally:
        if board is not None:
            with writing(folder / EVENTS):
                board.close()


def _open_board(folder: Path, done: int) -> Any:
    """Return TensorBoard's writer; events of later iterations by an earlier run are void."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=done + 1)


def _shorten(path: Path, done: int) -> None:
    """Keep the lines of the first `done` iterations, or begin."""
    lines = path.read_bytes().splitlines() if done and path.exists() else []
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in lines if _is_of(line, done)))


def _is_of(line: bytes, done: int) -> bool:
    try:
        return int(json.loads(line)["iteration"]) <= done
    except (ValueError, KeyError, TypeError):
        return False  # a line that a kill has cut, or a bad disk damaged
