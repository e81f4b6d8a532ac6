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
from geovehicle.settings import DetectSettings, EngineSettings

from .options import options_of, weights_option
from .progress import Pace, StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geovehicle.detection import Summary
    from geovehicle.detections import Detections
    from geovehicle.jobs import Chunk, Job

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
@click.option("--aoi", metavar="FILE", help="Look inside these polygons only.")
@click.option("--exclude", metavar="FILE", help="Polygons to leave out.")
@options_of(DetectSettings)
@options_of(EngineSettings, name="engine")
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where an interrupted run of the same job stopped.",
)
@click.option("--preview", type=click.Path(path_type=Path), metavar="PNG", help="Draw a picture.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--quiet", is_flag=True, help="Show neither progress nor summary.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    rasters: tuple[str, ...],
    output: Path,
    weights: str,
    aoi: str | None,
    exclude: str | None,
    settings: DetectSettings,
    engine: EngineSettings,
    resume: bool,
    preview: Path | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find the vehicles of rasters and write them as polygons.

    RASTER is a file, a folder, a pattern such as 'sheets/*.tif', a list of those as
    @list.txt, or anything else that GDAL opens, such as /vsicurl/https://...  The vehicles
    of all rasters become one layer in the first one's CRS, each vehicle once.
    """
    from geovehicle.raster.inputs import expand

    found = expand(rasters)
    _check(found, output, preview, overwrite)

    from geovehicle.detection import Target, detect_to
    from geovehicle.jobs import prepare
    from geovehicle.regions import read_whereabouts

    job = prepare(found, weights, settings, read_whereabouts(aoi, exclude))
    with StatusLine(shown=not (quiet or as_json)) as line:
        told = _Told(line, quiet or as_json, bool(preview))
        summary = detect_to(Target(output, overwrite, resume), job, engine, told)
    if preview:
        _draw(job, told, preview)
    if as_json:
        click.echo(json.dumps(_as_json(summary, output, weights), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_summary(summary, output))


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


class _Told:
    """What a job tells while it runs: progress, and the vehicles where a picture is drawn.

    A watcher, see :class:`geovehicle.detection.Watcher`, whose module is slow to import.
    """

    def __init__(self, line: StatusLine, quiet: bool, collect: bool) -> None:
        self._line, self._quiet, self._collect = line, quiet, collect
        self._pace = Pace()
        self.detections: list[Detections] = []

    def on_journal(self, state: str, blocks: int) -> None:
        """Say that an earlier run counts, or does not."""
        if self._quiet:
            return
        if state == "resumed":
            done = f"{blocks} block{'' if blocks == 1 else 's'}"
            click.echo(f"going on after {done} of an interrupted run", err=True)
        elif state == "other":
            click.echo("the interrupted run here was another job; starting afresh", err=True)

    def on_pixels(self, done: int, total: int) -> None:
        """Show how far it is."""
        rate, left = self._pace(done, total)
        share = done / max(total, 1)
        self._line.show(f"{share:4.0%}  {rate / 1e6:.3g} MPix/s  {clock(left)} left")

    def on_chunk(self, chunk: Chunk) -> None:
        """Keep what the picture shows."""
        if self._collect:
            self.detections.append(chunk.detections)


def _draw(job: Job, told: _Told, path: Path) -> None:
    """Open the raster as it was searched and draw the result on it."""
    from geovehicle.detections import Detections
    from geovehicle.export.preview import draw_preview

    with job.sheets[0].raster.open() as source:
        found = Detections.concatenate(told.detections)
        draw_preview(source, found, path, boxes=job.settings.boxes)


def _summary(found: Summary, output: Path) -> str:
    count, rasters = found.count, len(found.scenes)
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


def _megapixels_a_second(found: Summary) -> float:
    return found.pixels / 1e6 / max(found.seconds, 1e-9)


def _as_json(found: Summary, output: Path, weights: str) -> dict[str, Any]:
    return {
        "vehicles": found.count,
        "output": str(output),
        "rasters": [
            {
                "name": scene.name,
                "vehicles": scene.count,
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
