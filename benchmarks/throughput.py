"""How fast a large orthophoto is searched, end to end and stage by stage.

A raster of any size is made of a few photos (``--ortho``, rendered scenes without) and kept in
the working folder.  ``geovehicle detect`` searches it in a process of its own.  Then this
process does the same block by block, one stage after the other, and after some blocks lets
torchvision's networks see one of the patches that the detector saw::

    python benchmarks/throughput.py --ortho a.tif --ortho b.tif --work build --output t.json

``--limit`` takes some of the blocks, spread over the raster.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
import torch

from geovehicle.engines.tasks import pack
from geovehicle.export.destinations import Destination
from geovehicle.export.writers import LayerWriter
from geovehicle.files import replacing
from geovehicle.jobs import prepare
from geovehicle.journal import open_journal
from geovehicle.model.device import choose_device, choose_precision
from geovehicle.model.weights import DEFAULT
from geovehicle.raster.source import Patch
from geovehicle.settings import DetectSettings

from networks import OURS, Contest
from processes import detect, keep
from rasters import photo_raster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from geovehicle.blocks import Block
    from geovehicle.engines.tasks import BlockTask
    from geovehicle.job_sheets import Sheet
    from geovehicle.jobs import Job
    from geovehicle.patches import PatchWindow

Figures = dict[str, Any]

STAGES = {
    "read": "decode, find the outside",
    "infer": "the network and what follows from it",
    "merge": "share out, join at seams and sheets, make rows",
    "journal": "pack, and flush to the disk",
    "write": "the layer, read back",
}


class Stopwatch:
    """Adds up the seconds of stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a block of code."""
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that times another."""

        def call(*arguments: Any) -> Any:
            with self(stage):
                return function(*arguments)

        return call


def some(of: Sequence[Any], count: int | None) -> list[Any]:
    """Return as many, evenly spread, or all."""
    if count is None or count >= len(of):
        return list(of)
    steps = (np.arange(count) + 0.5) * len(of) / count
    return [of[place] for place in steps.astype(int).tolist()]


def write_area(sheet: Sheet, blocks: Sequence[Block], path: Path) -> None:
    """Write polygons for which ``--aoi`` takes these blocks: of each, what no other reads."""
    windows = np.array([_bounds(block.window) for block in sheet.plan.blocks])
    boxes = []
    for block in blocks:
        others = shapely.box(*np.delete(windows, block.index, axis=0).T)
        own = shapely.difference(shapely.box(*windows[block.index]), shapely.union_all(others))
        boxes.append(shapely.buffer(own, -1).bounds)
    polygons = sheet.grid.polygons(np.array(boxes))
    with replacing(path) as new:
        gpd.GeoDataFrame(geometry=polygons, crs=sheet.grid.crs.to_wkt()).to_file(new)


def stages(job: Job, output: Path, between: Callable[[BlockTask, Patch], None]) -> dict[str, float]:
    """Do a job in this thread; return the seconds of each stage.

    One block is searched before, so that what happens once is in no stage.

    Parameters
    ----------
    job : Job
    output : pathlib.Path
        The layer.
    between : callable
        Called after each block with its task and its pixels.
    """
    first = next(job.tasks())
    first.find(first.read(), job.detector)
    clock = Stopwatch()
    detector = clock.timed("infer", job.detector)
    with open_journal(output, job.fingerprint(), resume=False) as journal:
        for task in job.tasks():
            with clock("read"):
                pixels = task.read()
            with clock("find"):
                found = task.find(pixels, detector)
            with clock("journal"):
                journal.add(task.key, pack(found))
            between(task, pixels)
        with clock("merge"):
            chunks = list(job.layers(journal))
        with clock("write"), LayerWriter(Destination(output, existing="overwrite")) as writer:
            for frame in (job.empty, *(chunk.frame for chunk in chunks)):
                writer.append(frame)
        journal.remove()
    clock.seconds["merge"] += clock.seconds.pop("find") - clock.seconds["infer"]
    return {stage: clock.seconds[stage] for stage in STAGES}


def contested(job: Job, output: Path, count: int) -> tuple[dict[str, float], Contest]:
    """Return the seconds of each stage, and how networks did on so many patches in between."""
    device = choose_device(job.settings.device)
    contest = Contest(job.detector, device, choose_precision(job.settings.precision, device))
    chosen = {task.key for task in some(list(job.tasks()), count)}

    def between(task: BlockTask, pixels: Patch) -> None:
        if task.key in chosen:
            contest(_part(pixels, task.block.windows[len(task.block.windows) // 2]))

    return stages(job, output, between), contest


def measured(options: argparse.Namespace) -> Figures:
    """Return everything that was measured, and of what."""
    raster = photo_raster(options.work, options.side, options.ortho)
    job = prepare([raster], options.weights, DetectSettings())
    (sheet,) = job.sheets
    blocks, area = some(sheet.blocks, options.limit), options.work / "area.gpkg"
    where = [] if len(blocks) == len(sheet.blocks) else ["--aoi", str(area)]
    if where:
        write_area(sheet, blocks, area)
    output = options.work / "vehicles.gpkg"
    outcome, summary = detect(raster, output, ["--weights", options.weights, *where])
    job = replace(job, sheets=(replace(sheet, blocks=tuple(blocks)),))
    seconds, contest = contested(job, output, options.windows)
    windows = [window for block in blocks for window in block.windows]
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "weights": options.weights,
        "side": options.side,
        "blocks": len(blocks),
        "all_blocks": len(sheet.blocks),
        "mpix": job.pixels / 1e6,
        "mpix_of_windows": sum(window.width * window.height for window in windows) / 1e6,
        "process_seconds": outcome.seconds,
        "peak_mb": outcome.peak_mb,
        "detect": summary,
        "stages": seconds,
        "contest_mpix": contest.mpix,
        "product_tflop_per_second": contest.peak / 1e12,
        "networks": [asdict(row) for row in contest.rows()],
    }


def tables(figures: Figures) -> str:
    """Return the figures as Markdown."""
    summary, mpix, windows = (figures[key] for key in ("detect", "mpix", "mpix_of_windows"))
    blocks = f"{figures['blocks']} of {figures['all_blocks']} blocks"
    lines = [
        f"{mpix:.1f} MPix, {blocks} of a raster of {figures['side']:,} pixels a side;"
        f" {figures['threads']} threads, {summary['vehicles']} vehicles",
        "",
        "| end to end | |",
        "|---|---:|",
        f"| seconds of the search, and of the process | {summary['seconds']:.1f},"
        f" {figures['process_seconds']:.1f} |",
        f"| MPix/s of the search | {summary['mpix_per_s']:.2f} |",
        f"| peak RSS, MB | {figures['peak_mb']:,.0f} |",
        "",
        "| stage, one after the other | seconds | share | MPix/s |",
        "|---|---:|---:|---:|",
        *_stage_lines(figures["stages"], mpix),
        "",
        f"| on {figures['contest_mpix']:.1f} MPix of the windows, in turn | s/MPix |"
        " times bare | share of the matrix product |",
        "|---|---:|---:|---:|",
        *_network_lines(figures),
        "",
        f"The matrix product did {figures['product_tflop_per_second']:.2f} TFLOP/s. Windows"
        f" overlap: {windows / mpix:.2f} pixels of them for each of the scene.",
    ]
    return "\n".join(lines)


def _stage_lines(seconds: dict[str, float], mpix: float) -> Iterator[str]:
    total = sum(seconds.values())
    for stage, one in seconds.items():
        name = f"{stage}: {STAGES[stage]}"
        yield f"| {name} | {one:.2f} | {one / total:.1%} | {mpix / max(one, 1e-9):,.2f} |"


def _network_lines(figures: Figures) -> Iterator[str]:
    """Yield the whole search, by pixels of windows and of the scene, and the networks."""
    ours = next(row for row in figures["networks"] if row["name"] == OURS)
    bare = ours["seconds_per_mpix"] / ours["times_bare"]
    for what, mpix in (("window", "mpix_of_windows"), ("scene", "mpix")):
        whole = figures["detect"]["seconds"] / figures[mpix]
        yield f"| geovehicle, end to end, by {what} | {whole:.3f} | {whole / bare:.2f} | |"
    for row in figures["networks"]:
        share = f"{row['share_of_product']:.0%}" if row["share_of_product"] else ""
        rate = f"{row['seconds_per_mpix']:.3f} | {row['times_bare']:.2f}"
        yield f"| {row['name']} | {rate} | {share} |"


def _bounds(window: PatchWindow) -> tuple[int, int, int, int]:
    return window.col, window.row, window.col + window.width, window.row + window.height


def _part(pixels: Patch, window: PatchWindow) -> Patch:
    """Return the pixels of a window that lies inside of a block's."""
    top, left = window.row - pixels.window.row, window.col - pixels.window.col
    rows, columns = slice(top, top + window.height), slice(left, left + window.width)
    return Patch(pixels.pixels[:, rows, columns], pixels.valid[rows, columns], window)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--side", type=int, default=20_000, help="of the raster, pixels of 0.10 m")
    add("--ortho", type=Path, action="append", default=[], help="photo that it is made of")
    add("--work", type=Path, default=Path("throughput"), help="folder for raster and layer")
    add("--limit", type=int, help="blocks to search; all of them without")
    add("--windows", type=int, default=12, help="patches for the comparison of networks")
    add("--weights", default=DEFAULT, help="shipped weights or a file")
    add("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args(arguments)
    figures = measured(options)
    print(tables(figures))
    keep(figures, options.output)


if __name__ == "__main__":
    sys.exit(main())
