from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.crs import CRS

from geovehicle.errors import GeoreferenceError
from geovehicle.georeference import GeoGrid
from geovehicle.raster.source import Stretch, clipped_gsd, is_black, opened, scene_grid

NATIVE = GeoGrid(300, 200, Affine(0.25, 0, 155e3, 0, -0.25, 463e3), CRS.from_epsg(28992))


def test_each_axis_gets_its_own_pixel_count() -> None:
    grid = scene_grid(NATIVE, (0.25, 0.02), 0.10)
    assert (grid.width, grid.height) == (750, 40)
    assert grid.transform.a == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("own", "scene"), [(0.02, 0.08), (0.08, 0.08), (0.09, 0.09), (0.1, 0.1), (0.11, 0.1)]
)
def test_a_resolution_beyond_a_span_becomes_its_end(own: float, scene: float) -> None:
    assert clipped_gsd(own, (0.08, 0.1)) == scene


@pytest.mark.parametrize("gsd", [(0.1, 0.1), (0.0951, 0.1049)])
def test_within_tolerance_the_native_grid_is_the_scene(gsd: tuple[float, float]) -> None:
    assert scene_grid(NATIVE, gsd, 0.10) is NATIVE


@pytest.mark.parametrize("gsd", [(0.094, 0.1), (0.1, 0.106)])
def test_one_axis_beyond_tolerance_is_resampled(gsd: tuple[float, float]) -> None:
    assert scene_grid(NATIVE, gsd, 0.10) != NATIVE


@pytest.mark.parametrize("gsd", [1e-5, 1e6, math.inf])
def test_absurd_scenes_name_the_way_out(gsd: float) -> None:
    with pytest.raises(GeoreferenceError, match="--gsd"):
        scene_grid(NATIVE, (gsd, gsd), 0.10)


def test_the_stretch_cuts_two_percent_at_either_end() -> None:
    values = np.arange(10_001, dtype=np.uint16).reshape(1, 1, -1)
    stretch = Stretch.estimate(values, np.ones((1, 10_001), bool))
    assert stretch == Stretch((200.0,), (9800.0,))
    levels = stretch.apply(np.array([[[0, 200, 5000, 9800, 10_000]]], np.uint16))
    assert levels.tolist() == [[[0, 0, 128, 255, 255]]]


def test_the_stretch_ignores_what_is_not_valid() -> None:
    values = np.array([[[5.0, 10.0, 1e30]], [[50.0, 60.0, -1e30]]])
    stretch = Stretch.estimate(values, np.array([[True, True, False]]))
    assert max(stretch.high) < 61
    assert min(stretch.low) > 4


@pytest.mark.parametrize("valid", [True, False])
def test_constant_and_empty_rasters_have_a_finite_stretch(valid: bool) -> None:
    values = np.full((2, 3, 3), 7.0)
    stretch = Stretch.estimate(values, np.full((3, 3), valid))
    assert all(high > low for low, high in zip(stretch.low, stretch.high, strict=True))
    assert stretch.apply(values).dtype == np.uint8


def test_black_is_dark_in_every_band() -> None:
    values = np.array([[0, 6, 7, 0]] * 2 + [[0, 6, 0, 200]], np.uint8).reshape(3, 1, 4)
    assert is_black(values).tolist() == [[True, True, False, False]]


def test_black_of_unknown_scale_is_zero() -> None:
    assert is_black(np.array([[[0.0, 1.0, -1.0]]])).tolist() == [[True, False, False]]
    assert is_black(np.array([[[0, 5]], [[0, 0]]], np.int16)).tolist() == [[True, False]]


def _naive_opening(mask: np.ndarray, side: int) -> np.ndarray:
    result = np.zeros_like(mask)
    for row in range(mask.shape[0] - side + 1):
        for column in range(mask.shape[1] - side + 1):
            square = slice(row, row + side), slice(column, column + side)
            if mask[square].all():
                result[square] = True
    return result


@given(
    st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
        lambda shape: hnp.arrays(bool, shape, elements=st.sampled_from([True, True, True, False]))
    ),
    st.integers(1, 7),
)
def test_opening_equals_the_naive_one(mask: Any, side: int) -> None:
    assert opened(mask, side).tolist() == _naive_opening(mask, side).tolist()


@pytest.mark.parametrize("full", [True, False])
def test_opening_leaves_full_and_empty_masks_as_they_are(full: bool) -> None:
    assert (opened(np.full((40, 50), full), 32) == full).all()


def test_opening_tells_surroundings_from_a_dark_vehicle() -> None:
    black = np.zeros((100, 100), bool)
    black[:, :40] = True
    black[40:58, 50:95] = True  # 1.8 m x 4.5 m
    assert opened(black, 32).sum() == 100 * 40
