"""``geovehicle density``: vehicles per hectare, as a raster or as hexagons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from geovehicle.cycles import making_geometries
from geovehicle.settings import DensitySettings

from .events import json_option
from .options import NAME, options_of
from .outputs import destination_options, number_of, provenance, refuse_inputs, tell

if TYPE_CHECKING:
    from pathlib import Path

    from geovehicle.export.destinations import Destination

DESCRIPTION = "vehicles per hectare"


@click.command("density")
@click.argument("cars", type=NAME)
@destination_options("A raster, .tif; or with --hex a layer")
@options_of(DensitySettings)
@json_option()
@making_geometries()
def command(cars: str, destination: Destination, settings: DensitySettings, as_json: bool) -> None:
    """Map how many vehicles there are per hectare.

    CARS are vehicles.  Cells lie in their CRS, or in the UTM zone of a layer in longitude
    and latitude; each counts with its own area on the ground.
    """
    refuse_inputs([cars], destination)

    from geovehicle.analysis.density import grid_density, hexagons
    from geovehicle.analysis.layers import read_vehicles
    from geovehicle.export.grids import check_grid, write_grid
    from geovehicle.export.results import write_layer
    from geovehicle.export.writers import check_target

    if settings.hex:
        check_target(destination, layer="density")
    else:
        check_grid(_raster(destination), destination.overwrites)
    vehicles = read_vehicles(cars, [] if settings.score is None else ["score"])
    if settings.hex:
        layer = hexagons(vehicles, settings)
        counts, crs, densest = layer["vehicles"], layer.crs, layer["per_ha"].max()
        about = provenance("density", [cars], settings)
        write_layer(layer, destination, "density", ["vehicles"], about=about)
    else:
        grid = grid_density(vehicles, settings)
        counts, crs, densest = grid.counts, grid.layout.crs, grid.per_ha.max()
        tiles = grid.tiles()
        write_grid(_raster(destination), grid.layout, tiles, DESCRIPTION, destination.overwrites)
    summary = {
        "vehicles": int(counts.sum()),
        "cells": len(counts),
        "most": int(counts.max()),
        "most_per_ha": float(densest),
        "crs": crs.name,
        "output": destination.shown,
    }
    line = (
        f"{number_of(int(counts.sum()))} in {number_of(len(counts), 'cell')}, at most"
        f" {densest:.1f} per hectare → {destination.label}"
    )
    tell(summary, line, as_json, err=destination.is_stream)


def _raster(destination: Destination) -> Path:
    """Return the file of a raster, which has neither layers nor rows."""
    if destination.path is None or destination.layer is not None or destination.appends:
        raise click.UsageError("a raster is a file of its own; add --hex for a layer or table")
    return destination.path
