from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.errors import SettingsError
from geovehicle.evaluation import Comparison, report
from geovehicle.settings import (
    DEFAULT_DETECTOR,
    FASTER_RCNN,
    PAPER,
    HogSvmConfig,
    TrainSettings,
)

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NONE = np.empty((0, 4))


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Return the benchmarks, which import one another by name, as their programs do."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("variants", "runs", "paper_experiment", "leave_one_out", "rotated_overlap")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = {name: __import__(name) for name in names}
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    return found


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a labelled data set of two sources, an image of a bright vehicle each."""
    pixels = np.random.default_rng(0).integers(60, 90, (128, 128, 3), dtype=np.uint8)
    pixels[50:74, 40:88] = 220
    images, annotations = [], []
    for number, source in enumerate(("north", "south"), start=1):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        record = {"id": number, "file_name": f"{number}.png", "width": 128, "height": 128}
        images.append(record | {"gsd": 0.1, "source": source})
        annotations.append({"id": number, "image_id": number, "bbox": [40, 50, 48, 24]})
    content = {"images": images, "annotations": annotations}
    (tmp_path / "data.json").write_text(json.dumps(content))
    return tmp_path / "data.json"


@pytest.fixture
def quick(scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the networks and the HOG + SVM as small as they can be."""
    runs, variants = scripts["runs"], scripts["variants"]
    _, settings = variants.RECIPES["default"]
    slim = replace(
        DEFAULT_DETECTOR, conv5_channels=8, feature_channels=8, rpn_channels=8, head_channels=8
    )
    tiny = replace(settings, calibration=1, warm_up=1, precision="float32")
    monkeypatch.setitem(variants.RECIPES, "default", (slim, tiny))
    hog = HogSvmConfig(
        windows=((6, 10), (10, 6)), scales=(1.0,), views=6, mined_views=1, calibration_views=2
    )
    monkeypatch.setattr(runs, "HOG_SVM", hog)


def options(dataset: Path, output: Path, *more: str) -> list[str]:
    common = ["--train", str(dataset), "--val", str(dataset), "--output", str(output)]
    budget = ["--iterations", "1", "--batch", "1", "--crop", "112", "--workers", "0"]
    return [*common, *budget, "--device", "cpu", *more]


def test_the_variants_are_the_paper_s_three_changes(scripts: dict[str, ModuleType]) -> None:
    networks = [one for one in scripts["variants"].VARIANTS if one.network]
    assert len({(one.skip, one.rpn, one.head) for one in networks}) == len(networks) == 8
    by_name = {one.name: one for one in networks}
    assert by_name["dfl-cnn"].config(PAPER.detector) == PAPER.detector
    assert by_name["faster-rcnn"].config(PAPER.detector) == FASTER_RCNN
    assert by_name["rpn"].config(FASTER_RCNN) == replace(FASTER_RCNN, rpn_loss="focal")


def test_no_row_has_a_number_that_was_chosen_for_another(scripts: dict[str, ModuleType]) -> None:
    variants = scripts["variants"]
    configs = {one: one.config(DEFAULT_DETECTOR) for one in variants.VARIANTS if one.network}
    for variant, config in configs.items():
        assert config.head_regression_weight == (0.1 if variant.head else 1.0)
    rows = [*configs.values(), scripts["runs"].HOG_SVM]
    assert {(one.nms_iou, one.score_threshold) for one in rows} == {(0.3, 0.5)}
    assert {config.smoothing for config in configs.values()} == {0.0}
    assert variants.SCORE == 0.5


def test_a_cell_is_a_mean_with_its_spread(scripts: dict[str, ModuleType]) -> None:
    runs = scripts["runs"]
    low, high = (
        {"figures": dict.fromkeys(runs.FIGURES, value), "sources": {}} for value in (0.5, 0.6)
    )
    assert runs.cells([low]) == ["1", *["0.500"] * 6]
    assert runs.cells([low, high]) == ["2", *["0.550 ± 0.071"] * 6]


def test_options_take_the_place_of_the_recipe_s_numbers(
    scripts: dict[str, ModuleType], dataset: Path, tmp_path: Path
) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    budget_of = scripts["variants"].budget_of
    scripts["variants"].add_options(parser)
    common = ["--train", "a", "--val", "b", "--output", "c"]
    settings = budget_of(parser.parse_args(common)).settings
    assert (settings.synthetic, settings.copy_paste) == (0.0, 0.0)
    more = ["--synthetic", "0.25", "--copy-paste", "0.5"]
    settings = budget_of(parser.parse_args([*common, *more])).settings
    assert (settings.synthetic, settings.copy_paste) == (0.25, 0.5)
    common += ["--recipe", "paper"]
    paper = budget_of(parser.parse_args(common))
    assert paper.config == PAPER.detector
    assert paper.settings.crop_size == (PAPER.patch_width, PAPER.patch_height)
    less = budget_of(parser.parse_args([*common, "--crop", "256"]))
    assert less.settings.crop_size == (256, 256)
    assert less.settings.iterations == paper.settings.iterations


@pytest.mark.usefixtures("quick")
def test_the_experiment_runs_goes_on_and_tells(
    scripts: dict[str, ModuleType],
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main, output = scripts["paper_experiment"].main, tmp_path / "runs"
    main(options(dataset, output, "--only", "hog-svm"))
    first = (output / "hog-svm" / "seed-0" / "metrics.json").read_text()
    main(options(dataset, output, "--only", "rpn"))
    table = capsys.readouterr().out.splitlines()[-4:]
    assert table[0].startswith("| model | skip | focal RPN | focal head | seeds | AP50 | AP30 |")
    assert table[2].startswith("| HOG + SVM |  |  |  | 1 | ")
    assert table[3].startswith("| + focal RPN |  | yes |  | 1 | ")
    assert (output / "table.md").read_text().splitlines() == table
    assert (output / "hog-svm" / "seed-0" / "metrics.json").read_text() == first
    told: dict[str, Any] = json.loads((output / "experiment.json").read_text())
    assert [run["model"] for run in told["runs"]] == ["hog-svm", "rpn"]
    assert told["runs"][1]["facts"]["rpn_loss"] == "focal"
    assert told["runs"][1]["figures"]["vehicles"] == 2
    assert set(told["runs"][0]["sources"]) == {"north", "south"}
    assert {"torch", "scikit-image"} <= set(told["versions"])
    with pytest.raises(SettingsError, match=r"is of another experiment; give another --output"):
        main(options(dataset, output, "--only", "hog-svm", "--crop", "96"))
    with pytest.raises(SettingsError, match="--only vgg is not there; choose of hog-svm, faster"):
        main(options(dataset, output, "--only", "vgg"))


def test_the_time_of_a_resumed_training_is_that_of_all_its_parts(
    scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, variants = scripts["runs"], scripts["variants"]
    image = LabelledImage(Path("a"), 1, 9, 9, 0.1, "", "", np.array([[1.0, 1, 5, 3]]), NONE)

    def resumed(images: Any, run: Any, *_: Any) -> Path:
        run.folder.mkdir(parents=True)
        lines = [json.dumps({"iteration": n, "seconds": 1000.0 * n}) for n in (1, 2)]
        (run.folder / "log.jsonl").write_text("\n".join(lines) + "\n")
        return Path(run.folder / "model.safetensors")

    monkeypatch.setattr(runs, "train", resumed)
    monkeypatch.setattr(
        runs,
        "evaluate",
        lambda images, *_: report(images, [Detections.empty()], 0.5, "", Comparison("horizontal")),
    )
    (dfl,) = (one for one in variants.VARIANTS if one.name == "dfl-cnn")
    budget = variants.Budget(DEFAULT_DETECTOR, TrainSettings())
    task = variants.Task("dfl-cnn", "dfl-cnn", dfl, 0, [image], [image])
    assert runs.perform(task, budget, tmp_path)["training_seconds"] == 2000.0


@pytest.mark.usefixtures("quick")
def test_one_source_is_left_out_at_a_time(
    scripts: dict[str, ModuleType],
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "runs"
    more = ("--only", "south", "--model", "hog-svm")
    scripts["leave_one_out"].main(options(dataset, output, *more))
    table = capsys.readouterr().out.splitlines()
    assert table[0].startswith("| left out and tested on | model | images | vehicles | seeds | AP")
    assert len(table) == 3
    assert table[2].startswith("| south | HOG + SVM | 2 | 2 | 1 | ")
    metrics = output / "without-south" / "hog-svm" / "seed-0" / "metrics.json"
    assert set(json.loads(metrics.read_text())["sources"]) == {"south"}


def test_a_left_out_source_is_not_learnt_from(scripts: dict[str, ModuleType]) -> None:
    def image(source: str, number: int) -> LabelledImage:
        return LabelledImage(Path("a"), number, 9, 9, 0.1, source, "", NONE, NONE)

    training = [image("north", 1), image("south", 2), image("north", 3)]
    validation = [image("north", 4), image("south", 5)]
    dfl = [one for one in scripts["variants"].VARIANTS if one.name == "dfl-cnn"]
    tasks = scripts["leave_one_out"].plan(training, validation, dfl, 2)
    assert [(task.group, task.seed) for task in tasks] == [
        ("north", 0),
        ("south", 0),
        ("north", 1),
        ("south", 1),
    ]
    assert [one.image_id for one in tasks[0].training] == [2]
    assert [one.image_id for one in tasks[0].testing] == [1, 3, 4]


def test_overlap_is_measured_beside_shapely_and_torchvision(
    scripts: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    script = scripts["rotated_overlap"]
    script.main(["--pairs", "8", "--rectangles", "20", "--rectangles", "30", "--repeats", "1"])
    header, _, *rows, _, told = capsys.readouterr().out.splitlines()
    assert float(told.removeprefix("largest difference from shapely: ")) < 1e-5
    assert header == "| what | number | milliseconds | ratio |"
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert [(name.split()[0], int(count)) for name, count, *_ in cells] == [
        ("rotated_iou", 8),
        ("footprint_iou", 8),
        ("shapely", 8),
        ("shapely", 8),
        ("torchvision's", 20),
        ("rotated_nms", 20),
        ("torchvision's", 30),
        ("rotated_nms", 30),
    ]
    assert [cells[row][3] for row in (0, 4, 6)] == ["1.0"] * 3
    assert all(float(milliseconds) > 0 for _, _, milliseconds, _ in cells)


def test_vehicles_of_one_place_overlap(scripts: dict[str, ModuleType]) -> None:
    script = scripts["rotated_overlap"]
    crowd = script.vehicles(200, 20)
    assert crowd.shape == (200, 5)
    kept = script.rotated_nms(crowd, crowd[:, 2], script.IOU)
    assert 20 <= len(kept) < 100


def test_errors_are_one_line(
    scripts: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise SettingsError("wrong; do better")

    assert scripts["runs"].told(broken) == SettingsError.exit_code
    assert capsys.readouterr().err == "wrong; do better\n"
    assert scripts["runs"].told(lambda: None) == 0
