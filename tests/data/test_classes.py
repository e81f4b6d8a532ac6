from __future__ import annotations

import pytest

from geovehicle.data.classes import Meaning, Vocabulary, meaning
from geovehicle.data.records import Note
from geovehicle.settings import VEHICLE_TYPES


@pytest.mark.parametrize("kind", VEHICLE_TYPES)
def test_types_mean_themselves(kind: str) -> None:
    assert meaning(kind) == Meaning(kind, False)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Cars", "car"),
        ("Pick-up", "car"),
        ("PKW", "car"),
        ("buses", "bus"),
        ("small-vehicle", ""),
        ("Large_Vehicle", ""),
        ("Véhicule", ""),
        ("dump truck", "truck"),
    ],
)
def test_case_plural_and_punctuation_do_not_matter(name: str, kind: str) -> None:
    assert meaning(name) == Meaning(kind, False)


@pytest.mark.parametrize("name", ["motorcycle", "Tractors", "trailer", "Excavator"])
def test_what_may_count_or_not_is_ignored(name: str) -> None:
    assert meaning(name) == Meaning("", True)


@pytest.mark.parametrize("name", ["person", "plane", "ship", "car park", "bus stop", "", "0"])
def test_other_names_are_no_vehicles(name: str) -> None:
    assert meaning(name) is None


def test_labels_of_other_classes_are_counted() -> None:
    vocabulary = Vocabulary("data.yaml", ["car", "person", "tree"])
    found = [vocabulary(name) for name in ("person", "car", "person")]
    assert found == [None, Meaning("car", False), None]
    assert list(vocabulary.notes()) == [
        Note("data.yaml", "class 'person' is not known as a vehicle, its 2 labels are left out")
    ]


def test_where_no_class_is_known_all_count_as_vehicles() -> None:
    vocabulary = Vocabulary("data.yaml", ["0", "tractor"])
    assert vocabulary("0") == Meaning("", False)
    (note,) = vocabulary.notes()
    assert "no class is known as a vehicle (0, tractor)" in str(note)


def test_a_set_without_names_is_taken_by_the_table() -> None:
    vocabulary = Vocabulary("data.yaml", [])
    assert vocabulary("ship") is None
