from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS

from geovehicle.analysis.filtering import select
from geovehicle.errors import InputError
from geovehicle.regions import Region
from geovehicle.settings import FilterSettings

EAST, NORTH = 500_000.0, 5_600_000.0


@pytest.fixture
def fleet(cars):
    """Return four vehicles in a row, the last of unknown size."""
    return cars(
        [[EAST + 20 * number, NORTH] for number in range(4)],
        id=[1, 2, 3, 4],
        score=[0.9, 0.8, 0.7, np.nan],
        label=["car", "bus", None, "car"],
        length_m=[4.5, 12.0, 6.0, np.nan],
        width_m=[1.8, 2.5, 2.0, np.nan],
    )


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, [1, 2, 3, 4]),
        ({"score": 0.75}, [1, 2]),
        ({"min_length": 6.0}, [2, 3]),
        ({"max_length": 6.0}, [1, 3]),
        ({"min_length": 5.0, "max_length": 11.0}, [3]),
        ({"min_width": 1.9}, [2, 3]),
        ({"max_width": 2.0}, [1, 3]),
        ({"min_width": 0.0}, [1, 2, 3]),
        ({"label": ("car",)}, [1, 4]),
        ({"label": ("car", "bus"), "score": 0.85}, [1]),
    ],
)
def test_vehicles_stay_for_which_all_conditions_hold(fleet, settings, kept) -> None:
    found = select(fleet, FilterSettings(**settings))
    assert found["id"].tolist() == kept
    assert list(found) == list(fleet)


def test_vehicles_stay_inside_and_go_outside_by_their_centres(fleet) -> None:
    utm = CRS(25832)
    west = np.array([shapely.box(EAST - 30, NORTH - 5, EAST + 20.5, NORTH + 5)], object)
    way = [np.array([one], object) for one in west]
    here = Region("west", west, utm)
    assert select(fleet, inside=here)["id"].tolist() == [1, 2]
    assert select(fleet, outside=here)["id"].tolist() == [3, 4]
    assert select(fleet, inside=here, outside=here)["id"].tolist() == []
    moved = fleet.to_crs(4326)
    assert select(moved, inside=Region("west", way[0], utm))["id"].tolist() == [1, 2]


def test_a_layer_without_sizes_stays_where_none_is_asked_for(cars) -> None:
    bare = cars([[EAST, NORTH]])
    assert len(select(bare)) == 1
    for settings, field in (
        ({"min_length": 1.0}, "length_m"),
        ({"max_width": 1.0}, "width_m"),
        ({"score": 0.1}, "score"),
        ({"label": ("car",)}, "label"),
    ):
        with pytest.raises(InputError, match=f"have no field {field}"):
            select(bare, FilterSettings(**settings))


def test_an_empty_layer_stays_empty(fleet) -> None:
    assert len(select(fleet[:0], FilterSettings(score=0.5, min_length=2.0))) == 0
