"""How long, and in how much memory, the detections of patches become one scene's.

Vehicles are planted where none touches another, and each patch reports those that its core
owns.  One in five lies in the band along a core's border and is reported by the neighbour,
too: a few pixels away, askew, with a score of its own.  So a million planted vehicles are 1.2
million detections.  They are merged as those of a search, block by block, and what comes out
has to be each planted vehicle, once.  Every number of vehicles is merged in a process of its
own, whose peak of memory covers all of it, the planted detections and the libraries as well::

    python benchmarks/merge.py --vehicles 1000 --vehicles 1000000 --output merge.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.detections import Detections
from geovehicle.engines.scene import Search
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.settings import SEAM_BAND_M, DetectSettings

from processes import keep, peak_mb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from geovehicle.blocks import Block
    from geovehicle.patches import PatchWindow
    from geovehicle.seams import Views

SIZES = (1_000, 10_000, 100_000, 1_000_000)

DOUBLED = 0.2
"""Share of the vehicles that two patches report."""

GSD = 0.1
PATCH = 1024
BAND = SEAM_BAND_M / GSD

CELL = 60
"""Side in pixels of the square of ground that each vehicle has for itself."""

REACH = 0.7 * BAND
"""How far from a core's border doubles are planted: no jitter leads out of the band."""

SIZE = (45.0, 18.0)
"""Length and width of the vehicles in pixels, a car's."""


@dataclass(frozen=True)
class Row:
    """What was measured of one number of vehicles: seconds, and MB at the peak.

    On a busy machine the processor's seconds tell more than the clock's.
    """

    vehicles: int
    detections: int
    patches: int
    seconds: float
    processor_seconds: float
    peak_mb: float
    exact: bool


def scene(count: int) -> Search:
    """Return the search of a scene in which enough cells lie on borders of cores."""
    side = int(CELL * np.sqrt(4 * count)) + 2 * PATCH
    return Search(side, side, GSD, DetectSettings(patch=PATCH))


def planted(search: Search, count: int) -> list[Detections]:
    """Return what each patch of a scene reports, in its pixels; labels are the vehicles."""
    rng = np.random.default_rng(count)
    windows = [window for block in search.plan().blocks for window in block.windows]
    places, owner, neighbour = _places(windows, count, rng)
    headings = rng.uniform(-np.pi / 2, np.pi / 2, count)
    vehicles = np.column_stack([places, np.tile(SIZE, (count, 1)), headings])
    doubled = np.flatnonzero(neighbour >= 0)
    views = vehicles[doubled] + rng.normal(0, [1, 1, 2, 0.5, 0.03], (len(doubled), 5))
    labels = np.concatenate([np.arange(count), doubled])
    reporter = np.concatenate([owner, neighbour[doubled]])
    return _by_patch(windows, reporter, labels, np.concatenate([vehicles, views]))


def _places(
    windows: Sequence[PatchWindow], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return centres, whose core owns each, and which other patch reports it, or -1."""
    cores = np.array([window.core for window in windows])
    (lefts, column), (tops, row) = (np.unique(c, return_inverse=True) for c in cores.T[:2])
    numbers = np.empty((len(tops), len(lefts)), np.intp)
    numbers[row, column] = np.arange(len(windows))
    side = cores[-1, 2] // CELL
    cells = rng.permutation(side * side)
    centres = (np.stack([cells % side, cells // side], axis=1) + 0.5) * CELL
    centres += rng.uniform(-4, 4, centres.shape)
    column, beside = _owner(lefts, centres[:, 0])
    row, below = _owner(tops, centres[:, 1])
    across = np.where(beside != column, row, below)  # at a corner the neighbour in the row
    owner, neighbour = numbers[row, column], numbers[across, beside]
    near = neighbour != owner
    doubles = round(DOUBLED * count)
    chosen = np.concatenate(
        [np.flatnonzero(near)[:doubles], np.flatnonzero(~near)[: count - doubles]]
    )
    if len(chosen) < count:
        raise ValueError(f"the scene has no room for {count} vehicles")
    return centres[chosen], owner[chosen], np.where(near, neighbour, -1)[chosen]


def _owner(
    borders: NDArray[np.int64], points: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return along one axis which core holds each point, and whose band reaches it."""
    own = np.searchsorted(borders, points, side="right") - 1
    before = np.searchsorted(borders, points - REACH, side="right") - 1
    after = np.searchsorted(borders, points + REACH, side="right") - 1
    return own, np.where(before != own, before, after)


def _by_patch(
    windows: Sequence[PatchWindow],
    reporter: NDArray[np.intp],
    labels: NDArray[np.int64],
    vehicles: NDArray[np.float64],
) -> list[Detections]:
    order = np.argsort(reporter, kind="stable")
    starts = np.searchsorted(reporter[order], np.arange(len(windows) + 1))
    scores = np.random.default_rng(0).uniform(0.55, 1, len(labels))
    parts = []
    for number, window in enumerate(windows):
        mine = order[starts[number] : starts[number + 1]]
        corners = corners_of(vehicles[mine])
        found = Detections(boxes_of(corners), scores[mine], labels[mine], corners)
        parts.append(found.shift(-window.col, -window.row))
    return parts


def merged(search: Search, parts: Sequence[Detections]) -> Iterator[Detections]:
    """Yield the vehicles of a scene, row of blocks by row of blocks."""
    rule, size, plan = search.rule, (search.width, search.height), search.plan()

    def strip(row: Sequence[Block]) -> Iterator[Views]:
        for block in row:
            for number, window in enumerate(block.windows, block.first):
                yield rule.views(window, number, parts[number], size)

    for views in search.settle((strip(row) for row in plan.rows), plan):
        yield views.detections


def measured(count: int) -> Row:
    """Return what the merge of one number of planted vehicles takes."""
    search = scene(count)
    parts = planted(search, count)
    start, busy = time.perf_counter(), time.process_time()
    found = [detections.labels for detections in merged(search, parts)]
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    exact = bool(np.array_equal(np.sort(np.concatenate(found)), np.arange(count)))
    detections = sum(map(len, parts))
    peak = round(peak_mb(resource.RUSAGE_SELF))
    return Row(count, detections, len(parts), round(seconds, 3), round(busy, 3), peak, exact)


def apart(count: int) -> Row:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--here", str(count)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return Row(**json.loads(told.stdout))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| vehicles | detections | patches | seconds | of the processor | peak RSS, MB | exact |",
        "|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        exact = "yes" if row.exact else "no"
        counts = f"{row.vehicles:,} | {row.detections:,} | {row.patches:,}"
        seconds = f"{row.seconds:.2f} | {row.processor_seconds:.2f}"
        lines.append(f"| {counts} | {seconds} | {row.peak_mb:,.0f} | {exact} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--vehicles", type=int, action="append", help="to plant; 1,000 to 1,000,000 without")
    add("--output", type=Path, help="JSON file for the figures")
    add("--here", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here is not None:
        print(json.dumps(asdict(measured(options.here))))
        return
    rows = [apart(count) for count in options.vehicles or SIZES]
    print(table(rows))
    keep(rows, options.output)


if __name__ == "__main__":
    sys.exit(main())
