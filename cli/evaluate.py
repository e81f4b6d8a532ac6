"""``geovehicle evaluate``: how well a detector does on a labelled data set."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geovehicle.settings import DetectSettings

from .options import FiniteRange, options_of, weights_option
from .progress import Pace, StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from geovehicle.evaluation import Metrics, Report

HEADER = ("images", "vehicles", "AP50", "AP30", "precision", "recall", "F1", "best F1", "at score")


@click.command("evaluate")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.json")
@weights_option
@click.option(
    "--gsd",
    type=FiniteRange(min=0, min_open=True),
    help="Ground sampling distance of images that do not tell theirs, metres.",
)
@options_of(DetectSettings, leave_out=("bands", "gsd"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    dataset: Path, weights: str, gsd: float | None, settings: DetectSettings, as_json: bool
) -> None:
    """Compare a detector with a labelled data set.

    DATASET.json is in the COCO layout, with its images beside it or in images/.
    Precision, recall and F1 are those of the detections that reach --score, at an
    IoU of 0.3; best F1 and its score tell how well that threshold fits.
    """
    from geovehicle.data.coco import read_coco
    from geovehicle.evaluation import evaluate

    images = read_coco(dataset, gsd)
    with StatusLine(shown=not as_json) as line:
        report = evaluate(images, weights, settings, _reporter(line, len(images)))
    if as_json:
        click.echo(json.dumps(_as_json(report), ensure_ascii=False, indent=2))
    else:
        click.echo(_table(report))


def _reporter(line: StatusLine, images: int) -> Callable[[int], None]:
    pace = Pace()

    def report(done: int) -> None:
        _, left = pace(done, images)
        line.show(f"image {done}/{images}  {clock(left)} left")

    return report


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "score": report.score,
        "total": _figures(report.total),
        "sources": {source: _figures(metrics) for source, metrics in report.sources.items()},
    }


def _figures(metrics: Metrics) -> dict[str, Any]:
    rates = metrics.rates
    derived = {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
    return asdict(metrics) | {"rates": asdict(rates) | derived}


def _table(report: Report) -> str:
    rows: list[tuple[str, ...]] = [("source", *HEADER)]
    if len(report.sources) > 1:
        rows += [_row(source or "-", metrics) for source, metrics in report.sources.items()]
    rows.append(_row("total", report.total))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return "\n".join([*lines, f"precision, recall and F1 at a score of {report.score:g}, IoU 0.3"])


def _row(name: str, metrics: Metrics) -> tuple[str, ...]:
    rates = metrics.rates
    shares = (
        metrics.ap50,
        metrics.ap30,
        rates.precision,
        rates.recall,
        rates.f1,
        metrics.best_f1,
        metrics.best_score,
    )
    counts = (str(metrics.images), str(rates.vehicles))
    return (name, *counts, *(f"{share:.3f}" for share in shares))
