"""``geovehicle detect``: rasters in, a layer of vehicles out."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geovehicle import __version__
from geovehicle.errors import OutputError
from geovehicle.files import check_writable
from geovehicle.settings import DetectSettings

from .options import options_of, weights_option
from .progress import Pace, StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from geovehicle.detection import Detected

SMALL = 10_000.0
"""Areas below it are told in square metres."""


@click.command("detect")
@click.argument("rasters", nargs=-1, required=True, metavar="RASTER...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="OUT",
    help="The layer; its suffix says the format: .gpkg, .shp or .geojson.",
)
@weights_option
@options_of(DetectSettings)
@click.option("--preview", type=click.Path(path_type=Path), metavar="PNG", help="Draw a picture.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--quiet", is_flag=True, help="Show neither progress nor summary.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    rasters: tuple[str, ...],
    output: Path,
    weights: str,
    settings: DetectSettings,
    preview: Path | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find the vehicles of rasters and write them as polygons.

    RASTER is a file or anything else that GDAL opens, such as /vsicurl/https://...
    The vehicles of several rasters become one layer in the first one's CRS.
    """
    _check(rasters, output, preview, overwrite)

    from geovehicle.detection import detect
    from geovehicle.export.writers import check_layer, write

    with StatusLine(shown=not (quiet or as_json)) as line:
        found = detect(
            rasters, weights, settings, _reporter(line), lambda layer: check_layer(layer, output)
        )
    write(found.vehicles, output, overwrite)
    if preview:
        _draw(rasters[0], found, settings, preview)
    if as_json:
        click.echo(json.dumps(_as_json(found, output, weights), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_summary(found, output))


def _check(rasters: Sequence[str], output: Path, preview: Path | None, overwrite: bool) -> None:
    """Find out what would hinder the writing, before the long work."""
    from geovehicle.export.writers import check_target

    if preview and len(rasters) > 1:
        raise click.UsageError("--preview draws one raster; give one, or leave it out")
    if preview and preview.suffix.lower() != ".png":
        raise click.UsageError(f"--preview {preview} is drawn as PNG; let it end in .png")
    inputs = {os.path.realpath(raster) for raster in rasters}
    for target in filter(None, (output, preview)):
        if os.path.realpath(target) in inputs:
            raise OutputError(f"{target} is one of the rasters; write elsewhere")
    check_target(output, overwrite)
    if preview:
        check_writable(preview, overwrite)


def _reporter(line: StatusLine) -> Callable[[int, int], None]:
    pace = Pace()

    def report(done: int, total: int) -> None:
        rate, left = pace(done, total)
        line.show(f"{done / total:4.0%}  {rate / 1e6:.3g} MPix/s  {clock(left)} left")

    return report


def _draw(raster: str, found: Detected, settings: DetectSettings, path: Path) -> None:
    """Open the raster as it was searched and draw the result on it."""
    from geovehicle.export.preview import draw_preview
    from geovehicle.raster.rasterio_source import open_raster

    with open_raster(raster, found.gsd, source_gsd=settings.gsd, bands=settings.bands) as source:
        draw_preview(source, found.scenes[0].detections, path, boxes=settings.boxes)


def _summary(found: Detected, output: Path) -> str:
    count, rasters = len(found.vehicles), len(found.scenes)
    source = found.scenes[0].name if rasters == 1 else f"{rasters} rasters"
    return (
        f"{count} vehicle{'' if count == 1 else 's'} in {_area(found.area)}"
        f" ({source} → {output.name}),"
        f" {found.seconds:.1f} s, {_megapixels_a_second(found):.3g} MPix/s"
    )


def _area(square_metres: float) -> str:
    if square_metres < SMALL:
        return f"{square_metres:.0f} m²"
    return f"{square_metres / 1e6:.2f} km²"


def _megapixels_a_second(found: Detected) -> float:
    return found.pixels / 1e6 / max(found.seconds, 1e-9)


def _as_json(found: Detected, output: Path, weights: str) -> dict[str, Any]:
    return {
        "vehicles": len(found.vehicles),
        "output": str(output),
        "rasters": [
            {
                "name": scene.name,
                "vehicles": len(scene.detections),
                "area_km2": scene.area / 1e6,
                "stretch": asdict(scene.stretch) if scene.stretch else None,
            }
            for scene in found.scenes
        ],
        "area_km2": found.area / 1e6,
        "seconds": found.seconds,
        "mpix_per_s": _megapixels_a_second(found),
        "score": found.score,
        "nms": found.nms,
        "weights": weights,
        "version": __version__,
    }
