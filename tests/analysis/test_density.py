from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.analysis import density
from geovehicle.analysis.density import grid_density, hexagons
from geovehicle.areas import areas
from geovehicle.errors import GeoreferenceError, InputError, SettingsError
from geovehicle.export.grids import TILE
from geovehicle.settings import DensitySettings

EAST, NORTH = 500_000.0, 5_600_000.0
LAT_60 = 8_399_737.9

places = st.lists(
    st.tuples(st.integers(-300, 300), st.integers(-300, 300)), min_size=1, max_size=30
)


def dense(grid: density.Density) -> np.ndarray:
    """Return all cells of a grid, 0 where no tile is."""
    values = np.zeros((grid.layout.height, grid.layout.width))
    for column, row, tile in grid.tiles():
        values[row : row + tile.shape[0], column : column + tile.shape[1]] = tile
    return values


def cell_polygons(grid: density.Density) -> np.ndarray:
    a, _, left, _, e, top = grid.layout.transform[:6]
    rows, columns = np.indices((grid.layout.height, grid.layout.width))
    lefts, tops = left + a * columns.ravel(), top + e * rows.ravel()
    return shapely.box(lefts, tops + e, lefts + a, tops)


@given(places, st.sampled_from([16.0, 50.0]))
def test_a_grid_counts_as_brute_force_and_adds_up(cars, drawn, cell) -> None:
    points = np.add(drawn, (EAST + 0.25, NORTH + 0.25))  # on no border of a cell
    grid = grid_density(cars(points), DensitySettings(cell=cell))
    cells = cell_polygons(grid)
    inside = shapely.contains_xy(cells[:, None], points[None, :, 0], points[None, :, 1])
    hectares = areas(cars([]).crs, cells) / 1e4
    values = dense(grid)
    assert values.ravel() == pytest.approx(inside.sum(axis=1) / hectares, rel=1e-5)
    assert (values.ravel() * hectares).sum() == pytest.approx(len(points), rel=1e-5)
    assert values[[0, -1]].any(axis=1).all()
    assert values[:, [0, -1]].any(axis=0).all()


@given(places)
def test_hexagons_count_the_vehicles_that_they_hold(cars, drawn) -> None:
    points = np.add(drawn, (EAST + 0.31, NORTH + 0.17))
    layer = hexagons(cars(points), DensitySettings(cell=40.0))
    shapes = layer.geometry.to_numpy()
    inside = shapely.contains_xy(shapes[:, None], points[None, :, 0], points[None, :, 1])
    assert layer["vehicles"].tolist() == inside.sum(axis=1).tolist()
    assert layer["vehicles"].sum() == len(points)
    hectares = areas(layer.crs, shapes) / 1e4
    assert layer["per_ha"].to_numpy() == pytest.approx(layer["vehicles"] / hectares, abs=1e-3)


def test_hexagons_are_regular_and_share_their_corners(cars) -> None:
    points = [[EAST + x, NORTH + y] for x in range(0, 200, 10) for y in range(0, 200, 10)]
    shapes = hexagons(cars(points), DensitySettings(cell=40.0)).geometry.to_numpy()
    assert shapely.area(shapes) == pytest.approx(40**2 * np.sqrt(3) / 2)
    corners = shapely.get_coordinates(shapes)
    assert len(np.unique(corners, axis=0)) == len(np.unique(corners.round(3), axis=0))


def test_cells_of_mercator_at_60_degrees_are_a_quarter_of_a_hectare(cars) -> None:
    mercator = cars([[50, LAT_60 + 50]], crs="EPSG:3857")
    grid = grid_density(mercator, DensitySettings(cell=100.0))
    assert grid.per_ha == pytest.approx([1 / 0.2508], rel=2e-3)


def test_degrees_go_into_utm_and_feet_stay(cars) -> None:
    vehicles = cars([[EAST + 10, NORTH + 10]])
    assert grid_density(vehicles.to_crs(4326)).layout.crs.to_epsg() == 32632
    feet = grid_density(cars([[1e6, 2e5]], crs="EPSG:2263"))
    assert feet.layout.transform.a == pytest.approx(50 / 0.3048006096)
    assert feet.per_ha == pytest.approx([4.0], rel=1e-4)


def test_where_no_utm_zone_is_it_is_told(cars) -> None:
    with pytest.raises(GeoreferenceError, match="has no UTM zone there; project the vehicles"):
        grid_density(cars([[0, 1000]], crs="EPSG:4326"))


def test_cells_begin_at_multiples_of_their_size(cars) -> None:
    one = grid_density(cars([[EAST + 60, NORTH + 60]])).layout
    other = grid_density(cars([[EAST + 60, NORTH + 60], [EAST - 60, NORTH + 130]])).layout
    assert (one.transform.c, one.transform.f) == (EAST + 50, NORTH + 100)
    assert (other.transform.c, other.transform.f) == (EAST - 100, NORTH + 150)
    assert (other.width, other.height) == (4, 2)


def test_a_grid_of_several_tiles_yields_those_with_vehicles(cars) -> None:
    step = 50.0 * TILE
    far = cars([[EAST + 10, NORTH + 10], [EAST + 2 * step + 10, NORTH + 2 * step + 10]])
    grid = grid_density(far)
    assert grid.layout.width == 2 * TILE + 1
    tiles = list(grid.tiles())
    assert [(column, row) for column, row, _ in tiles] == [(2 * TILE, 0), (0, 2 * TILE)]
    assert [tile.shape for *_, tile in tiles] == [(TILE, 1), (1, TILE)]
    assert np.count_nonzero(dense(grid)) == 2


def test_low_scores_do_not_count(cars) -> None:
    vehicles = cars([[EAST + 10, NORTH + 10]] * 3, score=[0.2, 0.6, 0.9])
    assert grid_density(vehicles, DensitySettings(score=0.5)).counts.tolist() == [2]
    with pytest.raises(InputError, match="no vehicles to draw a density of"):
        hexagons(vehicles, DensitySettings(score=1.0))


def test_what_cannot_be_drawn_is_told(cars, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GeoreferenceError, match="no CRS; assign it one"):
        grid_density(cars([[0, 0]], crs=None))
    disc = cars([[6.5e6, 0]], crs="+proj=ortho +lat_0=52 +lon_0=10 +type=crs")
    for draw in (grid_density, hexagons):
        with pytest.raises(GeoreferenceError, match=r"not all in .*; project them in your GIS"):
            draw(disc, DensitySettings(cell=10_000.0))
    with pytest.raises(InputError, match="no field score"):
        grid_density(cars([[0, 0]]), DensitySettings(score=0.5))
    monkeypatch.setattr(density, "DENSITY_CELLS", 3)
    with pytest.raises(SettingsError, match="2 x 2 cells of 50 m; give a larger --cell"):
        grid_density(cars([[EAST, NORTH], [EAST + 50, NORTH + 50]]))
