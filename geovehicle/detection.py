"""Find the vehicles of georeferenced rasters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from geovehicle.detections import Detections
from geovehicle.engines.detectors import load_detector
from geovehicle.engines.local import search
from geovehicle.errors import SettingsError
from geovehicle.export.frame import concatenate, to_frame
from geovehicle.model.weights import DEFAULT
from geovehicle.raster.rasterio_source import RasterioSource, open_raster
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from os import PathLike

    import geopandas as gpd

    from geovehicle.engines.detectors import LoadedDetector
    from geovehicle.raster.source import Stretch

Progress = Callable[[int, int], None]
"""Called with the scene pixels that are done with and those of the whole job."""


@dataclass(frozen=True)
class Scene:
    """What was found in one raster.

    Attributes
    ----------
    name : str
        The raster's file name.
    detections : Detections
        In scene pixels.
    pixels : int
        Scene pixels, valid or not.
    area : float
        Square metres on the ground that were searched: the valid pixels.
    stretch : Stretch or None
        How the raster's values became 8 bits; None where they were.
    """

    name: str
    detections: Detections
    pixels: int
    area: float
    stretch: Stretch | None


@dataclass(frozen=True)
class Detected:
    """The vehicles of a job as one layer, and how the job went.

    Attributes
    ----------
    vehicles : GeoDataFrame
        One row a vehicle, in the first raster's CRS, see
        :data:`geovehicle.export.frame.FIELDS`.
    scenes : tuple of Scene
        A raster each, in the order given.
    gsd : float
        The model's ground sampling distance, metres.
    score, nms : float
        The thresholds in force.
    seconds : float
        Wall-clock time, loading of the weights included.
    """

    vehicles: gpd.GeoDataFrame
    scenes: tuple[Scene, ...]
    gsd: float
    score: float
    nms: float
    seconds: float

    @property
    def area(self) -> float:
        """Square metres searched in all."""
        return sum(scene.area for scene in self.scenes)

    @property
    def pixels(self) -> int:
        """Scene pixels in all."""
        return sum(scene.pixels for scene in self.scenes)


def detect(
    rasters: Sequence[str | PathLike[str]],
    weights: str | PathLike[str] = DEFAULT,
    settings: DetectSettings | None = None,
    on_progress: Progress = lambda done, total: None,
    check: Callable[[gpd.GeoDataFrame], None] = lambda layer: None,
) -> Detected:
    """Find the vehicles of one or more rasters.

    All rasters are opened before the first is searched, so that a wrong one is
    told at once.

    Parameters
    ----------
    rasters : sequence of path-like
        Anything that GDAL opens.
    weights : str or path-like
        The name of shipped weights or a checkpoint.
    settings : DetectSettings, optional
        How the rasters are searched; the defaults without it.
    on_progress : callable
        Called after each batch of patches.
    check : callable
        Called before the search with a layer of the result's fields and CRS and no
        rows; what it raises ends the job before the long work.

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
    if not rasters:
        raise SettingsError("no raster is given; name at least one")
    settings = settings or DetectSettings()
    start = time.monotonic()
    with ExitStack() as stack:
        detector = load_detector(weights, settings)
        sources = [stack.enter_context(_open(path, detector, settings)) for path in rasters]
        layer_of = partial(_layer, labels=detector.labels, settings=settings)
        check(concatenate([layer_of(source, Detections.empty()) for source in sources]))
        ticker = _Ticker(on_progress, sum(_size(source) for source in sources))
        scenes = [_search(source, detector, settings, ticker) for source in sources]
        frames = [
            layer_of(source, scene.detections)
            for source, scene in zip(sources, scenes, strict=True)
        ]
    vehicles = concatenate(frames)
    elapsed = time.monotonic() - start
    gsd, thresholds = detector.info.gsd, (detector.score, detector.nms)
    return Detected(vehicles, tuple(scenes), gsd, *thresholds, elapsed)


class _Ticker:
    """Adds up the pixels done with for the caller's progress display."""

    def __init__(self, on_progress: Progress, total: int) -> None:
        self._on_progress, self._total, self._done = on_progress, total, 0

    def __call__(self, pixels: int) -> None:
        self._done += pixels
        self._on_progress(self._done, self._total)


def _open(
    path: str | PathLike[str], detector: LoadedDetector, settings: DetectSettings
) -> RasterioSource:
    return open_raster(path, detector.info.gsd, source_gsd=settings.gsd, bands=settings.bands)


def _size(source: RasterioSource) -> int:
    return source.grid.width * source.grid.height


def _layer(
    source: RasterioSource, found: Detections, labels: Sequence[str], settings: DetectSettings
) -> gpd.GeoDataFrame:
    return to_frame(found, source.grid, source.name, labels, settings.boxes)


def _search(
    source: RasterioSource, detector: LoadedDetector, settings: DetectSettings, ticker: _Ticker
) -> Scene:
    found = search(source, detector, settings, detector.info.gsd, ticker)
    area = found.searched * source.gsd[0] * source.gsd[1]
    return Scene(source.name, found.detections, _size(source), area, source.stretch)
