"""What a GeoPackage says about a layer: what it is, where it comes from, and how to draw it.

The tables are those of the standard's metadata extension, and the table of styles that QGIS
makes.  QGIS draws the layer in its style and shows title and history among its properties.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from geovehicle.errors import OutputError
from geovehicle.export.provenance import now, printable
from geovehicle.export.styles import qml, suits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from geovehicle.export.formats import Kind
    from geovehicle.export.provenance import Provenance

PROVENANCE = "urn:geovehicle:provenance:1"
"""Names the format of our records; QGIS has the next one for its own."""

QGIS = "http://mrcc.com/qgis.dtd"

EXTENSION = "http://www.geopackage.org/spec120/#extension_metadata"

OWNER = "geovehicle"
"""Whose a style is that may be replaced: one that somebody saved in QGIS has no owner."""

UNDEFINED = (-1, 0, 99999)
"""Numbers of CRSs that stand for none; the last is GDAL's."""

_METADATA = """
CREATE TABLE IF NOT EXISTS gpkg_extensions (
  table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
  scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE IF NOT EXISTS gpkg_metadata (
  id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
  md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL,
  mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS gpkg_metadata_reference (
  reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
  timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
  CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id));
"""

_STYLES = """
CREATE TABLE IF NOT EXISTS layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
  f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
  styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
  owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
"""


def document(file: Path, layer: str, kind: Kind, about: Provenance | None) -> None:
    """Give a layer of a GeoPackage its style, and tell where it comes from.

    Of what is there about the layer, our own style and the metadata for QGIS are replaced.
    A style that somebody saved in QGIS stays, and stays the default.  Each run that adds rows
    to the layer adds its provenance.  What belongs to other layers is left alone.

    Parameters
    ----------
    file : pathlib.Path
        A GeoPackage that no other program has open; its content is not flushed to the disk.
    layer : str
        Name of the layer in it.
    kind : Kind
        Its ``style`` is left out where the layer has other geometries than polygons, or not
        the field that the style needs.
    about : Provenance, optional
        Where the rows come from; without it, nothing is told.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    # with milliseconds, as the standard has it
    time = (about.time if about else now()).replace("Z", ".000Z")
    try:
        with closing(sqlite3.connect(file)) as base, base:
            base.execute("PRAGMA synchronous = OFF")  # whoever puts it in its place flushes it
            table = _Table.of(base, layer)
            if about is not None:
                _describe(base, table, about, time)
            if kind.style is not None and suits(kind.style, table.kind, table.fields):
                _style(base, table, kind.style, time)
            _touch(base, table.name, time)
    except sqlite3.Error as error:
        raise OutputError(
            f"cannot write {file.name}: {error}; see to the disk's free space or write elsewhere"
        ) from error


@dataclass(frozen=True)
class _Table:
    """What a GeoPackage knows of a layer.

    ``crs`` is what QGIS calls the CRS, ``wkt`` its definition, empty where there is none, and
    ``bounds`` are those of all geometries, or None.
    """

    name: str
    geometry: str
    kind: str
    fields: Mapping[str, str]
    crs: str
    wkt: str
    bounds: tuple[float, float, float, float] | None

    @classmethod
    def of(cls, base: sqlite3.Connection, name: str) -> _Table:
        own, column, kind, number, crs, wkt, *bounds = base.execute(
            "SELECT table_name, g.column_name, g.geometry_type_name, s.srs_id,"
            " CASE s.organization WHEN 'NONE' THEN 'WKT:' || s.definition"
            " ELSE s.organization || ':' || s.organization_coordsys_id END,"
            " s.definition, c.min_x, c.min_y, c.max_x, c.max_y"
            " FROM gpkg_geometry_columns g JOIN gpkg_contents c USING (table_name)"
            " JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id"
            " WHERE table_name = ?",
            (name,),
        ).fetchone()
        fields = base.execute("SELECT name, upper(type) FROM pragma_table_info(?)", (own,))
        return cls(
            own,
            column,
            kind,
            dict(fields.fetchall()),
            crs,
            "" if number in UNDEFINED else wkt,
            None if None in bounds else tuple(bounds),
        )


def _describe(base: sqlite3.Connection, table: _Table, about: Provenance, time: str) -> None:
    base.executescript(_METADATA)
    for name in ("gpkg_metadata", "gpkg_metadata_reference"):
        base.execute(
            "INSERT INTO gpkg_extensions"
            " SELECT :table, NULL, 'gpkg_metadata', :definition, 'read-write' WHERE NOT EXISTS"
            " (SELECT 1 FROM gpkg_extensions"
            " WHERE table_name = :table AND extension_name = 'gpkg_metadata')",
            {"table": name, "definition": EXTENSION},
        )
    earlier = [json.loads(text)["summary"] for _, text in _records(base, table, PROVENANCE)]
    title, abstract = about.title, about.abstract
    if earlier:
        title += ", added to what was there"
        abstract += f" Rows of {len(earlier)} earlier runs are in the layer, see its history."
    for number, _ in _records(base, table, QGIS):
        base.execute("DELETE FROM gpkg_metadata_reference WHERE md_file_id = ?", (number,))
        base.execute("DELETE FROM gpkg_metadata WHERE id = ?", (number,))
    _record(base, table, (PROVENANCE, "application/json", about.as_json()), time)
    told = _for_qgis(table, title, abstract, about.licence, [*earlier, about.summary])
    _record(base, table, (QGIS, "text/xml", told), time)
    base.execute(
        # identifiers are unique
        "UPDATE gpkg_contents SET description = :abstract, identifier = CASE WHEN EXISTS"
        " (SELECT 1 FROM gpkg_contents WHERE identifier = :title AND table_name <> :table)"
        " THEN :table ELSE :title END WHERE table_name = :table",
        {"abstract": abstract, "title": title, "table": table.name},
    )


def _records(base: sqlite3.Connection, table: _Table, uri: str) -> list[tuple[int, str]]:
    """Return numbers and texts of a layer's metadata in a format, the oldest first."""
    found = base.execute(
        "SELECT m.id, m.metadata FROM gpkg_metadata m JOIN gpkg_metadata_reference r"
        " ON r.md_file_id = m.id WHERE r.reference_scope = 'table' AND r.table_name = ?"
        " AND m.md_standard_uri = ? ORDER BY m.id",
        (table.name, uri),
    )
    return found.fetchall()


def _record(
    base: sqlite3.Connection, table: _Table, metadata: tuple[str, str, str], time: str
) -> None:
    """Add a layer's metadata: their format, its type and the text."""
    number = base.execute(
        "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)"
        " VALUES ('dataset', ?, ?, ?)",
        metadata,
    ).lastrowid
    base.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, timestamp, md_file_id)"
        " VALUES ('table', ?, ?, ?)",
        (table.name, time, number),
    )


def _for_qgis(
    table: _Table, title: str, abstract: str, licence: str | None, history: Sequence[str]
) -> str:
    """Return metadata as the properties of a layer in QGIS show them."""
    root = Element("qgis", version="3.22.0")
    texts = {"identifier": printable(table.name), "parentidentifier": "", "language": "ENG"}
    texts |= {"type": "dataset", "title": title, "abstract": abstract}
    for name, text in texts.items():
        SubElement(root, name).text = text
    SubElement(root, "links")
    for one in history:
        SubElement(root, "history").text = one
    SubElement(root, "fees")
    if licence:
        SubElement(root, "license").text = f"of the weights: {licence}"
    SubElement(root, "encoding").text = "UTF-8"
    if table.wkt:
        system = SubElement(SubElement(root, "crs"), "spatialrefsys")
        SubElement(system, "wkt").text = table.wkt
        SubElement(system, "authid").text = table.crs
    if table.wkt and table.bounds:
        sides = zip(("minx", "miny", "maxx", "maxy"), map(repr, table.bounds), strict=True)
        extent = {"crs": table.crs, "dimensions": "2", "minz": "0", "maxz": "0", **dict(sides)}
        SubElement(SubElement(root, "extent"), "spatial", extent)
    return f"<!DOCTYPE qgis PUBLIC '{QGIS}' 'SYSTEM'>\n{tostring(root, 'unicode')}\n"


def _style(base: sqlite3.Connection, table: _Table, style: str, time: str) -> None:
    base.executescript(_STYLES)
    base.execute(
        "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, srs_id)"
        " VALUES ('layer_styles', 'attributes', 'layer_styles', 0)"
    )
    base.execute(
        "DELETE FROM layer_styles WHERE f_table_name = ? AND owner = ?", (table.name, OWNER)
    )
    base.execute(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
        " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner,"
        " update_time) SELECT '', '', :table, :column, :style, :qml, '',"
        " NOT EXISTS (SELECT 1 FROM layer_styles"
        " WHERE f_table_name = :table AND f_geometry_column = :column AND useAsDefault),"
        " :description, :owner, :time",
        {
            "table": table.name,
            "column": table.geometry,
            "style": style,
            "qml": qml(style),
            "description": f"{style} of geovehicle",
            "owner": OWNER,
            "time": time,
        },
    )
    _touch(base, "layer_styles", time)


def _touch(base: sqlite3.Connection, table: str, time: str) -> None:
    """Note when a table was changed."""
    base.execute("UPDATE gpkg_contents SET last_change = ? WHERE table_name = ?", (time, table))
