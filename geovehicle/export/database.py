"""A PostGIS database within a transaction: how it is reached, and what is in it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyproj import CRS
from pyproj.exceptions import CRSError

from geovehicle.errors import OutputError
from geovehicle.export.present import ID, Present

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from psycopg import sql

    from geovehicle.export.destinations import Destination

SECONDS = 15
"""How long a server may take to answer, and others to let go of a table."""

LONGEST_NAME = 63
"""Bytes of a table's name; the server would cut longer ones."""

KINDS = {
    **dict.fromkeys(("int2", "int4", "int8"), "integer"),
    **dict.fromkeys(("float4", "float8", "numeric"), "real"),
    **dict.fromkeys(("text", "varchar", "bpchar"), "text"),
}
"""What columns hold, as :class:`geovehicle.export.present.Present` has it."""

OGR_TYPES = {
    name.upper(): name
    for name in ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
}
"""Types of geometries as OGR calls them, by PostGIS's names."""

OTHERWISE_CALLED = {("OGC", "CRS84"): ("EPSG", "4326")}
"""Codes of CRSs that differ by the order of their axes alone: PostGIS has x first."""

_REGCLASS = "to_regclass(format('%%I.%%I', %s::text, %s::text))"
COLUMNS = f"""
SELECT attname, typname, atthasdef OR attidentity <> ''
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = {_REGCLASS} AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""  # noqa: S608 - values are bound
"""The columns of a table, their types, and whether they fill themselves."""

GEOMETRIES = """
SELECT f_geometry_column, type, geometry_columns.srid, auth_name || ':' || auth_srid, srtext
FROM {ext}.geometry_columns LEFT JOIN {ext}.spatial_ref_sys USING (srid)
WHERE f_table_schema = %s AND f_table_name = %s
"""
"""Of a table its columns of geometries, their types and CRSs."""


@dataclass(frozen=True)
class Database:
    """A database within a transaction, and the table that is meant.

    Attributes
    ----------
    connection : psycopg.Connection
    shown : str
        The database's name without secrets.
    extension : str
        The schema of PostGIS.
    schema, table : str
        The table's name.
    """

    connection: psycopg.Connection[Any]
    shown: str
    extension: str
    schema: str
    table: str

    def run(self, statement: str, *values: Any, **names: sql.Composable) -> list[Any]:
        """Run a statement with values and with names in braces; return its rows."""
        from psycopg import sql

        names |= {
            "table": sql.Identifier(self.schema, self.table),
            "ext": sql.Identifier(self.extension),
        }
        whole = sql.SQL(statement).format(**names)
        cursor = self.connection.execute(whole, values or None)
        return cursor.fetchall() if cursor.description else []

    def columns(self) -> list[tuple[str, str, bool]]:
        """Return the name of each column, its type, and whether it fills itself."""
        return self.run(COLUMNS, self.schema, self.table)

    def srid(self, crs: CRS | None) -> int:
        """Return the database's number of a CRS, 0 for none.

        Raises
        ------
        OutputError
            If the database does not know it.
        """
        if crs is None:
            return 0
        whole = crs.source_crs if crs.is_bound and crs.source_crs else crs
        code = whole.to_authority()
        if code is None:
            raise OutputError(
                f"the CRS {crs.name} has no code, which {self.shown} knows it by;"
                " write a .gpkg, or assign the rasters one that has"
            )
        found = self.run(
            "SELECT srid FROM {ext}.spatial_ref_sys WHERE auth_name = %s AND auth_srid::text = %s",
            *OTHERWISE_CALLED.get(code, code),
        )
        if not found:
            raise OutputError(
                f"{self.shown} does not know the CRS {':'.join(code)}; add it to its"
                " spatial_ref_sys, or write a .gpkg"
            )
        return int(found[0][0])

    def present(self) -> Present | None:
        """Return the table as it is; None where it is not there.

        Raises
        ------
        OutputError
            If it has no geometries, or their CRS is not understood.
        """
        columns = self.columns()
        if not columns:
            return None
        found = self.run(GEOMETRIES, self.schema, self.table)
        if not found:
            raise OutputError(
                f"the table {self.table} in {self.shown} has no geometries; name another"
            )
        geometry, kind, _, code, text = found[0]
        fields = {name: KINDS.get(type_, "") for name, type_, _ in columns if name != geometry}
        filled = frozenset(name for name, _, fills in columns if fills)
        rows, last = self.run("SELECT count(*), 0 FROM {table}")[0]
        if fields.get(ID) == "integer":
            last = self.run("SELECT coalesce(max(id), 0) FROM {table}")[0][0]
        try:
            crs = _crs(code, text or "")
        except CRSError as error:
            raise OutputError(
                f"the CRS {code} of the table {self.table} in {self.shown} is not understood;"
                " name another"
            ) from error
        return Present(fields, crs, OGR_TYPES.get(kind, "Unknown"), rows, last, filled)


@contextmanager
def transaction(destination: Destination, layer: str) -> Iterator[Database]:
    """Connect to a database; at the end of the block all is written or nothing."""
    try:
        import psycopg
    except ModuleNotFoundError as error:
        raise OutputError(
            f"{destination} needs Psycopg; pip install 'geovehicle[postgis]'"
        ) from error

    address, schema = _address(str(destination.name))
    try:
        connection = psycopg.connect(
            address, connect_timeout=SECONDS, application_name="geovehicle"
        )
    except psycopg.Error as error:
        raise OutputError(
            f"{destination} cannot be reached: {_reason(error, address)};"
            " check the address, the user and the password"
        ) from error
    try:
        with connection:
            yield _database(connection, destination, schema, destination.layer or layer)
    except psycopg.errors.LockNotAvailable as error:
        raise OutputError(
            f"the table in {destination} is in use by another program; let that end"
        ) from error
    except psycopg.Error as error:
        raise OutputError(
            f"cannot write to {destination}: {_reason(error, address)};"
            " see to that in the database or write elsewhere"
        ) from error


def _database(
    connection: psycopg.Connection[Any], destination: Destination, schema: str | None, layer: str
) -> Database:
    """Look for PostGIS, and for where the table belongs."""
    connection.execute(f"SET LOCAL lock_timeout = '{SECONDS}s'")
    extension = connection.execute(
        "SELECT nspname, current_schema() FROM pg_extension"
        " JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'postgis'"
    ).fetchone()
    if extension is None:
        raise OutputError(
            f"{destination} has no PostGIS; have its owner run CREATE EXTENSION postgis in it"
        )
    if schema is None and "." in layer:
        schema, _, layer = layer.partition(".")
    schema = schema or extension[1]
    if not schema or not layer or len(layer.encode()) > LONGEST_NAME:
        raise OutputError(
            f"{schema or ''}.{layer} cannot be the name of a table in {destination};"
            " give another by --layer schema.table"
        )
    return Database(connection, destination.shown, extension[0], schema, layer)


def _address(name: str) -> tuple[str, str | None]:
    """Return an address as the library takes it, and the schema that stands in it."""
    scheme, _, rest = name.partition("://")
    address, _, query = f"{scheme.lower()}://{rest}".partition("?")
    parts = [one for one in query.split("&") if one]
    schemas = [unquote(one.partition("=")[2]) for one in parts if one.startswith("schema=")]
    others = "&".join(one for one in parts if not one.startswith("schema="))
    return f"{address}?{others}" if others else address, schemas[-1] if schemas else None


def _reason(error: psycopg.Error, address: str) -> str:
    """Return what went wrong in one line, without a password that stands in the address."""
    diagnosis = error.diag
    text = " ".join(filter(None, (diagnosis.message_primary, diagnosis.message_detail)))
    text = " ".join((text or str(error)).split())
    for secret in re.findall(r"^\w+://[^:@/?]*:(.*)@|password=([^&]+)", address):
        for one in filter(None, secret):
            text = text.replace(one, "***").replace(unquote(one), "***")
    return text.rstrip(".")


def _crs(code: str | None, text: str) -> CRS | None:
    """Return the CRS of a table: by its code, or else its text."""
    if code is None:
        return None
    try:
        return CRS.from_user_input(code)
    except CRSError:
        return CRS.from_wkt(text)
