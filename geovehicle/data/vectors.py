"""Vehicles digitised in a GIS over one or more orthophotos.

``source`` is a vector file, with the orthophotos named by ``--raster``; or a folder
with orthophotos (:data:`RASTERS`; where there are VRTs, these alone) and one vector
file (:data:`VECTORS`).  Any CRS will do, and features may lie over any of the
orthophotos.

Polygons
    become the smallest rectangle around them; one that lies along the pixels is
    taken for a horizontal box.  Parts of a multipolygon are vehicles of their own.
Points
    with a field ``heading``, ``angle`` or ``azimuth`` (degrees clockwise from the
    north of their CRS) become a car of 4.5 x 1.8 m that heads there; others a square
    of ``--point-size``, which says that a vehicle is there but not how it lies.
Fields
    ``type``, ``label``, ``class`` or ``category`` tells the type of vehicle, see
    :mod:`geovehicle.data.classes`; ``ignore`` (or ``iscrowd``, ``difficult``) makes an
    ignore box.
Labelled ground
    is all that the orthophotos show, unless the file has another layer called
    ``areas``, ``area`` or ``extent``: polygons around the ground where every vehicle is
    digitised.  The rest becomes black, and what its border cuts an ignore box.
Tiles
    of at most 1024 x 1024 pixels at ``--gsd``, 0.10 m by default, are cut without
    overlap.  Those without any pixel are left out, those without vehicles are not.  A
    vehicle on a seam belongs to the tile that holds its centre; what the other shows of
    it is an ignore box.

The scene of a tile is its block of the ground, one to four tiles a side, whichever
orthophoto shows it: blocks, not tiles, are divided between training and validation.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import ProjError

from geovehicle.data.digitised import Digitised, digitised
from geovehicle.data.records import Labels, Problem, Record
from geovehicle.data.tiles import Orthophotos, Tile, block_names, crs_of, tiles_of, to_pixels
from geovehicle.errors import DatasetError, InputError
from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid
    from geovehicle.patches import PatchWindow
    from geovehicle.raster.rasterio_source import RasterioSource
    from geovehicle.settings import ConvertSettings

VECTORS = (".gpkg", ".shp", ".geojson", ".json", ".fgb")
RASTERS = (".tif", ".tiff", ".jp2", ".img", ".vrt")

AREAS = ("areas", "area", "extent")
"""Layers of labelled ground, in any case."""


def read_vectors(source: Path, settings: ConvertSettings) -> Iterator[Record | Problem]:
    """Cut orthophotos into tiles with the labels of a vector file.

    Parameters
    ----------
    source : Path
        The vector file, for the orthophotos ``settings.raster``; or a folder with
        orthophotos and one vector file.
    settings : ConvertSettings
        ``gsd`` is that of the tiles, 0.10 m without it; ``layer`` the layer of the
        vehicles; ``point_size`` the side of the boxes around points.

    Yields
    ------
    Record or Problem
        Problems, then the tiles of one orthophoto after the other.

    Raises
    ------
    DatasetError
        If there is no vector file or no orthophoto, or if the vehicles cannot be
        placed on a map.
    """
    path, rasters = _inputs(source, settings.raster)
    orthophotos = Orthophotos(PAPER.gsd if settings.gsd is None else settings.gsd)
    layers = _spatial_layers(path)
    frame = _located(path, _vehicle_layer(path, layers, settings.layer))
    vehicles, problems = digitised(str(path), frame)
    yield from problems
    areas = [_located(path, name) for name in layers if name.lower() in AREAS]
    tiles: list[tuple[Record, Tile]] = []
    met: set[int] = set()
    for name, raster in zip(_unique([one.stem for one in rasters]), rasters, strict=True):
        try:
            ortho = orthophotos.open(raster)
            scene = _Scene.of(vehicles, areas, ortho, settings.point_size)
            for tile in tiles_of(orthophotos, raster, scene.area):
                if isinstance(tile, Problem):
                    yield tile
                else:
                    tiles.append((scene.record(name, tile, met), tile))
        except (InputError, ProjError) as error:
            yield Problem(str(raster), f"{error}; the orthophoto is left out")
    for number in sorted(set(vehicles.numbers.tolist()) - met):
        yield Problem(f"{path}, feature {number}", "it lies on no pixel of labelled ground")
    orthophotos.close()
    blocks = block_names([tile.place for _, tile in tiles], orthophotos.gsd)
    for (record, _), block in zip(tiles, blocks, strict=True):
        yield replace(record, source=path.stem, scene=block)


def read_polygons(path: Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read the features of a vector file that have a place on the map.

    Parameters
    ----------
    path : Path
        Anything that GDAL reads as vectors: GeoPackage, Shapefile, GeoJSON ...
    layer : str, optional
        Which layer; needed only where the file has several with geometries.

    Returns
    -------
    geopandas.GeoDataFrame
        The features in the order of the file, in its CRS, those without geometry
        (None) among them; the index has their numbers in the file.

    Raises
    ------
    DatasetError
        If the file is missing or no vector file, if it has no layer with
        geometries or several to choose from, or if it has not that layer.
    """
    name = _layer_of(path, layer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what GDAL leaves out is told of later
            frame = pyogrio.read_dataframe(path, layer=name, fid_as_index=True, on_invalid="ignore")
    except (DataSourceError, DataLayerError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error
    return gpd.GeoDataFrame(frame)


def _layer_of(path: Path, layer: str | None) -> str:
    layers = _spatial_layers(path)
    if layer is not None and layer not in layers:
        raise DatasetError(f"{path} has no layer {layer!r} with geometries; {_choice(layers)}")
    if layer is None and len(layers) > 1:
        raise DatasetError(f"{path} has {len(layers)} layers; {_choice(layers)}")
    return layer or layers[0]


def _choice(layers: list[str]) -> str:
    return f"choose from {', '.join(layers)}"


def _spatial_layers(path: Path) -> list[str]:
    """Return the names of the layers that have geometries, at least one."""
    if not path.is_file():
        raise DatasetError(f"{path} is not a file; give a vector file such as labels.gpkg")
    try:
        listed = pyogrio.list_layers(path)
    except DataSourceError as error:
        raise _unreadable(path, error) from error
    layers = [str(name) for name, kind in listed if kind is not None]
    if not layers:
        raise DatasetError(f"{path} holds no geometries; give polygons or points")
    return layers


def _unreadable(path: Path, error: Exception) -> DatasetError:
    reason = " ".join(str(error).split())
    return DatasetError(f"{path} cannot be read as a vector file ({reason}); check the path")


def _inputs(source: Path, named: Sequence[str]) -> tuple[Path, list[Path]]:
    """Return the vector file and the orthophotos."""
    rasters = [Path(name) for name in named]
    if not source.is_dir():
        if not rasters:
            raise DatasetError(f"no orthophoto is named for {source}; add --raster FILE")
        return source, rasters
    inside = sorted(path for path in source.iterdir() if path.is_file())
    vectors = [path for path in inside if path.suffix.lower() in VECTORS]
    if len(vectors) != 1:
        raise DatasetError(
            f"{source} holds {len(vectors)} vector files; give a folder with one and its "
            "orthophotos, or the file and --raster"
        )
    mosaics = [path for path in inside if path.suffix.lower() == ".vrt"]
    found = mosaics or [path for path in inside if path.suffix.lower() in RASTERS]
    if not rasters + found:
        raise DatasetError(f"{source} holds no orthophoto such as *.tif; add one or --raster FILE")
    return vectors[0], rasters or found


def _vehicle_layer(path: Path, layers: list[str], chosen: str | None) -> str:
    """Return the layer of the vehicles: the chosen one, or the only one that is no area."""
    others = [name for name in layers if name.lower() not in AREAS] or layers
    if chosen is None and len(others) > 1:
        raise DatasetError(f"{path} has {len(others)} layers; {_choice(others)} with --layer")
    return chosen or others[0]


def _located(path: Path, layer: str) -> gpd.GeoDataFrame:
    frame = read_polygons(path, layer)
    if frame.crs is None:
        raise DatasetError(f"{path} has no CRS in layer {layer}; assign it one in the GIS")
    return frame


def _unique(names: Sequence[str]) -> list[str]:
    """Return names with a number behind those that occurred before."""
    return [
        name if name not in names[:index] else f"{name}-{index + 1}"
        for index, name in enumerate(names)
    ]


@dataclass(frozen=True)
class _Scene:
    """The vehicles over one orthophoto, in its pixels."""

    labels: Labels
    numbers: NDArray[np.int64]
    hulls: NDArray[np.object_]
    centres: NDArray[np.float64]
    tree: shapely.STRtree
    area: shapely.Geometry | None
    gsd: float

    @classmethod
    def of(
        cls,
        vehicles: Digitised,
        areas: Sequence[gpd.GeoDataFrame],
        ortho: RasterioSource,
        point_size: float,
    ) -> _Scene:
        """Return the vehicles that are within reach of an orthophoto."""
        corners, oriented = vehicles.footprints(ortho.grid, ortho.gsd, point_size)
        near = np.asarray(np.isfinite(corners).all(axis=(1, 2)))
        labels = Labels(corners, oriented, vehicles.types, vehicles.ignore).take(near)
        hulls = shapely.polygons(labels.footprints)
        area = _ground(areas, ortho.grid) if areas else None
        if area is not None:
            cut = ~shapely.covers(area, hulls)
            labels = replace(labels, ignore=labels.ignore | cut)
        gsd = math.sqrt(ortho.gsd[0] * ortho.gsd[1])
        centres = shapely.get_coordinates(shapely.centroid(hulls))
        tree = shapely.STRtree(hulls)
        return cls(labels, vehicles.numbers[near], hulls, centres, tree, area, gsd)

    def record(self, name: str, tile: Tile, met: set[int]) -> Record:
        """Return a tile with its vehicles, and add their numbers to those met."""
        window = tile.window
        ground = self._ground_of(window)
        near = np.sort(self.tree.query(ground))
        seen = near[shapely.area(shapely.intersection(self.hulls[near], ground)) > 0]
        x, y = self.centres[seen].T
        left, top, right, bottom = window.core
        owned = (left <= x) & (x < right) & (top <= y) & (y < bottom)
        met.update(self.numbers[seen].tolist())
        return Record(
            name=f"{name}_{window.col:06d}_{window.row:06d}",
            width=window.width,
            height=window.height,
            gsd=self.gsd,
            labels=Labels(
                self.labels.footprints[seen] - (window.col, window.row),
                self.labels.oriented[seen],
                tuple(self.labels.types[index] for index in seen),
                self.labels.ignore[seen] | ~owned,
            ),
            read=tile.read,
        )

    def _ground_of(self, window: PatchWindow) -> shapely.Geometry:
        right, bottom = window.col + window.width, window.row + window.height
        ground = shapely.box(window.col, window.row, right, bottom)
        return ground if self.area is None else shapely.intersection(ground, self.area)


def _ground(areas: Sequence[gpd.GeoDataFrame], grid: GeoGrid) -> shapely.Geometry:
    """Return the labelled ground in the pixels of a grid."""
    layers = [frame.to_crs(crs_of(grid)).geometry.dropna() for frame in areas]
    drawn = [shapely.force_2d(shape) for layer in layers for shape in layer]

    def pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return to_pixels(grid, points)

    placed = [shapely.transform(one, pixels) for one in drawn if np.isfinite(one.bounds).all()]
    return shapely.union_all([shapely.make_valid(one) for one in placed])
