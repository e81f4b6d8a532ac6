"""``geovehicle compare``: which vehicles arrived, left or stayed."""

from __future__ import annotations

from pathlib import Path

import click

from geovehicle.settings import CompareSettings

from .options import options_of
from .outputs import number_of, output_option, refuse_inputs, tell, telling_options

COUNTED = ("before", "after", "arrived", "left", "stayed")


@click.command("compare")
@click.argument("before")
@click.argument("after")
@output_option("All vehicles with what became of them: .gpkg, .shp or .geojson.")
@options_of(CompareSettings)
@click.option("--zones", metavar="FILE", help="Polygons in which changes are counted.")
@click.option(
    "--zones-output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="These polygons with their counts: .gpkg, .shp, .geojson, or .csv as a table.",
)
@telling_options
def command(
    before: str,
    after: str,
    output: Path,
    settings: CompareSettings,
    zones: str | None,
    zones_output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Tell which vehicles arrived, left or stayed between two layers.

    BEFORE and AFTER are vehicles of the same ground.  Where their outlines overlap, a
    vehicle stayed, or another has taken its place.
    """
    if (zones is None) != (zones_output is None):
        raise click.UsageError("--zones and --zones-output belong together; give both or none")
    refuse_inputs([before, after, zones], output, zones_output)

    from geovehicle.analysis.comparison import ADDED, compare
    from geovehicle.analysis.layers import read_vehicles, read_zones
    from geovehicle.export.results import check_zones, write_layer, write_zones
    from geovehicle.export.writers import check_target

    check_target(output, overwrite)
    if zones_output is not None:
        check_zones(zones_output, overwrite)
    own = None if zones is None else read_zones(zones)
    changes = compare(read_vehicles(before), read_vehicles(after), settings)
    counted = None if own is None else changes.by_zone(own)
    write_layer(changes.vehicles, output, "changes", ("id", *ADDED), overwrite)
    if counted is not None and zones_output is not None:
        write_zones(counted, zones_output, COUNTED, overwrite)
    numbers = {name: changes.number(name) for name in COUNTED[2:]}
    summary = {"before": changes.before, "after": changes.after, **numbers, "output": str(output)}
    told = ", ".join(f"{count:,} {name}" for name, count in numbers.items())
    tell(
        summary,
        f"{number_of(changes.before)}, then {changes.after:,}: {told} → {output.name}",
        as_json,
    )
