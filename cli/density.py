"""``geovehicle density``: vehicles per hectare, as a raster or as hexagons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from geovehicle.settings import DensitySettings

from .options import options_of
from .outputs import number_of, output_option, refuse_inputs, tell, telling_options

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION = "vehicles per hectare"


@click.command("density")
@click.argument("cars")
@output_option("A raster, .tif; with --hex a layer: .gpkg, .shp or .geojson.")
@options_of(DensitySettings)
@telling_options
def command(
    cars: str, output: Path, settings: DensitySettings, overwrite: bool, as_json: bool
) -> None:
    """Map how many vehicles there are per hectare.

    CARS are vehicles.  Cells lie in their CRS, or in the UTM zone of a layer in longitude
    and latitude; each counts with its own area on the ground.
    """
    refuse_inputs([cars], output)

    from geovehicle.analysis.density import grid_density, hexagons
    from geovehicle.analysis.layers import read_vehicles
    from geovehicle.export.grids import check_grid, write_grid
    from geovehicle.export.results import write_layer
    from geovehicle.export.writers import check_target

    (check_target if settings.hex else check_grid)(output, overwrite)
    vehicles = read_vehicles(cars, [] if settings.score is None else ["score"])
    if settings.hex:
        layer = hexagons(vehicles, settings)
        counts, crs, densest = layer["vehicles"], layer.crs, layer["per_ha"].max()
        write_layer(layer, output, "density", ["vehicles"], overwrite)
    else:
        grid = grid_density(vehicles, settings)
        counts, crs, densest = grid.counts, grid.layout.crs, grid.per_ha.max()
        write_grid(output, grid.layout, grid.tiles(), DESCRIPTION, overwrite)
    summary = {
        "vehicles": int(counts.sum()),
        "cells": len(counts),
        "most": int(counts.max()),
        "most_per_ha": float(densest),
        "crs": crs.name,
        "output": str(output),
    }
    line = (
        f"{number_of(int(counts.sum()))} in {number_of(len(counts), 'cell')}, at most"
        f" {densest:.1f} per hectare → {output.name}"
    )
    tell(summary, line, as_json)
