from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS

from geovehicle.errors import OutputError
from geovehicle.export import writers
from geovehicle.export.formats import Kind
from geovehicle.export.provenance import Provenance
from geovehicle.export.writers import LayerWriter, write

if TYPE_CHECKING:
    from pathlib import Path


def metadata(path: Path) -> dict[str, Any]:
    return json.loads(pq.read_metadata(path).metadata[b"geo"])


def test_the_metadata_are_those_of_version_1_1(tmp_path, make_layer):
    frame = make_layer()
    write(frame, tmp_path / "cars.parquet")
    geo = metadata(tmp_path / "cars.parquet")
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    (column,) = geo["columns"].values()
    assert CRS.from_json_dict(column.pop("crs")) == frame.crs
    assert column == {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "bbox": [155000, 463000, 155024.5, 463002],
        "covering": {"bbox": {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}},
    }


def test_without_a_crs_it_is_null_since_nothing_would_mean_degrees(tmp_path, make_layer):
    write(make_layer(crs=None), tmp_path / "cars.parquet")
    assert metadata(tmp_path / "cars.parquet")["columns"]["geometry"]["crs"] is None
    assert gpd.read_parquet(tmp_path / "cars.parquet").crs is None


def test_readers_skip_groups_of_rows_that_lie_elsewhere(tmp_path, monkeypatch, make_layer):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 100)
    with LayerWriter(tmp_path / "cars.parquet") as writer:
        writer.append(make_layer(0))
        for shift in (0, 0, -100):
            frame = make_layer(100)
            writer.append(frame.set_geometry(frame.translate(shift, shift)))
    file = pq.ParquetFile(tmp_path / "cars.parquet")
    assert [file.metadata.row_group(number).num_rows for number in range(3)] == [100] * 3
    names = [file.metadata.row_group(0).column(number).path_in_schema for number in range(14)]
    least = file.metadata.row_group(0).column(names.index("bbox.xmin")).statistics
    assert (least.min, least.max) == (155000, 155990)
    whole = metadata(tmp_path / "cars.parquet")["columns"]["geometry"]["bbox"]
    assert whole == [154900, 462900, 155994.5, 463002]
    found = gpd.read_parquet(tmp_path / "cars.parquet", bbox=(155015, 463000, 155019, 463001))
    assert found.empty
    found = gpd.read_parquet(tmp_path / "cars.parquet", bbox=(155011, 463000, 155012, 463001))
    assert found["id"].tolist() == [2, 102]


def test_zones_of_any_fields_come_back(tmp_path):
    parts = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)])
    zones = gpd.GeoDataFrame(
        {
            "bbox": ["mine", None, "x", ""],
            "since": pd.to_datetime(["2020-01-01", None, "2021-05-01", "2020-01-01"]),
            "open": [True, False, True, None],
            "tags": [["x"], None, {"y": 1}, 2],
            "kind": pd.Categorical(["a", "b", None, "a"]),
            "number": pd.array([1, None, 3, 4], "Int64"),
            "nothing": [None] * 4,
            "big": np.array([1, 2, 3, 2**63], np.uint64),
        },
        geometry=[shapely.box(0, 0, 2, 2), parts, None, shapely.Polygon()],
        crs=4326,
    )
    write(zones, tmp_path / "zones.parquet", kind=Kind("zones", "MultiPolygon", ("number",)))
    found = gpd.read_parquet(tmp_path / "zones.parquet")
    assert found.columns.tolist() == zones.columns.tolist()
    assert found["bbox"].fillna("-").tolist() == ["mine", "-", "x", ""]
    assert found["since"].isna().tolist() == [False, True, False, False]
    assert found["tags"].fillna("-").tolist() == ["['x']", "-", "{'y': 1}", "2"]
    assert found["number"].fillna(0).tolist() == [1, 0, 3, 4]
    assert found["kind"].fillna("-").tolist() == ["a", "b", "-", "a"]
    assert found["big"].tolist() == zones["big"].tolist()
    assert found.geometry.isna().tolist() == [False, False, True, False]
    boxes = pq.read_table(tmp_path / "zones.parquet")["bbox_"]
    assert boxes.is_null().to_pylist() == [False, False, True, True]
    column = metadata(tmp_path / "zones.parquet")["columns"]["geometry"]
    assert column["geometry_types"] == ["MultiPolygon", "Polygon"]
    assert column["bbox"] == [0, 0, 6, 6]


def test_heights_are_kept_and_told(tmp_path, make_layer):
    frame = make_layer()
    high = frame.set_geometry(shapely.force_3d(frame.geometry.to_numpy(), 7.0), crs=frame.crs)
    write(high, tmp_path / "cars.parquet")
    column = metadata(tmp_path / "cars.parquet")["columns"]["geometry"]
    assert column["geometry_types"] == ["Polygon Z"]
    assert gpd.read_parquet(tmp_path / "cars.parquet").has_z.all()


def test_an_empty_layer_has_no_extent(tmp_path, make_layer):
    write(make_layer(0), tmp_path / "cars.parquet")
    column = metadata(tmp_path / "cars.parquet")["columns"]["geometry"]
    assert column["geometry_types"] == []
    assert "bbox" not in column


def test_where_the_layer_comes_from_stands_in_the_file(tmp_path, make_layer):
    about = Provenance(command="detect", inputs=("ö.tif",))
    write(make_layer(), tmp_path / "cars.parquet", about=about)
    told = pq.read_metadata(tmp_path / "cars.parquet").metadata[b"geovehicle"]
    assert told.decode() == about.as_json()


@pytest.mark.parametrize("damage", ["rows", "text"])
def test_a_row_that_does_not_come_back_is_noticed(tmp_path, monkeypatch, make_layer, damage):
    genuine = pq.ParquetWriter.write_table

    def spoiling(writer, table, **options):
        if damage == "rows":
            table = table.slice(1)
        else:
            labels = table["label"].to_pandas().replace("Über, 'sicht\".tif", "other")
            place = table.schema.get_field_index("label")
            table = table.set_column(place, "label", [labels.tolist()])
        genuine(writer, table, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", spoiling)
    with pytest.raises(OutputError, match="incomplete"):
        write(make_layer(), tmp_path / "cars.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space")])
def test_an_existing_file_survives_a_failure(tmp_path, monkeypatch, make_layer, failure):
    write(make_layer(), tmp_path / "cars.parquet")
    before = (tmp_path / "cars.parquet").read_bytes()
    monkeypatch.setattr(writers, "LAYER_CHUNK", 1)

    def fail() -> None:
        with LayerWriter(writers.destination_of(tmp_path / "cars.parquet", True)) as writer:
            writer.append(make_layer())
            raise failure

    with pytest.raises((KeyboardInterrupt, OutputError)):
        fail()
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]
