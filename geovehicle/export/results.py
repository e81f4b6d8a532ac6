"""Results of an analysis as files: layers, and tables of zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.export.formats import FORMATS, Kind
from geovehicle.export.writers import check_target, write
from geovehicle.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas as gpd

TABLE = ".csv"
"""Suffix of a table without geometries, for spreadsheets."""

SUFFIXES = (*FORMATS, TABLE)
"""Of what zones are written to."""


def check_zones(path: Path, overwrite: bool = False) -> None:
    """Make sure that zones can be written, as a layer or as a table, before the work.

    Raises
    ------
    OutputError
        See :func:`geovehicle.export.writers.check_target`.
    """
    if path.suffix.lower() == TABLE:
        check_writable(path, overwrite)
    else:
        check_target(path, overwrite)


def write_zones(
    frame: gpd.GeoDataFrame, path: Path, counted: Sequence[str], overwrite: bool = False
) -> None:
    """Write zones as a layer, or without geometries as a table (.csv).

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        Polygons with the fields of the user and those that were counted.
    path : pathlib.Path
        The output; its suffix says the format.
    counted : sequence of str
        The fields that were counted.
    overwrite : bool
        Whether an existing file may be replaced, once the new one is complete.

    Raises
    ------
    OutputError
        Where the file cannot be written or the format cannot hold the zones.
    """
    if path.suffix.lower() != TABLE:
        write_layer(frame, path, "zones", counted, overwrite)
        return
    check_writable(path, overwrite)
    with replacing(path) as new:
        frame.drop(columns=frame.geometry.name).to_csv(new, index=False, lineterminator="\n")


def write_layer(
    frame: gpd.GeoDataFrame,
    path: Path,
    name: str,
    ours: Sequence[str],
    overwrite: bool = False,
) -> None:
    """Write a layer of any geometries.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
    path : pathlib.Path
        The output; its suffix says the format.
    name : str
        Of the layer, where the format has names.
    ours : sequence of str
        The fields that are compared when the file is read back; those that other software
        wrote may come back in another form.
    overwrite : bool
        Whether an existing file may be replaced, once the new one is complete.

    Raises
    ------
    OutputError
        See :func:`geovehicle.export.writers.write`.
    """
    write(frame, path, overwrite, Kind(name, _geometry_type(frame), tuple(ours)))


def _geometry_type(frame: gpd.GeoDataFrame) -> str:
    """Return the one type that all geometries have, as parts of a whole at least."""
    types = set(frame.geom_type.dropna())
    whole = {one.removeprefix("Multi") for one in types} or {"Polygon"}
    if len(whole) > 1:
        return "Unknown"
    return f"Multi{whole.pop()}" if any(one.startswith("Multi") for one in types) else whole.pop()
