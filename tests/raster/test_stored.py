from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from geovehicle.errors import RasterError
from geovehicle.patches import PatchWindow
from geovehicle.raster.rasterio_source import open_raster

if TYPE_CHECKING:
    from pathlib import Path

GSD = 0.10
SIDE = 32
"""Scene pixels of 3.2 m."""


def _mosaic(
    sheet: Path, places: list[tuple[float, float]], *, size: int = 1000, band: str = "", **more: Any
) -> Path:
    """Write a VRT with a sheet of 100 pixels at each place; ``band`` is put into its bands."""
    gsd = more.get("gsd", GSD)
    sources = "".join(
        f'<SimpleSource><SourceFilename relativeToVRT="1">{sheet.name}</SourceFilename>'
        "<SourceBand>{band}</SourceBand>"
        '<SrcRect xOff="0" yOff="0" xSize="100" ySize="100"/>'
        f'<DstRect xOff="{x}" yOff="{y}" xSize="100" ySize="100"/></SimpleSource>'
        for x, y in places
    )
    bands = "".join(
        f'<VRTRasterBand dataType="{more.get("dtype", "Byte")}" band="{n}" {more.get("kind", "")}>'
        f"{band}{sources.replace('{band}', str(n))}</VRTRasterBand>"
        for n in more.get("bands", (1, 2, 3))
    )
    path = sheet.with_name("mosaic.vrt")
    path.write_text(
        f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>EPSG:28992</SRS>'
        f"<GeoTransform>130000,{gsd},0,455000,0,-{gsd}</GeoTransform>{bands}</VRTDataset>"
    )
    return path


def _sparse(path: Path, blocks: list[tuple[int, int]], **profile: Any) -> Path:
    """Write a GeoTIFF of 1000 pixels of which some blocks of 128 are stored."""
    gsd = profile.pop("gsd", GSD)
    full = {
        "driver": "GTiff", "width": 1000, "height": 1000, "count": 3, "dtype": "uint8",
        "crs": "EPSG:28992", "transform": Affine(gsd, 0, 13e4, 0, -gsd, 455e3), "tiled": True,
        "blockxsize": 128, "blockysize": 128, "sparse_ok": True, **profile,
    }  # fmt: skip
    with rasterio.open(path, "w", **full) as raster:
        for column, row in blocks:
            shape = min(128, 1000 - 128 * row), min(128, 1000 - 128 * column)
            window = Window(128 * column, 128 * row, *shape[::-1])
            raster.write(np.full((full["count"], *shape), 90, full["dtype"]), window=window)
    return path


@pytest.fixture
def sheet(make_raster: Any) -> Path:
    """Return a sheet of 100 pixels."""
    path: Path = make_raster("sheet.tif", width=100, height=100)
    return path


def _may(path: Path, *windows: tuple[int, int, int, int]) -> list[bool]:
    with open_raster(path, GSD) as source:
        return [source.may_hold_data(window) for window in windows]


def _is_never_wrong(path: Path, data: Any) -> None:
    """Check some windows: where nothing may be, nothing is read."""
    with open_raster(path, GSD) as source:
        width, height = source.grid.width, source.grid.height
        for _ in range(4):
            left, top = (data.draw(st.integers(0, side - 1)) for side in (width, height))
            right = data.draw(st.integers(left + 1, min(width, left + 300)))
            bottom = data.draw(st.integers(top + 1, min(height, top + 300)))
            if not source.may_hold_data((left, top, right, bottom)):
                core = left, top, right, bottom
                window = PatchWindow(left, top, right - left, bottom - top, core)
                assert not source.read(window).valid.any()


GSDS = st.sampled_from([0.1, 0.04, 0.3])
NODATA = st.sampled_from([None, 0, 5, 77, 255])
MANY = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestMosaic:
    """VRTs."""

    def test_between_the_sheets_nothing_is(self, sheet: Path) -> None:
        path = _mosaic(sheet, [(0, 0), (600, 600)])
        windows = [(0, 0, 90, 90), (200, 200, 500, 500), (650, 650, 660, 660), (0, 600, 500, 1000)]
        assert _may(path, *windows) == [True, False, True, False]

    def test_what_a_read_would_look_at_counts(self, sheet: Path) -> None:
        path = _mosaic(sheet, [(0, 0)])
        windows = [(left, 0, 500, 500) for left in (100, 100 + SIDE - 2, 100 + SIDE - 1)]
        assert _may(path, *windows) == [True, True, False]

    def test_a_mosaic_without_sheets_is_empty(self, sheet: Path) -> None:
        assert _may(_mosaic(sheet, []), (0, 0, 1000, 1000)) == [False]

    def test_only_the_bands_that_are_read_count(self, sheet: Path) -> None:
        path = _mosaic(sheet, [(0, 0)], bands=(1,))
        assert _may(path, (300, 300, 600, 600)) == [False]

    @pytest.mark.parametrize(
        "more",
        [
            {"band": "<NoDataValue>77</NoDataValue><HideNoDataValue>1</HideNoDataValue>"},
            {"band": "<ColorInterp>Palette</ColorInterp>"
             "<ColorTable><Entry c1='9' c2='200' c3='9' c4='255'/></ColorTable>", "bands": (1,)},
            {"kind": 'subClass="VRTDerivedRasterBand"',
             "band": "<PixelFunctionType>sum</PixelFunctionType>"},
        ],
    )  # fmt: skip
    def test_a_mosaic_whose_gaps_may_be_imagery_may_hold_data(
        self, sheet: Path, more: dict[str, Any]
    ) -> None:
        assert _may(_mosaic(sheet, [(0, 0)], **more), (500, 500, 900, 900)) == [True]

    def test_gaps_in_the_colour_of_one_bands_nodata_may_hold_data(self, sheet: Path) -> None:
        path = _mosaic(sheet, [(0, 0)])
        red = '<VRTRasterBand dataType="Byte" band="1" >'
        path.write_text(path.read_text().replace(red, f"{red}<NoDataValue>255</NoDataValue>"))
        assert _may(path, (500, 500, 900, 900)) == [True]
        with open_raster(path, GSD) as source:
            window = PatchWindow(500, 500, 400, 400, (500, 500, 900, 900))
            assert source.read(window).valid.all()

    def test_what_resampling_would_look_at_counts(self, sheet: Path) -> None:
        path = _mosaic(sheet, [(0, 0)], gsd=30 * GSD, dtype="Float32")
        beside = 30 * 100 + SIDE
        assert _may(path, (beside, 0, beside + 300, 300)) == [True]

    def test_a_scene_that_is_smaller_than_the_square_may_hold_data(self, sheet: Path) -> None:
        assert _may(_mosaic(sheet, [], size=SIDE - 1), (0, 0, 10, 10)) == [True]

    @MANY
    @given(st.data())
    def test_it_is_never_wrong(self, sheet: Path, data: Any) -> None:
        place = st.tuples(st.integers(-50, 990), st.integers(-50, 990))
        places = data.draw(st.lists(place, max_size=4))
        nodata, gsd = data.draw(NODATA), data.draw(GSDS)
        band = "" if nodata is None else f"<NoDataValue>{nodata}</NoDataValue>"
        dtype = data.draw(st.sampled_from(["Byte", "UInt16", "Float32"]))
        _is_never_wrong(_mosaic(sheet, places, band=band, gsd=gsd, dtype=dtype), data)

    def test_thousands_of_sheets_are_quick(self, sheet: Path) -> None:
        places = [(100 * (n % 100), 100 * (n // 100)) for n in range(3000)]
        with open_raster(_mosaic(sheet, places, size=100_000), GSD) as source:
            assert source.may_hold_data((0, 0, 3500, 3500))
            start = time.process_time()
            for left in range(0, 96_000, 960):
                assert not source.may_hold_data((left, 20_000, left + 3500, 23_500))
        assert time.process_time() - start < 2


class TestSparse:
    """GeoTIFFs that do not store every block."""

    def test_blocks_that_are_not_stored_hold_nothing(self, tmp_path: Path) -> None:
        path = _sparse(tmp_path / "sparse.tif", [(0, 0), (7, 7)])
        windows = [(0, 0, 90, 90), (200, 200, 800, 800), (950, 950, 1000, 1000), (0, 500, 500, 999)]
        assert _may(path, *windows) == [True, False, True, False]

    def test_one_band_that_is_stored_is_enough(self, tmp_path: Path) -> None:
        path = _sparse(tmp_path / "sparse.tif", [], interleave="band")
        with rasterio.open(path, "r+") as raster:
            raster.write(np.full((128, 128), 9, np.uint8), 3, window=Window(512, 512, 128, 128))
        assert _may(path, (500, 500, 700, 700), (200, 200, 400, 400)) == [True, False]

    def test_a_full_one_holds_data_everywhere(self, make_raster: Any) -> None:
        assert _may(make_raster(width=500, height=400), (0, 0, 100, 100)) == [True]

    def test_other_formats_may_hold_data(self, make_raster: Any) -> None:
        path = make_raster("scene.png", pixels=np.zeros((3, 200, 200), np.uint8))
        assert _may(path, (0, 0, 200, 200)) == [True]

    @MANY
    @given(st.data())
    def test_it_is_never_wrong(self, tmp_path: Path, data: Any) -> None:
        blocks = data.draw(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=4))
        profile = {
            "nodata": data.draw(NODATA),
            "gsd": data.draw(GSDS),
            "dtype": data.draw(st.sampled_from(["uint8", "uint16", "float32"])),
            "interleave": data.draw(st.sampled_from(["pixel", "band"])),
            "tiled": data.draw(st.booleans()),
        }
        if not profile["tiled"]:
            profile |= {"blockxsize": None, "blockysize": 8}
        _is_never_wrong(_sparse(tmp_path / "sparse.tif", blocks, **profile), data)

    def test_jpeg_tiles_that_are_not_stored_are_black(self, tmp_path: Path) -> None:
        path = _sparse(tmp_path / "jpeg.tif", [(1, 1)], compress="jpeg", photometric="ycbcr")
        with open_raster(path, GSD) as source:
            assert not source.may_hold_data((400, 400, 900, 900))
            window = PatchWindow(400, 400, 500, 500, (400, 400, 900, 900))
            assert not source.read(window).valid.any()


def test_a_closed_raster_is_one_line(sheet: Path) -> None:
    with open_raster(_mosaic(sheet, []), GSD) as source:
        pass
    with pytest.raises(RasterError, match=r"mosaic\.vrt cannot be read"):
        source.may_hold_data((0, 0, 500, 500))


def test_a_vrt_that_fills_gaps_with_what_is_no_nodata_is_full(tmp_path: Path) -> None:
    path = tmp_path / "scene.vrt"
    path.write_text(
        '<VRTDataset rasterXSize="48" rasterYSize="48"><VRTRasterBand dataType="Byte" band="1">'
        "<NoDataValue>256</NoDataValue></VRTRasterBand></VRTDataset>"
    )
    with open_raster(path, 0.1, source_gsd=0.1) as source:
        assert source.may_hold_data((0, 0, 48, 48))
        assert source.read(PatchWindow(0, 0, 48, 48, (0, 0, 48, 48))).valid.all()
