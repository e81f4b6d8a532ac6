from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from geovehicle import __version__
from geovehicle.export.provenance import NAMED_INPUTS, Provenance, named, now


def about(**fields) -> Provenance:
    given = {"command": "detect", "inputs": ("ortho.tif",), "time": "2026-05-01T10:00:00Z"}
    return Provenance(**given | fields)


def test_all_of_it_is_told_as_json():
    told = json.loads(
        about(
            weights="vehicles-10cm",
            weights_sha256="ab" * 32,
            licence="CC0-1.0",
            settings={"score": 0.5, "bands": (4, 3, 2), "gsd": None},
        ).as_json()
    )
    assert told.pop("summary")
    assert told == {
        "software": "geovehicle",
        "command": "detect",
        "inputs": ["ortho.tif"],
        "input_count": 1,
        "weights": "vehicles-10cm",
        "weights_sha256": "ab" * 32,
        "licence": "CC0-1.0",
        "settings": {"score": 0.5, "bands": [4, 3, 2], "gsd": None},
        "version": __version__,
        "time": "2026-05-01T10:00:00Z",
    }


def test_json_is_one_line_in_an_order_of_its_own():
    first, second = (about(settings=dict(names)) for names in (["az", "by"], ["by", "az"]))
    assert first.as_json() == second.as_json()
    assert "\n" not in first.as_json()
    assert "Übersicht" in about(inputs=("Übersicht.tif",)).as_json()


def test_of_many_inputs_the_first_are_named_and_all_are_counted():
    inputs = tuple(f"{number}.tif" for number in range(NAMED_INPUTS + 5))
    told = json.loads(about(inputs=inputs).as_json())
    assert told["inputs"] == list(inputs[:NAMED_INPUTS])
    assert told["input_count"] == NAMED_INPUTS + 5
    assert f"0.tif and {NAMED_INPUTS + 4} more" in about(inputs=inputs).abstract


def test_people_read_what_it_is_and_where_it_comes_from():
    told = about(weights="mine", licence="CC0-1.0", settings={"score": 0.5, "gsd": None})
    assert told.title == "Vehicles in ortho.tif"
    assert "ortho.tif" in told.abstract
    assert "Weights: mine, licence CC0-1.0." in told.abstract
    assert "Settings: score 0.5." in told.abstract
    assert about().abstract == f"Made by geovehicle {__version__} (detect) from ortho.tif."
    assert told.summary == f"2026-05-01T10:00:00Z geovehicle {__version__} detect: ortho.tif"
    assert about(command="new").title == "ortho.tif"
    two = about(command="compare", inputs=("may.gpkg", "june.gpkg"))
    assert two.title == "What became of the vehicles, from may.gpkg and june.gpkg"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("sheets/north/a.tif", "a.tif"),
        ("a/cars.gpkg|layername=north/east", "cars.gpkg|layername=north/east"),
        ("a/b\x01\nc\udce9ö.tif", "b\ufffd\ufffdc\ufffdö.tif"),
        ("https://me:p@ss@host/a.tif", "https://host/a.tif"),
        ("https://me:pass@host/a.tif?token=secret", "https://host/a.tif"),
        ("/vsicurl/https://host/a.tif?sig=secret", "/vsicurl/https://host/a.tif"),
        ("postgresql://me:secret@host/cars", "postgresql://host/cars"),
    ],
)
def test_inputs_are_named_without_folders_and_secrets(source, name):
    assert named(source) == name


def test_a_connection_string_is_not_told():
    assert re.fullmatch("[0-9a-f]{64}", named("PG:dbname=cars password=secret"))


def test_the_time_can_be_given(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1777629600")
    assert now() == about().time == Provenance(command="count", inputs=()).time


@pytest.mark.parametrize("given", ["", "yesterday", "1" + 12 * "0", 20 * "9", 5000 * "9"])
def test_a_time_that_is_none_does_not_count(monkeypatch, given):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= datetime.fromisoformat(now()) <= datetime.now(UTC)
    assert now() > "2026"
