"""``geovehicle map``: vehicles on their orthophoto as one file for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from geovehicle.settings import MapSettings

from .options import NAME, options_of
from .outputs import number_of, output_option, refuse_inputs, tell, telling_options

if TYPE_CHECKING:
    from pathlib import Path


@click.command("map")
@click.argument("cars", type=NAME)
@click.option(
    "--ortho",
    type=NAME,
    metavar="RASTER",
    help="The orthophoto below the vehicles.  [default: a plain ground]",
)
@output_option("The page, .html.")
@options_of(MapSettings)
@telling_options
def command(
    cars: str,
    ortho: str | None,
    output: Path,
    settings: MapSettings,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Show vehicles on their orthophoto in a page for any browser.

    CARS are vehicles.  The page holds the picture, the outlines and all that it needs: it
    opens without a network and without a GIS.
    """
    refuse_inputs([cars, ortho], output)

    from geovehicle.analysis.layers import read_vehicles
    from geovehicle.export.basemap import read_basemap
    from geovehicle.export.provenance import named
    from geovehicle.export.webmap import Caption, check_map, write_map

    check_map(output, overwrite)
    vehicles = read_vehicles(cars)
    basemap = read_basemap(ortho, settings.pixels, settings.gsd, settings.bands) if ortho else None
    names = tuple(named(one) for one in (cars, ortho) if one)
    title = settings.title or f"Vehicles in {names[-1]}"
    caption = Caption(title, names, settings.attribution or "")
    outside = write_map(output, vehicles, caption, basemap, overwrite)
    size = output.stat().st_size
    summary = {
        "vehicles": len(vehicles),
        "outside": outside,
        "pixels": list(basemap.image.size) if basemap else None,
        "bytes": size,
        "output": str(output),
    }
    some = f", {outside:,} of them outside of the orthophoto" if outside else ""
    line = f"{number_of(len(vehicles))}{some}, {size / 1e6:.1f} MB → {output.name}"
    tell(summary, line, as_json)
