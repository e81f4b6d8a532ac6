"""How dense vehicles are: per hectare of the ground, in squares or hexagons.

Cells are regular in the plane of a CRS and begin at multiples of their size, so that those of
two layers in one CRS coincide.  Where the CRS stretches the ground, their areas differ, and
each is divided by its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine

from geovehicle.analysis.counting import per_hectare
from geovehicle.analysis.layers import reaching
from geovehicle.analysis.places import centres
from geovehicle.areas import HECTARE, scale
from geovehicle.errors import GeoreferenceError, InputError, SettingsError
from geovehicle.export.grids import TILE, Layout
from geovehicle.georeference import unit_of
from geovehicle.settings import DENSITY_CELLS, DensitySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyproj
    from numpy.typing import NDArray

CORNERS = np.array([[0, 2], [-1, 1], [-1, -1], [0, -2], [1, -1], [1, 1]])
"""Corners of a hexagon from its centre, in halves of its width and of its side."""


@dataclass(frozen=True, eq=False)
class Density:
    """A grid of vehicles per hectare; most of its cells may be empty.

    Attributes
    ----------
    layout : Layout
        Its size and place.
    cells : ndarray
        Shape (K, 2), column and row of the cells that hold vehicles.
    counts : ndarray
        Shape (K,), their vehicles.
    per_ha : ndarray
        Shape (K,), float32, vehicles per hectare on the ground.
    """

    layout: Layout
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]
    per_ha: NDArray[np.float32]

    def tiles(self) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        """Yield the tiles that hold vehicles: first column, first row and values."""
        columns = -(-self.layout.width // TILE)
        number = self.cells[:, 1] // TILE * columns + self.cells[:, 0] // TILE
        order = np.argsort(number, kind="stable")
        tiles, first = np.unique(number[order], return_index=True)
        for tile, members in zip(tiles.tolist(), np.split(order, first[1:]), strict=True):
            left, top = tile % columns * TILE, tile // columns * TILE
            size = min(TILE, self.layout.height - top), min(TILE, self.layout.width - left)
            values = np.zeros(size, np.float32)
            column, row = (self.cells[members] - (left, top)).T
            values[row, column] = self.per_ha[members]
            yield left, top, values


def grid_density(
    vehicles: gpd.GeoDataFrame,
    settings: DensitySettings = DensitySettings(),  # noqa: B008 - it is frozen
) -> Density:
    """Count vehicles in square cells.

    Parameters
    ----------
    vehicles : geopandas.GeoDataFrame
        Polygons or points, see :func:`~geovehicle.analysis.layers.read_vehicles`.
    settings : DensitySettings
        The size of the cells, and which vehicles count.

    Returns
    -------
    Density
        In the CRS of the layer, or in the UTM zone of one in longitude and latitude.

    Raises
    ------
    InputError
        If there is no vehicle.
    GeoreferenceError
        If it is not known where they are.
    SettingsError
        If there would be more than ``DENSITY_CELLS`` cells.
    """
    crs, points, side = _laid_out(vehicles, settings)
    cells, counts = _occupied(np.floor(points / side).astype(np.int64))
    left, top = cells[:, 0].min(), cells[:, 1].max()
    places = np.column_stack([cells[:, 0] - left, top - cells[:, 1]])
    width, height = (places.max(axis=0) + 1).tolist()
    if width * height > DENSITY_CELLS:
        raise SettingsError(
            f"there would be {width} x {height} cells of {settings.cell:g} m; give a larger --cell"
        )
    transform = Affine(side, 0.0, float(left * side), 0.0, -side, float((top + 1) * side))
    middles = (cells.astype(np.float64) + 0.5) * side
    hectares = side**2 * _scale(crs, middles) / HECTARE
    per_ha = (counts / hectares).astype(np.float32)
    return Density(Layout(width, height, transform, crs), places, counts, per_ha)


def hexagons(
    vehicles: gpd.GeoDataFrame,
    settings: DensitySettings = DensitySettings(),  # noqa: B008 - it is frozen
) -> gpd.GeoDataFrame:
    """Count vehicles in hexagons, which have no direction that the eye follows.

    Parameters, CRS and errors are those of :func:`grid_density`.

    Returns
    -------
    geopandas.GeoDataFrame
        The hexagons that hold vehicles, from south to north, with ``vehicles`` and
        ``per_ha``, vehicles per hectare on the ground.
    """
    crs, points, width = _laid_out(vehicles, settings)
    cells, counts = _occupied(_hexagon_of(points / width))
    middles = np.column_stack([2 * cells[:, 0] + cells[:, 1], 3 * cells[:, 1]])
    step = np.array([width / 2, width / np.sqrt(12)])
    # by whole numbers of steps: neighbours have the very same corners
    rings = (middles[:, None] + CORNERS) * step
    ground = np.sqrt(3) / 2 * width**2 * _scale(crs, middles * step)
    columns = {"vehicles": counts, "per_ha": per_hectare(counts, ground)}
    return gpd.GeoDataFrame(columns, geometry=shapely.polygons(rings), crs=crs)


def _laid_out(
    vehicles: gpd.GeoDataFrame, settings: DensitySettings
) -> tuple[pyproj.CRS, NDArray[np.float64], float]:
    """Return the CRS of the cells, the vehicles' centres in it, and the size of a cell."""
    vehicles = reaching(vehicles, settings.score)
    if not len(vehicles):
        raise InputError("there are no vehicles to draw a density of; see --score and the layer")
    crs = vehicles.crs
    if crs is None:
        raise GeoreferenceError("the vehicles have no CRS; assign it one in your GIS")
    if crs.is_geographic:
        try:
            crs = vehicles.estimate_utm_crs()
        except (RuntimeError, ValueError) as error:
            raise GeoreferenceError(
                f"{crs.name} has no UTM zone there; project the vehicles in your GIS"
            ) from error
    return crs, centres(vehicles, crs), settings.cell / unit_of(crs)


def _scale(crs: pyproj.CRS, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much ground there is to the plane at points, (N,), known everywhere."""
    found = scale(crs, points)
    if not np.isfinite(found).all():
        raise GeoreferenceError(
            f"the ground around the vehicles is not all in {crs.name}; project them in your GIS"
        )
    return found


def _occupied(cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different ones of cells, (N, 2), and how often each occurs."""
    low = cells.min(axis=0)
    columns = int(np.ptp(cells[:, 0])) + 1
    numbers = (cells[:, 1] - low[1]) * columns + cells[:, 0] - low[0]
    numbers, counts = np.unique(numbers, return_counts=True)
    return np.column_stack([numbers % columns, numbers // columns]) + low, counts


def _hexagon_of(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the nearest hexagon of each point, (N, 2), in widths.

    Hexagons stand on a corner.  They are counted along a row and along the axis that rises at
    60 degrees; a third axis makes the sum zero.  Of the three, rounded, that which was moved
    most follows from the others.
    """
    row = points[:, 1] * 2 / np.sqrt(3)
    column = points[:, 0] - row / 2
    exact = np.column_stack([column, row, -column - row])
    whole = np.rint(exact)
    moved = np.abs(whole - exact).argmax(axis=1)
    line = np.arange(len(whole))
    whole[line, moved] -= whole.sum(axis=1)
    return np.asarray(whole[:, :2], np.int64)
