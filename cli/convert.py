"""``geovehicle convert``: labelled data sets of other formats to COCO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from geovehicle.settings import ConvertSettings, FormatName

from .options import options_of
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
def command(
    data_format: FormatName, source: Path, destination: Path, settings: ConvertSettings
) -> None:
    """Turn a labelled data set of any layout into COCO.

    FORMAT is itcvd, dlr3k, vedai, dota, yolo, voc, coco or vectors.  DST gets
    train.json, val.json and test.json, those that have images, and images/.
    Records that are bad are named on standard error and left out.
    """
    from geovehicle.conversion import convert

    with StatusLine() as line:
        report = convert(data_format, source, destination, settings, _reporter(line))
    click.echo(_table(report))
    for text in _remarks(data_format, report):
        click.echo(text)
    if report.problems:
        click.echo(f"{report.problems} problems, named above", err=True)


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
        click.echo(f"{kind}: {' '.join(str(event).splitlines())}", err=True)

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
