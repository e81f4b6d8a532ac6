"""Measures what int8 needs to know of shipped weights: ``python supply/ranges.py train.json``.

Shows the images of a data set in the COCO layout, a share of each of its sources, to the
network and writes the largest value that each convolution sees into the file beside them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from geovehicle.data.coco import read_coco
from geovehicle.exporting import patches_of
from geovehicle.files import replacing
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.model.int8 import ranges_of
from geovehicle.model.weights import BESIDE, DEFAULT, shipped_path
from geovehicle.settings import ExportSettings

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the ranges and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, help="data set in the COCO layout")
    parser.add_argument("--patches", type=int, default=64)
    options = parser.parse_args(arguments)
    model, info = load_checkpoint(DEFAULT)
    patches = patches_of(
        read_coco(options.images, info.gsd), info.gsd, ExportSettings(patches=options.patches)
    )
    ranges = ranges_of(model, ([torch.from_numpy(one).float() / 255] for one in patches))
    rounded = {name: float(f"{largest:.4g}") for name, largest in ranges.items()}
    beside = shipped_path(DEFAULT).with_suffix(BESIDE)
    found = json.loads(beside.read_text(encoding="utf-8")) | {"ranges": rounded}
    with replacing(beside) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
