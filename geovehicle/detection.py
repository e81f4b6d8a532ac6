"""Find the vehicles of georeferenced rasters."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from geovehicle.detections import Detections
from geovehicle.doubts import Doubt, Scores, warn_of
from geovehicle.engines import run_all
from geovehicle.engines.tasks import BlockTask, pack
from geovehicle.export.destinations import destination_of, file_name
from geovehicle.export.formats import VEHICLES
from geovehicle.export.frame import concatenate
from geovehicle.export.writers import LayerWriter, check_layer, check_target
from geovehicle.files import sweep
from geovehicle.jobs import Job, Memory, Store, prepare
from geovehicle.journal import open_journal
from geovehicle.model.weights import DEFAULT
from geovehicle.raster.inputs import expand
from geovehicle.regions import EVERYWHERE
from geovehicle.settings import DetectorConfig, DetectSettings, EngineSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    import geopandas as gpd

    from geovehicle.engines.scene import BlockFound
    from geovehicle.export.destinations import Destination, Place
    from geovehicle.jobs import Chunk
    from geovehicle.raster.source import Stretch
    from geovehicle.regions import Whereabouts

    Rasters = str | PathLike[str] | Sequence[str | PathLike[str]]

Progress = Callable[[int, int], None]
"""Called with the scene pixels that are done with and those of the whole job."""


@dataclass(frozen=True)
class Scene:
    """How one raster was searched.

    Attributes
    ----------
    name : str
        The raster's file name.
    count : int
        How many of the layer's rows come from it.
    pixels : int
        Scene pixels that were searched, valid or not.
    area : float
        Square metres on the ground that were searched: the valid pixels of all blocks that
        the user's area touches, which may reach beyond it.
    stretch : Stretch or None
        How the raster's values became 8 bits; None where they were.
    """

    name: str
    count: int
    pixels: int
    area: float
    stretch: Stretch | None


@dataclass(frozen=True)
class Summary:
    """How a job went.

    Attributes
    ----------
    scenes : tuple of Scene
        A raster each, in the order given.
    gsd : float
        The model's ground sampling distance, metres.
    score, nms : float
        The thresholds in force.
    seconds : float
        Wall-clock time of the search and of what follows, without loading the weights.
    """

    scenes: tuple[Scene, ...]
    gsd: float
    score: float
    nms: float
    seconds: float

    @property
    def count(self) -> int:
        """Rows of the layer."""
        return sum(scene.count for scene in self.scenes)

    @property
    def area(self) -> float:
        """Square metres searched in all."""
        return sum(scene.area for scene in self.scenes)

    @property
    def pixels(self) -> int:
        """Scene pixels searched in all."""
        return sum(scene.pixels for scene in self.scenes)


@dataclass(frozen=True)
class Detected:
    """The vehicles of a job in memory.

    Attributes
    ----------
    vehicles : GeoDataFrame
        One row a vehicle, in the first raster's CRS, see
        :data:`geovehicle.export.frame.FIELDS`.
    detections : tuple of Detections
        Those of each raster in its scene pixels, in the order of its rows.
    summary : Summary
        How the job went.
    """

    vehicles: gpd.GeoDataFrame
    detections: tuple[Detections, ...]
    summary: Summary


@dataclass(frozen=True)
class Target:
    """Where a layer goes.

    Attributes
    ----------
    destination : Destination, str or pathlib.Path
        A file, whose suffix says the format, a table of a database, or standard output.
    resume : bool
        Whether what an interrupted run of the same job has done counts.
    """

    destination: Place
    resume: bool = True


class Watcher(Protocol):
    """Is told how a job goes."""

    def on_journal(self, state: str, blocks: int) -> None:
        """Take note of an interrupted run that was found.

        Parameters
        ----------
        state : {"new", "resumed", "other"}
            There was none; it was of this job; or of another one and does not count.
        blocks : int
            How many blocks it had done.
        """

    def on_pixels(self, done: int, total: int) -> None:
        """Take note of the scene pixels that are done with and those of the whole job."""

    def on_chunk(self, chunk: Chunk) -> None:
        """Take note of vehicles on their way into the layer."""


class _Nobody:
    """A watcher that does not look."""

    def on_journal(self, state: str, blocks: int) -> None: ...

    def on_pixels(self, done: int, total: int) -> None: ...

    def on_chunk(self, chunk: Chunk) -> None: ...


def detect(
    rasters: Rasters,
    weights: str | PathLike[str] = DEFAULT,
    settings: DetectSettings | None = None,
    where: Whereabouts = EVERYWHERE,
    on_progress: Progress = lambda done, total: None,
) -> gpd.GeoDataFrame:
    """Return the vehicles of one or more rasters as a layer.

    ::

        cars = geovehicle.detect("ortho.tif")
        cars.to_crs(3035).to_file("cars.gpkg")

    Parameters and errors are those of :func:`find`, which tells more.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a vehicle, in the first raster's CRS, see
        :data:`geovehicle.export.frame.FIELDS`.
    """
    return find(rasters, weights, settings, where, on_progress).vehicles


def find(
    rasters: Rasters,
    weights: str | PathLike[str] = DEFAULT,
    settings: DetectSettings | None = None,
    where: Whereabouts = EVERYWHERE,
    on_progress: Progress = lambda done, total: None,
) -> Detected:
    """Find the vehicles of one or more rasters, in memory.

    For rasters of any size see :func:`detect_to`.  All rasters are opened before the
    first is searched, so that a wrong one is told at once.

    Parameters
    ----------
    rasters : path-like or sequence of path-like
        One or several: files, folders, patterns, or anything else that GDAL opens, see
        :func:`geovehicle.raster.inputs.expand`.
    weights : str or path-like
        The name of shipped weights or a checkpoint.
    settings : DetectSettings, optional
        How the rasters are searched; the defaults without it.
    where : Whereabouts
        Where to look: everywhere by default.
    on_progress : callable
        Called after each batch of patches.

    Returns
    -------
    Detected
        The layer, and what is worth saying about the job.

    Raises
    ------
    RasterError, GeoreferenceError
        If a raster cannot be used.
    CheckpointError
        If the weights cannot be used.
    SettingsError
        If no raster is given, a setting is out of its range or the device is not there.
    """
    start = time.monotonic()
    several = [rasters] if isinstance(rasters, str | os.PathLike) else rasters
    job = prepare(expand(several), weights, settings or DetectSettings(), where)
    store, scores = Memory(), Scores()
    _search(job, store, EngineSettings(), on_progress)
    chunks = list(job.layers(store))
    vehicles = concatenate([job.empty, *(chunk.frame for chunk in chunks)])
    detections = tuple(
        Detections.concatenate([one.detections for one in chunks if one.sheet == sheet.number])
        for sheet in job.sheets
    )
    for found in detections:
        scores.add(found.scores)
    summary = _summary(job, store, [len(found) for found in detections], start)
    _warn(job, summary, scores)
    return Detected(vehicles, detections, summary)


def detect_to(
    target: Target,
    job: Job,
    engine: EngineSettings | None = None,
    watcher: Watcher | None = None,
) -> Summary:
    """Find the vehicles of a job and write them, in memory that the job's size does not change.

    What is done is kept in a journal until the layer is in place: beside the file, for a
    table in the working folder.  Run again after whatever stopped it, the same job goes on
    from there and writes the same layer.  What goes to standard output is not gone on with.

    Parameters
    ----------
    target : Target
    job : Job
        Made by :func:`geovehicle.jobs.prepare`.
    engine : EngineSettings, optional
        What does the work: this process by default.
    watcher : Watcher, optional

    Raises
    ------
    RasterError
        If a raster is damaged.
    OutputError
        If the layer or the journal cannot be written, or the format cannot hold what lies
        on the rasters' ground; told before the search where it can be known.
    """
    start = time.monotonic()
    watcher = watcher or _Nobody()
    destination = destination_of(target.destination)
    check_target(destination)
    check_layer(job.extents, destination)
    with (
        _beside(destination) as file,
        open_journal(file, job.fingerprint(), target.resume) as journal,
    ):
        sweep(file.parent, file.name)  # what a killed run left there
        watcher.on_journal(journal.state, journal.resumed)
        _search(job, journal, engine or EngineSettings(), watcher.on_pixels)
        counts, scores = [0] * len(job.sheets), Scores()
        with LayerWriter(destination, about=job.provenance()) as writer:
            writer.append(job.empty)
            for chunk in job.layers(journal):
                writer.append(chunk.frame)
                counts[chunk.sheet] += len(chunk.frame)
                scores.add(chunk.detections.scores)
                watcher.on_chunk(chunk)
        summary = _summary(job, journal, counts, start)
        journal.remove()
    _warn(job, summary, scores)
    return summary


@contextmanager
def _beside(destination: Destination) -> Iterator[Path]:
    """Yield the file beside which the journal lies: the output, or one in its place."""
    if destination.is_stream:
        with TemporaryDirectory(prefix="geovehicle-") as folder:
            yield Path(folder) / VEHICLES.layer
    else:
        table = file_name(destination.layer or VEHICLES.layer)
        yield Path(os.path.realpath(destination.path or f"{table}.table"))


def _search(job: Job, store: Store, engine: EngineSettings, on_progress: Progress) -> None:
    """Do the tasks that are not done yet, and keep what they find."""
    kept = store.done()
    tasks = [task for task in job.tasks() if task.key not in kept]
    done, total = job.pixels - sum(task.block.pixels for task in tasks), job.pixels

    def on_pixels(pixels: int) -> None:
        nonlocal done
        done += pixels
        on_progress(done, total)

    def on_found(task: BlockTask, found: BlockFound) -> None:
        store.add(task.key, pack(found))

    on_progress(done, total)
    run_all(tasks, job.detector, engine, on_found, on_pixels)
    job.check_unchanged()


def _summary(job: Job, store: Store, counts: Sequence[int], start: float) -> Summary:
    scenes = tuple(
        Scene(
            sheet.name,
            count,
            sheet.pixels,
            job.searched(store, sheet.number) * sheet.gsd[0] * sheet.gsd[1],
            sheet.raster.stretch,
        )
        for sheet, count in zip(job.sheets, counts, strict=True)
    )
    elapsed = time.monotonic() - start
    return Summary(scenes, job.detector.info.gsd, job.detector.score, job.detector.nms, elapsed)


def _warn(job: Job, summary: Summary, scores: Scores) -> None:
    """Warn of a result that is probably not what is meant."""
    nothing = Doubt(
        "nothing",
        "shows nothing: not one valid pixel was searched; check its nodata value, mask and alpha"
        " band, and --aoi",
    )
    searched = any(scene.pixels for scene in summary.scenes)
    found = [
        (scene.name, nothing)
        for scene in summary.scenes
        if not scene.area and (scene.pixels or not searched)
    ]
    crowded = scores.doubt(job.detector.score)
    # who lowers the threshold asks for low scores, and HOG + SVM knows no others
    if crowded and job.settings.score is None and _is_network(job):
        found.append(("the layer", crowded))
    warn_of(found)


def _is_network(job: Job) -> bool:
    return isinstance(job.detector.info.config, DetectorConfig)
