from __future__ import annotations

import numpy as np
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.analysis import layers
from geovehicle.analysis.comparison import compare, one_to_one
from geovehicle.errors import GeoreferenceError, InputError
from geovehicle.settings import CompareSettings

EAST, NORTH = 500_000.0, 5_600_000.0

steps = st.integers(0, 12).map(lambda number: number * 0.9)
parked = st.lists(st.tuples(steps, steps), max_size=10)


def at(*offsets: float) -> list[list[float]]:
    return [[EAST + offset, NORTH] for offset in offsets]


def brute(before, after, iou: float) -> list[tuple[int, int]]:
    """Return the pairs that stayed, the highest IoU of all first."""
    found = []
    for one, shape in enumerate(before.geometry):
        for other, second in enumerate(after.geometry):
            share = shape.intersection(second).area / shape.union(second).area
            if share >= iou:
                found.append((-round(share, 9), one, other))
    pairs, used = [], (set(), set())
    for _, one, other in sorted(found):
        if one not in used[0] and other not in used[1]:
            pairs.append((one, other))
            used[0].add(one)
            used[1].add(other)
    return pairs


def stayed(changes) -> list[tuple[int, int]]:
    rows = changes.vehicles.query("change == 'stayed'")
    return [(b - 1, a - 1) for b, a in zip(rows["before_id"], rows["after_id"], strict=True)]


def test_vehicles_arrive_leave_and_stay(cars) -> None:
    before = cars(at(0, 10, 20), id=[5, 6, 7], score=[0.9, 0.8, 0.7])
    after = cars(at(20.5, 40), id=[1, 2], score=[0.6, 0.5])
    table = compare(before, after).vehicles
    assert table["id"].tolist() == [1, 2, 3, 4]
    assert table["change"].tolist() == ["stayed", "arrived", "left", "left"]
    assert table["before_id"].tolist() == [7, 0, 5, 6]
    assert table["after_id"].tolist() == [1, 2, 0, 0]
    assert table["score"].tolist() == [0.6, 0.5, 0.9, 0.8]
    assert 0.6 < table["iou"][0] < 0.9
    assert table["iou"][1:].isna().all()


@given(parked, parked, st.sampled_from([0.1, 0.3, 0.6]))
def test_changes_are_those_of_brute_force(cars, earlier, later, iou) -> None:
    shift = np.random.default_rng(len(earlier)).uniform(-0.2, 0.2, 2)  # no two IoU alike
    before, after = cars(earlier), cars(np.reshape(later, (-1, 2)) + shift)
    changes = compare(before, after, CompareSettings(iou=iou))
    assert changes.before == len(before)
    assert changes.after == len(after)
    assert len(stayed(changes)) == len(brute(before, after, iou))
    if len({*earlier}) == len(earlier) and len({*later}) == len(later):
        shares = changes.vehicles["iou"].dropna().sum()
        expected = sum(
            before.geometry[b].intersection(after.geometry[a]).area
            / before.geometry[b].union(after.geometry[a]).area
            for b, a in brute(before, after, iou)
        )
        assert shares == pytest.approx(expected, abs=1e-3)


def test_overlaps_do_not_depend_on_how_many_are_computed_together(cars, monkeypatch) -> None:
    places = np.random.default_rng(0).uniform((EAST, NORTH), (EAST + 12, NORTH + 12), (2, 25, 2))
    before, after = (cars(side) for side in places)
    expected = compare(before, after).vehicles
    assert (expected["change"] == "stayed").sum() > 5
    for number in (1, 7):
        monkeypatch.setattr(layers, "AT_ONCE", number)
        assert_geodataframe_equal(compare(before, after).vehicles, expected)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 4)), max_size=12))
def test_the_best_pairs_stay_one_by_one(drawn) -> None:
    pairs = np.array([one[:2] for one in drawn], np.intp).reshape(-1, 2).T
    weights = np.array([one[2] for one in drawn], float)
    kept = one_to_one(pairs, weights)
    used, expected = (set(), set()), []
    turns = sorted(range(len(drawn)), key=lambda i: (-weights[i], *drawn[i][:2], i))
    for turn in turns:
        one, other, _ = drawn[turn]
        if one not in used[0] and other not in used[1]:
            expected.append(turn)
            used[0].add(one)
            used[1].add(other)
    assert kept.tolist() == sorted(expected)


def test_outlines_of_any_shape_are_compared(cars) -> None:
    before, after = cars(at(0, 10)), cars(at(0.4, 10.4))
    plain = compare(before, after).vehicles
    rounded = compare(before.set_geometry(before.buffer(0.01)), after).vehicles
    assert rounded["change"].tolist() == plain["change"].tolist() == ["stayed", "stayed"]
    assert rounded["iou"].to_numpy() == pytest.approx(plain["iou"], abs=0.02)


def test_layers_of_two_crs_are_compared_in_the_first(cars) -> None:
    before = cars(at(0, 10), azimuth_deg=[10.0, 20.0])
    after = cars(at(0.1, 50), azimuth_deg=[10.0, 20.0]).to_crs(4326)
    changes = compare(before, after)
    assert changes.vehicles.crs == before.crs
    assert changes.vehicles["change"].tolist() == ["stayed", "arrived", "left"]
    moved = changes.vehicles.geometry[1].centroid
    assert (moved.x, moved.y) == pytest.approx((EAST + 50, NORTH), abs=1e-3)


def test_low_scores_and_other_fields(cars) -> None:
    before = cars(at(0, 10), score=[0.9, 0.2], note=["old", "old"])
    after = cars(at(0, 10), score=[0.9, 0.9])
    changes = compare(before, after, CompareSettings(score=0.5))
    assert changes.vehicles["change"].tolist() == ["stayed", "arrived"]
    assert (changes.before, changes.after) == (1, 2)
    assert compare(after[:0], before).vehicles["change"].tolist() == ["arrived", "arrived"]


def test_empty_layers_differ_by_all_of_the_other(cars) -> None:
    some, none = cars(at(0, 10)), cars([])
    assert compare(some, none).number("left") == 2
    assert compare(none, some).number("arrived") == 2
    assert len(compare(none, none).vehicles) == 0


@given(parked, parked)
def test_in_each_zone_before_and_after_add_up(cars, zones, earlier, later) -> None:
    changes = compare(cars(earlier), cars(later))
    table = changes.by_zone(zones([(-5, -5, 4.1, 20), (4.1, -5, 20, 20)], name=["w", "e"]))
    assert (table["before"] == table["left"] + table["stayed"]).all()
    assert (table["after"] == table["arrived"] + table["stayed"]).all()
    assert table["before"].sum() == len(earlier)
    assert table["after"].sum() == len(later)


def test_what_cannot_be_compared_is_told(cars, zones) -> None:
    vehicles = cars(at(0))
    points = vehicles.set_geometry(vehicles.centroid)
    with pytest.raises(InputError, match=r"vehicles after has features .* Point; give polygons"):
        compare(vehicles, points)
    with pytest.raises(InputError, match="the vehicles before have no field score"):
        compare(vehicles, vehicles, CompareSettings(score=0.5))
    with pytest.raises(InputError, match="the vehicles before have a field change already"):
        compare(compare(vehicles, vehicles).vehicles, vehicles)
    with pytest.raises(InputError, match="the zones have a field left already"):
        compare(vehicles, vehicles).by_zone(zones([(0, 0, 1, 1)], left=[1]))
    with pytest.raises(GeoreferenceError, match="assign it one in your GIS"):
        compare(vehicles, cars(at(0), crs=None))
    far = vehicles.set_geometry([shapely.box(170, -80, 170.1, -79.9)], crs=4326)
    disc = cars([[0, 0]], crs="+proj=ortho +lat_0=52 +lon_0=10 +type=crs")
    for both in ((disc, far), (vehicles, cars(at(0), crs='LOCAL_CS["site",UNIT["metre",1]]'))):
        with pytest.raises(GeoreferenceError, match="lie on the same ground"):
            compare(*both)
