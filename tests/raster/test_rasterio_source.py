from __future__ import annotations

import math
import sys
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.rpc import RPC

from geovehicle.errors import GeoreferenceError, RasterError, SettingsError
from geovehicle.patches import PatchWindow, plan
from geovehicle.raster.rasterio_source import RasterioSource, open_raster
from geovehicle.raster.source import Stretch

if TYPE_CHECKING:
    from pathlib import Path

    from geovehicle.raster.source import Patch, RasterSource

GSD = 0.10


def _window(col: int, row: int, width: int, height: int) -> PatchWindow:
    return PatchWindow(col, row, width, height, (col, row, col + width, row + height))


def _whole(source: RasterSource) -> Patch:
    return source.read(_window(0, 0, source.grid.width, source.grid.height))


def _read(path: Path, **options: Any) -> Patch:
    with open_raster(path, GSD, **options) as source:
        return _whole(source)


def _smooth(height: int, width: int) -> np.ndarray:
    """Return RGB without black whose detail survives resampling."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    waves = [np.sin(columns / 9 + n) * np.cos(rows / 7 + n) for n in range(3)]
    return (128 + 90 * np.stack(waves)).astype(np.uint8)


def test_eight_bit_pixels_pass_unchanged(make_raster: Any) -> None:
    pixels = _smooth(64, 96)
    path = make_raster("city.tif", pixels=pixels)
    with open_raster(path, GSD) as source:
        patch = source.read(_window(10, 20, 50, 30))
        assert (source.name, source.stretch, source.bands) == ("city.tif", None, (1, 2, 3))
        assert source.grid == source.native_grid
    assert patch.pixels.dtype == np.uint8
    assert patch.pixels.tolist() == pixels[:, 20:50, 10:60].tolist()
    assert patch.valid.all()
    assert patch.window == _window(10, 20, 50, 30)


@pytest.mark.parametrize("name", ["scene.png", "scene.jp2", "scene.img", "scene.bmp"])
def test_other_formats_are_read(make_raster: Any, name: str) -> None:
    creation = {"QUALITY": 100, "REVERSIBLE": "YES"} if name.endswith("jp2") else {}
    pixels = _smooth(64, 96)
    path = make_raster(name, pixels=pixels, located=False, crs=None, creation=creation)
    assert _read(path, source_gsd=GSD).pixels.tolist() == pixels.tolist()


class TestBands:
    """Which bands become red, green and blue."""

    def _levels(self, patch: Patch) -> list[int]:
        return [int(level) for level in patch.pixels[:, 0, 0]]

    def _flat(self, count: int) -> np.ndarray:
        return np.full((count, 40, 40), 0, np.uint8) + np.arange(10, 10 * count + 1, 10)[
            :, None, None
        ].astype(np.uint8)

    def test_colour_interpretation_decides(self, make_raster: Any) -> None:
        colours = [ColorInterp.undefined, ColorInterp.blue, ColorInterp.green, ColorInterp.red]
        path = make_raster(pixels=self._flat(4), colours=colours)
        assert self._levels(_read(path)) == [40, 30, 20]

    def test_else_the_first_three_are_taken(self, make_raster: Any) -> None:
        path = make_raster(pixels=self._flat(5), colours=[ColorInterp.undefined] * 5)
        assert self._levels(_read(path)) == [10, 20, 30]

    @pytest.mark.parametrize("count", [1, 2])
    def test_fewer_are_grey(self, make_raster: Any, count: int) -> None:
        colours = [ColorInterp.gray, ColorInterp.undefined][:count]
        path = make_raster(pixels=self._flat(count), colours=colours)
        assert self._levels(_read(path)) == [10, 10, 10]

    def test_alpha_is_no_colour(self, make_raster: Any) -> None:
        alpha = np.full((40, 40), 255, np.uint8)
        colours = [ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha]
        path = make_raster(pixels=self._flat(2), alpha=alpha, colours=colours)
        assert self._levels(_read(path)) == [10, 10, 10]

    @pytest.mark.parametrize(
        ("bands", "expected"), [((4, 2, 1), [40, 20, 10]), ((3,), [30, 30, 30])]
    )
    def test_the_user_may_choose(
        self, make_raster: Any, bands: tuple[int, ...], expected: list[int]
    ) -> None:
        assert self._levels(_read(make_raster(pixels=self._flat(4)), bands=bands)) == expected

    @pytest.mark.parametrize("bands", [(0,), (4, 3, 5), (-1,)])
    def test_numbers_out_of_range_say_how_many_there_are(
        self, make_raster: Any, bands: tuple[int, ...]
    ) -> None:
        with pytest.raises(RasterError, match=r"scene\.tif has 4 band.*choose from 1 to 4"):
            open_raster(make_raster(count=4), GSD, bands=bands)

    @pytest.mark.parametrize("bands", [(), (1, 2), (1, 2, 3, 4)])
    def test_neither_one_nor_three_is_refused(
        self, make_raster: Any, bands: tuple[int, ...]
    ) -> None:
        with pytest.raises(SettingsError, match=f"{len(bands)} bands"):
            open_raster(make_raster(count=4), GSD, bands=bands)

    def test_a_palette_is_expanded(self, make_raster: Any) -> None:
        index = np.tile(np.array([3, 200], np.uint8), (40, 20))
        palette = {3: (250, 120, 60, 255), 200: (50, 20, 40, 255)}
        patch = _read(make_raster(pixels=index, palette=palette))
        assert patch.pixels[:, 0, :2].T.tolist() == [[250, 120, 60], [50, 20, 40]]
        assert patch.valid.all()

    def test_a_resampled_palette_shows_its_own_colours(self, make_raster: Any) -> None:
        index = np.tile(np.array([3, 3, 200, 200], np.uint8), (40, 10))
        palette = {3: (250, 120, 60, 255), 200: (50, 20, 40, 255)}
        for gsd in ((0.05, 0.05), (0.3, 0.3)):
            patch = _read(make_raster(pixels=index, palette=palette, gsd=gsd))
            colours = {tuple(colour) for colour in patch.pixels.reshape(3, -1).T.tolist()}
            assert colours == {(250, 120, 60), (50, 20, 40)}

    def test_a_transparent_palette_entry_is_not_valid(self, make_raster: Any) -> None:
        index = np.tile(np.array([3, 200], np.uint8), (40, 20))
        palette = {3: (250, 120, 60, 255), 200: (50, 20, 40, 0)}
        path = make_raster("scene.png", pixels=index, palette=palette, located=False, crs=None)
        assert _read(path, source_gsd=GSD).valid[0, :4].tolist() == [True, False, True, False]

    def test_complex_values_are_refused(self, make_raster: Any) -> None:
        with pytest.raises(RasterError, match="complex"):
            open_raster(make_raster(count=1, dtype="complex64"), GSD)


class TestStretch:
    """How other values become 8 bits."""

    @pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
    def test_one_stretch_serves_the_whole_raster(self, make_raster: Any, dtype: str) -> None:
        pixels = np.random.default_rng(1).integers(100, 2000, (3, 60, 200)).astype(dtype)
        pixels[:, :, 100:] += 2000
        with open_raster(make_raster(pixels=pixels), GSD) as source:
            stretch = source.stretch
            patches = [source.read(window) for window in plan(200, 60, 60, 10)]
            assert source.stretch == stretch
        assert stretch is not None
        low, high = np.percentile(pixels, (2, 98), axis=(1, 2))
        assert stretch.low == pytest.approx(low.tolist(), rel=0.05)
        assert stretch.high == pytest.approx(high.tolist(), rel=0.05)
        assert patches[0].pixels.mean() < 80 < 170 < patches[-1].pixels.mean()

    def test_neighbouring_windows_agree(self, make_raster: Any) -> None:
        pixels = (_smooth(60, 200) * 13.0).astype(np.float32)
        with open_raster(make_raster(pixels=pixels), GSD) as source:
            left, right = source.read(_window(0, 0, 120, 60)), source.read(_window(80, 0, 120, 60))
        assert left.pixels[:, :, 80:].tolist() == right.pixels[:, :, :40].tolist()

    def test_a_stretch_that_is_given_is_not_estimated(
        self, make_raster: Any, monkeypatch: Any
    ) -> None:
        pixels = np.random.default_rng(1).integers(100, 2000, (3, 60, 200)).astype("uint16")
        path = make_raster(pixels=pixels)
        with open_raster(path, GSD) as source:
            stretch, expected = source.stretch, _whole(source).pixels
        monkeypatch.setattr(RasterioSource, "_estimate_stretch", None)
        with open_raster(path, GSD, stretch=stretch) as source:
            assert source.stretch == stretch
            assert _whole(source).pixels.tolist() == expected.tolist()
        other = Stretch((0.0,) * 3, (10.0,) * 3)
        assert (_read(path, stretch=other).pixels == 255).all()

    def test_eight_bit_rasters_are_not_stretched(self, make_raster: Any) -> None:
        with open_raster(make_raster(), GSD, stretch=Stretch((0.0,) * 3, (9.0,) * 3)) as source:
            assert source.stretch is None

    def test_nan_and_infinity_are_not_valid(self, make_raster: Any) -> None:
        pixels = np.random.default_rng(1).uniform(100, 900, (3, 50, 50)).astype(np.float32)
        pixels[0, 5, 6], pixels[1, 7, 8], pixels[2, 9, 9] = np.nan, np.inf, -np.inf
        patch = _read(make_raster(pixels=pixels))
        assert np.argwhere(~patch.valid).tolist() == [[5, 6], [7, 8], [9, 9]]
        assert (patch.pixels[:, ~patch.valid] == 0).all()
        assert patch.pixels[:, patch.valid].std() > 50

    def test_nodata_and_black_surroundings_leave_the_stretch_alone(self, make_raster: Any) -> None:
        pixels = np.random.default_rng(1).integers(4000, 9000, (3, 100, 100)).astype(np.uint16)
        pixels[:, :, :40], pixels[:, :30] = 0, 65535
        with open_raster(make_raster(pixels=pixels, nodata=65535), GSD) as source:
            assert source.stretch is not None
            assert min(source.stretch.low) >= 4000
            assert max(source.stretch.high) <= 9000
            valid = _whole(source).valid
        assert valid[30:, 40:].all()
        assert not valid[:30].any()
        assert not valid[:, :40].any()

    def test_a_shadow_that_the_stretch_makes_black_stays_valid(self, make_raster: Any) -> None:
        pixels = np.random.default_rng(1).integers(4000, 9000, (3, 200, 200)).astype(np.uint16)
        pixels[:, 20:60, 20:60] = 50
        patch = _read(make_raster(pixels=pixels))
        assert (patch.pixels[:, 20:60, 20:60] == 0).all()
        assert patch.valid.all()


class TestValidity:
    """What counts as outside of the imagery."""

    def test_a_mask_band_is_kept_to_the_pixel(self, make_raster: Any) -> None:
        mask = np.random.default_rng(2).random((64, 96)) > 0.3
        patch = _read(make_raster(mask=mask))
        assert patch.valid.tolist() == mask.tolist()
        assert (patch.pixels[:, ~mask] == 0).all()

    def test_alpha_is_kept_to_the_pixel(self, make_raster: Any) -> None:
        alpha = np.random.default_rng(2).choice([0, 255], (64, 96)).astype(np.uint8)
        assert _read(make_raster(alpha=alpha)).valid.tolist() == (alpha > 0).tolist()

    @pytest.mark.parametrize("nodata", [0, 255, 77])
    def test_nodata_surroundings_are_outside(self, make_raster: Any, nodata: int) -> None:
        pixels = _smooth(100, 100)
        pixels[:, :, 60:] = nodata
        patch = _read(make_raster(pixels=pixels, nodata=nodata))
        assert patch.valid[:, :60].all()
        assert not patch.valid[:, 60:].any()
        assert (patch.pixels[:, :, 60:] == 0).all()

    @pytest.mark.parametrize("level", [0, 255])
    def test_a_vehicle_in_the_colour_of_nodata_stays(self, make_raster: Any, level: int) -> None:
        pixels = _smooth(100, 100)
        pixels[:, 40:58, 30:75] = level
        patch = _read(make_raster(pixels=pixels, nodata=level))
        assert patch.valid.all()
        assert patch.pixels.tolist() == pixels.tolist()

    def test_nodata_beyond_eight_bits_is_kept_to_the_pixel(self, make_raster: Any) -> None:
        pixels = np.random.default_rng(1).integers(100, 900, (3, 50, 50)).astype(np.int16)
        pixels[:, 10, 20] = -9999
        patch = _read(make_raster(pixels=pixels, nodata=-9999))
        assert np.argwhere(~patch.valid).tolist() == [[10, 20]]

    def test_nodata_in_one_band_is_a_value(self, make_raster: Any) -> None:
        pixels = np.random.default_rng(1).integers(100, 900, (3, 50, 50)).astype(np.int16)
        pixels[0, 10, 20] = -9999
        assert _read(make_raster(pixels=pixels, nodata=-9999)).valid.all()

    def test_nan_may_be_nodata(self, make_raster: Any) -> None:
        pixels = np.random.default_rng(1).uniform(100, 900, (3, 50, 50)).astype(np.float32)
        pixels[:, 10:20] = np.nan
        valid = _read(make_raster(pixels=pixels, nodata=np.nan)).valid
        assert np.flatnonzero(~valid.all(axis=1)).tolist() == list(range(10, 20))

    def test_black_surroundings_are_outside_and_a_black_car_is_not(self, make_raster: Any) -> None:
        pixels = _smooth(120, 160)
        surroundings = np.random.default_rng(3).integers(0, 7, (3, 120, 40))
        pixels[:, :, :40] = surroundings
        pixels[:, 50:68, 80:125] = 2
        patch = _read(make_raster(pixels=pixels))
        assert not patch.valid[:, :40].any()
        assert (patch.pixels[:, :, :40] == 0).all()
        assert patch.valid[:, 40:].all()
        assert patch.pixels[:, :, 40:].tolist() == pixels[:, :, 40:].tolist()

    def test_validity_does_not_depend_on_the_window(self, make_raster: Any) -> None:
        pixels = _smooth(160, 200)
        pixels[:, :, :70] = 0
        pixels[:, 60:78, 100:145] = 0
        path = make_raster(pixels=pixels)
        with open_raster(path, GSD) as source:
            whole = _whole(source).valid
            for window in plan(200, 160, 64, 20):
                rows = slice(window.row, window.row + window.height)
                columns = slice(window.col, window.col + window.width)
                assert source.read(window).valid.tolist() == whole[rows, columns].tolist()
        assert not whole[:, :70].any()
        assert whole[:, 70:].all()

    def test_a_black_car_cut_by_the_edge_of_the_scene_stays(self, make_raster: Any) -> None:
        pixels = _smooth(100, 100)
        pixels[:, :10, 30:75] = 0
        assert _read(make_raster(pixels=pixels)).valid.all()

    def test_the_square_is_measured_on_the_ground(self, make_raster: Any) -> None:
        pixels = _smooth(200, 200)
        pixels[:, 50:110, 50:110] = 0  # 6 m at 0.10 m, 1.2 m at 0.02 m
        assert not _read(make_raster(pixels=pixels)).valid.all()
        assert _read(make_raster(pixels=pixels, gsd=(0.02, 0.02))).valid.all()


class TestResampling:
    """Any ground sampling distance, at read time."""

    @pytest.mark.parametrize("gsd", [(0.02, 0.02), (0.25, 0.25), (0.2, 0.05), (0.073, 0.073)])
    def test_the_scene_covers_the_ground_at_the_models_gsd(
        self, make_raster: Any, gsd: tuple[float, float]
    ) -> None:
        with open_raster(make_raster(width=400, height=300, gsd=gsd), GSD) as source:
            grid = source.grid
            assert (grid.width, grid.height) == (
                round(400 * gsd[0] / GSD),
                round(300 * gsd[1] / GSD),
            )
            assert grid.ground_sampling_distance() == pytest.approx((GSD, GSD), rel=0.02)
            assert _whole(source).pixels.shape == (3, grid.height, grid.width)

    def test_without_a_distance_it_is_the_rasters_own(self, make_raster: Any) -> None:
        with open_raster(make_raster(gsd=(0.37, 0.37)), None) as source:
            assert source.grid == source.native_grid
        with open_raster(make_raster(gsd=(0.4, 0.2)), None) as source:
            assert (source.grid.width, source.grid.height) == (2 * 96, 64)  # the finer axis decides
            assert source.grid.ground_sampling_distance() == pytest.approx((0.2, 0.2), rel=1e-3)

    @pytest.mark.parametrize("gsd", [0.02, 0.04, 0.07, 0.15, 0.25])
    def test_pixels_stay_where_they_are_on_the_ground(self, make_raster: Any, gsd: float) -> None:
        width, height = 420, 300
        ramp = np.broadcast_to((np.arange(width) + 0.5) * (200 / width) + 20, (3, height, width))
        with open_raster(
            make_raster(pixels=ramp.round().astype(np.uint8), gsd=(gsd, gsd)), GSD
        ) as source:
            window = _window(source.grid.width // 3, 3, source.grid.width // 3, 15)
            patch = source.read(window)
            scale = width / source.grid.width
        columns = (window.col + np.arange(window.width) + 0.5) * scale
        expected = np.broadcast_to(columns * (200 / width) + 20, patch.pixels.shape)
        assert np.abs(patch.pixels - expected).max() <= 1.1

    @pytest.mark.parametrize("overviews", [(), (2, 4)])
    @pytest.mark.parametrize("gsd", [0.02, 0.033, 0.06, 0.08, 0.13, 0.25])
    def test_neighbouring_windows_have_no_seam(
        self, make_raster: Any, gsd: float, overviews: tuple[int, ...]
    ) -> None:
        path = make_raster(width=700, height=500, gsd=(gsd, gsd), overviews=overviews)
        with open_raster(path, GSD) as source:
            whole = _whole(source).pixels.astype(int)
            side = min(source.grid.width, source.grid.height) // 2
            for window in plan(source.grid.width, source.grid.height, side, side // 4):
                rows = slice(window.row, window.row + window.height)
                columns = slice(window.col, window.col + window.width)
                difference = source.read(window).pixels - whole[:, rows, columns]
                assert np.abs(difference).max() <= 1

    def test_downsampling_averages(self, make_raster: Any) -> None:
        checks = np.indices((300, 300)).sum(axis=0) % 2 * 200 + 20
        pixels = np.broadcast_to(checks, (3, 300, 300)).astype(np.uint8)
        patch = _read(make_raster(pixels=pixels, gsd=(0.05, 0.05)))
        assert (np.abs(patch.pixels.astype(int) - 120) <= 1).all()

    def test_upsampling_interpolates(self, make_raster: Any) -> None:
        pixels = np.full((3, 40, 40), 50, np.uint8)
        pixels[:, :, 20:] = 200
        patch = _read(make_raster(pixels=pixels, gsd=(0.4, 0.4)))
        edge = patch.pixels[0, 80, 76:84].astype(int)
        assert (np.diff(edge) > 0).sum() >= 4

    def test_overviews_are_used(self, make_raster: Any) -> None:
        path = make_raster(
            "scene.tif",
            pixels=np.full((3, 600, 600), 60, np.uint8),
            gsd=(0.02, 0.02),
            overviews=(4,),
        )
        with rasterio.open(path, "r+", OVERVIEW_LEVEL=0) as overview:
            overview.write(np.full((3, 150, 150), 180, np.uint8))
        with open_raster(path, GSD) as source:
            assert (source.grid.width, source.grid.height) == (120, 120)
            assert (source.read(_window(20, 20, 64, 64)).pixels == 180).all()

    def test_a_mask_is_resampled_with_the_pixels(self, make_raster: Any) -> None:
        mask = np.zeros((300, 300), bool)
        mask[:, 150:] = True
        patch = _read(make_raster(width=300, height=300, mask=mask, gsd=(0.05, 0.05)))
        assert not patch.valid[:, :75].any()
        assert patch.valid[:, 75:].all()

    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_every_window_of_a_scene_can_be_read(self, make_raster: Any, data: Any) -> None:
        gsd = data.draw(st.sampled_from([0.017, 0.1, 0.3]))
        path = make_raster(width=101, height=67, gsd=(gsd, gsd))
        with open_raster(path, GSD) as source:
            grid = source.grid
            col = data.draw(st.integers(0, grid.width - 1))
            row = data.draw(st.integers(0, grid.height - 1))
            width = data.draw(st.integers(1, grid.width - col))
            height = data.draw(st.integers(1, grid.height - row))
            patch = source.read(_window(col, row, width, height))
        assert patch.pixels.shape == (3, height, width)
        assert patch.valid.shape == (height, width)


class TestOverview:
    """The whole scene at a glance."""

    @pytest.mark.parametrize(
        ("longest", "expected"), [(100, (100, 50)), (30, (30, 15)), (9999, (400, 200))]
    )
    def test_the_longer_side_is_limited(
        self, make_raster: Any, longest: int, expected: tuple[int, int]
    ) -> None:
        path = make_raster(width=200, height=100, gsd=(0.2, 0.2))
        with open_raster(path, GSD) as source:
            patch = source.overview(longest)
        assert (patch.window.width, patch.window.height) == expected
        assert patch.pixels.shape == (3, *expected[::-1])

    def test_it_shows_what_the_patches_show(self, make_raster: Any) -> None:
        pixels = _smooth(200, 400)
        pixels[:, :, :80] = 0
        with open_raster(make_raster(pixels=pixels), GSD) as source:
            patch = source.overview(100)
        assert not patch.valid[:, :20].any()
        assert patch.valid[:, 20:].all()
        expected = pixels.reshape(3, 50, 4, 100, 4).mean(axis=(2, 4))
        assert np.abs(patch.pixels - expected)[:, :, 20:].max() <= 1


class TestGeoreference:
    """How large a pixel is, and where."""

    def test_grids_carry_transform_and_crs(self, make_raster: Any) -> None:
        path = make_raster(gsd=(0.2, -0.3), angle=30, shear=10)
        with rasterio.open(path) as dataset, open_raster(path, GSD) as source:
            assert source.native_grid.transform == dataset.transform
            assert source.native_grid.crs == source.grid.crs == dataset.crs

    @pytest.mark.parametrize(
        "recipe", [{"crs": None}, {"located": False}, {"crs": None, "located": False}]
    )
    def test_without_it_the_way_out_is_named(self, make_raster: Any, recipe: Any) -> None:
        with pytest.raises(GeoreferenceError, match=r"^scene\.tif: .*--gsd") as caught:
            open_raster(make_raster(**recipe), GSD)
        assert "\n" not in str(caught.value)

    def test_the_way_out_works(self, make_raster: Any) -> None:
        path = make_raster(crs=None, located=False)
        with open_raster(path, GSD, source_gsd=0.2) as source:
            assert (source.grid.width, source.grid.height) == (192, 128)
            assert source.grid.crs is None
            (corner,) = source.grid.polygons([(0, 0, 2, 2)])
            assert corner.bounds == (0, 0, 1, 1)

    def test_pixel_coordinates_are_not_said_to_be_in_the_crs(self, make_raster: Any) -> None:
        with open_raster(make_raster(located=False), GSD, source_gsd=0.1) as source:
            assert source.grid.crs is None

    def test_a_world_without_crs_keeps_its_transform(self, make_raster: Any) -> None:
        with open_raster(make_raster(crs=None), GSD, source_gsd=0.1) as source:
            assert source.grid.transform.c == 130_000

    def test_the_users_gsd_beats_the_crs(self, make_raster: Any) -> None:
        with open_raster(make_raster(gsd=(0.1, 0.2)), GSD, source_gsd=0.3) as source:
            assert (source.grid.width, source.grid.height) == (288, 192)

    @pytest.mark.parametrize(
        "recipe", [{}, {"crs": None}, {"located": False}, {"crs": "EPSG:4326"}]
    )
    @pytest.mark.parametrize("gsd", [0.1, 0.104, 0.3])
    def test_grids_have_the_users_gsd(self, make_raster: Any, recipe: Any, gsd: float) -> None:
        with open_raster(make_raster(**recipe), GSD, source_gsd=gsd) as source:
            assert source.native_grid.gsd == (gsd, gsd)
            assert source.grid.gsd == pytest.approx(source.gsd)
            assert source.grid.ground_sampling_distance() == source.grid.gsd
            across = source.gsd[0] * source.grid.width, source.gsd[1] * source.grid.height
            assert across == pytest.approx((96 * gsd, 64 * gsd))

    def test_grids_have_none_of_their_own_otherwise(self, make_raster: Any) -> None:
        for gsd in ((0.1, 0.1), (0.3, 0.2)):
            with open_raster(make_raster(gsd=gsd), GSD) as source:
                assert source.native_grid.gsd is source.grid.gsd is None

    @pytest.mark.parametrize("gsd", [0.0, -1.0, math.nan, math.inf])
    def test_an_impossible_gsd_is_refused(self, make_raster: Any, gsd: float) -> None:
        with pytest.raises(SettingsError, match="give one above 0"):
            open_raster(make_raster(), GSD, source_gsd=gsd)

    @pytest.mark.parametrize("gsd", [1e-4, 1e9])
    def test_an_absurd_scene_names_the_way_out(self, make_raster: Any, gsd: float) -> None:
        with pytest.raises(GeoreferenceError, match=r"scene\.tif.*--gsd"):
            open_raster(make_raster(), GSD, source_gsd=gsd)

    def test_control_points_alone_are_to_be_rectified(self, make_raster: Any) -> None:
        corners = [(0, 0), (0, 96), (64, 0), (64, 96)]
        gcps = [GroundControlPoint(r, c, 13e4 + c / 10, 455e3 - r / 10) for r, c in corners]
        with pytest.raises(GeoreferenceError, match=r"control points.*gdalwarp"):
            open_raster(make_raster(gcps=gcps), GSD)

    def test_rpcs_alone_are_to_be_rectified(self, make_raster: Any) -> None:
        ones = [1.0] + [0.0] * 19
        rpcs = RPC(0, 1, 52, 1, ones, ones, 50, 50, 5, 1, ones, ones, 50, 50)
        with pytest.raises(GeoreferenceError, match=r"RPCs.*gdalwarp"):
            open_raster(make_raster(crs=None, located=False, rpcs=rpcs), GSD)


class TestDamage:
    """Whatever is wrong with a file is one quiet line."""

    def _refused(self, path: Path | str, match: str, capfd: Any) -> None:
        with pytest.raises(RasterError, match=match) as caught:
            _read(path, source_gsd=GSD)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")

    def test_a_missing_file(self, tmp_path: Path, capfd: Any) -> None:
        self._refused(tmp_path / "none.tif", r"none\.tif cannot be opened", capfd)

    def test_a_folder(self, tmp_path: Path, capfd: Any) -> None:
        self._refused(tmp_path, "cannot be opened", capfd)

    @pytest.mark.parametrize("content", [b"", b"no raster at all", b"II*\0\x08\0\0\0\xff\xff"])
    def test_a_file_that_is_no_raster(self, tmp_path: Path, capfd: Any, content: bytes) -> None:
        (tmp_path / "text.tif").write_bytes(content)
        self._refused(tmp_path / "text.tif", r"text\.tif cannot be opened", capfd)

    @pytest.mark.parametrize(
        ("name", "creation"),
        [("a.tif", {}), ("b.tif", {"compress": "deflate"}), ("c.tif", {"compress": "jpeg"}),
         ("d.jpg", {}), ("e.png", {})],
    )  # fmt: skip
    def test_a_truncated_file(
        self, make_raster: Any, capfd: Any, name: str, creation: dict[str, Any]
    ) -> None:
        path = make_raster(name, width=500, height=400, creation=creation, crs=None, located=False)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        self._refused(path, f"{name} cannot be read .*damaged or incomplete", capfd)

    def test_a_container_of_rasters_says_what_it_contains(
        self, make_raster: Any, capfd: Any
    ) -> None:
        make_raster("two.gpkg", creation={"RASTER_TABLE": "north"})
        path = make_raster(
            "two.gpkg", creation={"RASTER_TABLE": "south", "APPEND_SUBDATASET": "YES"}
        )
        self._refused(path, r"two\.gpkg has no bands; .*GPKG:.*:north", capfd)

    def test_a_failed_opening_leaves_no_file_open(self, make_raster: Any, monkeypatch: Any) -> None:
        path, opened, original = make_raster(), [], rasterio.open

        def spy(path: Path) -> Any:
            opened.append(original(path))
            return opened[-1]

        monkeypatch.setattr(rasterio, "open", spy)
        with pytest.raises(RasterError):
            open_raster(path, GSD, bands=(9,))
        assert [dataset.closed for dataset in opened] == [True]


@pytest.mark.parametrize("located", [True, False])
def test_threads_with_a_source_each_read_the_same_pixels(make_raster: Any, located: bool) -> None:
    pixels = (_smooth(500, 700) * 13.0).astype(np.uint16)
    path = make_raster(pixels=pixels, gsd=(0.07, 0.07), located=located)
    how = {} if located else {"source_gsd": 0.07}

    def read(_: int) -> list[Patch]:
        with open_raster(path, GSD, **how) as source:
            windows = plan(source.grid.width, source.grid.height, 256, 40)
            return [source.read(window) for window in windows]

    expected = read(0)
    with ThreadPoolExecutor(4) as threads:
        for patches in threads.map(read, range(8)):
            for patch, same in zip(patches, expected, strict=True):
                assert np.array_equal(patch.pixels, same.pixels)
                assert np.array_equal(patch.valid, same.valid)


def test_threads_that_open_rasters_stay_quiet_and_leave_warnings_alone(make_raster: Any) -> None:
    path, filters = make_raster(located=False), list(warnings.filters)

    def open_often(_: int) -> None:
        for _ in range(25):
            open_raster(path, GSD, source_gsd=GSD).close()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(open_often, range(8)))
    finally:
        sys.setswitchinterval(usual)
    assert warnings.filters == filters


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_block_is_read_in_little_more_memory_than_it_has(make_raster: Any, dtype: str) -> None:
    pixels = np.random.default_rng(0).integers(20, 236, (3, 1000, 1000)).astype(dtype)
    pixels[:, :, :300] = 0
    with open_raster(make_raster(pixels=pixels), GSD) as source:
        tracemalloc.start()
        _whole(source)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 5 * pixels.size  # as int64 a single mask would be 2.7 times as large


def test_leaving_the_context_closes_the_file(make_raster: Any) -> None:
    with open_raster(make_raster(), GSD) as source:
        pass
    with pytest.raises(RasterError, match="cannot be read"):
        _whole(source)


def test_the_source_keeps_the_protocol(make_raster: Any) -> None:
    def name(source: RasterSource) -> str:
        return source.name

    with open_raster(make_raster("city.tif"), GSD) as source:
        assert isinstance(source, RasterioSource)
        assert name(source) == "city.tif"


class TestSharedData:
    """Real orthophotos."""

    def test_the_black_outside_of_a_flight_is_not_valid(self, shared_data: Path) -> None:
        patch = _read(shared_data / "ortho" / "manila.tif")
        black = (patch.pixels <= 6).all(axis=0)
        assert 0.75 < patch.valid.mean() < 0.9
        assert (black & patch.valid).mean() < 0.005

    def test_white_vehicles_survive_nodata_255(self, shared_data: Path) -> None:
        assert _read(shared_data / "ortho" / "empty_savanna_0.10m.tif").valid.all()

    @pytest.mark.parametrize(
        ("name", "size"),
        [
            ("street_0.15m.tif", (574, 348)),
            ("rijksdriehoek_0.25m.tif", (2500, 2500)),
            ("empty_bush_0.018m.tif", (135, 127)),
            ("manila.tif", (2048, 2048)),
        ],
    )
    def test_scenes_are_at_the_models_gsd(
        self, shared_data: Path, name: str, size: tuple[int, int]
    ) -> None:
        with open_raster(shared_data / "ortho" / name, GSD) as source:
            assert (source.grid.width, source.grid.height) == size
            assert source.grid.ground_sampling_distance() == pytest.approx((GSD, GSD), rel=0.05)


@pytest.mark.parametrize(("gsd", "scene"), [(0.05, 0.08), (0.09, 0.09), (0.1, 0.1), (0.15, 0.1)])
def test_between_two_resolutions_a_raster_is_read_in_its_own_pixels(
    make_raster: Any, gsd: float, scene: float
) -> None:
    path = make_raster(gsd=(gsd, gsd), width=300, height=200)
    with open_raster(path, (0.08, 0.1)) as source:
        assert source.scene_gsd == pytest.approx(scene, rel=1e-3)
        assert (source.grid == source.native_grid) == (gsd in (0.09, 0.1))
        assert source.grid.width == pytest.approx(300 * gsd / scene, abs=1)
