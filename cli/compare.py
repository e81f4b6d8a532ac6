"""``geovehicle compare``: which vehicles arrived, left or stayed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geovehicle.cycles import making_geometries
from geovehicle.settings import CompareSettings

from .events import json_option
from .options import NAME, options_of
from .outputs import destination_options, number_of, provenance, refuse_inputs, tell

if TYPE_CHECKING:
    from geovehicle.export.destinations import Destination

COUNTED = ("before", "after", "arrived", "left", "stayed")


@click.command("compare")
@click.argument("before", type=NAME)
@click.argument("after", type=NAME)
@destination_options("All vehicles with what became of them")
@options_of(CompareSettings)
@click.option("--zones", type=NAME, metavar="FILE", help="Polygons in which changes are counted.")
@click.option(
    "--zones-output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="These polygons with their counts: .gpkg, .shp, .geojson, or .csv as a table.",
)
@json_option()
@making_geometries()
def command(
    before: str,
    after: str,
    destination: Destination,
    settings: CompareSettings,
    zones: str | None,
    zones_output: Path | None,
    as_json: bool,
) -> None:
    """Tell which vehicles arrived, left or stayed between two layers.

    BEFORE and AFTER are vehicles of the same ground.  Where their outlines overlap, a
    vehicle stayed, or another has taken its place.
    """
    if (zones is None) != (zones_output is None):
        raise click.UsageError("--zones and --zones-output belong together; give both or none")
    refuse_inputs([before, after, zones], destination, zones_output)

    from geovehicle.analysis.comparison import ADDED, compare
    from geovehicle.analysis.layers import read_vehicles, read_zones
    from geovehicle.export.results import check_zones, kind_of, write_zones
    from geovehicle.export.writers import LayerWriter, check_target

    check_target(destination, layer="changes")
    if zones_output is not None:
        check_zones(zones_output, destination.overwrites)
    own = None if zones is None else read_zones(zones)
    changes = compare(read_vehicles(before), read_vehicles(after), settings)
    about = provenance("compare", [before, after], settings, zones=zones)
    kind = kind_of(changes.vehicles, "changes", ("id", *ADDED))
    with ThreadPoolExecutor(1) as beside, LayerWriter(destination, kind, about) as writer:
        counting = beside.submit(lambda: None if own is None else changes.by_zone(own))
        if destination.is_stream:  # which takes nothing back, should the zones not do
            counting.result()
        writer.add(changes.vehicles)
        counted = counting.result()  # before a file takes its place, for the same reason
    if counted is not None and zones_output is not None:
        write_zones(counted, zones_output, COUNTED, destination.overwrites, about)
    numbers = {name: changes.number(name) for name in COUNTED[2:]}
    summary = {
        "before": changes.before,
        "after": changes.after,
        **numbers,
        "output": destination.shown,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in numbers.items())
    tell(
        summary,
        f"{number_of(changes.before)}, then {changes.after:,}: {told} → {destination.label}",
        as_json,
        err=destination.is_stream,
    )
