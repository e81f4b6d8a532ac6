"""Every format, written by the command line and read by programs that are none of ours."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from pyproj import CRS

from geovehicle.cli.main import geovehicle
from geovehicle.export.frame import FIELDS
from geovehicle.export.writers import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

SHORT = {"azimuth_deg": "azimuth", "label_score": "labelscore"}
OGR = {"Integer": "int64", "Integer64": "int64", "Real": "float64", "String": "str"}
DUCKDB = {"BIGINT": "int64", "DOUBLE": "float64", "VARCHAR": "str"}
POSTGRES = {"bigint": "int64", "double precision": "float64", "text": "str"}
MILLIMETRE = 1e-3
DEGREES = 1e-8
"""Of a coordinate that GeoJSON rounds: half of 1.1 mm, and the way there and back."""


@dataclass(frozen=True)
class Found:
    """What a reader found."""

    fields: dict[str, str]
    crs: CRS | None
    rows: list[dict[str, Any]]
    shapes: NDArray[np.object_]


def run(program: str, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, check=False)  # noqa: S603
    assert not done.returncode, done.stderr
    return done.stdout.decode()


def by_ogr(ogrinfo: str, ogr2ogr: str, source: str, layer: str) -> Found:
    """Read a layer by GDAL's own programs."""
    told = run(ogrinfo, "-ro", "-so", "-wkt_format", "WKT2", source, layer)
    fields = dict(re.findall(r"^(\w+): (\w+) \(\d", told, re.MULTILINE))
    system = re.search(r"^Layer SRS WKT:\n(.*?)^Data axis", told, re.DOTALL | re.MULTILINE)
    keyed = "FID Column = id\n" in told and "id" not in fields  # the key of a table
    options = ["-lco", PRECISE, *["-preserve_fid"] * keyed]
    text = run(ogr2ogr, "-f", "GeoJSON", "/vsistdout/", source, layer, *options)
    features = json.loads(text)["features"]
    assert f"Feature Count: {len(features)}" in told
    shapes = [shapely.from_geojson(json.dumps(one["geometry"])) for one in features]
    typed = {name: OGR[kind] for name, kind in fields.items()}
    keys = [{"id": one["id"]} if keyed else {} for one in features]
    return Found(
        {**({"id": "int64"} if keyed else {}), **typed},
        CRS.from_wkt(system[1]) if system and UNKNOWN not in system[1] else None,
        [{**one["properties"], **ids} for one, ids in zip(features, keys, strict=True)],
        np.array(shapes),
    )


UNKNOWN = "Undefined SRS"
"""What GeoPackages call no CRS."""

PRECISE = "COORDINATE_PRECISION=12"


def by_duckdb(file: Path) -> Found:
    """Read a GeoParquet file by DuckDB, which knows such files by itself."""
    connection = duckdb.connect()
    table = connection.read_parquet(str(file)).order("id")
    kinds = dict(zip(table.columns, map(str, table.types), strict=True))
    projjson = re.fullmatch(r"GEOMETRY\('(.*)'\)", kinds.pop("geometry"), re.DOTALL)
    assert kinds.pop("bbox") == "STRUCT(xmin DOUBLE, ymin DOUBLE, xmax DOUBLE, ymax DOUBLE)"
    names = ", ".join(kinds)
    rows = [dict(zip(kinds, row, strict=True)) for row in table.project(names).fetchall()]
    texts = [text for (text,) in table.project("CAST(geometry AS VARCHAR)").fetchall()]
    boxes = [tuple(box.values()) for (box,) in table.project("bbox").fetchall()]
    shapes = shapely.from_wkt(texts)
    assert boxes == [shape.bounds for shape in shapes]
    return Found(
        {name: DUCKDB[kind] for name, kind in kinds.items()},
        CRS.from_json(projjson[1].replace("''", "'")) if projjson else None,
        rows,
        np.array(shapes),
    )


def by_psql(query: Callable[[str], list[list[str]]], table: str) -> Found:
    """Read a table by psql."""
    described = query(
        "SELECT column_name, data_type FROM information_schema.columns"  # noqa: S608
        f" WHERE table_name = '{table}' ORDER BY ordinal_position"
    )
    kinds = {name: POSTGRES[kind] for name, kind in described if name != "geom"}
    rows = query(f"SELECT row_to_json(t) FROM (SELECT * FROM {table} ORDER BY id) t")  # noqa: S608
    records = [json.loads("|".join(row)) for row in rows]
    shapes = [shapely.from_geojson(json.dumps(one["geom"])) for one in records]
    ((code,),) = query("SELECT srid FROM geometry_columns")
    for one in records:
        del one["geom"]
    return Found(
        kinds, CRS.from_epsg(int(code)) if code != "0" else None, records, np.array(shapes)
    )


def agrees(
    found: Found, frame: gpd.GeoDataFrame, short: bool = False, tolerance: float = MILLIMETRE
) -> None:
    """Compare what a reader found with the layer, by ids."""
    names = {name: SHORT.get(name, name) if short else name for name in frame}
    expected = frame.rename(columns=names).drop(columns="geometry")
    assert found.fields == {names[name]: kind for name, kind in FIELDS.items()}
    assert (found.crs is None) == (frame.crs is None)
    assert found.crs is None or found.crs.equals(frame.crs, ignore_axis_order=True)
    assert len(found.rows) == len(found.shapes) == len(frame)
    order = np.argsort([row["id"] for row in found.rows])
    for number, row in zip(order, expected.to_dict("records"), strict=True):
        values = {name: None if value != value else value for name, value in row.items()}
        there = found.rows[number]  # FlatGeobuf leaves out what is null
        assert {name: there.get(name) for name in values} == values
        assert there.keys() <= values.keys()
    shapes = [shape.normalize() for shape in found.shapes[order]]
    assert shapely.equals_exact(shapes, frame.geometry.normalize(), tolerance).all()


@pytest.fixture
def written(tmp_path: Path, make_layer: Callable[..., gpd.GeoDataFrame]) -> Callable[..., str]:
    """Return a function that has the command line write a layer; it returns what it printed."""

    def invoke(output: object, *arguments: str, crs: object = 28992, rows: int = 3) -> str:
        write(make_layer(rows, crs), tmp_path / "cars.gpkg", overwrite=True)
        command = ["filter", str(tmp_path / "cars.gpkg"), "-o", str(output), *arguments]
        result = CliRunner().invoke(geovehicle, command)
        assert not result.exit_code, result.output
        return str(result.stdout)

    return invoke


@pytest.fixture
def ogr(needs_program: Callable[..., str]) -> Callable[..., Found]:
    """Return a function that reads a layer by ogrinfo and ogr2ogr."""
    programs = needs_program("ogrinfo"), needs_program("ogr2ogr")
    return lambda source, layer: by_ogr(*programs, str(source), layer)


@pytest.mark.parametrize("crs", [28992, None])
@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb", ".csv"])
def test_files_in_the_crs_of_the_raster(ogr, written, make_layer, tmp_path, suffix, crs) -> None:
    written(tmp_path / f"few{suffix}", crs=crs)
    found = ogr(tmp_path / f"few{suffix}", "vehicles" if suffix == ".gpkg" else "few")
    if suffix == ".csv":
        del found.fields["WKT"]
        for row in found.rows:
            del row["WKT"]
    agrees(found, make_layer(3, crs), short=suffix == ".shp")


@pytest.mark.parametrize("suffix", [".geojson", ".json", "-"])
def test_geojson_and_its_sequences(ogr, written, make_layer, tmp_path, suffix) -> None:
    file = tmp_path / f"few{suffix}"
    if suffix == "-":
        file = tmp_path / "few.geojsons"
        file.write_text(written("-"), encoding="utf-8")
    else:
        written(file)
    found = ogr(file, "few")
    expected = make_layer().to_crs(4326)
    agrees(found, expected.set_crs("OGC:CRS84", allow_override=True), tolerance=DEGREES)


@pytest.mark.parametrize("crs", [28992, None])
@pytest.mark.parametrize("suffix", [".parquet", ".geoparquet"])
def test_geoparquet(written, make_layer, tmp_path, suffix, crs) -> None:
    written(tmp_path / f"few{suffix}", crs=crs)
    agrees(by_duckdb(tmp_path / f"few{suffix}"), make_layer(3, crs))


@pytest.mark.parametrize("crs", [28992, None])
def test_postgis(ogr, written, make_layer, server, database, crs) -> None:
    written(database, "--layer", "cars", crs=crs)
    found = by_psql(lambda query: server.run(database, query), "cars")
    agrees(found, make_layer(3, crs))
    dsn = f"PG:dbname={database.split('/')[3].split('?')[0]} host={server.folder} user=tester"
    agrees(ogr(f"{dsn} password=s3cret/word", "cars"), make_layer(3, crs))


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_rows_that_were_added(ogr, written, make_layer, tmp_path, suffix) -> None:
    file = tmp_path / f"all{suffix}"
    written(file, rows=3)
    written(file, "--append", rows=2)
    found = ogr(file, "vehicles" if suffix == ".gpkg" else "all")
    assert [row["id"] for row in found.rows] == [1, 2, 3, 4, 5]
    twice = [*make_layer(3).geometry, *make_layer(2).geometry]
    shapes = [shape.normalize() for shape in found.shapes]
    assert shapely.equals_exact(shapes, shapely.normalize(twice), MILLIMETRE).all()


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb", ".csv", ".parquet"])
def test_no_rows_at_all(ogr, written, make_layer, tmp_path, suffix) -> None:
    written(tmp_path / f"few{suffix}", "--score", "1")
    layer = "vehicles" if suffix == ".gpkg" else "few"
    file = tmp_path / f"few{suffix}"
    found = by_duckdb(file) if suffix == ".parquet" else ogr(file, layer)
    found.fields.pop("WKT", None)
    agrees(found, make_layer(0), short=suffix == ".shp")
