"""Layers as files that GIS software reads, as tables of a database, or as a stream.

A file is complete or not there (:func:`geovehicle.files.replacing`), and is read
back before it takes its place: on a full disk some drivers lose the last rows
without an error.  A table is written in one transaction.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from geovehicle.errors import OutputError
from geovehicle.export import postgis
from geovehicle.export.destinations import destination_of
from geovehicle.export.formats import FORMATS, VEHICLES, fit, format_of
from geovehicle.export.present import ID, layer_in
from geovehicle.export.sinks import keeps, opened
from geovehicle.files import check_writable
from geovehicle.settings import LAYER_CHUNK, LAYER_PIECES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import geopandas as gpd

    from geovehicle.export.destinations import Destination, Place
    from geovehicle.export.formats import Format, Kind
    from geovehicle.export.present import Present
    from geovehicle.export.provenance import Provenance
    from geovehicle.export.sinks import Sink

RESERVED = re.compile(r"(gpkg|rtree|sqlite)_|layer_styles$", re.IGNORECASE)
"""Names of tables that are no layers."""


def check_target(place: Place, overwrite: bool = False, layer: str = VEHICLES.layer) -> None:
    """Make sure that a layer can be written to its destination, before the long work.

    Parameters
    ----------
    place : Destination, str or pathlib.Path
        The output; the suffix of a file says the format, in upper or lower case.
    overwrite : bool
        Whether an existing file may be replaced, all layers in it included; a
        destination says it itself.
    layer : str
        Name of the layer where the destination says none.

    Raises
    ------
    OutputError
        Where the suffix is not in :data:`FORMATS`, the folder is missing or cannot be
        written, the file or table exists and may not be replaced, another program has
        the file open, the database cannot be used, or the format has no names or
        cannot be added to.
    """
    destination = destination_of(place, overwrite)
    check_options(destination)
    if destination.is_database:
        postgis.check(destination, layer)
    elif destination.path is not None:
        _check_file(destination, destination.path, layer)


def check_layer(frame: gpd.GeoDataFrame, place: Place, layer: str = VEHICLES.layer) -> None:
    """Make sure that a destination can hold a layer.

    A layer without rows tells before the long work what it would be refused for after.

    Raises
    ------
    OutputError
        Where it cannot.
    """
    destination = destination_of(place)
    if destination.is_database:
        postgis.check_crs(destination, layer, frame.crs)
    _fitted(frame, destination, _present(destination, layer))


def write(
    frame: gpd.GeoDataFrame,
    place: Place,
    overwrite: bool = False,
    kind: Kind = VEHICLES,
    about: Provenance | None = None,
) -> None:
    """Write a layer.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        Polygons with their fields; without rows it makes a valid empty layer.
        GeoJSON is written in WGS 84 after RFC 7946, which cuts polygons in two at the
        antimeridian, all else in the frame's CRS.  Numbers that are nan become null.
        Outer rings of Shapefiles are clockwise; those of GeoJSON are counter-clockwise,
        and all others as in the frame.
    place : Destination, str or pathlib.Path
        The output; the suffix of a file says the format, in upper or lower case.
    overwrite : bool
        Whether an existing file may be replaced, all layers in it included; a destination
        says it itself.  The file stays as it is until the new one is complete.
    kind : Kind
        What the layer is made of.
    about : Provenance, optional
        Where it comes from, for formats that can say it.

    Raises
    ------
    OutputError
        Where :func:`check_target` raises it, where the format cannot hold the
        layer, or where writing fails.
    """
    with LayerWriter(destination_of(place, overwrite), kind, about) as writer:
        writer.add(frame)


class LayerWriter:
    """Writes a layer piece by piece, in little memory: the same file as :func:`write`.

    ::

        with LayerWriter(destination) as writer:
            for frame in frames:
                writer.append(frame)

    The layer is in place when the block has ended well; whatever fails, an older one stays.
    Errors are those of :func:`write`.

    Parameters
    ----------
    place : Destination, str or pathlib.Path
        The output; the suffix of a file says the format, in upper or lower case.
    kind : Kind
        What the layer is made of.
    about : Provenance, optional
        Where it comes from, for formats that can say it.

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

    def __init__(
        self, place: Place, kind: Kind = VEHICLES, about: Provenance | None = None
    ) -> None:
        self.destination = destination_of(place)
        self.rows = 0
        self._kind, self._about = kind, about
        self._written: int | None = None
        self._waiting: list[gpd.GeoDataFrame] = []

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
        present = self._sink.present
        first = self.rows + 1 + (present.last if present else 0)
        self._take(frame.assign(**{ID: np.arange(first, first + len(frame))}))

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Add the next rows as they are; where there are others already, ids count on."""
        ours = self._kind.ours
        numbered = ID in frame and (ours is None or ID in ours)
        if numbered and self._sink.present is not None:
            self.append(frame)
        else:
            self._take(frame)

    def _take(self, frame: gpd.GeoDataFrame) -> None:
        if not len(frame) and (self._waiting or self._written is not None):
            return
        self.rows += len(frame)
        self._waiting.append(frame)
        # opening a file for a few rows takes longer than writing them
        enough = 1 if self.destination.is_stream else LAYER_CHUNK
        if self.rows - (self._written or 0) >= enough or len(self._waiting) >= LAYER_PIECES:
            self._write()

    @contextmanager
    def _placing(self) -> Iterator[None]:
        if not self.destination.is_database:  # which is checked as it is opened
            check_target(self.destination, layer=self._kind.layer)
        with opened(self.destination, self._kind, self._about) as sink:
            self._sink: Sink = sink
            yield
            if self._waiting or self._written is None:
                self._write()

    def _write(self) -> None:
        """Write what is waiting."""
        frame = pd.concat(self._waiting, ignore_index=True)
        self._waiting = []
        self._sink.add(_fitted(frame, self.destination, self._sink.present))
        self._written = self.rows


def _fitted(
    frame: gpd.GeoDataFrame, destination: Destination, present: Present | None
) -> gpd.GeoDataFrame:
    """Return rows as the format and the layer that is there ask for."""
    if present is None:
        return fit(frame, destination)
    placed = present.placed(frame, destination.shown)
    return present.ordered(fit(placed, destination), destination.shown)


def _present(destination: Destination, layer: str) -> Present | None:
    """Return the layer that rows are going to be added to, where there is one."""
    if not destination.appends:
        return None
    if destination.is_database:
        return postgis.present(destination, layer)
    path = destination.path
    if path is None or not path.exists():
        return None
    named = format_of(destination).named
    return layer_in(path, (destination.layer or layer) if named else None)


def check_options(destination: Destination) -> None:
    """Refuse a name or more rows where the format has no place for them.

    Raises
    ------
    OutputError
    """
    chosen = format_of(destination)
    if destination.layer is not None and not chosen.named:
        raise OutputError(
            f"{destination} has no layers with names; leave --layer out or write a .gpkg"
        )
    if destination.layer is not None and not destination.layer.strip():
        raise OutputError("the layer has no name; give --layer a name or leave it out")
    if destination.appends and not chosen.grows:
        raise OutputError(
            f"rows cannot be added to {destination}; write a .gpkg, a .shp or to PostGIS,"
            " or leave --append out"
        )


def _check_file(destination: Destination, path: Path, layer: str) -> None:
    chosen = format_of(destination)
    if path.is_file() and destination.existing == "refuse" and chosen.grows:
        raise OutputError(f"{path} exists; add --overwrite to replace it or --append to add to it")
    check_writable(path, destination.existing != "refuse")
    _check_text(os.path.realpath(path), destination.layer or "")
    _check_neighbours(path, chosen)
    for lock in chosen.locks:
        if Path(os.path.realpath(path) + lock).exists():
            raise OutputError(
                f"{path} is open in another program such as QGIS, as {path.name}{lock} shows;"
                " close it there or write elsewhere"
            )
    if chosen.named and destination.layer and RESERVED.match(destination.layer):
        raise OutputError(f"{destination.layer} is no name for a layer of {path}; choose another")
    if keeps(destination):
        layer_in(path, (destination.layer or layer) if chosen.named else None)


def _check_text(*names: str) -> None:
    """Refuse names with bytes of another encoding, which drivers do not take."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise OutputError(f"the name {name} is not UTF-8; choose another") from error


def _check_neighbours(path: Path, chosen: Format) -> None:
    """Refuse a file that would take a sidecar from a file of the same name."""
    mine = set(chosen.sidecars)
    for suffix, other in FORMATS.items():
        neighbour = path.with_suffix(suffix)
        shared = mine & set(other.sidecars)
        # the first sidecar is always there; a table without geometries has none
        theirs = shared and neighbour.with_suffix(other.sidecars[0]).exists()
        if other is not chosen and theirs and neighbour.exists():
            raise OutputError(
                f"{path} would share {path.stem}{min(shared)} with {neighbour.name};"
                " choose another name"
            )
