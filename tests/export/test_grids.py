from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine

from geovehicle.errors import OutputError
from geovehicle.export.grids import TILE, Layout, check_grid, write_grid

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = Layout(300, 520, Affine(50.0, 0, 1000.0, 0, -50.0, 9000.0), pyproj.CRS(25832))


def test_tiles_stand_where_they_belong_and_all_else_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "grid.tif"
    corner = np.arange(8 * 44, dtype=np.float32).reshape(8, 44)
    write_grid(path, LAYOUT, [(TILE, 2 * TILE, corner)], "vehicles per hectare")
    with rasterio.open(path) as raster:
        values = raster.read(1)
        assert raster.profile["compress"] == "deflate"
        assert raster.block_shapes == [(TILE, TILE)]
        assert raster.descriptions == ("vehicles per hectare",)
        assert raster.transform == LAYOUT.transform
        assert raster.crs.to_epsg() == 25832
        assert raster.nodata is None
    assert values.dtype == np.float32
    assert (values[512:, 256:] == corner).all()
    assert values.sum() == corner.sum()


def test_an_older_file_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "grid.tif"
    path.write_text("old")
    with pytest.raises(OutputError, match="add --overwrite"):
        write_grid(path, LAYOUT, [], "")

    def broken():
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        write_grid(path, LAYOUT, broken(), "", overwrite=True)
    assert path.read_text() == "old"
    write_grid(path, LAYOUT, [], "", overwrite=True)
    assert path.read_bytes()[:2] == b"II"


def test_other_suffixes_and_a_window_beside_the_grid_are_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"let it end in \.tif"):
        check_grid(tmp_path / "grid.png")
    outside = [(10_000, 0, np.ones((2, 2), np.float32))]
    with pytest.raises(OutputError, match="cannot write"):
        write_grid(tmp_path / "grid.tif", LAYOUT, outside, "")
