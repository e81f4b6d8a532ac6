"""Layers as columns of Arrow, and what their fields hold."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

if TYPE_CHECKING:
    from pathlib import Path

    from pyproj import CRS

BATCH = 2**16
"""Rows of a batch, as many as GDAL reads at once: more do not go faster."""


def columns_of(frame: gpd.GeoDataFrame, schema: pa.Schema | None = None) -> pa.Table:
    """Return a layer as columns: its fields, and the geometries as ISO WKB.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        N rows.
    schema : pyarrow.Schema, optional
        Names and types of the columns; those that the frame says without it.

    Returns
    -------
    pyarrow.Table
        N rows, the geometries last.  Numbers that are nan are null.
    """
    geometry = frame.geometry.name
    fields = pd.DataFrame(frame.drop(columns=geometry)).apply(plain)
    table = pa.Table.from_pandas(fields.reset_index(drop=True), preserve_index=False)
    wkb = pa.array(shapely.to_wkb(frame.geometry.to_numpy(), flavor="iso"), pa.binary())
    table = table.append_column(geometry, wkb).replace_schema_metadata(None)
    return table.cast(schema or pa.schema([_common(one) for one in table.schema]))


def batches_of(frame: gpd.GeoDataFrame) -> pa.RecordBatchReader:
    """Return a layer as batches of columns, see :func:`columns_of`.

    Each is made when it is asked for, so the geometries are never all there as WKB, and other
    threads have their turn in between.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        N rows, whose fields are simple, see :func:`is_simple`.
    """
    schema = columns_of(frame.iloc[:0]).schema
    starts = range(0, len(frame), BATCH)
    tables = (columns_of(frame.iloc[start : start + BATCH], schema) for start in starts)
    return pa.RecordBatchReader.from_batches(
        schema, (batch for table in tables for batch in table.to_batches())
    )


def write_batches(
    batches: pa.RecordBatchReader, path: Path, driver: str, crs: CRS | None, **options: Any
) -> None:
    """Write or append columns.

    Parameters
    ----------
    batches : pyarrow.RecordBatchReader
        Of columns that :func:`columns_of` makes.
    path : pathlib.Path
    driver : str
        Of GDAL.
    crs : pyproj.CRS or None
        Of the layer.
    **options
        Of :func:`pyogrio.write_arrow`, and of the driver.
    """
    with warnings.catch_warnings():
        # a raster without CRS gives a layer without CRS
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        pyogrio.write_arrow(batches, path, driver=driver, crs=_text(crs), **options)


def frame_of(batches: pa.RecordBatchReader, geometry: str, crs: Any) -> gpd.GeoDataFrame | None:
    """Return a layer of numbers and texts, as those of vehicles are, from its columns.

    Geometries are made batch by batch, in memory that serves the next batch as well: that is
    what makes it quicker than all at once.

    Parameters
    ----------
    batches : pyarrow.RecordBatchReader
        None is read where the result is None.
    geometry : str
        The column of geometries, as WKB.
    crs : pyproj.CRS or str or None
        Of the layer.

    Returns
    -------
    geopandas.GeoDataFrame or None
        None where there are no geometries, or fields of which Arrow and pandas do not mean the
        same, such as times.
    """
    fields = [field for field in batches.schema if field.name != geometry]
    if len(fields) == len(batches.schema) or not all(_is_plain(one.type) for one in fields):
        return None
    tables, shapes = [], [np.empty(0, object)]
    for batch in batches:
        tables.append(batch.drop_columns([geometry]))
        shapes.append(shapely.from_wkb(batch.column(geometry).to_numpy(zero_copy_only=False)))
    table = pa.Table.from_batches(tables, pa.schema(fields))
    return gpd.GeoDataFrame(table.to_pandas(), geometry=np.concatenate(shapes), crs=crs)


def holds_texts(column: pd.Series[Any]) -> bool:
    """Tell whether a field holds texts, or nothing that tells what it is for."""
    return column.dtype.kind in "OT" and pd.api.types.infer_dtype(column) in ("string", "empty")


def is_simple(frame: gpd.GeoDataFrame) -> bool:
    """Tell whether all fields of a layer hold numbers or texts, as those of vehicles do.

    GDAL's drivers write these the same by rows and by columns, which is quicker; of others
    they make other fields.
    """
    fields = frame.drop(columns=frame.geometry.name)
    return all(
        (column.dtype.kind in "biuf" and column.dtype != np.uint64) or holds_texts(column)
        for _, column in fields.items()
    )


def plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column whose objects are texts or dates."""
    if column.dtype.kind != "O" or pd.api.types.infer_dtype(column) in ("string", "date"):
        return column
    return column.map(str, na_action="ignore")


def _common(field: pa.Field) -> pa.Field:
    """Return a column with a type that all readers know."""
    kind = field.type
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return field.with_type(pa.string())
    return field


def _is_plain(kind: pa.DataType) -> bool:
    """Tell whether Arrow and pandas mean the same by a type."""
    types = pa.types
    checks = (types.is_integer, types.is_floating, types.is_boolean)
    return any(check(kind) for check in (*checks, types.is_string, types.is_large_string))


def _text(crs: CRS | None) -> str | None:
    """Return a CRS as GDAL takes it."""
    if crs is None:
        return None
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt("WKT1_GDAL")
