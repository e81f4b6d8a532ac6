"""What does the tasks of a job, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from geovehicle.engines.scene import BlockFound, Detector, Ticks
    from geovehicle.engines.tasks import BlockTask
    from geovehicle.settings import EngineSettings

    OnFound = Callable[[BlockTask, BlockFound], None]
    """Called, in the thread that runs the engine, with each task that is done."""


def run_all(
    tasks: Sequence[BlockTask],
    detector: Detector,
    settings: EngineSettings,
    on_found: OnFound,
    on_pixels: Ticks,
) -> None:
    """Do tasks by the engine of the settings.

    Parameters
    ----------
    tasks : sequence of BlockTask
    detector : callable
        The detector of this process; an engine with workers of its own loads others.
    settings : EngineSettings
    on_found : callable
        Called with each task that is done and what it found, in any order.
    on_pixels : callable
        Called now and then with the number of scene pixels that are done with since.

    Raises
    ------
    GeoVehicleError
        What a task raises ends the job; what was handed over before stays valid.
    """
    if settings.engine == "dask":
        from geovehicle.engines import dask  # an extra

        dask.run_all(tasks, settings, on_found, on_pixels)
    else:
        from geovehicle.engines import local

        local.run_all(tasks, detector, settings.readers, on_found, on_pixels)
