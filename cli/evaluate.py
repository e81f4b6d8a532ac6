"""``geovehicle evaluate``: how well a detector does on a labelled data set."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

import click

from geovehicle.model.weights import DEFAULT
from geovehicle.settings import BoxesName, DetectSettings

from .events import Events, json_option, one_line
from .options import FiniteRange, options_of
from .progress import Pace, StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from geovehicle.data.coco import LabelledImage
    from geovehicle.export.report import Evaluation
    from geovehicle.metrics import Report

WITH_PREDICTIONS = {"dataset", "predictions", "output", "score", "overwrite", "as_json"}
"""Parameters that have a meaning where layers are compared."""

VECTORS = {".gpkg", ".shp", ".geojson", ".fgb", ".kml"}
"""Suffixes of layers, which hold no labelled images."""


@click.command("evaluate")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET")
@click.option(
    "--weights",
    multiple=True,
    metavar="NAME|FILE",
    help="Shipped weights or a checkpoint of geovehicle train; repeat it to compare several."
    f"  [default: {DEFAULT}]",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    metavar="LAYER",
    help="Compare this layer of vehicles, instead of a detector, with the layer DATASET.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="Folder for the report: figures, curves, tables, and a page with the worst errors.",
)
@click.option(
    "--gsd",
    type=FiniteRange(min=0, min_open=True),
    help="Ground sampling distance of images that do not tell theirs, metres.",
)
@options_of(
    DetectSettings,
    leave_out=("bands", "gsd", "boxes", "block"),
    helps={
        "score": "Score at which precision, recall and F1 are taken, 0 to 1."
        "  [default: the weights' own; of layers the lowest there is]"
    },
)
@click.option(
    "--boxes",
    type=click.Choice(get_args(BoxesName)),
    help="What is compared: vehicles as they lie, or horizontal boxes around them."
    "  [default: oriented where labels and detectors have footprints]",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier report.")
@json_option("Print one line of JSON instead of a table, and on stderr how far it is.")
def command(
    dataset: Path,
    weights: tuple[str, ...],
    predictions: Path | None,
    output: Path | None,
    gsd: float | None,
    settings: DetectSettings,
    boxes: BoxesName | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare detectors with labelled images, or two layers.

    DATASET is a JSON file in the COCO layout, with its images beside it or in
    images/; with --predictions it is a layer of outlines or points.  Precision,
    recall and F1 are those of the detections that reach --score, at an IoU of 0.3;
    best F1 and its score tell how well that threshold fits.
    """
    _refuse_mixtures(dataset, predictions)
    if output is not None:
        from geovehicle.export.report import check_report

        check_report(output, overwrite)
    if predictions is not None:
        evaluation = _of_layers(dataset, predictions, settings.score)
    else:
        with StatusLine(shown=not as_json) as line:
            voice = _Voice(line, Events(as_json))
            reports = partial(_reports, weights or (DEFAULT,), settings, boxes, voice)
            evaluation = _of_images(dataset, gsd, reports)
    if output is not None:
        from geovehicle.export.report import write_report

        write_report(evaluation, output, overwrite)
    told = _json(evaluation) if as_json else _text(evaluation)
    click.echo(told.encode(errors="replace").decode())  # names need not be Unicode
    if output is not None:
        click.echo(f"report → {output / 'report.html'}", err=as_json)


def _refuse_mixtures(dataset: Path, predictions: Path | None) -> None:
    if predictions is None:
        if dataset.suffix.lower() in VECTORS:
            raise click.UsageError(
                "DATASET is a layer; name the layer to compare it with by --predictions"
            )
        return
    context = click.get_current_context()
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is click.core.ParameterSource.COMMANDLINE and (
            parameter.name not in WITH_PREDICTIONS
        ):
            raise click.UsageError(
                f"{parameter.opts[-1]} is for a detector on images; leave it out with --predictions"
            )


def _of_images(
    dataset: Path, gsd: float | None, reports: Callable[[Sequence[LabelledImage]], list[Report]]
) -> Evaluation:
    from geovehicle.data.coco import read_coco
    from geovehicle.export.report import Evaluation

    images = read_coco(dataset, gsd)
    return Evaluation(dataset.name, _with_unique_names(reports(images)), images)


def _reports(
    weights: Sequence[str],
    settings: DetectSettings,
    boxes: BoxesName | None,
    voice: _Voice,
    images: Sequence[LabelledImage],
) -> list[Report]:
    from geovehicle.engines.detectors import load_detector
    from geovehicle.evaluation import choose_boxes, evaluate

    for name in weights[1:]:  # told before the first has gone over the images
        load_detector(name, settings)
    boxes = choose_boxes(images, weights, boxes)
    return [
        evaluate(images, name, settings, _reporter(voice, name, len(images)), boxes)
        for name in weights
    ]


def _with_unique_names(reports: Sequence[Report]) -> list[Report]:
    """Return the reports, of which later ones of a name get a number.

    Names of files are made of them, so that case does not tell them apart.
    """
    taken: set[str] = set()
    unique = []
    for report in reports:
        name, number = report.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{report.name}-{number}"
        taken.add(name.casefold())
        unique.append(replace(report, name=name))
    return unique


def _of_layers(truth: Path, predictions: Path, score: float | None) -> Evaluation:
    from geovehicle.data.vectors import read_polygons
    from geovehicle.export.report import Evaluation
    from geovehicle.map_evaluation import evaluate_layers

    layers = read_polygons(truth), read_polygons(predictions)
    return Evaluation(truth.name, [evaluate_layers(*layers, score, predictions.stem)])


class _Voice(NamedTuple):
    """What is told while detectors are at work, to people and to programs."""

    line: StatusLine
    events: Events


def _reporter(voice: _Voice, weights: str, images: int) -> Callable[[int], None]:
    pace = Pace()

    def report(done: int) -> None:
        _, left = pace(done, images)
        voice.line.show(f"{weights}  image {done}/{images}  {clock(left)} left")
        voice.events.progress(done, images, weights=weights)

    return report


def _json(evaluation: Evaluation) -> str:
    """Return what metrics.json holds, of one detector alone its own figures."""
    content = evaluation.as_dict()
    models = content["models"]
    chosen = models[0] if len(models) == 1 else content
    return one_line(chosen)


def _text(evaluation: Evaluation) -> str:
    several = len(evaluation.reports) > 1
    return "\n\n".join(
        f"{report.name}\n{_table(report)}" if several else _table(report)
        for report in evaluation.reports
    )


def _table(report: Report) -> str:
    from geovehicle.export.tables import COMPARED, HEADER, figures, plain

    groups = report.sources if len(report.sources) > 1 else {}
    rows = [(source or "-", *figures(metrics)) for source, metrics in groups.items()]
    table = plain(("source", *HEADER), [*rows, ("total", *figures(report.total))])
    compared = COMPARED[report.boxes]
    lines = [
        table,
        f"precision, recall and F1 at a score of {report.score:g}, IoU 0.3 of {compared}",
        *_details(report),
    ]
    return "\n".join(lines)


def _details(report: Report) -> Iterator[str]:
    """Yield lines on footprints and types, where they were compared."""
    from geovehicle.export.tables import footprint_figures, share

    if report.footprints is not None and report.footprints.vehicles:
        _, middle, most, small, *sides = footprint_figures(report.footprints)
        yield f"direction off by {middle} (median), {most} (95 %); {small} below 10°"
        length, length_off, width, width_off = sides
        yield f"length {length} (median), off by {length_off}; width {width}, off by {width_off}"
    if report.confusion is not None:
        yield f"types told right: {share(report.confusion.accuracy)}"
