"""A job: which rasters are searched, how, and how what was found becomes one layer.

:func:`prepare` settles all that before the long work.  An engine then does the tasks,
in any order, and a store keeps what each found; :meth:`Job.layers` reads the store in
the job's own order, so every engine leads to the same layer.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import shapely

from geovehicle import __version__
from geovehicle.detections import Detections
from geovehicle.doubts import warn_of
from geovehicle.engines.detectors import load_detector
from geovehicle.engines.scene import Search
from geovehicle.engines.tasks import BlockTask, RasterRef, WeightsRef, unpack, unpack_searched
from geovehicle.errors import GeoreferenceError, RasterError, SettingsError
from geovehicle.export.frame import concatenate, in_crs, to_frame
from geovehicle.export.provenance import Provenance, named
from geovehicle.raster.doubts import doubts_about
from geovehicle.raster.inputs import without_secrets
from geovehicle.regions import EVERYWHERE, Whereabouts
from geovehicle.settings import LARGEST_PLAN, SEAM_BOX_IOU, SEAM_FOOTPRINT_IOU
from geovehicle.sheets import SheetOverlaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.blocks import Block, ScenePlan
    from geovehicle.doubts import Doubt
    from geovehicle.engines.detectors import LoadedDetector
    from geovehicle.georeference import GeoGrid
    from geovehicle.journal import Key
    from geovehicle.regions import PixelArea
    from geovehicle.seams import Views
    from geovehicle.settings import DetectSettings


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
        self._kept: defaultdict[int, dict[int, bytes]] = defaultdict(dict)

    def done(self) -> frozenset[Key]:
        """Return the blocks that are kept."""
        return frozenset((raster, block) for raster in self._kept for block in self._kept[raster])

    def add(self, key: Key, payload: bytes) -> None:
        """Keep a block."""
        raster, block = key
        self._kept[raster][block] = payload

    def payloads(self, raster: int) -> Iterator[tuple[int, bytes]]:
        """Return the blocks of a raster in their order."""
        yield from sorted(self._kept[raster].items())


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
    files : tuple of (str, tuple of int)
        What the raster is made of, see :attr:`RasterioSource.files`, but for GDAL's notes about
        it; of each file the bytes and the time of change when it was opened, nothing of GDAL's
        own.
    reading : tuple of str
        How its values are read, see :class:`RasterioSource`.
    doubts : tuple of Doubt
        What looks wrong.
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
    files: tuple[tuple[str, tuple[int, ...]], ...]
    reading: tuple[str, ...]
    doubts: tuple[Doubt, ...] = ()

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
    """

    sheet: int
    detections: Detections
    frame: gpd.GeoDataFrame


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that is settled before the search.

    Attributes
    ----------
    sheets : tuple of Sheet
        The rasters in the order given.
    detector : VehicleDetector, HogSvmDetector or OnnxDetector
    weights : WeightsRef
    settings : DetectSettings
    extents : GeoDataFrame
        The ground of each raster as a row, with the layer's fields and in its CRS.
    where : Whereabouts
        Where the user looks.
    """

    sheets: tuple[Sheet, ...]
    detector: LoadedDetector
    weights: WeightsRef
    settings: DetectSettings
    extents: gpd.GeoDataFrame
    where: Whereabouts = EVERYWHERE

    @property
    def empty(self) -> gpd.GeoDataFrame:
        """The layer's fields and CRS, without rows."""
        return self.extents.iloc[:0]

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
        settings = asdict(self.settings)
        for asked in ("device", "precision"):  # what came of them is the detector's arithmetic
            del settings[asked]
        return {
            "version": __version__,
            "weights": self.weights.sha256,
            "arithmetic": self.detector.arithmetic,
            "settings": settings,
            "rasters": [_identity(sheet) for sheet in self.sheets],
        }

    def provenance(self) -> Provenance:
        """Return where the layer comes from, with the thresholds that were in force."""
        regions = {"aoi": self.where.include, "exclude": self.where.exclude}
        in_force = {"score": self.detector.score, "nms": self.detector.nms}
        named_regions = {name: named(one.name) for name, one in regions.items() if one}
        return Provenance(
            command="detect",
            inputs=tuple(named(sheet.raster.uri) for sheet in self.sheets),
            settings=asdict(self.settings) | in_force | named_regions,
            weights=named(self.weights.name),
            weights_sha256=self.weights.sha256,
            licence=self.detector.info.licence,
        )

    def check_unchanged(self) -> None:
        """Make sure that the rasters are what they were when the job was prepared.

        Raises
        ------
        RasterError
            If a file was changed, or is gone.
        """
        for sheet in self.sheets:
            for file, state in sheet.files:
                if _state(file) != state:
                    raise RasterError(
                        f"{sheet.name} was changed while it was searched; run the same command"
                        " again once it is complete"
                    )

    def searched(self, store: Store, sheet: int) -> int:
        """Return the valid pixels of a raster that were searched."""
        return sum(unpack_searched(payload) for _, payload in store.payloads(sheet))

    def layers(self, store: Store) -> Iterator[Chunk]:
        """Yield the job's vehicles in the order of the layer, each once.

        Memory holds a row of blocks, and the vehicles that several rasters show.
        """
        doubles = self._doubles(store)
        for sheet in self.sheets:
            first = 0
            dropped = doubles.get(sheet.number, np.empty(0, np.intp))
            for views in _settled(store, sheet):
                rows = np.arange(first, first + len(views))
                first += len(views)
                # by the view that stands for a vehicle: a part's centre lies elsewhere
                kept = sheet.area.keeps(_centres(views)) & ~np.isin(rows, dropped)
                yield self._chunk(sheet, views.detections.filter(kept))

    def _chunk(self, sheet: Sheet, found: Detections) -> Chunk:
        frame = to_frame(found, sheet.grid, sheet.name, self.detector.labels, self.settings.boxes)
        return Chunk(sheet.number, found, in_crs(frame, self.extents.crs))

    def _doubles(self, store: Store) -> dict[int, NDArray[np.intp]]:
        """Return the rows of each raster that a vehicle of another one stands for."""
        overlaps, iou = SheetOverlaps(self.extents.geometry.to_numpy()), SEAM_BOX_IOU
        for sheet in self.sheets:
            if not overlaps.overlaps(sheet.number):
                continue
            first = 0
            for views in _settled(store, sheet):
                if views.detections.footprints is not None:
                    iou = SEAM_FOOTPRINT_IOU
                footprints = self._footprints(sheet, views.detections)
                rows = np.flatnonzero(overlaps.concerned(sheet.number, footprints))
                scores = views.detections.scores[rows]
                clearance = np.where(views.whole[rows], np.inf, 0.0)
                overlaps.add(sheet.number, first + rows, footprints[rows], scores, clearance)
                first += len(views)
        return overlaps.doubles(iou)

    def _footprints(self, sheet: Sheet, found: Detections) -> NDArray[np.float64]:
        """Return the corners of vehicles as they lie, (N, 4, 2), in the job's CRS."""
        frame = to_frame(found, sheet.grid, sheet.name, self.detector.labels)
        placed = in_crs(frame, self.extents.crs).geometry.to_numpy()
        points = np.asarray(shapely.get_coordinates(placed), np.float64)
        return points.reshape(-1, 5, 2)[:, :4]


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

    Warns
    -----
    GeoVehicleWarning
        Where a raster looks like something else than an orthophoto in colours.
    """
    if not rasters:
        raise SettingsError("no raster is given; name at least one")
    if settings.batch > settings.block**2:
        side = math.isqrt(settings.batch - 1) + 1
        raise SettingsError(
            f"a block has too few patches for a batch of {settings.batch};"
            f" add --block {side}, or lower --batch"
        )
    reference = WeightsRef.of(_absolute(weights))
    detector = load_detector(weights, settings)
    references = [
        RasterRef(_absolute(raster), detector.info.gsd, settings.gsd, settings.bands)
        for raster in rasters
    ]
    sheets = tuple(
        _sheet(number, raster, settings, where) for number, raster in enumerate(references)
    )
    extents = _extents(sheets, detector.labels)
    warn_of((sheet.name, doubt) for sheet in sheets for doubt in sheet.doubts)
    return Job(sheets, detector, reference, settings, extents, where)


def _sheet(number: int, raster: RasterRef, settings: DetectSettings, where: Whereabouts) -> Sheet:
    with raster.open() as source:
        grid, area = source.grid, where.on(source.grid)
        search = Search(grid.width, grid.height, raster.gsd, settings)
        _check_size(search, source.name)
        plan = search.plan()
        # what is read counts, not the core: of a part in the area on one sheet, that holds the
        # whole on another, which stands for it
        # where GIS software keeps statistics; what else it says is in the grid and the reading
        notes = f"{raster.uri}.aux.xml"
        blocks = tuple(
            block
            for block in plan.blocks
            if area.touches(_bounds(block)) and source.may_hold_data(_bounds(block))
        )
        windows = [block.window for block in blocks]
        return Sheet(
            number,
            source.name,
            replace(raster, stretch=source.stretch),
            grid,
            source.gsd,
            search,
            plan,
            blocks,
            area,
            tuple((file, _state(file)) for file in source.files if file != notes),
            source.reading,
            doubts_about(source, windows, chosen=settings.bands is not None),
        )


def _check_size(search: Search, name: str) -> None:
    """Make sure that the plan fits the memory: a header can claim any size."""
    if search.patches > LARGEST_PLAN:
        raise RasterError(
            f"{name} has {search.width} x {search.height} pixels of {search.gsd:g} m, which are"
            f" {search.patches:.2g} patches and more than {LARGEST_PLAN:,}; check its size, or cut"
            " it into sheets"
        )


def _absolute(path: str | PathLike[str]) -> str:
    """Return where a file is, whatever folder a worker runs in; other names stay as they are."""
    # os.path, as Path raises for names that cannot be, such as a whole VRT
    return str(Path(path).absolute()) if os.path.exists(path) else str(path)  # noqa: PTH110


def _bounds(block: Block) -> tuple[int, int, int, int]:
    window = block.window
    return window.col, window.row, window.col + window.width, window.row + window.height


def _identity(sheet: Sheet) -> dict[str, Any]:
    """Return what tells a raster from another, or from itself after a change."""
    return {
        "uri": without_secrets(sheet.raster.uri),
        "files": [[without_secrets(file), *state] for file, state in sheet.files],
        "size": [sheet.grid.width, sheet.grid.height],
        "transform": list(sheet.grid.transform[:6]),
        "crs": sheet.grid.crs.to_wkt() if sheet.grid.crs else None,
        "reading": list(sheet.reading),
        "stretch": asdict(sheet.raster.stretch) if sheet.raster.stretch else None,
        "blocks": [block.index for block in sheet.blocks],
        "area": sheet.area.fingerprint,
    }


def _state(file: str) -> tuple[int, int] | tuple[()]:
    """Return a file's bytes and time of change; nothing where it is GDAL's own."""
    try:
        state = os.stat(file)  # noqa: PTH116 - as in _absolute
    except (OSError, ValueError):
        return ()
    return state.st_size, state.st_mtime_ns


def _extents(sheets: Sequence[Sheet], labels: Sequence[str]) -> gpd.GeoDataFrame:
    """Return the ground that rasters cover, a row each, in the CRS of the first."""
    frames: list[gpd.GeoDataFrame] = []
    for sheet in sheets:
        whole = np.array([[0.0, 0.0, sheet.grid.width, sheet.grid.height]])
        found = Detections(whole, np.ones(1, np.float32), np.zeros(1, int))
        try:
            frame = to_frame(found, sheet.grid, sheet.name, labels)
            frames.append(in_crs(frame, frames[0].crs) if frames else frame)
        except GeoreferenceError as error:
            raise GeoreferenceError(f"{sheet.name}: {error}") from error
    return concatenate(frames)


def _settled(store: Store, sheet: Sheet) -> Iterator[Views]:
    """Yield the vehicles of a raster, each once, row of blocks by row of blocks."""
    return sheet.search.settle(_strips(store, sheet), sheet.plan)


def _centres(views: Views) -> NDArray[np.float64]:
    return np.asarray(views.detections.outlines.mean(axis=1))


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
