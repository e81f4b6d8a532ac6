"""How well footprints and types are told, on rendered scenes that no training has seen.

Trainings draw the seeds of their scenes from a range; these begin where it ends::

    python benchmarks/orientation.py --weights runs/mine/model.safetensors --scenes 20

Scenes are rendered with a margin and cut to their middle, so that every vehicle in the
picture is known.  One that crosses the edge of the picture is to be ignored, by the box
around what is visible: its length and width cannot be told from that.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from geovehicle import DetectSettings, LabelledImage, evaluate
from geovehicle.data.augment import SEEDS, SYNTHETIC_MARGIN_M
from geovehicle.data.synthetic import EXAMPLE_GSD, render_scene
from geovehicle.evaluation import Comparison, report
from geovehicle.export.tables import (
    FOOTPRINTS,
    HEADER,
    confusion_table,
    figures,
    footprint_figures,
    markdown,
    share,
)
from geovehicle.footprints import boxes_of
from geovehicle.model.weights import DEFAULT

from runs import told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from geovehicle.metrics import Report

SIDE = 1024
"""Of a picture, pixels."""

MARGIN = round(SYNTHETIC_MARGIN_M / EXAMPLE_GSD)
"""Pixels rendered around it, so that the scene's truth, which leaves out vehicles whose
middle is outside, has all that reach into the picture."""


def held_out(seed: int, folder: Path) -> LabelledImage:
    """Render a scene, save its middle, and return it with its truth.

    Parameters
    ----------
    seed : int
        Not negative; added to :data:`~geovehicle.data.augment.SEEDS`.
    folder : Path
        Where the picture is saved.
    """
    whole = SIDE + 2 * MARGIN
    scene = render_scene(SEEDS + seed, whole, whole, EXAMPLE_GSD)
    middle = slice(MARGIN, MARGIN + SIDE)
    path = folder / f"{seed}.png"
    Image.fromarray(scene.pixels[:, middle, middle].transpose(1, 2, 0).copy()).save(path)
    footprints = scene.footprints - MARGIN
    boxes = boxes_of(footprints)
    inside = ((boxes >= 0) & (boxes <= SIDE)).all(axis=1)
    cut = boxes[~inside].clip(0, SIDE)
    return LabelledImage(
        path=path,
        image_id=seed,
        width=SIDE,
        height=SIDE,
        gsd=EXAMPLE_GSD,
        source="",
        scene="",
        boxes=boxes[inside],
        ignore=cut[(cut[:, 2:] > cut[:, :2]).all(axis=1)],
        types=tuple(np.array(scene.types, object)[inside].tolist()),
        footprints=footprints[inside],
        oriented=np.ones(int(inside.sum()), bool),
    )


def table(compared: Sequence[Report]) -> str:
    """Return the figures of one detector in Markdown.

    Parameters
    ----------
    compared : sequence of Report
        By footprints, where the detector tells any, and by horizontal boxes.
    """
    rows = [(str(one.boxes), *figures(one.total)) for one in compared]
    text = markdown(("boxes", *HEADER), rows, 1)
    for one in compared:
        if one.footprints is not None:
            text += "\n" + markdown(FOOTPRINTS, [footprint_figures(one.footprints)], 0)
    confusion = compared[0].confusion
    if confusion is not None:
        text += f"\nTypes told right: {share(confusion.accuracy)}\n\n"
        text += markdown(*confusion_table(confusion), 1)
    return text


def compare(images: Sequence[LabelledImage], weights: str) -> list[Report]:
    """Return the figures of a detector by footprints and by horizontal boxes."""
    tell = _teller(len(images))
    first = evaluate(images, weights, DetectSettings(), tell)
    horizontal = Comparison("horizontal", first.labels)
    second = report(images, first.detections, first.score, first.name, horizontal)
    return [second] if first.boxes == "horizontal" else [first, replace(second, confusion=None)]


def _teller(images: int) -> Callable[[int], None]:
    return lambda done: print(f"scene {done}/{images}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the weights that the arguments, or the command line, ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default=DEFAULT, help="shipped ones by name, or a file")
    parser.add_argument("--scenes", type=int, default=20, help="how many to render")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene, from 0")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(options.seed, options.seed + options.scenes)
        images = [held_out(seed, Path(folder)) for seed in seeds]
        print(table(compare(images, options.weights)), end="")


if __name__ == "__main__":
    sys.exit(told(main))
