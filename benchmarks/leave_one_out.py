"""What generalises: train without one source of images and test on all of that source.

Of the other sources the training images alone are learnt from; of the one that is
left out all images are tested on, those for training and for validation.  Figures
and files are those of ``paper_experiment.py``::

    python benchmarks/leave_one_out.py --train train.json --val val.json \
        --output runs/leave-one-out --only crossing --only parking
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from geovehicle import LabelledImage, read_coco

from runs import Results, cells, markdown, perform_all, told
from variants import VARIANTS, Task, Variant, add_options, budget_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def plan(
    training: Sequence[LabelledImage],
    validation: Sequence[LabelledImage],
    variants: Sequence[Variant],
    seeds: int,
) -> list[Task]:
    """Return all runs: for each seed, source and model."""
    sources = sorted({image.source for image in training})
    return [
        Task(
            f"without-{source}/{variant.name}",
            source,
            variant,
            seed,
            [image for image in training if image.source != source],
            [image for image in (*training, *validation) if image.source == source],
        )
        for seed in range(seeds)
        for source in sources
        for variant in variants
    ]


def table(results: Results) -> str:
    """Return the Markdown table of the runs that there are, a row a source and model."""
    rows = []
    for name in dict.fromkeys(task.row for task, _ in sorted(results, key=lambda one: one[0].row)):
        own = [(task, result) for task, result in results if task.row == name]
        task = own[0][0]
        counts = [len(task.testing), sum(len(image.boxes) for image in task.testing)]
        label = [task.group, task.variant.title, *map(str, counts)]
        rows.append([*label, *cells([result for _, result in own])])
    return markdown(["left out and tested on", "model", "images", "vehicles"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment that the arguments, or the command line, ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    names = [variant.name for variant in VARIANTS]
    parser.add_argument(
        "--model", action="append", choices=names, help="once for each; dfl-cnn without"
    )
    options = parser.parse_args(arguments)
    variants = [one for one in VARIANTS if one.name in (options.model or ["dfl-cnn"])]
    gsd = budget_of(options).settings.gsd
    training, validation = read_coco(options.train, gsd), read_coco(options.val, gsd)
    perform_all(plan(training, validation, variants, options.seeds), options, table)


if __name__ == "__main__":
    sys.exit(told(main))
