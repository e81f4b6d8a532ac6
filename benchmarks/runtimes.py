"""Seconds of one processor core for a patch: torch, and exported networks by their runtimes.

    geovehicle export -o vehicles.onnx
    geovehicle export -o int8.onnx --quantize int8
    python benchmarks/runtimes.py vehicles.onnx int8.onnx --output runtimes.json

The detectors are timed in turn by the processor's time, all on one core where the system
can bind them to it: so other work on the machine counts for little, and the ratios are those
of one run.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from geovehicle.data.synthetic import render_scene
from geovehicle.model.detector import VehicleDetector
from geovehicle.model.weights import DEFAULT
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch
from geovehicle.runtimes.onnx_detector import OnnxDetector
from geovehicle.runtimes.onnx_file import read_onnx_info
from geovehicle.runtimes.sessions import by_onnxruntime, by_openvino
from geovehicle.settings import DetectSettings

from processes import keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from geovehicle.detections import Detections

    Detect = Callable[[list[Patch]], list[Detections]]


TORCH = "torch, by default"


def detectors(files: list[Path], side: int) -> dict[str, Detect]:
    """Return the detectors to compare, by what tables call them."""
    settings = DetectSettings(device="cpu", patch=side)
    found: dict[str, Detect] = {TORCH: VehicleDetector.load(DEFAULT, settings)}
    for name in ("bfloat16", "float32"):
        asked = replace(settings, precision=name)
        found[f"torch, {name}"] = VehicleDetector.load(DEFAULT, asked)
    for file in files:
        for name, opened in (("ONNX Runtime", by_onnxruntime), ("OpenVINO", by_openvino)):
            detector = OnnxDetector(opened(file, "auto"), read_onnx_info(file), settings)
            found[f"{name}, {file.stem}"] = detector
    return found


def main() -> None:
    """Print a row a detector: seconds a patch, and how many times faster than torch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # runtimes take as many threads as they have cores
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    side = options.side
    pixels = render_scene(7, side, side).pixels
    window = PatchWindow(0, 0, side, side, core=(0, 0, side, side))
    patch = Patch(pixels, np.ones((side, side), bool), window)
    compared = detectors(options.files, side)
    seconds: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(options.rounds + 1):  # the first is for caches
        for name, detect in compared.items():
            start = time.process_time()
            detect([patch])
            seconds[name].append(time.process_time() - start)
    best = {name: min(times[1:]) for name, times in seconds.items()}
    for name, least in best.items():
        print(f"{name:30} {least:6.2f} s  {best[TORCH] / least:5.2f}")
    keep(best, options.output)


if __name__ == "__main__":
    main()
