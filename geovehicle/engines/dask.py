"""The tasks of a job on the workers of a Dask cluster: one of this machine, or an existing one."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
import warnings
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pkgutil import resolve_name
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from geovehicle import __version__
from geovehicle.engines.tasks import run
from geovehicle.errors import GeoVehicleError
from geovehicle.model.device import threads, visible_gpus
from geovehicle.raster.inputs import name_of
from geovehicle.settings import (
    SCHEDULER_SECONDS,
    TASKS_AHEAD,
    WORKER_GRACE_SECONDS,
    WORKER_THREADS,
)

try:
    from dask import config
    from distributed import (
        Client,
        KilledWorker,
        Nanny,
        Scheduler,
        Security,
        SpecCluster,
        as_completed,
    )
    from distributed.comm.core import connect
    from distributed.versions import VersionMismatchWarning
except ImportError as error:
    raise GeoVehicleError("--engine dask needs Dask; pip install 'geovehicle[dask]'") from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from distributed import Future

    from geovehicle.engines import OnFound
    from geovehicle.engines.scene import BlockFound, Ticks
    from geovehicle.engines.tasks import BlockTask
    from geovehicle.settings import DeviceName, EngineSettings

LOOPBACK = "127.0.0.1"
"""Nobody outside of this machine reaches its cluster, and by TLS no other user of it: Dask
runs whatever it is sent."""

VERSION = "geovehicle:__version__"
"""Where a scheduler or a worker finds its version."""

SILENCE = "ignore:resource_tracker"
"""A filter of warnings, as ``python -W`` takes it."""

LOGGERS = ("distributed", "distributed.client", "tornado.application")
"""They print tracebacks of what the job tells in one line."""


def run_all(
    tasks: Sequence[BlockTask], settings: EngineSettings, on_found: OnFound, on_pixels: Ticks
) -> None:
    """Do tasks on a Dask cluster, in any order.

    A lost worker costs the tasks it had in hand: others do them again.

    Parameters
    ----------
    tasks : sequence of BlockTask
        The raster's URI and the weights must be within reach of every worker.
    settings : EngineSettings
        Of which scheduler and workers count here.
    on_found : callable
        Called in this thread with each task that is done and what it found.
    on_pixels : callable
        Called after each task with the number of scene pixels.

    Raises
    ------
    GeoVehicleError
        If the scheduler cannot be reached or is lost, if a task takes its workers down
        again and again, or whatever a task raises.
    """
    if not tasks:
        return
    device = tasks[0].search.settings.device
    cluster = existing(settings.scheduler) if settings.scheduler else local(settings, device)
    with _quiet(), cluster as client:
        _hand_out(client, tasks, on_found, on_pixels)


@contextmanager
def existing(address: str) -> Iterator[Client]:
    """Connect to a cluster.

    Parameters
    ----------
    address : str
        Of its scheduler, such as tcp://host:8786.

    Raises
    ------
    GeoVehicleError
        If no Dask scheduler answers there, or the cluster lacks this version of geovehicle.
    """
    try:
        with ThreadPoolExecutor(1) as thread:  # the caller's may have an event loop of its own
            thread.submit(asyncio.run, _greet(address)).result()
        with warnings.catch_warnings():  # most differences do no harm, the others show in a task
            warnings.simplefilter("ignore", VersionMismatchWarning)
            client = Client(address, timeout=SCHEDULER_SECONDS, set_as_default=False)
    except (OSError, ValueError, ImportError, TypeError) as error:  # TypeError: TLS without keys
        raise GeoVehicleError(
            f"no Dask scheduler that fits answers at {address} ({_line(error)});"
            " --scheduler takes the address that it prints, such as tcp://host:8786"
        ) from None
    with client:
        _check_version(client)
        yield client


@contextmanager
def local(settings: EngineSettings, device: DeviceName) -> Iterator[Client]:
    """Start a cluster of this machine and end it after use.

    Parameters
    ----------
    settings : EngineSettings
        Of which workers counts: by default one per GPU, or else one.
    device : str
        Where the detector runs; each worker has a GPU of its own, as far as they go.
    """
    gpus = visible_gpus() if device in ("auto", "cuda") else ()
    count = settings.workers or len(gpus) or 1
    same = str(threads())  # in each worker, for the last bits of a detection depend on it
    environment = {
        "OMP_NUM_THREADS": same,
        "MKL_NUM_THREADS": same,
        "OMP_WAIT_POLICY": "PASSIVE",  # or threads that wait hold up those of other workers
        # what a killed job leaves is cleaned up by a process of Python's, which would say so
        "PYTHONWARNINGS": ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), SILENCE])),
    }
    with TemporaryDirectory(prefix="geovehicle-", ignore_cleanup_errors=True) as folder:
        security = _own_security()
        private = {"host": LOOPBACK, "protocol": "tls", "security": security}
        workers = {
            number: _worker(private, gpus[number % len(gpus)] if gpus else None)
            for number in range(count)
        }
        scheduler = {
            "cls": Scheduler,
            "options": {
                **private,
                "dashboard": False,
                "dashboard_address": f"{LOOPBACK}:0",
            },
        }
        with (
            _environment(environment),
            config.set({"temporary-directory": folder}),
            SpecCluster(
                workers, scheduler, security=security, silence_logs=logging.CRITICAL
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


class _Worker(Nanny):
    """A worker process that is started again when it dies, and ended without ado."""

    async def close(  # type: ignore[override]  # as Nanny itself has to
        self, timeout: float | None = None, reason: str = "nanny-close"
    ) -> Literal["OK"]:
        return await super().close(timeout=WORKER_GRACE_SECONDS, reason=reason)


def _own_security() -> Security:
    """Return keys for TLS that nobody else has and that end with this process."""
    try:
        own: Security = Security.temporary()
    except ImportError:
        raise GeoVehicleError(
            "a Dask cluster of this machine needs cryptography; pip install 'geovehicle[dask]'"
        ) from None
    return own


def _worker(private: Mapping[str, Any], gpu: str | None) -> dict[str, Any]:
    """Return the specification of a worker process: a thread reads while another detects."""
    options: dict[str, Any] = {
        **private,
        "nthreads": WORKER_THREADS,
        "memory_limit": 0,  # none: the size of a block bounds it
        "silence_logs": logging.CRITICAL,
        "env": {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu},
    }
    return {"cls": _Worker, "options": options}


def _hand_out(
    client: Client, tasks: Sequence[BlockTask], on_found: OnFound, on_pixels: Ticks
) -> None:
    """Keep every worker busy with a few tasks, and hand over what they find."""
    job, waiting = uuid.uuid4().hex, iter(tasks)
    running: dict[Future[BlockFound], BlockTask] = {}
    completed = as_completed([], loop=client.loop)

    def submit() -> None:
        # Workers come and go.  While there are none, some tasks make a cluster start them.
        with _lost_is_told():
            most = TASKS_AHEAD * max(1, sum(client.nthreads().values()))
        for task in islice(waiting, max(0, most - len(running))):
            key = (f"block-{job}", *task.key)
            future = client.submit(do, task, __version__, key=key, pure=False)
            running[future] = task
            completed.add(future)

    submit()
    for batch in completed.batches():
        for future in batch:
            task = running.pop(future)
            found = _result(future, task)
            future.release()
            on_found(task, found)
            on_pixels(task.block.pixels)
        submit()


def do(task: BlockTask, wanted: str) -> BlockFound:
    """Do a task in a worker.

    Parameters
    ----------
    task : BlockTask
    wanted : str
        The version of geovehicle where the job runs; a worker may have come later.

    Raises
    ------
    GeoVehicleError
        If the worker's version is another, and what :func:`geovehicle.engines.tasks.run`
        raises.
    """
    if wanted != __version__:
        raise GeoVehicleError(
            f"a worker has geovehicle {__version__} and this is {wanted};"
            " install the same version on all"
        )
    return run(task)


def _result(future: Future[BlockFound], task: BlockTask) -> BlockFound:
    """Return what a task found, or raise its error as one of ours."""
    with _lost_is_told():
        error = future.exception()
        if error is None:
            return future.result()
    if isinstance(error, KilledWorker):
        raise GeoVehicleError(
            f"block {task.block.index} of {name_of(task.raster.uri)} took down"
            f" {error.allowed_failures + 1} workers in turn;"
            " their logs tell why: where memory is short, make blocks smaller by --block"
        )
    if isinstance(error, GeoVehicleError):
        raise error
    raise GeoVehicleError(
        f"block {task.block.index} of {name_of(task.raster.uri)} failed on a worker"
        f" ({type(error).__name__}: {_line(error)}); see to that, or to its memory, and run again"
    ) from error


@contextmanager
def _lost_is_told() -> Iterator[None]:
    """Name the loss of the scheduler, which Dask tells in several ways."""
    try:
        yield
    except (CancelledError, OSError):
        raise GeoVehicleError(
            "the Dask scheduler was lost; run the same command again to go on from here"
        ) from None


def _check_version(client: Client) -> None:
    """Ask scheduler and workers for this package: without it, tasks make them fall over."""
    found: set[str] = set()
    with suppress(ImportError), _lost_is_told():
        on_workers = client.run(resolve_name, VERSION, on_error="return").values()
        there = [one for one in on_workers if not isinstance(one, OSError | ValueError)]  # not lost
        found = {client.run_on_scheduler(resolve_name, VERSION), *there}
    if found != {__version__}:
        raise GeoVehicleError(
            f"not all of the cluster has geovehicle {__version__};"
            " install it on its scheduler and on every worker"
        )


async def _greet(address: str) -> None:
    """Say hello to a scheduler: :class:`Client` would wait forever for a server of another kind."""
    arguments = Security().get_connection_args("client")
    seconds = SCHEDULER_SECONDS
    comm = await asyncio.wait_for(connect(address, timeout=seconds, **arguments), seconds)
    comm.abort()


def _line(error: BaseException) -> str:
    """Return the first line of an error's message, or else its name."""
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables that worker processes inherit, for a while; Dask adds some of its own."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave what Dask logs unprinted: what matters becomes an error of one line."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
