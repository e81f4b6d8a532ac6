from __future__ import annotations

import pandas as pd
import pyogrio
import shapely

from geovehicle.export.columns import columns_of
from geovehicle.export.readback import Tally


def tallied(frame, ours=None) -> Tally:
    tally = Tally.of(frame, ours)
    tally.add(frame)
    return tally


def test_texts_and_whole_numbers_are_compared(make_layer):
    frame = make_layer().assign(when=pd.Timestamp("2020-01-01"), tags=[["x"]] * 3, open=True)
    assert Tally.of(frame, None).names == ["id", "label", "source"]
    assert Tally.of(frame, ["id", "score", "when"]).names == ["id"]


def test_rows_are_the_same_in_any_order_and_in_any_pieces(make_layer):
    frame = make_layer(6)
    columns = columns_of(frame.iloc[::-1])
    found = Tally(tallied(frame).names)
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
        frame.set_geometry(geometries, crs=frame.crs),
        frame.set_geometry([*frame.geometry[:3], shapely.Polygon()], crs=frame.crs),
    ):
        found = Tally(tallied(frame).names)
        found.add_batch(columns_of(other), "geometry")
        assert found != tallied(frame)


def test_a_missing_text_is_an_empty_one_since_some_formats_have_no_other(make_layer):
    frame = make_layer(2).assign(label=["", None])
    found = Tally(tallied(frame).names)
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
