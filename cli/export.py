"""``geovehicle export``: a network as a file for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from geovehicle.errors import OutputError
from geovehicle.files import check_writable
from geovehicle.runtimes import SUFFIX
from geovehicle.settings import ExportSettings

from .events import json_option
from .options import options_of, weights_option
from .outputs import tell


@click.command("export")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="MODEL.onnx",
    help="The file to write.",
)
@weights_option
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path),
    metavar="DATASET.json",
    help="Labelled images, in the COCO layout, that int8's ranges are measured on."
    "  [default: rendered scenes]",
)
@options_of(ExportSettings)
@json_option()
def command(
    output: Path, weights: str, calibrate: Path | None, settings: ExportSettings, as_json: bool
) -> None:
    """Write a network for ONNX Runtime or OpenVINO, in float32 or int8.

    The file holds its own description, so that --weights MODEL.onnx is enough for
    detect, evaluate and info.
    """
    if calibrate is not None and settings.quantize != "int8":
        raise click.UsageError("--calibrate has a meaning with --quantize int8 only")
    usual = ExportSettings()
    calibrated = (settings.patches, settings.seed) != (usual.patches, usual.seed)
    if calibrated and settings.quantize != "int8":
        raise click.UsageError("--patches and --seed have a meaning with --quantize int8 only")
    if output.suffix != SUFFIX:
        raise OutputError(f"{output} has another suffix than {SUFFIX}; let it end in that")
    check_writable(output, settings.overwrite)

    from geovehicle.exporting import export

    export(output, weights, settings, calibrate)
    size = output.stat().st_size
    summary = {"output": str(output), "bytes": size, "weights": weights}
    tell(summary, f"{size / 1e6:.1f} MB → {output}", as_json)
