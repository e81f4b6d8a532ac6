"""What it costs to tell vehicles as they lie, as a share of the whole way through a raster.

The same weights search the same rendered scene twice over: with their oriented head, and
with a horizontal one in its place, whose boxes are the proposals as they are.  Both see
the same proposals and scores, so that they differ in the head's last layers, in what
drops doubles, and in the merge::

    python benchmarks/orientation_cost.py --weights vehicles-10cm --repeats 7

The runs take turns, and of each the median counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from affine import Affine

from geovehicle import DetectSettings
from geovehicle.data.augment import SEEDS
from geovehicle.data.synthetic import EXAMPLE_GSD, render_scene
from geovehicle.engines.scene import search
from geovehicle.errors import SettingsError
from geovehicle.georeference import GeoGrid
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.model.detector import VehicleDetector
from geovehicle.model.weights import DEFAULT
from geovehicle.raster.array_source import ArraySource

from runs import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.model.checkpoint import ModelInfo


def without_orientation(
    model: GeneralizedRCNN, info: ModelInfo
) -> tuple[GeneralizedRCNN, ModelInfo]:
    """Return the detector with a horizontal head that leaves proposals where they are."""
    plain = replace(info, config=replace(info.config, oriented=False, types=()))
    horizontal = build_detector(plain.config, len(plain.classes)).eval()
    shared = horizontal.state_dict() | {
        name: value for name, value in model.state_dict().items() if name in horizontal.state_dict()
    }
    horizontal.load_state_dict(shared)
    for parameter in horizontal.roi_heads.box_predictor.deltas.parameters():
        parameter.data.zero_()
    return horizontal, plain


def measure(detectors: dict[str, VehicleDetector], side: int, repeats: int) -> dict[str, float]:
    """Return the median seconds of each detector over a rendered scene."""
    scene = render_scene(SEEDS, side, side, EXAMPLE_GSD)
    source = ArraySource("scene", scene.pixels, GeoGrid(side, side, Affine.identity(), None))
    seconds: dict[str, list[float]] = {name: [] for name in detectors}
    for _ in range(repeats + 1):
        for name, detector in detectors.items():
            start = time.perf_counter()
            search(source, detector, DetectSettings(), detector.info.gsd)
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(one[1:]) for name, one in seconds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments, or the command line, ask for, and print a table.

    Raises
    ------
    SettingsError
        If the weights tell no footprints.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default=DEFAULT, metavar="NAME|FILE")
    parser.add_argument("--side", type=int, default=2048, help="of the scene, pixels")
    parser.add_argument("--repeats", type=int, default=7, help="runs that count, of each")
    options = parser.parse_args(arguments)
    model, info = load_checkpoint(options.weights)
    if not info.config.oriented:
        raise SettingsError(f"{options.weights} tell no footprints; give oriented --weights")
    detectors = {
        "horizontal": VehicleDetector(*without_orientation(model, info), DetectSettings()),
        "oriented": VehicleDetector(model, info, DetectSettings()),
    }
    found = measure(detectors, options.side, options.repeats)
    print("| head | seconds | ratio |\n| --- | ---: | ---: |")
    for name, seconds in found.items():
        print(f"| {name} | {seconds:.3f} | {seconds / found['horizontal']:.3f} |")


if __name__ == "__main__":
    sys.exit(told(main))
