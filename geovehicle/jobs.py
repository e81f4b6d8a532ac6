"""A job: which rasters are searched, how, and how what was found becomes one layer.

:func:`prepare` settles all that before the long work.  An engine then does the tasks,
in any order, and a store keeps what each found; :meth:`Job.layers` reads the store in
the job's own order, so every engine leads to the same layer.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import shapely

from geovehicle import __version__
from geovehicle.detections import Detections
from geovehicle.doubts import warn_of
from geovehicle.engines.detectors import load_detector, scene_gsds
from geovehicle.engines.tasks import BlockTask, RasterRef, WeightsRef, unpack, unpack_searched
from geovehicle.errors import GeoreferenceError, RasterError, SettingsError
from geovehicle.export.frame import concatenate, in_crs, to_frame
from geovehicle.export.provenance import Provenance, named
from geovehicle.job_sheets import open_sheet
from geovehicle.regions import EVERYWHERE, Whereabouts
from geovehicle.settings import SEAM_BOX_IOU, SEAM_FOOTPRINT_IOU
from geovehicle.sheets import SheetOverlaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.engines.detectors import LoadedDetector
    from geovehicle.job_sheets import Sheet
    from geovehicle.journal import Key
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
            "configuration": asdict(self.detector.info.config),  # some of it lies beside weights
            "arithmetic": self.detector.arithmetic,
            "settings": settings,
            "rasters": [sheet.identity() for sheet in self.sheets],
        }

    def provenance(self) -> Provenance:
        """Return where the layer comes from, with the settings that were in force."""
        regions = {"aoi": self.where.include, "exclude": self.where.exclude}
        finest, _ = scene_gsds(self.detector.info, self.settings)
        in_force = {
            "score": self.detector.score,
            "nms": self.detector.nms,
            "finest": round(finest, 6),
        }
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
            if not sheet.is_unchanged():
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
    gsds = scene_gsds(detector.info, settings)
    references = [
        RasterRef(_absolute(raster), gsds, settings.gsd, settings.bands) for raster in rasters
    ]
    sheets = tuple(
        open_sheet(number, raster, settings, where) for number, raster in enumerate(references)
    )
    extents = _extents(sheets, detector.labels)
    warn_of((sheet.name, doubt) for sheet in sheets for doubt in sheet.doubts)
    return Job(sheets, detector, reference, settings, extents, where)


def _absolute(path: str | PathLike[str]) -> str:
    """Return where a file is, whatever folder a worker runs in; other names stay as they are."""
    # os.path, as Path raises for names that cannot be, such as a whole VRT
    return str(Path(path).absolute()) if os.path.exists(path) else str(path)  # noqa: PTH110


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
