from __future__ import annotations

import datetime
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from geovehicle.export import columns, writers
from geovehicle.export.destinations import Destination
from geovehicle.export.formats import Kind
from geovehicle.export.writers import LayerWriter, write

if TYPE_CHECKING:
    from pathlib import Path

SHAPES = [shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6), shapely.Polygon(), None]
DATES = [datetime.date(2026, 5, 1), None, datetime.date(2026, 5, 2), datetime.date(2026, 5, 3)]
TIMES = pd.Series(pd.to_datetime(["2026-01-01", "2026-07-01", None, "2026-07-02"]))

SIMPLE = {
    "flag": [True, False, True, False],
    "maybe": pd.array([True, None, False, True], "boolean"),
    "small": np.arange(4, dtype=np.int16),
    "medium": np.arange(4, dtype=np.int32),
    "large": [2**60, -1, 0, 3],
    "unsigned": np.arange(4, dtype=np.uint32),
    "known": pd.array([1, None, 0, 3], "Int64"),
    "single": np.array([0.1, np.nan, np.inf, -0.0], np.float32),
    "double": [0.1, np.nan, -np.inf, 1e300],
    "text": ["a", "ü", None, ""],
    "nothing": pd.Series([None] * 4, dtype=object),
    "unknown": pd.Series([np.nan] * 4, dtype=object),
}
OTHERS = {
    "huge": np.arange(4, dtype=np.uint64),
    "mixed": pd.Series(["a", 1, None, 2.5], dtype=object),
    "numbers": pd.Series([1, 2, None, 3], dtype=object),
    "flags": pd.Series([True, None, False, True], dtype=object),
    "date": pd.Series(DATES, dtype=object),
    "time": TIMES,
    "here": TIMES.dt.tz_localize("Europe/Berlin"),
    "there": TIMES.dt.tz_localize("UTC"),
    "category": pd.Categorical([1, 2, None, 1]),
    "list": pd.Series([["x"], ["y", "z"], None, []], dtype=object),
    "record": pd.Series([{"a": 1}, None, {"a": 2}, {}], dtype=object),
    "bytes": pd.Series([b"a", None, b"b", b"\xff"], dtype=object),
}


def stored(path: Path) -> tuple[list[Any], ...]:
    """Return the statements that made the tables, and the rows, of all but the metadata."""
    with closing(sqlite3.connect(path)) as base:
        tables = base.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        rows = base.execute("SELECT * FROM cars").fetchall()
        index = base.execute("SELECT * FROM rtree_cars_geom ORDER BY id").fetchall()
        columns = base.execute("SELECT * FROM gpkg_geometry_columns").fetchall()
    return tables, rows, index, columns


def by_rows(frame: gpd.GeoDataFrame, path: Path, geometry: str = "Polygon") -> Path:
    """Write a layer as GDAL does row by row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geovehicle.export.vector_file.is_simple", lambda frame: False)
        write(frame, path, kind=Kind("cars", geometry, ours=()))
    return path


@pytest.fixture
def ways(monkeypatch) -> list[bool]:
    """Return a list that tells of each piece whether it was written by columns."""
    found: list[bool] = []
    for name, by_columns in (("write_arrow", True), ("write_dataframe", False)):
        genuine = getattr(pyogrio, name)

        def noting(*arguments: Any, genuine=genuine, columns=by_columns, **options: Any) -> None:
            found.append(columns)
            genuine(*arguments, **options)

        monkeypatch.setattr(pyogrio, name, noting)
    return found


@pytest.mark.parametrize("batch", [3, 2**16])
@pytest.mark.parametrize("rows", [slice(None), slice(2, 4), slice(0)])
@pytest.mark.parametrize("crs", [25832, None])
def test_columns_make_the_very_layer_that_rows_make(tmp_path, monkeypatch, ways, batch, rows, crs):
    monkeypatch.setattr(columns, "BATCH", batch)
    frame = gpd.GeoDataFrame(SIMPLE, geometry=SHAPES, crs=crs).iloc[rows]
    write(frame, tmp_path / "columns.gpkg", kind=Kind("cars"))
    assert stored(tmp_path / "columns.gpkg") == stored(by_rows(frame, tmp_path / "rows.gpkg"))
    assert ways == [True, False]


@pytest.mark.parametrize("name", OTHERS)
def test_fields_of_other_types_are_written_by_rows(tmp_path, ways, name):
    frame = gpd.GeoDataFrame({name: OTHERS[name]}, geometry=SHAPES, crs=25832)
    write(frame, tmp_path / "cars.gpkg", kind=Kind("cars", ours=()))
    assert ways == [False]


def test_parts_are_made_of_whole_geometries_and_the_caller_keeps_his(tmp_path, ways):
    shapes = [*SHAPES, shapely.MultiPolygon(SHAPES[:2])]
    frame = gpd.GeoDataFrame({"number": range(5)}, geometry=shapes, crs=25832)
    path = tmp_path / "columns.gpkg"
    write(frame, path, kind=Kind("cars", "MultiPolygon"))
    assert stored(path) == stored(by_rows(frame, tmp_path / "rows.gpkg", "MultiPolygon"))
    assert set(pyogrio.read_dataframe(path).geom_type.dropna()) == {"MultiPolygon"}
    kept = zip(frame.geometry, shapes, strict=True)
    assert all(one is other for one, other in kept)
    assert ways == [True, False]


def test_rows_are_added_by_columns_to_our_own_layer_only(tmp_path, monkeypatch, ways, make_layer):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 2)
    with LayerWriter(tmp_path / "cars.gpkg") as writer:
        for _ in range(3):
            writer.append(make_layer(2))
    write(make_layer(2), Destination(tmp_path / "cars.gpkg", existing="append"))
    assert ways == [True, True, True, False]
    found = pyogrio.read_dataframe(tmp_path / "cars.gpkg", layer="vehicles")
    assert found["id"].tolist() == list(range(1, 9))


@pytest.mark.parametrize("suffix", [".shp", ".geojson", ".csv"])
def test_other_formats_are_written_by_rows(tmp_path, ways, make_layer, suffix):
    write(make_layer(), tmp_path / f"cars{suffix}")
    assert ways == [False]
