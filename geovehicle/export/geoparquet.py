"""GeoParquet 1.1: columns of a layer that are read in part, by fields, rows and place.

OGC GeoParquet 1.1.0, https://geoparquet.org/releases/v1.1.0/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geovehicle import __version__
from geovehicle.export.columns import columns_of
from geovehicle.export.readback import Tally
from geovehicle.settings import LAYER_CHUNK

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    from geovehicle.export.formats import Kind
    from geovehicle.export.provenance import Provenance

VERSION = "1.1.0"

COVERING = "bbox"
"""The column of the boxes around geometries, by which readers skip what lies elsewhere."""

TYPES = {
    0: "Point",
    1: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
    7: "GeometryCollection",
}
"""Names of types by shapely's numbers."""

CORNERS = ("xmin", "ymin", "xmax", "ymax")


class GeoParquet:
    """A file that pieces of a layer are written to, each as a group of rows.

    Parameters
    ----------
    file : pathlib.Path
    kind : Kind
        What the layer is made of.
    about : Provenance, optional
        Goes into the file's metadata, as ``geovehicle``.
    """

    present = None

    def __init__(self, file: Path, kind: Kind, about: Provenance | None) -> None:
        self._file, self._ours, self._about = file, kind.ours, about
        self._writer: pq.ParquetWriter | None = None
        self._schema: pa.Schema | None = None
        self._types: set[str] = set()
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Add rows."""
        table = columns_of(frame, self._schema)
        if self._writer is None:
            self._begin(table.schema, frame)
        assert self._writer is not None
        self._tally.add(frame)
        shapes = frame.geometry.to_numpy()
        self._types.update(_types(shapes))
        bounds = shapely.bounds(shapes)
        self._bounds = _around(self._bounds, bounds)
        table = table.append_column(self._covering, _boxes(bounds))
        self._writer.write_table(table, row_group_size=LAYER_CHUNK)

    def finish(self) -> bool:
        """End the file, and tell whether it has every row."""
        assert self._writer is not None
        about = {"geovehicle": self._about.as_json()} if self._about else {}
        self._writer.add_key_value_metadata({"geo": json.dumps(self._geo()), **about})
        self._writer.close()
        found = Tally(self._tally.fields)
        with pq.ParquetFile(self._file) as file:
            for number in range(file.num_row_groups):
                columns = [*self._tally.fields, self._geometry]
                found.add_batch(file.read_row_group(number, columns), self._geometry)
        return found == self._tally

    def close(self) -> None:
        """Let go of a file that is not needed."""
        if self._writer is not None and self._writer.is_open:
            self._writer.close()

    def _begin(self, schema: pa.Schema, frame: gpd.GeoDataFrame) -> None:
        self._schema, self._geometry, self._crs = schema, frame.geometry.name, frame.crs
        self._tally = Tally.of(frame, self._ours)
        self._covering = COVERING
        while self._covering in schema.names:
            self._covering += "_"
        boxes = pa.struct([(name, pa.float64()) for name in CORNERS])
        whole = schema.append(pa.field(self._covering, boxes))
        self._writer = pq.ParquetWriter(self._file, whole, compression="zstd")

    def _geo(self) -> dict[str, Any]:
        """Return what the standard wants to be said of the file."""
        column = {
            "encoding": "WKB",
            "geometry_types": sorted(self._types),
            "crs": _projjson(self._crs),
            "covering": {"bbox": {name: [self._covering, name] for name in CORNERS}},
        }
        if np.isfinite(self._bounds).all():
            column["bbox"] = self._bounds.tolist()
        return {
            "version": VERSION,
            "primary_column": self._geometry,
            "columns": {self._geometry: column},
            "creator": {"library": "geovehicle", "version": __version__},
        }


def _projjson(crs: CRS | None) -> dict[str, Any] | None:
    """Return a CRS as PROJJSON; without one null, since nothing said means WGS 84."""
    return None if crs is None else crs.to_json_dict()


def _types(shapes: NDArray[np.object_]) -> set[str]:
    """Return the types of geometries by the names of GeoJSON, with Z where they have heights."""
    there = shapes[~shapely.is_missing(shapes)]
    kinds = zip(shapely.get_type_id(there).tolist(), shapely.has_z(there).tolist(), strict=True)
    return {f"{TYPES[number]}{' Z' * high}" for number, high in set(kinds)}


def _around(whole: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the box around a box and those of geometries, nan where they have no points."""
    low = np.fmin.reduce(bounds[:, :2], axis=0, initial=np.inf)
    high = np.fmax.reduce(bounds[:, 2:], axis=0, initial=-np.inf)
    return np.concatenate([np.minimum(whole[:2], low), np.maximum(whole[2:], high)])


def _boxes(bounds: NDArray[np.float64]) -> pa.StructArray:
    """Return boxes as a column, null where geometries have no points."""
    missing = np.isnan(bounds).any(axis=1)
    columns = [pa.array(side, pa.float64()) for side in bounds.T]
    return pa.StructArray.from_arrays(columns, list(CORNERS), mask=pa.array(missing))
