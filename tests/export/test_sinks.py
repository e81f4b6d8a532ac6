from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geovehicle.errors import OutputError
from geovehicle.export import writers
from geovehicle.export.destinations import Destination
from geovehicle.export.formats import FORMATS, Kind
from geovehicle.export.writers import LayerWriter, check_layer, check_target, write

if TYPE_CHECKING:
    from pathlib import Path

GROWING = [".gpkg", ".shp"]


def adding(path: Path, layer: str | None = None) -> Destination:
    return Destination(path, layer, "append")


def state(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("suffix", [*GROWING, ".SHP"])
def test_rows_are_added_and_ids_go_on(tmp_path, monkeypatch, make_layer, read_layer, suffix):
    path = tmp_path / f"cars{suffix}"
    check_target(adding(path))
    write(make_layer(3), adding(path))  # makes the file
    monkeypatch.setattr(writers, "LAYER_CHUNK", 2)
    check_target(adding(path))
    check_layer(make_layer(0), adding(path))
    with LayerWriter(adding(path)) as writer:
        writer.append(make_layer(0))
        writer.append(make_layer(3))
        writer.append(make_layer(1))
    write(make_layer(2), adding(path))
    found = read_layer(path)
    assert found["id"].tolist() == [*range(1, 10)]
    shapes = [shape for rows in (3, 3, 1, 2) for shape in make_layer(rows).geometry]
    assert found.geometry.geom_equals(gpd.GeoSeries(shapes, crs=28992)).all()
    assert found["length_m"].isna().sum() == 4
    assert found["source"].tolist() == [make_layer(1)["source"][0]] * 9


@pytest.mark.parametrize("suffix", GROWING)
def test_added_rows_go_on_after_the_highest_id(tmp_path, make_layer, read_layer, suffix):
    path = tmp_path / f"cars{suffix}"
    write(make_layer(3).assign(id=[7, 90, 8]), path)
    write(make_layer(2), adding(path))
    assert read_layer(path)["id"].tolist() == [7, 90, 8, 91, 92]


def test_ids_of_others_stay_as_they_are(tmp_path, make_layer, read_layer):
    path, kind = tmp_path / "zones.gpkg", Kind("zones", ours=("score",))
    write(make_layer(3), path, kind=kind)
    write(make_layer(2), adding(path), kind=kind)
    assert read_layer(path)["id"].tolist() == [1, 2, 3, 1, 2]


@pytest.mark.parametrize("suffix", GROWING)
def test_added_rows_are_reprojected_and_their_azimuths_turned(
    tmp_path, make_layer, read_layer, suffix
):
    path = tmp_path / f"cars{suffix}"
    write(make_layer(2), path)
    write(make_layer(1).to_crs(32632), adding(path))
    found = read_layer(path)
    azimuths = found["azimuth" if suffix == ".shp" else "azimuth_deg"].tolist()
    assert azimuths == pytest.approx([30, 30, 30 - 2.85], abs=0.1)  # the grid's convergence
    assert found.crs.to_epsg() == 28992
    assert found.geometry[2].equals_exact(found.geometry[0], 1e-3)
    nowhere = tmp_path / f"nowhere{suffix}"
    write(make_layer(1, None), nowhere)
    for frame, path in ((make_layer(1, None), path), (make_layer(1), nowhere)):  # noqa: B020
        with pytest.raises(OutputError, match=r"has .* and the new rows have .*; write them else"):
            check_layer(frame, adding(path))


@pytest.mark.parametrize("suffix", GROWING)
def test_rows_of_another_kind_are_refused_and_nothing_changes(tmp_path, make_layer, suffix):
    path = tmp_path / f"cars{suffix}"
    frame = make_layer(2)
    write(frame, path)
    before = state(tmp_path)
    for other, message in (
        (frame.drop(columns="label"), "label is one that the new rows lack; write them elsewhere"),
        (frame.assign(extra=1), "extra is one among the new rows"),
        (frame.assign(label=1), r"label in .* is text, that of the new rows integer"),
        (frame.assign(id=1.5), "id in .* is integer, that of the new rows real"),
        (frame.set_geometry(frame.centroid), "holds geometries of type Polygon"),
    ):
        kind = Kind(ours=())
        for attempt in (check_layer, lambda rows, place: write(rows, place, kind=kind)):  # noqa: B023
            with pytest.raises(OutputError, match=message) as caught:
                attempt(other, adding(path))
            assert "\n" not in str(caught.value)
    assert state(tmp_path) == before


def test_fields_in_another_order_go_where_they_belong(tmp_path, make_layer, read_layer):
    frame, path = make_layer(2), tmp_path / "cars.gpkg"
    write(frame, path)
    write(frame[[*reversed(frame.columns)]].assign(score=[1, 0]), adding(path))
    found = read_layer(path)
    assert found["score"].tolist() == [*frame["score"], 1, 0]
    assert found["label"].nunique() == 1


def test_numbers_of_which_some_are_not_known_stay_whole(tmp_path, make_layer, read_layer):
    frame, path, kind = make_layer(2), tmp_path / "cars.gpkg", Kind(ours=())
    write(frame.assign(places=[3, 4]), path, kind=kind)
    write(frame.assign(places=[5.0, np.nan]), adding(path), kind=kind)
    write(frame.assign(places=[None, None], label=None), adding(path), kind=kind)
    assert read_layer(path)["places"].fillna(-1).tolist() == [3, 4, 5, -1, -1, -1]
    assert pyogrio.read_info(path, layer="vehicles")["ogr_types"][-1] == "OFTInteger64"
    with pytest.raises(OutputError, match=r"places in .* is integer, that of the new rows real"):
        write(frame.assign(places=[5.5, np.nan]), adding(path), kind=kind)


@pytest.mark.parametrize("suffix", GROWING)
@pytest.mark.parametrize("failure", [KeyboardInterrupt, OutputError])
def test_a_file_survives_a_failure_while_rows_are_added(
    tmp_path, monkeypatch, make_layer, suffix, failure
):
    monkeypatch.setattr(writers, "LAYER_CHUNK", 1)
    path = tmp_path / f"cars{suffix}"
    write(make_layer(2), path)
    before = state(tmp_path)

    def fail() -> None:
        with LayerWriter(adding(path)) as writer:
            writer.append(make_layer(3))
            raise failure

    with pytest.raises(failure):
        fail()
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    "damage", ["DELETE FROM vehicles WHERE id = 4", "DELETE FROM vehicles WHERE id = 1"]
)
def test_rows_that_get_lost_while_others_are_added_are_noticed(
    tmp_path, around_writing, make_layer, damage
):
    path = tmp_path / "cars.gpkg"
    write(make_layer(3), path)
    before = state(tmp_path)

    def spoiling(genuine, file, *others):
        genuine(file, *others)
        table = sqlite3.connect(file, isolation_level=None)
        for (name,) in table.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            table.execute(f'DROP TRIGGER "{name}"')
        table.execute(damage)
        table.close()

    around_writing(spoiling)
    with pytest.raises(OutputError, match="incomplete"):
        write(make_layer(3), adding(path))
    assert state(tmp_path) == before


def test_a_layer_is_put_beside_others_and_replaced_alone(tmp_path, make_layer, read_layer):
    path = tmp_path / "all.gpkg"
    write(make_layer(1), Destination(path, "may"))
    with pytest.raises(OutputError, match="exists; add --overwrite to replace it or --append"):
        check_target(Destination(path, "june"))
    write(make_layer(2), adding(path, "june"))
    write(make_layer(3), adding(path, "june"))
    assert [len(read_layer(path, name)) for name in ("may", "june")] == [1, 5]
    replaced = Destination(path, "may", "overwrite")
    check_target(replaced)
    write(make_layer(4).rename(columns={"label": "kind"}), replaced)
    assert [len(read_layer(path, name)) for name in ("may", "june")] == [4, 5]
    assert "kind" in read_layer(path, "may")
    write(make_layer(6), Destination(path, existing="overwrite"))  # all of the file
    assert [name for name, kind in pyogrio.list_layers(path) if kind] == ["vehicles"]


def test_layers_of_others_are_added_to(tmp_path, make_layer, read_layer):
    path = tmp_path / "theirs.gpkg"
    own = make_layer(2)[["score", "label", "geometry"]]
    pyogrio.write_dataframe(
        own, path, layer="cars", geometry_type="MultiPolygon", promote_to_multi=True
    )
    pyogrio.write_dataframe(own.drop(columns="geometry"), path, layer="notes", append=True)
    write(own, adding(path, "cars"))
    found = read_layer(path, "cars")
    assert found.geom_type.tolist() == ["MultiPolygon"] * 4
    assert found.geometry[2].equals_exact(found.geometry[0], 1e-9)
    with pytest.raises(OutputError, match=r"the table notes .* has no geometries"):
        check_target(adding(path, "notes"))


def test_a_shapefile_in_another_encoding_is_added_to(tmp_path, make_layer, read_layer):
    path = tmp_path / "cars.shp"
    frame = make_layer(2)[["label", "geometry"]].assign(label="Übung")
    pyogrio.write_dataframe(frame, path, encoding="ISO-8859-1")
    indices = [tmp_path / f"cars{suffix}" for suffix in (".qix", ".sbn", ".sbx", ".idm")]
    for index in indices:
        index.write_bytes(b"of the old rows")
    write(frame, adding(path))
    assert read_layer(path)["label"].tolist() == ["Übung"] * 4
    assert not any(index.exists() for index in indices)


def test_what_is_no_layer_is_not_added_to(tmp_path):
    for name in ("cars.gpkg", "cars.shp"):
        (tmp_path / name).write_text("something else")
        with pytest.raises(OutputError, match=r"cannot be added to: .*; write elsewhere") as caught:
            check_target(adding(tmp_path / name))
        assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match="cannot be added to"):
        check_target(Destination(tmp_path / "cars.gpkg", "a", "overwrite"))


@pytest.mark.parametrize("suffix", sorted(set(FORMATS) - set(GROWING)))
def test_formats_that_cannot_be_added_to_say_so(tmp_path, suffix):
    for place in (tmp_path / f"cars{suffix}", "-"):
        with pytest.raises(OutputError, match=r"rows cannot be added to .*; write a \.gpkg"):
            check_target(Destination(place, existing="append"))


@pytest.mark.parametrize("suffix", sorted(set(FORMATS) - {".gpkg"}))
def test_formats_without_names_say_so(tmp_path, suffix):
    for place in (tmp_path / f"cars{suffix}", "-"):
        with pytest.raises(OutputError, match="has no layers with names; leave --layer out"):
            check_target(Destination(place, "cars"))


@pytest.mark.parametrize("name", ["gpkg_contents", "rtree_x", "SQLITE_x", "layer_styles"])
def test_tables_of_the_format_are_no_layers(tmp_path, name):
    with pytest.raises(OutputError, match="is no name for a layer"):
        check_target(Destination(tmp_path / "a.gpkg", name))


def test_a_layer_needs_a_name(tmp_path):
    with pytest.raises(OutputError, match="the layer has no name"):
        check_target(Destination(tmp_path / "a.gpkg", " "))


def test_a_link_is_followed_when_rows_are_added(tmp_path, make_layer, read_layer):
    path, link = tmp_path / "cars.gpkg", tmp_path / "links" / "l.gpkg"
    write(make_layer(1), path)
    link.parent.mkdir()
    link.symlink_to(path)
    write(make_layer(1), adding(link))
    assert link.is_symlink()
    assert len(read_layer(path)) == 2


def test_files_of_one_name_do_not_share_a_projection(tmp_path, make_layer):
    write(make_layer(1), tmp_path / "cars.shp")
    before = state(tmp_path)
    with pytest.raises(OutputError, match=r"would share cars\.prj with cars\.shp; choose another"):
        write(make_layer(1), tmp_path / "cars.csv")
    assert state(tmp_path) == before
    write(make_layer(1), tmp_path / "more.csv")
    with pytest.raises(OutputError, match=r"would share more\.prj with more\.csv"):
        check_target(tmp_path / "more.shp")
    (tmp_path / "plain.csv").write_text("a,b\n")  # a table without geometries has no projection
    check_target(tmp_path / "plain.shp")


def test_a_csv_takes_its_sidecars_along(tmp_path, make_layer):
    write(make_layer(1), tmp_path / "a.csv")
    assert {file.name for file in tmp_path.iterdir()} == {"a.csv", "a.csvt", "a.prj"}
    write(make_layer(1, None), tmp_path / "a.csv", overwrite=True)
    assert {file.name for file in tmp_path.iterdir()} == {"a.csv", "a.csvt"}
    for suffix in (".CSV", ".Csv"):
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        if suffix == ".Csv":
            with pytest.raises(OutputError, match="no known output format"):
                check_target(tmp_path / f"a{suffix}")
        else:
            write(make_layer(1), tmp_path / f"a{suffix}")
            assert pyogrio.read_info(tmp_path / f"a{suffix}")["crs"] == "EPSG:28992"


def test_numbers_and_commas_in_a_csv_stay_what_they_are(tmp_path, monkeypatch, make_layer):
    texts = ["12", 'a "quoted", one', "2020-01-01", "", "true", "two\nlines"]
    frame = make_layer(6).assign(source=texts)
    monkeypatch.setattr(writers, "LAYER_CHUNK", 2)
    with LayerWriter(tmp_path / "a.csv") as writer:
        for first in range(0, 6, 2):
            writer.append(frame.iloc[first : first + 2])
    found = pyogrio.read_dataframe(tmp_path / "a.csv")
    assert found["source"].fillna("").tolist() == texts
    error = shapely.get_coordinates(found.geometry) - shapely.get_coordinates(frame.geometry)
    assert np.abs(error).max() < 1e-6
