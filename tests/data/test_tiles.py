from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.data import tiles
from geovehicle.data.records import Problem
from geovehicle.data.tiles import (
    Orthophotos,
    Tile,
    block_names,
    crs_of,
    tiles_of,
    to_map,
    to_pixels,
)
from geovehicle.errors import GeoreferenceError
from geovehicle.georeference import GeoGrid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIDE = 32


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", SIDE)


def cut(path: Path, area: shapely.Geometry | None = None) -> list[Tile | Problem]:
    return list(tiles_of(Orthophotos(0.1), path, area))


def test_tiles_cover_the_orthophoto_once(make_raster: Callable[..., Path]) -> None:
    pixels = np.random.default_rng(1).integers(20, 236, (3, 64, 96)).astype(np.uint8)
    found = cut(make_raster(pixels=pixels))
    assert len(found) == 6
    whole = np.zeros((64, 96, 3), np.uint8)
    for window, read, _ in found:
        rows = slice(window.row, window.row + window.height)
        assert not whole[rows, window.col : window.col + window.width].any()
        whole[rows, window.col : window.col + window.width] = read()
    assert (whole == pixels.transpose(1, 2, 0)).all()


def test_places_are_longitude_and_latitude(make_raster: Callable[..., Path]) -> None:
    # the church of Amersfoort, the origin of the Dutch grid
    (tile,) = cut(make_raster(width=30, height=30, origin=(155_000, 463_000)))
    assert tile.place == pytest.approx((5.38721, 52.15517), abs=2e-4)


def test_empty_tiles_are_left_out(make_raster: Callable[..., Path]) -> None:
    mask = np.zeros((64, 96), bool)
    mask[:, :40] = True
    found = cut(make_raster(mask=mask))
    assert {(one.window.col, one.window.row) for one in found} == {
        (0, 0),
        (32, 0),
        (0, 32),
        (32, 32),
    }


def test_ground_that_is_not_labelled_is_black(make_raster: Callable[..., Path]) -> None:
    hole = shapely.box(5, 5, 15, 15).difference(shapely.box(8, 8, 10, 10))
    (tile,) = cut(make_raster(), hole)
    seen = tile.read().any(axis=2)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[5:15, 5:15] = True
    expected[8:10, 8:10] = False
    assert (seen == expected).all()


@pytest.mark.parametrize("area", [shapely.box(500, 500, 600, 600), shapely.GeometryCollection()])
def test_no_tile_is_left_without_labelled_ground(
    make_raster: Callable[..., Path], area: shapely.Geometry
) -> None:
    assert cut(make_raster(), area) == []


def test_a_damaged_tile_is_told_of_and_the_others_stay(make_raster: Callable[..., Path]) -> None:
    path = make_raster(creation={"tiled": True, "blockxsize": 32, "blockysize": 32})
    path.write_bytes(path.read_bytes()[:-500])
    found = cut(path)
    problems = [one for one in found if isinstance(one, Problem)]
    assert f"{path}, tile at 64,32" in {one.where for one in problems}
    assert {one.window.col for one in found if isinstance(one, Tile)} == {0}
    assert len(found) == 6


@given(
    longitude=st.floats(-179, 179),
    latitude=st.floats(-80, 80),
    offset=st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
)
def test_tiles_of_one_block_are_near_each_other(
    longitude: float, latitude: float, offset: tuple[float, float]
) -> None:
    metres = 111_320 * math.cos(math.radians(latitude)), 111_320
    other = longitude + offset[0] / metres[0], latitude + offset[1] / metres[1]
    same, *names = block_names([(longitude, latitude)] * 5 + [other], 1.0)[4:]
    if same == names[0]:
        assert max(map(abs, offset)) <= SIDE * 1.3
    if max(map(abs, offset)) > SIDE * 1.3:
        assert same != names[0]


def test_many_tiles_make_larger_blocks() -> None:
    side = SIDE / 111_320
    for count, most in ((9, 1), (16 * 10, 4), (400 * 10, 4)):
        row = [(0.0, side * (index + 0.5)) for index in range(count)]
        names = block_names(row, 1.0)
        assert max(names.count(name) for name in names) == most


def test_a_grid_without_crs_is_refused() -> None:
    with pytest.raises(GeoreferenceError, match="has no CRS"):
        crs_of(GeoGrid(2, 2, Affine.scale(2), None))


def test_pixels_and_map_are_inverse() -> None:
    grid = GeoGrid(9, 9, Affine(0.2, 0.1, 500, 0.05, -0.3, 800), None)
    points = np.array([[[3.0, 4.0], [0.5, 8.0]]])
    assert to_map(grid, points)[0, 0].tolist() == pytest.approx([501, 798.95])
    assert to_pixels(grid, to_map(grid, points)) == pytest.approx(points)
