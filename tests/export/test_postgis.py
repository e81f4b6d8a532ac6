from __future__ import annotations

import re
import runpy
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import pytest
import shapely

from geovehicle import jobs
from geovehicle.detection import Target, detect_to
from geovehicle.errors import OutputError
from geovehicle.export import database as database_module
from geovehicle.export import writers
from geovehicle.export.destinations import Destination
from geovehicle.export.formats import Kind
from geovehicle.export.frame import FIELDS
from geovehicle.export.provenance import Provenance
from geovehicle.export.writers import LayerWriter, check_layer, check_target, write

SCRIPT = Path(__file__).parents[1] / "planted_job.py"
TABLES = """
SELECT schemaname || '.' || tablename FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'spatial_ref_sys'
"""


@pytest.fixture
def rows(server, database):
    """Return a function that runs a query in the database and returns its rows as texts."""
    return lambda query: server.run(database, query)


def one_line(error: OutputError) -> str:
    assert "\n" not in str(error)
    assert "s3cret" not in str(error)
    return str(error)


def test_a_table_has_types_key_geometry_and_index(database, rows, make_layer):
    write(make_layer(), database)
    described = rows(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_name = 'vehicles' ORDER BY ordinal_position"
    )
    kinds = {"int64": "bigint", "float64": "double precision", "str": "text"}
    assert described == [
        [name, kinds[kind], "NO" if name == "id" else "YES"] for name, kind in FIELDS.items()
    ] + [["geom", "USER-DEFINED", "YES"]]
    query = "SELECT f_geometry_column, srid, type FROM geometry_columns"
    assert rows(query) == [["geom", "28992", "POLYGON"]]
    indices = rows("SELECT indexdef FROM pg_indexes WHERE tablename = 'vehicles'")
    assert len(indices) == 2
    assert "UNIQUE" in indices[0][0] + indices[1][0]
    assert "gist (geom)" in indices[0][0] + indices[1][0]


def test_rows_come_back(database, rows, make_layer):
    frame = make_layer()
    with LayerWriter(database) as writer:
        writer.append(frame.iloc[:0])
        writer.append(frame.iloc[:2])
        writer.append(frame.iloc[2:])
    found = rows("SELECT *, ST_AsText(geom) FROM vehicles ORDER BY id")
    for (_, row), texts in zip(frame.iterrows(), found, strict=True):
        for name, text in zip(FIELDS, texts, strict=False):
            value = row[name]
            same = text == "" if pd.isna(value) else type(value)(text) == value
            assert same, name
        assert shapely.from_wkt(texts[-1]).equals_exact(row.geometry)


def test_names_are_quoted_wherever_they_come_from(database, rows, make_layer):
    rows('CREATE SCHEMA "My ""own"""; CREATE SCHEMA other')
    cars = '"; DROP TABLE spatial_ref_sys; --{x}%s'
    frame = make_layer().rename(columns={"label": 'la"bel {0} %s', "source": "geom"})
    for address, layer in (
        (f"{database}&schema=My%20%22own%22", cars),
        (database, "other.Cars"),
        (database, "public.Cars"),
    ):
        write(frame, Destination(address, layer))
        write(frame, Destination(address, layer, "append"))
        write(frame, Destination(address, layer, "overwrite"))
    assert sorted(rows(TABLES)) == [[f'My "own".{cars}'], ["other.Cars"], ["public.Cars"]]
    assert rows('SELECT count(*), min("la""bel {0} %s") FROM other."Cars"')[0][0] == "3"
    assert rows("SELECT srid FROM geometry_columns WHERE f_geometry_column = 'geom_'")


def test_a_table_that_is_there_stays_replaced_or_grows(database, rows, make_layer):
    count = "SELECT count(*), min(id), max(id), count(DISTINCT id) FROM vehicles"
    write(make_layer(2), Destination(database, existing="append"))
    assert rows(count) == [["2", "1", "2", "2"]]
    with pytest.raises(OutputError, match=r"public\.vehicles exists in .*--overwrite .*--append"):
        check_target(Destination(database))
    with pytest.raises(OutputError, match="exists") as caught:
        write(make_layer(3), database)
    one_line(caught.value)
    check_target(Destination(database, existing="append"))
    check_layer(make_layer(0), Destination(database, existing="append"))
    write(make_layer(3), Destination(database, existing="append"))
    assert rows(count) == [["5", "1", "5", "5"]]
    with LayerWriter(Destination(database, existing="append")) as writer:
        writer.append(make_layer(2))
        writer.append(make_layer(2))
    assert rows(count) == [["9", "1", "9", "9"]]
    check_target(Destination(database, existing="overwrite"))
    assert rows(count) == [["9", "1", "9", "9"]]
    write(make_layer(4), Destination(database, existing="overwrite"))
    assert rows(count) == [["4", "1", "4", "4"]]
    assert rows("SELECT srid FROM geometry_columns") == [["28992"]]


@pytest.mark.parametrize("existing", ["append", "overwrite"])
@pytest.mark.parametrize("failure", [KeyboardInterrupt, OutputError, None])
def test_after_a_failure_the_table_is_as_it_was(
    database, rows, make_layer, monkeypatch, existing, failure
):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 10)
    write(make_layer(2), database)

    def fail() -> None:
        with LayerWriter(Destination(database, existing=existing)) as writer:
            writer.append(make_layer(20))
            if failure is None:  # the server itself refuses
                writer.append(make_layer(20).assign(label="nul \0"))
            else:
                raise failure

    with pytest.raises(failure or OutputError):
        fail()
    assert rows("SELECT count(*) FROM vehicles") == [["2"]]
    assert rows(TABLES) == [["public.vehicles"]]


def test_rows_of_another_crs_are_reprojected_and_turned(database, rows, make_layer):
    write(make_layer(2), database)
    other = make_layer(1).to_crs(32632)
    write(other, Destination(database, existing="append"))
    query = "SELECT ST_SRID(geom), ST_X(ST_Centroid(geom)), azimuth_deg FROM vehicles WHERE id = 3"
    ((srid, x, azimuth),) = rows(query)
    assert (srid, float(x)) == ("28992", pytest.approx(155002.25, abs=0.01))
    assert float(azimuth) == pytest.approx(30 - 2.85, abs=0.1)  # the grid's convergence
    with pytest.raises(OutputError, match=r"has Amersfoort.* and the new rows have no CRS"):
        write(make_layer(1, None), Destination(database, existing="append"))


@pytest.mark.parametrize("known", [True, False])
def test_a_crs_of_the_database_alone_goes_by_its_text(database, rows, make_layer, known):
    text = make_layer().crs.to_wkt("WKT1_GDAL") if known else ""
    rows(f"INSERT INTO spatial_ref_sys VALUES (990001, 'city', 7, '{text}', '')")  # noqa: S608
    write(make_layer(1), database)
    rows("SELECT UpdateGeometrySRID('vehicles', 'geom', 990001)")
    more = Destination(database, existing="append")
    if known:
        write(make_layer(1).to_crs(32632), more)
        assert rows("SELECT DISTINCT ST_SRID(geom) FROM vehicles") == [["990001"]]
        return
    with pytest.raises(OutputError) as error:
        write(make_layer(1), more)
    assert "the CRS city:7 of the table vehicles in " in one_line(error.value)


def test_fields_have_to_be_the_same(database, rows, make_layer):
    frame = make_layer()
    write(frame, database)
    more = Destination(database, existing="append")
    for other, message in (
        (frame.drop(columns="label"), "label is one that the new rows lack"),
        (frame.assign(extra=1), "extra is one among the new rows"),
        (frame.assign(label=1), "the field label in .* is text, that of the new rows integer"),
        (frame.set_geometry(frame.centroid), "holds geometries of type Polygon"),
    ):
        with pytest.raises(OutputError, match=message) as caught:
            write(other, more)
        one_line(caught.value)
    reordered = frame[[*reversed(FIELDS), "geometry"]].assign(score=[1, 0, 1])
    write(reordered, more)
    assert rows("SELECT label, score FROM vehicles WHERE id = 4")[0][1] == "1"


def test_tables_of_others_are_added_to(database, rows, make_layer):
    rows(
        "CREATE TABLE cars (gid serial PRIMARY KEY, score real, label varchar(80),"
        " shape geometry(MultiPolygon, 28992), since date DEFAULT now())"
    )
    frame = make_layer()[["score", "label", "geometry"]]
    write(frame, Destination(database, "cars", "append"))
    found = rows("SELECT gid, ST_GeometryType(shape), ST_Area(shape), since IS NULL FROM cars")
    assert found == [[str(number), "ST_MultiPolygon", "9", "f"] for number in (1, 2, 3)]
    rows("CREATE TABLE notes (id int)")
    with pytest.raises(OutputError, match=r"the table notes in .* has no geometries"):
        check_target(Destination(database, "notes", "append"))


def test_layers_of_analyses_have_keys_of_their_own(database, rows, make_layer):
    zones = gpd.GeoDataFrame(
        {
            "id": ["a", "b", None],
            "fid": [1, 1, 2],
            "since": pd.to_datetime(["2020-01-01", None, "2021-05-01"]),
            "zoned": pd.to_datetime(["2020-01-01", None, "2021-05-01"], utc=True),
            "open": [True, False, True],
            "tags": [["x"], None, {"y": 1}],
            "number": pd.array([1, None, 3], "Int64"),
        },
        geometry=[shapely.box(0, 0, 1, 1), None, shapely.MultiPolygon([shapely.box(0, 0, 2, 2)])],
        crs=28992,
    )
    write(zones, Destination(database), kind=Kind("zones", "MultiPolygon", ours=("number",)))
    found = rows("SELECT *, ST_NumGeometries(geom) FROM zones ORDER BY fid_")
    assert found[0][:7] == ["1", "a", "1", "2020-01-01 00:00:00", found[0][4], "t", "['x']"]
    assert found[0][4].startswith("20")
    assert found[1] == ["2", "b", "1", "", "", "f", "", "", "", ""]
    assert [row[-3] for row in found] == ["1", "", "3"]
    assert [row[-1] for row in found] == ["1", "", "1"]


def test_vehicles_whose_ids_are_no_key_get_one(database, rows, make_layer):
    write(make_layer().assign(id=7), database)
    assert rows("SELECT fid, id FROM vehicles") == [["1", "7"], ["2", "7"], ["3", "7"]]


@pytest.mark.parametrize("crs", [28992, "ESRI:102100", "OGC:CRS84", None])
def test_the_srid_is_that_of_the_crs(database, rows, make_layer, crs):
    frame = make_layer()
    frame = frame.set_crs(crs, allow_override=True) if crs else make_layer(crs=None)
    check_layer(frame.iloc[:0], database)
    write(frame, database)
    srid = {28992: "28992", "ESRI:102100": "102100", "OGC:CRS84": "4326", None: "0"}[crs]
    assert rows("SELECT DISTINCT ST_SRID(geom) FROM vehicles") == [[srid]]
    check_layer(frame, Destination(database, existing="append"))
    write(frame, Destination(database, existing="append"))
    assert rows("SELECT count(*), count(DISTINCT ST_AsText(geom)) FROM vehicles") == [["6", "3"]]


def test_a_crs_that_the_database_does_not_know_is_told_before_the_work(database, rows, make_layer):
    own = make_layer().set_crs("+proj=laea +lat_0=50 +lon_0=9", allow_override=True)
    with pytest.raises(OutputError, match=r"has no code, .*; write a \.gpkg"):
        check_layer(own, database)
    rows("DELETE FROM spatial_ref_sys WHERE srid = 28992")
    with pytest.raises(OutputError, match="does not know the CRS EPSG:28992") as caught:
        check_layer(make_layer(0), database)
    one_line(caught.value)
    with pytest.raises(OutputError, match="does not know"):
        write(make_layer(), database)
    assert rows(TABLES) == []


def test_what_is_wrong_with_a_database_is_one_line(server, database, make_layer):
    wrong = server.address("nowhere", "s3cret-and-wrong")
    for address, message in (
        (wrong, "cannot be reached: .*password.*; check the address"),
        (server.address("nowhere"), 'cannot be reached: .*"nowhere" does not exist'),
        (f"postgresql://{'tester:s3cret'}@127.0.0.1:1/x", "cannot be reached"),
        (f"{database}&nonsense=1", "cannot be reached: invalid URI query parameter"),
        ("postgresql://tester:s3cret%ZZ@/x", "cannot be reached: .*invalid"),
        (server.address("plain"), "has no PostGIS; have its owner run CREATE EXTENSION"),
        (f"{database}&schema=nowhere", 'schema "nowhere" does not exist'),
    ):
        for attempt in (check_target, lambda place: write(make_layer(), place)):
            with pytest.raises(OutputError, match=message) as caught:
                attempt(address)
            assert "s3cret" not in one_line(caught.value)
            assert "tester" in str(caught.value)
    for name in ("x" * 64, ".", "a."):
        with pytest.raises(OutputError, match="cannot be the name of a table"):
            check_target(Destination(database, name))


def test_rights_and_views_are_found_out_before_the_work(server, database, rows, make_layer):
    rows("CREATE VIEW vehicles AS SELECT 1 AS id")
    with pytest.raises(OutputError, match=r"cannot write to .*vehicles.* is not a table"):
        check_target(Destination(database, existing="overwrite"))
    write(make_layer(), Destination(database, "cars"))
    rows("CREATE VIEW many AS SELECT count(*) FROM cars")
    with pytest.raises(OutputError, match="other objects depend on it view many") as caught:
        check_target(Destination(database, "cars", "overwrite"))
    one_line(caught.value)
    rows("CREATE ROLE reader LOGIN PASSWORD 'x'; GRANT SELECT ON cars TO reader")
    reader = re.sub("tester:[^@]*", "reader:x", database)
    for destination in (Destination(reader, "more"), Destination(reader, "cars", "append")):
        with pytest.raises(OutputError, match="permission denied"):
            check_target(destination)
    rows("GRANT INSERT ON cars TO reader")
    write(make_layer(), Destination(reader, "cars", "append"))
    assert rows("SELECT * FROM many") == [["6"]]
    rows("DROP OWNED BY reader; DROP ROLE reader")


def test_a_table_in_use_is_told(database, make_layer, monkeypatch):
    monkeypatch.setattr(database_module, "SECONDS", 1)
    write(make_layer(), database)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE vehicles IN ACCESS SHARE MODE")
        with pytest.raises(OutputError, match="is in use by another program"):
            check_target(Destination(database, existing="overwrite"))


def test_ids_of_two_that_add_rows_at_once_are_all_different(database, rows, make_layer):
    write(make_layer(1), database)
    started, failed = threading.Barrier(2), []

    def add() -> None:
        started.wait()
        try:
            with LayerWriter(Destination(database, existing="append")) as writer:
                for _ in range(20):
                    writer.append(make_layer(50))
        except OutputError as error:  # pragma: no cover
            failed.append(error)

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert rows("SELECT count(*), max(id) FROM vehicles") == [["2001", "2001"]]


def test_where_the_layer_comes_from_is_the_comment(database, rows, make_layer):
    about = Provenance(command="detect", inputs=("it's.tif",), weights="w%s {x}")
    write(make_layer(), database, about=about)
    comment = rows("SELECT obj_description('vehicles'::regclass)")[0]
    assert "|".join(comment) == about.as_json()
    write(make_layer(), Destination(database, existing="append"), about=replace(about, weights=""))
    assert rows("SELECT obj_description('vehicles'::regclass)")[0] == comment


def test_without_psycopg_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(OutputError, match=r"pip install 'geovehicle\[postgis\]'") as caught:
        check_target("postgresql://me:s3cret@host/gis")
    assert "postgresql://me@host/gis needs" in one_line(caught.value)


def test_a_layer_without_rows_is_a_table(database, rows, make_layer):
    write(make_layer(0), database)
    assert rows("SELECT count(*) FROM vehicles") == [["0"]]
    assert rows("SELECT srid FROM geometry_columns") == [["28992"]]


def test_heights_are_kept(database, rows, make_layer):
    frame = make_layer()
    high = frame.set_geometry(shapely.force_3d(frame.geometry.to_numpy(), 7.0), crs=frame.crs)
    write(high, database)
    assert rows("SELECT DISTINCT ST_ZMax(geom) FROM vehicles") == [["7"]]


def test_the_journal_lies_in_the_working_folder_until_the_table_is_there(
    database, rows, make_raster, tmp_path, monkeypatch
):
    monkeypatch.setattr(jobs, "load_detector", jobs.load_detector)
    script = SimpleNamespace(**runpy.run_path(str(SCRIPT)))
    pixels = np.full((3, 600, 600), 90, np.uint8)
    pixels[0, 100:120, 50:95] = pixels[0, 400:445, 500:520] = 255
    job = script.prepared([make_raster(pixels=pixels)], script.RedFinder())
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    target, told = Target(Destination(database, "public.my/cars")), []

    def on_pixels(done: int, total: int) -> None:
        if len(told) == 1 and done > total / 2:
            raise KeyboardInterrupt

    watcher = SimpleNamespace(
        on_journal=lambda state, blocks: told.append(state),
        on_pixels=on_pixels,
        on_chunk=lambda chunk: None,
    )
    with pytest.raises(KeyboardInterrupt):
        detect_to(target, job, watcher=watcher)
    assert [file.name for file in folder.iterdir()] == [".public.my_cars.geovehicle-journal"]
    assert b"s3cret" not in next(folder.iterdir()).read_bytes()
    assert rows(TABLES) == []
    detect_to(target, job, watcher=watcher)
    assert told == ["new", "resumed"]
    assert list(folder.iterdir()) == []
    assert rows('SELECT id FROM "my/cars" ORDER BY id') == [["1"], ["2"]]
    comment = rows("SELECT obj_description('public.\"my/cars\"'::regclass)")[0][0]
    assert '"command": "detect"' in comment
    assert "s3cret" not in comment
