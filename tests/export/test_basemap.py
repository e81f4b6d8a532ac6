from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from geovehicle.errors import GeoreferenceError, RasterError
from geovehicle.export.basemap import GROUND, is_north_up, north_up, read_basemap
from geovehicle.georeference import GeoGrid

if TYPE_CHECKING:
    from PIL import Image

RED = (220, 30, 30)


def colours(image: Image.Image) -> np.ndarray:
    return np.asarray(image)


def spot(width: int, height: int, column: int, row: int) -> np.ndarray:
    """Return a grey scene with a red square of 10 pixels around a pixel corner."""
    pixels = np.full((3, height, width), 120, np.uint8)
    pixels[:, row - 5 : row + 5, column - 5 : column + 5] = np.reshape(RED, (3, 1, 1))
    return pixels


def place_of_red(image: Image.Image, transform: Affine) -> tuple[float, float]:
    """Return where on the ground the middle of what is red lies."""
    red = np.argwhere(colours(image)[..., 0].astype(int) - colours(image)[..., 1] > 100)
    row, column = red.mean(axis=0) + 0.5
    return transform @ (column, row)


def test_a_small_orthophoto_is_shown_pixel_by_pixel(make_raster):
    pixels = np.random.default_rng(0).integers(20, 236, (3, 40, 60), np.uint8)
    basemap = read_basemap(make_raster(pixels=pixels), 4096)
    assert basemap.name == "scene.tif"
    assert (colours(basemap.image) == pixels.transpose(1, 2, 0)).all()
    assert basemap.grid.transform == Affine(0.1, 0, 130_000, 0, -0.1, 455_000)
    assert basemap.grid.crs == CRS.from_epsg(28992)


def test_a_large_one_is_reduced_over_the_same_ground(make_raster):
    path = make_raster(pixels=spot(600, 300, 150, 100), overviews=(2, 4))
    basemap = read_basemap(path, 300)
    assert basemap.image.size == (300, 150)
    grid = basemap.grid
    assert (grid.width * grid.transform.a, grid.height * grid.transform.e) == (60, -30)
    assert place_of_red(basemap.image, grid.transform) == pytest.approx(
        (130_015, 454_990), abs=0.02
    )


@pytest.mark.parametrize("gsd", [0.03, 0.5])
def test_pixels_are_the_rasters_own_whatever_their_size(make_raster, gsd):
    assert read_basemap(make_raster(gsd=(gsd, gsd)), 4096).image.size == (96, 64)


def test_where_there_is_no_imagery_the_ground_is_plain(make_raster):
    mask = np.ones((64, 96), bool)
    mask[:, :40] = False
    shown = colours(read_basemap(make_raster(mask=mask), 4096).image)
    assert (shown[:, :40] == GROUND).all()
    assert not (shown[:, 40:] == GROUND).all(axis=-1).any()


def test_sixteen_bits_are_stretched_to_eight(make_raster):
    values = np.linspace(200, 1800, 64 * 96).reshape(1, 64, 96).repeat(3, axis=0)
    shown = colours(read_basemap(make_raster(pixels=values.astype(np.uint16)), 4096).image)
    assert shown.min() < 5
    assert shown.max() > 250


def test_bands_are_those_that_are_asked_for(make_raster):
    pixels = np.stack([np.full((20, 20), level, np.uint8) for level in (50, 100, 150, 200)])
    shown = colours(read_basemap(make_raster(pixels=pixels), 4096, bands=(4, 3, 2)).image)
    assert shown[10, 10].tolist() == [200, 150, 100]
    with pytest.raises(RasterError, match="4 band"):
        read_basemap(make_raster(pixels=pixels), 4096, bands=(5, 3, 2))


@pytest.mark.parametrize(
    "recipe",
    [
        {"angle": 30.0},
        {"angle": -120.0, "shear": 10.0},
        {"gsd": (0.1, -0.1)},
        {"gsd": (-0.1, 0.1)},
        {"angle": 90.0, "gsd": (0.1, 0.2)},
    ],
    ids=["rotated", "sheared", "south up", "mirrored", "on its side"],
)
def test_any_orthophoto_is_shown_north_up_and_in_its_place(make_raster, recipe):
    path = make_raster(pixels=spot(200, 120, 150, 40), **recipe)
    basemap = read_basemap(path, 4096)
    native = _transform_of(path)
    assert is_north_up(basemap.grid.transform)
    assert place_of_red(basemap.image, basemap.grid.transform) == pytest.approx(
        native @ (150, 40), abs=0.06
    )


def _transform_of(path) -> Affine:
    import rasterio

    with rasterio.open(path) as raster:
        return raster.transform


def test_a_mirrored_picture_has_the_very_pixels(make_raster):
    pixels = np.random.default_rng(0).integers(20, 236, (3, 40, 60), np.uint8)
    shown = colours(read_basemap(make_raster(pixels=pixels, gsd=(0.1, -0.1)), 4096).image)
    assert (shown == pixels.transpose(1, 2, 0)[::-1]).all()


def test_a_turned_picture_is_not_larger_than_asked_for(make_raster):
    basemap = read_basemap(make_raster(pixels=spot(400, 400, 150, 100), angle=45.0), 300)
    assert basemap.image.size == (300, 300)
    assert (colours(basemap.image)[0, 0] == GROUND).all()


def test_without_a_crs_the_size_of_a_pixel_has_to_be_said(make_raster):
    path = make_raster(crs=None)
    with pytest.raises(GeoreferenceError, match="--gsd"):
        read_basemap(path, 4096)
    assert read_basemap(path, 4096, gsd=0.1).grid.ground_sampling_distance() == (0.1, 0.1)


def test_a_size_that_is_given_goes_along_when_the_picture_is_turned(make_raster):
    path = make_raster(pixels=spot(100, 100, 50, 50), angle=45.0, crs=None)
    grid = read_basemap(path, 4096, gsd=0.4).grid
    assert grid.ground_sampling_distance() == pytest.approx((0.4, 0.4), rel=0.01)


def test_the_upright_grid_holds_the_other_one():
    turned = GeoGrid(100, 50, Affine.rotation(30) @ Affine.scale(2, -2), None)
    upright = north_up(turned, 1000)
    corners = [turned.transform @ corner for corner in ((0, 0), (100, 0), (0, 50), (100, 50))]
    x, y = np.array(corners).T
    assert upright.transform @ (0, 0) == pytest.approx((x.min(), y.max()))
    assert upright.transform @ (upright.width, upright.height) == pytest.approx((x.max(), y.min()))
    assert upright.transform.a == pytest.approx(2, rel=0.01)
