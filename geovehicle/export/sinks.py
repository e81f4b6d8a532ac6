"""What takes the pieces of a layer: a file, a stream or a table, by its destination."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
from pyogrio.errors import DataLayerError, DataSourceError

from geovehicle.errors import OutputError
from geovehicle.export import geopackage, postgis, sequences
from geovehicle.export.flatgeobuf import FlatGeobuf
from geovehicle.export.formats import FLATGEOBUF, GEOPACKAGE, PARQUET, format_of
from geovehicle.export.geoparquet import GeoParquet
from geovehicle.export.present import layer_in
from geovehicle.export.vector_file import VectorFile
from geovehicle.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import geopandas as gpd

    from geovehicle.export.destinations import Destination
    from geovehicle.export.formats import Kind
    from geovehicle.export.present import Present
    from geovehicle.export.provenance import Provenance


class Sink(Protocol):
    """Takes the pieces of a layer."""

    @property
    def present(self) -> Present | None:
        """The layer that rows are added to, where there is one."""

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Take rows that fit the format; the first piece may have none."""


class FileSink(Sink, Protocol):
    """Writes the pieces of a layer to a file."""

    def finish(self) -> bool:
        """End the file, and tell whether it holds all that was written."""

    def close(self) -> None:
        """Let go of the file, finished or not."""


def opened(
    destination: Destination, kind: Kind, about: Provenance | None = None
) -> AbstractContextManager[Sink]:
    """Open a destination; the layer is in place when the block has ended well.

    Parameters
    ----------
    destination : Destination
    kind : Kind
        What the layer is made of.
    about : Provenance, optional
        Where it comes from, for formats that can say it.

    Raises
    ------
    OutputError
        If writing fails.
    """
    if destination.is_stream:
        return sequences.opened(kind)
    if destination.is_database:
        return postgis.opened(destination, kind, about)
    return _file(destination, kind, about)


def keeps(destination: Destination) -> bool:
    """Tell whether something of an older file at a destination stays."""
    if destination.path is None or not destination.path.exists():
        return False
    one = destination.overwrites and destination.layer and format_of(destination).named
    return destination.appends or bool(one)


@contextmanager
def _file(destination: Destination, kind: Kind, about: Provenance | None) -> Iterator[Sink]:
    path, chosen = destination.path, format_of(destination)
    assert path is not None
    with replacing(path, chosen.sidecars) as new, _told(destination, new.parent):
        file = new.with_suffix(new.suffix.lower())  # as drivers name them
        layer = (destination.layer or kind.layer) if chosen.named else None
        present = None
        if keeps(destination):
            _copy(path, file, set(chosen.sidecars) - set(chosen.indices))
            present = layer_in(file, layer) if destination.appends else None
        with closing(_file_sink(file, destination, kind, about, present)) as sink:
            yield sink
            if not sink.finish():
                raise OutputError(
                    f"{destination} came out incomplete; free some disk space and run again"
                )
        if chosen.driver == GEOPACKAGE and layer is not None:
            geopackage.document(file, layer, kind, about)
        file.replace(new)


def _file_sink(
    file: Path,
    destination: Destination,
    kind: Kind,
    about: Provenance | None,
    present: Present | None,
) -> FileSink:
    driver = format_of(destination).driver
    if driver == PARQUET:
        return GeoParquet(file, kind, about)
    if driver == FLATGEOBUF:
        return FlatGeobuf(file, kind)
    return VectorFile(file, destination, kind, present)


def _copy(path: Path, file: Path, sidecars: set[str]) -> None:
    """Copy a file, links followed, and those that belong to it."""
    whole = Path(os.path.realpath(path))
    shutil.copyfile(whole, file)
    for suffix in sidecars:
        if whole.with_suffix(suffix).exists():
            shutil.copyfile(whole.with_suffix(suffix), file.with_suffix(suffix))


@contextmanager
def _told(destination: Destination, folder: Path) -> Iterator[None]:
    """Turn errors of drivers into one line that names the output, not the temporary file."""
    try:
        yield
    except (DataSourceError, DataLayerError, pa.ArrowException) as error:
        reason = " ".join(str(error).replace(f"{folder}{os.sep}", "").split())
        raise OutputError(
            f"cannot write {destination}: {reason}; see to the disk's free space or write elsewhere"
        ) from error
