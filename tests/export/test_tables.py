from __future__ import annotations

import math
from dataclasses import replace

import pytest

from geovehicle.export.tables import (
    FOOTPRINTS,
    HEADER,
    TABLE_1,
    confusion_table,
    figures,
    footprint_figures,
    markdown,
    plain,
    share,
    table_1,
    threshold,
)
from geovehicle.metrics import Confusion, FootprintErrors


def test_figures_are_those_of_the_metrics(evaluation):
    row = dict(zip(HEADER, figures(evaluation.reports[0].total), strict=True))
    assert (row["images"], row["vehicles"]) == ("2", "3")
    assert (row["precision"], row["recall"], row["F1"]) == ("0.667", "0.667", "0.667")
    assert row["at score"] == "0.625"
    assert figures(replace(evaluation.reports[0].total, images=None))[0] == "-"


def test_what_is_not_defined_is_a_dash():
    assert share(math.nan) == "-"
    assert share(0.12345, 4) == "0.1235"


def test_a_threshold_is_never_rounded_up():
    assert threshold(0.8769) == "0.876"
    assert threshold(1.0) == "1.000"


def test_a_threshold_that_is_not_there_is_a_dash():
    assert threshold(None) == "-"


def test_table_1_has_the_paper_s_own_rows_marked_as_such(evaluation):
    rows = [
        dict(zip(TABLE_1, row, strict=True)) for row in table_1(evaluation.reports, "mine.json")
    ]
    assert rows[0]["method"] == "mine"
    assert rows[0]["data"] == "mine.json"
    assert (rows[0]["recall"], rows[0]["precision"]) == ("66.67 %", "66.67 %")
    assert rows[0]["F1"] == "0.6667"
    published = {row["method"]: row for row in rows[1:]}
    assert all(name.endswith("published") for name in published)
    assert {row["data"] for row in published.values()} == {"ITCVD"}
    assert {row["compared"] for row in published.values()} == {"horizontal boxes"}
    paper = published["DFL-CNN, published"]
    assert (paper["recall"], paper["precision"], paper["F1"]) == ("89.44 %", "64.61 %", "0.7502")


@pytest.mark.parametrize(
    ("boxes", "compared"),
    [("oriented", "footprints"), ("horizontal", "horizontal boxes"), (None, "polygons")],
)
def test_table_1_says_what_was_compared(evaluation, boxes, compared):
    one = replace(evaluation.reports[0], boxes=boxes)
    assert table_1([one], "mine.json")[0][TABLE_1.index("compared")] == compared


def test_errors_of_footprints():
    errors = FootprintErrors(12, 1.25, 4.04, 0.9871, -0.041, 0.123, -1e-9, 0.06)
    row = footprint_figures(errors)
    assert len(row) == len(FOOTPRINTS)
    assert row[:4] == ("12", "1.2°", "4.0°", "98.7 %")
    assert row[4:] == ("-0.04 m", "0.12 m", "+0.00 m", "0.06 m")
    assert footprint_figures(FootprintErrors(0, *[math.nan] * 7)) == ("0", *["-"] * 7)


def test_confusion_of_types():
    confusion = Confusion(("car", "bus"), ((3, 1), (0, 0)))
    header, rows = confusion_table(confusion)
    assert header == ("labelled", "as car", "as bus", "right")
    assert rows == [("car", "3", "1", "0.750"), ("bus", "0", "0", "-")]


def test_markdown():
    assert markdown(("a", "b", "c"), [("x|y", "1", "2")]) == (
        "| a | b | c |\n| --- | --- | ---: |\n| x\\|y | 1 | 2 |\n"
    )
    assert markdown(("a", "b"), [], 1) == "| a | b |\n| --- | ---: |\n"


def test_plain_columns_are_aligned():
    assert plain(("name", "n"), [("a", "100"), ("long name", "7")]) == (
        "name         n\na          100\nlong name    7"
    )
