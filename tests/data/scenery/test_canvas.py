from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geovehicle.data.scenery.canvas import (
    TILE,
    Canvas,
    Frame,
    Layer,
    Light,
    Material,
    rectangle,
    rounded,
    swept,
)

NOON = Light(sun=(1.0, 0.5), lean=(0.0, 0.0), shade=(0.4, 0.4, 0.4), penumbra=0.1)
GROUND = Material((100, 110, 120), 0.2)
WHITE = Material((255, 255, 255), 0.0)
ORIGIN = Frame(0.0, 0.0, 0.0)

shift = st.tuples(st.floats(-5, 5), st.floats(-5, 5))


@settings(max_examples=60, deadline=None)
@given(angle=st.floats(0, 6.3), start=shift, end=shift, mirrored=st.booleans())
def test_swept_is_the_hull_of_both_ends(
    angle: float, start: tuple[float, float], end: tuple[float, float], mirrored: bool
) -> None:
    points = [Frame(0, 0, angle).at(x, y)[:2] for x, y in rounded(-2, -1, 2, 1, 0.7)]
    points = points[::-1] if mirrored else points
    ends = [shapely.Polygon([(x + dx, y + dy) for x, y in points]) for dx, dy in (start, end)]
    hull = shapely.convex_hull(shapely.union_all(ends))
    area = shapely.Polygon(swept(points, start, end))
    assert shapely.is_valid(area) or shapely.area(hull) == pytest.approx(area.area, abs=1e-6)
    assert area.area == pytest.approx(hull.area, rel=1e-6)


@given(angle=st.floats(-7, 7), vector=shift)
def test_inward_undoes_the_turn_of_a_frame(angle: float, vector: tuple[float, float]) -> None:
    frame = Frame(3.0, -2.0, angle)
    there = frame.at(*frame.inward(vector))
    assert (there.x - 3.0, there.y + 2.0) == pytest.approx(vector, abs=1e-9)


def test_polygon_lands_on_its_pixels() -> None:
    canvas = Canvas(40, 30, 0.1, NOON)
    canvas.fill(Layer.GROUND, Frame(1.0, 0.5, 0.0), rectangle(0, 0, 2.0, 1.0), WHITE)
    picture = canvas.colours(GROUND)
    assert (picture[5:15, 10:30, :3] == 255).all()
    outside = np.ones((30, 40), dtype=bool)
    outside[4:16, 9:31] = False
    np.testing.assert_array_equal(
        picture[outside], np.tile((100, 110, 120, 51), (outside.sum(), 1))
    )
    weight = picture[..., 0].astype(float) - 100
    x, y = np.meshgrid(np.arange(40) + 0.5, np.arange(30) + 0.5)
    assert (weight * x).sum() / weight.sum() == pytest.approx(20.0, abs=0.15)
    assert (weight * y).sum() / weight.sum() == pytest.approx(10.0, abs=0.15)


def test_tiles_join_without_a_seam() -> None:
    wide = Canvas(TILE + 60, 20, 0.1, NOON)
    shape = rounded(-2, -0.6, 2, 0.6, 0.5)
    wide.fill(Layer.GROUND, Frame(TILE * 0.1, 1.0, 0.4), shape, WHITE)
    narrow = Canvas(120, 20, 0.1, NOON)
    narrow.fill(Layer.GROUND, Frame(6.0, 1.0, 0.4), shape, WHITE)
    # Pillow may round an edge to the next of the 16 samples of a pixel
    seam = wide.colours(GROUND)[:, TILE - 60 :].astype(int)
    np.testing.assert_allclose(seam, narrow.colours(GROUND), atol=155 / 16 + 1)


def test_higher_layers_cover_lower_ones_whatever_the_order() -> None:
    canvas = Canvas(10, 10, 0.1, NOON)
    canvas.fill(Layer.TREE, ORIGIN, rectangle(0, 0, 1, 1), WHITE)
    canvas.fill(Layer.GROUND, ORIGIN, rectangle(0, 0, 1, 1), GROUND)
    assert (canvas.colours(GROUND)[2:8, 2:8, :3] == 255).all()


def test_shadow_falls_away_from_the_sun_and_not_on_its_own_roof() -> None:
    canvas = Canvas(60, 60, 0.1, NOON)
    canvas.prism(Layer.ROOF, Frame(2.0, 2.0, 0.0), rectangle(-1, -1, 1, 1), (WHITE, WHITE), 1.0)
    shadows = canvas.shadows()
    assert shadows[12:28, 12:28].max() == 0
    assert shadows[25, 35] == 255
    assert shadows[8, 8] == 0
    assert shadows[20, 45] == 0


def test_shadow_of_a_tree_falls_on_the_vehicle_below() -> None:
    canvas = Canvas(40, 40, 0.1, NOON)
    canvas.cast(Layer.VEHICLE, Frame(2, 2, 0), rectangle(-1, -1, 1, 1), (0.0, 1.0))
    canvas.sheet(Layer.TREE, Frame(1, 1.5, 0), rectangle(-0.3, -0.3, 0.3, 0.3), 1.0)
    shadows = canvas.shadows()
    assert shadows[20, 20] == 255
    assert shadows[25, 25] == 0


def test_facing_points_to_the_sun() -> None:
    ahead, right = NOON.facing(Frame(0, 0, math.pi / 2))
    assert (ahead, right) == pytest.approx((-0.5 / math.hypot(1, 0.5), 1 / math.hypot(1, 0.5)))
