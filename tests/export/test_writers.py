from __future__ import annotations

import json
import re
import secrets
import sqlite3
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from pyogrio.errors import DataSourceError, FeatureError
from pyproj import Transformer

from geovehicle.errors import OutputError
from geovehicle.export import writers
from geovehicle.export.destinations import Destination
from geovehicle.export.formats import FORMATS
from geovehicle.export.frame import FIELDS
from geovehicle.export.writers import LayerWriter, check_layer, check_target, write

SUFFIXES = [*FORMATS, ".GPKG", ".SHP", ".GeoJSON"]
DRIVEN = [".gpkg", ".shp", ".geojson", ".csv"]
"""Formats that drivers write piece by piece."""

MEASURES = ["length_m", "width_m", "azimuth_deg"]


def layer(rows: int = 3, crs: int | None = 28992) -> gpd.GeoDataFrame:
    lefts = 155000 + 10.0 * np.arange(rows)
    columns = {
        "id": np.arange(1, rows + 1),
        "score": np.linspace(0.5, 0.9876, rows),
        "label": np.full(rows, "vehicle", object),
        "label_score": np.linspace(0.25, 1, rows),
        "length_m": np.full(rows, 4.5),
        "width_m": np.full(rows, 2.0),
        "area_m2": np.full(rows, 9.0),
        "azimuth_deg": np.full(rows, 90.0),
        "source": np.full(rows, "Übersicht.tif", object),
    }
    boxes = shapely.box(lefts, 463000, lefts + 4.5, 463002)
    frame = gpd.GeoDataFrame(columns, geometry=boxes, crs=crs)
    return frame.astype({"label": "str", "source": "str"})


def pieces(frame: gpd.GeoDataFrame, rows: int) -> list[gpd.GeoDataFrame]:
    """Return a layer piece by piece, with ids that all begin with 1."""
    parts = [frame.iloc[first : first + rows] for first in range(0, len(frame), rows)]
    return [part.assign(id=np.arange(1, len(part) + 1)) for part in parts]


def write_pieces(frame: gpd.GeoDataFrame, rows: int, path: Path) -> None:
    with LayerWriter(replaced(path)) as writer:
        for part in pieces(frame, rows):
            writer.append(part)


def read(path: Path) -> gpd.GeoDataFrame:
    """Return the rows of a file of any format, by id."""
    if path.suffix in (".parquet", ".geoparquet"):
        found = gpd.read_parquet(path)
    else:
        name = next(name for name, kind in pyogrio.list_layers(path) if kind)
        found = pyogrio.read_dataframe(path, layer=name).drop(columns="WKT", errors="ignore")
    return found.sort_values("id", ignore_index=True) if len(found) else found


def content(path: Path) -> list[list[object]]:
    """Return everything in a file in its order, and what its fields are."""
    found = read(path)
    if "parquet" in path.suffix:
        kinds = [found.dtypes.astype(str).tolist(), found.crs]
    else:
        name = "vehicles" if path.suffix.lower() == ".gpkg" else None
        info = pyogrio.read_info(path, layer=name)
        kinds = [info["fields"].tolist(), info["ogr_types"], info["crs"], info["geometry_type"]]
    rows = found.drop(columns="geometry").astype(object).where(found.notna(), None)
    return [kinds, rows.to_numpy().tolist(), found.geometry.to_wkb(hex=True).tolist()]


def random_texts(rows: int) -> list[str]:
    """Return texts that cannot be packed much."""
    return [secrets.token_urlsafe(180) for _ in range(rows)]


def replaced(path: Path) -> Destination:
    return Destination(path, existing="overwrite")


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_layer_comes_back_as_it_was_written(tmp_path, suffix):
    frame, path = layer(), tmp_path / f"out{suffix}"
    write(frame, path)
    assert path.name in names(tmp_path)
    found = read(path)
    if suffix.lower() == ".shp":
        assert max(map(len, found.columns)) <= 10
        found = found.rename(columns={"labelscore": "label_score", "azimuth": "azimuth_deg"})
    assert found.columns.tolist() == frame.columns.tolist()
    for name in frame.columns.drop("geometry"):
        assert found[name].tolist() == frame[name].tolist()
    back = found.to_crs(frame.crs)
    assert (back.geometry.symmetric_difference(frame.geometry).area < 0.02).all()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_layer_keeps_fields_and_crs(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    write(layer(0), path)
    if "parquet" in suffix:
        assert (len(read(path)), read(path).crs.to_epsg()) == (0, 28992)
        assert read(path).columns.tolist() == [*FIELDS, "geometry"]
        return
    name = pyogrio.list_layers(path)[0, 0]
    info = pyogrio.read_info(path, layer=name, force_feature_count=True)
    assert info["features"] == 0
    geographic = "json" in suffix.lower()
    assert info["crs"] == ("EPSG:4326" if geographic else "EPSG:28992")
    if not geographic:  # GeoJSON has no place for them
        assert info["geometry_type"] == ("Unknown" if suffix == ".csv" else "Polygon")
        shapefile = suffix.lower() == ".shp"
        short = {"label_score": "labelscore", "azimuth_deg": "azimuth"} if shapefile else {}
        fields = [name for name in info["fields"] if name != "WKT"]
        assert fields == [short.get(name, name) for name in FIELDS]
        kinds = {"int64": "OFTInteger64", "float64": "OFTReal", "str": "OFTString"}
        assert info["ogr_types"][-len(fields) :] == [kinds[kind] for kind in FIELDS.values()]


@pytest.mark.parametrize("unknown", [1, 3])
def test_what_is_not_known_is_null(tmp_path, unknown):
    frame = layer()
    frame.loc[: unknown - 1, MEASURES] = np.nan
    for suffix in (".gpkg", ".geojson", ".shp"):
        write(frame, tmp_path / f"out{suffix}")
    with sqlite3.connect(tmp_path / "out.gpkg") as table:
        for name in MEASURES:
            nulls = f"SELECT count(*) FROM vehicles WHERE {name} IS NULL"  # noqa: S608
            assert table.execute(nulls).fetchone() == (unknown,)
    table.close()
    features = json.loads((tmp_path / "out.geojson").read_text())["features"]
    for number, feature in enumerate(features):
        missing = [feature["properties"][name] is None for name in MEASURES]
        assert missing == [number < unknown] * 3
    shapes = read(tmp_path / "out.shp")
    for name in ("length_m", "width_m", "azimuth"):
        assert shapes[name].isna().sum() == unknown
        assert shapes[name].dtype == np.float64
        assert (
            shapes[name].iloc[unknown:].tolist()
            == frame.iloc[unknown:][{"azimuth": "azimuth_deg"}.get(name, name)].tolist()
        )


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_the_crs_and_the_coordinates_are_the_frame_s_own(tmp_path, suffix):
    frame = layer()
    write(frame, tmp_path / f"out{suffix}")
    found = read(tmp_path / f"out{suffix}")
    assert found.crs.to_epsg() == 28992
    assert found.geometry.geom_equals(frame.geometry).all()


def test_the_geopackage_has_one_layer_of_polygons_and_its_style(tmp_path):
    write(layer(), tmp_path / "out.gpkg")
    layers = [["vehicles", "Polygon"], ["layer_styles", None]]
    assert pyogrio.list_layers(tmp_path / "out.gpkg").tolist() == layers


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_without_a_crs_the_layer_has_none(tmp_path, suffix):
    write(layer(crs=None), tmp_path / f"out{suffix}")
    assert read(tmp_path / f"out{suffix}").crs is None


def test_geojson_is_wgs84_and_counter_clockwise(tmp_path):
    frame, path = layer(), tmp_path / "out.geojson"
    clockwise = frame.set_geometry(frame.geometry.reverse())
    assert {ring.is_ccw for ring in (*frame.exterior, *clockwise.exterior)} == {True, False}
    for number, turned in enumerate((frame, clockwise)):
        write(turned, path, overwrite=bool(number))
        document = json.loads(path.read_text())
        assert "crs" not in document
        rings = [feature["geometry"]["coordinates"][0] for feature in document["features"]]
        assert all(shapely.LinearRing(ring).is_ccw for ring in rings)
        # the church tower of Amersfoort, origin of the Dutch grid
        assert np.min(rings[0], axis=0) == pytest.approx([5.387206, 52.155172], abs=1e-5)


def test_azimuths_of_geojson_are_from_true_north(tmp_path):
    # at 6.43 E, 48.1 N the grid of zone 32 lies 1.9 degrees to the east of north
    frame = layer(crs=25832).assign(azimuth_deg=[0.0, 30.0, 179.0])
    frame = frame.set_geometry(frame.translate(153600, 4869300))
    write(frame, tmp_path / "out.geojson")
    write(frame, tmp_path / "out.gpkg")
    found = read(tmp_path / "out.geojson")
    assert found["azimuth_deg"].tolist() == pytest.approx([178.1, 28.1, 177.1], abs=0.05)
    assert read(tmp_path / "out.gpkg")["azimuth_deg"].tolist() == [0, 30, 179]


def test_geojson_coordinates_are_precise_to_a_millimetre(tmp_path):
    frame = layer()
    write(frame, tmp_path / "out.geojson")
    found = read(tmp_path / "out.geojson")
    exact = np.sort(shapely.get_coordinates(frame.to_crs(4326).geometry), axis=0)
    written = np.sort(shapely.get_coordinates(found.geometry), axis=0)
    error = np.abs(exact - written).max()
    assert 0 < error < 0.6e-8  # degrees: half of 1.1 mm


@pytest.mark.parametrize("name", ["FEATURES", "END"])
def test_geojson_of_a_layout_that_is_not_known_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr("geovehicle.export.writers.LAYER_CHUNK", 1)
    monkeypatch.setattr(f"geovehicle.export.vector_file.{name}", b"another\n")

    def write_pieces() -> None:
        with LayerWriter(tmp_path / "out.geojson") as writer:
            writer.append(layer())
            writer.append(layer())

    with pytest.raises(OutputError, match=r"out\.geojson: this GDAL lays .*; write a \.gpkg"):
        write_pieces()
    assert not list(tmp_path.iterdir())


def test_geojson_without_a_crs_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"has no CRS; write a \.gpkg"):
        write(layer(crs=None), tmp_path / "out.geojson")
    assert names(tmp_path) == set()


def test_geojson_out_of_reach_of_wgs84_is_refused(tmp_path):
    utm = layer(crs=32631)
    frame = utm.set_geometry(utm.translate(1e12))
    with pytest.raises(OutputError, match=r"does not reach; write a \.gpkg"):
        write(frame, tmp_path / "out.geojson")
    local = layer(crs=None).set_crs('LOCAL_CS["site",UNIT["metre",1]]')
    with pytest.raises(OutputError, match=r"does not reach; write a \.gpkg"):
        write(local, tmp_path / "out.geojson")


def test_geojson_of_numbers_that_are_no_degrees_is_refused(tmp_path):
    frame = layer(crs=None).set_crs(4326)
    with pytest.raises(OutputError, match=r"\(WGS 84\) says; write a \.gpkg") as caught:
        write(frame, tmp_path / "out.geojson")
    assert "\n" not in str(caught.value)
    write(frame, tmp_path / "out.gpkg")
    assert names(tmp_path) == {"out.gpkg"}


def test_rings_turn_as_the_format_asks(tmp_path):
    counter_clockwise = layer()
    assert counter_clockwise.exterior.is_ccw.all()
    for suffix, expected in ((".gpkg", True), (".geojson", True), (".shp", False)):
        write(counter_clockwise, tmp_path / f"out{suffix}")
        found = read(tmp_path / f"out{suffix}")
        assert found.exterior.is_ccw.tolist() == [expected] * 3


@pytest.mark.parametrize("crs", [4326, 32660])
def test_a_vehicle_on_the_antimeridian_is_in_two_parts_in_geojson(tmp_path, crs):
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(180, 10)
    metre = 1e-5 if crs == 4326 else 1
    frame = layer(1, crs).set_geometry(
        [shapely.box(x - 2 * metre, y - metre, x + 2.5 * metre, y + metre)], crs=crs
    )
    for suffix in (".geojson", ".gpkg"):
        write(frame, tmp_path / f"out{suffix}")
    (halves,) = read(tmp_path / "out.geojson").geometry
    assert halves.geom_type == "MultiPolygon"
    east, west = sorted(part.bounds for part in halves.geoms)
    assert (east[0], west[2]) == (-180, 180)
    assert max(east[2] - east[0], west[2] - west[0]) < 1e-4
    (whole,) = read(tmp_path / "out.gpkg").geometry
    assert whole.geom_type == "Polygon"


def test_a_shapefile_has_its_sidecars_in_utf8(tmp_path):
    write(layer(), tmp_path / "out.shp")
    assert names(tmp_path) == {f"out{end}" for end in (".shp", ".shx", ".dbf", ".prj", ".cpg")}
    assert (tmp_path / "out.cpg").read_text() == "UTF-8"


def test_overwriting_a_shapefile_removes_what_described_the_old_one(tmp_path):
    for suffix in (".shp", ".prj", ".qpj", ".qix", ".sbn", ".sbx", ".qml"):
        (tmp_path / f"out{suffix}").write_text("old")
    write(layer(crs=None), tmp_path / "out.shp", overwrite=True)
    # the style of the user stays, the old projection does not
    assert names(tmp_path) == {f"out{end}" for end in (".shp", ".shx", ".dbf", ".cpg", ".qml")}
    assert len(read(tmp_path / "out.shp")) == 3


def test_long_field_names_do_not_fit_a_shapefile(tmp_path):
    frame = layer().rename(columns={"source": "source_raster"})
    with pytest.raises(OutputError, match=r"source_raster: 10 letters at most; write a \.gpkg"):
        write(frame, tmp_path / "out.shp")
    write(frame, tmp_path / "out.gpkg")


def test_a_shapefile_stays_below_2_gb(tmp_path, monkeypatch):
    limit = replace(FORMATS[".shp"], file_size=2500)
    monkeypatch.setitem(FORMATS, ".shp", limit)
    monkeypatch.setattr(writers, "LAYER_CHUNK", 2)
    write(layer(2), tmp_path / "small.shp")
    assert max(file.stat().st_size for file in tmp_path.iterdir()) < 2500
    before = names(tmp_path)
    with pytest.raises(OutputError, match=r"passes 2 GB with its first 8 .*; write a \.gpkg"):
        write_pieces(layer(10), 2, tmp_path / "out.shp")
    assert names(tmp_path) == before
    write(layer(10), tmp_path / "out.gpkg")


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_existing_file_is_replaced_only_on_demand(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    write(layer(2), path)
    with pytest.raises(OutputError, match="--overwrite"):
        write(layer(3), path)
    assert len(read(path)) == 2
    write(layer(3), path, overwrite=True)
    assert len(read(path)) == 3


@pytest.mark.parametrize("suffix", DRIVEN)
@pytest.mark.parametrize("failure", [FeatureError("disk I/O\nerror"), OSError(28, "No space")])
def test_an_existing_file_survives_a_failure_midway(tmp_path, around_writing, suffix, failure):
    path = tmp_path / f"out{suffix}"
    write(layer(2), path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def failing(genuine, *arguments):
        genuine(*arguments)
        raise failure

    around_writing(failing)
    with pytest.raises(OutputError, match=re.escape(f"cannot write {path}: ")) as caught:
        write(layer(3), path, overwrite=True)
    assert "\n" not in str(caught.value)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_message_of_the_driver_names_the_output_not_the_temporary(tmp_path, around_writing):
    def failing(genuine, path, *others):
        raise DataSourceError(f"{path}: failed")

    around_writing(failing)
    with pytest.raises(OutputError, match=r"out\.gpkg: failed; see to") as caught:
        write(layer(), tmp_path / "out.gpkg")
    assert ".geovehicle-" not in str(caught.value)


@pytest.mark.parametrize(("suffix", "kept"), [(".dbf", -180), (".dbf", 1), (".shp", -180)])
def test_a_file_that_the_driver_left_incomplete_is_noticed(tmp_path, around_writing, suffix, kept):
    def truncating(genuine, path, *others):
        genuine(path, *others)
        part = Path(path).with_suffix(suffix)
        part.write_bytes(part.read_bytes()[:kept])

    around_writing(truncating)
    with pytest.raises(OutputError, match=r"out\.shp"):
        write(layer(), tmp_path / "out.shp")
    assert names(tmp_path) == set()


def test_an_unknown_suffix_is_answered_with_the_known_ones(tmp_path):
    for name in ("out.tif", "out", "out.Shp"):
        with pytest.raises(OutputError, match=r"\.gpkg, \.shp, \.geojson, \.json"):
            check_target(tmp_path / name)


def test_addresses_of_no_known_kind_are_answered_without_their_password():
    for name in ("mysql://me:s3cret@host/gis.db", "PG:dbname=gis password=s3cret"):
        with pytest.raises(OutputError, match="as postgresql://user@host/database") as caught:
            check_target(name)
        assert "s3cret" not in str(caught.value)


def test_the_target_is_checked_as_any_file(tmp_path):
    check_target(tmp_path / "out.gpkg")
    with pytest.raises(OutputError, match="create it"):
        check_target(tmp_path / "missing" / "out.gpkg")
    (tmp_path / "out.gpkg").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        check_target(tmp_path / "out.gpkg")
    check_target(tmp_path / "out.gpkg", overwrite=True)


@pytest.mark.parametrize(("name", "layer"), [("caf\udce9.gpkg", None), ("cars.gpkg", "caf\udce9")])
def test_names_in_another_encoding_are_refused_before_the_work(tmp_path, name, layer):
    with pytest.raises(OutputError, match="is not UTF-8; choose another"):
        check_target(Destination(tmp_path / name, layer))


def test_a_geopackage_that_another_program_has_open_is_left_alone(tmp_path):
    path = tmp_path / "out.gpkg"
    write(layer(2), path)
    viewer = sqlite3.connect(path)
    viewer.execute("PRAGMA journal_mode = WAL")
    viewer.execute("CREATE TABLE notes (text)")
    viewer.commit()
    for attempt in (check_target, lambda path, overwrite: write(layer(3), path, overwrite)):
        with pytest.raises(OutputError, match=r"QGIS, as out\.gpkg-wal shows; close it"):
            attempt(path, True)
    viewer.execute("PRAGMA journal_mode = DELETE")
    viewer.close()
    write(layer(3), path, overwrite=True)
    assert len(read(path)) == 3


def test_long_texts_do_not_fit_a_shapefile(tmp_path):
    frame = layer().assign(source="ö" * 128)
    with pytest.raises(OutputError, match="254 bytes at most"):
        write(frame, tmp_path / "out.shp")
    assert not names(tmp_path)
    write(frame.assign(source="ö" * 127), tmp_path / "out.shp")


@pytest.mark.parametrize("source", ["2023-05-01", '{"a": 1}', "12"])
def test_a_raster_may_be_named_like_another_type(tmp_path, source):
    write(layer().assign(source=source), tmp_path / "out.geojson")
    content = json.loads((tmp_path / "out.geojson").read_text())
    assert len(content["features"]) == 3


def test_a_path_may_be_text(tmp_path):
    write(layer(), str(tmp_path / "out.gpkg"))
    assert len(read(tmp_path / "out.gpkg")) == 3


def test_what_a_layer_would_be_refused_for_shows_without_rows(tmp_path):
    with pytest.raises(OutputError, match="no CRS"):
        check_layer(layer(0, crs=None), tmp_path / "out.geojson")
    check_layer(layer(0), tmp_path / "out.gpkg")


@pytest.mark.parametrize("suffix", [".gpkg", ".SHP", ".geojson", ".fgb", ".parquet", ".csv"])
@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_a_layer_in_pieces_is_the_file_of_the_whole(tmp_path, monkeypatch, suffix, chunk):
    frame = layer(11)
    frame.loc[4:7, MEASURES] = np.nan
    whole, parts = tmp_path / "whole" / f"out{suffix}", tmp_path / "parts" / f"out{suffix}"
    for path in (whole, parts):
        path.parent.mkdir()
    write(frame, whole)
    monkeypatch.setattr(writers, "LAYER_CHUNK", chunk)
    with LayerWriter(parts) as writer:
        writer.append(layer(0))
        for part in pieces(frame, 3):
            writer.append(part)
            writer.append(layer(0))
        assert writer.rows == 11
        assert names(parts.parent) != names(whole.parent)
    assert content(parts) == content(whole)
    assert names(parts.parent) == names(whole.parent)
    # which hold the time of their making, and groups of rows as they came
    if suffix not in (".gpkg", ".parquet"):
        for file in parts.parent.iterdir():
            assert file.read_bytes() == (whole.parent / file.name).read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("chunk", [1, 100])
def test_a_layer_of_pieces_without_rows_is_empty_and_valid(tmp_path, monkeypatch, suffix, chunk):
    monkeypatch.setattr(writers, "LAYER_CHUNK", chunk)
    write(layer(0), tmp_path / f"out{suffix}")
    empty = content(tmp_path / f"out{suffix}")
    with LayerWriter(replaced(tmp_path / f"out{suffix}")) as writer:
        writer.append(layer(0))
        writer.append(layer(0))
    assert content(tmp_path / f"out{suffix}") == empty


def test_a_layer_of_no_piece_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="No objects"), LayerWriter(tmp_path / "out.gpkg"):
        pass
    assert names(tmp_path) == set()


def test_the_rows_of_a_whole_layer_keep_their_ids(tmp_path):
    write(layer(5).iloc[2:], tmp_path / "out.gpkg")
    assert read(tmp_path / "out.gpkg")["id"].tolist() == [3, 4, 5]


def test_later_texts_of_a_shapefile_are_as_long_as_it_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 1)
    sources = ["a.tif", "ö" * 100, "b.tif", "c" * 254]
    with LayerWriter(tmp_path / "out.shp") as writer:
        for source in sources:
            writer.append(layer(2).assign(source=source))
    found = read(tmp_path / "out.shp")
    assert found["source"].tolist() == [source for source in sources for _ in range(2)]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("failure", [KeyboardInterrupt, OutputError])
def test_an_existing_file_survives_a_failure_between_pieces(tmp_path, monkeypatch, suffix, failure):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 1)
    path = tmp_path / f"out{suffix}"
    write(layer(2), path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail() -> None:
        with LayerWriter(replaced(path)) as writer:
            writer.append(layer(3))
            raise failure

    with pytest.raises(failure):
        fail()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_pieces_of_few_rows_do_not_pile_up(tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "LAYER_PIECES", 3)
    with LayerWriter(tmp_path / "out.gpkg") as writer:
        for part in pieces(layer(8), 1):
            writer.append(part)
            writer.append(layer(0))
            assert len(writer._waiting) < 3
    assert read(tmp_path / "out.gpkg")["id"].tolist() == [*range(1, 9)]


def test_few_rows_are_collected_before_they_are_written(tmp_path, monkeypatch, around_writing):
    written = []

    def counting(genuine, path, frame, append):
        written.append(len(frame))
        genuine(path, frame, append)

    around_writing(counting)
    monkeypatch.setattr(writers, "LAYER_CHUNK", 10)
    with LayerWriter(tmp_path / "out.gpkg") as writer:
        for part in pieces(layer(24), 4):
            writer.append(part)
    assert written == [12, 12]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM vehicles WHERE id = 2",
        "UPDATE vehicles SET source = 'b' WHERE id = 2",
        "UPDATE vehicles SET geom = NULL WHERE id = 2",
    ],
)
def test_a_row_that_does_not_come_back_is_noticed(tmp_path, monkeypatch, around_writing, damage):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 1)

    def spoiling(genuine, path, frame, append):
        genuine(path, frame, append)
        if append:
            table = sqlite3.connect(path, isolation_level=None)
            # those of the spatial index need functions of the driver
            for (name,) in table.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                table.execute(f'DROP TRIGGER "{name}"')
            table.execute(damage)
            table.close()

    around_writing(spoiling)
    with pytest.raises(OutputError, match="incomplete"):
        write_pieces(layer(6), 3, tmp_path / "out.gpkg")
    assert names(tmp_path) == set()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("kept", [-3, -20, -300, 200])
def test_a_geojson_that_lost_its_end_is_noticed(
    tmp_path, monkeypatch, around_writing, number, kept
):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 1)
    calls = []

    def truncating(genuine, path, *others):
        genuine(path, *others)
        calls.append(path)
        if len(calls) == number:
            Path(path).write_bytes(Path(path).read_bytes()[:kept])

    around_writing(truncating)
    with pytest.raises(OutputError, match=r"out\.geojson"):
        write_pieces(layer(6), 2, tmp_path / "out.geojson")
    assert names(tmp_path) == set()


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson", ".fgb", ".parquet", ".csv"])
@pytest.mark.parametrize("chunk", [50, 10**6])
def test_an_existing_file_survives_a_full_disk(small_disk, monkeypatch, suffix, chunk):
    monkeypatch.setattr(writers, "LAYER_CHUNK", chunk)
    path = small_disk / f"out{suffix}"
    write(layer(2), path)
    before = {file.name: file.read_bytes() for file in small_disk.iterdir()}
    with pytest.raises(OutputError, match=f"out\\{suffix}") as caught:
        write_pieces(layer(3000).assign(source=random_texts(3000)), 300, path)
    assert "\n" not in str(caught.value)
    assert ".geovehicle-" not in str(caught.value)
    assert {file.name: file.read_bytes() for file in small_disk.iterdir()} == before


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson", ".fgb", ".parquet", ".csv"])
def test_the_last_rows_are_not_lost_on_a_disk_with_just_too_little_room(small_disk, suffix):
    path = small_disk / f"out{suffix}"
    write(layer(200), path)
    size = sum(file.stat().st_size for file in small_disk.iterdir())
    for file in small_disk.iterdir():
        file.unlink()
    outcomes = set()
    for missing in range(-12288, 20480, 4096):
        (small_disk / "filler").write_bytes(bytes(max(0, 409600 - size - missing)))
        try:
            write(layer(200), path)
        except OutputError:
            outcomes.add("refused")
            assert names(small_disk) == {"filler"}
        else:
            outcomes.add("complete")
            assert len(read(path)) == 200
            for file in names(small_disk) - {"filler"}:
                (small_disk / file).unlink()
        (small_disk / "filler").unlink()
    assert "refused" in outcomes
