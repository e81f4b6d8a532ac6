"""Who may import what: the layers of the design, read from the syntax trees."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = {
    "geovehicle": 0,
    "geovehicle.cycles": 0,
    "geovehicle.errors": 0,
    "geovehicle.files": 0,
    "geovehicle.journal": 0,
    "geovehicle.settings": 0,
    "geovehicle.areas": 1,
    "geovehicle.blocks": 1,
    "geovehicle.detections": 1,
    "geovehicle.doubts": 1,
    "geovehicle.footprints": 1,
    "geovehicle.georeference": 1,
    "geovehicle.matching": 1,
    "geovehicle.measurement": 1,
    "geovehicle.metrics": 1,
    "geovehicle.patches": 1,
    "geovehicle.placement": 1,
    "geovehicle.seams": 1,
    "geovehicle.sheets": 1,
    "geovehicle.suppression": 1,
    "geovehicle.model": 2,
    "geovehicle.raster": 2,
    "geovehicle.baselines": 3,
    "geovehicle.data": 3,
    "geovehicle.engines": 3,
    "geovehicle.export": 3,
    "geovehicle.learning": 3,
    "geovehicle.raster.bands": 3,
    "geovehicle.raster.doubts": 3,
    "geovehicle.raster.gdal": 3,
    "geovehicle.raster.rasterio_source": 3,
    "geovehicle.raster.stored": 3,
    "geovehicle.raster.vetting": 3,
    "geovehicle.runtimes": 3,
    "geovehicle.regions": 3,
    "geovehicle.analysis": 4,
    "geovehicle.conversion": 4,
    "geovehicle.detection": 4,
    "geovehicle.environment": 4,
    "geovehicle.evaluation": 4,
    "geovehicle.exporting": 4,
    "geovehicle.job_sheets": 4,
    "geovehicle.jobs": 4,
    "geovehicle.labelling": 4,
    "geovehicle.map_evaluation": 4,
    "geovehicle.qgis": 4,
    "geovehicle.training": 4,
    "geovehicle.cli": 5,
    "geovehicle.__main__": 5,
}
"""A module has the layer of its longest prefix here."""

HOMES = {
    "rasterio": {
        "geovehicle.raster.bands",
        "geovehicle.raster.gdal",
        "geovehicle.raster.rasterio_source",
        "geovehicle.raster.stored",
        "geovehicle.data.synthetic",
        "geovehicle.data.tiles",
        "geovehicle.export.grids",
        "geovehicle.georeference",
        "geovehicle.environment",
    },
    "psycopg": {"geovehicle.export.database", "geovehicle.export.postgis"},
    "pyarrow": {"geovehicle.export"},
    "geopandas": {"geovehicle.analysis", "geovehicle.export", "geovehicle.data.vectors"},
    "pyogrio": {
        "geovehicle.analysis.layers",
        "geovehicle.export",
        "geovehicle.data.synthetic",
        "geovehicle.data.vectors",
        "geovehicle.environment",
        "geovehicle.regions",
    },
    "torch": {
        "geovehicle.model",
        "geovehicle.data",
        "geovehicle.learning",
        "geovehicle.runtimes",
        "geovehicle.training",
        "geovehicle.evaluation",
        "geovehicle.detection",
        "geovehicle.environment",
    },
    "torchvision": {
        "geovehicle.model",
        "geovehicle.runtimes",
        "geovehicle.training",
        "geovehicle.environment",
    },
    "onnx": {"geovehicle.runtimes"},
    "onnxruntime": {"geovehicle.runtimes"},
    "openvino": {"geovehicle.runtimes"},
    "safetensors": {"geovehicle.model", "geovehicle.learning", "geovehicle.baselines"},
    "skimage": {"geovehicle.baselines"},
    "sklearn": {"geovehicle.baselines"},
    "scipy": {"geovehicle.data.itcvd"},
    "yaml": {"geovehicle.data.yolo"},
    "click": {"geovehicle.cli"},
    "dask": {"geovehicle.engines.dask"},
    "distributed": {"geovehicle.engines.dask"},
    "bokeh": {"geovehicle.export"},
    "jinja2": {"geovehicle.export"},
    "matplotlib": {"geovehicle.export"},
    "qgis": {"geovehicle.qgis.plugin"},
}
"""The modules and packages that may import a library when they run."""

FACADE = "geovehicle"
"""The package itself names what it offers, from all layers, and imports it late."""


@dataclass(frozen=True)
class Import:
    """One imported module, as it stands in one line of a file."""

    importer: str
    target: str
    line: int
    level: int
    for_types: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def files() -> dict[str, Path]:
    """Return every module of the package by its installed name."""
    found = {}
    for folder, package in ((ROOT / "geovehicle", "geovehicle"), (ROOT / "cli", "geovehicle.cli")):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            inner = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join((package, *inner))] = path
    return found


FILES = files()


def imports_of(module: str, source: str, *, is_package: bool = False) -> list[Import]:
    """Return every import of a module, those inside functions as well."""
    tree = ast.parse(source)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    package = module if is_package else module.rpartition(".")[0]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets, level = [alias.name for alias in node.names], 0
        elif isinstance(node, ast.ImportFrom):
            level = node.level
            above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            targets = [name if name in FILES else base for name in names]
        else:
            continue
        found += [
            Import(module, target, node.lineno, level, id(node) in typing_only)
            for target in dict.fromkeys(targets)
        ]
    return found


IMPORTS = [
    one
    for module, path in FILES.items()
    for one in imports_of(module, path.read_text("utf-8"), is_package=path.stem == "__init__")
]


def layer(module: str) -> int:
    """Return the layer of a module: that of its longest prefix in the table."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
    return next((LAYERS[prefix] for prefix in prefixes if prefix in LAYERS), LAYERS.get(module, -1))


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def climbs(one: Import) -> bool:
    inside = within(one.target, {"geovehicle"})
    return inside and one.importer != FACADE and layer(one.target) > layer(one.importer)


def is_foreign(one: Import) -> bool:
    library = one.target.partition(".")[0]
    return library in HOMES and not one.for_types and not within(one.importer, HOMES[library])


def test_both_folders_are_read():
    assert {"geovehicle.cli.main", "geovehicle.settings"} <= set(FILES)
    assert len(IMPORTS) > 100


@pytest.mark.parametrize("module", sorted(FILES))
def test_every_module_has_a_layer(module):
    assert layer(module) >= 0, f"add {module} to the table"


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_table_names_modules_that_exist(name):
    assert name in FILES


def test_imports_go_downwards():
    assert [str(one) for one in IMPORTS if climbs(one)] == []


def test_libraries_are_imported_at_home_only():
    assert [str(one) for one in IMPORTS if is_foreign(one)] == []


def test_the_command_line_imports_its_own_modules_relatively():
    own = {"geovehicle.cli"}
    inner = [one for one in IMPORTS if within(one.importer, own) and within(one.target, own)]
    assert inner
    assert [str(one) for one in inner if one.level != 1] == []


def test_the_library_imports_absolutely_and_nothing_imports_the_folder_cli():
    copied = "geovehicle.qgis.plugin"  # which is another package once it is in QGIS
    library = [one for one in IMPORTS if not within(one.importer, {"geovehicle.cli", copied})]
    assert [str(one) for one in library if one.level] == []
    assert [str(one) for one in IMPORTS if within(one.target, {"cli"})] == []


def test_the_plugin_imports_qgis_and_itself_only():
    plugin = [one for one in IMPORTS if within(one.importer, {"geovehicle.qgis.plugin"})]
    assert len(plugin) > 10
    own = [one for one in plugin if within(one.target, {"geovehicle"})]
    assert [str(one) for one in own if one.level != 1] == []
    libraries = {one.target.partition(".")[0] for one in plugin if one not in own}
    assert libraries <= {"qgis", *sys.stdlib_module_names}


def test_the_facade_imports_nothing_when_it_runs():
    eager = [one for one in IMPORTS if one.importer == FACADE and not one.for_types]
    assert {one.target for one in eager} <= {"__future__", "importlib", "typing"}


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("geovehicle.patches", "import geovehicle.model.build", True),
        ("geovehicle.patches", "from geovehicle.model import build", True),
        ("geovehicle.patches", "from geovehicle import detection", True),
        ("geovehicle.patches", "def f():\n    from geovehicle.training import train", True),
        ("geovehicle.raster.source", "from geovehicle.raster import rasterio_source", True),
        ("geovehicle.raster.rasterio_source", "from geovehicle.raster.source import Patch", False),
        ("geovehicle.patches", "from geovehicle import __version__", False),
        ("geovehicle.engines.local", "from geovehicle.data.coco import read_coco", False),
    ],
)
def test_the_rule_of_layers(module, source, wrong):
    (one,) = imports_of(module, source)
    assert climbs(one) is wrong


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("geovehicle.patches", "import torch", True),
        ("geovehicle.patches", "from torch.nn import functional", True),
        ("geovehicle.patches", "if TYPE_CHECKING:\n    import torch", False),
        ("geovehicle.patches", "if TYPE_CHECKING:\n    pass\nelse:\n    import torch", True),
        ("geovehicle.cli.info", "def command():\n    import rasterio", True),
        ("geovehicle.model.build", "import torchvision", False),
        ("geovehicle.models", "import torchvision", True),
        ("geovehicle.patches", "import numpy", False),
    ],
)
def test_the_rule_of_libraries(module, source, wrong):
    (one,) = imports_of(module, source)
    assert is_foreign(one) is wrong
