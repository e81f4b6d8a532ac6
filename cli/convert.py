"""``geovehicle convert``: labelled data sets of other formats to COCO."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from geovehicle.settings import ConvertSettings, FormatName

from .events import Events, json_option, plain
from .options import options_of
from .outputs import tell
from .progress import Pace, StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from geovehicle.conversion import ConversionReport, Event, PartCount

HEADER = ("part", "images", "vehicles", "ignored", "files")
"""The columns of the table."""


@click.command("convert")
@click.argument("data_format", type=click.Choice(get_args(FormatName)), metavar="FORMAT")
@click.argument("source", type=click.Path(path_type=Path), metavar="SRC")
@click.argument("destination", type=click.Path(path_type=Path), metavar="DST")
@options_of(ConvertSettings)
@json_option("Print the summary as one line of JSON, and on stderr how far it is.")
def command(
    data_format: FormatName,
    source: Path,
    destination: Path,
    settings: ConvertSettings,
    as_json: bool,
) -> None:
    """Turn a labelled data set of any layout into COCO.

    FORMAT is itcvd, dlr3k, vedai, dota, yolo, voc, coco or vectors.  DST gets
    train.json, val.json and test.json, those that have images, and images/.
    Records that are bad are named on standard error and left out.
    """
    from geovehicle.conversion import convert

    events = Events(as_json)
    with StatusLine(shown=not as_json) as line:
        reporter = _events(events) if as_json else _reporter(line)
        report = convert(data_format, source, destination, settings, reporter)
    text = "\n".join([_table(report), *_remarks(data_format, report)])
    tell(_summary(report, destination), text, as_json)
    if report.problems and not as_json:
        click.echo(f"{report.problems} problems, named above", err=True)


def _events(events: Events) -> Callable[[Event], None]:
    from geovehicle.conversion import Progress
    from geovehicle.data.records import Note

    def report(event: Event) -> None:
        if isinstance(event, Progress):
            events.progress(event.done, event.total)
        else:
            events.tell("note" if isinstance(event, Note) else "problem", message=str(event))

    return report


def _summary(report: ConversionReport, destination: Path) -> dict[str, object]:
    parts = {name: asdict(count) for name, count in report.parts.items()}
    return {"parts": parts, "problems": report.problems, "output": str(destination)}


def _reporter(line: StatusLine) -> Callable[[Event], None]:
    from geovehicle.conversion import Progress
    from geovehicle.data.records import Note

    pace = Pace()

    def report(event: Event) -> None:
        if isinstance(event, Progress):
            _, left = pace(event.done, event.total)
            line.show(f"image {event.done}/{event.total}  {clock(left)} left")
            return
        kind = "note" if isinstance(event, Note) else "problem"
        line.clear()
        click.echo(f"{kind}: {plain(str(event))}", err=True)

    return report


def _table(report: ConversionReport) -> str:
    names = [name for name in ("train", "val", "test", "between") if name in report.parts]
    rows = [HEADER, *(_row(name, report.parts[name]) for name in names)]
    rows.append(_row("total", report.of(*names)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def _row(name: str, count: PartCount) -> tuple[str, ...]:
    figures = (count.images, count.vehicles, count.ignored, count.files)
    return (name, *(f"{figure:,}" for figure in figures))


def _remarks(data_format: FormatName, report: ConversionReport) -> list[str]:
    remarks = []
    if "between" in report.parts:
        remarks.append(
            "between: images that overlap with both training and validation, not written"
        )
    if data_format == "itcvd":
        from geovehicle.data.itcvd import compare_published

        for part, names in (("Training", ("train", "val", "between")), ("Testing", ("test",))):
            count = report.of(*names)
            remarks.append(compare_published(part, count.images, count.vehicles))
    return remarks
