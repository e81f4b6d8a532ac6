from __future__ import annotations

from pathlib import Path

import pytest

from geovehicle.export.destinations import Destination, destination_of, file_name, without_password

SECRET = "hunter2"  # noqa: S105


def test_a_file_has_a_path(tmp_path: Path) -> None:
    for name in (tmp_path / "cars.gpkg", str(tmp_path / "cars.gpkg")):
        destination = Destination(name)
        assert destination.path == tmp_path / "cars.gpkg"
        assert str(destination) == destination.shown == str(tmp_path / "cars.gpkg")
        assert destination.label == "cars.gpkg"
        assert (destination.is_stream, destination.is_database) == (False, False)
    assert Destination("./-").path == Path("-")


def test_what_is_no_file_has_no_path() -> None:
    stream, table = Destination("-"), Destination("postgres://me@host/gis")
    assert (stream.path, table.path) == (None, None)
    assert (stream.is_stream, table.is_database) == (True, True)
    assert (stream.label, table.label) == ("standard output", "postgres://me@host/gis")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:hunter2@host:5432/gis", "postgresql://me@host:5432/gis"),
        ("postgres://me:hunter2@/gis?host=/run/pg", "postgres://me@/gis?host=/run/pg"),
        ("postgresql://me:hunter2@[::1]/gis", "postgresql://me@[::1]/gis"),
        ("postgresql://me:hunter2@a,b:2/gis", "postgresql://me@a,b:2/gis"),
        ("postgresql://me:p@/hunter2@host/gis", "postgresql://me@host/gis"),
        ("postgresql://:hunter2@host/gis", "postgresql://@host/gis"),
        (
            "postgresql://host/gis?user=me&password=hunter2",
            "postgresql://host/gis?user=me&password=***",
        ),
        ("postgresql://host/?sslpassword=hunter2&x=1", "postgresql://host/?sslpassword=***&x=1"),
        ("postgresql://host:5432/gis?schema=a", "postgresql://host:5432/gis?schema=a"),
        ("postgresql:///gis", "postgresql:///gis"),
        ("POSTGRESQL://me:hunter2@host/gis", "POSTGRESQL://me@host/gis"),
        ("postgresql+psycopg://me:hunter2@host/gis", "postgresql+psycopg://me@host/gis"),
        ("PG:dbname=gis password=hunter2 user=me", "PG:dbname=gis password=*** user=me"),
    ],
)
def test_passwords_are_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
    destination = Destination(address)
    for text in (destination.shown, destination.label, str(destination), repr(destination)):
        assert SECRET not in text


def test_a_file_or_address_is_a_destination() -> None:
    assert destination_of("a.gpkg", overwrite=True) == Destination("a.gpkg", None, "overwrite")
    assert destination_of(Path("a.gpkg")).existing == "refuse"
    own = Destination("a.gpkg", existing="append")
    assert destination_of(own, overwrite=True) is own
    assert (own.appends, own.overwrites) == (True, False)


def test_any_name_of_a_table_can_be_that_of_a_file() -> None:
    assert file_name('my/"Tab le".x') == "my__Tab_le_.x"
