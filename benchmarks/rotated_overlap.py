"""How fast overlap and suppression of turned rectangles are, beside what one would take.

All times are of one run on one thread, the fastest of several repetitions, so the
ratios say more than the times.  Vehicles are those of patches at 0.10 m::

    python benchmarks/rotated_overlap.py --pairs 20000 --rectangles 300 --rectangles 1000
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import shapely
import torch
from torchvision.ops import nms

from geovehicle.footprints import corners_of, footprint_iou, polygons_of
from geovehicle.model.rotated import bounding_boxes, rotated_iou, rotated_nms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

IOU = 0.3
"""What rectangles compete above."""

SIDE = 1024.0
"""Of a patch, in pixels."""

Row = tuple[str, int, float, float]
"""What was done, to how many, in how many seconds, and how many times the first's."""


def vehicles(count: int, places: int) -> torch.Tensor:
    """Return cars of a patch, (N, 5), at any angle, several around each place."""
    random = torch.rand(count, 5, generator=torch.Generator().manual_seed(0))
    centres = torch.rand(places, 2, generator=torch.Generator().manual_seed(1)) * SIDE
    jitter = torch.tensor([16.0, 16.0, 10.0, 4.0, torch.pi])
    rectangles = random * jitter + torch.tensor([-8.0, -8.0, 40.0, 16.0, 0.0])
    rectangles[:, :2] += centres[torch.arange(count) % places]
    return rectangles


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, as shapely and torchvision's nms do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the fastest of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measured(count: int, works: dict[str, Callable[[], object]], repeats: int) -> list[Row]:
    """Return a row for each work; the first is what the others are compared with."""
    seconds = {name: fastest(work, repeats) for name, work in works.items()}
    first = next(iter(seconds.values()))
    return [(name, count, time, time / first) for name, time in seconds.items()]


def neighbours(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pairs of cars, (N, 5) each, that lie half on one another and not alike."""
    first = vehicles(count, count)
    return first, first + torch.tensor([5.0, -5.0, 0.0, 0.0, 0.4])


def difference(count: int) -> float:
    """Return how far an overlap in float32 is at most from shapely's in float64."""
    first, second = neighbours(count)
    exact = shapely_iou(corners_of(first.numpy()), corners_of(second.numpy()))
    return float(abs(rotated_iou(first, second).numpy() - exact).max())


def shapely_iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of pairs of footprints, (N,), by shapely."""
    first, second = polygons_of(one), polygons_of(other)
    common = shapely.area(shapely.intersection(first, second))
    return np.asarray(common / (shapely.area(first) + shapely.area(second) - common))


def overlap(count: int, repeats: int) -> list[Row]:
    """Measure the overlap of pairs: tensors, arrays, shapely at once and pair by pair."""
    first, second = neighbours(count)
    one, other = corners_of(first.numpy()), corners_of(second.numpy())

    def loop() -> list[float]:
        pairs = zip(polygons_of(one), polygons_of(other), strict=True)
        return [a.intersection(b).area / a.union(b).area for a, b in pairs]

    works: dict[str, Callable[[], object]] = {
        "rotated_iou": lambda: rotated_iou(first, second),
        "footprint_iou": lambda: footprint_iou(one, other),
        "shapely at once": lambda: shapely_iou(one, other),
        "shapely pair by pair": loop,
    }
    return measured(count, works, repeats)


def suppression(count: int, repeats: int) -> list[Row]:
    """Measure the suppression of ten proposals a vehicle, beside that of their boxes."""
    rectangles = vehicles(count, max(1, count // 10))
    scores = torch.rand(count, generator=torch.Generator().manual_seed(2))
    boxes = bounding_boxes(rectangles)
    works: dict[str, Callable[[], object]] = {
        "torchvision's nms of boxes": lambda: nms(boxes, scores, IOU),
        "rotated_nms": lambda: rotated_nms(rectangles, scores, IOU),
    }
    return measured(count, works, repeats)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | number | milliseconds | ratio |", "|---|---:|---:|---:|"]
    for name, count, seconds, ratio in rows:
        lines.append(f"| {name} | {count} | {1000 * seconds:.2f} | {ratio:.1f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--pairs", type=int, default=20_000, help="rectangles to overlap with one another each")
    add("--rectangles", type=int, action="append", help="to suppress; 300 and 1000 without")
    add("--repeats", type=int, default=5, help="of which the fastest counts")
    options = parser.parse_args(arguments)
    with one_thread():
        rows = overlap(options.pairs, options.repeats)
        for count in options.rectangles or [300, 1000]:
            rows += suppression(count, options.repeats)
    print(table(rows))
    print(f"\nlargest difference from shapely: {difference(options.pairs):.1e}")


if __name__ == "__main__":
    sys.exit(main())
