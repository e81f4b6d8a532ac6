"""``geovehicle filter``: the vehicles of a layer for which conditions hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from geovehicle.cycles import making_geometries
from geovehicle.settings import FilterSettings

from .events import json_option
from .options import NAME, options_of
from .outputs import destination_options, number_of, provenance, refuse_inputs, tell

if TYPE_CHECKING:
    from geovehicle.export.destinations import Destination


@click.command("filter")
@click.argument("cars", type=NAME)
@destination_options("The vehicles that stay")
@options_of(FilterSettings)
@click.option(
    "--inside", type=NAME, metavar="FILE", help="Vehicles stay inside of these polygons only."
)
@click.option("--outside", type=NAME, metavar="FILE", help="Vehicles inside of these polygons go.")
@json_option()
@making_geometries()
def command(
    cars: str,
    destination: Destination,
    settings: FilterSettings,
    inside: str | None,
    outside: str | None,
    as_json: bool,
) -> None:
    """Keep the vehicles of a score, size, label or place.

    CARS are vehicles; those for which all conditions hold are written with all of their
    fields.  A vehicle is where its centre is.  One of unknown size stays only where no
    limit is set.
    """
    refuse_inputs([cars, inside, outside], destination)

    from geovehicle.analysis.filtering import select
    from geovehicle.analysis.layers import read_vehicles
    from geovehicle.export.results import write_layer
    from geovehicle.export.writers import check_target
    from geovehicle.regions import read_region

    check_target(destination)
    within, without = (None if one is None else read_region(one) for one in (inside, outside))
    vehicles = read_vehicles(cars)
    kept = select(vehicles, settings, within, without)
    about = provenance("filter", [cars], settings, inside=inside, outside=outside)
    write_layer(kept, destination, "vehicles", ("id",), about=about)
    summary = {"vehicles": len(vehicles), "kept": len(kept), "output": destination.shown}
    line = f"{len(kept):,} of {number_of(len(vehicles))} → {destination.label}"
    tell(summary, line, as_json, err=destination.is_stream)
