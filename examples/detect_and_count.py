"""Count the vehicles of orthophotos, in all and per hectare.

Run it as ``python examples/detect_and_count.py ortho.tif``.
"""

from __future__ import annotations

import argparse

import geovehicle

SQUARE_METRES_PER_HECTARE = 10_000


def main() -> None:
    """Detect, then print a line for each raster."""
    parser = argparse.ArgumentParser(description="Count the vehicles of orthophotos.")
    parser.add_argument("rasters", nargs="+", metavar="RASTER", help="anything that GDAL opens")
    parser.add_argument("--weights", default="vehicles-10cm", help="weights by name or file")
    parser.add_argument("--score", type=float, help="lowest score of a counted vehicle")
    options = parser.parse_args()

    settings = geovehicle.DetectSettings(score=options.score)
    found = geovehicle.find(options.rasters, options.weights, settings)

    for scene in found.summary.scenes:
        hectares = scene.area / SQUARE_METRES_PER_HECTARE
        density = f"{scene.count / hectares:.1f} per hectare" if hectares else "nothing to search"
        print(f"{scene.name}: {scene.count} vehicles, {density}")
    print(f"in all: {len(found.vehicles)} vehicles")


if __name__ == "__main__":
    main()
