"""The rasters of a job: what is searched of each, and what tells that one has changed."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from geovehicle.engines.scene import Search
from geovehicle.errors import RasterError
from geovehicle.raster.doubts import doubts_about
from geovehicle.raster.inputs import without_secrets
from geovehicle.settings import LARGEST_PLAN

if TYPE_CHECKING:
    from geovehicle.blocks import Block, ScenePlan
    from geovehicle.doubts import Doubt
    from geovehicle.engines.tasks import RasterRef
    from geovehicle.georeference import GeoGrid
    from geovehicle.regions import PixelArea, Whereabouts
    from geovehicle.settings import DetectSettings


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

    def identity(self) -> dict[str, Any]:
        """Return what tells the raster from another, or from itself after a change, for JSON."""
        return {
            "uri": without_secrets(self.raster.uri),
            "files": [[without_secrets(file), *state] for file, state in self.files],
            "size": [self.grid.width, self.grid.height],
            "transform": list(self.grid.transform[:6]),
            "crs": self.grid.crs.to_wkt() if self.grid.crs else None,
            "reading": list(self.reading),
            "stretch": asdict(self.raster.stretch) if self.raster.stretch else None,
            "blocks": [block.index for block in self.blocks],
            "area": self.area.fingerprint,
        }

    def is_unchanged(self) -> bool:
        """Tell whether its files are what they were when it was opened."""
        return all(_state(file) == state for file, state in self.files)


def open_sheet(
    number: int, raster: RasterRef, settings: DetectSettings, where: Whereabouts
) -> Sheet:
    """Open a raster and settle how it is searched.

    Parameters
    ----------
    number : int
        Its number in the job.
    raster : RasterRef
    settings : DetectSettings
    where : Whereabouts
        Where the user looks.

    Raises
    ------
    RasterError, GeoreferenceError
        If the raster cannot be used.
    """
    with raster.open() as source:
        grid, area = source.grid, where.on(source.grid)
        search = Search(grid.width, grid.height, source.scene_gsd, settings)
        _check_size(search, source.name)
        plan = search.plan()
        # what is read counts, not the core: of a part in the area on one sheet, that holds the
        # whole on another, which stands for it
        blocks = tuple(
            block
            for block in plan.blocks
            if area.touches(_bounds(block)) and source.may_hold_data(_bounds(block))
        )
        windows = [block.window for block in blocks]
        # where GIS software keeps statistics; what else it says is in the grid and the reading
        notes = f"{raster.uri}.aux.xml"
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


def _bounds(block: Block) -> tuple[int, int, int, int]:
    window = block.window
    return window.col, window.row, window.col + window.width, window.row + window.height


def _state(file: str) -> tuple[int, int] | tuple[()]:
    """Return a file's bytes and time of change; nothing where it is GDAL's own."""
    try:
        state = os.stat(file)  # noqa: PTH116 - Path raises for names that cannot be
    except (OSError, ValueError):
        return ()
    return state.st_size, state.st_mtime_ns
