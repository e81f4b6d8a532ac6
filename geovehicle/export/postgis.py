"""Tables of a PostGIS database, each written in one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
import shapely

from geovehicle.errors import OutputError
from geovehicle.export.database import GEOMETRIES, transaction
from geovehicle.export.present import ID, as_multi

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from pyproj import CRS

    from geovehicle.export.database import Database
    from geovehicle.export.destinations import Destination
    from geovehicle.export.formats import Kind
    from geovehicle.export.present import Present
    from geovehicle.export.provenance import Provenance

GEOMETRY, KEY = "geom", "fid"
"""Columns of the tables that we make: geometries, and keys of rows that have no ids of ours."""

TYPES = {"i": "bigint", "u": "bigint", "f": "double precision", "b": "boolean", "M": "timestamp"}
"""Types of columns by the kind of a dtype; the others are text."""


def check(destination: Destination, layer: str) -> None:
    """Make sure that a table can be written, by trying it and taking it back.

    Raises
    ------
    OutputError
        Where the database cannot be used, the schema is missing, the table exists and may
        not be replaced, or the user may not do it.
    """
    with transaction(destination, layer) as database:
        if destination.appends and database.present():
            database.run("LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        else:
            _make_room(database, destination)
            database.run("CREATE TABLE {table} ()")
        database.connection.rollback()


def check_crs(destination: Destination, layer: str, crs: CRS | None) -> None:
    """Make sure that the database knows a CRS.

    Raises
    ------
    OutputError
        Where it does not.
    """
    with transaction(destination, layer) as database:
        database.srid(crs)


def present(destination: Destination, layer: str) -> Present | None:
    """Return the table that rows are added to; None where it is not there."""
    with transaction(destination, layer) as database:
        return database.present()


@contextmanager
def opened(
    destination: Destination, kind: Kind, about: Provenance | None = None
) -> Iterator[Table]:
    """Open a table: when the block has ended well all rows are in it, else it is as it was.

    Raises
    ------
    OutputError
        If writing fails.
    """
    with transaction(destination, kind.layer) as database:
        if destination.appends:
            # ids count on: of two that add rows, one waits
            name = f"{database.schema}.{database.table}"
            database.run("SELECT pg_advisory_xact_lock(hashtext(%s))", name)
        table = Table(database, destination, kind)
        yield table
        table.finish(about)


class Table:
    """A table that pieces of a layer are written to.

    Parameters
    ----------
    database : Database
    destination : Destination
    kind : Kind
        What the layer is made of.

    Attributes
    ----------
    present : Present or None
        The table as it was, where rows are added to it.
    """

    def __init__(self, database: Database, destination: Destination, kind: Kind) -> None:
        self._database, self._destination, self._kind = database, destination, kind
        self.present = database.present() if destination.appends else None
        self._made = False

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Add rows."""
        from psycopg import sql

        if self.present is None and not self._made:
            self._make(frame)
        if not len(frame):
            return
        geometry, kind, srid, *_ = self._database.run(
            GEOMETRIES, self._database.schema, self._database.table
        )[0]
        if kind.startswith("MULTI"):
            frame = as_multi(frame)
        fields = list(frame.columns.drop(frame.geometry.name))
        shapes = shapely.set_srid(frame.geometry.to_numpy(), srid)
        wkb = shapely.to_wkb(shapes, hex=True, include_srid=True)
        columns = sql.SQL(", ").join(map(sql.Identifier, [*fields, geometry]))
        table = sql.Identifier(self._database.schema, self._database.table)
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, columns)
        with self._database.connection.cursor().copy(statement) as copy:
            for row in zip(*(_values(frame[name]) for name in fields), wkb, strict=True):
                copy.write_row(row)

    def finish(self, about: Provenance | None) -> None:
        """Give a table that was made its index, and say where it comes from."""
        from psycopg import sql

        if self._made:
            geometry = sql.Identifier(self._geometry)
            self._database.run("CREATE INDEX ON {table} USING gist ({column})", column=geometry)
            if about is not None:
                text = sql.Literal(about.as_json())
                self._database.run("COMMENT ON TABLE {table} IS {text}", text=text)
        self._database.run("ANALYZE {table}")

    def _make(self, frame: gpd.GeoDataFrame) -> None:
        """Make the table, in place of an older one where that may be replaced."""
        from psycopg import sql

        _make_room(self._database, self._destination)
        fields = frame.drop(columns=frame.geometry.name)
        key = ID if self._numbers(frame) else _free(KEY, fields)
        self._geometry = _free(GEOMETRY, fields)
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_type(fields[name])))
            for name in fields
        ]
        if key != ID:
            identity = sql.SQL("{} bigint GENERATED BY DEFAULT AS IDENTITY")
            columns.insert(0, identity.format(sql.Identifier(key)))
        kind = self._kind.geometry.replace("Unknown", "Geometry")
        srid = self._database.srid(frame.crs)
        self._database.run(
            "CREATE TABLE {table} ({columns}, {column} {ext}.geometry({kind}, {srid}),"
            " PRIMARY KEY ({key}))",
            columns=sql.SQL(", ").join(columns),
            column=sql.Identifier(self._geometry),
            kind=sql.SQL(f"{kind}{'Z' * bool(frame.geometry.has_z.any())}"),
            srid=sql.Literal(srid),
            key=sql.Identifier(key),
        )
        self._made = True

    def _numbers(self, frame: gpd.GeoDataFrame) -> bool:
        """Tell whether the ids are ours, and can be a key."""
        if ID not in frame or (self._kind.ours is not None and ID not in self._kind.ours):
            return False
        ids = frame[ID]
        return ids.dtype.kind in "iu" and bool(ids.is_unique and ids.notna().all())


def _make_room(database: Database, destination: Destination) -> None:
    """Drop the table, where that may be; what else needs it stays, and is an error."""
    if not database.columns():
        return
    if not destination.overwrites:
        raise OutputError(
            f"the table {database.schema}.{database.table} exists in {destination};"
            " add --overwrite to replace it or --append to add to it"
        )
    database.run("DROP TABLE {table}")


def _free(name: str, fields: pd.DataFrame) -> str:
    """Return a name that no field has."""
    while name in fields:
        name += "_"
    return name


def _type(column: pd.Series[Any]) -> str:
    zoned = isinstance(column.dtype, pd.DatetimeTZDtype)
    return "timestamptz" if zoned else TYPES.get(column.dtype.kind, "text")


def _values(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column; what is not known is None."""
    known = column.notna()
    if column.dtype.kind not in TYPES:
        column = column.map(str, na_action="ignore")
    values: list[Any] = column.astype(object).where(known, None).tolist()
    return values
