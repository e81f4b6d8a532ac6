"""Layers as files, in formats that GIS software reads.

A file is complete or not there (:func:`geovehicle.files.replacing`), and is read
back before it takes its place: on a full disk some drivers lose the last rows
without an error.
"""

from __future__ import annotations

import os
import shutil
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from geovehicle.errors import OutputError
from geovehicle.export.formats import VEHICLES, fit, format_of
from geovehicle.files import check_writable, replacing
from geovehicle.settings import LAYER_CHUNK, LAYER_PIECES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    import geopandas as gpd

    from geovehicle.export.formats import Kind

FEATURES = b'"features": [\n'
END = b"\n]\n}\n"
"""What stands before and after the features of a GeoJSON file, which has one a line."""


def check_target(path: Path, overwrite: bool = False) -> None:
    """Make sure that a layer can be written to ``path``, before the long work.

    Parameters
    ----------
    path : pathlib.Path
        The output; its suffix says the format, in upper or lower case.
    overwrite : bool
        Whether an existing file may be replaced, all layers in it included.

    Raises
    ------
    OutputError
        Where the suffix is not in :data:`FORMATS`, the folder is missing or
        cannot be written, the file exists and ``overwrite`` is false, or another
        program has it open.
    """
    chosen = format_of(path)
    check_writable(path, overwrite)
    for lock in chosen.locks:
        if Path(os.path.realpath(path) + lock).exists():
            raise OutputError(
                f"{path} is open in another program such as QGIS, as {path.name}{lock} shows;"
                " close it there or write elsewhere"
            )


def check_layer(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Make sure that the format of ``path`` can hold a layer.

    A layer without rows tells before the long work what it would be refused for after.

    Raises
    ------
    OutputError
        Where it cannot.
    """
    fit(frame, path)


def write(
    frame: gpd.GeoDataFrame, path: Path, overwrite: bool = False, kind: Kind = VEHICLES
) -> None:
    """Write a layer to a file.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        Polygons with their fields; without rows it makes a valid empty layer.
        GeoJSON is written in WGS 84 after RFC 7946, which cuts polygons in two at the
        antimeridian, all else in the frame's CRS.  Numbers that are nan become null.
        Outer rings of Shapefiles are clockwise; those of GeoJSON are counter-clockwise,
        and those of GeoPackages as in the frame.
    path : pathlib.Path
        The output; its suffix says the format, in upper or lower case.
    overwrite : bool
        Whether an existing file may be replaced, all layers in it included.  It
        stays as it is until the new one is complete.
    kind : Kind
        What the layer is made of.

    Raises
    ------
    OutputError
        Where :func:`check_target` raises it, where the format cannot hold the
        layer, or where writing fails.
    """
    with LayerWriter(path, overwrite, kind) as writer:
        writer.add(frame)


class LayerWriter:
    """Writes a layer piece by piece, in little memory: the same file as :func:`write`.

    ::

        with LayerWriter(path) as writer:
            for frame in frames:
                writer.append(frame)

    The file is in place when the block has ended well; whatever fails, an older one stays.
    Errors are those of :func:`write`.

    Parameters
    ----------
    path : pathlib.Path
        The output; its suffix says the format, in upper or lower case.
    overwrite : bool
        Whether an existing file may be replaced.
    kind : Kind
        What the layer is made of.

    Attributes
    ----------
    rows : int
        How many rows there are so far.

    Raises
    ------
    ValueError
        At the end of the block, if there was no piece at all.  A layer without rows needs
        one piece without rows, for its fields and its CRS.
    """

    def __init__(self, path: Path, overwrite: bool = False, kind: Kind = VEHICLES) -> None:
        self.path = Path(path)
        self.kind = kind
        self.rows = 0
        self._placed = 0
        self._overwrite = overwrite
        self._waiting: list[gpd.GeoDataFrame] = []
        self._written: list[_Written] = []

    def __enter__(self) -> Self:
        self._block: AbstractContextManager[None] = self._placing()
        self._block.__enter__()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._block.__exit__(*error)

    def append(self, frame: gpd.GeoDataFrame) -> None:
        """Add the next rows, with ``id`` counted on from the rows before.

        Parameters
        ----------
        frame : geopandas.GeoDataFrame
            Polygons with the fields :data:`geovehicle.export.frame.FIELDS`, in the CRS of
            the first piece.  It may have no rows.
        """
        self.add(frame.assign(id=np.arange(self.rows + 1, self.rows + len(frame) + 1)))

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Add the next rows as they are."""
        if not len(frame) and (self._waiting or self._written):
            return
        self.rows += len(frame)
        self._waiting.append(frame)
        # opening a file for a few rows takes longer than writing them
        if self.rows - self._placed >= LAYER_CHUNK or len(self._waiting) >= LAYER_PIECES:
            self._write()

    @contextmanager
    def _placing(self) -> Iterator[None]:
        check_target(self.path, self._overwrite)
        self._format = format_of(self.path)
        with replacing(self.path, self._format.sidecars) as new, self._told(new.parent):
            # drivers name their files in lower case
            self._file = new.with_suffix(new.suffix.lower())
            yield
            if self._waiting or not self._written:
                self._write()
            if not self._is_complete():
                raise OutputError(
                    f"{self.path} came out incomplete; free some disk space and run again"
                )
            self._file.replace(new)

    @contextmanager
    def _told(self, folder: Path) -> Iterator[None]:
        try:
            yield
        except (DataSourceError, DataLayerError) as error:
            reason = " ".join(str(error).replace(f"{folder}{os.sep}", "").split())
            raise OutputError(
                f"cannot write {self.path}: {reason};"
                " see to the disk's free space or write elsewhere"
            ) from error

    def _write(self) -> None:
        """Write what is waiting."""
        frame = fit(pd.concat(self._waiting, ignore_index=True), self.path)
        self._waiting = []
        if not self._written:
            self._write_to(self._file, frame)
        elif self._format.appends:
            self._write_to(self._file, frame, append=True)
        else:
            part = self._file.with_suffix(".part")
            self._write_to(part, frame)
            if not _join(self._file, part):
                raise OutputError(
                    f"cannot write {self.path}: this GDAL lays GeoJSON out in an unknown way;"
                    " write a .gpkg instead"
                )
        self._written.append(_Written.of(frame, self.kind.ours))
        self._placed = self.rows
        limit = self._format.file_size
        if limit and max(file.stat().st_size for file in self._file.parent.iterdir()) > limit:
            raise OutputError(
                f"{self.path} passes 2 GB with its first {self.rows} vehicles;"
                " write a .gpkg instead"
            )

    def _write_to(self, path: Path, frame: gpd.GeoDataFrame, append: bool = False) -> None:
        options = dict(self._format.options)
        if self._format.named:
            options["layer"] = self.kind.layer
        with warnings.catch_warnings():
            # a raster without CRS gives a layer without CRS
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            # Shapefiles have no times
            warnings.filterwarnings("ignore", ".* created as String field", RuntimeWarning)
            pyogrio.write_dataframe(
                frame,
                path,
                driver=self._format.driver,
                geometry_type=self.kind.geometry,
                promote_to_multi=self.kind.geometry.startswith("Multi"),
                append=append,
                **options,
            )

    def _is_complete(self) -> bool:
        """Tell whether the file has every row, and every text where fields have types."""
        if pyogrio.read_info(self._file, force_feature_count=True)["features"] != self.rows:
            return False
        if not self._format.appends:  # GeoJSON: a name that reads like a date comes back as one
            return True
        first = 0
        for written in self._written:
            if not written.is_in(self._file, first):
                return False
            first += written.rows
        return True


@dataclass(frozen=True)
class _Written:
    """What has to come back of rows: their number, and hashes of what is not rounded.

    Rows without geometry are counted as well.
    """

    rows: int
    empty: int
    hashes: Mapping[str, int]

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame, ours: tuple[str, ...] | None = None) -> Self:
        fields = frame.drop(columns=frame.geometry.name).select_dtypes(exclude=np.floating)
        names = [name for name in fields if ours is None or name in ours]
        hashes = {name: _hash(fields[name]) for name in names}
        return cls(len(frame), _count_empty(frame), hashes)

    def is_in(self, path: Path, first: int) -> bool:
        """Tell whether they are in a file, from its row ``first``."""
        if not self.rows:
            return True
        found = pyogrio.read_dataframe(
            path, columns=list(self.hashes), skip_features=first, max_features=self.rows
        )
        if len(found) != self.rows or _count_empty(found) != self.empty:
            return False
        return all(
            name in found and _hash(found[name]) == value for name, value in self.hashes.items()
        )


def _count_empty(frame: gpd.GeoDataFrame) -> int:
    """Return how many rows have no geometry, or one without points."""
    return int((frame.geometry.isna() | frame.geometry.is_empty).sum())


def _hash(column: pd.Series[Any]) -> int:
    return hash(tuple(column.tolist()))


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
