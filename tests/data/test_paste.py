"""Pasted pieces on black: vehicles of the donor are red, its ground is green."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.data.paste import CLEARANCE, MOST_PIECES, paste
from geovehicle.data.views import Vehicles, View
from geovehicle.footprints import boxes_of, corners_of, polygons_of, turn_between

if TYPE_CHECKING:
    from pathlib import Path

GSD = 0.10
NONE = np.empty((0, 4))
RED, GREEN = (230, 0, 0), (0, 200, 0)
CARS = np.array([(60.0, 40.0, 105.0, 60.0), (150.0, 90.0, 172.0, 140.0)])
SQUARE = np.array([(200.0, 20.0, 230.0, 50.0)])
CUT = np.array([(0.0, 150.0, 30.0, 166.0)])

with_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def donor(tmp_path: Path) -> Any:
    """Return a function that makes an image of red vehicles on green ground."""

    def make(boxes: np.ndarray, gsd: float = GSD, ignore: np.ndarray = NONE) -> LabelledImage:
        pixels = np.full((200, 260, 3), GREEN, np.uint8)
        for x1, y1, x2, y2 in np.concatenate([boxes, ignore]).astype(int):
            pixels[y1:y2, x1:x2] = RED
        path = tmp_path / "donor.png"
        Image.fromarray(pixels).save(path, compress_level=0)
        return LabelledImage(path, 1, 260, 200, gsd, "", "", boxes, ignore)

    return make


def black(boxes: np.ndarray = NONE, ignore: np.ndarray = NONE) -> View:
    return View(np.zeros((300, 320, 3), np.uint8), Vehicles.of_boxes(boxes), ignore)


def pasted(donor: LabelledImage, seed: int, view: View | None = None, scale: float = 1.0) -> View:
    rng = np.random.default_rng(seed)
    return paste(rng, black() if view is None else view, donor, GSD, (scale, scale))


def is_whole(view: View) -> bool:
    """Tell whether no vehicle is cut at the edge."""
    height, width = view.pixels.shape[:2]
    inside = (view.boxes > 0).all() and (view.boxes[:, 2:] < (width, height)).all()
    return bool(inside) and not len(view.ignore)


def red(view: View, box: np.ndarray) -> np.ndarray:
    x1, y1, x2, y2 = (int(n) for n in (*np.floor(box[:2]), *np.ceil(box[2:])))
    return view.pixels[y1:y2, x1:x2, 0] > 127


@with_files
@given(seeds)
def test_every_red_pixel_is_in_a_box_and_every_box_is_of_a_vehicle(donor: Any, seed: int) -> None:
    view = pasted(donor(CARS), seed)
    left = view.pixels[..., 0] > 127
    for box in view.boxes:
        assert red(view, box).sum() > 150  # of 900, as the edge may cut a turned one
        x1, y1, x2, y2 = (int(n) for n in (*np.floor(box[:2]), *np.ceil(box[2:])))
        left[y1:y2, x1:x2] = False
    for x1, y1, x2, y2 in view.ignore.astype(int):  # cut at the edge by more than half
        left[y1 : y2 + 1, x1 : x2 + 1] = False
    assert left.sum() == 0


@with_files
@given(seeds)
def test_a_box_is_no_wider_than_the_turned_rectangle(donor: Any, seed: int) -> None:
    view = pasted(donor(CARS[:1]), seed)
    sides = view.boxes[:, 2:] - view.boxes[:, :2]
    assert (sides <= np.hypot(45, 20) + 1e-6).all()
    inner = view.boxes[(view.boxes > 1).all(axis=1) & (view.boxes[:, 2:] < 299).all(axis=1)]
    for box in inner:
        rows, columns = np.nonzero(red(view, box))
        assert np.ptp(columns) + 1 >= box[2] - box[0] - 9  # round corners
        assert np.ptp(rows) + 1 >= box[3] - box[1] - 9


@with_files
@given(seeds)
def test_enclosures_lie_on_the_vehicles(donor: Any, seed: int) -> None:
    boxes = CARS + 0.2  # labels are finer than pixels
    view = pasted(replace(donor(boxes), types=("van", "bus")), seed)
    bright = view.pixels[..., 0] > 127
    y, x = np.mgrid[: bright.shape[0], : bright.shape[1]] + 0.5
    inside = (view.boxes > 1).all(axis=1) & (view.boxes[:, 2:] < (319, 299)).all(axis=1)
    left = bright.copy()
    outlines = polygons_of(corners_of(view.vehicles.enclosures))
    for enclosure, outline, whole in zip(view.vehicles.enclosures, outlines, inside, strict=True):
        assert bright[shapely.contains_xy(outline, x, y)].mean() > 0.85  # round corners
        around = shapely.contains_xy(shapely.buffer(outline, 2), x, y)
        left &= ~around
        own = around & bright
        gap = np.hypot(x[own].mean() - enclosure[0], y[own].mean() - enclosure[1])
        assert gap < 0.7 or not whole
    assert not left.any() or len(view.ignore)
    lengths, types = view.vehicles.enclosures[inside, 2], view.vehicles.types[inside]
    np.testing.assert_allclose(lengths, np.choose(types - 1, [45, 50]))
    assert view.vehicles.directed.all()


def test_a_pasted_vehicle_lies_as_its_footprint_does(donor: Any) -> None:
    """An elongated box may hold one that is turned a little, or not tell."""
    turned = np.array([(90.0, 50.0, 50.0, 20.0, 0.12)])
    corners = corners_of(turned)
    image = donor(boxes_of(corners))
    known = replace(image, footprints=corners, oriented=np.array([True]))
    for seed in range(20):
        one, other = (pasted(chosen, seed).vehicles for chosen in (image, known))
        assert len(one) == len(other)
        assert other.directed.all()
        turns = turn_between(one.enclosures[:, 4], other.enclosures[:, 4])
        np.testing.assert_allclose(turns, 0.12, atol=1e-9)
    stubby = donor(np.array([(60.0, 40.0, 98.0, 60.0)]))
    views = [pasted(stubby, seed).vehicles for seed in range(10)]
    assert sum(len(view) for view in views) > 5
    assert not any(view.directed.any() for view in views)


@with_files
@given(seeds)
def test_what_is_labelled_stays_as_it_is(donor: Any, seed: int) -> None:
    old = np.array([(100.0, 100.0, 190.0, 200.0)])
    ignore = np.array([(200.0, 20.0, 300.0, 80.0)])
    view = pasted(donor(CARS), seed, black(old, ignore))
    assert (view.boxes[0] == old[0]).all()
    assert (view.ignore[0] == ignore[0]).all()
    for x1, y1, x2, y2 in np.concatenate([old, ignore]).astype(int):
        assert not view.pixels[y1:y2, x1:x2].any()
    new = view.boxes[1:]
    for index, box in enumerate(new):
        others = np.concatenate([new[:index], new[index + 1 :], old, ignore])
        low = np.maximum(box[:2], others[:, :2])
        high = np.minimum(box[2:], others[:, 2:])
        assert not ((high - low) > -CLEARANCE).all(axis=1).any()


def test_as_much_background_as_vehicles_comes_along(donor: Any) -> None:
    image = donor(CARS)
    views = [pasted(image, seed) for seed in range(60)]
    vehicles = sum(len(view.boxes) for view in views)
    green = sum((view.pixels[..., 1] > 127).sum() for view in views)
    assert vehicles > 60
    assert 0.5 < green / (vehicles * 45 * 20) < 1.1
    assert max(len(view.boxes) for view in views) <= MOST_PIECES // 2


def test_nothing_unlabelled_is_pasted_as_background(donor: Any) -> None:
    image = donor(CARS, ignore=np.array([(20.0, 70.0, 140.0, 190.0)]))
    for seed in range(40):
        view = pasted(image, seed)
        count = (view.pixels[..., 0] > 127).sum()
        assert count <= len(view.boxes) * 50 * 22 + len(view.ignore) * 25 * 22


def test_diagonal_vehicles_stay_where_they_are(donor: Any) -> None:
    """Even known ones: their boxes hold more ground than vehicle."""
    corners = corners_of(np.array([(90.0, 80.0, 46.0, 19.0, 0.8)]))
    image = replace(donor(boxes_of(corners)), footprints=corners, oriented=np.array([True]))
    assert not pasted(image, 3).pixels.any()


def test_vehicles_of_unknown_outline_stay_where_they_are(donor: Any) -> None:
    for boxes in (SQUARE, CUT, NONE):
        view = pasted(donor(boxes), 3)
        assert len(view.boxes) == 0
        assert not view.pixels.any()


def test_size_follows_the_ground(donor: Any) -> None:
    def area(gsd: float, scale: float) -> float:
        views = [pasted(donor(CARS[:1], gsd), seed, scale=scale) for seed in range(60)]
        whole = [view for view in views if len(view.boxes) == 1 and is_whole(view)]
        return float(np.median([(view.pixels[..., 0] > 127).sum() for view in whole])) / (45 * 20)

    assert area(0.10, 1.0) == pytest.approx(0.97, abs=0.05)
    assert area(0.20, 1.0) == pytest.approx(4 * 0.97, rel=0.08)
    assert area(0.10, 0.5) == pytest.approx(0.25 * 0.97, rel=0.15)


def test_the_view_given_is_left_alone(donor: Any) -> None:
    view = black()
    assert pasted(donor(CARS), 1, view).pixels.any()
    assert not view.pixels.any()


def test_the_same_draws_give_the_same_view(donor: Any) -> None:
    one, two = (pasted(donor(CARS), 9) for _ in range(2))
    assert (one.pixels == two.pixels).all()
    assert (one.boxes == two.boxes).all()
