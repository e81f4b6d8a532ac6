"""What is shipped, and what importing it costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from geovehicle import __version__

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

HEAVY = ("torch", "torchvision", "rasterio", "geopandas", "pandas", "pyogrio", "numpy", "shapely")

HELP = """
import sys
from geovehicle.cli.main import main
sys.argv = ["geovehicle", *{arguments}]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
"""


def folders() -> set[str]:
    """Return the packages that lie in the repository, by their installed names."""
    library = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "geovehicle").rglob("__init__.py")
    }
    return library | {"geovehicle.cli"}


def modules() -> set[str]:
    """Return the modules that lie in the repository, as paths in a wheel."""
    library = {path.relative_to(ROOT).as_posix() for path in (ROOT / "geovehicle").rglob("*.py")}
    return library | {f"geovehicle/cli/{path.name}" for path in (ROOT / "cli").glob("*.py")}


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that a new interpreter has loaded after some code."""
    report = "\nprint(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    process = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", f"import sys\n{code}{report}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(process.stderr.split())


def test_the_packages_of_the_project_are_its_folders():
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == folders()


def test_the_version_is_written_alike():
    assert PYPROJECT["project"]["version"] == __version__


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_by("import geovehicle")
    assert "geovehicle" in loaded
    assert not loaded & {*HEAVY, "click"}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["detect", "--help"], ["train", "--help"]],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments):
    loaded = loaded_by(HELP.format(arguments=arguments))
    assert "click" in loaded
    assert not loaded & set(HEAVY)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel from a copy, so that the working tree gets no build folder."""
    lacking = [name for name in ("build", "setuptools") if find_spec(name) is None]
    if lacking:
        pytest.skip(f"no wheel can be built without {' and '.join(lacking)}")
    copy, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("geovehicle", "cli", "tests", "examples"):
        pycache = shutil.ignore_patterns("__pycache__", "*.safetensors")
        shutil.copytree(ROOT / folder, copy / folder, ignore=pycache)
    for file in (path for path in ROOT.iterdir() if path.is_file()):
        shutil.copy(file, copy)
    weights = copy / "geovehicle" / "model" / "weights" / "stand_in.safetensors"
    weights.touch()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(output)]
    built = subprocess.run(  # noqa: S603 - our own project
        [*command, str(copy)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = output.iterdir()
    return file


def test_a_wheel_holds_the_package_and_its_description_only(wheel):
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    description = f"geovehicle-{__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"geovehicle", description}
    inside = {name for name in names if name.startswith("geovehicle/")}
    assert {name for name in inside if name.endswith(".py")} == modules()
    assert {name for name in inside if not name.endswith(".py")} == {
        "geovehicle/py.typed",
        "geovehicle/export/report.html.jinja",
        "geovehicle/export/styles/changes.qml",
        "geovehicle/export/styles/density.qml",
        "geovehicle/export/styles/vehicles.qml",
        "geovehicle/export/webmap.css",
        "geovehicle/export/webmap.html.jinja",
        "geovehicle/export/webmap.js",
        "geovehicle/model/weights/stand_in.safetensors",
        "geovehicle/model/weights/vehicles_10cm.json",
        "geovehicle/qgis/plugin/icon.svg",
        "geovehicle/qgis/plugin/metadata.txt",
    }


def test_a_wheel_has_the_command(wheel):
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        text = archive.read(name).decode()
    assert "geovehicle = geovehicle.cli.main:main" in text
