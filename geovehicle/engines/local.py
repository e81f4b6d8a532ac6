"""The tasks of a job on this machine: threads read ahead while the model works."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from geovehicle.errors import GeoVehicleError
from geovehicle.raster.inputs import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from geovehicle.engines import OnFound
    from geovehicle.engines.scene import Detector, Ticks
    from geovehicle.engines.tasks import BlockTask
    from geovehicle.raster.source import Patch


def run_all(
    tasks: Iterable[BlockTask],
    detector: Detector,
    readers: int,
    on_found: OnFound,
    on_pixels: Ticks,
) -> None:
    """Do tasks in their order, while others read the pixels of those to come.

    As many blocks are read ahead as there are readers, so that memory is bounded.

    Parameters
    ----------
    tasks : iterable of BlockTask
    detector : callable
        Finds the vehicles of a batch of patches; called in this thread only.
    readers : int
        Threads that read, each by its own dataset handles.
    on_found : callable
        Called in this thread with each task that is done and what it found.
    on_pixels : callable
        Called after each batch with the number of scene pixels.

    Raises
    ------
    GeoVehicleError
        What a task raises, or that its pixels cannot be read for another reason, ends the
        job; the tasks before it have been handed over.
    """
    waiting = iter(tasks)
    with ThreadPoolExecutor(readers, thread_name_prefix="reader") as pool:
        ahead: deque[tuple[BlockTask, Future[Patch]]] = deque()

        def read_ahead() -> None:
            for task in waiting:
                ahead.append((task, pool.submit(task.read)))
                return

        try:
            for _ in range(readers):
                read_ahead()
            while ahead:
                task, pixels = ahead.popleft()
                patch = _result(pixels, task)
                read_ahead()
                on_found(task, task.find(patch, detector, on_pixels))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result(pixels: Future[Patch], task: BlockTask) -> Patch:
    """Return what a reader read, or raise its error as one of ours."""
    try:
        return pixels.result()
    except GeoVehicleError:
        raise
    except MemoryError as error:
        raise GeoVehicleError(
            f"there is no memory for block {task.block.index} of {name_of(task.raster.uri)};"
            " lower --patch, --block or --readers"
        ) from error
    except Exception as error:  # a library's own: a file that vanishes may end in any
        raise GeoVehicleError(
            f"block {task.block.index} of {name_of(task.raster.uri)} cannot be read"
            f" ({type(error).__name__}: {' '.join(str(error).split())});"
            " see to that and run the same command again"
        ) from error
