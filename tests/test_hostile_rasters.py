"""The hostile collection, ``hostile.py``, by the command line: each in a process of its own."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from geovehicle import detection, jobs
from geovehicle.detection import Target, detect_to
from geovehicle.errors import RasterError
from geovehicle.export.destinations import Destination
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

HERE = Path(__file__).parent

HOSTILE = runpy.run_path(str(HERE / "hostile.py"))

CASES = HOSTILE["CASES"]

CAGE = runpy.run_path(str(HERE / "cage.py"))

NEAR = 0.1
"""Metres that a place may be off; of degrees, a hundred thousandth of it."""


@pytest.fixture(scope="module")
def cage() -> Iterator[Any]:
    with CAGE["Cage"]() as cage:
        yield cage


@pytest.fixture(scope="module")
def some_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that stands for weights: a detector is in place that needs none."""
    path = tmp_path_factory.mktemp("weights") / "none.safetensors"
    path.write_bytes(b"none")
    return path


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an older output."""
    import geopandas as gpd

    path = tmp_path_factory.mktemp("older") / "cars.gpkg"
    frame = gpd.GeoDataFrame({"old": [1]}, geometry=gpd.points_from_xy([0], [0]), crs=28992)
    frame.to_file(path)
    return path.read_bytes()


@pytest.fixture
def write(make_raster: Any) -> Any:
    """Return a function that writes the picture, or another raster."""

    def make(name: str = "scene.tif", **recipe: Any) -> Path:
        path: Path = make_raster(name, **{"pixels": HOSTILE["PICTURE"], **recipe})
        return path

    return make


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name.replace("\n", " "))
def test_the_right_result_or_one_line(
    case: Any,
    cage: Any,
    older: bytes,
    some_weights: Path,
    write: Any,
    read_layer: Any,
    tmp_path: Path,
) -> None:
    output = tmp_path / "cars.gpkg"
    output.write_bytes(older)
    arguments = case.make(write, tmp_path)
    before = _names(tmp_path)
    options = ["-o", "cars.gpkg", "--overwrite", "--weights", str(some_weights)]
    outcome = cage.run(["detect", *options, *arguments], tmp_path, case.humble)
    if (tmp_path / "locked").is_dir():
        (tmp_path / "locked").chmod(0o700)  # or nobody could remove it
    assert outcome.code == case.code, outcome
    assert re.search(case.says, outcome.stderr), outcome
    assert len(outcome.stderr.splitlines()) == bool(case.says), outcome
    assert outcome.memory < CAGE["BYTES"]
    journal = {".cars.geovehicle-journal"} if case.code else set()
    assert _names(tmp_path) - journal == before
    if case.code:
        assert outcome.stderr.startswith("Error: ")
        assert outcome.stdout == ""
        assert output.read_bytes() == older
    else:
        _found(case, read_layer(output))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _found(case: Any, layer: gpd.GeoDataFrame) -> None:
    assert len(layer) == case.vehicles
    if case.place is not None:
        centre = layer.geometry[0].centroid
        degrees = layer.crs is not None and layer.crs.is_geographic
        near = NEAR * (1e-5 if degrees else 1)
        assert (centre.x, centre.y) == pytest.approx(case.place, rel=0, abs=near)


class TestWhatChangesWhileItIsSearched:
    """A raster that is not what it was when the job was prepared."""

    @pytest.fixture
    def search(
        self, write: Any, some_weights: Path, older: bytes, tmp_path: Path, monkeypatch: Any
    ) -> Any:
        """Return a function that lets something happen to the raster, and searches it then."""
        monkeypatch.setattr(jobs, "load_detector", lambda *_: CAGE["RedFinder"]())
        output = tmp_path / "cars.gpkg"
        output.write_bytes(older)
        raster = write(creation={"blockysize": 8})
        os.utime(raster, (1, 1))

        def run(happens: Any, watcher: Any = None) -> None:
            job = jobs.prepare([raster], some_weights, DetectSettings())
            happens(raster)
            target = Target(Destination(output, existing="overwrite"))
            with pytest.raises(RasterError, match=r"scene\.tif") as caught:
                detect_to(target, job, watcher=watcher)
            assert "\n" not in str(caught.value)
            assert output.read_bytes() == older

        return run

    def test_it_vanishes(self, search: Any) -> None:
        search(Path.unlink)

    def test_it_shrinks(self, search: Any) -> None:
        search(lambda path: os.truncate(path, 9000))

    def test_it_becomes_another(self, search: Any, write: Any) -> None:
        search(lambda path: write(pixels=np.full((3, 64, 96), 99, np.uint8)))

    def test_it_becomes_larger(self, search: Any, write: Any) -> None:
        search(lambda path: write(pixels=np.full((3, 640, 960), 99, np.uint8)))

    def test_it_becomes_a_pipe(self, search: Any) -> None:
        search(lambda path: (path.unlink(), os.mkfifo(path)))

    def test_it_is_written_again_after_it_was_read(self, search: Any, tmp_path: Path) -> None:
        class Watcher:
            def on_journal(self, state: str, blocks: int) -> None: ...

            def on_pixels(self, done: int, total: int) -> None:
                if done == total:
                    os.utime(tmp_path / "scene.tif")

            def on_chunk(self, chunk: Any) -> None: ...

        search(lambda path: None, Watcher())

    def test_in_memory_it_is_told_as_well(
        self, write: Any, some_weights: Path, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(jobs, "load_detector", lambda *_: CAGE["RedFinder"]())
        raster = write()
        os.utime(raster, (1, 1))
        with pytest.raises(RasterError, match="was changed while it was searched"):
            detection.find([raster], some_weights, on_progress=lambda *_: os.utime(raster))
