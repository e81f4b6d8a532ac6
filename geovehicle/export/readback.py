"""Whether a file holds what was written: on a full disk some drivers lose rows without an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio

from geovehicle.export.columns import holds_texts, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import geopandas as gpd

EMPTY = 18
"""Bytes at most of a geometry without points, as WKB, which may have one part, empty as well;
others have more."""

ROWS = 20_000
"""Rows that are read at once."""

TEXT, NUMBER = pa.large_string(), pa.int64()
"""What is compared."""


@dataclass
class Tally:
    """What rows have in common before they are written and after, in whatever order.

    Parameters
    ----------
    fields : mapping of str to pyarrow.DataType
        The fields that are compared, :data:`TEXT` or :data:`NUMBER`: texts and whole
        numbers, which no format rounds.

    Attributes
    ----------
    rows, empty : int
        How many there are, and how many of them without a geometry.
    sums : dict of str to int
        Sums of the hashes of each field, modulo 2**64.
    """

    fields: Mapping[str, pa.DataType]
    rows: int = 0
    empty: int = 0
    sums: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.sums = dict.fromkeys(self.fields, 0)

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
        numbers = {name: NUMBER for name in fields if fields[name].dtype.kind in "iu"}
        texts = {name: TEXT for name in fields if holds_texts(fields[name])}
        exact = numbers | texts
        return cls({name: exact[name] for name in exact if ours is None or name in ours})

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Count rows that are written."""
        self.rows += len(frame)
        self.empty += int((frame.geometry.isna() | frame.geometry.is_empty).sum())
        for name in self.fields:
            self._add(name, pa.array(plain(frame[name]), from_pandas=True))

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
        for name in self.fields:
            self._add(name, batch.column(name))

    def is_in(self, path: Path, layer: str | None = None, first: int = 0) -> bool:
        """Tell whether the rows, and none else, are in a layer of a file from its row ``first``."""
        options = {"columns": list(self.fields), "skip_features": first, "batch_size": ROWS}
        found = Tally(self.fields)
        with pyogrio.open_arrow(path, layer=layer, use_pyarrow=True, **options) as (info, batches):
            if not set(self.fields) <= set(info["fields"]):
                return False
            for batch in batches:
                found.add_batch(batch, info["geometry_name"] or "wkb_geometry")
        return found == self

    def _add(self, name: str, values: pa.Array | pa.ChunkedArray) -> None:
        kind = self.fields[name]
        hashed = _hash_numbers if kind == NUMBER else _hash_texts
        self.sums[name] = (self.sums[name] + hashed(values.cast(kind))) % 2**64


def _hash_numbers(values: pa.Array | pa.ChunkedArray) -> int:
    """Return the sum of the hashes of numbers; one that is not known counts as none of them."""
    known = values.drop_null().to_numpy()
    return int(pd.util.hash_array(known).sum()) + int(values.null_count)


def _hash_texts(values: pa.Array | pa.ChunkedArray) -> int:
    """Return the sum of the hashes of texts; one that is missing counts as an empty one.

    Some formats do not tell these two.
    """
    texts, counts = pc.fill_null(values, "").value_counts().flatten()
    pairs = zip(texts.to_pylist(), counts.to_pylist(), strict=True)
    return sum(hash(text) * count for text, count in pairs)
