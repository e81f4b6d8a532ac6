from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from pycocotools.coco import COCO

from geovehicle.errors import OutputError
from geovehicle.export.report import check_report, write_report
from geovehicle.metrics import FootprintErrors, Found

FILES = {
    "metrics.json",
    "predictions.json",
    "table1.md",
    "report.html",
    *(f"{name}.{kind}" for name in ("recall", "precision") for kind in ("png", "svg")),
    *(f"precision-recall.{kind}" for kind in ("png", "svg")),
}


class Page(HTMLParser):
    """Collects what a page shows and where it points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        self.links += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


@pytest.fixture(autouse=True)
def _blank_figures(monkeypatch):
    """Leave the drawing, which is slow, to the tests of the figures."""
    blank = dict.fromkeys((name for name in FILES if name.endswith(("png", "svg"))), b"<svg/>")
    monkeypatch.setattr("geovehicle.export.report.draw_figures", lambda reports: blank)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "report"


def test_a_report_is_a_folder_of_these_files(evaluation, folder):
    write_report(evaluation, folder)
    assert {file.name for file in folder.iterdir()} == FILES
    table = (folder / "table1.md").read_text("utf-8")
    assert "| mine | labels.json | horizontal boxes | 66.67 % | 66.67 % | 0.6667 |" in table
    assert "| --- | --- | --- | ---: |" in table


def test_metrics(comparison, folder):
    write_report(comparison, folder)
    told = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert told["data"] == "labels.json"
    assert [model["name"] for model in told["models"]] == ["mine", "other"]
    assert told["models"][0] == json.loads(json.dumps(comparison.reports[0].as_dict()))
    assert told["models"][0]["total"]["rates"]["true"] == 2


def test_predictions_are_coco_results(evaluation, detections, folder, tmp_path):
    write_report(evaluation, folder)
    boxes = [
        (10, [20, 30, 40, 20], 0.75),
        (10, [100, 20, 40, 20], 0.875),
        (20, [20, 30, 40, 20], 0.625),
    ]
    results = json.loads((folder / "predictions.json").read_text("utf-8"))
    assert [(one["image_id"], one["bbox"], one["score"]) for one in results] == boxes
    labels = COCO()
    labels.dataset = {"info": {}, "images": [{"id": 10}, {"id": 20}], "annotations": []}
    labels.dataset["categories"] = [{"id": 1, "name": "vehicle"}]
    labels.createIndex()
    assert len(labels.loadRes(results).anns) == 3


def test_pycocotools_takes_boxes_of_predictions_with_footprints(oriented, folder):
    write_report(oriented, folder)
    labels = COCO()
    labels.dataset = {"info": {}, "images": [{"id": 10}], "annotations": []}
    labels.dataset["categories"] = [{"id": 1, "name": "vehicle"}]
    labels.createIndex()
    loaded = labels.loadRes(str(folder / "predictions.json"))
    (found,) = oriented.reports[0].detections
    told = [loaded.anns[number] for number in sorted(loaded.anns)]
    corners = [[x, y, x + width, y + height] for x, y, width, height in (a["bbox"] for a in told)]
    np.testing.assert_allclose(corners, found.boxes, atol=2e-3)
    assert [one["category_id"] for one in told] == [1, 1]
    assert [len(one["segmentation"][0]) for one in told] == [8, 8]


def test_predictions_tell_footprints_and_types(oriented, folder):
    write_report(oriented, folder)
    results = json.loads((folder / "predictions.json").read_text("utf-8"))
    (found,) = oriented.reports[0].detections
    rings = [np.array(one["segmentation"]).reshape(4, 2) for one in results]
    np.testing.assert_allclose(rings, found.footprints, atol=1e-3)
    assert [one["type"] for one in results] == ["van", "car"]
    assert {one["category_id"] for one in results} == {1}
    assert set(results[0]) == {
        "image_id", "category_id", "bbox", "score", "segmentation", "type"
    }  # fmt: skip


def test_predictions_without_footprints_and_types(evaluation, folder):
    write_report(evaluation, folder)
    results = json.loads((folder / "predictions.json").read_text("utf-8"))
    assert set(results[0]) == {"image_id", "category_id", "bbox", "score"}


def test_footprints_and_types_are_told_where_they_were_compared(oriented, folder):
    write_report(oriented, folder)
    (told,) = json.loads((folder / "metrics.json").read_text("utf-8"))["models"]
    assert told["boxes"] == "oriented"
    assert told["footprints"]["turn_median"] == pytest.approx(np.degrees(0.1))
    assert told["confusion"]["counts"] == [[0, 1], [0, 0]]
    assert told["confusion"]["recall"] == {"car": 0.0, "van": None}
    table = (folder / "table1.md").read_text("utf-8")
    assert "| mine | labels.json | footprints | 50.00 % |" in table
    assert "| mine | 1 | 5.7° | 5.7° | 100.0 % | +0.10 m | 0.10 m |" in table
    assert "Types told by mine: 0.000 of all are right" in table
    assert "| car | 0 | 1 | 0.000 |" in table
    text = re.sub(r"\s+", " ", Page((folder / "report.html").read_text("utf-8")).text)
    for shown in (
        "mine labels.json footprints 50.00 %",
        "Figures of footprints, at a score of 0.5",
        "1 5.7° 5.7° 100.0 % +0.10 m 0.10 m",
        "labelled as car as van right car 0 1 0.000",
    ):
        assert shown in text


def test_nothing_is_told_of_footprints_and_types_that_were_not_compared(evaluation, folder):
    write_report(evaluation, folder)
    assert "direction" not in (folder / "table1.md").read_text("utf-8")
    text = Page((folder / "report.html").read_text("utf-8")).text
    assert "Figures of horizontal boxes" in text
    assert "direction" not in text
    assert "Types told" not in text


def test_there_is_no_table_of_footprints_without_a_pair(oriented, folder):
    none = replace(oriented.reports[0], footprints=FootprintErrors(0, *[np.nan] * 7))
    pair = replace(oriented.reports[0], name="other", confusion=None)
    write_report(replace(oriented, reports=[none]), folder)
    assert "direction" not in (folder / "table1.md").read_text("utf-8")
    assert "direction" not in Page((folder / "report.html").read_text("utf-8")).text
    (told,) = json.loads((folder / "metrics.json").read_text("utf-8"))["models"]
    assert told["footprints"]["vehicles"] == 0
    write_report(replace(oriented, reports=[none, pair]), folder, overwrite=True)
    table = (folder / "table1.md").read_text("utf-8").partition("direction")[2]
    assert "| other | 1 |" in table
    assert "| mine | 0 |" not in table


def test_an_oriented_detector_that_finds_nothing_has_a_report(oriented, folder):
    from geovehicle.detections import Detections
    from geovehicle.evaluation import Comparison, report

    comparison = Comparison("oriented", ("car", "van"))
    nothing = report(oriented.images, [Detections.empty()], 0.5, "mine", comparison)
    write_report(replace(oriented, reports=[nothing]), folder)
    (told,) = json.loads((folder / "metrics.json").read_text("utf-8"))["models"]
    assert (told["boxes"], told["footprints"]) == ("oriented", None)
    assert (told["total"]["ap50"], told["total"]["rates"]["vehicles"]) == (0, 2)
    assert json.loads((folder / "predictions.json").read_text("utf-8")) == []
    assert "| mine | labels.json | footprints | 0.00 % |" in (
        (folder / "table1.md").read_text("utf-8")
    )


def test_several_detectors_have_a_file_of_predictions_each(comparison, folder):
    write_report(comparison, folder)
    names = {file.name for file in folder.iterdir()}
    assert names - FILES == {"predictions-mine.json", "predictions-other.json"}
    assert FILES - names == {"predictions.json"}


@pytest.fixture
def page(comparison, folder):
    reports = [replace(one, types={"car": Found(2, 2)}) for one in comparison.reports]
    for report in reports:
        report.groups["scenes"] = {"a & <b>": report.total}
    write_report(replace(comparison, reports=reports), folder)
    return Page((folder / "report.html").read_text("utf-8"))


def test_the_page_needs_nothing_else(page):
    assert page.open == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(link.startswith("data:image/") for link in page.links)


def test_every_picture_says_what_it_shows(page):
    # three curves, and a false detection and a miss of either detector
    assert len(page.images) == 7
    assert all(len(image["alt"]) > 20 for image in page.images)
    assert len({image["alt"] for image in page.images}) == 5


def test_the_page_tells_the_figures(page):
    text = re.sub(r"\s+", " ", page.text)
    for told in (
        "3 vehicles on 2 images",
        "DFL-CNN, published ITCVD horizontal boxes 89.44 % 64.61 % 0.7502",
        "mine labels.json horizontal boxes 66.67 % 66.67 % 0.6667",
        "Recommended score: 0.625",
        "a & <b> 2 3",
        "By longest side",
        "car 2 2 1.000",
        "photo_1.png · flight 1 score 0.875 · 4.0 m",
        "photo_1.png · flight 1 12.0 m",
    ):
        assert told in text


def test_the_page_tells_which_score_counts_right_if_one_does(evaluation, images, folder):
    from geovehicle.detections import Detections
    from geovehicle.evaluation import Comparison, report

    def told(name, one):
        write_report(replace(evaluation, reports=[one]), folder / name)
        return re.sub(r"\s+", " ", Page((folder / name / "report.html").read_text("utf-8")).text)

    folder.mkdir()
    assert "Score for counting: 0.625 , at which precision equals recall" in told(
        "enough", evaluation.reports[0]
    )
    few = report(images, [Detections.empty()] * 2, 0.5, "few", Comparison("horizontal"))
    text = told("few", few)
    assert "Score for counting: - , for there are fewer detections than vehicles" in text
    assert "precision equals recall" not in text


def test_text_that_is_no_unicode_is_written_with_question_marks(evaluation, images, folder):
    odd = [replace(image, source="a\ud800b") for image in images]
    groups = {"sources": {"a\ud800b": evaluation.reports[0].total}}
    one = replace(evaluation.reports[0], name="c\udcffd", groups=groups)
    write_report(replace(evaluation, data="e\udcfff", reports=[one], images=odd), folder)
    texts = [(folder / name).read_text("utf-8") for name in ("metrics.json", "report.html")]
    assert all("a?b" in text and "c?d" in text and "e?f" in text for text in texts)
    assert "| c?d | e?f | horizontal boxes |" in (folder / "table1.md").read_text("utf-8")


def test_layers_have_a_report_without_pictures_of_errors(evaluation, folder):
    maps = replace(evaluation.reports[0], detections=(), groups={})
    write_report(replace(evaluation, reports=[maps], images=[]), folder)
    assert {file.name for file in folder.iterdir()} == FILES - {"predictions.json"}
    text = Page((folder / "report.html").read_text("utf-8")).text
    assert "Worst errors" not in text
    assert "3 vehicles." in text


def test_a_detector_without_errors_says_so(evaluation, images, folder):
    from geovehicle.detections import Detections
    from geovehicle.evaluation import Comparison, report

    perfect = [
        Detections(image.boxes, np.full(len(image.boxes), 0.9), np.zeros(len(image.boxes)))
        for image in images
    ]
    result = report(images, perfect, 0.5, "mine", Comparison("horizontal"))
    write_report(replace(evaluation, reports=[result]), folder)
    assert Page((folder / "report.html").read_text("utf-8")).text.count("None.") == 2


def test_an_earlier_report_is_replaced_on_request_only(evaluation, comparison, folder):
    write_report(comparison, folder)
    with pytest.raises(OutputError, match="--overwrite"):
        write_report(evaluation, folder)
    assert (folder / "predictions-mine.json").exists()
    write_report(evaluation, folder, overwrite=True)
    assert {file.name for file in folder.iterdir()} == FILES


def test_a_folder_of_something_else_is_never_replaced(evaluation, folder):
    write_report(evaluation, folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        check_report(folder, overwrite=True)
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write_report(evaluation, folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_an_earlier_report_survives_a_failure(evaluation, folder):
    write_report(evaluation, folder)
    before = (folder / "metrics.json").read_bytes()
    evaluation.images[0].path.unlink()
    with pytest.raises(Exception, match=r"photo_1\.png"):
        write_report(evaluation, folder, overwrite=True)
    assert (folder / "metrics.json").read_bytes() == before


@pytest.mark.parametrize("name", ["nowhere/report", "file"])
def test_a_target_that_cannot_be_is_told_before_the_work(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        check_report(tmp_path / name)
