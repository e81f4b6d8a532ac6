"""Files that GDAL's drivers write piece by piece."""

from __future__ import annotations

import os
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import pyogrio

from geovehicle.errors import OutputError
from geovehicle.export.columns import batches_of, is_simple, write_batches
from geovehicle.export.formats import GEOJSON, format_of
from geovehicle.export.present import as_multi
from geovehicle.export.readback import Tally

if TYPE_CHECKING:
    from io import BytesIO
    from pathlib import Path

    import geopandas as gpd

    from geovehicle.export.destinations import Destination
    from geovehicle.export.formats import Format, Kind
    from geovehicle.export.present import Present

FEATURES = b'"features": [\n'
END = b"\n]\n}\n"
"""What stands before and after the features of a GeoJSON file, which has one a line."""


class VectorFile:
    """A file that pieces of a layer are written to.

    Parameters
    ----------
    file : pathlib.Path
        Is in a temporary folder, with a copy of an older file where rows or a layer are
        added to that.
    destination : Destination
        Where the file goes.
    kind : Kind
        What the layer is made of.
    present : Present, optional
        The layer in that file that rows are added to.
    """

    def __init__(
        self, file: Path, destination: Destination, kind: Kind, present: Present | None
    ) -> None:
        self._file, self._destination, self._kind = file, destination, kind
        self._format = format_of(destination)
        self._layer = (destination.layer or kind.layer) if self._format.named else None
        self.present = present
        self._many = (present.geometry if present else kind.geometry).startswith("Multi")
        self._tally: Tally | None = None

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Add rows."""
        first = self._tally is None
        if self._tally is None:
            self._tally = Tally.of(frame, self._kind.ours)
        if self.present is not None or (self._format.appends and not first):
            self._write(self._file, frame, append=True)
        elif first:
            self._write(self._file, frame)
        else:
            part = self._file.with_suffix(".part")
            self._write(part, frame)
            if not _join(self._file, part):
                raise OutputError(
                    f"cannot write {self._destination}: this GDAL lays GeoJSON out in an unknown"
                    " way; write a .gpkg instead"
                )
        self._tally.add(frame)
        self._check_size(self._tally.rows)

    def finish(self) -> bool:
        """Tell whether the file has every row, and every text where fields have types."""
        assert self._tally is not None
        if self._format.driver == GEOJSON:  # a name that reads like a date comes back as one
            info = pyogrio.read_info(self._file, force_feature_count=True)
            return bool(info["features"] == self._tally.rows)
        before = self.present.rows if self.present else 0
        return self._tally.is_in(self._file, self._layer, before)

    def close(self) -> None:
        """Let go of nothing: drivers close their files."""

    def _write(self, path: Path, frame: gpd.GeoDataFrame, append: bool = False) -> None:
        options: dict[str, Any] = {"layer": self._layer} if self._layer else {}
        options["geometry_type"] = self.present.geometry if self.present else self._kind.geometry
        options["append"] = append
        if self._many:
            frame = as_multi(frame)
        # layers of other software may have fields of other types, which rows are fitted to
        if self._format.by_columns and self.present is None and is_simple(frame):
            options |= {"geometry_name": frame.geometry.name, **self._format.options}
            write_batches(batches_of(frame), path, self._format.driver, frame.crs, **options)
        else:
            write_rows(frame, path, self._format, promote_to_multi=False, **options)

    def _check_size(self, rows: int) -> None:
        limit = self._format.file_size
        if limit and max(file.stat().st_size for file in self._file.parent.iterdir()) > limit:
            raise OutputError(
                f"{self._destination} passes 2 GB with its first {rows} vehicles;"
                " write a .gpkg instead"
            )


def write_rows(
    frame: gpd.GeoDataFrame, target: Path | BytesIO, chosen: Format, **options: Any
) -> None:
    """Write or append rows with the options of their format and these."""
    with warnings.catch_warnings():
        # a raster without CRS gives a layer without CRS
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        # Shapefiles have no times
        warnings.filterwarnings("ignore", ".* created as String field", RuntimeWarning)
        pyogrio.write_dataframe(
            frame, target, driver=chosen.driver, **{**chosen.options, **options}
        )


def _join(whole: Path, part: Path) -> bool:
    """Move the features of one GeoJSON file, at least one, to the end of another.

    Returns whether both are laid out as expected; if not, they stay as they are.
    The driver would lay those that it adds to a file out differently.
    """
    with part.open("rb") as source, whole.open("r+b") as stream:
        begins = any(line == FEATURES for line in iter(source.readline, b""))
        stream.seek(-len(END), os.SEEK_END)
        if not begins or stream.read() != END:
            return False
        stream.seek(-len(END), os.SEEK_END)
        stream.write(b",\n")
        shutil.copyfileobj(source, stream)
    part.unlink()
    return True
