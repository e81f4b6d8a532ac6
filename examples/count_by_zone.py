"""Count the vehicles of an orthophoto in the polygons of a layer, the fullest first.

Run it as ``python examples/count_by_zone.py ortho.tif parks.gpkg --capacity places``.
"""

from __future__ import annotations

import argparse

import geovehicle
from geovehicle.analysis.counting import count
from geovehicle.analysis.layers import read_zones
from geovehicle.settings import CountSettings


def main() -> None:
    """Detect, count, then print a line for each zone."""
    parser = argparse.ArgumentParser(description="Count the vehicles of an orthophoto in zones.")
    parser.add_argument("raster", help="anything that GDAL opens")
    parser.add_argument("zones", help="a vector file of polygons, in any CRS")
    parser.add_argument("--capacity", help="field with the vehicles that have room")
    parser.add_argument("--weights", default="vehicles-10cm", help="weights by name or file")
    parser.add_argument("--score", type=float, help="lowest score of a counted vehicle")
    options = parser.parse_args()

    search = geovehicle.DetectSettings(score=options.score)
    cars = geovehicle.detect(options.raster, options.weights, search)
    counted = count(cars, read_zones(options.zones), CountSettings(capacity=options.capacity))

    order = "occupancy" if options.capacity else "per_ha"
    table = counted.zones.drop(columns=counted.zones.geometry.name)
    print(table.sort_values(order, ascending=False).to_string(index=False))
    print(f"{counted.outside} outside of all zones")


if __name__ == "__main__":
    main()
