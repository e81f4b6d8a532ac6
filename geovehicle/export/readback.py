"""Whether a file holds what was written: on a full disk some drivers lose rows without an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import geopandas as gpd

EMPTY = 9
"""Bytes of a geometry without points, as WKB; others have more."""

ROWS = 20_000
"""Rows that are read at once."""


@dataclass
class Tally:
    """What rows have in common before they are written and after, in whatever order.

    Parameters
    ----------
    names : collection of str
        The fields that are compared: texts and whole numbers, which no format rounds.

    Attributes
    ----------
    rows, empty : int
        How many there are, and how many of them without a geometry.
    sums : dict of str to int
        Sums of the hashes of each field.
    """

    names: Collection[str]
    rows: int = 0
    empty: int = 0
    sums: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame, ours: Collection[str] | None) -> Tally:
        """Begin with the fields of a layer: those named, where they can be compared.

        Parameters
        ----------
        frame : geopandas.GeoDataFrame
            The first piece, whose rows are not counted yet.
        ours : collection of str, optional
            Names of fields; all by default.
        """
        fields = frame.drop(columns=frame.geometry.name)
        exact = [name for name in fields if _is_exact(fields[name])]
        return cls([name for name in exact if ours is None or name in ours])

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Count rows that are written."""
        self.rows += len(frame)
        self.empty += int((frame.geometry.isna() | frame.geometry.is_empty).sum())
        for name in self.names:
            self._add(name, frame[name].value_counts(dropna=False).to_dict())

    def add_batch(self, batch: pa.RecordBatch | pa.Table, geometry: str) -> None:
        """Count rows that are read.

        Parameters
        ----------
        batch : pyarrow.RecordBatch or pyarrow.Table
        geometry : str
            The column of geometries, as WKB.
        """
        self.rows += batch.num_rows
        lengths = pc.fill_null(pc.binary_length(batch.column(geometry)), 0)
        self.empty += pc.sum(pc.less_equal(lengths, EMPTY)).as_py() or 0
        for name in self.names:
            counts = batch.column(name).value_counts().to_pylist()
            self._add(name, {one["values"]: one["counts"] for one in counts})

    def is_in(self, path: Path, layer: str | None = None, first: int = 0) -> bool:
        """Tell whether the rows, and none else, are in a layer of a file from its row ``first``."""
        names = list(self.names)
        options = {"columns": names, "skip_features": first, "batch_size": ROWS}
        found = Tally(names)
        with pyogrio.open_arrow(path, layer=layer, use_pyarrow=True, **options) as (info, batches):
            if not set(names) <= set(info["fields"]):
                return False
            for batch in batches:
                found.add_batch(batch, info["geometry_name"] or "wkb_geometry")
        return found == self

    def _add(self, name: str, counts: Mapping[Any, int]) -> None:
        if counts:
            total = sum(hash(_text(value)) * number for value, number in counts.items())
            self.sums[name] = self.sums.get(name, 0) + total


def _is_exact(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds texts or whole numbers."""
    if column.dtype.kind in "iu":
        return True
    return column.dtype.kind in "OT" and pd.api.types.infer_dtype(column) in ("string", "empty")


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
