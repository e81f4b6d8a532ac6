"""Synthetic orthophotos with their truth: vehicles where real ones would stand.

:func:`render_scene` makes training crops, :func:`write_example` the built-in
demonstration: a georeferenced raster and the outlines of its vehicles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyogrio.errors
import pyogrio.raw
import rasterio
import shapely
from affine import Affine
from rasterio.errors import RasterioError

from geovehicle.data.scenery.canvas import Canvas, Frame, Light
from geovehicle.data.scenery.chance import weighted
from geovehicle.data.scenery.fleet import draw_vehicle
from geovehicle.data.scenery.lot import Lot
from geovehicle.data.scenery.lots import BLOCKS
from geovehicle.data.scenery.photo import Optics, lit, textured
from geovehicle.data.scenery.site import Site, random_palette
from geovehicle.data.scenery.skyline import overshadow
from geovehicle.data.scenery.streets import (
    StreetPlan,
    furnish_street,
    lay_street,
    open_crossing,
    street_plan,
)
from geovehicle.errors import OutputError, SettingsError
from geovehicle.export.formats import FORMATS, GEOPACKAGE
from geovehicle.files import check_writable, replacing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CRS = "EPSG:25832"
ORIGIN = (691_600.0, 5_334_800.0)
"""Upper left corner of the example in :data:`CRS`: in Munich."""

EXAMPLE_GSD = 0.10
TOWERS = 0.4
"""Share of the scenes with the shadows of towers out of view."""

LAYER = "vehicles"


@dataclass(frozen=True)
class Scene:
    """A synthetic photo and its vehicles.

    Attributes
    ----------
    pixels
        RGB, uint8 (3, H, W).
    gsd
        Metres per pixel.
    footprints
        Corners (N, 4, 2) in scene pixels, x, y; (0, 0) is the outer corner of the
        first pixel.  Order: front-left, front-right, rear-right, rear-left.  The
        middle of each footprint is inside the picture, a corner may be outside.
    types
        ``"car"``, ``"van"``, ``"bus"`` or ``"truck"`` for each vehicle.
    """

    pixels: NDArray[np.uint8]
    gsd: float
    footprints: NDArray[np.float64]
    types: tuple[str, ...]

    @property
    def boxes(self) -> NDArray[np.float64]:
        """Boxes (N, 4), x1, y1, x2, y2 in scene pixels, cut at the picture's edge."""
        size = (self.pixels.shape[2], self.pixels.shape[1])
        corners = np.clip(self.footprints, 0.0, size)
        return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)


def render_scene(
    seed: int, width: int, height: int, gsd: float = EXAMPLE_GSD, *, vehicles: bool = True
) -> Scene:
    """Render a random scene; the same arguments give the same pixels.

    Parameters
    ----------
    seed
        Seed of everything random, not negative.
    width, height
        Size in pixels.
    gsd
        Metres per pixel.
    vehicles
        False leaves all vehicles out, and everything else as it is.

    Raises
    ------
    SettingsError
        If the seed is negative or the size or the GSD is not positive.
    """
    if seed < 0 or min(width, height) < 1 or not 0 < gsd < math.inf:
        raise SettingsError(
            f"a scene of {width} x {height} pixels at {gsd} m with seed {seed} is not possible; "
            "size and GSD must be positive, the seed not negative"
        )
    rng = np.random.default_rng(seed)
    light, optics = _random_light(rng), _random_optics(rng, gsd)
    site = Site(Canvas(width, height, gsd, light), rng, random_palette(rng), rng.uniform(0.3, 0.95))
    _lay_out(site)
    seen = [vehicle for vehicle in site.vehicles if vehicles and site.visible(vehicle) >= 0.5]
    for vehicle in seen:
        draw_vehicle(site.canvas, vehicle)
    # fresh draws, so that vehicles do not change texture and noise
    rng = np.random.default_rng((seed, 1))
    picture = textured(rng, site.canvas.colours(site.palette.grass), gsd)
    pixels = optics.expose(rng, lit(picture, site.canvas.shadows(), light, gsd))
    inside = [vehicle for vehicle in seen if site.canvas.sees(vehicle.frame, 0.0)]
    footprints = np.array([vehicle.corners() for vehicle in inside]).reshape(-1, 4, 2) / gsd
    return Scene(pixels, gsd, footprints, tuple(vehicle.kind for vehicle in inside))


def _random_light(rng: np.random.Generator) -> Light:
    azimuth, elevation = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(24, 65))
    reach = 1 / math.tan(elevation)
    tilt, lean = rng.uniform(0, 2 * math.pi), min(0.12, abs(rng.normal(0, 0.05)))
    dull = rng.random() < 0.2
    depth = rng.uniform(0.75, 0.9) if dull else rng.uniform(0.25, 0.5)
    blue = 1.12 if dull else rng.uniform(1.08, 1.35)
    return Light(
        sun=(reach * math.cos(azimuth), reach * math.sin(azimuth)),
        lean=(lean * math.cos(tilt), lean * math.sin(tilt)),
        shade=(depth, depth * 1.06, min(1.0, depth * blue)),
        penumbra=rng.uniform(0.4, 0.7) if dull else rng.uniform(0.05, 0.12),
    )


def _random_optics(rng: np.random.Generator, gsd: float) -> Optics:
    warm, haze = rng.normal(0, 0.035), rng.uniform(0, 22)
    gain = rng.uniform(0.82, 1.06) * (1 - haze / 300)
    return Optics(
        blur=rng.uniform(0.35, 0.8) * min(2.0, max(0.6, EXAMPLE_GSD / gsd)),
        sharpening=int(rng.uniform(40, 130)) if rng.random() < 0.5 else 0,
        gain=(gain * (1 + warm), gain, gain * (1 - warm)),
        offset=(haze, haze, haze * 1.12),
        gamma=rng.uniform(0.85, 1.2),
        noise=rng.uniform(0.8, 4.0),
    )


Street = tuple[float, StreetPlan]
"""Where the axis of a street is, and its cross section."""


def _lay_out(site: Site) -> None:
    """Fill the view with a turned grid of streets, and the blocks between them."""
    rng, canvas = site.rng, site.canvas
    width, height = canvas.width * canvas.gsd, canvas.height * canvas.gsd
    reach = math.hypot(width, height) / 2
    root = Frame(width / 2, height / 2, rng.uniform(0, 2 * math.pi))
    columns, rows = _parallel_streets(rng, reach), _parallel_streets(rng, reach)
    start, length = -reach - 40, 2 * reach + 80
    for x, plan in columns:
        lay_street(site, root.at(x, start, math.pi / 2), length, plan)
    for y, plan in rows:
        lay_street(site, root.at(start, y), length, plan)
    for x, column in columns:
        for y, row in rows:
            open_crossing(site, root.at(x, y), (column, row))
    for _ in range(int(rng.integers(1, 4)) if site.chance(TOWERS) else 0):
        overshadow(site, root.angle)
    builders = weighted(rng, BLOCKS)
    for above, below in pairwise(rows):
        for left, right in pairwise(columns):
            lot = _between(site, root, (left, right), (above, below))
            middle = lot.frame.at(lot.width / 2, lot.depth / 2)
            if canvas.sees(middle, math.hypot(lot.width, lot.depth) / 2 + 15):
                table = builders if site.chance(0.7) else weighted(rng, BLOCKS)
                weighted(rng, table)(site, lot)


def _parallel_streets(rng: np.random.Generator, reach: float) -> list[Street]:
    """Return streets from out of view to out of view, with room for blocks between."""
    streets = [(-reach - rng.uniform(22, 80), street_plan(rng))]
    while streets[-1][0] < reach + 22:
        place, last = streets[-1]
        plan = street_plan(rng)
        streets.append((place + last.edge + plan.edge + rng.uniform(28, 85), plan))
    return streets


def _between(
    site: Site, root: Frame, columns: tuple[Street, Street], rows: tuple[Street, Street]
) -> Lot:
    """Furnish the streets to the left of and above a block, and return the block."""
    (x1, left), (x2, right) = columns
    (y1, above), (y2, below) = rows
    stretch = x2 - right.edge - x1 - left.edge
    furnish_street(site, root.at(x1 + left.edge, y1), stretch, above)
    stretch = y2 - below.edge - y1 - above.edge
    furnish_street(site, root.at(x1, y1 + above.edge, math.pi / 2), stretch, left)
    return Lot(
        frame=root.at(x1 + left.edge, y1 + above.edge),
        width=x2 - right.edge - x1 - left.edge,
        depth=y2 - below.edge - y1 - above.edge,
        approach=above.edge - above.kerb,
    )


def write_example(raster: Path, truth: Path, seed: int, size: int) -> None:
    """Write a georeferenced scene and the outlines of its vehicles.

    Parameters
    ----------
    raster
        Tiled GeoTIFF with overviews to write, EPSG:25832, 0.10 m.  An existing
        file survives every failure, as does that of the outlines.
    truth
        GeoPackage to write: a polygon and a ``type`` for each vehicle.
    seed
        As for :func:`render_scene`.
    size
        Side of the scene in pixels.

    Raises
    ------
    SettingsError
        If the scene is not possible.
    OutputError
        If a file cannot be written.
    """
    for path in (raster, truth):
        check_writable(path, overwrite=True)
    scene = render_scene(seed, size, size)
    with replacing(truth) as outlines, replacing(raster) as photo:
        try:
            _write_raster(photo, scene)
            _write_truth(outlines, scene)
        except (RasterioError, pyogrio.errors.DataSourceError) as error:
            raise OutputError(
                f"cannot write {raster} and {truth}: {error}; check folder, rights and free space"
            ) from error


def _write_raster(path: Path, scene: Scene) -> None:
    _, height, width = scene.pixels.shape
    profile = {
        "driver": "COG",
        "count": 3,
        "dtype": "uint8",
        "width": width,
        "height": height,
        "crs": CRS,
        "transform": Affine(scene.gsd, 0, ORIGIN[0], 0, -scene.gsd, ORIGIN[1]),
        "compress": "deflate",
        "predictor": "yes",
        "overview_resampling": "average",
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(scene.pixels)


def _write_truth(path: Path, scene: Scene) -> None:
    # rows grow downwards, so the footprints' order reversed is counter-clockwise on the map
    corners = np.array(ORIGIN) + scene.footprints[:, ::-1] * (scene.gsd, -scene.gsd)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapely.polygons(corners)),
        field_data=[np.array(scene.types, dtype=object)],
        fields=["type"],
        layer=LAYER,
        driver=GEOPACKAGE,
        geometry_type="Polygon",
        crs=CRS,
        **FORMATS[".gpkg"].options,
    )
