"""Where to look: polygons of a vector file, and which pixels and vehicles they let count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyogrio
import shapely

from geovehicle.errors import GeoreferenceError, InputError
from geovehicle.placement import in_pixels, parts_of

if TYPE_CHECKING:
    import pyproj
    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid

LAYER = "|layername="
"""Stands between a file and the name of one of its layers, as QGIS writes it."""


@dataclass(frozen=True, eq=False)
class Region:
    """Polygons on the ground.

    Parameters
    ----------
    name : str
        What the user calls it: the file.
    polygons : ndarray of shapely.Polygon, shape (N,)
        Valid ones, which may overlap; x, y in the CRS.
    crs : pyproj.CRS or None
        None for the units of a geotransform without CRS.
    """

    name: str
    polygons: NDArray[np.object_]
    crs: pyproj.CRS | None

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of polygons and CRS as hexadecimal digits."""
        digest = hashlib.sha256(self.crs.to_wkt().encode() if self.crs else b"")
        for shape in shapely.to_wkb(self.polygons, byte_order=1):
            digest.update(shape)
        return digest.hexdigest()

    def within(self, grid: GeoGrid) -> shapely.Geometry:
        """Return what of the region lies on a grid or beside it, in the grid's pixels.

        Raises
        ------
        GeoreferenceError
            If only one of both has a CRS, or if there is no way between their CRSs.
        """
        try:
            return in_pixels(self.polygons, self.crs, grid)
        except GeoreferenceError as error:
            raise GeoreferenceError(f"{self.name} cannot be placed: {error}") from error


@dataclass(frozen=True, eq=False)
class PixelArea:
    """Where vehicles count in one scene.

    Parameters
    ----------
    include : shapely.Geometry or None
        In scene pixels; a vehicle counts whose centre is inside or on the border.  None
        is everywhere.
    exclude : shapely.Geometry or None
        In scene pixels; a vehicle does not count whose centre is inside.
    fingerprint : str
        Tells it from other areas.
    """

    include: shapely.Geometry | None
    exclude: shapely.Geometry | None
    fingerprint: str

    def __post_init__(self) -> None:
        for geometry in (self.include, self.exclude):
            shapely.prepare(geometry)

    def touches(self, bounds: tuple[int, int, int, int]) -> bool:
        """Tell whether a vehicle may count whose centre is in a rectangle.

        Parameters
        ----------
        bounds : tuple of int
            ``left, top, right, bottom`` in scene pixels.

        Returns
        -------
        bool
            False only where none does; True may err.
        """
        box = shapely.box(*bounds)
        if self.include is not None and not shapely.intersects(self.include, box):
            return False
        return self.exclude is None or not shapely.contains_properly(self.exclude, box)

    def keeps(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which vehicles count.

        Parameters
        ----------
        points : ndarray of float64, shape (N, 2)
            Their centres in scene pixels.

        Returns
        -------
        ndarray of bool, shape (N,)
        """
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        kept = np.ones(len(x), bool)
        if self.include is not None:
            kept &= shapely.intersects_xy(self.include, x, y)
        if self.exclude is not None:
            kept &= ~shapely.contains_xy(self.exclude, x, y)
        return kept


@dataclass(frozen=True, eq=False)
class Whereabouts:
    """Where to look.

    Parameters
    ----------
    include, exclude : Region, optional
        Only in the one, not in the other.
    """

    include: Region | None = None
    exclude: Region | None = None

    def on(self, grid: GeoGrid) -> PixelArea:
        """Return the same in the pixels of a scene; nothing of it may lie there.

        Raises
        ------
        GeoreferenceError
            See :meth:`Region.within`.
        """
        regions = (self.include, self.exclude)
        include, exclude = (None if one is None else one.within(grid) for one in regions)
        fingerprint = "-".join("" if one is None else one.fingerprint for one in regions)
        return PixelArea(include, exclude, fingerprint)


EVERYWHERE = Whereabouts()


def read_whereabouts(include: str | None, exclude: str | None) -> Whereabouts:
    """Read where to look from vector files, see :func:`read_region`; None sets no limit."""
    first, second = (None if path is None else read_region(path) for path in (include, exclude))
    return Whereabouts(first, second)


def read_region(path: str) -> Region:
    """Read all polygons of a vector file.

    Parameters
    ----------
    path : str
        Anything that GDAL reads as vectors: GeoPackage, Shapefile, GeoJSON ...  Of several
        layers, one is named as in QGIS: ``areas.gpkg|layername=parks``.

    Raises
    ------
    InputError
        If there is no such file or layer, if several layers are there and none is named,
        or if a layer holds other things than polygons, or none.
    """
    try:
        file, layer = layer_of(path)
        frame = pyogrio.read_dataframe(file, layer=layer, columns=[])
    except (RuntimeError, ValueError, shapely.errors.ShapelyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as polygons ({reason}); give a vector file such as area.gpkg"
        ) from error
    shapes = shapely.force_2d(frame.geometry.to_numpy())
    shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    kinds = shapely.get_type_id(shapes)
    others = ~np.isin(kinds, [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON])
    if others.any():
        raise InputError(
            f"{path} holds {others.sum()} features that are no polygons; leave them out"
        )
    polygons = parts_of(shapely.make_valid(shapes))
    if not len(polygons) or not np.isfinite(shapely.bounds(polygons)).all():
        raise InputError(f"{path} holds no polygons; draw where to look")
    return Region(path, polygons, frame.crs)


def layer_of(path: str) -> tuple[str, str]:
    """Return the file and the layer that ``file|layername=NAME`` means, or the only layer.

    Raises
    ------
    InputError
        If several layers with geometries are there and none is named, or if there is none.
    pyogrio.errors.DataSourceError
        If there is no such file.
    """
    file, _, layer = path.partition(LAYER)
    if layer:
        return file, layer
    layers = [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
    if len(layers) != 1:
        named = f"; name one as {file}{LAYER}{layers[0]}" if layers else "; give polygons"
        raise InputError(f"{file} has {len(layers)} layers, {', '.join(layers)}{named}")
    return file, layers[0]
