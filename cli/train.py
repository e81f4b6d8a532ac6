"""``geovehicle train``: a labelled data set in, a checkpoint out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from geovehicle.files import check_writable
from geovehicle.settings import (
    DEFAULT_DETECTOR,
    PAPER,
    BackboneName,
    DetectorConfig,
    TrainSettings,
)

from .options import options_of
from .progress import StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from geovehicle.training import Step

RECIPES = {"default": DEFAULT_DETECTOR, "paper": PAPER.detector}

LOG_EVERY = 50
"""Iterations from line to line where stderr is no terminal."""


@click.command("train")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.json")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="Folder of the checkpoint and the log; made if missing.",
)
@click.option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    default="default",
    show_default=True,
    help="The shipped detector's architecture, or the paper's.",
)
@click.option(
    "--backbone", type=click.Choice(get_args(BackboneName)), help="In place of the recipe's."
)
@click.option(
    "--backbone-weights",
    metavar="FILE|imagenet",
    help="ImageNet weights as safetensors, or those that torchvision downloads for resnet50;"
    " from scratch without.",
)
@click.option(
    "--weights",
    metavar="NAME|FILE",
    help="Go on from shipped weights or a checkpoint, whose architecture is kept.",
)
@click.option(
    "--licence", default="not stated", show_default=True, help="Terms of use of the weights."
)
@options_of(TrainSettings)
@click.option("--overwrite", is_flag=True, help="Replace the checkpoint of an earlier run.")
def command(
    dataset: Path,
    output: Path,
    recipe: str,
    backbone: BackboneName | None,
    backbone_weights: str | None,
    weights: str | None,
    licence: str,
    settings: TrainSettings,
    overwrite: bool,
) -> None:
    """Train a detector on a labelled data set.

    DATASET.json is in the COCO layout, with its images beside it or in images/.
    Images that do not tell their ground sampling distance ("gsd", metres) are
    taken to have that of --gsd.
    """
    named = click.get_current_context().get_parameter_source("recipe")
    given = named is click.core.ParameterSource.COMMANDLINE
    if weights is not None and (given or backbone or backbone_weights):
        raise click.UsageError(
            "--weights bring their own network; leave out --recipe and --backbone…"
        )

    from geovehicle.data.coco import read_coco
    from geovehicle.training import CHECKPOINT, LOG, Recipe, train

    if output.exists():
        for name in (CHECKPOINT, LOG):
            check_writable(output / name, overwrite)
    images = read_coco(dataset, settings.gsd)
    what = Recipe(_config(recipe, backbone), backbone_weights, weights, licence)
    with StatusLine() as line:
        checkpoint = train(images, output, what, settings, _reporter(line, settings.iterations))
    click.echo(f"{settings.iterations} iterations on {len(images)} images → {checkpoint}")


def _config(recipe: str, backbone: BackboneName | None) -> DetectorConfig:
    config = RECIPES[recipe]
    return replace(config, backbone=backbone) if backbone else config


def _reporter(line: StatusLine, iterations: int) -> Callable[[Step], None]:
    def report(step: Step) -> None:
        pace = step.seconds / step.iteration
        text = (
            f"iteration {step.iteration}/{iterations}  loss {step.loss:.4f}"
            f"  {pace:.2f} s/it  {clock(pace * (iterations - step.iteration))} left"
        )
        line.show(text)
        if not line.live and (step.iteration % LOG_EVERY == 0 or step.iteration == iterations):
            click.echo(text, err=True)

    return report
