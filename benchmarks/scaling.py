"""What the size of a raster, and the number of workers, change in time and memory.

``geovehicle detect`` searches rasters of growing size, each in a process of its own.  Up to
``--content`` they are imagery all over.  A larger one is a VRT mosaic that shows the same
sheet in a few places, that much imagery in all, and else nodata.  So the work stays about the
same and the raster grows::

    python benchmarks/scaling.py --ortho a.tif --work build --workers 1 2

``--workers`` adds runs on a local Dask cluster of that many workers, of the first raster.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geovehicle.model.weights import DEFAULT

from processes import detect, keep
from rasters import photo_raster, sparse_mosaic

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDES = (5_000, 20_000, 100_000)

SHEET = 5_000
"""Side of the sheet that mosaics show, pixels: four blocks, one of them of full size."""


@dataclass(frozen=True)
class Row:
    """What was measured of one raster and engine.

    Attributes
    ----------
    side : int
        Pixels of the raster.
    engine : str
    imagery_mpix, searched_mpix : float
        What the raster shows, and what was searched: blocks that show anything.
    seconds, process_seconds : float
        Of the search, and of the whole process.
    peak_mb : float
        Of the largest process.
    vehicles : int
    """

    side: int
    engine: str
    imagery_mpix: float
    searched_mpix: float
    seconds: float
    process_seconds: float
    peak_mb: float
    vehicles: int


def raster_of(options: argparse.Namespace, side: int) -> tuple[Path, float]:
    """Return a raster of some pixels a side and how many millions of them are imagery."""
    sheets = max(1, round(options.content * 1e6 / options.sheet**2))
    if side**2 <= sheets * options.sheet**2:
        return photo_raster(options.work, side, options.ortho), side**2 / 1e6
    sheet = photo_raster(options.work, options.sheet, options.ortho)
    mosaic = sparse_mosaic(options.work, side, sheet, sheets)
    return mosaic, sheets * options.sheet**2 / 1e6


def measured(options: argparse.Namespace, side: int, workers: int | None) -> Row:
    """Return what one search takes; without workers by the local engine."""
    raster, imagery = raster_of(options, side)
    engine = [] if workers is None else ["--engine", "dask", "--workers", str(workers)]
    output = options.work / "scaling.gpkg"
    outcome, summary = detect(raster, output, ["--weights", options.weights, *engine])
    seconds = summary["seconds"]
    return Row(
        side,
        "local" if workers is None else f"dask, {workers} worker{'' if workers == 1 else 's'}",
        imagery,
        summary["mpix_per_s"] * seconds,
        seconds,
        outcome.seconds,
        outcome.peak_mb,
        summary["vehicles"],
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| side | engine | imagery, MPix | searched, MPix | seconds | MPix/s | peak RSS, MB |"
        " of the first | vehicles |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        size = f"{row.side:,} | {row.engine} | {row.imagery_mpix:,.0f} | {row.searched_mpix:,.0f}"
        speed = f"{row.seconds:.1f} | {row.searched_mpix / row.seconds:.2f}"
        memory = f"{row.peak_mb:,.0f} | {row.peak_mb / rows[0].peak_mb:.2f}"
        lines.append(f"| {size} | {speed} | {memory} | {row.vehicles:,} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sides", type=int, nargs="+", default=SIDES, help="of the rasters, pixels of 0.10 m")
    add("--content", type=float, default=100.0, help="most imagery of a raster, MPix")
    add("--sheet", type=int, default=SHEET, help="side of what mosaics show, pixels")
    add("--workers", type=int, nargs="*", default=(), help="of Dask, for the first raster")
    add("--ortho", type=Path, action="append", default=[], help="photo that they are made of")
    add("--work", type=Path, default=Path("scaling"), help="folder for rasters and layers")
    add("--weights", default=DEFAULT, help="shipped weights or a file")
    add("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args(arguments)
    runs = [(side, None) for side in options.sides]
    runs += [(options.sides[0], workers) for workers in options.workers]
    rows = []
    for side, workers in runs:
        rows.append(measured(options, side, workers))
        print(f"{side:,} pixels a side: {rows[-1].process_seconds:.0f} s", file=sys.stderr)
    print(table(rows))
    keep(rows, options.output)


if __name__ == "__main__":
    sys.exit(main())
