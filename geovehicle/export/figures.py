"""The curves of an evaluation, as PNG and SVG; several detectors are several lines."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from geovehicle.metrics import IOUS
from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from geovehicle.metrics import Report

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by the colour-blind as well: M. Okabe, K. Ito, "Color Universal Design", 2008."""

LINES = ("-", "--", "-.", ":")

STYLE: Any = {
    "svg.hashsalt": "geovehicle",  # the same figures give the same file
    "text.parse_math": False,  # a name is no formula
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
}

SIZE = (5.2, 4.0)
"""Inches."""

FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 150, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None}},
}
"""The formats, without a date and the versions of programs in the files."""


def draw_figures(reports: Sequence[Report]) -> dict[str, bytes]:
    """Draw recall over IoU, precision over IoU and the precision-recall curve.

    They are the paper's Figure 4 a, b and c.

    Parameters
    ----------
    reports : sequence of Report
        One for each detector.

    Returns
    -------
    dict of str to bytes
        The content of the files by their names: ``recall``, ``precision`` and
        ``precision-recall``, each as ``.png`` and ``.svg``.
    """
    files = {}
    with mpl.rc_context(STYLE):
        figures = {
            "recall": _over_iou(reports, "recall"),
            "precision": _over_iou(reports, "precision"),
            "precision-recall": _precision_recall(reports),
        }
        for name, figure in figures.items():
            for suffix, options in FORMATS.items():
                stream = io.BytesIO()
                figure.savefig(stream, format=suffix, **options)
                files[f"{name}.{suffix}"] = stream.getvalue()
    return files


def _over_iou(reports: Sequence[Report], rate: str) -> Figure:
    figure, axes = _empty("IoU asked for", rate)
    for number, report in enumerate(reports):
        values = [getattr(rates, rate) for rates in report.curves.over_iou]
        axes.plot(IOUS, values, marker="o", markersize=4, **_line(number, report.name))
    axes.axvline(PAPER.evaluation_iou, color="#888888", linewidth=0.8)
    axes.set_xticks(IOUS)
    _finish(axes, len(reports))
    return figure


def _precision_recall(reports: Sequence[Report]) -> Figure:
    figure, axes = _empty("recall", "precision")
    for number, report in enumerate(reports):
        recall, precision = report.curves.matches.curve()
        style = _line(number, report.name)
        axes.plot(recall, precision, **style)
        rates = report.total.rates
        axes.plot(rates.recall, rates.precision, "o", color=style["color"])
    axes.set_xlim(0, 1.02)
    _finish(axes, len(reports))
    return figure


def _empty(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot(xlabel=across, ylabel=up)
    axes.set_ylim(0, 1.02)
    return figure, axes


def _line(number: int, name: str) -> dict[str, Any]:
    return {
        "label": name.encode(errors="replace").decode(),  # of a file name that is no text
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": LINES[number % len(LINES)],
    }


def _finish(axes: Axes, lines: int) -> None:
    if lines > 1:
        axes.legend(loc="lower left", frameon=False)
