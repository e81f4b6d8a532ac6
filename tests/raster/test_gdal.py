from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio._err import CPLE_AppDefinedError
from rasterio.env import get_gdal_config

from geovehicle.errors import RasterError
from geovehicle.patches import PatchWindow
from geovehicle.raster import gdal
from geovehicle.raster.gdal import CACHE_BYTES, OPTIONS, calling_gdal, open_dataset
from geovehicle.raster.rasterio_source import open_raster

if TYPE_CHECKING:
    from pathlib import Path

GSD = 0.10


def _window(col: int, row: int, width: int, height: int) -> PatchWindow:
    return PatchWindow(col, row, width, height, (col, row, col + width, row + height))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: Any) -> None:
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")


@pytest.fixture
def cog(make_raster: Any) -> Path:
    """Return a raster of a megapixel, tiled for the web."""
    path: Path = make_raster(
        "cog.tif",
        width=1024,
        height=1024,
        creation={"driver": "COG", "blocksize": 128, "overviews": "NONE"},
    )
    return path


class TestRemote:
    """Rasters on a server."""

    def test_a_window_equals_the_local_files_and_costs_a_part_of_it(
        self, server: Any, cog: Path
    ) -> None:
        window = _window(300, 400, 100, 100)
        with open_raster(f"{server.url}/cog.tif", GSD) as remote, open_raster(cog, GSD) as local:
            assert remote.grid == local.grid
            assert remote.read(window).pixels.tolist() == local.read(window).pixels.tolist()
        assert 0 < server.sent < cog.stat().st_size / 3

    def test_gdals_own_path_is_the_same_raster(self, server: Any, cog: Path) -> None:
        with open_raster(f"/vsicurl/{server.url}/cog.tif", GSD) as remote:
            assert remote.name == "cog.tif"
            assert remote.read(_window(0, 0, 50, 50)).valid.all()

    def test_the_folder_is_never_listed(self, server: Any, cog: Path) -> None:
        with open_raster(f"{server.url}/cog.tif", GSD) as remote:
            remote.read(_window(0, 0, 50, 50))
        assert server.paths
        assert not [path for path in server.paths if path.endswith("/")]

    def test_a_secret_in_the_address_is_no_part_of_the_name(self, server: Any, cog: Path) -> None:
        with open_raster(f"{server.url}/cog.tif?signature=secret", GSD) as remote:
            assert remote.name == "cog.tif"

    def test_a_busy_server_is_asked_again(self, server: Any, cog: Path) -> None:
        server.fail(2)
        with open_raster(f"{server.url}/cog.tif", GSD) as remote:
            server.fail(2)
            assert remote.read(_window(500, 500, 50, 50)).valid.all()
        assert server.failures == 0

    def test_a_server_that_goes_away_is_one_line(self, server: Any, cog: Path, capfd: Any) -> None:
        with open_raster(f"{server.url}/cog.tif", GSD) as remote:
            server.go_away()
            with pytest.raises(RasterError, match=r"cog\.tif cannot be read.*server") as caught:
                remote.read(_window(500, 500, 300, 300))
        assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")

    def test_a_missing_one_is_one_line(self, server: Any, capfd: Any) -> None:
        with pytest.raises(RasterError, match=r"none\.tif cannot be opened") as caught:
            open_raster(f"{server.url}/none.tif", GSD)
        assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")

    def test_what_lies_beside_it_is_found(self, server: Any, make_raster: Any) -> None:
        _with_sidecars(make_raster)
        with open_raster(f"{server.url}/scene.png", GSD, source_gsd=GSD) as remote:
            assert remote.native_grid.transform.c == 130_000
        with open_raster(f"{server.url}/scene.tif", GSD) as remote:
            assert not remote.read(_window(0, 0, 40, 40)).valid[:, :20].any()


def _with_sidecars(make_raster: Any) -> tuple[Path, Path]:
    """Write a PNG with a world file, and a TIFF with mask and overviews beside it."""
    plain = make_raster("scene.png", crs=None, located=False)
    plain.with_suffix(".pgw").write_text("0.1\n0\n0\n-0.1\n130000.05\n454999.95\n")
    path = make_raster("scene.tif", width=300, height=300)
    mask = np.ones((300, 300), bool)
    mask[:, :20] = False
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as raster:
        raster.write_mask(mask)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as raster:
        raster.build_overviews([2])
    assert path.with_name("scene.tif.msk").is_file()
    assert path.with_name("scene.tif.ovr").is_file()
    return plain, path


def test_what_lies_beside_a_local_file_is_found(make_raster: Any) -> None:
    plain, path = _with_sidecars(make_raster)
    with open_dataset(plain, "scene.png") as raster:
        assert raster.transform.c == 130_000
    with open_dataset(path, "scene.tif") as raster:
        assert raster.overviews(1) == [2]
        assert not raster.dataset_mask()[:, :20].any()


def test_options_hold_in_every_thread_while_gdal_is_called() -> None:
    seen = []

    def ask() -> None:
        with calling_gdal("scene", "cannot be read", "try again"):
            seen.append({key: get_gdal_config(key) for key in OPTIONS})

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    ask()
    assert seen[0] == seen[1]
    assert seen[0]["GDAL_HTTP_MAX_RETRY"] == OPTIONS["GDAL_HTTP_MAX_RETRY"]


def test_the_environment_goes_before(monkeypatch: Any) -> None:
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "9")
    with calling_gdal("scene", "cannot be read", "try again"):
        assert get_gdal_config("GDAL_HTTP_MAX_RETRY") == 9


def test_the_cache_is_bounded_and_stays_so(make_raster: Any) -> None:
    gdal._bound_cache.cache_clear()
    with open_raster(make_raster(), GSD) as source:
        source.read(_window(0, 0, 10, 10))
        assert get_gdal_config("GDAL_CACHEMAX") == CACHE_BYTES
    assert get_gdal_config("GDAL_CACHEMAX") == CACHE_BYTES


def test_a_cache_that_the_user_chose_is_left_alone(make_raster: Any, monkeypatch: Any) -> None:
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES + 1):
        monkeypatch.setenv("GDAL_CACHEMAX", "257")
        gdal._bound_cache.cache_clear()
        open_raster(make_raster(), GSD).close()
        assert get_gdal_config("GDAL_CACHEMAX") == CACHE_BYTES + 1
    gdal._bound_cache.cache_clear()


def test_gdals_words_become_one_line() -> None:
    with (
        pytest.raises(RasterError, match=r"^a\.tif is bad \(one two\); mend it$"),
        calling_gdal("a.tif", "is bad", "mend it"),
    ):
        raise OSError("one\n  two")


@pytest.mark.parametrize(
    "error",
    [
        OSError("'/vsicurl/https://me:secret@example.org/a.tif?sig=secret' not recognized"),
        ValueError("no https://example.org/a.tif?sig=secret, there"),
        MemoryError(),
        CPLE_AppDefinedError(3, 1, "TIFFReadDirectory:\nFailed to read directory"),
    ],
)
def test_reasons_keep_secrets_and_are_one_line(error: Exception) -> None:
    line = r"^a\.tif cannot be read \(.+\); wait$"
    with (
        pytest.raises(RasterError, match=line) as caught,
        calling_gdal("a.tif", "cannot be read", "wait"),
    ):
        raise error
    assert "secret" not in str(caught.value)
