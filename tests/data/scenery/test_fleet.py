from __future__ import annotations

import numpy as np
import pytest
import shapely

from geovehicle.data.scenery.canvas import Canvas, Frame, Light, Material
from geovehicle.data.scenery.fleet import (
    GAPS_M,
    LENGTHS_M,
    WIDTHS_M,
    Vehicle,
    draw_vehicle,
    new_vehicle,
)

KINDS = sorted(LENGTHS_M)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_fill_the_range_of_the_kind(kind: str) -> None:
    rng = np.random.default_rng(0)
    sizes = np.array(
        [(v.length, v.width) for v in (new_vehicle(rng, kind, Frame(0, 0, 0)) for _ in range(300))]
    )
    for column, (low, high) in enumerate((LENGTHS_M[kind], WIDTHS_M[kind])):
        assert low <= sizes[:, column].min() <= low + 0.3 * (high - low)
        assert high - 0.3 * (high - low) <= sizes[:, column].max() <= high


@pytest.mark.parametrize("kind", GAPS_M)
def test_no_vehicle_has_a_length_that_is_not_built(kind: str) -> None:
    rng, (below, above) = np.random.default_rng(1), GAPS_M[kind]
    lengths = np.array([new_vehicle(rng, kind, Frame(0, 0, 0)).length for _ in range(300)])
    assert not ((lengths > below) & (lengths < above)).any()
    assert (lengths > above).any()
    assert (lengths < below).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("look", range(8))
def test_picture_fills_the_footprint(kind: str, look: int) -> None:
    light = Light(sun=(0.0, 0.0), lean=(0.0, 0.0), shade=(0.4, 0.4, 0.4), penumbra=0.1)
    canvas = Canvas(220, 220, 0.1, light)
    vehicle = new_vehicle(np.random.default_rng(look), kind, Frame(11.0, 11.0, 0.8 * look))
    draw_vehicle(canvas, vehicle)
    colours = canvas.colours(Material((255, 0, 255), 1.0))
    painted = colours[..., 3] < 192
    x, y = np.meshgrid(np.arange(220) + 0.5, np.arange(220) + 0.5)
    outline = shapely.Polygon(np.array(vehicle.corners()) * 10)
    inside = shapely.contains_xy(outline, x, y)
    assert (painted & inside).sum() / (painted | inside).sum() > 0.88
    # only mirrors stick out
    assert shapely.contains_xy(outline.buffer(2.0), x, y)[painted].all()


def test_windscreen_is_in_front() -> None:
    light = Light(sun=(0.0, 0.0), lean=(0.0, 0.0), shade=(0.4, 0.4, 0.4), penumbra=0.1)
    canvas = Canvas(220, 220, 0.1, light)
    draw_vehicle(canvas, Vehicle(Frame(11.0, 11.0, 0.0), 6.0, 2.0, "van", look=0))
    levels = canvas.colours(Material((128, 128, 128)))[108:112, :, :3].mean(axis=(0, 2))
    assert levels[127:134].mean() < levels[86:93].mean() - 50
