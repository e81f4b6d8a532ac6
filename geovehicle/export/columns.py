"""Layers as columns of Arrow, and what their fields hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

if TYPE_CHECKING:
    import geopandas as gpd


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
