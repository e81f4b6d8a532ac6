"""``geovehicle example``: something to try the other commands on."""

from __future__ import annotations

from pathlib import Path

import click

from geovehicle.errors import OutputError
from geovehicle.files import check_writable


@click.command("example")
@click.argument("raster", type=click.Path(path_type=Path), metavar="OUT.tif")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    metavar="OUT.gpkg",
    help="Outlines of the vehicles.  [default: beside OUT.tif]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=7,
    show_default=True,
    help="Which scene; the same seed gives the same pixels.",
)
@click.option(
    "--size",
    type=click.IntRange(min=64, max=20_000),
    default=1024,
    show_default=True,
    help="Side in pixels of 10 cm.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def command(raster: Path, truth: Path | None, seed: int, size: int, overwrite: bool) -> None:
    """Write a synthetic orthophoto and the outlines of its vehicles."""
    truth = truth or raster.with_suffix(".gpkg")
    for path, suffix in ((raster, ".tif"), (truth, ".gpkg")):
        if path.suffix.lower() != suffix:
            raise OutputError(f"{path} has another suffix than {suffix}; let it end in that")
        check_writable(path, overwrite)

    from geovehicle.data.synthetic import write_example

    write_example(raster, truth, seed, size)
    click.echo(f"{size} x {size} pixels → {raster}, the outlines of the vehicles → {truth}")
