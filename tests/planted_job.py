"""A job over planted rectangles, for the tests in this process and as a script to be killed.

``python planted_job.py OUTPUT SECONDS RASTER...`` searches the rasters, as slowly as a
detector that takes so many seconds a patch, prints a line for each, and writes the layer.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from scipy import ndimage

from geovehicle import jobs
from geovehicle.detection import Target, detect_to
from geovehicle.detections import Detections
from geovehicle.export.destinations import Destination
from geovehicle.footprints import straight
from geovehicle.model.checkpoint import ModelInfo
from geovehicle.settings import DEFAULT_DETECTOR, DetectSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geovehicle.raster.source import Patch

SETTINGS = DetectSettings(patch=256, overlap=6.0, block=2)
"""Blocks of 2 x 2 patches of 256 pixels; vehicles of up to 60 pixels."""


@dataclass
class RedFinder:
    """Stands in for the network: finds what is red, and gives each the score of its green."""

    seconds: float = 0.0
    info: ModelInfo = field(
        default_factory=lambda: ModelInfo(DEFAULT_DETECTOR, ("vehicle",), 0.10, "none", {})
    )
    labels: tuple[str, ...] = ("vehicle",)
    score: float = 0.4
    nms: float = 0.2
    arithmetic: str = "exact"
    patches: int = 0

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        self.patches += len(patches)
        time.sleep(self.seconds * len(patches))
        return [self._find(patch.pixels) for patch in patches]

    def _find(self, pixels: np.ndarray) -> Detections:
        marks, count = ndimage.label(pixels[0] == 255)
        if not count:
            return Detections.empty()
        slices = ndimage.find_objects(marks)
        boxes = np.array([[x.start, y.start, x.stop, y.stop] for y, x in slices], float)
        scores = [pixels[1][one].max() / 255 for one in slices]
        return Detections(boxes, np.array(scores), np.zeros(count, int), straight(boxes))


def prepared(
    rasters: Sequence[Path], detector: RedFinder, settings: DetectSettings = SETTINGS
) -> jobs.Job:
    """Return the job of a detector."""
    jobs.load_detector = lambda weights, settings: detector  # type: ignore[assignment,return-value]
    return jobs.prepare(rasters, "vehicles-10cm", settings)


class Printer:
    """A watcher that prints a line each time."""

    def on_journal(self, state: str, blocks: int) -> None:
        click.echo(f"{state} {blocks}")

    def on_pixels(self, done: int, total: int) -> None:
        click.echo(f"{done} {total}")

    def on_chunk(self, chunk: jobs.Chunk) -> None: ...


if __name__ == "__main__":
    output, seconds, *rasters = sys.argv[1:]
    job = prepared([Path(raster) for raster in rasters], RedFinder(float(seconds)))
    detect_to(Target(Destination(output, existing="overwrite")), job, watcher=Printer())
