"""An evaluation as a folder: figures as JSON, tables, curves, and a page that shows the errors."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from geovehicle import __version__
from geovehicle.errors import OutputError
from geovehicle.export.crops import worst_errors
from geovehicle.export.figures import draw_figures
from geovehicle.export.tables import (
    COMPARED,
    FOOTPRINTS,
    HEADER,
    TABLE_1,
    confusion_table,
    figures,
    footprint_figures,
    markdown,
    share,
    table_1,
    threshold,
)
from geovehicle.files import check_folder_writable, replacing_folder
from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from geovehicle.data.coco import LabelledImage
    from geovehicle.detections import Detections
    from geovehicle.metrics import Report

METRICS = "metrics.json"

REPORT_FILE = re.compile(
    r"((metrics|predictions(-.*)?)\.json|table1\.md|report\.html"
    r"|(recall|precision|precision-recall)\.(png|svg))$"
)
"""Names of the files that :func:`write_report` makes, and so may remove."""

SHOWN_ERRORS = 12
"""Pictures of either kind of error on the page, for each detector."""

CATEGORY = 1
"""The id of vehicles in data sets that geovehicle writes."""

GROUPS = {"sources": "source", "scenes": "scene", "sizes": "longest side"}
"""Headings of the tables by :attr:`geovehicle.metrics.Report.groups`."""

CURVES = {
    "recall": "Recall over the IoU that a detection needs to count as true",
    "precision": "Precision over the IoU that a detection needs to count as true",
    "precision-recall": "Precision over recall at an IoU of 0.3; the dot is the score in force",
}
"""The figures and what they show."""


@dataclass(frozen=True)
class Evaluation:
    """One or more detectors on one data set.

    Attributes
    ----------
    data : str
        Name of the data set.
    reports : sequence of Report
        One for each detector; their names are unique.
    images : sequence of LabelledImage
        The data set's; none where layers were compared.
    """

    data: str
    reports: Sequence[Report]
    images: Sequence[LabelledImage] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "geovehicle": __version__,
            "data": self.data,
            "models": [report.as_dict() for report in self.reports],
        }


def check_report(path: Path, overwrite: bool = False) -> None:
    """Make sure that a report can be written, before the long work.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    overwrite : bool
        Whether an earlier report may be replaced.

    Raises
    ------
    OutputError
        Where the folder around it is missing or cannot be written, where `path`
        exists and `overwrite` is false, or where it holds anything but a report.
    """
    check_folder_writable(path, overwrite)
    if not path.is_dir():
        return
    strangers = sorted(file.name for file in path.iterdir() if not REPORT_FILE.match(file.name))
    if strangers:
        raise OutputError(
            f"{path} would be replaced but holds {strangers[0]}, which is none of a report's"
            " files; name another folder"
        )


def write_report(evaluation: Evaluation, path: Path, overwrite: bool = False) -> None:
    """Write a folder with everything about an evaluation.

    It holds ``metrics.json``; the detections as COCO results in
    ``predictions.json``, or ``predictions-NAME.json`` for each of several
    detectors; the paper's Table 1, and the errors of footprints and types, as
    ``table1.md``; its Figure 4 as
    ``recall``, ``precision`` and ``precision-recall``, ``.png`` and ``.svg``; and
    ``report.html`` with all of it and the worst errors, in one file.

    Parameters
    ----------
    evaluation : Evaluation
        What is to be told.
    path : pathlib.Path
        The folder.
    overwrite : bool
        Whether an earlier report may be replaced.

    Raises
    ------
    OutputError
        Where :func:`check_report` raises it, or where writing fails.
    DatasetError
        If an image cannot be read.
    """
    check_report(path, overwrite)
    contents = _files(evaluation)
    with replacing_folder(path) as folder:
        for name, content in contents.items():
            (folder / name).write_bytes(content)


def _files(evaluation: Evaluation) -> dict[str, bytes]:
    reports = evaluation.reports
    curves = draw_figures(reports)
    return {
        METRICS: _json(evaluation.as_dict(), indent=2),
        **_predictions(evaluation),
        "table1.md": _bytes(_table_page(evaluation)),
        **curves,
        "report.html": _bytes(_page(evaluation, curves)),
    }


def _json(content: Any, indent: int | None = None) -> bytes:
    return _bytes(json.dumps(content, ensure_ascii=False, indent=indent, allow_nan=False))


def _bytes(text: str) -> bytes:
    """Return text as UTF-8; half of a surrogate pair, which JSON can hold, as a question mark."""
    return text.encode(errors="replace")


def _predictions(evaluation: Evaluation) -> dict[str, bytes]:
    """Return the detections of each detector as COCO results, in image pixels."""
    if not evaluation.images:
        return {}
    several = len(evaluation.reports) > 1
    return {
        f"predictions-{report.name}.json" if several else "predictions.json": _json(
            [
                {"image_id": image.image_id, **one}
                for image, found in zip(evaluation.images, report.detections, strict=True)
                for one in _results(found, report.labels)
            ]
        )
        for report in evaluation.reports
    }


def _results(found: Detections, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the detections of an image; with types, where there are more labels than one."""
    for index in range(len(found)):
        box = found.boxes[index]
        one = {
            "category_id": CATEGORY,
            "bbox": [round(n, 3) for n in (*box[:2], *(box[2:] - box[:2]))],
            "score": round(float(found.scores[index]), 6),
        }
        if found.footprints is not None:
            one["segmentation"] = [[round(n, 3) for n in found.footprints[index].ravel().tolist()]]
        if len(labels) > 1:
            one["type"] = labels[found.labels[index]]
        yield one


def _table_page(evaluation: Evaluation) -> str:
    """Return Table 1 in Markdown, and the errors of footprints and types where there are any."""
    reports = evaluation.reports
    text = (
        f"At an IoU of {PAPER.evaluation_iou}. Rows marked as published are the paper's own,"
        f" measured by horizontal boxes on ITCVD; they compare with the others only where those"
        f" are, too.\n\n{markdown(TABLE_1, table_1(reports, evaluation.data), 3)}"
    )
    rows = [
        (one.name, *footprint_figures(one.footprints))
        for one in reports
        if one.footprints and one.footprints.vehicles
    ]
    if rows:
        text += f"\nFootprints of true detections\n\n{markdown(('method', *FOOTPRINTS), rows, 1)}"
    for one in reports:
        if one.confusion:
            table = markdown(*confusion_table(one.confusion), 1)
            right = share(one.confusion.accuracy)
            text += f"\nTypes told by {one.name}: {right} of all are right\n\n{table}"
    return text


def _page(evaluation: Evaluation, curves: dict[str, bytes]) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "data_uri": _data_uri,
        "confusion_table": confusion_table,
        "footprint_figures": footprint_figures,
        "figures": figures,
        "share": share,
        "threshold": threshold,
    }
    template = files("geovehicle.export").joinpath("report.html.jinja").read_text("utf-8")
    pictures = [
        worst_errors(evaluation.images, report, SHOWN_ERRORS) if report.detections else ([], [])
        for report in evaluation.reports
    ]
    return environment.from_string(template).render(
        evaluation=evaluation,
        version=__version__,
        iou=PAPER.evaluation_iou,
        table_1=(TABLE_1, table_1(evaluation.reports, evaluation.data)),
        header=HEADER,
        footprints=FOOTPRINTS,
        compared=COMPARED,
        groups=GROUPS,
        curves={name: (text, curves[f"{name}.svg"]) for name, text in CURVES.items()},
        models=list(zip(evaluation.reports, pictures, strict=True)),
    )


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
