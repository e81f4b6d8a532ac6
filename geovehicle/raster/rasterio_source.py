"""Rasters of any format that GDAL reads, through rasterio."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from geovehicle.errors import GeoreferenceError, RasterError, SettingsError
from geovehicle.georeference import GeoGrid
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch, Stretch, is_black, opened, scene_grid
from geovehicle.settings import WIDEST_VEHICLE_M

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

GDAL_OPTIONS = {"GDAL_ERROR_ON_LIBJPEG_WARNING": True, "GDAL_PNG_WHOLE_IMAGE_OPTIM": False}
"""Without them the missing part of a truncated JPEG or PNG is silently grey."""

STRETCH_SAMPLE = 1024
"""Longer side of the decimated read for the stretch: a million pixels settle
percentiles to a fraction of an 8-bit level."""

RESAMPLING_MARGIN = 4
"""GDAL computes the outermost pixels of a resampled read from fewer neighbours
where overviews come in; this many more are read all around and cut off."""


def open_raster(
    path: str | os.PathLike[str],
    gsd: float,
    *,
    source_gsd: float | None = None,
    bands: tuple[int, ...] | None = None,
) -> RasterioSource:
    """Open a raster to read it at a ground sampling distance.

    Parameters
    ----------
    path : str or path-like
        A file, or anything else that GDAL opens.
    gsd : float
        Metres on the ground of a scene pixel: the model's.
    source_gsd : float, optional
        Metres on the ground of a raster pixel, in place of what the CRS says; the
        grids of the source have it as their ``gsd``.
    bands : tuple of int, optional
        Numbers, from 1, of the red, green and blue bands, or of one grey band.
        By default colour interpretation decides, else the first three bands are
        taken, or the first alone if there are fewer.

    Returns
    -------
    RasterioSource
        A context manager, for one thread.

    Raises
    ------
    RasterError
        If the raster cannot be opened or has not the bands.
    GeoreferenceError
        If it is not known how large its pixels are on the ground.
    SettingsError
        If ``bands`` or ``source_gsd`` is out of its range.
    """
    name = PurePath(path).name
    with _gdal(name, "cannot be opened", "check the path and the format"):
        dataset = rasterio.open(path)
    try:
        return RasterioSource(dataset, name, (gsd, source_gsd), bands)
    except BaseException:
        dataset.close()
        raise


class RasterioSource:
    """A raster seen at the model's ground sampling distance; see :func:`open_raster`.

    Attributes
    ----------
    name : str
        The file name.
    native_grid : GeoGrid
        The raster's own pixels.
    grid : GeoGrid
        The scene's pixels: the native grid itself where its ground sampling
        distance is within ``GSD_TOLERANCE`` of the model's.
    gsd : tuple of float
        Metres on the ground of a scene pixel, along a row and along a column.
    bands : tuple of int
        The bands read, from 1: red, green, blue, or one grey or palette band.
    stretch : Stretch or None
        How values became 8 bits; None where they were.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        name: str,
        gsd: tuple[float, float | None],
        bands: tuple[int, ...] | None,
    ) -> None:
        self.name = name
        self._dataset = dataset
        self._model_gsd, source_gsd = gsd
        self.bands = _choose_bands(dataset, name, bands)
        self._palette = _palette(dataset, self.bands)
        self._flags = dataset.mask_flag_enums[self.bands[0] - 1]
        self.native_grid = _native_grid(dataset, source_gsd)
        try:
            native_gsd = _native_gsd(dataset, self.native_grid)
            self.grid = scene_grid(self.native_grid, native_gsd, self._model_gsd)
            self.gsd = (
                native_gsd[0] * self.native_grid.width / self.grid.width,
                native_gsd[1] * self.native_grid.height / self.grid.height,
            )
        except GeoreferenceError as error:
            raise GeoreferenceError(f"{name}: {error}") from error
        eight_bit = {dataset.dtypes[band - 1] for band in self.bands} == {"uint8"}
        # Nodata among 256 levels is a colour too: a glint may be 255, a shadow 0.
        self._nodata_is_colour = (
            eight_bit and self._palette is None and MaskFlags.nodata in self._flags
        )
        self.stretch = None if eight_bit else self._estimate_stretch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()

    def read(self, window: PatchWindow) -> Patch:
        """Read the pixels of a window that lies inside the scene.

        More is read all around and cut off, so that neither resampling nor the
        search for black surroundings depends on where the window ends.

        Raises
        ------
        RasterError
            If the file is damaged.
        """
        side = _square(self._model_gsd)
        margin = max(RESAMPLING_MARGIN, side - 1)
        left, top = max(0, window.col - margin), max(0, window.row - margin)
        right = min(self.grid.width, window.col + window.width + margin)
        bottom = min(self.grid.height, window.row + window.height + margin)
        shape = bottom - top, right - left
        pixels, valid = self._pixels((left, top, right, bottom), shape, side)
        rows = slice(window.row - top, window.row - top + window.height)
        columns = slice(window.col - left, window.col - left + window.width)
        pixels, valid = pixels[:, rows, columns], valid[rows, columns]
        return Patch(np.ascontiguousarray(pixels), np.ascontiguousarray(valid), window)

    def overview(self, longest: int) -> Patch:
        """Read the whole scene, decimated to at most ``longest`` pixels a side.

        The window of the result is in the overview's own pixels.

        Raises
        ------
        RasterError
            If the file is damaged.
        """
        factor = max(1.0, max(self.grid.width, self.grid.height) / longest)
        width, height = (max(1, round(n / factor)) for n in (self.grid.width, self.grid.height))
        scene = 0, 0, self.grid.width, self.grid.height
        pixels, valid = self._pixels(scene, (height, width), _square(self._model_gsd * factor))
        return Patch(pixels, valid, PatchWindow(0, 0, width, height, (0, 0, width, height)))

    def _pixels(
        self, bounds: tuple[int, int, int, int], shape: tuple[int, int], side: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return 8-bit RGB and validity of ``bounds`` (scene pixels) in ``shape``."""
        values, valid = self._values(bounds, shape)
        outside = opened(is_black(values) | ~valid, side)
        valid = ~outside if self._nodata_is_colour else valid & ~outside
        levels = self.stretch.apply(values) if self.stretch else values
        pixels = np.repeat(levels, 3, axis=0) if len(levels) == 1 else levels
        pixels[:, ~valid] = 0
        return pixels, valid

    def _values(
        self,
        bounds: tuple[int, int, int, int],
        shape: tuple[int, int],
        resampling: Resampling | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the raster's values, finite, and where its masks call them valid."""
        scale_x = self.native_grid.width, self.grid.width
        scale_y = self.native_grid.height, self.grid.height
        left, right = (edge * scale_x[0] / scale_x[1] for edge in bounds[::2])
        top, bottom = (edge * scale_y[0] / scale_y[1] for edge in bounds[1::2])
        decimation = max((right - left) / shape[1], (bottom - top) / shape[0])
        how = {
            "window": Window(left, top, right - left, bottom - top),
            "resampling": resampling or self._resampling(decimation),
        }
        with _gdal(self.name, "cannot be read", "the file is damaged or incomplete"):
            values = self._dataset.read(self.bands, out_shape=(len(self.bands), *shape), **how)
            valid = self._mask(shape, how)
        if self._palette is not None:
            red_green_blue_alpha = self._palette[:, values[0]]
            return red_green_blue_alpha[:3], valid & (red_green_blue_alpha[3] > 0)
        finite = np.isfinite(values).all(axis=0)
        values[:, ~finite] = 0
        return values, valid & finite

    def _mask(self, shape: tuple[int, int], how: dict[str, Any]) -> NDArray[np.bool_]:
        """Return where nodata, mask band or alpha leave any of the bands valid."""
        if MaskFlags.all_valid in self._flags:
            return np.ones(shape, bool)
        bands = self.bands if MaskFlags.nodata in self._flags else self.bands[:1]
        masks = self._dataset.read_masks(bands, out_shape=(len(bands), *shape), **how)
        valid: NDArray[np.bool_] = masks.any(axis=0)
        return valid

    @staticmethod
    def _resampling(decimation: float) -> Resampling:
        """Choose by the raster's pixels a side of one that is read."""
        if decimation > 1:
            return Resampling.average  # GDAL averages the colours of a palette, too
        return Resampling.nearest if decimation == 1 else Resampling.cubic

    def _estimate_stretch(self) -> Stretch:
        factor = max(1.0, max(self.grid.width, self.grid.height) / STRETCH_SAMPLE)
        shape = math.ceil(self.grid.height / factor), math.ceil(self.grid.width / factor)
        scene = 0, 0, self.grid.width, self.grid.height
        values, valid = self._values(scene, shape, Resampling.nearest)
        return Stretch.estimate(values, valid & ~is_black(values))


@contextmanager
def _gdal(name: str, what: str, way_out: str) -> Iterator[None]:
    """Run GDAL quietly and turn its exceptions into one line."""
    with warnings.catch_warnings(), rasterio.Env(**GDAL_OPTIONS):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            yield
        except (RasterioError, OSError, ValueError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise RasterError(f"{name} {what} ({reason}); {way_out}") from error


def _choose_bands(
    dataset: DatasetReader, name: str, bands: tuple[int, ...] | None
) -> tuple[int, ...]:
    count = dataset.count
    if count == 0:
        inside = f"; open what it contains, such as {dataset.subdatasets[0]}"
        raise RasterError(f"{name} has no bands{inside if dataset.subdatasets else ''}")
    chosen = _default_bands(dataset.colorinterp) if bands is None else tuple(bands)
    if len(chosen) not in (1, 3):
        raise SettingsError(f"{len(chosen)} bands were chosen; give three, or one that is grey")
    if not all(1 <= band <= count for band in chosen):
        numbers = ",".join(map(str, chosen))
        raise RasterError(f"{name} has {count} band(s), not {numbers}; choose from 1 to {count}")
    dtypes = {dataset.dtypes[band - 1] for band in chosen}
    if any("complex" in dtype for dtype in dtypes):
        raise RasterError(f"{name} has complex values; convert them to amplitudes first")
    if len(dtypes) > 1:
        raise RasterError(f"{name} mixes {' and '.join(sorted(dtypes))}; choose bands of one type")
    return chosen


def _default_bands(colours: tuple[ColorInterp, ...]) -> tuple[int, ...]:
    wanted = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if set(wanted) <= set(colours):
        return tuple(colours.index(colour) + 1 for colour in wanted)
    numbers = [n for n, colour in enumerate(colours, 1) if colour != ColorInterp.alpha] or [1]
    return tuple(numbers[:3] if len(numbers) >= 3 else numbers[:1])


def _palette(dataset: DatasetReader, bands: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return red, green, blue, alpha of each value, (4, values), if they are indices."""
    if len(bands) != 1 or dataset.colorinterp[bands[0] - 1] != ColorInterp.palette:
        return None
    entries = dataset.colormap(bands[0])
    table = np.zeros((4, np.iinfo(dataset.dtypes[bands[0] - 1]).max + 1), np.uint8)
    for value, colour in entries.items():
        table[:, value] = colour
    return table


def _native_grid(dataset: DatasetReader, source_gsd: float | None) -> GeoGrid:
    if source_gsd is not None and not (math.isfinite(source_gsd) and source_gsd > 0):
        raise SettingsError(f"a ground sampling distance of {source_gsd} m; give one above 0")
    gsd = None if source_gsd is None else (source_gsd, source_gsd)
    grid = GeoGrid(dataset.width, dataset.height, dataset.transform, dataset.crs or None, gsd)
    # Coordinates that count pixels are in no CRS, whatever the file says.
    return grid if grid.located else replace(grid, transform=Affine.identity(), crs=None)


def _native_gsd(dataset: DatasetReader, grid: GeoGrid) -> tuple[float, float]:
    if grid.gsd is None and not grid.located and (dataset.gcps[0] or dataset.rpcs):
        kind = "ground control points" if dataset.gcps[0] else "RPCs"
        raise GeoreferenceError(f"the raster has only {kind}; rectify it with gdalwarp first")
    return grid.ground_sampling_distance()


def _square(gsd: float) -> int:
    """Return the pixels a side of the black square that no vehicle holds."""
    return max(1, math.ceil(WIDEST_VEHICLE_M / gsd))
