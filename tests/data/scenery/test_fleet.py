from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geovehicle.data.scenery.canvas import Canvas, Frame, Light, Material
from geovehicle.data.scenery.fleet import (
    CLEARANCE_M,
    LENGTHS_M,
    WIDTHS_M,
    Vehicle,
    draw_vehicle,
    new_vehicle,
)

KINDS = sorted(LENGTHS_M)
frames = st.builds(Frame, st.floats(-12, 12), st.floats(-12, 12), st.floats(-7, 7))


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_fill_the_range_of_the_kind(kind: str) -> None:
    rng = np.random.default_rng(0)
    sizes = np.array(
        [(v.length, v.width) for v in (new_vehicle(rng, kind, Frame(0, 0, 0)) for _ in range(300))]
    )
    for column, (low, high) in enumerate((LENGTHS_M[kind], WIDTHS_M[kind])):
        assert low <= sizes[:, column].min() <= low + 0.3 * (high - low)
        assert high - 0.3 * (high - low) <= sizes[:, column].max() <= high


def test_no_bus_has_a_length_that_is_not_built() -> None:
    rng = np.random.default_rng(1)
    lengths = np.array([new_vehicle(rng, "bus", Frame(0, 0, 0)).length for _ in range(300)])
    assert not ((lengths > 12.2) & (lengths < 16.5)).any()
    assert (lengths > 13).any()


@settings(max_examples=200, deadline=None)
@given(frames, frames, st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_touching_agrees_with_the_distance_of_the_footprints(
    one: Frame, other: Frame, kind: str, other_kind: str
) -> None:
    rng = np.random.default_rng(2)
    pair: list[Vehicle] = [new_vehicle(rng, kind, one), new_vehicle(rng, other_kind, other)]
    gap = shapely.distance(*(shapely.Polygon(vehicle.corners()) for vehicle in pair))
    # separating axes see the gap of the sides, at corners the distance is larger
    if gap == 0:
        assert pair[0].touches(pair[1])
    if pair[0].touches(pair[1]):
        assert gap <= CLEARANCE_M * 2**0.5 + 1e-9
    assert pair[0].touches(pair[1]) == pair[1].touches(pair[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("angle", [0.0, 0.7, 2.5])
def test_picture_fills_the_footprint(kind: str, angle: float) -> None:
    light = Light(sun=(0.0, 0.0), lean=(0.0, 0.0), shade=(0.4, 0.4, 0.4), penumbra=0.1)
    canvas = Canvas(220, 220, 0.1, light)
    vehicle = new_vehicle(np.random.default_rng(5), kind, Frame(11.0, 11.0, angle))
    draw_vehicle(canvas, vehicle)
    colours = canvas.colours(Material((255, 0, 255), 1.0))
    painted = colours[..., 3] < 128
    x, y = np.meshgrid(np.arange(220) + 0.5, np.arange(220) + 0.5)
    outline = shapely.Polygon(np.array(vehicle.corners()) * 10)
    inside = shapely.contains_xy(outline, x, y)
    assert (painted & inside).sum() / (painted | inside).sum() > 0.88
    # only mirrors stick out
    assert shapely.contains_xy(outline.buffer(2.0), x, y)[painted].all()


def test_windscreen_is_in_front() -> None:
    light = Light(sun=(0.0, 0.0), lean=(0.0, 0.0), shade=(0.4, 0.4, 0.4), penumbra=0.1)
    canvas = Canvas(220, 220, 0.1, light)
    draw_vehicle(canvas, Vehicle(Frame(11.0, 11.0, 0.0), "van", 6.0, 2.0, look=0))
    levels = canvas.colours(Material((128, 128, 128)))[108:112, :, :3].mean(axis=(0, 2))
    assert levels[127:134].mean() < levels[86:93].mean() - 50
