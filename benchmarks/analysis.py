"""How long the commands that analyse layers take with many vehicles and zones.

Cars are planted over a city of square blocks, a million by default, and the blocks, ten
thousand, are the zones.  A second layer shows most of them again, a little askew, and others.
Each command runs as a user runs it, in a process of its own: start, reading and writing count.
All run in turn, three times by default: the median counts, and the slowest is told, which mostly
is the first.  ``compare`` is given twice: with half of the vehicles in each layer, and with all
in each::

    python benchmarks/analysis.py --output analysis.json
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from geovehicle.export.frame import FIELDS
from geovehicle.export.results import write_layer
from geovehicle.export.writers import write
from geovehicle.footprints import corners_of, polygons_of

from processes import keep

if TYPE_CHECKING:
    from collections.abc import Sequence

CRS = "EPSG:25832"
CORNER = (400_000.0, 5_600_000.0)
CELL = 12.0
"""Side of the square of ground that each car has for itself, metres."""

CAR = (4.6, 1.8)
STREET = 0.1
"""Share of a block's side that belongs to no zone."""

TURNOVER = 0.3
"""Share of the cars that another flight does not show any more."""


@dataclass(frozen=True)
class Row:
    """What one command took: seconds of the clock and of the processor, and what it said.

    Of several runs ``seconds`` and ``processor_seconds`` are the medians.
    """

    command: str
    vehicles: int
    zones: int
    seconds: float
    slowest: float
    processor_seconds: float
    said: str


def cars(count: int, flight: int = 0) -> gpd.GeoDataFrame:
    """Return planted cars with the fields of detected ones; flights show others in part."""
    rng = np.random.default_rng(0)
    side = int(np.ceil(np.sqrt(count)))
    cells = np.stack([np.arange(count) % side, np.arange(count) // side], axis=1)
    places = CORNER + (cells + 0.5) * CELL + rng.uniform(-3, 3, (count, 2))
    headings = rng.uniform(-np.pi / 2, np.pi / 2, count)
    rng = np.random.default_rng(flight)
    if flight:
        places += rng.normal(0, 0.1, places.shape)
        gone = rng.random(count) < TURNOVER
        places[gone] = CORNER + (cells[gone] + 0.5) * CELL + rng.uniform(-3, 3, (gone.sum(), 2))
    shapes = polygons_of(corners_of(np.column_stack([places, np.tile(CAR, (count, 1)), headings])))
    values = {
        "id": np.arange(1, count + 1),
        "score": rng.uniform(0.55, 1, count).round(4),
        "label": np.full(count, "vehicle", object),
        "label_score": np.ones(count),
        "length_m": np.full(count, CAR[0]),
        "width_m": np.full(count, CAR[1]),
        "area_m2": np.full(count, CAR[0] * CAR[1]),
        "azimuth_deg": np.degrees(headings).round(1) % 180,
        "source": np.full(count, "city.tif", object),
    }
    return gpd.GeoDataFrame(values, geometry=shapes, crs=CRS).astype(dict(FIELDS))


def blocks(count: int, vehicles: int) -> gpd.GeoDataFrame:
    """Return square zones over as much ground as the vehicles take."""
    rows = int(np.ceil(np.sqrt(count)))
    step = CELL * np.ceil(np.sqrt(vehicles)) / rows
    left, low = np.array([np.arange(count) % rows, np.arange(count) // rows]) * step
    size = step * (1 - STREET)
    shapes = shapely.box(left, low, left + size, low + size)
    shapes = shapely.transform(shapes, lambda points: np.add(points, CORNER))
    fields = {"name": [f"block {number}" for number in range(count)], "capacity": 100}
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=CRS)


def planted(folder: Path, vehicles: int, zones: int) -> None:
    """Write the layers of a run."""
    write_layer(blocks(zones, vehicles), folder / "zones.gpkg", "zones", ())
    for name, count, flight in (
        ("cars", vehicles, 0),
        ("later", vehicles, 1),
        ("half", vehicles // 2, 0),
        ("half_later", vehicles // 2, 1),
    ):
        write(cars(count, flight), folder / f"{name}.gpkg")


def commands() -> dict[str, list[str]]:
    """Return the command lines to measure, by their names."""
    changes = ["--zones", "zones.gpkg", "--zones-output", "changed.gpkg"]
    return {
        "count": ["count", "cars.gpkg", "zones.gpkg", "-o", "counts.gpkg", "--capacity=capacity"],
        "density": ["density", "cars.gpkg", "-o", "density.tif"],
        "density --hex": ["density", "cars.gpkg", "-o", "hexagons.gpkg", "--hex"],
        "compare, half each": ["compare", "half.gpkg", "half_later.gpkg", "-o", "a.gpkg", *changes],
        "compare, all each": ["compare", "cars.gpkg", "later.gpkg", "-o", "b.gpkg", *changes],
        "filter": ["filter", "cars.gpkg", "-o", "c.gpkg", "--score=0.8", "--inside=zones.gpkg"],
    }


def run(arguments: Sequence[str], folder: Path) -> tuple[float, float, str]:
    """Return what one command line takes in a process of its own, and what it says."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "geovehicle", *arguments, "--overwrite"]
    told = subprocess.run(line, check=True, cwd=folder, stdout=subprocess.PIPE, text=True)  # noqa: S603
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, busy, told.stdout.strip()


def measured(folder: Path, sizes: tuple[int, int], repeats: int) -> list[Row]:
    """Return what all commands take, which run in turn."""
    runs = [{name: run(line, folder) for name, line in commands().items()} for _ in range(repeats)]
    rows = []
    for name in commands():
        seconds, busy, said = zip(*(one[name] for one in runs), strict=True)
        times = (
            round(float(each), 2) for each in (np.median(seconds), max(seconds), np.median(busy))
        )
        rows.append(Row(name, *sizes, *times, said[0]))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| command | vehicles | zones | seconds | slowest | of the processor |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        counts = f"{row.vehicles:,} | {row.zones:,}"
        times = f"{row.seconds:.1f} | {row.slowest:.1f} | {row.processor_seconds:.1f}"
        lines.append(f"| {row.command} | {counts} | {times} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--vehicles", type=int, default=1_000_000, help="to plant")
    add("--zones", type=int, default=10_000, help="to count them in")
    add("--repeats", type=int, default=3, help="runs of each command, of which the median counts")
    add("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted(folder, options.vehicles, options.zones)
        rows = measured(folder, (options.vehicles, options.zones), options.repeats)
    print(table(rows))
    keep(rows, options.output)


if __name__ == "__main__":
    sys.exit(main())
