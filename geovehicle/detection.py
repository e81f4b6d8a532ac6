"""Find the vehicles of georeferenced rasters."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from geovehicle.detections import Detections
from geovehicle.engines import run_all
from geovehicle.engines.tasks import BlockTask, pack
from geovehicle.export.frame import concatenate
from geovehicle.export.writers import LayerWriter, check_layer, check_target
from geovehicle.files import sweep
from geovehicle.jobs import Job, Memory, Store, prepare
from geovehicle.journal import open_journal
from geovehicle.model.weights import DEFAULT
from geovehicle.regions import EVERYWHERE
from geovehicle.settings import DetectSettings, EngineSettings

if TYPE_CHECKING:
    from os import PathLike

    import geopandas as gpd

    from geovehicle.engines.scene import BlockFound
    from geovehicle.jobs import Chunk
    from geovehicle.raster.source import Stretch
    from geovehicle.regions import Whereabouts

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
    """The file that a layer goes to.

    Attributes
    ----------
    path : pathlib.Path
        Its suffix says the format.
    overwrite : bool
        Whether an existing file may be replaced.
    resume : bool
        Whether what an interrupted run of the same job has done counts.
    """

    path: Path
    overwrite: bool = False
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
    rasters: Sequence[str | PathLike[str]],
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
    rasters : sequence of path-like
        Anything that GDAL opens.
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
    job = prepare(rasters, weights, settings or DetectSettings(), where)
    store = Memory()
    _search(job, store, EngineSettings(), on_progress)
    chunks = list(job.layers(store))
    vehicles = concatenate([job.empty, *(chunk.frame for chunk in chunks)])
    detections = tuple(
        Detections.concatenate([one.detections for one in chunks if one.sheet == sheet.number])
        for sheet in job.sheets
    )
    counts = [len(found) for found in detections]
    return Detected(vehicles, detections, _summary(job, store, counts, start))


def detect_to(
    target: Target,
    job: Job,
    engine: EngineSettings | None = None,
    watcher: Watcher | None = None,
) -> Summary:
    """Find the vehicles of a job and write them, in memory that the job's size does not change.

    What is done is kept in a journal beside the target until the layer is in place.
    Run again after whatever stopped it, the same job goes on from there and writes the
    same file.

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
    check_target(target.path, target.overwrite)
    check_layer(job.extents, target.path)
    with open_journal(target.path, job.fingerprint(), target.resume) as journal:
        file = Path(os.path.realpath(target.path))
        sweep(file.parent, file.name)  # what a killed run left there
        watcher.on_journal(journal.state, journal.resumed)
        _search(job, journal, engine or EngineSettings(), watcher.on_pixels)
        counts = [0] * len(job.sheets)
        with LayerWriter(target.path, target.overwrite) as writer:
            writer.append(job.empty)
            for chunk in job.layers(journal):
                writer.append(chunk.frame)
                counts[chunk.sheet] += len(chunk.frame)
                watcher.on_chunk(chunk)
        summary = _summary(job, journal, counts, start)
        journal.remove()
    return summary


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
