"""``geovehicle filter``: the vehicles of a layer for which conditions hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from geovehicle.settings import FilterSettings

from .options import options_of
from .outputs import number_of, output_option, refuse_inputs, tell, telling_options

if TYPE_CHECKING:
    from pathlib import Path


@click.command("filter")
@click.argument("cars")
@output_option("The vehicles that stay: .gpkg, .shp or .geojson.")
@options_of(FilterSettings)
@click.option("--inside", metavar="FILE", help="Vehicles stay inside of these polygons only.")
@click.option("--outside", metavar="FILE", help="Vehicles inside of these polygons go.")
@telling_options
def command(
    cars: str,
    output: Path,
    settings: FilterSettings,
    inside: str | None,
    outside: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Keep the vehicles of a score, size, label or place.

    CARS are vehicles; those for which all conditions hold are written with all of their
    fields.  A vehicle is where its centre is.  One of unknown size stays only where no
    limit is set.
    """
    refuse_inputs([cars, inside, outside], output)

    from geovehicle.analysis.filtering import select
    from geovehicle.analysis.layers import read_vehicles
    from geovehicle.export.results import write_layer
    from geovehicle.export.writers import check_target
    from geovehicle.regions import read_region

    check_target(output, overwrite)
    within, without = (None if one is None else read_region(one) for one in (inside, outside))
    vehicles = read_vehicles(cars)
    kept = select(vehicles, settings, within, without)
    write_layer(kept, output, "vehicles", ("id",), overwrite)
    summary = {"vehicles": len(vehicles), "kept": len(kept), "output": str(output)}
    tell(summary, f"{len(kept):,} of {number_of(len(vehicles))} → {output.name}", as_json)
