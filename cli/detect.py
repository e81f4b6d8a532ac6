"""``geovehicle detect``: rasters in, a layer of vehicles out."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geovehicle.errors import OutputError
from geovehicle.files import check_writable
from geovehicle.settings import DetectSettings, EngineSettings

from .ending import ends_in_time
from .events import Events, json_option
from .options import NAME, options_of, weights_option
from .outputs import destination_options, tell
from .progress import Pace, StatusLine, clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geovehicle.detection import Summary
    from geovehicle.detections import Detections
    from geovehicle.errors import InterruptionError
    from geovehicle.export.destinations import Destination
    from geovehicle.jobs import Chunk, Job

GO_ON = {
    True: "what is done is kept, and the same command goes on from there",
    False: "what is done is kept, and the same command without --no-resume goes on from there",
}
"""What to do after an interruption, with --resume and without."""

SMALL = 10_000.0
"""Areas below it are told in square metres."""


@click.command("detect")
@click.argument("rasters", type=NAME, nargs=-1, required=True, metavar="RASTER...")
@destination_options("The vehicles")
@weights_option
@click.option(
    "--aoi", type=NAME, metavar="FILE", help="Vector file: look inside of its polygons only."
)
@click.option(
    "--exclude",
    type=NAME,
    metavar="FILE",
    help="Vector file: leave out what is inside of its polygons.",
)
@options_of(DetectSettings)
@options_of(EngineSettings, name="engine")
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where an interrupted run of the same job stopped.",
)
@click.option(
    "--preview",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Draw a picture of the raster with its vehicles outlined and a scale bar; of one raster.",
)
@click.option("--quiet", is_flag=True, help="Show neither progress nor summary.")
@json_option("Print the summary as one line of JSON, and on stderr how far it is.")
def command(
    rasters: tuple[str, ...],
    destination: Destination,
    weights: str,
    aoi: str | None,
    exclude: str | None,
    settings: DetectSettings,
    engine: EngineSettings,
    resume: bool,
    preview: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find the vehicles of rasters and write them as polygons.

    RASTER is a file, a folder, a pattern such as 'sheets/*.tif', a list of those as
    @list.txt, or anything else that GDAL opens, such as /vsicurl/https://...  The vehicles
    of all rasters become one layer in the first one's CRS, each vehicle once.
    """
    with ends_in_time(partial(_show, as_json)) as ending:
        from geovehicle.raster.inputs import expand

        found = expand(rasters)
        _check(found, destination, preview)

        from geovehicle.detection import Target, detect_to
        from geovehicle.jobs import prepare
        from geovehicle.regions import read_whereabouts

        job = prepare(found, weights, settings, read_whereabouts(aoi, exclude))
        with StatusLine(shown=not (quiet or as_json)) as line:
            events = Events(as_json and not quiet)
            told = _Told(line, events, quiet or as_json, bool(preview))
            ending.advice = "" if destination.is_stream else GO_ON[resume]
            summary = detect_to(Target(destination, resume), job, engine, told)
            ending.advice = ""
        if preview:
            _draw(job, told, preview)
        if as_json or not quiet:
            told_as = _as_json(summary, destination, weights)
            tell(told_as, _summary(summary, destination), as_json, err=destination.is_stream)


def _show(as_json: bool, error: InterruptionError) -> None:
    """Tell an error where the main thread does not come to it."""
    from .main import Failure

    StatusLine(shown=not as_json).clear()
    Failure(str(error), error.exit_code, as_json).show()


def _check(rasters: Sequence[str], destination: Destination, preview: Path | None) -> None:
    """Find out what would hinder the writing, before the long work."""
    from geovehicle.export.writers import check_target

    if preview and len(rasters) > 1:
        raise click.UsageError("--preview draws one raster; give one, or leave it out")
    if preview and preview.suffix.lower() != ".png":
        raise click.UsageError(f"--preview {preview} is drawn as PNG; let it end in .png")
    inputs = {os.path.realpath(raster) for raster in rasters}
    for target in filter(None, (destination.path, preview)):
        if os.path.realpath(target) in inputs:
            raise OutputError(f"{target} is one of the rasters; write elsewhere")
    check_target(destination)
    if preview:
        check_writable(preview, destination.overwrites)


class _Told:
    """What a job tells while it runs: progress, and the vehicles where a picture is drawn.

    A watcher, see :class:`geovehicle.detection.Watcher`, whose module is slow to import.
    """

    def __init__(self, line: StatusLine, events: Events, quiet: bool, collect: bool) -> None:
        self._line, self._events, self._quiet, self._collect = line, events, quiet, collect
        self._pace = Pace()
        self.detections: list[Detections] = []

    def on_journal(self, state: str, blocks: int) -> None:
        """Say that an earlier run counts, or does not."""
        self._events.tell("journal", state=state, blocks=blocks)
        if self._quiet:
            return
        if state == "resumed":
            done = f"{blocks} block{'' if blocks == 1 else 's'}"
            click.echo(f"going on after {done} of an interrupted run", err=True)
        elif state == "other":
            click.echo("the interrupted run here was another job; starting afresh", err=True)

    def on_pixels(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._events.progress(done, total)
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


def _summary(found: Summary, destination: Destination) -> str:
    count, rasters = found.count, len(found.scenes)
    source = found.scenes[0].name if rasters == 1 else f"{rasters} rasters"
    return (
        f"{count} vehicle{'' if count == 1 else 's'} in {_area(found.area)}"
        f" ({source} → {destination.label}),"
        f" {found.seconds:.1f} s, {_megapixels_a_second(found):.3g} MPix/s"
    )


def _area(square_metres: float) -> str:
    if square_metres < SMALL:
        return f"{square_metres:.0f} m²"
    return f"{square_metres / 1e6:.2f} km²"


def _megapixels_a_second(found: Summary) -> float:
    return found.pixels / 1e6 / max(found.seconds, 1e-9)


def _as_json(found: Summary, destination: Destination, weights: str) -> dict[str, Any]:
    return {
        "vehicles": found.count,
        "output": destination.shown,
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
    }
