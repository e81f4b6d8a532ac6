"""Results of an analysis as files: layers, and tables of zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geovehicle.export.destinations import destination_of
from geovehicle.export.formats import Kind
from geovehicle.export.styles import NEEDS
from geovehicle.export.writers import check_options, check_target, write
from geovehicle.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas as gpd

    from geovehicle.export.destinations import Destination, Place
    from geovehicle.export.provenance import Provenance

TABLE = ".csv"
"""Suffix of a table without geometries, for spreadsheets."""

UNFIT = (".csvt",)
"""Suffixes of files that describe a table with geometries of the same name."""

ZONES = "zones"
"""Name of a layer of zones."""


def check_zones(place: Place, overwrite: bool = False) -> None:
    """Make sure that zones can be written, as a layer or as a table, before the work.

    Raises
    ------
    OutputError
        See :func:`geovehicle.export.writers.check_target`.
    """
    destination = destination_of(place, overwrite)
    table = _table(destination)
    if table is None:
        check_target(destination, layer=ZONES)
    else:
        check_options(destination)
        check_writable(table, destination.overwrites)


def write_zones(
    frame: gpd.GeoDataFrame,
    place: Place,
    counted: Sequence[str],
    overwrite: bool = False,
    about: Provenance | None = None,
) -> None:
    """Write zones as a layer, or without geometries as a table (.csv).

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        Polygons with the fields of the user and those that were counted.
    place : Destination, str or pathlib.Path
        The output; the suffix of a file says the format.
    counted : sequence of str
        The fields that were counted.
    overwrite : bool
        Whether an existing file may be replaced, once the new one is complete; a
        destination says it itself.
    about : Provenance, optional
        Where it comes from, for formats that can say it.

    Raises
    ------
    OutputError
        Where the file cannot be written or the format cannot hold the zones.
    """
    destination = destination_of(place, overwrite)
    table = _table(destination)
    if table is None:
        write_layer(frame, destination, ZONES, counted, about=about)
        return
    check_zones(destination)
    with replacing(table, UNFIT) as new:
        frame.drop(columns=frame.geometry.name).to_csv(new, index=False, lineterminator="\n")


def write_layer(
    frame: gpd.GeoDataFrame,
    place: Place,
    name: str,
    ours: Sequence[str],
    overwrite: bool = False,
    about: Provenance | None = None,
) -> None:
    """Write a layer of any geometries.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
    place : Destination, str or pathlib.Path
        The output; the suffix of a file says the format.
    name : str
        Of the layer, where the format has names, and of its style, where there is one.
    ours : sequence of str
        The fields that are compared when the file is read back; those that other software
        wrote may come back in another form.
    overwrite : bool
        Whether an existing file may be replaced, once the new one is complete; a
        destination says it itself.
    about : Provenance, optional
        Where it comes from, for formats that can say it.

    Raises
    ------
    OutputError
        See :func:`geovehicle.export.writers.write`.
    """
    write(frame, place, overwrite, kind_of(frame, name, ours), about)


def kind_of(frame: gpd.GeoDataFrame, name: str, ours: Sequence[str]) -> Kind:
    """Return what a layer of any geometries is made of; see :func:`write_layer`."""
    style = name if name in NEEDS else None
    return Kind(name, _geometry_type(frame), tuple(ours), style)


def _table(destination: Destination) -> Path | None:
    """Return the file, where zones become a table without geometries."""
    path = destination.path
    return path if path is not None and path.suffix.lower() == TABLE else None


def _geometry_type(frame: gpd.GeoDataFrame) -> str:
    """Return the one type that all geometries have, as parts of a whole at least."""
    _, examples = np.unique(shapely.get_type_id(frame.geometry.to_numpy()), return_index=True)
    types = set(frame.geometry.iloc[examples].geom_type.dropna())
    whole = {one.removeprefix("Multi") for one in types} or {"Polygon"}
    if len(whole) > 1:
        return "Unknown"
    return f"Multi{whole.pop()}" if any(one.startswith("Multi") for one in types) else whole.pop()
