"""Tell what changed between two orthophotos of the same ground, by size of vehicle.

Run it as ``python examples/compare_flights.py may.tif june.tif``.
"""

from __future__ import annotations

import argparse

import pandas as pd

import geovehicle
from geovehicle.analysis.comparison import compare
from geovehicle.settings import CompareSettings

LENGTHS = [0.0, 3.5, 6.0, 9.0, float("inf")]
CLASSES = ["below 3.5 m", "3.5 to 6 m", "6 to 9 m", "from 9 m"]


def main() -> None:
    """Detect in both, compare, then print a table."""
    parser = argparse.ArgumentParser(description="Compare the vehicles of two orthophotos.")
    parser.add_argument("before", help="anything that GDAL opens")
    parser.add_argument("after", help="the same ground, later")
    parser.add_argument("--weights", default="vehicles-10cm", help="weights by name or file")
    parser.add_argument("--score", type=float, help="lowest score of a vehicle that counts")
    parser.add_argument("--iou", type=float, default=CompareSettings.iou, help="of one that stayed")
    options = parser.parse_args()

    search = geovehicle.DetectSettings(score=options.score)
    before, after = (
        geovehicle.detect(raster, options.weights, search)
        for raster in (options.before, options.after)
    )
    changes = compare(before, after, CompareSettings(iou=options.iou))

    length = pd.cut(changes.vehicles["length_m"], LENGTHS, right=False, labels=CLASSES)
    table = pd.crosstab(length, changes.vehicles["change"], dropna=False)
    print(table.reindex(columns=["arrived", "left", "stayed"], fill_value=0))
    print(f"{changes.before} vehicles before, {changes.after} after")


if __name__ == "__main__":
    main()
