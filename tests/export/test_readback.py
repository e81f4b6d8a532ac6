from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

from geovehicle.export.columns import columns_of
from geovehicle.export.readback import NUMBER, TEXT, Tally


def tallied(frame, ours=None) -> Tally:
    tally = Tally.of(frame, ours)
    tally.add(frame)
    return tally


def test_texts_and_whole_numbers_are_compared(make_layer):
    frame = make_layer().assign(when=pd.Timestamp("2020-01-01"), tags=[["x"]] * 3, open=True)
    assert Tally.of(frame, None).fields == {"id": NUMBER, "label": TEXT, "source": TEXT}
    assert Tally.of(frame, ["id", "score", "when"]).fields == {"id": NUMBER}


def test_rows_are_the_same_in_any_order_and_in_any_pieces(make_layer):
    frame = make_layer(6)
    columns = columns_of(frame.iloc[::-1])
    found = Tally(tallied(frame).fields)
    for part in (columns.slice(0, 2), columns.slice(2)):
        found.add_batch(part, "geometry")
    assert found == tallied(frame)


def test_other_rows_are_others(make_layer):
    frame = make_layer(4)
    geometries = [*frame.geometry[:3], None]
    for other in (
        frame.iloc[1:],
        frame.assign(label="another"),
        frame.assign(id=[1, 2, 3, 5]),
        frame.assign(id=pd.array([1, 2, None, 4], "Int64")),
        frame.set_geometry(geometries, crs=frame.crs),
        frame.set_geometry([*frame.geometry[:3], shapely.Polygon()], crs=frame.crs),
    ):
        found = Tally(tallied(frame).fields)
        found.add_batch(columns_of(other), "geometry")
        assert found != tallied(frame)


def test_a_number_that_is_not_known_is_none_of_the_others(make_layer):
    frame = make_layer(3)
    for number in (0, 1, -1, 2**63 - 1, -(2**63)):
        known, unknown = (frame.assign(id=pd.array([number, one, 7], "Int64")) for one in (2, None))
        assert tallied(known, ["id"]) == tallied(known.iloc[::-1], ["id"])
        assert tallied(known, ["id"]) != tallied(unknown, ["id"])
        assert tallied(unknown, ["id"]) != tallied(unknown.fillna({"id": number}), ["id"])


def test_numbers_are_the_same_whatever_a_format_holds_them_in(make_layer):
    frame = make_layer(3).assign(id=[-1, 0, 1])
    for kind in (pa.int16(), pa.int64(), pa.float64(), pa.string()):
        columns = columns_of(frame)
        found = Tally(tallied(frame).fields)
        found.add_batch(columns.set_column(0, "id", columns["id"].cast(kind)), "geometry")
        assert found == tallied(frame)


def test_a_missing_text_is_an_empty_one_since_some_formats_have_no_other(make_layer):
    frame = make_layer(2).assign(label=["", None])
    found = Tally(tallied(frame).fields)
    found.add_batch(columns_of(frame.assign(label=[None, ""])), "geometry")
    assert found == tallied(frame)


def test_a_field_that_is_not_there_is_missed(make_layer, tmp_path):
    path = tmp_path / "cars.gpkg"
    pyogrio.write_dataframe(make_layer().drop(columns="label"), path)
    assert not tallied(make_layer()).is_in(path)
    pyogrio.write_dataframe(make_layer(), path)
    assert tallied(make_layer()).is_in(path)
    assert tallied(make_layer().iloc[1:]).is_in(path, first=1)
    assert not tallied(make_layer()).is_in(path, first=1)
