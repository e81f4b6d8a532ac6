"""Averages detectors of one origin: ``python supply/average.py A.safetensors B.safetensors -o C``.

Weights that were trained on from the same ones lie in one valley of the loss, and their
mean often does better where neither was trained (Wortsman et al., "Model soups", ICML 2022).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from geovehicle.model.checkpoint import load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Average the weights and write them, with the provenance of each.

    What else there is to tell, such as settings and licence, is that of the first.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="shipped ones by name, or files")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    loaded = [load_checkpoint(one) for one in options.weights]
    (model, info), *others = loaded
    what = (info.config, info.classes, info.gsd)
    if any((other.config, other.classes, other.gsd) != what for _, other in others):
        sys.exit("the detectors differ in configuration, classes or ground sampling distance")
    states = [one.state_dict() for one, _ in loaded]
    mean = {name: _mean([state[name] for state in states]) for name in states[0]}
    model.load_state_dict(mean)
    told = [one.ranges for _, one in loaded]
    ranges = {name: max(one[name] for one in told) for name in told[0]} if all(told) else {}
    parts = {str(number): one.provenance for number, (_, one) in enumerate(loaded, start=1)}
    provenance = {**info.provenance, "mean_of": parts}
    save_checkpoint(options.output, model, replace(info, provenance=provenance, ranges=ranges))


def _mean(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean; the first of whole numbers, which only count batches."""
    first = tensors[0]
    if not first.is_floating_point():
        return first
    return torch.stack([one.float() for one in tensors]).mean(dim=0).to(first.dtype)


if __name__ == "__main__":
    main()
