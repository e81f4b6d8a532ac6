"""A trained network as a file for other runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from geovehicle.data.coco import read_coco
from geovehicle.data.sampling import BalancedSampler
from geovehicle.data.synthetic import render_scene
from geovehicle.errors import CheckpointError, DatasetError
from geovehicle.model.build import STRIDE
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.model.weights import DEFAULT
from geovehicle.runtimes import SUFFIX
from geovehicle.runtimes.graph import DetectorGraph
from geovehicle.runtimes.onnx_detector import padded
from geovehicle.runtimes.onnx_file import save_onnx, to_onnx
from geovehicle.runtimes.quantisation import quantised
from geovehicle.settings import CALIBRATION_SIDE, ExportSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage


def export(
    output: Path,
    weights: str | PathLike[str] = DEFAULT,
    settings: ExportSettings | None = None,
    calibration: Path | None = None,
) -> None:
    """Write a trained network as one file that needs no torch to run.

    Parameters
    ----------
    output : Path
        The file; an existing one is replaced.
    weights : str or path-like
        The name of shipped weights or a checkpoint.
    settings : ExportSettings, optional
        The format and its arithmetic; the defaults without it.
    calibration : Path, optional
        A data set in the COCO layout whose images tell the ranges of 8-bit values;
        rendered scenes without it.

    Raises
    ------
    CheckpointError
        If the weights cannot be used.
    DatasetError
        If the data set cannot be used.
    OutputError
        If the file cannot be written.
    GeoVehicleError
        If the extra is not installed.
    """
    settings = settings or ExportSettings()
    if str(weights).endswith(SUFFIX):
        raise CheckpointError(f"{weights} is an export already; give the checkpoint it is of")
    model, info = load_checkpoint(weights)
    images = read_coco(calibration, info.gsd) if calibration is not None else []
    if calibration is not None and not images:
        raise DatasetError(f"{calibration} has no images; name another or leave out --calibrate")
    info = replace(info, ranges={})  # they are of another int8 than the file's
    graph = to_onnx(DetectorGraph(model, info.config))
    if settings.quantize == "int8":
        source = "rendered scenes" if calibration is None else calibration.name
        patches = patches_of(images, info.gsd, settings)
        graph = quantised(graph, ({"image": one, "size": _size(one)} for one in patches))
        noted = {"quantized": "int8", "calibrated_on": source, **info.provenance}
        info = replace(info, provenance=noted)
    save_onnx(output, graph, info)


def patches_of(
    images: list[LabelledImage], gsd: float, settings: ExportSettings
) -> Iterator[NDArray[np.uint8]]:
    """Yield patches to measure ranges of values on, (3, S, S), at the network's scale.

    Parameters
    ----------
    images : list of LabelledImage
        Of which each source has its share; without any, scenes are rendered.
    gsd : float
        The network's ground sampling distance, metres.
    settings : ExportSettings
        Of which ``patches`` and ``seed`` count here.
    """
    rng = np.random.default_rng(settings.seed)
    sampler = BalancedSampler(images)
    for number in range(settings.patches):
        if images:
            yield _cut(_scaled(sampler.draw(rng), gsd), rng)
        else:
            side, seed = CALIBRATION_SIDE, settings.seed + number
            yield render_scene(seed, side, side, gsd).pixels


def _scaled(image: LabelledImage, gsd: float) -> NDArray[np.uint8]:
    size = [max(1, round(side * image.gsd / gsd)) for side in (image.width, image.height)]
    picture = Image.fromarray(image.read()).resize((size[0], size[1]), Image.Resampling.BICUBIC)
    return np.asarray(picture).transpose(2, 0, 1)


def _cut(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut a square anywhere, as large as fits and a multiple of the network's stride.

    Images that are too small for the network are padded.
    """
    pixels = padded(pixels) if min(pixels.shape[1:]) < 2 * STRIDE else pixels
    shape = [min(side, CALIBRATION_SIDE) // STRIDE * STRIDE for side in pixels.shape[1:]]
    top, left = (
        int(rng.integers(side - cut + 1)) for side, cut in zip(pixels.shape[1:], shape, strict=True)
    )
    return np.ascontiguousarray(pixels[:, top : top + shape[0], left : left + shape[1]])


def _size(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.array(image.shape[1:], np.int64)
