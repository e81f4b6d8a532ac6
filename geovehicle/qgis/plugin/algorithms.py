"""The algorithms of the toolbox.

Nothing here needs QGIS, so the tests of geovehicle compare it with the commands themselves.
"""

from __future__ import annotations

from .commands import Algorithm, Parameter

SHARE = (0.0, 1.0)
POSITIVE = (0.0, None)

CARS = Parameter("INPUT", "vehicles", "Vehicles", required=True)
SCORE = Parameter("SCORE", "number", "Lowest score (empty: all)", "--score", limits=SHARE)


def layer_output(label: str) -> Parameter:
    """Return the parameter of a layer that is written."""
    return Parameter("OUTPUT", "vector output", label, "--output", required=True)


DETECT = Algorithm(
    "detect",
    "Detect vehicles",
    "Finds the vehicles of orthophotos and writes them as polygons: one layer for all rasters, in"
    " the first one's CRS, each vehicle once.\n\n"
    "The orthophotos are files that GDAL reads, of about 10 cm per pixel. Empty fields leave the"
    " choice to the weights and to the raster. A run that was cancelled goes on where it was when"
    " the same is asked for again, with the same output.",
    ("detect",),
    (
        Parameter("INPUT", "rasters", "Orthophotos", required=True),
        Parameter("AOI", "polygons", "Look inside of these polygons only", "--aoi"),
        Parameter("EXCLUDE", "polygons", "Leave out these polygons", "--exclude"),
        Parameter(
            "SCORE", "number", "Lowest score (empty: the weights' own)", "--score", limits=SHARE
        ),
        Parameter("WEIGHTS", "file", "Weights (empty: the shipped ones)", "--weights"),
        layer_output("Detected vehicles"),
        Parameter(
            "GSD",
            "metres",
            "Ground size of a pixel, where the CRS is missing or wrong",
            "--gsd",
            limits=POSITIVE,
            advanced=True,
        ),
        Parameter(
            "BANDS",
            "text",
            "Red, green and blue band, such as 4,3,2 (empty: as the file says)",
            "--bands",
            advanced=True,
        ),
        Parameter(
            "NMS",
            "number",
            "Highest overlap (IoU) of two vehicles (empty: the weights' own)",
            "--nms",
            limits=SHARE,
            advanced=True,
        ),
        Parameter(
            "BOXES",
            "choice",
            "Polygons: as vehicles lie, or horizontal boxes",
            "--boxes",
            "oriented",
            choices=("oriented", "horizontal"),
            advanced=True,
        ),
        Parameter(
            "DEVICE",
            "choice",
            "Where the detector runs",
            "--device",
            "auto",
            choices=("auto", "cpu", "cuda", "mps"),
            advanced=True,
        ),
        Parameter(
            "PRECISION",
            "choice",
            "Arithmetic",
            "--precision",
            "auto",
            choices=("auto", "float32", "bfloat16", "int8"),
            advanced=True,
        ),
        Parameter(
            "PATCH",
            "integer",
            "Longest side of a patch, pixels; smaller ones need less memory",
            "--patch",
            2048,
            limits=(256, None),
            advanced=True,
        ),
        Parameter(
            "OVERLAP",
            "metres",
            "Overlap of patches: the longest vehicle",
            "--overlap",
            20.0,
            limits=POSITIVE,
            advanced=True,
        ),
    ),
    {"VEHICLES": "vehicles", "AREA_KM2": "area_km2"},
)

COUNT = Algorithm(
    "count",
    "Count vehicles in zones",
    "Counts the vehicles in each polygon of a layer: car parks, blocks, stretches of road. A"
    " vehicle counts in the zone that holds its centre.\n\n"
    "The zones keep their fields and get the number of vehicles, vehicles per hectare and, with a"
    " field that tells how many have room, the occupancy.",
    ("count",),
    (
        CARS,
        Parameter("ZONES", "polygons", "Zones", required=True),
        Parameter(
            "CAPACITY",
            "field",
            "Field with the vehicles that have room",
            "--capacity",
            parent="ZONES",
        ),
        SCORE,
        Parameter("BY_LABEL", "flag", "Count each label on its own as well", "--by-label", False),
        layer_output("Zones with counts"),
        Parameter(
            "OVERLAP",
            "choice",
            "Where zones overlap, count in each or in the first",
            "--overlap",
            "each",
            choices=("each", "first"),
            advanced=True,
        ),
    ),
    {"VEHICLES": "vehicles", "INSIDE": "inside", "OUTSIDE": "outside", "ZONE_COUNT": "zones"},
)

CELL = Parameter("CELL", "metres", "Width of a cell", "--cell", 50.0, limits=(1.0, None))

DENSITY_NUMBERS = {"VEHICLES": "vehicles", "MOST_PER_HA": "most_per_ha"}

DENSITY = Algorithm(
    "density",
    "Density of vehicles (raster)",
    "Maps how many vehicles there are per hectare, as a raster. Cells lie in the CRS of the"
    " vehicles, or in the UTM zone where that is longitude and latitude; each counts with its own"
    " area on the ground.",
    ("density",),
    (
        CARS,
        CELL,
        SCORE,
        Parameter("OUTPUT", "raster output", "Vehicles per hectare", "--output", required=True),
    ),
    DENSITY_NUMBERS,
)

HEXAGONS = Algorithm(
    "hexagons",
    "Density of vehicles (hexagons)",
    "Maps how many vehicles there are per hectare, as a layer of hexagons. They lie in the CRS of"
    " the vehicles, or in the UTM zone where that is longitude and latitude; each counts with its"
    " own area on the ground.",
    ("density", "--hex"),
    (CARS, CELL, SCORE, layer_output("Vehicles per hectare")),
    DENSITY_NUMBERS,
)

COMPARE = Algorithm(
    "compare",
    "Compare vehicles of two dates",
    "Tells which vehicles arrived, left or stayed between two layers of the same ground. Where"
    " outlines overlap, a vehicle stayed, or another has taken its place.\n\n"
    "With zones, a second layer has the numbers in each of them.",
    ("compare",),
    (
        Parameter("BEFORE", "vehicles", "Vehicles before", required=True),
        Parameter("AFTER", "vehicles", "Vehicles after", required=True),
        SCORE,
        layer_output("Changes"),
        Parameter("ZONES", "polygons", "Zones to count in", "--zones"),
        Parameter("ZONES_OUTPUT", "vector output", "Zones with changes", "--zones-output"),
        Parameter(
            "IOU",
            "number",
            "Lowest overlap (IoU) of a vehicle that stayed",
            "--iou",
            0.3,
            limits=SHARE,
            advanced=True,
        ),
    ),
    {
        "BEFORE_COUNT": "before",
        "AFTER_COUNT": "after",
        "ARRIVED": "arrived",
        "LEFT": "left",
        "STAYED": "stayed",
    },
    ("ZONES", "ZONES_OUTPUT"),
)

FILTER = Algorithm(
    "filter",
    "Filter vehicles",
    "Keeps the vehicles for which all conditions hold. A vehicle is where its centre is. One of"
    " unknown size stays only where no limit is set.",
    ("filter",),
    (
        CARS,
        SCORE,
        Parameter("MIN_LENGTH", "metres", "Shortest length", "--min-length", limits=POSITIVE),
        Parameter("MAX_LENGTH", "metres", "Longest length", "--max-length", limits=POSITIVE),
        Parameter("MIN_WIDTH", "metres", "Least width", "--min-width", limits=POSITIVE),
        Parameter("MAX_WIDTH", "metres", "Largest width", "--max-width", limits=POSITIVE),
        Parameter(
            "LABEL", "texts", "Labels that stay, with commas between (empty: all)", "--label"
        ),
        Parameter("INSIDE", "polygons", "Keep inside of these polygons only", "--inside"),
        Parameter("OUTSIDE", "polygons", "Leave out these polygons", "--outside"),
        layer_output("Vehicles that stay"),
    ),
    {"VEHICLES": "vehicles", "KEPT": "kept"},
)

ALGORITHMS = (DETECT, COUNT, DENSITY, HEXAGONS, COMPARE, FILTER)
"""All of the toolbox."""
