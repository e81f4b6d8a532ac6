"""The same raster by GeoDeep, the same boxes by SAHI, in turn with geovehicle.

GeoDeep searches a raster from its command line with networks of YOLOv8's medium size, geovehicle
with its weights; every run is a process of its own, and of each the fastest counts.  SAHI joins
the boxes of ``merge.py``, without their footprints, and so do the seams of geovehicle::

    python benchmarks/peers.py --geodeep GEODEEP/bin/geodeep --model yolov8m.onnx
    python benchmarks/peers.py --side 0 --sahi-python PEERS/bin/python

What is not given is left out.  ``docs/benchmarks.md`` tells how to make the environments.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.model.weights import DEFAULT

from merge import merged, planted, scene
from processes import detect, keep, measured
from rasters import photo_raster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from geovehicle.detections import Detections
    from geovehicle.engines.scene import Search

    from processes import Outcome

    Runs = dict[str, Callable[[], Outcome]]

BOXES = (1_000, 10_000)


@dataclass(frozen=True)
class SearchRow:
    """What was measured of one program on the raster; seconds of the whole process."""

    name: str
    seconds: float
    mpix_per_second: float
    times_ours: float
    peak_mb: float


@dataclass(frozen=True)
class MergeRow:
    """What was measured of one way to join boxes, of which some are doubles."""

    name: str
    boxes: int
    vehicles: int
    left: int
    seconds: float
    times_ours: float


def searches(options: argparse.Namespace) -> list[SearchRow]:
    """Return how long the programs take for a raster, the first of ours being the measure."""
    raster = photo_raster(options.work, options.side, options.ortho)
    ours, theirs = options.work / "peers.gpkg", options.work / "geodeep.geojson"
    runs: Runs = {
        f"geovehicle, {Path(weights).name}": partial(_ours, raster, ours, weights)
        for weights in options.weights or [DEFAULT]
    }
    for model in options.model if options.geodeep else ():
        command = [str(options.geodeep), str(raster), str(model), "-q", "-o", str(theirs)]
        runs[f"GeoDeep, {model.name}"] = partial(measured, command)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in runs}
    for _ in range(options.repeats):
        for name, run in runs.items():
            outcomes[name].append(run())
    seconds = {name: min(one.seconds for one in of) for name, of in outcomes.items()}
    first, mpix = next(iter(seconds.values())), options.side**2 / 1e6
    return [
        SearchRow(name, of, mpix / of, of / first, max(one.peak_mb for one in outcomes[name]))
        for name, of in seconds.items()
    ]


def _ours(raster: Path, output: Path, weights: str) -> Outcome:
    return detect(raster, output, ["--weights", weights])[0]


def merges(options: argparse.Namespace, vehicles: int) -> list[MergeRow]:
    """Return how long each way takes for the same boxes."""
    search = scene(vehicles)
    views = planted(search, vehicles)
    boxes = [replace(one, footprints=None) for one in views]
    predictions = in_scene(search, boxes)
    _joined(search, boxes)
    told = {
        "geovehicle, boxes": _joined(search, boxes),
        "geovehicle, footprints": _joined(search, views),
    }
    if options.sahi_python:
        told |= _by_sahi(options.sahi_python, predictions)
    first, _ = next(iter(told.values()))
    return [
        MergeRow(name, len(predictions), vehicles, left, seconds, seconds / first)
        for name, (seconds, left) in told.items()
    ]


def in_scene(search: Search, parts: Sequence[Detections]) -> NDArray[np.float64]:
    """Return all boxes in scene pixels as SAHI has them: corners, score and category."""
    windows = [window for block in search.plan().blocks for window in block.windows]
    shifted = [
        part.shift(window.col, window.row) for part, window in zip(parts, windows, strict=True)
    ]
    rows = [np.column_stack([one.boxes, one.scores, np.zeros(len(one))]) for one in shifted]
    return np.concatenate(rows)


def _joined(search: Search, parts: Sequence[Detections]) -> tuple[float, int]:
    start = time.perf_counter()
    left = sum(map(len, merged(search, parts)))
    return time.perf_counter() - start, left


def _by_sahi(python: Path, predictions: NDArray[np.float64]) -> dict[str, tuple[float, int]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.npz"
        np.savez(path, predictions=predictions)
        script = Path(__file__).with_name("peer_sahi.py")
        told = json.loads(measured([str(python), str(script), str(path)]).output)
    return {name: (seconds, left) for name, (seconds, left) in told.items()}


def search_table(rows: Sequence[SearchRow], side: int) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"| raster of {side:,} pixels a side | seconds | MPix/s | times ours | peak RSS, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        speed = f"{row.seconds:.1f} | {row.mpix_per_second:.2f} | {row.times_ours:.2f}"
        lines.append(f"| {row.name} | {speed} | {row.peak_mb:,.0f} |")
    return "\n".join(lines)


def merge_table(rows: Sequence[MergeRow]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| boxes | of vehicles | joined by | left | seconds | times ours |",
        "|---:|---:|---|---:|---:|---:|",
    ]
    for row in rows:
        size = f"{row.boxes:,} | {row.vehicles:,} | {row.name} | {row.left:,}"
        lines.append(f"| {size} | {row.seconds:.4f} | {row.times_ours:.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--geodeep", type=Path, help="the program of GeoDeep")
    add("--model", type=Path, action="append", default=[], help="ONNX file for GeoDeep")
    add("--sahi-python", type=Path, help="the Python of an environment with SAHI")
    add("--vehicles", type=int, nargs="*", default=BOXES, help="whose boxes are joined")
    add("--weights", action="append", help="ours, shipped or a file; the first is the measure")
    add("--repeats", type=int, default=2, help="of each search; the fastest counts")
    add("--side", type=int, default=10_000, help="of the raster, pixels of 0.10 m; 0 for none")
    add("--ortho", type=Path, action="append", default=[], help="photo that it is made of")
    add("--work", type=Path, default=Path("peers"), help="folder for raster and layers")
    add("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args(arguments)
    searched = searches(options) if options.side else []
    joined = [row for vehicles in options.vehicles for row in merges(options, vehicles)]
    if searched:
        print(search_table(searched, options.side), end="\n\n")
    if joined:
        print(merge_table(joined))
    keep({"searches": searched, "merges": joined}, options.output)


if __name__ == "__main__":
    sys.exit(main())
