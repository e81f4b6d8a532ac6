"""``geovehicle count``: how many vehicles stand in each zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from geovehicle.settings import CountSettings

from .options import options_of
from .outputs import number_of, output_option, refuse_inputs, tell, telling_options

if TYPE_CHECKING:
    from pathlib import Path

    from geovehicle.analysis.counting import Counted


@click.command("count")
@click.argument("cars")
@click.argument("zones")
@output_option("The zones with their counts: .gpkg, .shp, .geojson, or .csv as a table.")
@options_of(CountSettings)
@telling_options
def command(
    cars: str, zones: str, output: Path, settings: CountSettings, overwrite: bool, as_json: bool
) -> None:
    """Count the vehicles in each polygon of a layer.

    CARS are vehicles, ZONES polygons in any CRS: car parks, blocks, stretches of road.  A
    vehicle counts in the zone that holds its centre; on the border of two it counts in the
    first.
    """
    refuse_inputs([cars, zones], output)

    from geovehicle.analysis.counting import count
    from geovehicle.analysis.layers import read_vehicles, read_zones
    from geovehicle.export.results import check_zones, write_zones

    check_zones(output, overwrite)
    fields = [*["score"] * (settings.score is not None), *["label"] * settings.by_label]
    own = read_zones(zones)
    counted = count(read_vehicles(cars, fields), own, settings)
    added = [name for name in counted.zones if name not in own]
    write_zones(counted.zones, output, added, overwrite)
    tell(_summary(counted, output), _line(counted, output), as_json)


def _line(counted: Counted, output: Path) -> str:
    several = f", {counted.several:,} in several" if counted.several else ""
    return (
        f"{counted.inside:,} of {number_of(counted.vehicles)} in"
        f" {number_of(len(counted.zones), 'zone')}{several}; {counted.outside:,} outside of all"
        f" → {output.name}"
    )


def _summary(counted: Counted, output: Path) -> dict[str, object]:
    return {
        "vehicles": counted.vehicles,
        "inside": counted.inside,
        "outside": counted.outside,
        "in_several": counted.several,
        "zones": len(counted.zones),
        "total": int(counted.zones["vehicles"].sum()),
        "output": str(output),
    }
