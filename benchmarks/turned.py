"""How much a detector's figures owe to the way in which the images happen to lie.

North need not be up: turned by quarters and mirrored, images are as hard as before, and
none of their pixels is interpolated.  What the figures of the eight views differ by is
therefore noise, and weights are compared by their means more safely than by one view::

    python benchmarks/turned.py val.json --weights runs/mine/model.safetensors
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from geovehicle import DetectSettings, LabelledImage, evaluate, read_coco
from geovehicle.evaluation import choose_boxes
from geovehicle.export.tables import markdown
from geovehicle.footprints import boxes_of, straight
from geovehicle.model.weights import DEFAULT

from runs import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geovehicle.metrics import Metrics

VIEWS = [(quarters, mirrored) for mirrored in (False, True) for quarters in range(4)]
"""Quarters by which images are turned against the clock, and whether they are mirrored then."""

FIGURES = ("AP50:95", "AP50", "AP30", "precision", "recall", "F1", "best F1")


def turned(image: LabelledImage, quarters: int, mirrored: bool, path: Path) -> LabelledImage:
    """Turn an image and its labels, and save the image.

    Parameters
    ----------
    image : LabelledImage
        Left as it is.
    quarters : int
        Of a full turn, against the clock.
    mirrored : bool
        Whether left and right are exchanged after that.
    path : Path
        Where the image is saved, in a format without loss.

    Raises
    ------
    DatasetError
        If the image cannot be read.
    """
    pixels = np.rot90(image.read(), quarters)
    pixels = pixels[:, ::-1] if mirrored else pixels
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    size = image.width, image.height

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return _moved(points, size, quarters, mirrored)

    return replace(
        image,
        path=path,
        width=pixels.shape[1],
        height=pixels.shape[0],
        boxes=boxes_of(move(straight(image.boxes))),
        ignore=boxes_of(move(straight(image.ignore))),
        footprints=move(image.footprints),
    )


def _moved(
    points: NDArray[np.float64], size: tuple[int, int], quarters: int, mirrored: bool
) -> NDArray[np.float64]:
    """Return where points, shape (N, 4, 2), of an image of a width and height come to."""
    width, height = size
    for _ in range(quarters):
        points = np.stack([points[..., 1], width - points[..., 0]], axis=-1)
        width, height = height, width
    return points * (-1, 1) + (width, 0) if mirrored else points


def measure(
    images: Sequence[LabelledImage], weights: str, settings: DetectSettings
) -> list[tuple[str, Metrics]]:
    """Return the figures of each view, in the order of :data:`VIEWS`, with its name."""
    boxes = choose_boxes(images, [weights])
    found = []
    for quarters, mirrored in VIEWS:
        name = f"{90 * quarters}°{', mirrored' if mirrored else ''}"
        print(name, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            views = [
                turned(image, quarters, mirrored, Path(folder) / f"{number}.png")
                for number, image in enumerate(images)
            ]
            report = evaluate(views, weights, settings, boxes=boxes)
        found.append((name, report.total))
    return found


def table(measured: Sequence[tuple[str, Metrics]]) -> str:
    """Return the figures of each view in Markdown; their mean and standard deviation last."""
    rows = [(name, _figures(metrics)) for name, metrics in measured]
    columns = list(zip(*(values for _, values in rows), strict=True))
    rows.append(("mean", [statistics.fmean(column) for column in columns]))
    rows.append(("standard deviation", [statistics.stdev(column) for column in columns]))
    texts = [(name, *(f"{value:.4f}" for value in values)) for name, values in rows]
    return markdown(("view", *FIGURES), texts, 1)


def _figures(metrics: Metrics) -> list[float]:
    """Return metrics in the order of :data:`FIGURES`."""
    rates = metrics.rates
    aps = [metrics.ap50_95, metrics.ap50, metrics.ap30]
    return [*aps, rates.precision, rates.recall, rates.f1, metrics.best_f1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the weights that the arguments, or the command line, ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, help="COCO file of labelled images")
    parser.add_argument("--weights", default=DEFAULT, help="shipped ones by name, or a file")
    parser.add_argument("--finest", type=float, help="as of geovehicle evaluate, metres")
    options = parser.parse_args(arguments)
    settings = DetectSettings(finest=options.finest)
    print(table(measure(read_coco(options.dataset), options.weights, settings)), end="")


if __name__ == "__main__":
    sys.exit(told(main))
