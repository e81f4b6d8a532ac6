from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from geovehicle.cli.main import geovehicle

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Return a function that runs a command line; a bug is raised as in the library."""

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(
            geovehicle, [str(argument) for argument in arguments], prog_name="geovehicle"
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two images of two sources with a vehicle each; the second does not tell its gsd."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), np.uint8)
    for name, pixels in zip(("a.png", "b.png"), noise, strict=True):
        Image.fromarray(pixels).save(tmp_path / name)
    size = {"width": 96, "height": 96}
    content = {
        "images": [
            {"id": 1, "file_name": "a.png", "gsd": 0.1, "source": "north", **size},
            {"id": 2, "file_name": "b.png", "source": "south", **size},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 20]},
            {"id": 2, "image_id": 2, "category_id": 1, "bbox": [30, 30, 20, 40]},
        ],
        "categories": [{"id": 1, "name": "vehicle"}],
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    return path
