from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from pyogrio.errors import DataLayerError

from geovehicle.errors import OutputError
from geovehicle.export import writers
from geovehicle.export.flatgeobuf import STAGE
from geovehicle.export.formats import Kind
from geovehicle.export.writers import LayerWriter, write


def test_rows_are_found_by_place(tmp_path, make_layer):
    path = tmp_path / "cars.fgb"
    write(make_layer(500), path)
    assert pyogrio.read_info(path)["capabilities"]["fast_spatial_filter"]
    found = pyogrio.read_dataframe(path, bbox=(155100, 463000, 155109, 463001))
    assert found["id"].tolist() == [11]
    assert {file.name for file in tmp_path.iterdir()} == {"cars.fgb"}


def test_zones_with_parts_and_without_geometries(tmp_path):
    parts = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)])
    shapes = [shapely.box(0, 0, 2, 2), parts, None, shapely.Polygon()]
    frame = gpd.GeoDataFrame({"name": list("abcd")}, geometry=shapes, crs=28992)
    write(frame, tmp_path / "zones.fgb", kind=Kind("zones", "MultiPolygon"))
    info = pyogrio.read_info(tmp_path / "zones.fgb")
    assert (info["geometry_type"], info["features"]) == ("MultiPolygon", 4)
    found = pyogrio.read_dataframe(tmp_path / "zones.fgb").set_index("name").geometry
    assert found.fillna(shapely.Polygon()).area.tolist() == [4, 2, 0, 0]


def test_a_crs_without_a_code_is_kept(tmp_path, make_layer):
    own = make_layer().set_crs("+proj=laea +lat_0=50 +lon_0=9", allow_override=True)
    write(own, tmp_path / "cars.fgb")
    assert "Lambert" in pyogrio.read_info(tmp_path / "cars.fgb")["crs"]


def test_rows_wait_on_the_disk(tmp_path, monkeypatch, make_layer):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 100)
    with LayerWriter(tmp_path / "cars.fgb") as writer:
        for _ in range(5):
            writer.append(make_layer(100))
            assert not writer._waiting
        (stage,) = tmp_path.glob(f".*/*{STAGE}")
        assert stage.stat().st_size > 5 * 100 * 93
    assert len(pyogrio.read_dataframe(tmp_path / "cars.fgb")) == 500


@pytest.mark.parametrize("failure", [DataLayerError("disk I/O\nerror"), OSError(28, "No space")])
def test_an_existing_file_survives_a_failure(tmp_path, monkeypatch, make_layer, failure):
    write(make_layer(), tmp_path / "cars.fgb")
    before = (tmp_path / "cars.fgb").read_bytes()

    def failing(*arguments: object, **options: object) -> None:
        raise failure

    monkeypatch.setattr(pyogrio, "write_arrow", failing)
    with pytest.raises(OutputError, match=r"cannot write .*cars\.fgb: ") as caught:
        write(make_layer(), tmp_path / "cars.fgb", overwrite=True)
    assert "\n" not in str(caught.value)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize("damage", ["rows", "text", "shape"])
def test_a_row_that_does_not_come_back_is_noticed(tmp_path, monkeypatch, make_layer, damage):
    genuine = pyogrio.write_arrow

    def spoiling(reader, file, **options):
        table = reader.read_all()
        if damage == "rows":
            table = table.slice(1)
        else:
            column = "label" if damage == "text" else "geometry"
            values = table[column].to_pylist()
            values[1] = "other" if damage == "text" else None
            place = table.schema.get_field_index(column)
            table = table.set_column(place, column, pa.array(values, table[column].type))
        genuine(table.to_reader(), file, **{**options, "SPATIAL_INDEX": "NO"})

    monkeypatch.setattr(pyogrio, "write_arrow", spoiling)
    with pytest.raises(OutputError, match="incomplete"):
        write(make_layer(), tmp_path / "cars.fgb")
    assert not list(tmp_path.iterdir())


def test_the_order_of_rows_is_that_of_the_index(tmp_path, make_layer):
    write(make_layer(300), tmp_path / "cars.fgb")
    ids = pyogrio.read_dataframe(tmp_path / "cars.fgb")["id"].to_numpy()
    assert not (np.diff(ids) > 0).all()
    assert sorted(ids) == [*range(1, 301)]
