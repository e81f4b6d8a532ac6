from __future__ import annotations

import math

import numpy as np
import pytest
import shapely

from geovehicle.data.scenery import clutter
from geovehicle.data.scenery.canvas import Canvas, Frame, Light, Material
from geovehicle.data.scenery.clutter import Piece, put, scatter
from geovehicle.data.scenery.footprint import Footprint
from geovehicle.data.scenery.site import Site, random_palette

LIGHT = Light(sun=(0.9, 0.5), lean=(0.02, 0.03), shade=(0.4, 0.4, 0.5), penumbra=0.1)
GROUND = Material((255, 0, 255), 1.0)
"""A colour that nothing has."""

PIECES = {name: piece for name, piece in vars(clutter).items() if isinstance(piece, Piece)}
TABLES = {
    name: table
    for name, table in vars(clutter).items()
    if isinstance(table, tuple) and name.isupper() and not isinstance(table, Piece)
}
SIZE_PX, MIDDLE = 240, Frame(12.0, 12.0, 0.3)


def new_site(seed: int = 0) -> Site:
    rng = np.random.default_rng(seed)
    return Site(Canvas(SIZE_PX, SIZE_PX, 0.1, LIGHT), rng, random_palette(rng), 0.5)


def polygons(things: list[Footprint]) -> list[shapely.Polygon]:
    return [shapely.Polygon(thing.corners()) for thing in things]


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("largest", [False, True])
def test_piece_fills_its_place_and_is_no_vehicle(name: str, largest: bool) -> None:
    piece = PIECES[name]
    site, size = new_site(), (piece.length[largest], piece.width[largest])
    put(site, MIDDLE, piece, size)
    painted = (site.canvas.colours(GROUND)[..., :3] != GROUND.colour).any(axis=2)
    rows, cols = np.nonzero(painted)
    assert len(rows) > 10
    place = shapely.Polygon(Footprint(MIDDLE, *size).corners())
    reach = shapely.distance(place, shapely.points((cols + 0.5) / 10, (rows + 0.5) / 10))
    # walls lean, awnings and the ends of letters stick out
    assert reach.max() < 2.3
    assert (reach < 0.4).mean() > 0.6
    assert site.vehicles == []
    assert len(site.things) == (not piece.flat)


@pytest.mark.parametrize("name", PIECES)
def test_what_stands_casts_a_shadow_and_what_is_flat_does_not(name: str) -> None:
    piece, site = PIECES[name], new_site(1)
    put(site, MIDDLE, piece, (piece.length[1], piece.width[1]))
    flush = piece.flat or name in {"LIGHT_WELL", "BASIN"}
    assert bool(site.canvas.shadows().any()) != flush


@pytest.mark.parametrize("name", TABLES)
def test_scattered_pieces_keep_clear_of_vehicles_and_of_each_other(name: str) -> None:
    site = new_site(2)
    site.park(MIDDLE, "bus")
    (bus,) = polygons(list(site.vehicles))
    scatter(site, Frame(2.0, 2.0, 0.0), (20.0, 20.0), TABLES[name], 60)
    things = np.array(polygons(site.things), dtype=object)
    tree = shapely.STRtree(things)
    one, other = tree.query(things, predicate="intersects")
    np.testing.assert_array_equal(one, other)
    assert not tree.query(bus, predicate="intersects").size
    assert len(site.vehicles) == 1
    # pieces are turned by chance a little, so that a corner may leave the area
    area = shapely.box(2.0, 2.0, 22.0, 22.0).buffer(1.0)
    assert all(area.contains(thing) for thing in things)


def test_tables_fill_an_empty_area_with_several_things() -> None:
    counts = {}
    for name, table in TABLES.items():
        site = new_site(3)
        scatter(site, Frame(0.0, 0.0, 0.0), (24.0, 24.0), table, 25)
        counts[name] = len(site.things)
    flat = {"CARRIAGEWAY", "BAY"}
    assert {name for name, count in counts.items() if count == 0} == flat
    assert min(count for name, count in counts.items() if name not in flat) >= 6


def test_no_vehicle_is_planned_where_a_thing_stands() -> None:
    site = new_site()
    assert site.claim(MIDDLE, 3.0, 3.0)
    site.park(MIDDLE.at(2.0, 0.0), "car")
    assert site.vehicles == []
    site.park(MIDDLE.at(6.0, 0.0), "car")
    assert len(site.vehicles) == 1
    assert not site.claim(MIDDLE.at(6.0, 0.0), 1.0, 1.0)


def test_what_does_not_fit_is_left_out() -> None:
    site = new_site()
    scatter(site, MIDDLE, (2.0, 2.0), ((1.0, clutter.CONTAINER),), 20)
    assert site.things == []


def test_row_is_centred_on_its_place() -> None:
    site = new_site()
    put(site, MIDDLE, clutter.KIOSK, (3.0, 2.0), row=3)
    places = np.array([thing.frame[:2] for thing in site.things])
    np.testing.assert_allclose(places.mean(axis=0), MIDDLE[:2])
    gaps = np.hypot(*np.diff(places, axis=0).T)
    np.testing.assert_allclose(gaps, 2.0 + clutter.GAP_M)


def test_things_far_out_of_view_are_left_out() -> None:
    site = new_site()
    assert not site.claim(Frame(100.0, 5.0, math.pi), 3.0, 3.0)
    put(site, Frame(-60.0, 5.0, 0.0), clutter.PATCH, (3.0, 2.0))
    assert (site.canvas.colours(GROUND)[..., :3] == GROUND.colour).all()
