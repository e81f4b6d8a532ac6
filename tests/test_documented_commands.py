"""Every command line of the documentation is run, in a folder that has the files it names.

The commands run as they are written.  Stand-ins are the files (``documented_files.py``), the
network and its weights (``tiny_run.py``), how much a training does, and for a cluster threads
of this process.  What cannot be run here is in :data:`ELSEWHERE`, each with the reason, and is
parsed by ``test_docs.py`` all the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import dropwhile, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from click.testing import CliRunner
from distributed import Client, LocalCluster

from geovehicle import exporting, training
from geovehicle.baselines import hog_svm
from geovehicle.cli import train
from geovehicle.cli.main import geovehicle
from geovehicle.data import synthetic, tiles
from geovehicle.engines import dask
from geovehicle.model import build
from geovehicle.model.checkpoint import ModelInfo, save_checkpoint
from geovehicle.model.weights import BESIDE, DEFAULT, SHIPPED, ShippedWeights
from geovehicle.runtimes import graph
from geovehicle.settings import DEFAULT_DETECTOR, HogSvmConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import NeedsProgram

    from geovehicle.settings import DetectorConfig, TrainSettings

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

FROM_NOTHING = [ROOT / "docs/start.md", *sorted((ROOT / "docs/tutorials").glob("*.md"))]
"""Pages that begin in an empty folder."""

READ_THROUGH = [
    *FROM_NOTHING,
    *(ROOT / name for name in ("README.md", "docs/index.md", "docs/map.md")),
]
"""Pages whose lines follow each other; those of the others are alternatives."""

WITH_STAND_INS = {"training.md", "cluster.md"}
"""Those of them that take the small network; the others take the shipped one."""

BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"^[A-Z_]+=\S+$")
OUTPUTS = ("-o", "--output", "--preview", "--zones-output", "--truth")
"""Options that name what a command writes."""

FILES = Path(__file__).with_name("documented_files.py")

WEIGHTS = (
    "runs/mine/model.safetensors",
    "oriented.safetensors",
    "last.safetensors",
    "mean.safetensors",
    "resnet50v2.safetensors",
    "resnet50v2_imagenet_conv1-4.safetensors",
)
"""Files of weights that the pages name and do not make."""

FOUND_EVERYWHERE = replace(DEFAULT_DETECTOR, rpn_top_n=50, score_threshold=0.0)
"""Untrained, at a score of 0, it takes everything for a vehicle."""

SMALL_HOG = HogSvmConfig(
    windows=((6, 10), (10, 6)),
    scales=(1.0,),
    views=6,
    jitters=1,
    negatives=4,
    mined_views=2,
    mined=4,
    calibration_views=4,
    mining_rounds=1,
)

ELSEWHERE = {
    "geovehicle detect /vsicurl/https://example.org/ortho.tif": (
        "a server; tests/raster/test_rasterio_source.py has one of its own"
    ),
    "geovehicle detect /vsis3/survey/2026/ortho.tif": (
        "object storage and a cluster; tests/engines/test_dask.py has clusters"
    ),
    "torchrun --nproc-per-node 4 -m geovehicle train": (
        "four processes; tests/model/test_processes.py and tests/test_training.py have two"
    ),
    "OMP_NUM_THREADS=8 MKL_NUM_THREADS=8 dask worker": "a worker of a cluster of several machines",
    "dask scheduler": "likewise",
    "geovehicle detect sheets -o postgresql://": (
        "a database; tests/export/test_postgis.py has one of its own"
    ),
    'geovehicle detect sheets -o "postgresql://': "likewise",
    "tensorboard --logdir": "a server that does not end",
    "python3 -m venv": "an environment; .ci/run makes one",
    ". ": "its activation",
    "pip install": "an installation; .ci/run does it, and the extras are compared below",
    "GEOVEHICLE_KILLS=50 python -m pytest": "a test of this suite, which has a smaller number",
    "make ": "its targets; .ci/run calls them all",
    "python supply/": "makes what ships; tests/test_supply.py has weights of its own",
    "python benchmarks/": "each has a test of its own, with small numbers; asked below",
    "python -m venv": "the environments of other programs, to compare with",
    "geodeep/bin/": "likewise",
    "peers/bin/": "likewise",
}
"""The beginnings of lines that are not run here, and why."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and text of the blocks that are run."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def lines(text: str) -> list[str]:
    """Return the command lines of a block, without remarks, continued ones joined."""
    joined = text.replace("\\\n", " ").splitlines()
    plain = (line.strip().removeprefix("$ ").partition(" # ")[0].strip() for line in joined)
    return [" ".join(line.split()) for line in plain if line and not line.startswith("#")]


ALL = [
    line for page in PAGES for kind, text in blocks(page) if kind == "bash" for line in lines(text)
]


def is_elsewhere(line: str) -> bool:
    return any(line.startswith(beginning) for beginning in ELSEWHERE)


class Sandbox:
    """Runs the blocks of a page in the current folder."""

    def __init__(self, needs_program: NeedsProgram) -> None:
        self._needs_program = needs_program
        self._names: dict[str, Any] = {"__name__": "page"}
        self._alternatives = True
        self._made: set[Path] = set()

    def run(self, page: Path) -> None:
        """Run the blocks in their order; what fails is told with its line."""
        self._alternatives = page not in READ_THROUGH
        for kind, text in blocks(page):
            if kind == "python":
                exec(compile(text, str(page), "exec"), self._names)  # noqa: S102 - our own
                continue
            for line in lines(text):
                if not is_elsewhere(line):
                    self.call(line)

    def call(self, line: str) -> None:
        """Run a command line as a shell would, this package's within this process."""
        command, *rest = re.split(r" (?=[|>] )", line, maxsplit=1)
        name, *arguments = dropwhile(ASSIGNMENT.match, shlex.split(command))
        if name != "geovehicle":
            self._shell(line, name)
            return
        outputs = set(outputs_of(arguments))
        remove(outputs if self._alternatives else outputs - self._made)
        self._made |= outputs
        if self._alternatives and "--resume" in arguments and arguments[0] == "train":
            self.call(line.replace(" --resume", ""))  # what is gone on from
        result = CliRunner().invoke(geovehicle, arguments, prog_name="geovehicle")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise AssertionError(line) from result.exception
        assert result.exit_code == 0, f"{line}\n{result.stderr}"
        if rest:
            self._shell(
                f"cat {rest[0]}", *re.findall(r"^\| (\S+)", rest[0]), given=result.stdout_bytes
            )

    def _shell(self, line: str, *programs: str, given: bytes = b"") -> None:
        """Run other programs by the shell, which knows patterns and pipes."""
        here = Path(sys.executable).parent
        for name in programs:
            if not (here / name).is_file():
                self._needs_program(name)
        process = subprocess.run(  # noqa: S603 - our own pages
            ["bash", "-c", line],  # noqa: S607
            input=given,
            capture_output=True,
            check=False,
            env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        )
        assert process.returncode == 0, f"{line}\n{process.stderr.decode()}"


def outputs_of(arguments: list[str]) -> list[Path]:
    """Return what a command writes and may not be there."""
    if {"--overwrite", "--append", "--resume"} & set(arguments):
        return []
    taken = [name for flag, name in pairwise(arguments) if flag in OUTPUTS]
    if arguments[0] == "example":
        taken += [arguments[1], str(Path(arguments[1]).with_suffix(".gpkg"))]
    if arguments[0] == "convert":
        taken.append(arguments[3])
    return [Path(name) for name in taken]


def remove(paths: set[Path]) -> None:
    """Make room for outputs: of the stand-in files, or of an earlier line."""
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def put_in(patch: pytest.MonkeyPatch, stand: SimpleNamespace) -> None:
    """Put the stand-ins in place."""
    for name, value in stand.tiny["PATCHES"].items():
        patch.setattr(build, name, value)
    patch.setattr(stand.tiny["TinyBackbone"], "load_imagenet", lambda *_: None, raising=False)
    recipes = {name: (small(config), how) for name, (config, how) in train.RECIPES.items()}
    patch.setattr(train, "RECIPES", recipes)
    digest = hashlib.sha256(stand.weights.read_bytes()).hexdigest()
    patch.setitem(SHIPPED, DEFAULT, ShippedWeights(str(stand.weights), digest))
    patch.setattr(training, "train", partial(shortly, training.train))
    patch.setattr(hog_svm, "HogSvmRecipe", partial(hog_svm.HogSvmRecipe, SMALL_HOG))
    patch.setattr(exporting, "to_onnx", stand.to_onnx)
    patch.setattr(graph, "ONNX_LARGEST_SIDE", 256)
    patch.setattr(synthetic, "write_example", partial(in_small, synthetic.write_example))
    patch.setattr(tiles, "TILE", 128)
    patch.setattr(dask, "existing", lambda address: threads())
    patch.setattr(dask, "local", lambda settings, device: threads())


def small(config: DetectorConfig) -> DetectorConfig:
    """Return the same network with a few channels."""
    narrow = {"conv5_channels": 16, "feature_channels": 8, "rpn_channels": 8, "head_channels": 8}
    return replace(config, **narrow)


def shortly(
    train: Callable[..., Path],
    images: object,
    run: object,
    recipe: object,
    settings: TrainSettings,
    *more: object,
) -> Path:
    """Train for one iteration, on one small crop."""
    numbers = {"iterations": 1, "batch": 1, "calibration": 1, "val_every": 1, "workers": 0}
    brief = replace(settings, **numbers, crop=128, crop_width=None)
    return train(images, run, recipe, brief, *more)


def in_small(write: Callable[..., None], raster: Path, truth: Path, seed: int, size: int) -> None:
    """Render an example of at most 256 pixels."""
    write(raster, truth, seed, min(size, 256))


@contextmanager
def threads() -> Iterator[Client]:
    """Start a cluster of threads of this process."""
    how = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with LocalCluster(**how) as cluster, Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def stand(tiny_script: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return the stand-ins: a network, its weights and its export, and a folder of files."""
    tiny = runpy.run_path(str(tiny_script))
    files, kept = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("kept")
    stand = SimpleNamespace(
        tiny=tiny,
        files=files,
        weights=kept / "tiny.safetensors",
        to_onnx=cached(exporting.to_onnx),
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny["PATCHES"].items():
            patch.setattr(build, name, value)
        torch.manual_seed(0)
        info = ModelInfo(small(FOUND_EVERYWHERE), ("vehicle",), 0.1, "CC0-1.0", {"images": 0})
        save_checkpoint(stand.weights, build.build_detector(info.config), info)
        stand.weights.with_suffix(BESIDE).write_text('{"config": {}, "ranges": {}}')
        put_in(patch, stand)
        patch.chdir(files)

        def run(*arguments: object) -> None:
            result = CliRunner().invoke(geovehicle, [str(one) for one in arguments])
            assert result.exit_code == 0, f"{arguments}: {result.stderr} {result.exception!r}"

        runpy.run_path(str(FILES))["fill"](files, run)
        for name in WEIGHTS:
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(stand.weights, files / name)
    return stand


def cached(to_onnx: Callable[..., Any]) -> Callable[..., Any]:
    """Return an export whose first graph stands for all later ones: the weights are the same."""
    made: list[Any] = []

    def kept(network: object) -> Any:
        made.extend([] if made else [to_onnx(network)])
        return deepcopy(made[0])

    return kept


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move into an empty folder, with another one as the user's."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHELL", "/bin/bash")
    folder = tmp_path / "page"
    folder.mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(folder)
    return folder


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", FROM_NOTHING, ids=name_of)
def test_a_tutorial_runs_from_an_empty_folder(
    page: Path,
    stand: SimpleNamespace,
    home: Path,
    needs_program: NeedsProgram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if page.name in WITH_STAND_INS:
        put_in(monkeypatch, stand)
    Sandbox(needs_program).run(page)
    assert any(home.iterdir())


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page) and page not in FROM_NOTHING], ids=name_of
)
def test_the_commands_of_a_page_run(
    page: Path,
    stand: SimpleNamespace,
    home: Path,
    needs_program: NeedsProgram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(stand.files, home, dirs_exist_ok=True)
    put_in(monkeypatch, stand)
    Sandbox(needs_program).run(page)


@pytest.mark.parametrize("beginning", ELSEWHERE)
def test_what_is_run_elsewhere_is_in_the_documentation(beginning: str) -> None:
    assert any(line.startswith(beginning) for line in ALL)


def test_named_extras_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {extra for line in ALL for extra in re.findall(r"geovehicle\[(\w+)\]", line)}
    assert named <= set(extras["optional-dependencies"])


def test_named_benchmarks_are_tested() -> None:
    tested = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    named = {name for line in ALL for name in re.findall(r"^python benchmarks/(\w+)\.py", line)}
    assert named
    assert [name for name in named if name not in tested] == []


def test_a_command_that_fails_is_told_with_its_line(
    home: Path, needs_program: NeedsProgram
) -> None:
    with pytest.raises(AssertionError, match=r"count \S+ \S+ -o a.csv\n.*gpkg cannot be read"):
        Sandbox(needs_program).call("geovehicle count none.gpkg parks.gpkg -o a.csv")
