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
from pathlib import Path
from typing import TYPE_CHECKING

from geovehicle import DetectSettings, LabelledImage, evaluate, read_coco
from geovehicle.data.turns import TURNS
from geovehicle.evaluation import choose_boxes
from geovehicle.export.tables import markdown
from geovehicle.model.weights import DEFAULT

from runs import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geovehicle.metrics import Metrics

FIGURES = ("AP50:95", "AP50", "AP30", "precision", "recall", "F1", "best F1")


def measure(
    images: Sequence[LabelledImage], weights: str, settings: DetectSettings
) -> list[tuple[str, Metrics]]:
    """Return the figures of each view, in the order of :data:`TURNS`, with its name."""
    boxes = choose_boxes(images, [weights])
    found = []
    for turn in TURNS:
        name = f"{90 * turn.quarters}°{', mirrored' if turn.mirrored else ''}"
        print(name, file=sys.stderr, flush=True)
        views = [image.turned(turn) for image in images]
        found.append((name, evaluate(views, weights, settings, boxes=boxes).total))
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
