"""The plugin's tables beside the commands that they call."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import click
import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner

from geovehicle.cli.main import geovehicle
from geovehicle.qgis import plugin
from geovehicle.qgis.plugin.algorithms import (
    ALGORITHMS,
    COMPARE,
    COUNT,
    DENSITY,
    DETECT,
    FILTER,
    HEXAGONS,
)
from geovehicle.qgis.plugin.commands import command_line, complaint

EAST, NORTH = 500_000.0, 5_600_000.0
FILES = sorted(Path(plugin.__file__).parent.glob("*.py"))

OPTIONS = [
    (algorithm, parameter)
    for algorithm in ALGORITHMS
    for parameter in algorithm.parameters
    if parameter.flag
]

per_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one.name)
per_option = pytest.mark.parametrize(
    ("algorithm", "parameter"), OPTIONS, ids=[f"{one.name} {two.flag}" for one, two in OPTIONS]
)


def command_of(algorithm) -> click.Command:
    found = geovehicle.get_command(click.Context(geovehicle), algorithm.command[0])
    assert found is not None
    return found


def option_of(algorithm, flag) -> click.Option:
    return next(one for one in command_of(algorithm).params if flag in one.opts)


@per_option
def test_an_option_is_one_of_the_command(algorithm, parameter):
    option = option_of(algorithm, parameter.flag)
    assert option.multiple == (parameter.kind == "texts")
    assert option.is_flag == (parameter.kind == "flag")
    if isinstance(option.type, click.Choice):
        assert tuple(option.type.choices) == parameter.choices
    if parameter.kind in ("number", "integer", "metres"):
        assert (option.type.min, option.type.max) == parameter.limits
    if parameter.kind != "file":  # whose default is a name, which stays away
        default = option.default if isinstance(option.default, str | int | float) else None
        assert (parameter.default or None) == (default or None)


@per_algorithm
def test_arguments_and_constant_options_are_those_of_the_command(algorithm):
    arguments = [one for one in command_of(algorithm).params if isinstance(one, click.Argument)]
    assert len(arguments) == sum(not one.flag for one in algorithm.parameters)
    for flag in (*algorithm.command[1:], "--json", "--overwrite"):
        assert option_of(algorithm, flag).is_flag
    names = [one.name for one in algorithm.parameters]
    assert len(set(names) | set(algorithm.numbers)) == len(names) + len(algorithm.numbers)
    assert {one.parent for one in algorithm.parameters} <= {"", *names}


def test_values_become_options_and_arguments():
    values = {
        "INPUT": ["a.tif", "-b.tif"],
        "SCORE": 0.0,
        "AOI": None,
        "BANDS": "",
        "GSD": 0.075,
        "OUTPUT": "cars.gpkg",
    }
    assert command_line(DETECT, values) == [
        *("detect", "--score", "0.0", "--output", "cars.gpkg", "--gsd", "0.075"),
        *("--overwrite", "--json", "--", "a.tif", "-b.tif"),
    ]


def test_flags_and_repeated_options():
    assert "--by-label" in command_line(COUNT, {"BY_LABEL": True})
    assert "--by-label" not in command_line(COUNT, {"BY_LABEL": False})
    line = command_line(FILTER, {"LABEL": ["car", "van"], "INPUT": "cars.gpkg"})
    assert line[1:5] == ["--label", "car", "--label", "van"]
    assert command_line(FILTER, {"LABEL": []})[1] == "--overwrite"


def test_what_belongs_together_is_given_together():
    assert complaint(COMPARE, {}) is None
    assert complaint(COMPARE, {"ZONES": "a", "ZONES_OUTPUT": "b"}) is None
    assert "belong together" in str(complaint(COMPARE, {"ZONES": "a", "ZONES_OUTPUT": ""}))
    assert complaint(DETECT, {"AOI": "a"}) is None


@pytest.fixture(scope="module")
def layers(tmp_path_factory) -> tuple[str, str]:
    """Return two cars and a car park."""
    folder = tmp_path_factory.mktemp("layers")
    shapes = [shapely.box(EAST + x, NORTH, EAST + x + 4.6, NORTH + 1.8) for x in (10, 200)]
    fields = {"score": [0.9, 0.6], "label": "car", "length_m": 4.6, "width_m": 1.8}
    gpd.GeoDataFrame(fields, geometry=shapes, crs=25832).to_file(folder / "cars.gpkg")
    park = shapely.box(EAST, NORTH - 50, EAST + 50, NORTH + 50)
    gpd.GeoDataFrame({"places": [4]}, geometry=[park], crs=25832).to_file(folder / "parks.gpkg")
    return str(folder / "cars.gpkg"), str(folder / "parks.gpkg")


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (COUNT, {"vehicles": 2, "inside": 1, "outside": 1, "zones": 1}),
        (DENSITY, {"vehicles": 2, "most_per_ha": 4.0}),
        (HEXAGONS, {"vehicles": 2}),
        (COMPARE, {"before": 2, "after": 2, "arrived": 0, "left": 0, "stayed": 2}),
        (FILTER, {"vehicles": 2, "kept": 1}),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_command_line_does_what_the_algorithm_says(algorithm, expected, layers, tmp_path):
    cars, parks = layers
    values = {one.name: one.default for one in algorithm.parameters}
    values |= {name: cars for name in ("INPUT", "BEFORE", "AFTER") if name in values}
    values |= {name: parks for name in ("ZONES", "INSIDE") if name in values}
    suffix = "tif" if algorithm is DENSITY else "gpkg"
    outputs = [one.name for one in algorithm.parameters if one.kind.endswith(" output")]
    values |= {name: str(tmp_path / f"{name}.{suffix}") for name in outputs}
    result = CliRunner().invoke(geovehicle, command_line(algorithm, values))
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert set(algorithm.numbers.values()) <= set(told)
    assert {name: pytest.approx(told[name], rel=1e-2) for name in expected} == expected
    assert all(Path(values[name]).exists() for name in outputs)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_the_python_of_older_qgis_can_read_it(file):
    ast.parse(file.read_text("utf-8"), feature_version=(3, 9))
