"""A job: which rasters are searched, how, and how what was found becomes one layer.

:func:`prepare` settles all that before the long work.  An engine then does the tasks,
in any order, and a store keeps what each found; :meth:`Job.layers` reads the store in
the job's own order, so every engine leads to the same layer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import shapely

from geovehicle import __version__
from geovehicle.detections import Detections
from geovehicle.engines.detectors import load_detector
from geovehicle.engines.scene import Search
from geovehicle.engines.tasks import BlockTask, RasterRef, WeightsRef, unpack
from geovehicle.errors import SettingsError
from geovehicle.export.frame import in_crs, to_frame
from geovehicle.regions import EVERYWHERE, Whereabouts
from geovehicle.settings import SEAM_BOX_IOU, SEAM_FOOTPRINT_IOU
from geovehicle.sheets import SheetOverlaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.blocks import Block, ScenePlan
    from geovehicle.engines.detectors import LoadedDetector
    from geovehicle.georeference import GeoGrid
    from geovehicle.raster.rasterio_source import RasterioSource
    from geovehicle.regions import PixelArea
    from geovehicle.seams import Views
    from geovehicle.settings import DetectSettings

Key = tuple[int, int]
"""The numbers of a raster and of a block."""


class Store(Protocol):
    """Keeps what the blocks of a job have to say, as :func:`engines.tasks.pack` puts it."""

    def done(self) -> frozenset[Key]:
        """Return the blocks that are kept."""

    def add(self, key: Key, payload: bytes) -> None:
        """Keep a block."""

    def payloads(self, raster: int) -> Iterator[tuple[int, bytes]]:
        """Return the blocks of a raster in their order."""


class Memory:
    """A store that lasts as long as the object."""

    def __init__(self) -> None:
        self._kept: dict[Key, bytes] = {}

    def done(self) -> frozenset[Key]:
        """Return the blocks that are kept."""
        return frozenset(self._kept)

    def add(self, key: Key, payload: bytes) -> None:
        """Keep a block."""
        self._kept[key] = payload

    def payloads(self, raster: int) -> Iterator[tuple[int, bytes]]:
        """Return the blocks of a raster in their order."""
        for key in sorted(self._kept):
            if key[0] == raster:
                yield key[1], self._kept[key]


@dataclass(frozen=True, eq=False)
class Sheet:
    """One raster of a job.

    Attributes
    ----------
    number : int
        Its number in the job.
    name : str
        Its file name.
    raster : RasterRef
    grid : GeoGrid
        The scene's.
    gsd : tuple of float
        Metres on the ground of a scene pixel, along a row and along a column.
    search : Search
    plan : ScenePlan
    blocks : tuple of Block
        Those that are searched: where there may be imagery, and where the user looks.
    area : PixelArea
        Where the user looks.
    """

    number: int
    name: str
    raster: RasterRef
    grid: GeoGrid
    gsd: tuple[float, float]
    search: Search
    plan: ScenePlan
    blocks: tuple[Block, ...]
    area: PixelArea

    @property
    def pixels(self) -> int:
        """Scene pixels that are searched, valid or not."""
        return sum(block.pixels for block in self.blocks)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Vehicles of one raster on their way into the layer.

    Attributes
    ----------
    sheet : int
        The number of the raster.
    detections : Detections
        N of them, in scene pixels.
    frame : GeoDataFrame
        The same as rows of the layer, in the job's CRS.
    whole : ndarray of bool, shape (N,)
        Whether each lies clear of the edge of the imagery.
    """

    sheet: int
    detections: Detections
    frame: gpd.GeoDataFrame
    whole: NDArray[np.bool_]

    def filter(self, kept: NDArray[np.bool_]) -> Chunk:
        """Take the vehicles that a mask selects."""
        return replace(
            self,
            detections=self.detections.filter(kept),
            frame=self.frame[kept],
            whole=self.whole[kept],
        )


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that is settled before the search.

    Attributes
    ----------
    sheets : tuple of Sheet
        The rasters in the order given.
    detector : VehicleDetector or HogSvmDetector
    weights : WeightsRef
    settings : DetectSettings
    empty : GeoDataFrame
        The layer's fields and CRS, without rows.
    """

    sheets: tuple[Sheet, ...]
    detector: LoadedDetector
    weights: WeightsRef
    settings: DetectSettings
    empty: gpd.GeoDataFrame

    @property
    def pixels(self) -> int:
        """Scene pixels that are searched in all."""
        return sum(sheet.pixels for sheet in self.sheets)

    def tasks(self) -> Iterator[BlockTask]:
        """Return all tasks, raster by raster."""
        for sheet in self.sheets:
            for block in sheet.blocks:
                yield BlockTask(sheet.number, sheet.raster, sheet.search, block, self.weights)

    def fingerprint(self) -> dict[str, Any]:
        """Return what decides the result, as JSON can hold it: two jobs of one are the same."""
        return {
            "version": __version__,
            "weights": self.weights.sha256,
            "settings": asdict(self.settings),
            "rasters": [_identity(sheet) for sheet in self.sheets],
        }

    def searched(self, store: Store, sheet: int) -> int:
        """Return the valid pixels of a raster that were searched."""
        return sum(unpack(payload).searched for _, payload in store.payloads(sheet))

    def layers(self, store: Store) -> Iterator[Chunk]:
        """Yield the job's vehicles in the order of the layer, each once.

        Memory holds a row of blocks, and the vehicles that several rasters show.
        """
        doubles = self._doubles(store)
        for sheet in self.sheets:
            first = 0
            for chunk in self._chunks(store, sheet):
                kept = np.ones(len(chunk.frame), bool)
                dropped = doubles.get(sheet.number, np.empty(0, np.intp)) - first
                kept[dropped[(dropped >= 0) & (dropped < len(kept))]] = False
                first += len(kept)
                yield chunk.filter(kept)

    def _doubles(self, store: Store) -> dict[int, NDArray[np.intp]]:
        """Return the rows of each raster that a vehicle of another one stands for."""
        extents = [_extent(sheet.grid, self.empty) for sheet in self.sheets]
        overlaps, iou = SheetOverlaps(extents), SEAM_BOX_IOU
        for sheet in self.sheets:
            if not overlaps.overlaps(sheet.number):
                continue
            first = 0
            for chunk in self._chunks(store, sheet):
                if chunk.detections.footprints is not None:
                    iou = SEAM_FOOTPRINT_IOU
                footprints = self._footprints(sheet, chunk.detections)
                rows = np.flatnonzero(overlaps.concerned(sheet.number, footprints))
                scores = chunk.detections.scores[rows]
                clearance = np.where(chunk.whole[rows], np.inf, 0.0)
                overlaps.add(sheet.number, first + rows, footprints[rows], scores, clearance)
                first += len(chunk.frame)
        return overlaps.doubles(iou)

    def _footprints(self, sheet: Sheet, found: Detections) -> NDArray[np.float64]:
        """Return the corners of vehicles as they lie, (N, 4, 2), in the job's CRS."""
        frame = to_frame(found, sheet.grid, sheet.name, self.detector.labels)
        placed = in_crs(frame, self.empty.crs).geometry.to_numpy()
        points = np.asarray(shapely.get_coordinates(placed), np.float64)
        return points.reshape(-1, 5, 2)[:, :4]

    def _chunks(self, store: Store, sheet: Sheet) -> Iterator[Chunk]:
        """Yield the vehicles of a raster, row of blocks by row of blocks."""
        for views in sheet.search.settle(_strips(store, sheet)):
            centres = views.detections.outlines.mean(axis=1)
            views = views.filter(sheet.area.keeps(centres))
            frame = to_frame(
                views.detections, sheet.grid, sheet.name, self.detector.labels, self.settings.boxes
            )
            yield Chunk(sheet.number, views.detections, in_crs(frame, self.empty.crs), views.whole)


def prepare(
    rasters: Sequence[str | PathLike[str]],
    weights: str | PathLike[str],
    settings: DetectSettings,
    where: Whereabouts = EVERYWHERE,
) -> Job:
    """Open all rasters and settle how they are searched, so that what is wrong is told at once.

    Parameters
    ----------
    rasters : sequence of path-like
        Anything that GDAL opens.
    weights : str or path-like
        The name of shipped weights or a file.
    settings : DetectSettings
    where : Whereabouts
        Where the user looks.

    Raises
    ------
    RasterError, GeoreferenceError
        If a raster cannot be used, or does not go with the others.
    CheckpointError
        If the weights cannot be used.
    SettingsError
        If no raster is given, a setting is out of its range or the device is not there.
    """
    if not rasters:
        raise SettingsError("no raster is given; name at least one")
    reference = WeightsRef.of(_absolute(weights))
    detector = load_detector(weights, settings)
    sheets: list[Sheet] = []
    for number, raster in enumerate(rasters):
        one = RasterRef(_absolute(raster), detector.info.gsd, settings.gsd, settings.bands)
        with one.open() as source:
            sheets.append(_sheet(number, one, source, settings, where))
    empty = [
        to_frame(Detections.empty(), sheet.grid, sheet.name, detector.labels) for sheet in sheets
    ]
    for frame in empty:
        in_crs(frame, empty[0].crs)
    return Job(tuple(sheets), detector, reference, settings, empty[0])


def _sheet(
    number: int,
    raster: RasterRef,
    source: RasterioSource,
    settings: DetectSettings,
    where: Whereabouts,
) -> Sheet:
    grid, area = source.grid, where.on(source.grid)
    search = Search(grid.width, grid.height, raster.gsd, settings)
    plan = search.plan()
    blocks = tuple(
        block
        for block in plan.blocks
        if area.touches(_bounds(block)) and source.may_hold_data(_bounds(block))
    )
    raster = replace(raster, stretch=source.stretch)
    return Sheet(number, source.name, raster, grid, source.gsd, search, plan, blocks, area)


def _absolute(path: str | PathLike[str]) -> str:
    """Return where a file is, whatever folder a worker runs in; other names stay as they are."""
    return str(Path(path).absolute()) if Path(path).exists() else str(path)


def _bounds(block: Block) -> tuple[int, int, int, int]:
    window = block.window
    return window.col, window.row, window.col + window.width, window.row + window.height


def _identity(sheet: Sheet) -> dict[str, Any]:
    """Return what tells a raster from another, or from itself after a change."""
    uri = sheet.raster.uri
    file = Path(uri).stat() if Path(uri).is_file() else None
    return {
        "uri": uri,
        "bytes": file and file.st_size,
        "changed": file and file.st_mtime_ns,
        "size": [sheet.grid.width, sheet.grid.height],
        "transform": list(sheet.grid.transform[:6]),
        "crs": sheet.grid.crs.to_wkt() if sheet.grid.crs else None,
        "stretch": asdict(sheet.raster.stretch) if sheet.raster.stretch else None,
        "blocks": [block.index for block in sheet.blocks],
        "area": sheet.area.fingerprint,
    }


def _extent(grid: GeoGrid, layer: gpd.GeoDataFrame) -> shapely.Polygon:
    """Return the ground that a raster covers, in the CRS of the layer."""
    whole = np.array([[0.0, 0.0, grid.width, grid.height]])
    frame = to_frame(Detections(whole, np.ones(1, np.float32), np.zeros(1, int)), grid, "", ("",))
    return in_crs(frame, layer.crs).geometry.iloc[0]


def _strips(store: Store, sheet: Sheet) -> Iterator[list[Views]]:
    """Yield what the blocks of each row have to say, of all rows of the plan."""
    blocks = sheet.plan.blocks
    found = groupby(store.payloads(sheet.number), lambda one: blocks[one[0]].row)
    row, payloads = next(found, (-1, iter(())))
    for number in range(blocks[-1].row + 1):
        strip: list[Views] = []
        if number == row:
            strip = [unpack(payload).views for _, payload in payloads]
            row, payloads = next(found, (-1, iter(())))
        yield strip
