"""The figures of an evaluation as tables of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geovehicle.metrics import Confusion, FootprintErrors, Metrics, Report

Row = tuple[str, ...]

HEADER: Row = (
    "images",
    "vehicles",
    "AP50:95",
    "AP50",
    "AP30",
    "precision",
    "recall",
    "F1",
    "best F1",
    "at score",
)
"""What :func:`figures` returns."""

TABLE_1: Row = (
    "method",
    "data",
    "compared",
    "recall",
    "precision",
    "F1",
    "AP30",
    "AP50",
    "AP50:95",
)

FOOTPRINTS: Row = (
    "vehicles",
    "direction, median",
    "direction, 95 %",
    "below 10°",
    "length, median",
    "length, off by",
    "width, median",
    "width, off by",
)
"""What :func:`footprint_figures` returns."""

NOTHING = "-"
"""Stands where there is no figure."""

COMPARED = {"oriented": "footprints", "horizontal": "horizontal boxes", None: "polygons"}
"""What was compared, by :attr:`geovehicle.metrics.Report.boxes`."""

ON_ITCVD: Row = ("ITCVD", COMPARED["horizontal"])

PUBLISHED: tuple[Row, ...] = (
    ("DFL-CNN, published", *ON_ITCVD, "89.44 %", "64.61 %", "0.7502", *[NOTHING] * 3),
    ("Faster R-CNN, published", *ON_ITCVD, NOTHING, NOTHING, "0.7030", *[NOTHING] * 3),
    ("HOG + SVM, published", *ON_ITCVD, NOTHING, NOTHING, "0.0997", *[NOTHING] * 3),
)
"""Rows of the paper's own Table 1: M. Y. Yang et al., "Vehicle Detection in Aerial
Images", Photogrammetric Engineering & Remote Sensing 85(4), 2019."""


def figures(metrics: Metrics) -> Row:
    """Return metrics as the texts of one row, in the order of :data:`HEADER`."""
    rates = metrics.rates
    shares = (
        metrics.ap50_95,
        metrics.ap50,
        metrics.ap30,
        rates.precision,
        rates.recall,
        rates.f1,
        metrics.best_f1,
    )
    images = NOTHING if metrics.images is None else str(metrics.images)
    counts = (images, str(rates.vehicles))
    return (*counts, *map(share, shares), threshold(metrics.best_score))


def footprint_figures(errors: FootprintErrors) -> Row:
    """Return errors of footprints as the texts of one row, in the order of :data:`FOOTPRINTS`."""
    degrees, metres, signed = "{:.1f}°", "{:.2f} m", "{:+.2f} m"
    return (
        str(errors.vehicles),
        _text(degrees, errors.turn_median),
        _text(degrees, errors.turn_95),
        _text("{:.1f} %", 100 * errors.small_turns),
        _text(signed, round(errors.length_bias, 2) + 0.0),
        _text(metres, errors.length_error),
        _text(signed, round(errors.width_bias, 2) + 0.0),
        _text(metres, errors.width_error),
    )


def confusion_table(confusion: Confusion) -> tuple[Row, list[Row]]:
    """Return the header and the rows of the types told (columns) of labelled ones (rows)."""
    recall = confusion.recall
    rows = [
        (name, *map(str, counts), share(recall[name]))
        for name, counts in zip(confusion.names, confusion.counts, strict=True)
    ]
    return ("labelled", *(f"as {name}" for name in confusion.names), "right"), rows


def _text(form: str, value: float) -> str:
    return NOTHING if math.isnan(value) else form.format(value)


def share(value: float, decimals: int = 3) -> str:
    """Return a number from 0 to 1 as text, a dash for nan."""
    return _text(f"{{:.{decimals}f}}", value)


def threshold(score: float | None) -> str:
    """Return a score as text, rounded down: what reaches it reaches the text as well.

    Where there is none, it is a dash.
    """
    return NOTHING if score is None else f"{math.floor(score * 1000) / 1000:.3f}"


def table_1(reports: Sequence[Report], data: str) -> list[Row]:
    """Return the paper's Table 1 for these detectors, with the paper's own rows below.

    Parameters
    ----------
    reports : sequence of Report
        One for each detector.
    data : str
        What they were evaluated on.

    Returns
    -------
    list of tuple of str
        The columns of :data:`TABLE_1`.
    """
    rows = []
    for report in reports:
        rates, total = report.total.rates, report.total
        percent = [f"{100 * value:.2f} %" for value in (rates.recall, rates.precision)]
        precisions = (total.ap30, total.ap50, total.ap50_95)
        texts = (report.name, data, COMPARED[report.boxes])
        rows.append((*texts, *percent, share(rates.f1, 4), *map(share, precisions)))
    return [*rows, *PUBLISHED]


def markdown(header: Row, rows: Sequence[Row], texts: int = 2) -> str:
    """Return a Markdown table, numbers to the right, behind some columns of text."""
    ruler = (*["---"] * texts, *["---:"] * (len(header) - texts))
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (header, ruler, *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(header: Row, rows: Sequence[Row]) -> str:
    """Return a table for the terminal, its columns aligned, without an end of line."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    )
