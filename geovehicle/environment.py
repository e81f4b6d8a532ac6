"""What geovehicle runs on, and the weights that it has."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyogrio
import pyproj
import rasterio
import torch
import torchvision

from geovehicle import __version__
from geovehicle.engines.detectors import describe
from geovehicle.errors import CheckpointError
from geovehicle.model.checkpoint import locate
from geovehicle.model.device import choose_precision
from geovehicle.model.int8 import is_fast
from geovehicle.model.weights import SHIPPED

if TYPE_CHECKING:
    from pathlib import Path


def versions() -> dict[str, str]:
    """Return the version of everything that a result may depend on.

    Wheels of rasterio and of pyogrio each bring a GDAL of their own: one reads
    the rasters, the other writes the layers.
    """
    return {
        "geovehicle": __version__,
        "Python": platform.python_version(),
        "rasterio": rasterio.__version__,
        "GDAL of rasterio": rasterio.__gdal_version__,
        "pyogrio": pyogrio.__version__,
        "GDAL of pyogrio": pyogrio.__gdal_version_string__,
        "PROJ": pyproj.proj_version_str,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def devices() -> list[dict[str, str]]:
    """Return the devices that a detector can run on: kind, name and precisions that are fast."""
    found = [("cpu", f"{platform.machine()}, {torch.get_num_threads()} threads")]
    found += [
        (f"cuda:{index}", torch.cuda.get_device_name(index))
        for index in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU"))
    return [{"device": kind, "name": name, "precision": _precision(kind)} for kind, name in found]


def shipped_weights() -> list[dict[str, Any]]:
    """Return what the shipped weights say about themselves; ``error`` where they cannot."""
    found = []
    for name in SHIPPED:
        try:
            found.append(describe_weights(name))
        except CheckpointError as error:
            found.append({"name": name, "error": str(error)})
    return found


def describe_weights(weights: str | Path) -> dict[str, Any]:
    """Return what a checkpoint says about itself, with its name and size in bytes.

    ``finest_gsd`` is that of its searches, metres, ``int8`` tells whether it is prepared for that.

    Raises
    ------
    CheckpointError
        If the weights cannot be used.
    """
    size = locate(weights).stat().st_size
    info = describe(weights)
    facts = asdict(info) | {"finest_gsd": info.finest_gsd}
    facts["int8"] = bool(facts.pop("ranges"))
    return {"name": str(weights), "bytes": size, **facts}


def _precision(device: str) -> str:
    name = str(choose_precision("auto", torch.device(device))).removeprefix("torch.")
    return f"int8, {name}" if device == "cpu" and is_fast() else name
