"""The paper's comparison and the ablation of its three changes, on equal terms.

DFL-CNN is Faster R-CNN with a skip connection and a focal loss in RPN and head.
All eight combinations are trained alike (data, start, iterations, batch, crop,
seeds), HOG + SVM beside them, and tested on the same images.  The head's loss alone
brings the weight of the boxes that goes with it.  AP needs no threshold; recall,
precision and F1 are taken at a score of 0.5, which nothing was chosen by; the best
F1 is that of the score chosen on the tested images themselves, an upper bound.

The folder gets a ``table.md`` for the documentation and an ``experiment.json`` with
all figures, versions, hardware and the command.  Both are written anew after each
run; the same command goes on where it was interrupted::

    python benchmarks/paper_experiment.py --train train.json --val val.json \
        --output runs/experiment --iterations 3000 --seeds 3
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
    training: Sequence[LabelledImage], testing: Sequence[LabelledImage], seeds: int
) -> list[Task]:
    """Return all runs: seed by seed, so that an early end leaves whole tables."""
    return [
        Task(variant.name, variant.name, variant, seed, training, testing)
        for seed in range(seeds)
        for variant in VARIANTS
    ]


def table(results: Results) -> str:
    """Return the Markdown table of the runs that there are, a row a model."""
    rows = []
    for variant in VARIANTS:
        own = [result for task, result in results if task.variant == variant]
        if own:
            rows.append([*_label(variant), *cells(own)])
    return markdown(["model", "skip", "focal RPN", "focal head"], rows)


def _label(variant: Variant) -> list[str]:
    changes = (variant.skip, variant.rpn, variant.head)
    return [variant.title, *("yes" if change else "" for change in changes)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment that the arguments, or the command line, ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    options = parser.parse_args(arguments)
    gsd = budget_of(options).settings.gsd
    training, testing = read_coco(options.train, gsd), read_coco(options.val, gsd)
    perform_all(plan(training, testing, options.seeds), options, table)


if __name__ == "__main__":
    sys.exit(told(main))
