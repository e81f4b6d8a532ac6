"""The Dask engine: on workers of its own, and on threads of a cluster in this process."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask as dask_library
import pytest
from distributed import Client, LocalCluster

from geovehicle import __version__, engines
from geovehicle.engines import dask
from geovehicle.engines import tasks as tasks_module
from geovehicle.engines.tasks import WeightsRef, pack
from geovehicle.errors import CheckpointError, GeoVehicleError, OutputError, RasterError
from geovehicle.jobs import prepare
from geovehicle.settings import TASKS_AHEAD, DetectSettings, EngineSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from geovehicle.engines.tasks import BlockTask
    from geovehicle.jobs import Job

LOCAL = EngineSettings()
TWO = EngineSettings(engine="dask", workers=2)


def planted(count: int, read: Any = None) -> list[Any]:
    """Return what the engine asks of tasks, so that they need neither raster nor weights."""
    search = SimpleNamespace(settings=DetectSettings(device="cpu"))
    return [
        SimpleNamespace(
            key=(0, index),
            block=SimpleNamespace(index=index, pixels=10),
            raster=SimpleNamespace(uri="a.tif"),
            search=search,
            weights=None,
            read=read,
            find=None,
        )
        for index in range(count)
    ]


def found_by(settings: EngineSettings, job: Job, tasks: Sequence[BlockTask]) -> dict[Any, bytes]:
    """Return what an engine finds, as the journal keeps it."""
    kept: dict[Any, bytes] = {}
    pixels: list[int] = []
    engines.run_all(
        tasks,
        job.detector,
        settings,
        lambda task, found: kept.update({task.key: pack(found)}),
        pixels.append,
    )
    assert sum(pixels) == sum(task.block.pixels for task in tasks)
    return kept


@pytest.fixture(scope="module")
def job(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A raster of noise in six blocks, and a detector that sees vehicles in it."""
    import numpy as np
    import rasterio

    path = tmp_path_factory.mktemp("raster") / "noise.tif"
    pixels = np.random.default_rng(0).integers(20, 236, (3, 420, 640), np.uint8)
    transform = rasterio.Affine(0.1, 0, 130_000, 0, -0.1, 455_000)
    with rasterio.open(
        path, "w", width=640, height=420, count=3, dtype="uint8", crs=28992, transform=transform
    ) as raster:
        raster.write(pixels)
    settings = DetectSettings(patch=256, overlap=2.0, block=1, score=0.0, device="cpu")
    return prepare([path], weights, settings)


@pytest.fixture(scope="module")
def tasks(job: Job) -> list[BlockTask]:
    found = list(job.tasks())
    assert len(found) == 6
    return found


@pytest.fixture(scope="module")
def expected(job: Job, tasks: list[BlockTask]) -> dict[Any, bytes]:
    """What the local engine finds."""
    found = found_by(LOCAL, job, tasks)
    assert sum(len(tasks_module.unpack(one).views) for one in found.values()) > 6
    return found


@pytest.fixture(scope="module")
def workers() -> Iterator[Client]:
    """Two worker processes."""
    with dask.local(TWO, "cpu") as client:
        yield client


@pytest.fixture
def remote(workers: Client) -> Iterator[EngineSettings]:
    keys = workers.security
    names = {"ca-file": keys.tls_ca_file, "client.cert": keys.tls_client_cert}
    names["client.key"] = keys.tls_client_key
    with dask_library.config.set({f"distributed.comm.tls.{k}": v for k, v in names.items()}):
        yield EngineSettings(engine="dask", scheduler=workers.scheduler.address)


@pytest.fixture
def threads() -> Iterator[LocalCluster]:
    """A cluster of two threads in this process, where a test can put its own functions."""
    options = {"protocol": "tcp://", "dashboard_address": None, "silence_logs": 60}
    with (
        dask_library.config.set({"distributed.comm.timeouts.connect": "1s"}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, **options) as cluster,
    ):
        yield cluster


def do_with(threads: LocalCluster, tasks: Sequence[Any], on_found: Any = None) -> None:
    settings = EngineSettings(engine="dask", scheduler=threads.scheduler_address)
    dask.run_all(tasks, settings, on_found or (lambda task, found: None), lambda pixels: None)


class TestWorkersOfTheirOwn:
    def test_two_find_what_this_process_finds_to_the_last_bit(
        self, job: Job, tasks: Any, expected: Any, remote: Any, capfd: Any
    ) -> None:
        assert found_by(remote, job, tasks) == expected
        assert capfd.readouterr() == ("", "")

    def test_one_that_is_killed_costs_nothing_but_its_tasks(
        self, job: Job, tasks: Any, expected: Any, workers: Client, remote: Any, capfd: Any
    ) -> None:
        doomed = min(workers.run(os.getpid).values())
        kept: dict[Any, bytes] = {}

        def on_found(task: BlockTask, found: Any) -> None:
            if not kept:
                os.kill(doomed, signal.SIGKILL)
            kept[task.key] = pack(found)

        dask.run_all(tasks, remote, on_found, lambda pixels: None)
        assert kept == expected
        assert capfd.readouterr() == ("", "")

    def test_other_weights_than_those_of_the_job_are_refused(
        self, job: Job, tasks: Any, remote: Any, capfd: Any
    ) -> None:
        wrong = replace(tasks[0], weights=WeightsRef(tasks[0].weights.name, "0" * 64))
        with pytest.raises(CheckpointError, match=r"differ from those of the job"):
            found_by(remote, job, [wrong])
        assert capfd.readouterr() == ("", "")

    def test_they_compute_with_as_many_threads_as_this_process(self, workers: Client) -> None:
        import torch

        (found,) = {
            workers.submit(torch.get_num_threads, workers=[one]).result()
            for one in workers.nthreads()
        }
        assert found == torch.get_num_threads()

    def test_nobody_outside_reaches_them(self, workers: Client) -> None:
        info = workers.scheduler_info()
        addresses = [info["address"], *info["workers"]]
        addresses += [one["nanny"] for one in info["workers"].values()]
        assert len(addresses) >= 3
        assert all(address.startswith("tls://127.0.0.1:") for address in addresses)

    def test_nor_does_another_user_of_this_machine(self, workers: Client, monkeypatch: Any) -> None:
        monkeypatch.setattr(dask, "SCHEDULER_SECONDS", 1.0)
        address = workers.scheduler.address
        other = EngineSettings(engine="dask", scheduler=address)
        with pytest.raises(GeoVehicleError, match=r"^no Dask scheduler that fits answers at tls"):
            dask.run_all(planted(1), other, print, print)
        other = EngineSettings(engine="dask", scheduler=address.replace("tls", "tcp"))
        with pytest.raises(GeoVehicleError, match=r"^no Dask scheduler that fits answers at tcp"):
            dask.run_all(planted(1), other, print, print)

    def test_a_task_is_small(self, tasks: Any) -> None:
        import pickle

        assert len(pickle.dumps(tasks[0])) < 2000


def test_a_task_that_takes_its_workers_down_is_named_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = dict(os.environ)
    settings = EngineSettings(engine="dask", workers=1)
    with (
        dask_library.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(GeoVehicleError, match=r"^block 0 of a\.tif took down 1 workers in turn; "),
    ):
        dask.run_all(planted(1, partial(os._exit, 3)), settings, print, print)
    assert dict(os.environ) == before
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


class TestThreads:
    def test_results_come_in_the_thread_of_the_caller(
        self, threads: LocalCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dask, "run", lambda task: threading.get_ident())
        seen: dict[Any, tuple[int, int]] = {}

        def on_found(task: Any, found: Any) -> None:
            seen[task.key] = (found, threading.get_ident())

        do_with(threads, planted(30), on_found)
        assert sorted(seen) == [(0, index) for index in range(30)]
        assert {caller for _, caller in seen.values()} == {threading.get_ident()}
        assert threading.get_ident() not in {worker for worker, _ in seen.values()}

    def test_only_a_few_tasks_for_each_thread_are_under_way(
        self, threads: LocalCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken, most, done = 0, 0, 0

        class Taken(list[Any]):
            def __iter__(self) -> Iterator[Any]:
                nonlocal taken
                for one in super().__iter__():
                    taken += 1
                    yield one

        def on_found(task: Any, found: Any) -> None:
            nonlocal most, done
            most = max(most, taken - done)
            done += 1

        monkeypatch.setattr(dask, "run", lambda task: time.sleep(0.001))
        do_with(threads, Taken(planted(60)), on_found)
        assert done == taken == 60
        assert most == 2 * TASKS_AHEAD

    @pytest.mark.parametrize(
        ("raised", "kind", "told"),
        [
            (RasterError("a.tif is damaged"), RasterError, r"^a\.tif is damaged$"),
            (
                MemoryError("1 GB\nmore"),
                GeoVehicleError,
                r"^block \d of a\.tif failed on a worker \(MemoryError: 1 GB\); see to .* again$",
            ),
        ],
    )
    def test_an_error_in_a_task_ends_the_job_in_one_line(
        self, threads: LocalCluster, monkeypatch: Any, capfd: Any, raised: Any, kind: Any, told: str
    ) -> None:
        def fail(task: Any) -> None:
            raise raised

        monkeypatch.setattr(dask, "run", fail)
        with pytest.raises(kind, match=told):
            do_with(threads, planted(3))
        assert capfd.readouterr() == ("", "")

    def test_so_does_one_of_the_caller(
        self, threads: LocalCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(task: Any, found: Any) -> None:
            raise OutputError("no space left")

        monkeypatch.setattr(dask, "run", lambda task: None)
        with pytest.raises(OutputError, match="no space left"):
            do_with(threads, planted(3), full)

    def test_a_scheduler_that_goes_away_is_told_in_one_line(
        self, threads: LocalCluster, monkeypatch: Any, capfd: Any
    ) -> None:
        gone = threading.Event()

        def wait(task: Any) -> None:
            if task.block.index:
                gone.wait(20)

        def on_found(task: Any, found: Any) -> None:
            threads.sync(threads.scheduler.close)
            gone.set()

        monkeypatch.setattr(dask, "run", wait)
        monkeypatch.setattr(dask, "SCHEDULER_SECONDS", 1.0)
        with pytest.raises(GeoVehicleError, match="scheduler was lost; run the same command"):
            do_with(threads, planted(3), on_found)
        assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "value"), [("__version__", "0.0.1"), ("VERSION", "no_such:v")])
def test_a_cluster_without_this_version_is_refused(
    threads: LocalCluster, monkeypatch: Any, capfd: Any, name: str, value: str
) -> None:
    monkeypatch.setattr(dask, name, value)
    with pytest.raises(GeoVehicleError, match=r"^not all of the cluster has geovehicle .*; "):
        do_with(threads, planted(1))
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_came_later_with_another_version_is_refused() -> None:
    with pytest.raises(GeoVehicleError, match=f"has geovehicle {__version__} and this is 0.0.1"):
        dask.do(planted(1)[0], "0.0.1")


def test_without_tasks_no_cluster_is_needed(monkeypatch: Any) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(dask, "Client", lambda *address, **_: asked.append(address))
    dask.run_all([], EngineSettings(engine="dask", scheduler="nowhere"), print, print)
    assert asked == []


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{closed}", "tcp://127.0.0.1:{mute}", "there"])
def test_an_address_where_no_scheduler_answers_is_told(
    address: str, monkeypatch: Any, capfd: Any
) -> None:
    monkeypatch.setattr(dask, "SCHEDULER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = address.format(closed=port, mute=mute.getsockname()[1])
        settings = EngineSettings(engine="dask", scheduler=address)
        with pytest.raises(GeoVehicleError, match=f"^no Dask .* answers at {address} ") as caught:
            dask.run_all(planted(1), settings, print, print)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "geovehicle.engines.dask")
    monkeypatch.delattr(engines, "dask")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(GeoVehicleError, match=r"needs Dask; pip install 'geovehicle\[dask\]'"):
        engines.run_all([], None, TWO, print, print)  # type: ignore[arg-type]


def test_without_keys_of_its_own_no_cluster_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(GeoVehicleError, match=r"needs cryptography; pip install"):
        dask.run_all(planted(1), TWO, print, print)
