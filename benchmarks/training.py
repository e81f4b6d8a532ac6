"""How long a step of a training takes, and what of that RoIAlign is.

The default recipe learns from rendered crops, in turn with our own RoIAlign and with
torchvision's, from the same weights::

    python benchmarks/training.py --crop 384 --repeats 5 --output training.json

Of each the fastest step counts.  The crops are made beforehand.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import torch
from torchvision.ops import MultiScaleRoIAlign

from geovehicle import TrainSettings
from geovehicle.learning.batches import batches
from geovehicle.learning.learner import Learner
from geovehicle.learning.start import Recipe, first_model
from geovehicle.model.device import choose_device
from geovehicle.model.pooling import RoIAlign
from geovehicle.model.weights import DEFAULT

from processes import keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OURS, TORCHVISION = "own RoIAlign", "torchvision's RoIAlign"


@dataclass(frozen=True)
class Row:
    """How long a step took with one RoIAlign."""

    name: str
    seconds: float
    times_ours: float


@contextmanager
def pooling_by(name: str) -> Iterator[None]:
    """Have the head's proposals pooled by one of the two."""
    forward = RoIAlign.forward if name == OURS else MultiScaleRoIAlign.forward
    with patch.object(RoIAlign, "forward", forward):
        yield


def measured(settings: TrainSettings, weights: str, repeats: int) -> list[Row]:
    """Return the seconds of a step with each."""
    model, _, _ = first_model(Recipe(start=weights), settings.gsd)
    learner = Learner(model, settings, choose_device(settings.device))
    times: dict[str, list[float]] = {OURS: [], TORCHVISION: []}
    for step, batch in enumerate(batches([], settings, range(repeats + 1))):
        for name, seconds in times.items():
            with pooling_by(name):
                start = time.perf_counter()
                learner.learn(step, batch)
                seconds.append(time.perf_counter() - start)
    fastest = {name: min(seconds[1:]) for name, seconds in times.items()}
    return [Row(name, one, one / fastest[OURS]) for name, one in fastest.items()]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| step with | seconds | times ours |", "|---|---:|---:|"]
    return "\n".join(
        [*lines, *(f"| {row.name} | {row.seconds:.2f} | {row.times_ours:.2f} |" for row in rows)]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--weights", default=DEFAULT, help="shipped weights or a checkpoint to start from")
    add("--crop", type=int, default=384, help="pixels a side")
    add("--batch", type=int, default=TrainSettings.batch, help="crops a step")
    add("--repeats", type=int, default=5, help="of which the fastest counts")
    add("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args(arguments)
    settings = TrainSettings(
        crop=options.crop, batch=options.batch, synthetic=1.0, copy_paste=0.0, workers=0
    )
    torch.manual_seed(settings.seed)
    rows = measured(settings, options.weights, options.repeats)
    print(table(rows))
    keep(rows, options.output)


if __name__ == "__main__":
    sys.exit(main())
