"""Layers that are there already, and rows that go on where they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from geovehicle.errors import GeoreferenceError, OutputError
from geovehicle.export.frame import in_crs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

ID = "id"
"""The field that numbers rows."""

KINDS = {"OFTInteger": "integer", "OFTInteger64": "integer", "OFTReal": "real", "OFTString": "text"}
"""What fields hold, by OGR's name of their type; the others are of no kind."""

WHOLE = "whole"
"""The kind of whole numbers that pandas holds as real ones, since some are not known."""

FITTING = {("integer", "real"): "float64", (WHOLE, "integer"): "Int64", (WHOLE, "real"): "float64"}
"""Kinds of new fields and of those that they go into without loss, and the type for that."""

ANY = ("Unknown", "GeometryCollection")
"""Types of layers that hold geometries of each type."""

_DTYPES = {"i": "integer", "u": "integer", "f": "real", "O": "text", "T": "text"}

_MANY = {
    "Point": shapely.multipoints,
    "LineString": shapely.multilinestrings,
    "Polygon": shapely.multipolygons,
}


@dataclass(frozen=True)
class Present:
    """A layer that is there already.

    Attributes
    ----------
    fields : mapping of str to str
        The kinds of its fields, by their names in their order: those of :data:`KINDS`, or "".
    crs : pyproj.CRS or None
    geometry : str
        Type of its geometries, as OGR calls it, with heights or without.
    rows : int
        How many there are.
    last : int
        The highest id; 0 without rows.
    filled : frozenset of str
        Fields that fill themselves where new rows have none.
    """

    fields: Mapping[str, str]
    crs: CRS | None
    geometry: str
    rows: int
    last: int = 0
    filled: frozenset[str] = frozenset()

    def placed(self, frame: gpd.GeoDataFrame, shown: str) -> gpd.GeoDataFrame:
        """Return new rows in the CRS of this layer, their azimuths turned with them.

        Raises
        ------
        OutputError
            Where they cannot be.
        """
        if self.crs is not None and self.crs.equals(frame.crs, ignore_axis_order=True):
            return frame.set_crs(self.crs, allow_override=True)
        try:
            return in_crs(frame, self.crs)
        except GeoreferenceError as error:
            own, new = (crs.name if crs else "no CRS" for crs in (self.crs, frame.crs))
            raise OutputError(
                f"the layer in {shown} has {own} and the new rows have {new}; write them elsewhere"
            ) from error

    def ordered(self, frame: gpd.GeoDataFrame, shown: str) -> gpd.GeoDataFrame:
        """Return new rows with their fields in the order of this layer.

        Raises
        ------
        OutputError
            Where their fields or geometries are others.
        """
        kinds = kinds_of(frame)
        self._check_fields(kinds, shown)
        own = self.geometry.removeprefix("Multi")
        others = {one.removeprefix("Multi") for one in frame.geom_type.dropna()} - {own}
        if own not in ANY and others:
            raise OutputError(
                f"{shown} holds geometries of type {self.geometry}, the new rows have others;"
                " write them elsewhere"
            )
        there = [name for name in self.fields if name in kinds]
        pairs = {name: (kinds[name], self.fields[name]) for name in there}
        types = {name: FITTING[pair] for name, pair in pairs.items() if pair in FITTING}
        return frame[[*there, frame.geometry.name]].astype(types)

    def _check_fields(self, new: Mapping[str, str], shown: str) -> None:
        """Refuse rows that the layer would have to leave out or to change."""
        for name in (*self.fields, *new):
            if name in self.filled and name not in new:
                continue
            if name not in new or name not in self.fields:
                whose = "that the new rows lack" if name in self.fields else "among the new rows"
                raise OutputError(
                    f"the fields in {shown} are others: {name} is one {whose}; write them elsewhere"
                )
            old = self.fields[name]
            if old and new[name] and old != new[name] and (new[name], old) not in FITTING:
                raise OutputError(
                    f"the field {name} in {shown} is {old}, that of the new rows {new[name]};"
                    " write them elsewhere"
                )


def kinds_of(frame: gpd.GeoDataFrame) -> dict[str, str]:
    """Return the kinds of a layer's fields by their names, see :class:`Present`."""
    columns = frame.columns.drop(frame.geometry.name)
    return {str(name): _kind(frame[name]) for name in columns}


def _kind(column: pd.Series[Any]) -> str:
    missing = column.isna()
    if len(column) and missing.all():
        return ""
    kind = _DTYPES.get(column.dtype.kind, "")
    if kind == "real" and missing.any() and (column[~missing] % 1 == 0).all():
        return WHOLE
    return kind


def layer_in(path: Path, layer: str | None) -> Present | None:
    """Return the layer of a file that rows are added to; None where it is not there.

    Parameters
    ----------
    path : pathlib.Path
        A file that is there.
    layer : str, optional
        Its name, where the format has names.

    Raises
    ------
    OutputError
        Where the file cannot be read, the layer has no geometries, or one is there whose
        name differs in upper and lower case alone.
    """
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        if layer is not None and layer not in layers:
            _refuse_namesake(path, layer, layers)
            return None
        info = pyogrio.read_info(path, layer=layer, force_feature_count=True)
        kinds = (KINDS.get(one, "") for one in info["ogr_types"])
        fields = dict(zip(info["fields"], kinds, strict=True))
        last = _last(path, layer) if fields.get(ID) == "integer" else 0
    except (DataSourceError, DataLayerError) as error:
        reason = " ".join(str(error).split())
        raise OutputError(f"{path} cannot be added to: {reason}; write elsewhere") from error
    if info["geometry_type"] is None:
        raise OutputError(f"the table {layer} in {path} has no geometries; name another layer")
    crs = None if info["crs"] is None else CRS.from_user_input(info["crs"])
    geometry = info["geometry_type"].removeprefix("2.5D ").partition(" ")[0]
    return Present(fields, crs, geometry, info["features"], last)


def _refuse_namesake(path: Path, layer: str, layers: Iterable[str]) -> None:
    """Make sure that no layer has the same name but for upper and lower case."""
    for name in layers:
        if name.encode().lower() == layer.encode().lower():  # of ASCII alone, as in SQLite
            raise OutputError(
                f"the layer {layer} is called {name} in {path}; give --layer {name} or another name"
            )


def _last(path: Path, layer: str | None) -> int:
    """Return the highest id of a layer, batch by batch."""
    options = {"columns": [ID], "read_geometry": False, "use_pyarrow": True}
    with pyogrio.open_arrow(path, layer=layer, **options) as (_, batches):
        highest = (np.nanmax(one[ID].to_numpy(zero_copy_only=False), initial=0) for one in batches)
        return int(max(highest, default=0))


def as_multi(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer whose geometries are all of several parts, of one part at least."""
    shapes = frame.geometry.to_numpy().copy()
    for single, many in _MANY.items():
        rows = np.flatnonzero(frame.geom_type == single)
        shapes[rows] = many(shapes[rows], indices=np.arange(len(rows)))
    return frame.set_geometry(np.asarray(shapes), crs=frame.crs)
