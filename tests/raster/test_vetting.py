from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from geovehicle.errors import RasterError
from geovehicle.raster import vetting
from geovehicle.raster.rasterio_source import open_raster
from geovehicle.raster.vetting import refuse_traps

if TYPE_CHECKING:
    from pathlib import Path

VRT = '<VRTDataset><SourceFilename relativeToVRT="{}">{}</SourceFilename></VRTDataset>'

TILED = {"tiled": True, "blockxsize": 64, "blockysize": 64}


class TestEndless:
    """Pipes and devices."""

    def test_files_folders_and_gdals_own_pass(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").touch()
        for path in (tmp_path / "a.tif", tmp_path, tmp_path / "missing", "/vsicurl/http://x/a.tif"):
            refuse_traps(path, "it")

    @pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
    def test_devices_do_not(self, path: str) -> None:
        with pytest.raises(RasterError, match="it is no file but a pipe or a device"):
            refuse_traps(path, "it")

    def test_nor_in_a_vrt_of_a_vrt(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a&b.tif")
        (tmp_path / "inner.vrt").write_text(VRT.format(1, "a&amp;b.tif"))
        (tmp_path / "outer.vrt").write_text(VRT.format(0, tmp_path / "inner.vrt"))
        with pytest.raises(RasterError, match=r"outer\.vrt is made of a&b\.tif, which is no file"):
            refuse_traps(tmp_path / "outer.vrt", "outer.vrt")

    def test_vrts_of_each_other_end(self, tmp_path: Path) -> None:
        (tmp_path / "a.vrt").write_text(VRT.format(1, "b.vrt"))
        (tmp_path / "b.vrt").write_text(VRT.format(1, "a.vrt"))
        refuse_traps(tmp_path / "a.vrt", "a.vrt")

    def test_a_chain_of_vrts_is_as_long_as_one_likes(self, tmp_path: Path) -> None:
        for number in range(1500):
            (tmp_path / f"{number}.vrt").write_text(VRT.format(1, f"{number + 1}.vrt"))
        refuse_traps(tmp_path / "0.vrt", "0.vrt")

    def test_a_vrt_of_gigabytes_is_refused(self, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr(vetting, "LARGEST_VRT", 10)
        (tmp_path / "a.vrt").write_text("<VRTDataset/>")
        with pytest.raises(RasterError, match="too long for a VRT"):
            refuse_traps(tmp_path / "a.vrt", "a.vrt")


class TestKernels:
    """VRTs that take GDAL down."""

    SOURCE = "<VRTDataset><KernelFilteredSource>{}</KernelFilteredSource></VRTDataset>"

    @pytest.mark.parametrize("kernel", ["", "<Kernel/>", "<Kernel><Size>0</Size></Kernel>"])
    def test_a_kernel_of_no_size_is_refused(self, tmp_path: Path, kernel: str) -> None:
        text = self.SOURCE.format("<Kernel><Size>3</Size></Kernel>") + self.SOURCE.format(kernel)
        (tmp_path / "a.tif").write_text("\n" + text)
        for path in (tmp_path / "a.tif", text, text[:-20]):
            with pytest.raises(RasterError, match=r"a\.vrt filters by a kernel of no size"):
                refuse_traps(path, "a.vrt")

    @pytest.mark.parametrize("kernel", ["<Kernel><Size> 03</Size></Kernel>", '<Kernel size="3"/>'])
    def test_others_pass(self, kernel: str) -> None:
        refuse_traps(self.SOURCE.format(kernel), "a.vrt")


class TestLargeTiles:
    """Tiles that fill the memory."""

    @pytest.mark.parametrize(
        ("largest", "creation"),
        [
            (3 * 64 * 64, {"interleave": "pixel"}),
            (64 * 64, {"interleave": "band"}),
        ],
    )
    def test_they_are_measured_as_gdal_decodes_them(
        self, make_raster: Any, monkeypatch: Any, largest: int, creation: dict[str, Any]
    ) -> None:
        path = make_raster(creation={**TILED, **creation})
        monkeypatch.setattr(vetting, "LARGEST_TILE", largest)
        open_raster(path, 0.1).close()
        monkeypatch.setattr(vetting, "LARGEST_TILE", largest - 1)
        with pytest.raises(RasterError, match=r"tiles of 64 x 64 pixels, each of which decodes to"):
            open_raster(path, 0.1)

    def test_wider_types_are_larger(self, make_raster: Any, monkeypatch: Any) -> None:
        path = make_raster(pixels=np.ones((1, 64, 96), np.float64), creation=TILED)
        monkeypatch.setattr(vetting, "LARGEST_TILE", 64 * 64 * 8 - 1)
        with pytest.raises(RasterError, match="decodes to"):
            open_raster(path, 0.1)
