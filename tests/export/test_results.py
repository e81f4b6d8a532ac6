from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from geovehicle.errors import OutputError
from geovehicle.export.results import check_zones, write_layer, write_zones

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOX = shapely.box(500_000, 5_600_000, 500_010, 5_600_010)
BOTH = shapely.MultiPolygon([BOX, shapely.transform(BOX, lambda p: p + 50)])


def zones(*shapes: shapely.Geometry | None) -> gpd.GeoDataFrame:
    fields = {
        "name": ["Ä", None, "c"],
        "since": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
        "vehicles": [3, 0, 1],
    }
    return gpd.GeoDataFrame(pd.DataFrame(fields)[: len(shapes)], geometry=list(shapes), crs=25832)


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson"])
def test_zones_with_parts_gaps_and_dates_come_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"zones{suffix}"
    write_zones(zones(BOX, BOTH, None), path, ["vehicles"])
    found = pyogrio.read_dataframe(path)
    assert found["vehicles"].tolist() == [3, 0, 1]
    assert found["name"].fillna("").tolist() == ["Ä", "", "c"]
    assert found.geometry.isna().tolist() == [False, False, True]
    assert found.to_crs(25832).geometry.area[:2].tolist() == pytest.approx([100, 200], abs=0.1)


def test_layers_have_names_and_one_type_of_geometry(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    points = zones(shapely.Point(0, 0), shapely.Point(1, 1))
    for frame, kind in (
        (zones(BOX), "Polygon"),
        (zones(BOX, BOTH), "MultiPolygon"),
        (points, "Point"),
        (zones(BOX, shapely.Point(0, 0)), "Unknown"),
        (zones(), "Polygon"),
    ):
        write_layer(frame, path, "mine", ["vehicles"], overwrite=True)
        assert pyogrio.list_layers(path).tolist() == [["mine", kind]]


def test_a_table_has_no_geometry(tmp_path: Path) -> None:
    path = tmp_path / "zones.csv"
    check_zones(path)
    write_zones(zones(BOX, None), path, ["vehicles"])
    assert path.read_text("utf-8") == "name,since,vehicles\nÄ,2020-01-01,3\n,,0\n"
    with pytest.raises(OutputError, match="add --overwrite"):
        write_zones(zones(BOX), path, ["vehicles"])
    write_zones(zones(BOX), path, ["vehicles"], overwrite=True)
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_other_suffixes_are_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no known output format"):
        check_zones(tmp_path / "zones.xlsx")


def test_a_layer_that_lost_its_counts_is_not_put_in_place(
    tmp_path: Path, around_writing: Callable[..., None]
) -> None:
    def losing(genuine, path: Path, frame: gpd.GeoDataFrame, append: bool) -> None:
        genuine(path, frame.assign(vehicles=7), append)

    around_writing(losing)
    path = tmp_path / "zones.gpkg"
    with pytest.raises(OutputError, match="came out incomplete"):
        write_zones(zones(BOX), path, ["vehicles"])
    assert not path.exists()
