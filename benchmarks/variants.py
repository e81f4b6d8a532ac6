"""What the experiments compare, and what all of their runs have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geovehicle.cli.train import RECIPES
from geovehicle.settings import PAPER, DetectorConfig, LossName

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from geovehicle import LabelledImage, TrainSettings

SCORE = PAPER.detector.score_threshold
"""Precision, recall and F1 of every model are taken at this score, which nothing was
chosen by."""

FOCAL_BOX_WEIGHT = 0.1
"""Weight of the loss of horizontal boxes beside a focal loss in the head: what the last
shipped detector of horizontal boxes was trained with."""


@dataclass(frozen=True)
class Variant:
    """What is trained: a network with some of the paper's changes, or no network.

    Attributes
    ----------
    name, title : str
        For folders and options, and for the table.
    skip, rpn, head : bool
        Which of the paper's three changes are made: the skip connection and the
        focal losses of RPN and head.
    network : bool
        False for HOG + SVM.
    """

    name: str
    title: str
    skip: bool = False
    rpn: bool = False
    head: bool = False
    network: bool = True

    def config(self, base: DetectorConfig) -> DetectorConfig:
        """Return the network: the base, with this variant's changes and no other.

        The weight of the head's boxes balances its other loss and goes with it: beside
        the focal loss of an oriented base it is :data:`FOCAL_BOX_WEIGHT`.  The
        thresholds, which the shipped detector's were chosen by looking at results, are
        the paper's.  So are the horizontal boxes: no other row could be compared with
        oriented ones.  Nor is anything smoothed, which HOG + SVM does not do either.
        """
        losses: dict[bool, LossName] = {True: "focal", False: "cross-entropy"}
        return replace(
            base,
            skip_connection=self.skip,
            rpn_loss=losses[self.rpn],
            head_loss=losses[self.head],
            head_regression_weight=(
                FOCAL_BOX_WEIGHT
                if self.head and base.oriented
                else PAPER.detector.head_regression_weight
            ),
            oriented=False,
            types=(),
            smoothing=PAPER.detector.smoothing,
            score_threshold=SCORE,
            nms_iou=PAPER.detector.nms_iou,
        )


VARIANTS = (
    Variant("hog-svm", "HOG + SVM", network=False),
    Variant("faster-rcnn", "Faster R-CNN"),
    Variant("skip", "+ skip connection", skip=True),
    Variant("rpn", "+ focal RPN", rpn=True),
    Variant("head", "+ focal head", head=True),
    Variant("skip-rpn", "+ skip, focal RPN", skip=True, rpn=True),
    Variant("skip-head", "+ skip, focal head", skip=True, head=True),
    Variant("rpn-head", "+ focal RPN, focal head", rpn=True, head=True),
    Variant("dfl-cnn", "DFL-CNN", skip=True, rpn=True, head=True),
)


@dataclass(frozen=True)
class Budget:
    """What all runs of an experiment have in common.

    Attributes
    ----------
    config : DetectorConfig
        The networks' base.
    settings : TrainSettings
        Iterations, batch, crop and the rest; the seed is each run's own.
    backbone_weights : str, optional
        What the networks' backbone starts with.
    """

    config: DetectorConfig
    settings: TrainSettings
    backbone_weights: str | None = None


@dataclass(frozen=True)
class Task:
    """One run: a variant and seed, what it learns from and what it is tested on.

    Attributes
    ----------
    row : str
        The row of the table that it belongs to, and its folder.
    group : str
        What ``--only`` asks for.
    variant : Variant
        What is trained.
    seed : int
        Of every random choice.
    training, testing : sequence of LabelledImage
        Without an image in common.
    """

    row: str
    group: str
    variant: Variant
    seed: int
    training: Sequence[LabelledImage]
    testing: Sequence[LabelledImage]

    def folder(self, output: Path) -> Path:
        """Return where the run writes."""
        return output / self.row / f"seed-{self.seed}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all experiments have."""
    add = parser.add_argument
    add("--train", type=Path, required=True, metavar="JSON", help="labelled images to learn from")
    add("--val", type=Path, required=True, metavar="JSON", help="labelled images to test on")
    add("--output", type=Path, required=True, metavar="FOLDER", help="where all runs are kept")
    add("--only", action="append", metavar="NAME", help="do these alone; once for each")
    add("--seeds", type=int, default=1, help="runs of each, with seeds from 0")
    add("--recipe", choices=RECIPES, default="default", help="the networks' common base")
    add("--backbone-weights", metavar="FILE|imagenet", help="from scratch without")
    for name in ("iterations", "batch", "crop", "workers"):
        add(f"--{name}", type=int, help="in place of the recipe's")
    told = "share of {}; 0 without, since HOG + SVM sees none"
    add("--synthetic", type=float, default=0.0, help=told.format("rendered views"))
    add("--copy-paste", type=float, default=0.0, help=told.format("crops with pasted vehicles"))
    add("--device", default="auto", help="where the networks are trained and tested")


def budget_of(options: argparse.Namespace) -> Budget:
    """Return what the options say that all runs have in common."""
    config, settings = RECIPES[options.recipe]
    given = {
        name: getattr(options, name)
        for name in ("iterations", "batch", "crop", "workers")
        if getattr(options, name) is not None
    }
    if "crop" in given:
        given["crop_width"] = None
    given |= {"synthetic": options.synthetic, "copy_paste": options.copy_paste}
    settings = replace(settings, device=options.device, **given)
    return Budget(config, settings, options.backbone_weights)
