"""How fast the network is, beside a bare ResNet-50 and the machine's matrix product.

The shipped weights search a rendered patch in plain float32, in bfloat16 by autocast, and in
the forms that ``geovehicle detect`` uses: in bfloat16, and in int8 where that is fast.  A
torchvision ResNet-50, in bfloat16 and channels last, sees as many pixels.  A product of square
bfloat16 matrices tells what the machine can do; the share of it counts the operations of
convolutions and linear layers, those of integers like any::

    python benchmarks/inference.py --patch 1024 --repeats 5 --output inference.json

The runs take turns, and of each the fastest counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from geovehicle.data.synthetic import render_scene
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.model.device import keep_memory
from geovehicle.model.fusion import for_inference
from geovehicle.model.int8 import is_fast
from geovehicle.model.weights import DEFAULT

from processes import keep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    Works = dict[str, Callable[[], object]]

CPU = torch.device("cpu")
BARE, PRODUCT = "bare ResNet-50, bfloat16", "matrix product, bfloat16"
FLOATS, INTEGERS = "as detect uses it, bfloat16", "as detect uses it, int8"
SEED = 1


@dataclass(frozen=True)
class Row:
    """What was measured of one model: its speed and the operations that it takes."""

    name: str
    seconds: float
    mpix_per_second: float
    times_bare: float
    gflop_per_second: float
    share_of_product: float


def works_of(model: GeneralizedRCNN, ranges: dict[str, float], side: int, matrix: int) -> Works:
    """Return what is measured, on a patch of some pixels a side; int8 by its ranges, if any."""
    pixels = torch.from_numpy(np.ascontiguousarray(render_scene(SEED, side, side).pixels))
    bare = torchvision.models.resnet50(weights=None).eval()
    bare = bare.to(torch.bfloat16, memory_format=torch.channels_last)
    images = torch.rand(1, 3, side, side).to(torch.bfloat16, memory_format=torch.channels_last)
    square = torch.rand(matrix, matrix).bfloat16()
    fast = {FLOATS: for_inference(model, CPU, torch.bfloat16)}
    if ranges and is_fast():
        fast[INTEGERS] = for_inference(model, CPU, torch.bfloat16, ranges)
    model = model.to(memory_format=torch.channels_last)
    return {
        PRODUCT: lambda: square @ square,
        BARE: lambda: bare(images),
        "plain, float32": lambda: model([pixels.float() / 255]),
        "plain, autocast to bfloat16": partial(by_autocast, model, pixels),
        **{name: partial(one, [pixels]) for name, one in fast.items()},
    }


def by_autocast(model: GeneralizedRCNN, pixels: Tensor) -> object:
    """Run the plain model as torch's autocast would have it."""
    with torch.autocast("cpu", torch.bfloat16):
        return model([pixels.float() / 255])


def fastest(works: Works, repeats: int) -> dict[str, float]:
    """Return the shortest of the repeated times of each, in seconds, after a first call."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    return {name: min(of[1:]) for name, of in times.items()}


def operations(work: Callable[[], object]) -> int:
    """Return the floating point operations of a work's convolutions and products."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def measured(works: Works, side: int, repeats: int) -> list[Row]:
    """Return a row for each work."""
    with torch.inference_mode():
        seconds = fastest(works, repeats)
        counts = {name: operations(work) for name, work in works.items()}
    if INTEGERS in counts:  # the counter does not know them
        counts[INTEGERS] = counts[FLOATS]
    speeds = {name: count / seconds[name] / 1e9 for name, count in counts.items()}
    return [
        Row(
            name,
            seconds[name],
            0.0 if name == PRODUCT else side**2 / 1e6 / seconds[name],
            0.0 if name == PRODUCT else seconds[name] / seconds[BARE],
            speeds[name],
            speeds[name] / speeds[PRODUCT],
        )
        for name in works
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| what | seconds | MPix/s | times bare | GFLOP/s | share of the product |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        of_pixels = f"{row.mpix_per_second:.2f} | {row.times_bare:.2f}"
        speed = f"{row.gflop_per_second:.0f} | {row.share_of_product:.0%}"
        pixels = " | " if row.name == PRODUCT else of_pixels
        lines.append(f"| {row.name} | {row.seconds:.3f} | {pixels} | {speed} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--weights", default=DEFAULT, help="shipped weights or a checkpoint")
    add("--patch", type=int, default=1024, help="pixels a side")
    add("--matrix", type=int, default=2048, help="rows of the matrices")
    add("--repeats", type=int, default=5, help="of which the fastest counts")
    add("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args(arguments)
    keep_memory()
    model, info = load_checkpoint(options.weights)
    works = works_of(model, info.ranges, options.patch, options.matrix)
    rows = measured(works, options.patch, options.repeats)
    print(table(rows))
    keep(rows, options.output)


if __name__ == "__main__":
    sys.exit(main())
