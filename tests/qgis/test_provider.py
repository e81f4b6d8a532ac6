"""The Processing provider in the real QGIS: qgis_process, and a session in QGIS's Python."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import pytest
import shapely

from geovehicle.data.synthetic import write_example
from geovehicle.qgis.installation import install
from geovehicle.qgis.plugin.algorithms import ALGORITHMS

SESSION = Path(__file__).with_name("session.py")
PYTHON = "/usr/bin/python3"
"""That of the system's QGIS."""

EAST, NORTH = 130_000.0, 455_000.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("qgis")


@pytest.fixture(scope="module")
def environ(folder) -> dict[str, str]:
    """Return the variables of a user who has installed the plugin; some would harm our Python."""
    install(folder / "configuration" / "profiles")
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    return clean | {
        "HOME": str(folder),
        "QGIS_CUSTOM_CONFIG_PATH": str(folder / "configuration"),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(folder),
        "PYTHONPATH": str(folder / "configuration" / "profiles" / "default" / "python" / "plugins"),
        "PROJ_LIB": "/usr/share/proj",
        "OMP_NUM_THREADS": "1",
        # an environment's python3 in front would be taken for that of QGIS
        "PATH": f"{os.defpath}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture(scope="module")
def qgis_process(needs_program, environ, folder):
    """Return a function that runs qgis_process."""
    # the program itself: Debian's script around it gives options that it does not know
    program = needs_program("qgis_process.bin", "qgis_process")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - QGIS
            [program, *arguments], env=environ, cwd=folder, capture_output=True, text=True
        )

    return run


@pytest.fixture(scope="module")
def files(folder) -> SimpleNamespace:
    """Return a raster of nine patches, and cars of two scores in two zones."""
    found = SimpleNamespace(
        raster=folder / "ortho 1.tif",
        output=folder / "found.gpkg",
        cars=folder / "cars.gpkg",
        zones=folder / "zones.gpkg",
        counts=folder / "counts.gpkg",
        nowhere=folder / "nowhere" / "counts.gpkg",
    )
    write_example(found.raster, folder / "truth.gpkg", seed=7, size=360)
    cars = [shapely.box(EAST + x, NORTH, EAST + x + 4.6, NORTH + 1.8) for x in (1, 8, 60, 70)]
    score = [0.9, 0.6, 0.9, 0.2]
    gpd.GeoDataFrame({"score": score}, geometry=cars, crs=28992).to_file(found.cars)
    halves = [shapely.box(EAST + x, NORTH - 50, EAST + x + 50, NORTH + 50) for x in (0, 50)]
    fields = {"name": ["west", "east"], "places": [4, 8]}
    gpd.GeoDataFrame(fields, geometry=halves, crs=28992).to_file(found.zones)
    return found


@pytest.fixture(scope="module")
def told(needs, environ, files, folder):
    """Return what a session in QGIS's Python tells."""
    detect = {"INPUT": [str(files.raster)], "PATCH": 256, "OUTPUT": str(files.output)}
    job = {**{name: str(path) for name, path in vars(files).items()}, "detect": detect}
    (folder / "job.json").write_text(json.dumps(job))
    needs(Path(PYTHON).exists(), "the system's Python")
    plugins = folder / "configuration" / "profiles" / "default" / "python" / "plugins"
    process = subprocess.run(  # noqa: S603 - QGIS's Python
        [PYTHON, str(SESSION), str(plugins), str(folder / "job.json")],
        env=environ,
        capture_output=True,
        text=True,
    )
    needs("No module named 'qgis'" not in process.stderr, "QGIS's Python")
    assert process.returncode == 0, process.stdout + process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_the_toolbox_has_all_algorithms(told):
    assert set(told["described"]) == {one.name for one in ALGORITHMS}
    for one in ALGORITHMS:
        shown = told["described"][one.name]
        assert list(shown["parameters"]) == [each.name for each in one.parameters]
        assert shown["advanced"] == [each.name for each in one.parameters if each.advanced]
        assert set(one.numbers) <= set(shown["outputs"])
        assert (shown["executable"], shown["icon"]) == ([True, ""], True)
        assert shown["help"] == one.text


def test_a_cancel_ends_the_process(told):
    cancelled = told["cancelled"]
    assert cancelled["alive"] is False
    assert cancelled["results"] == {}
    assert cancelled["errors"] == []
    assert 0 < cancelled["shares"][-1] < 100


def test_the_same_from_a_shell_goes_on_to_the_end(told, qgis_process, files, read_layer):
    """Which knows of the plugin by the profile alone, where it is switched on."""
    job = f"INPUT={files.raster.name}", "PATCH=256", f"OUTPUT={files.output}"
    process = qgis_process("run", "geovehicle:detect", "--", *job)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "Going on where a cancelled run of the same job stopped" in process.stdout
    assert "90...100 - done." in process.stdout
    layer = read_layer(files.output)
    assert f"VEHICLES:\t{len(layer)}\n" in process.stdout
    assert len(layer) > 3


def test_filters_selections_and_layers_in_memory_count_as_seen(told, files, read_layer):
    counted = told["counted"]
    assert counted["errors"] == []
    expected = {"VEHICLES": 2, "INSIDE": 1, "OUTSIDE": 1, "ZONE_COUNT": 1}
    assert {name: counted["results"][name] for name in expected} == expected
    assert counted["styled"]
    layer = read_layer(files.counts)
    assert layer["name"].tolist() == ["west"]
    assert layer["occupancy"].tolist() == [0.25]


def test_an_error_is_one_message(told, files):
    failed = told["failed"]
    assert not failed["fine"]
    (message,) = failed["errors"]
    assert message == f"there is no folder {files.nowhere.parent}; create it or write elsewhere"


def test_many_rasters_are_a_list(told, files):
    sign, *lines = told["listed"]
    assert (sign, lines[:-1]) == ("@", [str(files.raster)] * 19)
    assert lines[-1] == "/vsimem/a"


def test_layers_are_read_where_the_project_is(told):
    assert told["beside"] == ["OUTPUT"]


def test_it_goes_as_it_came(told):
    assert told["unloaded"]
