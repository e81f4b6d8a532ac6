from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.analysis.counting import count
from geovehicle.errors import InputError
from geovehicle.settings import CountSettings

EAST, NORTH = 500_000.0, 5_600_000.0
PLACES = [[EAST + x, NORTH + y] for x, y in ((10, 10), (20, 10), (110, 10), (500, 500))]
ROOMS = [
    (EAST, NORTH, EAST + 100, NORTH + 100),
    (EAST + 100, NORTH, EAST + 200, NORTH + 100),
    (EAST, NORTH + 200, EAST + 100, NORTH + 300),
]


def test_zones_keep_their_fields_and_get_their_vehicles(cars, zones) -> None:
    drawn = zones(ROOMS, name=["a", "b", "c"])
    counted = count(cars(PLACES), drawn)
    assert counted.zones["name"].tolist() == ["a", "b", "c"]
    assert counted.zones["vehicles"].tolist() == [2, 1, 0]
    assert counted.zones["per_ha"].tolist() == pytest.approx([1.9984, 0.9992, 0], abs=1e-4)
    assert (counted.vehicles, counted.inside, counted.outside, counted.several) == (4, 3, 1, 0)
    assert "vehicles" not in drawn


def test_any_crs_of_the_zones_counts_the_same(cars, zones) -> None:
    for crs in ("EPSG:4326", "EPSG:3857", "EPSG:2263"):
        moved = zones(ROOMS).to_crs(crs)
        counted = count(cars(PLACES), moved).zones
        assert counted["vehicles"].tolist() == [2, 1, 0]
        assert counted["per_ha"].tolist() == pytest.approx([1.9984, 0.9992, 0], abs=2e-4)
        assert counted.crs == moved.crs


def test_points_are_vehicles_as_well(cars, zones) -> None:
    points = cars(PLACES)
    points = points.set_geometry(points.centroid)
    assert count(points, zones(ROOMS)).zones["vehicles"].tolist() == [2, 1, 0]


def test_a_vehicle_on_a_common_border_counts_in_the_first_zone(cars, zones) -> None:
    counted = count(cars([[EAST + 100, NORTH + 50]]), zones(ROOMS))
    assert counted.zones["vehicles"].tolist() == [1, 0, 0]


def test_where_zones_overlap_a_vehicle_counts_in_each_or_in_the_first(cars, zones) -> None:
    whole = (EAST, NORTH, EAST + 200, NORTH + 200)
    drawn = zones([whole, *ROOMS])
    counted = count(cars(PLACES), drawn)
    assert counted.zones["vehicles"].tolist() == [3, 2, 1, 0]
    assert (counted.inside, counted.several) == (3, 3)
    first = count(cars(PLACES), drawn, CountSettings(overlap="first"))
    assert first.zones["vehicles"].tolist() == [3, 0, 0, 0]
    assert first.several == 0


def test_scores_labels_and_capacities(cars, zones) -> None:
    vehicles = cars(PLACES, score=[0.9, 0.5, np.nan, 0.9], label=["car", "bus", "car", "van"])
    drawn = zones(ROOMS, places=[4, 0, None])
    settings = CountSettings(score=0.5, capacity="places", by_label=True)
    counted = count(vehicles, drawn, settings)
    assert (counted.vehicles, counted.inside) == (3, 2)
    table = counted.zones
    assert table["vehicles"].tolist() == [2, 0, 0]
    assert table["occupancy"].tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert [table[f"n_{one}"].tolist() for one in ("bus", "car", "van")] == [
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, 0],
    ]


def test_vehicles_without_a_label_are_unknown(cars, zones) -> None:
    vehicles = cars(PLACES[:2], label=["car", None])
    table = count(vehicles, zones(ROOMS), CountSettings(by_label=True)).zones
    assert table["n_car"].tolist() == table["n_unknown"].tolist() == [1, 0, 0]


def test_no_vehicles_and_no_zones_are_counted_as_well(cars, zones) -> None:
    assert count(cars([]), zones(ROOMS)).zones["vehicles"].tolist() == [0, 0, 0]
    empty = count(cars(PLACES), zones([]))
    assert (len(empty.zones), empty.outside) == (0, 4)
    labels = CountSettings(by_label=True)
    assert count(cars([], label=[]), zones(ROOMS), labels).zones["vehicles"].sum() == 0


def test_a_zone_without_ground_or_crs_has_no_density(cars, zones) -> None:
    (one,) = count(cars(PLACES), zones([None], note=["lost"])).zones.itertuples()
    assert (one.vehicles, one.note) == (0, "lost")
    assert np.isnan(one.per_ha)
    plain = count(cars(PLACES, crs=None), zones(ROOMS, crs=None)).zones
    assert plain["vehicles"].tolist() == [2, 1, 0]
    assert plain["per_ha"].isna().all()


@pytest.mark.parametrize(
    ("settings", "fields", "message"),
    [
        ({"score": 0.5}, {}, "the vehicles have no field score"),
        ({"by_label": True}, {}, "the vehicles have no field label"),
        ({"capacity": "room"}, {}, "the zones have no field room"),
        ({"capacity": "name"}, {"name": ["x", "y", "z"]}, "field name of the zones is not numeric"),
        ({}, {"Vehicles": [1, 2, 3]}, "the zones have a field vehicles already; rename it"),
    ],
)
def test_fields_that_are_missing_or_in_the_way_are_named(
    cars, zones, settings, fields, message
) -> None:
    with pytest.raises(InputError, match=message):
        count(cars(PLACES), zones(ROOMS, **fields), CountSettings(**settings))


grid = st.integers(0, 5).map(lambda number: number * 10.0)


@given(
    st.lists(st.tuples(grid, grid, st.floats(0, 1), st.sampled_from("ab")), max_size=12),
    st.lists(st.tuples(grid, grid), max_size=4),
    st.sampled_from(["each", "first"]),
)
def test_counts_are_those_of_brute_force_and_add_up(cars, zones, drawn, corners, overlap) -> None:
    places = [[x, y] for x, y, *_ in drawn]
    scores, labels = [one[2] for one in drawn], [one[3] for one in drawn]
    layer = zones([(x, y, x + 20, y + 20) for x, y in corners], crs="EPSG:3857")
    vehicles = cars(places, crs="EPSG:3857", score=scores, label=labels)
    settings = CountSettings(score=0.5, overlap=overlap, by_label=True)
    counted = count(vehicles, layer, settings)
    expected = np.zeros(len(layer), int)
    inside = 0
    for x, y in np.array(places).reshape(-1, 2)[np.array(scores) >= 0.5]:
        # the centroid of a rectangle is exact to rounding only: the cars' own decides
        at = shapely.centroid(cars([[x, y]]).geometry.iloc[0])
        full = [z for z, zone in enumerate(layer.geometry) if zone.contains(at)]
        edge = [z for z, zone in enumerate(layer.geometry) if zone.touches(at)]
        chosen = sorted(full + edge)[:1] if overlap == "first" else full + edge[:1]
        expected[chosen] += 1
        inside += bool(chosen)
    table = counted.zones
    assert table["vehicles"].tolist() == expected.tolist()
    assert (counted.inside, counted.outside) == (inside, sum(s >= 0.5 for s in scores) - inside)
    by_label = [table[name] for name in table if name.startswith("n_")]
    assert sum(by_label, np.zeros(len(table), int)).tolist() == expected.tolist()
    if overlap == "first":
        assert table["vehicles"].sum() == counted.inside
