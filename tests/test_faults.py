"""What ends a job early: signals, kills, a second run, readers, too little memory."""

from __future__ import annotations

import multiprocessing
import os
import re
import runpy
import shutil
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from geovehicle import jobs
from geovehicle.cli import ending
from geovehicle.cli.main import geovehicle
from geovehicle.engines import local
from geovehicle.errors import GeoVehicleError, GeoVehicleWarning, RasterError
from geovehicle.model.detector import VehicleDetector
from geovehicle.raster.source import Patch
from geovehicle.settings import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
SETTINGS = ("--patch", "256", "--overlap", "6", "--block", "2")
"""Those of planted_job.py."""

KILLS = int(os.environ.get("GEOVEHICLE_KILLS", "8"))
"""Kill points; docs/trust.md has the command for 50."""

SEED = 7

JOURNAL = ".cars.geovehicle-journal"
"""SQLite's own journal stays beside it where the process ends without closing it."""

PATIENCE = 20.0
"""Seconds for what takes one or two where the machine is not busy; stuck jobs take 60."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["pytest", "scipy.ndimage", "geovehicle.cli.detect", "geovehicle.detection"]
)


@dataclass(frozen=True)
class Child:
    """A process that runs a function of faulty_job.py, and what it has printed."""

    process: Any
    log: Path

    @classmethod
    def start(cls, folder: Path, name: str, *arguments: object) -> Child:
        log = folder / "log.txt"
        log.unlink(missing_ok=True)
        call = (name, tuple(map(str, arguments)), str(log))
        process = FORKS.Process(
            target=runpy.run_path,
            args=(str(HERE / "faulty_job.py"), {"CALL": call}, "__main__"),
        )
        process.start()
        return cls(process, log)

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def wait_for(self, line: str) -> None:
        alive = True
        while line not in self.lines():
            assert alive, self.lines()
            alive = self.process.is_alive()
            time.sleep(0.002)

    def end(self) -> int:
        """Wait for the process and return its exit code."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        self.process.kill()
        return code

    def number(self, name: str) -> int:
        """Return what was printed last under a name."""
        return [int(line.split()[-1]) for line in self.lines() if line.startswith(name)][-1]


@pytest.fixture(scope="session")
def planting() -> SimpleNamespace:
    """Return how test_jobs.py plants rectangles."""
    return SimpleNamespace(**runpy.run_path(str(HERE / "test_jobs.py")))


@pytest.fixture
def scene(make_raster: Any, planting: SimpleNamespace) -> Path:
    return make_raster(pixels=planting.paint(planting.lattice()))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder that is to hold nothing but outputs."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def layer(path: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(path, layer="vehicles")


def rows(path: Path) -> list[Any]:
    """Return all features with their fields, in the order of the file."""
    found = layer(path)
    return [*found.drop(columns="geometry").to_dict("records"), *found.geometry.to_wkb()]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestSignals:
    def test_they_leave_two_seconds(self) -> None:
        assert ending.GRACE + ending.LAST_WORDS < 1.5

    @pytest.mark.parametrize(
        ("signal", "code", "told"), [(SIGINT, 130, "interrupted"), (SIGTERM, 143, "terminated")]
    )
    @pytest.mark.parametrize("where", ["python", "library", "reader"])
    def test_they_end_detect_wherever_it_is_and_say_how_to_go_on(
        self,
        scene: Path,
        place: Path,
        tmp_path: Path,
        planting: SimpleNamespace,
        where: str,
        signal: int,
        code: int,
        told: str,
    ) -> None:
        output = place / "cars.gpkg"
        arguments = (scene, "-o", output, *SETTINGS)
        child = Child.start(tmp_path, "detect", where, *arguments)
        child.wait_for("stuck")
        time.sleep(0.05)
        os.kill(child.process.pid, signal)
        assert child.end() == code
        assert [line for line in child.lines() if line != "stuck"] == [
            f"Error: {told}; what is done is kept, and the same command goes on from there"
        ]
        assert JOURNAL in names(place) <= {JOURNAL, f"{JOURNAL}-journal"}
        again = Child.start(tmp_path, "detect", "nowhere", *arguments)
        assert again.end() == 0
        kept = "[12] blocks?" if where == "reader" else "2 blocks"  # the reader is ahead
        assert re.fullmatch(f"going on after {kept} of an interrupted run", again.lines()[0])
        assert planting.centres(layer(output)) == planting.expected(planting.lattice())
        assert names(place) == {"cars.gpkg"}

    def test_programs_are_told_in_json(self, scene: Path, place: Path, tmp_path: Path) -> None:
        arguments = (scene, "-o", place / "a.gpkg", *SETTINGS, "--json", "--no-resume")
        child = Child.start(tmp_path, "detect", "python", *arguments)
        child.wait_for("stuck")
        os.kill(child.process.pid, SIGTERM)
        assert child.end() == 143
        assert '"event": "error", "message": "terminated; what is done' in child.lines()[-1]
        assert "the same command without --no-resume goes on" in child.lines()[-1]
        assert child.lines()[-1].endswith('"exit_code": 143}')

    def test_before_the_search_there_is_nothing_to_go_on_with(self) -> None:
        error = ending.Ending().error(SIGINT)
        assert (str(error), error.exit_code) == ("interrupted", 130)


def test_a_second_run_of_one_output_is_refused_in_a_line(
    scene: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = place / "cars.gpkg"
    child = Child.start(tmp_path, "detect", "python", scene, "-o", output, *SETTINGS)
    child.wait_for("stuck")
    planted = SimpleNamespace(**runpy.run_path(str(HERE / "planted_job.py")))
    finder = planted.RedFinder()
    monkeypatch.setattr(jobs, "load_detector", lambda weights, settings: finder)
    arguments = ["detect", str(scene), "-o", str(output), *SETTINGS]
    result = CliRunner().invoke(geovehicle, arguments, prog_name="geovehicle")
    assert (result.exit_code, finder.patches) == (4, 0)
    assert result.stderr.count("\n") == 1
    assert "is in use: another process writes this output" in result.stderr
    os.kill(child.process.pid, SIGKILL)
    assert child.end() == -SIGKILL


class TestKills:
    """``kill -9`` at random points, half of them lines of the code, half of them moments."""

    @pytest.fixture(scope="class")
    @staticmethod
    def whole(planting: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Any:
        """A job that nobody kills: its raster, rows, lines of code and seconds."""
        folder = tmp_path_factory.mktemp("whole")
        recipe = runpy.run_path(str(HERE / "conftest.py"))["RasterRecipe"]
        raster = recipe(pixels=planting.paint(planting.lattice())).write(folder / "scene.tif")
        child = Child.start(folder, "job", folder / "cars.gpkg", raster)
        child.wait_for("begun")
        start = time.monotonic()
        assert child.end() == 0
        seconds = time.monotonic() - start
        told = {"rows": rows(folder / "cars.gpkg"), "lines": child.number("lines")}
        return SimpleNamespace(raster=raster, seconds=seconds, **told)

    @pytest.fixture(scope="class")
    @staticmethod
    def older(tmp_path_factory: pytest.TempPathFactory, whole: Any) -> Path:
        """An older output, of fewer vehicles."""
        path = tmp_path_factory.mktemp("older") / "cars.gpkg"
        layer(whole.raster.parent / "cars.gpkg")[:5].to_file(path, layer="vehicles")
        return path

    @pytest.mark.parametrize("number", range(KILLS))
    def test_the_output_is_the_old_or_the_new_one_and_nothing_is_lost(
        self,
        whole: Any,
        older: Path,
        place: Path,
        tmp_path: Path,
        number: int,
    ) -> None:
        rng = np.random.default_rng([SEED, number])
        output, before = place / "cars.gpkg", bool(number // 2 % 2)
        if before:
            shutil.copyfile(older, output)
        line = int(rng.integers(1, whole.lines)) if number % 2 else 0
        child = Child.start(tmp_path, "job", output, whole.raster, line)
        if not line:
            child.wait_for("begun")
            time.sleep(rng.uniform(0, whole.seconds))
            child.process.kill()  # if it has not ended
        child.end()
        kept = child.lines().count("kept")
        if not before:
            assert not output.exists() or rows(output) == whole.rows
        elif output.read_bytes() != older.read_bytes():
            assert rows(output) == whole.rows

        ended = not (place / JOURNAL).exists()
        again = Child.start(tmp_path, "job", output, whole.raster)
        assert again.end() == 0
        assert rows(output) == whole.rows
        assert again.lines().count("kept") <= 9 - kept or ended
        assert names(place) == {"cars.gpkg"}


class TestReaders:
    """Exceptions in the threads that read."""

    def run(self, error: Exception) -> None:
        def read() -> None:
            raise error

        raster = SimpleNamespace(uri="/vsicurl/https://me:secret@host/a.tif?token=secret")
        task: Any = SimpleNamespace(read=read, block=SimpleNamespace(index=3), raster=raster)
        local.run_all([task], print, 2, print, print)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (
                OSError(5, "Input/output\nerror"),
                r"^block 3 of a\.tif cannot be read \(OSError: \[Errno 5\] Input/output error\);"
                r" see to that and run the same command again$",
            ),
            (MemoryError(), r"^there is no memory for block 3 of a\.tif; lower --patch, --block"),
        ],
    )
    def test_any_is_one_line_that_names_the_block_and_no_secret(
        self, error: Exception, told: str
    ) -> None:
        with pytest.raises(GeoVehicleError, match=told) as caught:
            self.run(error)
        assert caught.value.__cause__ is error
        assert "secret" not in str(caught.value)

    def test_ours_stay_as_they_are(self) -> None:
        with pytest.raises(RasterError, match=r"^a is damaged$"):
            self.run(RasterError("a is damaged"))


class TestMemory:
    """Devices that are too small, such as a GPU for a batch."""

    @pytest.fixture
    def small(self, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
        """Return a function that makes a detector of a device with room for so many patches."""
        detector = VehicleDetector.load(weights, DetectSettings(device="cpu", score=0.0))
        model, asked = detector._model, []

        def full(room: int, error: Exception, images: list[torch.Tensor]) -> Any:
            asked.append(len(images))
            if len(images) > room:
                raise error
            return model(images)

        def make(room: int, error: Exception, batch: int) -> tuple[VehicleDetector, list[int]]:
            monkeypatch.setattr(detector, "_at_once", batch)
            monkeypatch.setattr(detector, "_model", partial(full, room, error))
            return detector, asked

        return make

    @pytest.mark.parametrize(
        "error",
        [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory")],
    )
    def test_a_batch_that_is_too_large_is_halved_until_it_fits(
        self, small: Callable[..., Any], error: Exception
    ) -> None:
        patches = [noise(seed) for seed in range(8)]
        detector, asked = small(3, error, 8)
        with pytest.warns(GeoVehicleWarning, match="too small for a batch of") as warned:
            found = detector(patches)
        assert asked == [8, 4, 2, 2, 2, 2]
        assert [str(one.message).split()[-5:] for one in warned] == [
            ["8;", "going", "on", "with", "4"],
            ["4;", "going", "on", "with", "2"],
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = detector(patches[:3])
        assert asked[6:] == [2, 1]
        for one, other in zip(found, again, strict=False):
            assert np.array_equal(one.boxes, other.boxes)

    def test_where_one_patch_is_too_large_the_way_out_is_told(
        self, small: Callable[..., Any]
    ) -> None:
        detector, asked = small(0, torch.OutOfMemoryError("CUDA out of memory"), 4)
        with (
            pytest.warns(GeoVehicleWarning),
            pytest.raises(
                GeoVehicleError, match=r"^the memory of cpu is too small; lower --patch$"
            ),
        ):
            detector([noise(seed) for seed in range(4)])
        assert asked == [4, 2, 1]

    def test_other_errors_of_the_network_are_not_tried_again(
        self, small: Callable[..., Any]
    ) -> None:
        detector, asked = small(0, RuntimeError("shapes differ"), 4)
        with pytest.raises(RuntimeError, match="shapes differ"):
            detector([noise(0), noise(1)])
        assert asked == [2]


def noise(seed: int) -> Patch:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 64, 64), np.uint8)
    return Patch(pixels, np.ones((64, 64), bool), None)  # type: ignore[arg-type]
