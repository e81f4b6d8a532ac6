from __future__ import annotations

import geopandas as gpd
import pyogrio
import pytest
import shapely

from geovehicle.errors import OutputError
from geovehicle.export.destinations import Destination
from geovehicle.export.present import Present, as_multi, kinds_of, layer_in
from geovehicle.export.writers import check_target, write


def test_geometries_get_parts_and_missing_ones_stay_missing() -> None:
    shapes = [
        shapely.box(0, 0, 1, 1),
        shapely.Point(1, 2),
        None,
        shapely.LineString([(0, 0), (1, 1)]),
    ]
    several = as_multi(gpd.GeoDataFrame(geometry=shapes, crs=4326))
    assert several.geom_type.fillna("").tolist() == [
        "MultiPolygon",
        "MultiPoint",
        "",
        "MultiLineString",
    ]
    assert [len(one.geoms) for one in several.geometry.dropna()] == [1, 1, 1]
    assert as_multi(several).geometry.geom_equals(several.geometry)[[0, 1, 3]].all()
    assert several.crs == 4326


def test_kinds_of_fields(make_layer) -> None:
    kinds = kinds_of(make_layer().assign(open=True, none=None, some=[1.0, None, 3.0]))
    assert (kinds["id"], kinds["score"], kinds["label"]) == ("integer", "real", "text")
    assert (kinds["open"], kinds["none"], kinds["some"]) == ("", "", "whole")


@pytest.mark.parametrize("geometry", ["Polygon", "MultiPolygon", "Unknown"])
def test_layers_that_hold_polygons_take_them(make_layer, geometry) -> None:
    frame = make_layer()
    there = Present(kinds_of(make_layer(0)), frame.crs, geometry, 0)
    assert there.ordered(frame, "x").equals(frame)
    with pytest.raises(OutputError, match="x holds geometries of type Point"):
        Present(kinds_of(make_layer(0)), frame.crs, "Point", 0).ordered(frame, "x")


@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon"])
def test_layers_with_heights_are_added_to(make_layer, read_layer, tmp_path, kind) -> None:
    frame, path = make_layer(), tmp_path / "high.gpkg"
    high = frame.set_geometry(shapely.force_3d(frame.geometry.to_numpy(), 7.0), crs=frame.crs)
    many = kind.startswith("Multi")
    pyogrio.write_dataframe(
        high, path, layer="vehicles", geometry_type=f"{kind} Z", promote_to_multi=many
    )
    there = layer_in(path, "vehicles")
    assert there is not None
    assert (there.geometry, there.rows, there.last) == (kind, 3, 3)
    write(frame, Destination(path, existing="append"))
    assert read_layer(path).geom_type.tolist() == [kind] * 6


@pytest.mark.parametrize("existing", ["append", "overwrite"])
def test_a_layer_in_other_letters_is_told(make_layer, tmp_path, existing) -> None:
    path = tmp_path / "cars.gpkg"
    write(make_layer(), path)
    before = path.read_bytes()
    told = r"^the layer VEHICLES is called vehicles in \S+; give --layer vehicles or another name$"
    with pytest.raises(OutputError, match=told):
        check_target(Destination(path, "VEHICLES", existing))
    assert path.read_bytes() == before


def test_letters_beyond_ascii_tell_layers_apart(make_layer, tmp_path) -> None:
    path = tmp_path / "cars.gpkg"
    for name in ("Äcker", "äcker"):
        write(make_layer(), Destination(path, name, "append"))
    assert {name for name, _ in pyogrio.list_layers(path)} >= {"Äcker", "äcker"}
