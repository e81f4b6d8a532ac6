"""Rasters of any format that GDAL reads, through rasterio."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from affine import Affine
from rasterio.enums import MaskFlags, Resampling
from rasterio.windows import Window

from geovehicle.errors import GeoreferenceError, RasterError, SettingsError
from geovehicle.georeference import GeoGrid
from geovehicle.patches import PatchWindow
from geovehicle.raster.bands import choose_bands, levels_of, names_of, palette_of
from geovehicle.raster.doubts import odd_stretch
from geovehicle.raster.gdal import calling_gdal, open_dataset
from geovehicle.raster.inputs import is_remote, name_of
from geovehicle.raster.source import Patch, Stretch, clipped_gsd, is_black, opened, scene_grid
from geovehicle.raster.stored import Stored, stored_in
from geovehicle.raster.vetting import refuse_large_tiles
from geovehicle.settings import WIDEST_VEHICLE_M

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

    from geovehicle.doubts import Doubt

    Bounds = tuple[int, int, int, int]

STRETCH_SAMPLE = 1024
"""Longer side of the decimated read for the stretch: a million pixels settle
percentiles to a fraction of an 8-bit level."""

RESAMPLING_MARGIN = 4
"""GDAL computes the outermost pixels of a resampled read from fewer neighbours
where overviews come in; this many more are read all around and cut off."""


def open_raster(
    path: str | os.PathLike[str],
    gsd: float | tuple[float, float] | None,
    *,
    source_gsd: float | None = None,
    bands: tuple[int, ...] | None = None,
    stretch: Stretch | None = None,
) -> RasterioSource:
    """Open a raster to read it at a ground sampling distance.

    A source belongs to one thread.  Others open the raster again, for themselves, and
    read the same pixels.

    Parameters
    ----------
    path : str or path-like
        A file, or anything else that GDAL opens.
    gsd : float, (float, float) or None
        Metres on the ground of a scene pixel.  Of a finest and a coarsest, the raster's own is
        taken where it lies between them, and with None in any case: the finer one where its
        pixels are not square.
    source_gsd : float, optional
        Metres on the ground of a raster pixel, in place of what the CRS says; the
        grids of the source have it as their ``gsd``.
    bands : tuple of int, optional
        Numbers, from 1, of the red, green and blue bands, or of one grey band.
        By default colour interpretation decides, else the first three bands are
        taken, or the first alone if there are fewer.
    stretch : Stretch, optional
        That of another source of the same raster and bands; without it, it is estimated
        from a sample of the whole raster.  8-bit rasters have none.

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
    name = name_of(path)
    dataset = open_dataset(path, name)
    try:
        return RasterioSource(dataset, name, (gsd, source_gsd), bands, stretch)
    except BaseException:
        dataset.close()
        raise


class RasterioSource:
    """A raster seen at a ground sampling distance; see :func:`open_raster`.

    Attributes
    ----------
    name : str
        The file name, see :func:`geovehicle.raster.inputs.name_of`.
    native_grid : GeoGrid
        The raster's own pixels.
    grid : GeoGrid
        The scene's pixels: the native grid itself where its ground sampling
        distance is within ``GSD_TOLERANCE`` of the scene's.
    gsd, native_gsd : tuple of float
        Metres on the ground of a scene pixel, and of a raster pixel, along a row and along a
        column.
    bands : tuple of int
        The bands read, from 1: red, green, blue, or one grey or palette band.
    names : tuple of str
        What the file says that these are.
    reading : tuple of str
        What decides which values are valid and which colours they are, be it in the file or in
        GDAL's notes beside it.
    metadata : str
        The XMP packet of the camera or of other software; empty without.
    model_gsd, scene_gsd : float
        The coarsest ground sampling distance that was asked for, and that of the scene.
    stretch : Stretch or None
        How values became 8 bits; None where they were.
    stretch_doubt : Doubt or None
        What is odd about it, if it was estimated here.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        name: str,
        gsd: tuple[float | tuple[float, float] | None, float | None],
        bands: tuple[int, ...] | None,
        stretch: Stretch | None = None,
    ) -> None:
        self.name = name
        self._dataset = dataset
        self._damaged = "the file is damaged or incomplete"
        if is_remote(dataset.name):
            self._damaged += ", or its server does not answer"
        asked, source_gsd = gsd
        with calling_gdal(name, "is not understood", self._damaged):
            self.bands = choose_bands(dataset, name, bands)
            refuse_large_tiles(dataset, name, self.bands)
            self._palette = palette_of(dataset, name, self.bands)
            self._levels = None if self._palette is not None else levels_of(dataset, self.bands)
            self._flags = dataset.mask_flag_enums[self.bands[0] - 1]
            of_all = dataset.nodatavals
            nodata = [of_all[band - 1] for band in self.bands]
            self.reading = _reading(self.bands, nodata, self._flags, self._palette, self._levels)
            self.native_grid = _native_grid(dataset, source_gsd)
            gcps, rpcs = dataset.gcps[0], dataset.rpcs
            self.names = names_of(dataset, self.bands)
            self.metadata = str(dataset.tags(ns="xml:XMP").get("xml:XMP", ""))
        try:
            self.native_gsd = _native_gsd(self.native_grid, bool(gcps), bool(rpcs))
            span = (asked, asked) if isinstance(asked, float | int) else asked
            own = min(self.native_gsd)
            self.model_gsd = own if span is None else span[1]
            self.scene_gsd = own if span is None else clipped_gsd(own, span)
            self.grid = scene_grid(self.native_grid, self.native_gsd, self.scene_gsd)
            self.gsd = (
                self.native_gsd[0] * self.native_grid.width / self.grid.width,
                self.native_gsd[1] * self.native_grid.height / self.grid.height,
            )
        except GeoreferenceError as error:
            raise GeoreferenceError(f"{name}: {error}") from error
        # the colours of a palette have eight bits, whatever its indices have
        eight_bit = dataset.dtypes[self.bands[0] - 1] == "uint8" or self._palette is not None
        # Nodata among 256 levels is a colour too: a glint may be 255, a shadow 0.
        self._nodata_is_colour = (
            eight_bit and self._palette is None and MaskFlags.nodata in self._flags
        )
        self.stretch_doubt: Doubt | None = None
        self.stretch = None if eight_bit else stretch or self._estimate_stretch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()

    @property
    def crs_gsd(self) -> tuple[float, float] | None:
        """Metres on the ground of a raster pixel by the CRS alone; None where it tells none."""
        try:
            return replace(self.native_grid, gsd=None).ground_sampling_distance()
        except GeoreferenceError:
            return None

    @property
    def files(self) -> tuple[str, ...]:
        """What the raster is made of: itself, what lies beside it, a VRT's sources at any depth.

        Empty for a raster on a server.

        Raises
        ------
        RasterError
            If a VRT among a VRT's sources cannot be opened, or a source's tiles fill the memory.
        """
        if is_remote(self._dataset.name):
            return ()
        with calling_gdal(self.name, "cannot be read", self._damaged):
            return tuple(_files_of(self._dataset, {}))

    def read(self, window: PatchWindow) -> Patch:
        """Read the pixels of a window that lies inside the scene.

        More is read all around and cut off, so that neither resampling nor the
        search for black surroundings depends on where the window ends.

        Raises
        ------
        RasterError
            If the file is damaged.
        """
        right, bottom = window.col + window.width, window.row + window.height
        around = self._with_margin((window.col, window.row, right, bottom))
        left, top = around[:2]
        shape = around[3] - top, around[2] - left
        pixels, valid = self._pixels(around, shape, _square(self.scene_gsd))
        rows, columns = (
            slice(window.row - top, bottom - top),
            slice(window.col - left, right - left),
        )
        pixels, valid = pixels[:, rows, columns], valid[rows, columns]
        return Patch(np.ascontiguousarray(pixels), np.ascontiguousarray(valid), window)

    def may_hold_data(self, window: Bounds) -> bool:
        """Return False if it is certain, without reading, that nothing there is valid.

        So it is where a VRT mosaic has no source, or a sparse GeoTIFF no block, as far as
        :meth:`read` would look.  Overviews are taken to show what the raster shows.

        Parameters
        ----------
        window : tuple of int
            ``left, top, right, bottom``, scene pixels, half open.

        Raises
        ------
        RasterError
            If the file is damaged.
        """
        around = self._with_margin(window)
        if min(around[2] - around[0], around[3] - around[1]) < _square(self.scene_gsd):
            return True  # too little black to be the outside
        left, top, right, bottom = self._native(around)
        more = RESAMPLING_MARGIN if self.grid != self.native_grid else 0
        with calling_gdal(self.name, "cannot be read", self._damaged):
            return self._stored.touches((left - more, top - more, right + more, bottom + more))

    @cached_property
    def _stored(self) -> Stored:
        return stored_in(self._dataset, self.bands)

    def _with_margin(self, window: Bounds) -> Bounds:
        """Return what has to be read around a window, scene pixels."""
        margin = max(RESAMPLING_MARGIN, _square(self.scene_gsd) - 1)
        left, top, right, bottom = window
        return (
            max(0, left - margin),
            max(0, top - margin),
            min(self.grid.width, right + margin),
            min(self.grid.height, bottom + margin),
        )

    def _native(self, bounds: Bounds) -> tuple[float, float, float, float]:
        """Turn scene pixels into the raster's own."""
        scale_x = self.native_grid.width, self.grid.width
        scale_y = self.native_grid.height, self.grid.height
        left, right = (edge * scale_x[0] / scale_x[1] for edge in bounds[::2])
        top, bottom = (edge * scale_y[0] / scale_y[1] for edge in bounds[1::2])
        return left, top, right, bottom

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
        pixels, valid = self._pixels(scene, (height, width), _square(self.scene_gsd * factor))
        return Patch(pixels, valid, PatchWindow(0, 0, width, height, (0, 0, width, height)))

    def _pixels(
        self, bounds: Bounds, shape: tuple[int, int], side: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return 8-bit RGB and validity of ``bounds`` (scene pixels) in ``shape``."""
        values, valid = self._values(bounds, shape)
        inside = ~opened(is_black(values) | ~valid, side)
        valid = inside if self._nodata_is_colour else valid & inside
        levels = self.stretch.apply(values) if self.stretch else values
        pixels = np.repeat(levels, 3, axis=0) if len(levels) == 1 else levels
        pixels *= valid
        return pixels, valid

    def _values(
        self,
        bounds: Bounds,
        shape: tuple[int, int],
        resampling: Resampling | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the raster's values, finite, and where its masks call them valid."""
        left, top, right, bottom = self._native(bounds)
        decimation = max((right - left) / shape[1], (bottom - top) / shape[0])
        how = {
            "window": Window(left, top, right - left, bottom - top),
            "resampling": resampling or self._resampling(decimation),
        }
        with calling_gdal(self.name, "cannot be read", self._damaged):
            values = self._dataset.read(self.bands, out_shape=(len(self.bands), *shape), **how)
            valid = self._mask(shape, how)
        if self._levels is not None:
            return self._levels[values], valid
        if self._palette is not None:
            red_green_blue_alpha = self._palette[:, values[0]]
            return red_green_blue_alpha[:3], valid & (red_green_blue_alpha[3] > 0)
        if np.issubdtype(values.dtype, np.integer):
            return values, valid
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
        counted = valid & ~is_black(values)
        stretch = Stretch.estimate(values, counted)
        self.stretch_doubt = odd_stretch(values[:, counted], stretch)
        return stretch


def _files_of(dataset: DatasetReader, known: dict[str, None]) -> dict[str, None]:
    """Add to the known files, in order, those of a dataset and of the VRTs among them."""
    for file in dataset.files:
        new = file not in known and file != dataset.name
        known[file] = None
        if new and file.lower().endswith(".vrt"):
            with open_dataset(file, name_of(file)) as inner:
                _files_of(inner, known)
        elif new and dataset.driver == "VRT":
            _refuse_bomb(file)
    return known


def _refuse_bomb(file: str) -> None:
    """Make sure that the tiles of a VRT's source fit the memory."""
    try:
        source = open_dataset(file, name_of(file))
    except RasterError:
        return  # it lies beside a source, or it is missing and a read will tell
    with source:
        refuse_large_tiles(source, name_of(file), (1,))


def _native_grid(dataset: DatasetReader, source_gsd: float | None) -> GeoGrid:
    if source_gsd is not None and not (math.isfinite(source_gsd) and source_gsd > 0):
        raise SettingsError(f"a ground sampling distance of {source_gsd} m; give one above 0")
    gsd = None if source_gsd is None else (source_gsd, source_gsd)
    grid = GeoGrid(dataset.width, dataset.height, dataset.transform, dataset.crs or None, gsd)
    # Coordinates that count pixels are in no CRS, whatever the file says.
    return grid if grid.located else replace(grid, transform=Affine.identity(), crs=None)


def _native_gsd(grid: GeoGrid, gcps: bool, rpcs: bool) -> tuple[float, float]:
    if grid.gsd is None and not grid.located and (gcps or rpcs):
        kind = "ground control points" if gcps else "RPCs"
        raise GeoreferenceError(f"the raster has only {kind}; rectify it with gdalwarp first")
    return grid.ground_sampling_distance()


def _reading(*what: Any) -> tuple[str, ...]:
    """Return numbers, flags and tables as short texts, equal where they are."""
    return tuple(
        sha256(one.tobytes()).hexdigest() if isinstance(one, np.ndarray) else str(one)
        for one in what
    )


def _square(gsd: float) -> int:
    """Return the pixels a side of the black square that no vehicle holds."""
    return max(1, math.ceil(WIDEST_VEHICLE_M / gsd))
