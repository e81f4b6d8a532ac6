"""``geovehicle count``: how many vehicles stand in each zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from geovehicle.cycles import making_geometries
from geovehicle.settings import CountSettings

from .events import json_option
from .options import NAME, options_of
from .outputs import destination_options, number_of, provenance, refuse_inputs, tell

if TYPE_CHECKING:
    from geovehicle.analysis.counting import Counted
    from geovehicle.export.destinations import Destination


@click.command("count")
@click.argument("cars", type=NAME)
@click.argument("zones", type=NAME)
@destination_options("The zones with their counts, as .csv without geometries")
@options_of(CountSettings)
@json_option()
@making_geometries()
def command(
    cars: str, zones: str, destination: Destination, settings: CountSettings, as_json: bool
) -> None:
    """Count the vehicles in each polygon of a layer.

    CARS are vehicles, ZONES polygons in any CRS: car parks, blocks, stretches of road.  A
    vehicle counts in the zone that holds its centre; on the border of two it counts in the
    first.
    """
    refuse_inputs([cars, zones], destination)

    from geovehicle.analysis.counting import count
    from geovehicle.analysis.layers import read_vehicles, read_zones
    from geovehicle.export.results import check_zones, write_zones

    check_zones(destination)
    fields = [*["score"] * (settings.score is not None), *["label"] * settings.by_label]
    own = read_zones(zones)
    counted = count(read_vehicles(cars, fields), own, settings)
    added = [name for name in counted.zones if name not in own]
    about = provenance("count", [cars, zones], settings)
    write_zones(counted.zones, destination, added, about=about)
    line = _line(counted, destination)
    tell(_summary(counted, destination), line, as_json, err=destination.is_stream)


def _line(counted: Counted, destination: Destination) -> str:
    several = f", {counted.several:,} in several" if counted.several else ""
    return (
        f"{counted.inside:,} of {number_of(counted.vehicles)} in"
        f" {number_of(len(counted.zones), 'zone')}{several}; {counted.outside:,} outside of all"
        f" → {destination.label}"
    )


def _summary(counted: Counted, destination: Destination) -> dict[str, object]:
    return {
        "vehicles": counted.vehicles,
        "inside": counted.inside,
        "outside": counted.outside,
        "in_several": counted.several,
        "zones": len(counted.zones),
        "total": int(counted.zones["vehicles"].sum()),
        "output": destination.shown,
    }
