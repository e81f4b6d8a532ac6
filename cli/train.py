"""``geovehicle train``: a labelled data set in, a checkpoint out."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from geovehicle.errors import InterruptionError, SettingsError
from geovehicle.files import check_writable
from geovehicle.settings import (
    DEFAULT_DETECTOR,
    FASTER_RCNN,
    PAPER,
    PAPER_TRAINING,
    VEHICLE_TYPES,
    BackboneName,
    BoxesName,
    DetectorConfig,
    TrainSettings,
)

from .events import Events, json_option
from .options import options_of
from .outputs import tell
from .progress import Pace, StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from geovehicle.data.coco import LabelledImage
    from geovehicle.training import Recipe, Run, Step

ModelName = Literal["dfl-cnn", "faster-rcnn", "hog-svm"]

RECIPES = {
    "default": (DEFAULT_DETECTOR, TrainSettings()),
    "paper": (PAPER.detector, PAPER_TRAINING),
}
"""What is trained and how."""

NETWORK_OPTIONS = ("boxes", "types", "backbone", "backbone_weights", "weights", "val", "resume")
"""What is meaningless for a model that is no network."""

SHOWN = ("AP50", "F1")
"""Figures of the last validation that stand beside the loss."""

PATIENCE = 30.0
"""Seconds that the first of several processes has to speak before another ends, upon
which torchrun ends them all."""

LOG_EVERY = 50
"""Iterations from line to line where stderr is no terminal."""


@dataclass(frozen=True)
class Network:
    """The options that tell which network is trained, and what it starts with."""

    recipe: str
    model: ModelName
    boxes: BoxesName | None
    types: bool
    backbone: BackboneName | None
    backbone_weights: str | None
    weights: str | None

    def config(self) -> DetectorConfig:
        """Return the architecture and losses."""
        config, _ = RECIPES[self.recipe]
        if self.model == "faster-rcnn":
            config = replace(
                config,
                skip_connection=FASTER_RCNN.skip_connection,
                rpn_loss=FASTER_RCNN.rpn_loss,
                head_loss=FASTER_RCNN.head_loss,
            )
        if self.boxes:
            config = replace(config, oriented=self.boxes == "oriented")
        if self.types and not config.oriented:
            raise click.UsageError("--types are told by an oriented network; ask for its --boxes")
        if self.types:
            config = replace(config, types=VEHICLE_TYPES)
        return replace(config, backbone=self.backbone) if self.backbone else config


@click.command("train")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.json")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="Folder of the checkpoint, the state and the log; made if missing.",
)
@click.option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    default="default",
    show_default=True,
    help="The shipped detector's architecture and training, or the paper's."
    "  Options that are given take the place of the recipe's numbers.",
)
@click.option(
    "--model",
    type=click.Choice(get_args(ModelName)),
    default="dfl-cnn",
    show_default=True,
    help="The paper's network, or one of the two baselines that it compares with.",
)
@click.option(
    "--boxes",
    type=click.Choice(get_args(BoxesName)),
    help="Whether the network tells vehicles as they lie, or horizontal boxes around them."
    "  [default: the recipe's; the paper's is horizontal]",
)
@click.option(
    "--types",
    is_flag=True,
    help="Tell cars, vans, buses and trucks apart; labels must say which are which.",
)
@click.option(
    "--backbone",
    type=click.Choice(get_args(BackboneName)),
    help="The first layers of the network.  [default: the recipe's]",
)
@click.option(
    "--backbone-weights",
    metavar="FILE|imagenet",
    help="ImageNet weights: a safetensors file, or those that torchvision downloads for"
    " resnet50.  [default: none, from scratch]",
)
@click.option(
    "--weights",
    metavar="NAME|FILE",
    help="Go on from shipped weights or a checkpoint, whose architecture is kept.",
)
@click.option(
    "--licence", default="not stated", show_default=True, help="Terms of use of the weights."
)
@click.option(
    "--val",
    type=click.Path(path_type=Path),
    metavar="VAL.json",
    help="Labelled images that are kept aside: the weights with the highest AP50 on them are"
    " kept as well, as best.safetensors.",
)
@options_of(TrainSettings)
@click.option("--resume", is_flag=True, help="Go on from the state in RUN, with the same options.")
@click.option("--overwrite", is_flag=True, help="Replace the checkpoint of an earlier run.")
@json_option("Print the summary as one line of JSON, and on stderr how far it is.")
def command(
    dataset: Path,
    output: Path,
    licence: str,
    val: Path | None,
    settings: TrainSettings,
    resume: bool,
    overwrite: bool,
    as_json: bool,
    **network: Any,
) -> None:
    """Train a detector on a labelled data set.

    DATASET.json is in the COCO layout, with its images beside it or in images/.
    Images that do not tell their ground sampling distance ("gsd", metres) are
    taken to have that of --gsd.

    After Ctrl-C, a crash or a loss of power, the same command with --resume goes on.
    Several GPUs share the work under torchrun --nproc-per-node N -m geovehicle train …
    """
    chosen = Network(**network)
    _refuse(chosen)
    settings = _with_recipe(chosen.recipe, settings)

    from geovehicle.data.coco import read_coco

    images = read_coco(dataset, settings.gsd)
    if chosen.model == "hog-svm":
        if output.exists():
            check_writable(output / "model.safetensors", overwrite)
        _train_hog_svm(images, output, settings, licence, as_json)
        return

    from geovehicle.training import Recipe, Run

    validation = read_coco(val, settings.gsd) if val else ()
    recipe = Recipe(chosen.config(), chosen.backbone_weights, chosen.weights, licence)
    run = Run(output, validation, resume)
    _check(run, overwrite, as_json)
    _train_network(images, run, recipe, settings, as_json)


def _check(run: Run, overwrite: bool, as_json: bool) -> None:
    """Find out what would hinder the writing, and say what is missing."""
    from geovehicle.learning.log import has_tensorboard
    from geovehicle.model.processes import speaks
    from geovehicle.training import BEST, CHECKPOINT, LOG, STATE

    if not speaks():
        return
    has_state = (run.folder / STATE).is_file()
    if run.resume and not has_state:
        _note(f"no state in {run.folder}: starting from the beginning", as_json)
    if run.folder.exists() and not (run.resume and has_state):
        begun = () if run.resume else (BEST, STATE, LOG)  # what a first state would follow
        for name in (CHECKPOINT, *begun):
            check_writable(run.folder / name, overwrite)
    if not has_tensorboard():
        _note("without TensorBoard: pip install 'geovehicle[tensorboard]'", as_json)


def _note(message: str, as_json: bool) -> None:
    if as_json:
        Events(told=True).tell("note", message=message)
    else:
        click.echo(message, err=True)


def _train_network(
    images: Sequence[LabelledImage],
    run: Run,
    recipe: Recipe,
    settings: TrainSettings,
    as_json: bool,
) -> None:
    from geovehicle.model.processes import speaks
    from geovehicle.training import train

    with _one_voice(), StatusLine(speaks() and not as_json) as line:
        report = Reporter(line, settings.iterations, as_json)
        checkpoint = train(images, run, recipe, settings, report)
    if speaks():
        done = f"{report.iteration} iterations" if report.iteration else "no iteration was left"
        summary = {"iterations": report.iteration, **_summary(images, checkpoint)}
        tell(summary, f"{done} on {len(images)} images → {checkpoint}", as_json)


def _train_hog_svm(
    images: Sequence[LabelledImage],
    folder: Path,
    settings: TrainSettings,
    licence: str,
    as_json: bool,
) -> None:
    from geovehicle.baselines.hog_svm import HogSvmRecipe, train

    pace, events = Pace(), Events(as_json)
    with StatusLine(not as_json) as line:

        def report(done: int, total: int) -> None:
            line.show(f"view {done}/{total}  {clock(pace(done, total)[1])} left")
            events.progress(done, total)

        checkpoint = train(images, folder, settings, report, HogSvmRecipe(licence=licence))
    tell(_summary(images, checkpoint), f"hog-svm on {len(images)} images → {checkpoint}", as_json)


def _summary(images: Sequence[LabelledImage], checkpoint: Path) -> dict[str, object]:
    return {"images": len(images), "output": str(checkpoint)}


@contextmanager
def _one_voice() -> Iterator[None]:
    """Leave to the first of several processes what all of them have to say."""
    from geovehicle.model.processes import speaks

    try:
        yield
    except (SettingsError, InterruptionError) as error:
        if speaks():
            raise
        if isinstance(error, SettingsError):  # an interrupt has reached torchrun itself
            time.sleep(PATIENCE)
        raise click.exceptions.Exit(error.exit_code) from error


def _given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _refuse(network: Network) -> None:
    """Refuse options that contradict one another."""
    if network.model == "hog-svm":
        given = [name for name in NETWORK_OPTIONS if _given(name)]
        if given:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise click.UsageError(f"hog-svm is no network; leave out {flags}")
    own = ("recipe", "model", "boxes", "types", "backbone", "backbone_weights")
    if network.weights is not None and any(map(_given, own)):
        raise click.UsageError(
            "--weights bring their own network;"
            " leave out --recipe, --model, --boxes, --types and --backbone…"
        )


def _with_recipe(recipe: str, settings: TrainSettings) -> TrainSettings:
    """Return the recipe's settings, with those that were given in their place."""
    given = {one.name for one in fields(TrainSettings) if _given(one.name)}
    if "crop" in given:
        given.add("crop_width")  # which, if it is not given, is that of a square
    _, numbers = RECIPES[recipe]
    return replace(numbers, **{name: getattr(settings, name) for name in given})


class Reporter:
    """Tells how far a training has come; the last iteration stays in ``iteration``."""

    def __init__(self, line: StatusLine, iterations: int, as_json: bool = False) -> None:
        self.iteration = 0
        self._line = line
        self._events = Events(as_json)
        self._as_json = as_json
        self._iterations = iterations
        self._figures: dict[str, float] = {}

    def __call__(self, step: Step) -> None:
        """Take note of a step."""
        self.iteration = step.iteration
        if self._as_json:
            self._tell(step)
        else:
            self._show(step)

    def _tell(self, step: Step) -> None:
        self._events.progress(step.iteration, self._iterations, loss=step.loss)
        if step.validation:
            self._events.tell("validation", iteration=step.iteration, **step.validation)

    def _show(self, step: Step) -> None:
        self._figures.update(step.validation)
        pace = step.seconds / step.iteration
        text = (
            f"iteration {step.iteration}/{self._iterations}  loss {step.loss:.4f}"
            f"  {pace:.2f} s/it  {clock(pace * (self._iterations - step.iteration))} left"
        )
        shown = (name for name in SHOWN if name in self._figures)
        text += "".join(f"  {name} {self._figures[name]:.3f}" for name in shown)
        self._line.show(text)
        due = step.iteration % LOG_EVERY == 0 or step.iteration == self._iterations
        if not self._line.live and (due or step.validation):
            click.echo(text, err=True)
