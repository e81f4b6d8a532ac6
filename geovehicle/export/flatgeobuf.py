"""FlatGeobuf, which is written at once: the rows lie in the order of their spatial index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from geovehicle.export.columns import columns_of, write_batches
from geovehicle.export.formats import FLATGEOBUF
from geovehicle.export.present import as_multi
from geovehicle.export.readback import Tally

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from geovehicle.export.formats import Kind

STAGE = ".arrow"
"""Suffix of the file in which rows wait."""


class FlatGeobuf:
    """A file whose pieces wait beside it until all are there.

    Parameters
    ----------
    file : pathlib.Path
        Is in a temporary folder.
    kind : Kind
        What the layer is made of.
    """

    present = None

    def __init__(self, file: Path, kind: Kind) -> None:
        self._file, self._kind = file, kind
        self._stage = file.with_suffix(STAGE)
        self._writer: pa.RecordBatchFileWriter | None = None
        self._schema: pa.Schema | None = None
        self._indexed = True

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Add rows."""
        if self._kind.geometry.startswith("Multi"):
            frame = as_multi(frame)
        table = columns_of(frame, self._schema)
        if self._writer is None:
            self._begin(table.schema, frame)
        assert self._writer is not None
        self._tally.add(frame)
        self._indexed &= not (frame.geometry.isna() | frame.geometry.is_empty).any()
        self._writer.write_table(table)

    def finish(self) -> bool:
        """Write the file, and tell whether it has every row."""
        self.close()
        with pa.OSFile(str(self._stage)) as source:
            stage = pa.ipc.open_file(source)
            batches = (stage.get_batch(number) for number in range(stage.num_record_batches))
            write_batches(
                pa.RecordBatchReader.from_batches(stage.schema, batches),
                self._file,
                FLATGEOBUF,
                self._crs,
                geometry_name=self._geometry,
                geometry_type=self._kind.geometry,
                # the index holds no rows without geometries
                SPATIAL_INDEX="YES" if self._indexed else "NO",
            )
        self._stage.unlink()
        return self._tally.is_in(self._file)

    def close(self) -> None:
        """Let go of the rows that wait."""
        if self._writer is not None:
            self._writer.close()

    def _begin(self, schema: pa.Schema, frame: gpd.GeoDataFrame) -> None:
        self._schema, self._geometry, self._crs = schema, frame.geometry.name, frame.crs
        self._tally = Tally.of(frame, self._kind.ours)
        self._writer = pa.ipc.new_file(self._stage, schema)
