"""What a training tells on its way: a line of JSON an iteration, and TensorBoard's events."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from geovehicle.errors import OutputError
from geovehicle.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

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
    lines : text file
        Where the lines go.
    board : SummaryWriter or None
        TensorBoard's writer, where it is installed.
    """

    def __init__(self, lines: TextIO, board: Any) -> None:
        self._lines = lines
        self._board = board

    def write(self, step: Step) -> None:
        """Record an iteration; what a kill leaves is complete up to here."""
        self._lines.write(json.dumps(asdict(step)) + "\n")
        self._lines.flush()
        if self._board is None:
            return
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
    try:
        if done:
            _shorten(folder / LOG, done)
        lines = (folder / LOG).open("a" if done else "w", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error
    board = _open_board(folder / EVENTS, done) if has_tensorboard() else None
    try:
        with lines:
            yield Log(lines, board)
    finally:
        if board is not None:
            board.close()


def _open_board(folder: Path, done: int) -> Any:
    """Return TensorBoard's writer; events of later iterations by an earlier run are void."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=done + 1)


def _shorten(path: Path, done: int) -> None:
    """Keep the lines of the first `done` iterations."""
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _is_of(line, done)]
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _is_of(line: str, done: int) -> bool:
    try:
        return int(json.loads(line)["iteration"]) <= done
    except (ValueError, KeyError, TypeError):
        return False  # the line that a kill has cut
