from __future__ import annotations

import pickle
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio import shutil

from geovehicle.detections import Detections
from geovehicle.engines import tasks
from geovehicle.engines.scene import BlockFound, Search
from geovehicle.engines.tasks import BlockTask, RasterRef, WeightsRef, pack, run, unpack
from geovehicle.errors import CheckpointError, RasterError
from geovehicle.footprints import straight
from geovehicle.model.weights import DEFAULT
from geovehicle.seams import Views
from geovehicle.settings import OPEN_RASTERS, RIM, DetectSettings

if TYPE_CHECKING:
    from pathlib import Path

GSD = 0.1


def task_of(path: Path, width: int = 96) -> BlockTask:
    search = Search(width, 64, GSD, DetectSettings())
    weights = WeightsRef.of(DEFAULT)
    return BlockTask(3, RasterRef(str(path), (GSD, GSD)), search, search.plan().blocks[0], weights)


def views_of(count: int, *, footprints: bool, seed: int = 0) -> Views:
    rng = np.random.default_rng(seed)
    boxes = rng.uniform(0, 1e5, (count, 4))
    found = Detections(
        boxes,
        rng.random(count),
        rng.integers(0, 4, count),
        straight(boxes) if footprints else None,
        rng.random(count),
    )
    whole = rng.random(count) > 0.5
    return Views(found, rng.integers(0, 99, count), rng.normal(size=count), whole)


@given(st.integers(0, 20), st.booleans(), st.integers(0, 99))
def test_what_is_packed_comes_back(count: int, footprints: bool, seed: int) -> None:
    before = BlockFound(views_of(count, footprints=footprints, seed=seed), 12345678901)
    payload = pack(before)
    after = unpack(payload)
    assert after.searched == before.searched
    for name in ("patch", "depth", "whole"):
        one, other = getattr(after.views, name), getattr(before.views, name)
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    for name in ("boxes", "scores", "labels", "label_scores", "footprints"):
        one, other = (getattr(found.views.detections, name) for found in (after, before))
        assert (one is None) == (other is None)
        assert one is None or (one.dtype, one.tolist()) == (other.dtype, other.tolist())
    assert pack(after) == payload


def test_a_task_names_its_files_and_holds_none(make_raster: Any) -> None:
    task = task_of(make_raster("a.tif"))
    assert task.key == (3, 0)
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301  our own bytes
    assert len(pickle.dumps(task)) < 3000


def test_a_raster_stays_open_in_its_thread(make_raster: Any) -> None:
    task = task_of(make_raster("a.tif"))
    task.read()
    source = tasks._source(task.raster)
    assert tasks._source(task.raster) is source
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.append(tasks._source(task.raster)))
    thread.start()
    thread.join()
    assert others[0] is not source


def test_the_longest_unused_raster_is_closed(make_raster: Any) -> None:
    refs = [RasterRef(str(make_raster(f"{n}.tif")), (GSD, GSD)) for n in range(OPEN_RASTERS + 1)]
    first = tasks._source(refs[0])
    for ref in refs[1:]:
        tasks._source(ref)
    assert first._dataset.closed
    assert tasks._source(refs[0]) is not first
    assert not tasks._source(refs[-1])._dataset.closed


def test_the_next_job_reads_the_raster_that_is_there_now(make_raster: Any) -> None:
    path = make_raster("a.tif", pixels=np.full((3, 64, 64), 50, np.uint8))
    before = task_of(path, 64)
    assert before.read().pixels.max() == 50
    make_raster("new.tif", pixels=np.full((3, 64, 64), 80, np.uint8)).replace(path)
    old, after = tasks._source(before.raster), task_of(path, 64)
    assert after.read().pixels.max() == 80
    assert old._dataset.closed


def test_the_next_job_reads_the_sources_of_a_mosaic_that_are_there_now(
    make_raster: Any, tmp_path: Path
) -> None:
    path = make_raster("a.tif", pixels=np.full((3, 64, 64), 50, np.uint8))
    shutil.copy(path, tmp_path / "a.vrt", driver="VRT")
    assert task_of(tmp_path / "a.vrt", 64).read().pixels.max() == 50
    make_raster("new.tif", pixels=np.full((3, 64, 64), 80, np.uint8)).replace(path)
    assert task_of(tmp_path / "a.vrt", 64).read().pixels.max() == 80


def test_a_raster_of_another_size_than_planned_is_told(make_raster: Any) -> None:
    task = task_of(make_raster("a.tif", pixels=np.zeros((3, 64, 80), np.uint8)))
    with pytest.raises(RasterError, match=r"a\.tif is 80 x 64 scene pixels here .* 96 x 64 "):
        task.read()


def test_a_thread_reads_while_another_has_the_detector(make_raster: Any, monkeypatch: Any) -> None:
    task = task_of(make_raster("a.tif"))
    entered, read, both = threading.Event(), threading.Event(), threading.Event()
    calls = 0

    def detector(patches: Any) -> list[Detections]:
        nonlocal calls
        calls += 1
        if calls == 2:
            both.set()
        else:
            entered.set()
            assert read.wait(20)
            assert not both.wait(0.3)
        return [Detections.empty() for _ in patches]

    def second() -> None:
        source = tasks._source(task.raster)
        window = source.read(task.block.window)
        monkeypatch.setattr(source, "read", lambda wanted: (read.set(), window)[1])
        run(task)

    monkeypatch.setattr(tasks, "_detector", lambda weights, settings: detector)
    first = threading.Thread(target=run, args=(task,))
    first.start()
    assert entered.wait(20)
    other = threading.Thread(target=second)
    other.start()
    first.join(30)
    other.join(30)
    assert calls == 2


def test_a_raster_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match=r"gone\.tif"):
        task_of(tmp_path / "gone.tif").read()


def test_a_worker_with_other_weights_says_so(make_raster: Any) -> None:
    task = task_of(make_raster("a.tif"))
    other = replace(task, weights=replace(task.weights, sha256="0" * 64))
    with pytest.raises(CheckpointError, match="differ from those of the job"):
        run(other)


def test_a_task_alone_finds_what_the_scene_shows(make_raster: Any, monkeypatch: Any) -> None:
    red = np.full((3, 64, 64), 90, np.uint8)
    red[0, 10:20, 30:50] = 255

    def bright(patches: Any) -> list[Detections]:
        (patch,) = patches
        inner = patch.pixels[0, RIM : RIM + 64, RIM : RIM + 64]
        assert (inner == red[0]).all()
        box = RIM + np.array([[30, 10, 50, 20]], float)
        return [Detections(box, np.ones(1, np.float32), np.zeros(1, int))]

    monkeypatch.setattr(tasks, "_detector", lambda weights, settings: bright)
    found = run(task_of(make_raster("red.tif", pixels=red), 64))
    assert found.searched == 64 * 64
    assert found.views.detections.boxes.tolist() == [[30, 10, 50, 20]]
    assert found.views.whole.tolist() == [True]
