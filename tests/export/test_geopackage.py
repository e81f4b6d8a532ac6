from __future__ import annotations

import json
import runpy
import sqlite3
import subprocess
from contextlib import closing, nullcontext
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from geovehicle.errors import OutputError
from geovehicle.export.formats import FORMATS, VEHICLES, Kind
from geovehicle.export.geopackage import PROVENANCE, QGIS, document
from geovehicle.export.provenance import Provenance
from geovehicle.export.styles import NEEDS, qml
from geovehicle.export.writers import write

ABOUT = Provenance(
    command="detect",
    inputs=("ortho.tif",),
    weights="mine",
    licence="CC0-1.0",
    time="2026-05-01T10:00:00Z",
)
MOMENT = "2026-05-01T10:00:00.000Z"

VALIDATORS = (
    "/usr/lib/python3/dist-packages/osgeo_utils/samples/validate_gpkg.py",
    "/usr/share/doc/python3-gdal/examples/validate_gpkg.py",
)
"""GDAL's own check of what the standard asks for."""


def layer(rows: int = 3, **fields: object) -> gpd.GeoDataFrame:
    boxes = shapely.box(155000 + 10.0 * np.arange(rows), 463000, 155004.5 + 10 * np.arange(rows), 1)
    columns = {"id": np.arange(1, rows + 1), "score": np.linspace(0.5, 1, rows), **fields}
    return gpd.GeoDataFrame(columns, geometry=boxes, crs=28992)


def put(path: Path, frame: gpd.GeoDataFrame, name: str = "vehicles", **options: object) -> Path:
    """Write a layer as GDAL does."""
    version = FORMATS[".gpkg"].options
    pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", **version, **options)
    return path


def rows(path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as base:
        return base.execute(query, values).fetchall()


def metadata(path: Path, name: str = "vehicles") -> list[tuple[object, ...]]:
    return rows(
        path,
        "SELECT md_standard_uri, mime_type, metadata, timestamp FROM gpkg_metadata JOIN"
        " gpkg_metadata_reference ON md_file_id = id WHERE table_name = ? ORDER BY id",
        name,
    )


def styles(path: Path) -> list[tuple[object, ...]]:
    query = "SELECT f_table_name, styleName, useAsDefault, owner FROM layer_styles ORDER BY id"
    return rows(path, query)


def parsed(text: object) -> ElementTree.Element:
    return ElementTree.fromstring(str(text))  # noqa: S314 - it is our own


@pytest.fixture
def plain(tmp_path):
    return put(tmp_path / "cars.gpkg", layer())


@pytest.fixture(scope="session")
def validate(needs):
    """Return a function that checks a file against the standard."""
    script = next(filter(Path.is_file, map(Path, VALIDATORS)), None)
    needs(script, "validate_gpkg of python3-gdal")
    checker = runpy.run_path(str(script))

    def check(path: Path) -> None:
        assert checker["check"](str(path), extra_checks=True) == []

    return check


def test_a_layer_tells_what_it_is_and_where_it_comes_from(plain):
    document(plain, "vehicles", VEHICLES, ABOUT)
    found = rows(
        plain, "SELECT table_name, identifier, description, last_change FROM gpkg_contents"
    )
    assert found == [
        ("vehicles", "Vehicles in ortho.tif", ABOUT.abstract, MOMENT),
        ("layer_styles", "layer_styles", "", MOMENT),
    ]
    ours, qgis = metadata(plain)
    assert ours == (PROVENANCE, "application/json", ABOUT.as_json(), MOMENT)
    assert (qgis[0], qgis[1], qgis[3]) == (QGIS, "text/xml", MOMENT)
    root = parsed(qgis[2])
    assert root.findtext("title") == "Vehicles in ortho.tif"
    assert root.findtext("abstract") == ABOUT.abstract
    assert root.findtext("license") == "of the weights: CC0-1.0"
    assert [one.text for one in root.findall("history")] == [ABOUT.summary]
    assert root.findtext("crs/spatialrefsys/authid") == "EPSG:28992"
    extent = root.find("extent/spatial")
    assert extent is not None
    assert (extent.get("minx"), extent.get("maxy")) == ("155000.0", "463000.0")


def test_the_rows_are_what_they_were(plain, read_layer):
    before = read_layer(plain)
    document(plain, "vehicles", VEHICLES, ABOUT)
    assert_geodataframe_equal(read_layer(plain), before)


def test_a_layer_gets_its_style_and_without_provenance_nothing_else(plain):
    document(plain, "vehicles", VEHICLES, None)
    assert styles(plain) == [("vehicles", "vehicles", 1, "geovehicle")]
    assert rows(plain, "SELECT styleQML, f_geometry_column FROM layer_styles") == [
        (qml("vehicles"), "geom")
    ]
    assert not rows(plain, "SELECT 1 FROM sqlite_master WHERE name = 'gpkg_metadata'")
    assert rows(plain, "SELECT identifier FROM gpkg_contents ORDER BY 1 DESC")[0] == ("vehicles",)


@pytest.mark.parametrize("style", sorted(NEEDS))
def test_a_style_names_the_field_that_it_needs(style):
    root = parsed(qml(style))
    renderer = root.find("renderer-v2")
    assert renderer is not None
    assert NEEDS[style][0] in str(renderer.get("attr"))


@pytest.mark.parametrize(
    ("frame", "style", "styled"),
    [
        (layer(), "vehicles", True),
        (layer().assign(score=1), "vehicles", True),
        (layer().assign(score="high"), "vehicles", False),
        (layer().drop(columns="score"), "vehicles", False),
        (layer().set_geometry(layer().centroid), "vehicles", False),
        (layer(), "changes", False),
        (layer(change="left"), "changes", True),
        (layer(per_ha=1.5), "density", True),
        (layer(), None, False),
        (layer(0), "vehicles", True),
    ],
)
def test_a_layer_gets_a_style_that_can_draw_it_or_none(tmp_path, validate, frame, style, styled):
    path = put(tmp_path / "one.gpkg", frame, geometry_type=[*frame.geom_type, "Polygon"][0])
    document(path, "vehicles", Kind(style=style), ABOUT)
    assert bool(rows(path, "SELECT 1 FROM sqlite_master WHERE name = 'layer_styles'")) is styled
    validate(path)


def test_the_file_is_valid_and_read_without_a_warning(plain, validate, needs_program):
    put(plain, layer(2), "others")
    document(plain, "vehicles", VEHICLES, ABOUT)
    document(plain, "others", VEHICLES, ABOUT)
    validate(plain)
    command = [needs_program("ogrinfo"), "-so", plain, "vehicles"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert told.stderr == ""
    assert "Feature Count: 3" in told.stdout
    assert "<title>Vehicles in ortho.tif</title>" in told.stdout


def test_other_layers_keep_what_is_theirs(plain):
    document(plain, "vehicles", VEHICLES, ABOUT)
    before = metadata(plain), styles(plain)
    put(plain, layer(2), "others")
    for _ in range(3):
        document(plain, "others", VEHICLES, ABOUT)
    assert (metadata(plain), styles(plain)[:1]) == before
    assert [one[0] for one in styles(plain)] == ["vehicles", "others"]
    extensions = rows(plain, "SELECT table_name, extension_name FROM gpkg_extensions")
    assert sorted(extensions, key=str) == [
        ("gpkg_metadata", "gpkg_metadata"),
        ("gpkg_metadata_reference", "gpkg_metadata"),
        ("others", "gpkg_rtree_index"),
        ("vehicles", "gpkg_rtree_index"),
    ]
    assert rows(plain, "SELECT identifier FROM gpkg_contents WHERE table_name = 'others'") == [
        ("Vehicles in ortho.tif, added to what was there",)
    ]


def test_an_identifier_that_is_taken_becomes_the_name_of_the_layer(plain):
    document(plain, "vehicles", VEHICLES, ABOUT)
    put(plain, layer(2), "others")
    document(plain, "others", VEHICLES, ABOUT)
    found = rows(plain, "SELECT identifier FROM gpkg_contents WHERE data_type = 'features'")
    assert found == [("Vehicles in ortho.tif",), ("others",)]


def test_each_run_that_adds_rows_adds_its_provenance(plain):
    later = Provenance(command="detect", inputs=("b.tif",), time="2026-06-01T10:00:00Z")
    document(plain, "vehicles", VEHICLES, ABOUT)
    put(plain, layer(2), append=True)
    document(plain, "vehicles", VEHICLES, later)
    first, second, qgis = metadata(plain)
    assert [json.loads(str(one[2]))["inputs"] for one in (first, second)] == [
        ["ortho.tif"],
        ["b.tif"],
    ]
    root = parsed(qgis[2])
    assert [one.text for one in root.findall("history")] == [ABOUT.summary, later.summary]
    assert root.findtext("title") == "Vehicles in b.tif, added to what was there"
    assert len(styles(plain)) == 1


def test_a_layer_that_is_replaced_begins_anew(plain):
    document(plain, "vehicles", VEHICLES, ABOUT)
    put(plain, layer(2))
    document(plain, "vehicles", VEHICLES, ABOUT)
    assert len(metadata(plain)) == 2
    assert len(styles(plain)) == 1
    assert rows(plain, "SELECT count(*) FROM gpkg_metadata") == [(2,)]


def test_a_style_that_somebody_saved_in_qgis_stays_the_default(plain):
    document(plain, "vehicles", VEHICLES, ABOUT)
    with closing(sqlite3.connect(plain)) as base, base:
        base.execute("UPDATE layer_styles SET owner = '', styleName = 'my own'")
    document(plain, "vehicles", VEHICLES, ABOUT)
    assert styles(plain) == [
        ("vehicles", "my own", 1, ""),
        ("vehicles", "vehicles", 0, "geovehicle"),
    ]


@pytest.mark.parametrize(
    ("crs", "authority"),
    [
        (None, None),
        ("EPSG:4326", "EPSG:4326"),
        ("ESRI:102003", "ESRI:102003"),
        ("+proj=tmerc +lat_0=1 +lon_0=11.5 +k=0.9 +ellps=bessel +units=m", "WKT:PROJCS["),
    ],
)
def test_the_crs_is_told_where_there_is_one(tmp_path, validate, crs, authority):
    frame = layer().set_crs(crs, allow_override=True)
    frame = frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), lambda xy: xy / 1e4))
    with pytest.warns(UserWarning, match="'crs' was not") if crs is None else nullcontext():
        path = put(tmp_path / "one.gpkg", frame.set_crs(crs, allow_override=True))
    document(path, "vehicles", VEHICLES, ABOUT)
    root = parsed(metadata(path)[1][2])
    assert (root.find("extent") is not None) is (crs is not None)
    if authority is not None:
        assert str(root.findtext("crs/spatialrefsys/authid")).startswith(authority)
        assert root.findtext("crs/spatialrefsys/wkt")
    validate(path)


def test_names_with_quotes_are_names(plain, tmp_path, validate):
    name, strange = "ca\"r's & <vans>", tmp_path / "o'dd.gpkg"
    plain.rename(strange)
    put(strange, layer(2), name)
    about = Provenance(command="filter", inputs=("a'\"&<b>.gpkg",))
    document(strange, name, VEHICLES, about)
    assert styles(strange) == [(name, "vehicles", 1, "geovehicle")]
    root = parsed(metadata(strange, name)[1][2])
    assert root.findtext("title") == "Vehicles chosen from a'\"&<b>.gpkg"


def test_a_name_that_xml_cannot_hold(plain):
    put(plain, layer(2), "a\x01b")
    document(plain, "a\x01b", VEHICLES, ABOUT)
    root = parsed(metadata(plain, "a\x01b")[1][2])
    assert root.findtext("identifier") == "a\ufffdb"


def test_the_same_rows_at_the_same_time_make_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1777629600")
    contents = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "cars.gpkg"
        write(layer(), path, about=Provenance(command="detect", inputs=("ortho.tif",)))
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_a_full_disk_is_told_in_one_line(small_disk):
    path = put(small_disk / "cars.gpkg", layer())
    (small_disk / "filler").write_bytes(bytes(409600 - path.stat().st_size))
    with pytest.raises(OutputError, match=r"cannot write cars\.gpkg") as caught:
        document(path, "vehicles", VEHICLES, ABOUT)
    assert "\n" not in str(caught.value)
