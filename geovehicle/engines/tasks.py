"""A block as a task that any worker can do: this process, a thread of it or another machine.

Tasks are frozen and picklable.  They name the raster and the weights and hold neither,
so that a worker needs nothing but both within its reach.
"""

from __future__ import annotations

import io
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.detections import Detections
from geovehicle.engines.detectors import load_detector
from geovehicle.engines.scene import BlockFound, Detector, Search, Ticks
from geovehicle.errors import CheckpointError, RasterError
from geovehicle.model.checkpoint import locate, sha256
from geovehicle.raster.inputs import name_of
from geovehicle.raster.rasterio_source import RasterioSource, open_raster
from geovehicle.seams import Views
from geovehicle.settings import OPEN_RASTERS

if TYPE_CHECKING:
    from geovehicle.blocks import Block
    from geovehicle.engines.detectors import LoadedDetector
    from geovehicle.raster.source import Patch, Stretch
    from geovehicle.settings import DetectSettings


@dataclass(frozen=True)
class RasterRef:
    """A raster by name, and how it is read.

    Parameters
    ----------
    uri : str
        Anything that GDAL opens.
    gsd : (float, float)
        The finest and the coarsest metres on the ground of a scene pixel, see
        :func:`open_raster`.
    source_gsd : float or None
        Metres on the ground of a raster pixel, in place of what the CRS says.
    bands : tuple of int or None
        Numbers of the bands, see :func:`open_raster`.
    stretch : Stretch or None
        How its values become 8 bits, as estimated once for all workers.
    made : str
        Tells references that were made apart, even of one name: from one job to the next,
        a worker may live on and the raster change.
    """

    uri: str
    gsd: tuple[float, float]
    source_gsd: float | None = None
    bands: tuple[int, ...] | None = None
    stretch: Stretch | None = None
    made: str = field(default_factory=lambda: uuid.uuid4().hex)

    def open(self) -> RasterioSource:
        """Open the raster, for one thread; raises what :func:`open_raster` does."""
        return open_raster(
            self.uri,
            self.gsd,
            source_gsd=self.source_gsd,
            bands=self.bands,
            stretch=self.stretch,
        )


@dataclass(frozen=True)
class WeightsRef:
    """Weights by name, and the digest that tells them from others of that name.

    Parameters
    ----------
    name : str
        The name of shipped weights, or a file.
    sha256 : str
        Of the file, hexadecimal.
    """

    name: str
    sha256: str

    @classmethod
    def of(cls, name: str) -> WeightsRef:
        """Return the reference to weights as they are now."""
        return cls(name, sha256(locate(name)))


@dataclass(frozen=True)
class BlockTask:
    """One block to search.

    Parameters
    ----------
    sheet : int
        The number of the raster in the job.
    raster : RasterRef
    search : Search
        The scene's size and how it is searched.
    block : Block
    weights : WeightsRef
    """

    sheet: int
    raster: RasterRef
    search: Search
    block: Block
    weights: WeightsRef

    @property
    def key(self) -> tuple[int, int]:
        """The numbers of the raster and of the block."""
        return self.sheet, self.block.index

    def read(self) -> Patch:
        """Read the block's pixels, by a dataset handle of the calling thread.

        Raises
        ------
        RasterError
            If the raster is damaged, not there, or of another size than where it was planned.
        """
        source, planned = _source(self.raster), self.search
        grid = source.grid
        if (grid.width, grid.height) != (planned.width, planned.height):
            raise RasterError(
                f"{name_of(self.raster.uri)} is {grid.width} x {grid.height} scene pixels here"
                f" and was {planned.width} x {planned.height} when the job began;"
                " give every worker the same file and run again"
            )
        return source.read(self.block.window)

    def find(
        self, pixels: Patch, detector: Detector, on_pixels: Ticks = lambda count: None
    ) -> BlockFound:
        """Find the vehicles among the block's pixels."""
        return self.search.find(pixels, self.block, detector, on_pixels)


def run(task: BlockTask) -> BlockFound:
    """Do a task with nothing at hand but its references.

    The detector stays loaded in the process, and rasters stay open in the thread, for
    the next task.  Of the threads of a process, one at a time uses the detector, while
    others read.

    Raises
    ------
    CheckpointError
        If the weights are not there, or are others than those of the job.
    RasterError
        If the raster is damaged, not there, or another one than where the job began.
    """
    pixels = task.read()
    with _turn:
        return task.find(pixels, _detector(task.weights, task.search.settings))


def pack(found: BlockFound) -> bytes:
    """Return what a block has to say as bytes, the same for the same content."""
    views, one = found.views, found.views.detections
    arrays = {
        "searched": np.array(found.searched),
        "boxes": one.boxes,
        "scores": one.scores,
        "labels": one.labels,
        "label_scores": one.label_scores,
        "patch": views.patch,
        "depth": views.depth,
        "whole": views.whole,
    }
    if one.footprints is not None:
        arrays["footprints"] = one.footprints
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def unpack(payload: bytes) -> BlockFound:
    """Return what :func:`pack` made bytes of."""
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        one = Detections(
            arrays["boxes"],
            arrays["scores"],
            arrays["labels"],
            arrays.get("footprints"),
            arrays["label_scores"],
        )
        views = Views(one, arrays["patch"], arrays["depth"], arrays["whole"])
        return BlockFound(views, int(arrays["searched"]))


def unpack_searched(payload: bytes) -> int:
    """Return the valid pixels alone of what :func:`pack` made bytes of."""
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return int(arrays["searched"])


_thread = threading.local()
_turn = threading.Lock()


def _source(raster: RasterRef) -> RasterioSource:
    """Return the open raster of this thread; the longest unused one is closed for another."""
    sources: OrderedDict[RasterRef, RasterioSource] = _thread.__dict__.setdefault(
        "sources", OrderedDict()
    )
    if raster not in sources:
        for old in [one for one in sources if one.uri == raster.uri]:
            sources.pop(old).close()  # of another job, and GDAL may share what is open
        sources[raster] = raster.open()
    sources.move_to_end(raster)
    while len(sources) > OPEN_RASTERS:
        sources.popitem(last=False)[1].close()
    return sources[raster]


@lru_cache(maxsize=1)
def _detector(weights: WeightsRef, settings: DetectSettings) -> LoadedDetector:
    if sha256(locate(weights.name)) != weights.sha256:
        raise CheckpointError(
            f"the weights {weights.name} differ from those of the job; give every worker the same"
        )
    return load_detector(weights.name, settings)
