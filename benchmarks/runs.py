"""Runs of the experiments: one training and evaluation each, and their tables.

A finished run is known by its ``metrics.json`` and not repeated; one that was
interrupted goes on from its state.  All is done by the functions that users call.
"""

from __future__ import annotations

import json
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geovehicle import DetectSettings, Recipe, TrainSettings, evaluate, train
from geovehicle.baselines import hog_svm
from geovehicle.environment import devices, versions
from geovehicle.errors import GeoVehicleError, SettingsError
from geovehicle.files import replacing
from geovehicle.learning.state import facts_of
from geovehicle.settings import PAPER, HogSvmConfig
from geovehicle.training import LOG, Run

from variants import SCORE, Budget, Task, budget_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from geovehicle.metrics import Metrics

FIGURES = ("ap50", "ap30", "recall", "precision", "f1", "best_f1")

HOG_SVM = HogSvmConfig()

METRICS = "metrics.json"

Result = dict[str, Any]

Results = Sequence[tuple[Task, Result]]


def told(main: Callable[[], None]) -> int:
    """Run a program; return its exit code.  An error is told in one line."""
    try:
        main()
    except GeoVehicleError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def perform_all(
    tasks: Sequence[Task], options: argparse.Namespace, table: Callable[[Results], str]
) -> None:
    """Do the runs that are asked for and not done yet, and write the summary after each.

    Runs that were done before and are not asked for stand in it, too.

    Raises
    ------
    SettingsError
        If a name that is asked for is not there, or the folder holds another experiment.
    """
    groups = dict.fromkeys(task.group for task in tasks)
    unknown = sorted(set(options.only or ()) - set(groups))
    if unknown:
        raise SettingsError(f"--only {unknown[0]} is not there; choose of {', '.join(groups)}")
    results: list[tuple[Task, Result]] = []
    for task in tasks:
        wanted = not options.only or task.group in options.only
        if wanted or (task.folder(options.output) / METRICS).is_file():
            results.append((task, perform(task, budget_of(options), options.output)))
            write_summary(options.output, results, table(results))
    print(table(results), end="")


def perform(task: Task, budget: Budget, output: Path) -> Result:
    """Train and test, or return the result of the run that has done so before.

    Raises
    ------
    SettingsError
        If the folder holds a run of another experiment.
    """
    facts = _facts(task, budget)
    path = task.folder(output) / METRICS
    if path.is_file():
        result: Result = json.loads(path.read_text(encoding="utf-8"))
        if result["facts"] != facts:
            raise SettingsError(f"{path} is of another experiment; give another --output")
        return result
    weights, seconds = _train(task, budget, path.parent)
    trained = time.monotonic()
    gsd, device = budget.settings.gsd, budget.settings.device
    settings = DetectSettings(score=SCORE, finest=gsd, device=device)
    report = evaluate(task.testing, weights, settings)
    result = {
        "facts": facts,
        "training_seconds": round(seconds, 1),
        "testing_seconds": round(time.monotonic() - trained, 1),
        "figures": _figures(report.total),
        "sources": {name: _figures(one) for name, one in report.sources.items()},
    }
    _write(path, json.dumps(result, indent=1))
    return result


def _train(task: Task, budget: Budget, folder: Path) -> tuple[Path, float]:
    """Return the weights, and the seconds that it took to learn them, interrupted or not."""
    settings = replace(budget.settings, seed=task.seed)
    tell = _teller(f"{task.row}, seed {task.seed}")
    if not task.variant.network:
        recipe, start = hog_svm.HogSvmRecipe(HOG_SVM), time.monotonic()
        weights = hog_svm.train(task.training, folder, settings, tell, recipe)
        return weights, time.monotonic() - start
    run = Run(folder, resume=True)
    weights = train(
        task.training,
        run,
        _recipe(task, budget),
        settings,
        lambda step: tell(step.iteration, settings.iterations),
    )
    last = (folder / LOG).read_text(encoding="utf-8").splitlines()[-1]
    return weights, json.loads(last)["seconds"]


def _recipe(task: Task, budget: Budget) -> Recipe:
    return Recipe(task.variant.config(budget.config), budget.backbone_weights)


def _teller(line: str) -> Callable[[int, int], None]:
    """Return a function that prints a line at every twentieth of a training."""

    def tell(done: int, total: int) -> None:
        if done == total or done % max(1, total // 20) == 0:
            print(f"{line}: {done}/{total}", file=sys.stderr, flush=True)

    return tell


def _facts(task: Task, budget: Budget) -> dict[str, Any]:
    """Return what the result of a run depends on."""
    settings = replace(budget.settings, seed=task.seed)
    if task.variant.network:
        return facts_of(_recipe(task, budget), settings, task.training, task.testing)
    plain = replace(TrainSettings(), gsd=settings.gsd, crop=settings.crop, seed=task.seed)
    facts = facts_of(Recipe(), plain, task.training, task.testing)
    return facts | {"hog-svm": json.loads(json.dumps(asdict(HOG_SVM)))}


def _figures(metrics: Metrics) -> dict[str, float]:
    rates = metrics.rates
    return {
        "ap50": metrics.ap50,
        "ap30": metrics.ap30,
        "recall": rates.recall,
        "precision": rates.precision,
        "f1": rates.f1,
        "best_f1": metrics.best_f1,
        "best_score": metrics.best_score,
        "vehicles": rates.vehicles,
    }


def write_summary(output: Path, results: Results, table: str) -> None:
    """Write ``table.md``, and ``experiment.json`` with all figures and how they came about."""
    summary = {
        "command": shlex.join([Path(sys.executable).name, *sys.argv]),
        "versions": versions()
        | {name: version(name) for name in ("numpy", "scikit-image", "scikit-learn")},
        "hardware": {"platform": platform.platform(), "devices": devices()},
        "score": SCORE,
        "iou": PAPER.evaluation_iou,
        "runs": [
            {"row": task.row, "model": task.variant.name, "seed": task.seed, **result}
            for task, result in results
        ],
    }
    _write(output / "experiment.json", json.dumps(summary, indent=1))
    _write(output / "table.md", table)


def cells(results: Sequence[Result], source: str | None = None) -> list[str]:
    """Return how many runs a row has, and their figures: the mean ± standard deviation.

    Parameters
    ----------
    results : sequence of dict
        Of the runs of a row; at least one.
    source : str, optional
        Take this source's figures alone.
    """
    found = [one["figures"] if source is None else one["sources"][source] for one in results]
    return [str(len(found)), *(_cell([one[name] for one in found]) for name in FIGURES)]


def _cell(values: Sequence[float]) -> str:
    mean = f"{statistics.fmean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: the header's own columns, then those of :func:`cells`."""
    names = [*header, "seeds", "AP50", "AP30", "recall", "precision", "F1", "best F1"]
    lines = [names, ["---"] * len(header) + ["---:"] * (len(names) - len(header)), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
