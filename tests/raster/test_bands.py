from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from geovehicle.errors import RasterError
from geovehicle.patches import PatchWindow
from geovehicle.raster.rasterio_source import open_raster

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

INDEXED = (
    '<VRTDataset rasterXSize="40" rasterYSize="40"><VRTRasterBand dataType="{}" band="1">'
    "<ColorInterp>Palette</ColorInterp><ColorTable>{}</ColorTable></VRTRasterBand></VRTDataset>"
)


def _pixels(path: Path) -> NDArray[np.uint8]:
    with open_raster(path, 0.1, source_gsd=0.1) as source:
        grid = source.grid
        edges = 0, 0, grid.width, grid.height
        return source.read(PatchWindow(*edges, core=edges)).pixels


def test_names_tell_the_colours_where_interpretation_does_not(make_raster: Any) -> None:
    path = make_raster(count=4, colours=[ColorInterp.undefined] * 4)
    with rasterio.open(path, "r+") as raster:
        raster.descriptions = ("Blue", "green", "Red ", "nir")
    with open_raster(path, 0.1) as source:
        assert source.bands == (3, 2, 1)
        assert source.names == ("Red ", "green", "Blue")


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 7])
def test_values_of_few_bits_reach_from_black_to_white(make_raster: Any, bits: int) -> None:
    values = np.arange(40 * 40, dtype=np.uint8).reshape(1, 40, 40) % 2**bits
    path = make_raster(pixels=values, creation={"NBITS": bits})
    pixels = _pixels(path)
    assert (pixels == (values * (255 / (2**bits - 1))).round()).all()


class TestPalette:
    """Colours and indices that are none."""

    def test_colours_are_cut_to_bytes(self, tmp_path: Path) -> None:
        path = tmp_path / "scene.vrt"
        entry = '<Entry c1="-1" c2="999" c3="77" c4="255"/>'
        path.write_text(INDEXED.format("Byte", entry))
        assert _pixels(path)[:, 0, 0].tolist() == [0, 255, 77]

    def test_more_colours_than_indices_do_no_harm(self, tmp_path: Path) -> None:
        path = tmp_path / "scene.vrt"
        path.write_text(INDEXED.format("Byte", '<Entry c1="9" c2="9" c3="9" c4="255"/>' * 300))
        assert _pixels(path)[:, 0, 0].tolist() == [9, 9, 9]

    @pytest.mark.parametrize("dtype", ["Int16", "UInt32", "Float32"])
    def test_only_bytes_and_words_are_indices(self, tmp_path: Path, dtype: str) -> None:
        path = tmp_path / "scene.vrt"
        path.write_text(INDEXED.format(dtype, '<Entry c1="9" c2="9" c3="9" c4="255"/>'))
        with pytest.raises(RasterError, match="has a palette for"):
            _pixels(path)

    def test_its_colours_are_not_stretched(self, make_raster: Any) -> None:
        index = np.tile(np.array([3, 200], np.uint16), (40, 20))
        palette = {3: (250, 120, 60, 255), 200: (50, 20, 40, 255)}
        path = make_raster(pixels=index, palette=palette)
        assert _pixels(path)[:, 0, :2].T.tolist() == [[250, 120, 60], [50, 20, 40]]
