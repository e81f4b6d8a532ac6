from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import geovehicle

PUBLIC = [name for name in geovehicle.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_that_of_its_module(name):
    module = import_module(f"geovehicle.{geovehicle._HOMES[name]}")
    assert getattr(geovehicle, name) is getattr(module, name)
    assert getattr(geovehicle, name).__module__ == module.__name__


def test_the_modules_do_not_stand_in_the_way_of_the_functions():
    assert callable(geovehicle.detect)
    assert callable(geovehicle.train)
    assert callable(geovehicle.evaluate)


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(geovehicle.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module.removeprefix("geovehicle.")
        for node in block.body
        for alias in node.names
    }
    assert seen == geovehicle._HOMES
    assert sorted(seen) == sorted(PUBLIC)


def test_dir_lists_the_public_names():
    assert set(geovehicle.__all__) <= set(dir(geovehicle))


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'geovehicle' has no attribute 'nonsense'"):
        _ = geovehicle.nonsense
