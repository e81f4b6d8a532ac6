"""The raster factory, weights that know nothing, and where real data is found."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import settings
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from rasterio.control import GroundControlPoint

settings.register_profile("geovehicle", deadline=None)  # a busy machine is no failure
settings.load_profile("geovehicle")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

REQUIRED = "GEOVEHICLE_REQUIRE_SYSTEM"
"""Where this variable is set, a test fails that lacks a program; elsewhere it skips."""


SLOW = (
    "test_real_orthophotos",
    "test_training",
    "test_provider",
    "test_quantisation",
    "test_graph",
    "test_determinism",
    "test_jobs",
    "test_documented_commands",
)
"""Modules that begin, so that no process is left with one of them when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow modules first."""
    order = {name: number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: order.get(item.path.stem, len(SLOW)))


@dataclass(frozen=True)
class RasterRecipe:
    """Everything a raster can be; the default is plain 10 cm RGB in the Netherlands."""

    width: int = 96
    height: int = 64
    count: int = 3
    dtype: str = "uint8"
    pixels: NDArray[Any] | None = None
    """(count, height, width), or (height, width) for one band; noise by default."""
    crs: str | None = "EPSG:28992"
    gsd: tuple[float, float] = (0.1, 0.1)
    """Pixel size in CRS units along columns and rows; negative rows are south-up."""
    angle: float = 0.0
    shear: float = 0.0
    """Degrees."""
    origin: tuple[float, float] = (130_000.0, 455_000.0)
    transform: Affine | None = None
    """In place of gsd, angle, shear and origin."""
    located: bool = True
    nodata: float | None = None
    mask: NDArray[np.bool_] | None = None
    """Written as a mask band inside the file."""
    alpha: NDArray[np.uint8] | None = None
    """Written as one more band."""
    colours: Sequence[ColorInterp] | None = None
    palette: Mapping[int, tuple[int, int, int, int]] | None = None
    gcps: Sequence[GroundControlPoint] = ()
    rpcs: Any = None
    overviews: Sequence[int] = ()
    creation: Mapping[str, Any] = field(default_factory=dict)

    def affine(self) -> Affine:
        """Return the geotransform."""
        if self.transform is not None:
            return self.transform
        parts = (
            Affine.translation(*self.origin),
            Affine.rotation(self.angle),
            Affine.shear(self.shear),
            Affine.scale(self.gsd[0], -self.gsd[1]),
        )
        product = Affine.identity()
        with warnings.catch_warnings():  # affine 3 prefers @, which affine 2 has not
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            for part in parts:
                product = product * part
        return product

    def array(self) -> NDArray[Any]:
        """Return the pixels, (count, height, width)."""
        if self.pixels is not None:
            return np.atleast_3d(self.pixels.T).T if self.pixels.ndim == 2 else self.pixels
        noise = np.random.default_rng(0).integers(20, 236, (self.count, self.height, self.width))
        return noise.astype(self.dtype)

    def write(self, path: Path) -> Path:
        """Write the raster in the format that the name asks for."""
        pixels = self.array()
        bands = pixels if self.alpha is None else np.concatenate([pixels, self.alpha[None]])
        profile = {
            "count": len(bands),
            "height": bands.shape[1],
            "width": bands.shape[2],
            "dtype": bands.dtype,
            "crs": self.crs,
            "nodata": self.nodata,
            **self.creation,
        }
        if self.palette is not None:
            profile["photometric"] = "palette"
        if self.located and not self.gcps:
            profile["transform"] = self.affine()
        with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", **profile) as raster:
                self._fill(raster, bands)
            if self.overviews:
                with rasterio.open(path, "r+") as raster:
                    raster.build_overviews(self.overviews, Resampling.average)
        return path

    def _fill(self, raster: Any, bands: NDArray[Any]) -> None:
        if self.colours is not None:
            raster.colorinterp = self.colours
        elif self.alpha is not None:
            raster.colorinterp = [*raster.colorinterp[:-1], ColorInterp.alpha]
        raster.write(bands)
        if self.palette is not None:
            raster.write_colormap(1, self.palette)
        if self.mask is not None:
            raster.write_mask(self.mask)
        if self.gcps:
            raster.gcps = list(self.gcps), rasterio.crs.CRS.from_user_input(self.crs)
        if self.rpcs is not None:
            raster.rpcs = self.rpcs


MakeRaster = Callable[..., Path]


@pytest.fixture
def make_raster(tmp_path: Path) -> MakeRaster:
    """Return a function that writes a raster and returns its path.

    It takes a file name, "scene.tif" by default, and the fields of
    ``RasterRecipe`` as keywords.
    """

    def make(name: str = "scene.tif", **recipe: Any) -> Path:
        return RasterRecipe(**recipe).write(tmp_path / name)

    return make


NeedsProgram = Callable[..., str]
ReadLayer = Callable[..., "gpd.GeoDataFrame"]


@pytest.fixture(scope="session")
def needs() -> Callable[[object, str], None]:
    """Return a function that skips the test, or fails it in CI, where something is absent.

    It takes what was looked for, and its name.
    """

    def check(found: object, what: str) -> None:
        if not found:
            (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(f"{what} is absent")

    return check


@pytest.fixture(scope="session")
def needs_program(needs: Callable[[object, str], None]) -> NeedsProgram:
    """Return a function that takes names of programs and returns the path of the first there is.

    Where there is none, the test skips.
    """

    def find(*names: str) -> str:
        found = next(filter(None, map(shutil.which, names)), None)
        needs(found, f"the program {names[0]}")
        return str(found)

    return find


@pytest.fixture(scope="session")
def read_layer() -> ReadLayer:
    """Return a function that reads a layer: the first with geometries where it gets no name."""
    import pyogrio

    def read(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
        if layer is None:
            layer = next(str(name) for name, kind in pyogrio.list_layers(path) if kind)
        return pyogrio.read_dataframe(path, layer=layer)

    return read


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data, or skip the test."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data is absent: no folder shared/data beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint that has learnt nothing: at score 0 it finds something everywhere."""
    import torch

    from geovehicle.model.build import build_detector
    from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
    from geovehicle.settings import DetectorConfig

    config = DetectorConfig(
        backbone="resnet50v2",
        feature_channels=8,
        rpn_channels=8,
        head_channels=8,
        rpn_top_n=50,
        detections_per_patch=20,
    )
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    provenance = {"images": 0, "sources": ["nowhere", "nothing"], "settings": {"iterations": 0}}
    torch.manual_seed(0)
    info = ModelInfo(config, ("vehicle",), 0.1, "CC0-1.0", provenance)
    save_checkpoint(path, build_detector(config), info)
    return path


@pytest.fixture(scope="session")
def tiny_script() -> Path:
    """Return the script that trains a tiny network."""
    return Path(__file__).parent / "learning" / "tiny_run.py"


@pytest.fixture
def tiny(tiny_script: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Put a backbone of three layers in place of ResNet; return the names of the script."""
    from geovehicle.model import build

    names = SimpleNamespace(**runpy.run_path(str(tiny_script)))
    for name, value in names.PATCHES.items():
        monkeypatch.setattr(build, name, value)
    return names


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with room for 400 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if not umount or not mount or subprocess.run(command, capture_output=True).returncode:  # noqa: S603
        pytest.skip("a small disk can be mounted by root on Linux only")
    yield folder
    subprocess.run([umount, "-l", str(folder)], check=True)  # noqa: S603
