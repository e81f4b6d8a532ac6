"""Boxes follow the pixels: each planted thing is one colour channel of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from geovehicle.data import augment
from geovehicle.data.augment import (
    SEEDS,
    change_colours,
    labelled_view,
    plain_view,
    synthetic_view,
    tile,
)
from geovehicle.data.coco import LabelledImage
from geovehicle.data.synthetic import Scene, render_scene
from geovehicle.data.views import Vehicles, View
from geovehicle.footprints import boxes_of, corners_of, polygons_of, turn_between
from geovehicle.settings import VEHICLE_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

GSD = 0.10
NONE = np.empty((0, 4))
VIEW = (220, 180)
Box = tuple[float, float, float, float]

with_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
seeds = st.integers(0, 2**32 - 1)


def painted(width: int, height: int, boxes: Sequence[Box], rounded: bool) -> NDArray[np.uint8]:
    """Return black with a bright rectangle, or ellipse, in each channel."""
    y, x = np.mgrid[:height, :width] + 0.5
    pixels = np.zeros((height, width, 3), np.uint8)
    for channel, (x1, y1, x2, y2) in enumerate(boxes):
        across, down = (2 * x - x1 - x2) / (x2 - x1), (2 * y - y1 - y2) / (y2 - y1)
        inside = np.hypot(across, down) < 1 if rounded else np.maximum(abs(across), abs(down)) < 1
        pixels[inside, channel] = 255
    return pixels


def labelled(
    folder: Path, boxes: Sequence[Box], ignore: Sequence[Box] = (), **other: Any
) -> LabelledImage:
    """Return an image with the boxes in red, green ... and the ignore boxes in what is left."""
    width, height = other.pop("size", (300, 240))
    path = folder / "image.png"
    pixels = painted(width, height, [*boxes, *ignore], other.pop("rounded", False))
    Image.fromarray(pixels).save(path, compress_level=0)
    arrays = (np.array(one, float).reshape(-1, 4) for one in (boxes, ignore))
    return LabelledImage(path, 1, width, height, other.pop("gsd", GSD), "", "", *arrays)


def view_of(
    image: LabelledImage, seed: int, scale: float = 1.0, size: tuple[int, int] = VIEW
) -> View:
    return labelled_view(np.random.default_rng(seed), image, size, GSD, (scale, scale))


def bounds(view: View, channel: int) -> NDArray[np.float64]:
    """Return x1, y1, x2, y2 of what is bright."""
    rows, columns = np.nonzero(view.pixels[..., channel] > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


def encloses(box: NDArray[np.float64], inner: NDArray[np.float64], slack: float = 1.5) -> bool:
    return bool((box[:2] <= inner[:2] + slack).all() and (box[2:] >= inner[2:] - slack).all())


def assert_follows(view: View, box: NDArray[np.float64], channel: int) -> None:
    """Assert that a box encloses what is bright, tightly unless it is cut."""
    height, width = view.pixels.shape[:2]
    bright = bounds(view, channel)
    assert encloses(box, bright)
    if (box > 0.5).all() and (box[2:] < np.array([width, height]) - 0.5).all():
        assert abs(box - bright).max() < 2.5


def covered(view: View, enclosure: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which pixels are in a rectangle, shape (5,)."""
    y, x = np.mgrid[: view.pixels.shape[0], : view.pixels.shape[1]] + 0.5
    inside = shapely.contains_xy(polygons_of(corners_of(enclosure[None]))[0], x, y)
    return np.asarray(inside, np.bool_)


def overlap(view: View, enclosure: NDArray[np.float64], channel: int) -> float:
    """Return the intersection over union of a rectangle with what is bright."""
    inside, bright = covered(view, enclosure), view.pixels[..., channel] > 127
    return float((inside & bright).sum() / (inside | bright).sum())


def share_shown(view: View, channel: int, area: float) -> float:
    return float((view.pixels[..., channel] / 255).sum() / area)


def assert_sound(view: View) -> None:
    """Assert that boxes have an area and lie inside, and that there is all of each vehicle."""
    height, width = view.pixels.shape[:2]
    count = len(view.boxes)
    one = view.vehicles
    assert one.enclosures.shape == (count, 5)
    assert one.directed.shape == one.types.shape == (count,)
    assert (one.enclosures[:, 2:4] >= 1).all()
    outer = boxes_of(corners_of(one.enclosures))[one.directed]
    assert (outer[:, :2] <= one.boxes[one.directed, :2] + 1e-6).all()
    assert (outer[:, 2:] >= one.boxes[one.directed, 2:] - 1e-6).all()
    for boxes in (view.boxes, view.ignore):
        assert boxes.shape[1:] == (4,)
        boxes = boxes.astype(np.float32)  # as the network gets them
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (boxes >= 0).all()
        assert (boxes[:, 2:] <= (width, height)).all()


@st.composite
def elongated(draw: Any, size: tuple[int, int] = (300, 240)) -> Box:
    width = draw(st.integers(14, 28))
    sides = [width, draw(st.integers(int(1.8 * width) + 1, 90))]
    sides = sides if draw(st.booleans()) else sides[::-1]
    x, y = (draw(st.integers(0, limit - side)) for limit, side in zip(size, sides, strict=True))
    return x, y, x + sides[0], y + sides[1]


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


class TestLabelledView:
    @with_files
    @given(box=elongated(), ignored=elongated(), seed=seeds, scale=st.floats(0.5, 2.0))
    def test_boxes_follow_the_pixels(
        self, tmp_path: Path, box: Box, ignored: Box, seed: int, scale: float
    ) -> None:
        """Turned by any angle, mirrored, scaled and cut."""
        view = view_of(labelled(tmp_path, [box], [ignored]), seed, scale)
        assert_sound(view)
        shown = share_shown(view, 0, area(box) * scale**2)
        for found in view.boxes:
            assert_follows(view, found, 0)
            assert shown > 0.2
        if shown > 0.75:
            assert len(view.boxes) == 1
        for channel, thing in enumerate((box, ignored)):
            if share_shown(view, channel, area(thing) * scale**2) > 0.1:
                everywhere = np.concatenate([view.boxes, view.ignore])
                assert any(encloses(one, bounds(view, channel)) for one in everywhere)

    @with_files
    @given(box=elongated(), seed=seeds, scale=st.floats(0.5, 2.0))
    def test_ignore_boxes_move_along(
        self, tmp_path: Path, box: Box, seed: int, scale: float
    ) -> None:
        view = view_of(labelled(tmp_path, [], [box]), seed, scale)
        assert_sound(view)
        assert len(view.boxes) == 0
        for found in view.ignore:
            if (view.pixels[..., 0] > 127).any():
                assert_follows(view, found, 0)
        if share_shown(view, 0, area(box) * scale**2) > 0.1:
            assert len(view.ignore) == 1

    @with_files
    @given(seed=seeds, scale=st.floats(0.5, 2.0), size=st.tuples(*[st.integers(30, 50)] * 2))
    def test_stout_boxes_hold_ellipses(
        self, tmp_path: Path, seed: int, scale: float, size: tuple[int, int]
    ) -> None:
        """A vehicle that stands diagonally does not fill the corners of its box."""
        box = (120, 90, 120 + size[0], 90 + size[1])
        view = view_of(labelled(tmp_path, [box], rounded=True), seed, scale)
        for found in view.boxes:
            assert_follows(view, found, 0)

    def test_turns_mirrors_and_scales_all_occur(self, tmp_path: Path) -> None:
        image = labelled(tmp_path, [(100, 110, 180, 130)])
        ratios = []
        for seed in range(60):
            view = labelled_view(np.random.default_rng(seed), image, VIEW, GSD, (0.5, 2.0))
            if len(view.boxes):
                x1, y1, x2, y2 = bounds(view, 0)
                ratios.append((x2 - x1) / (y2 - y1))
        assert min(ratios) < 0.35
        assert max(ratios) > 2.9
        assert np.mean((np.array(ratios) > 0.6) & (np.array(ratios) < 1.7)) > 0.1

    def test_both_hands_occur(self, tmp_path: Path) -> None:
        """Red lies before green; blue is to the left of both in half of the views."""
        boxes = [(130, 130, 150, 150), (160, 130, 180, 150), (160, 90, 180, 110)]
        image = labelled(tmp_path, boxes)
        hands = []
        for seed in range(60):
            view = view_of(image, seed)
            if len(view.boxes) == 3:
                red, green, blue = (bounds(view, n).reshape(2, 2).mean(axis=0) for n in range(3))
                ahead, aside = green - red, blue - red
                hands.append(ahead[0] * aside[1] - ahead[1] * aside[0] > 0)
        assert 0.25 < np.mean(hands) < 0.75

    def test_the_ground_decides_the_size(self, tmp_path: Path) -> None:
        image = labelled(tmp_path, [(100, 110, 160, 130)], gsd=2 * GSD)
        for seed in range(20):
            view = view_of(image, seed, scale=0.75)
            visible = share_shown(view, 0, 60 * 20 * 1.5**2)
            assert visible < 1.03
            if (
                len(view.boxes)
                and (view.boxes > 1).all()
                and (view.boxes[0, 2:] < (219, 179)).all()
            ):
                assert visible == pytest.approx(1, abs=0.03)

    def test_stout_boxes_are_ignored_where_the_view_is_turned_freely(self, tmp_path: Path) -> None:
        slim = [(100, 100, 150, 120), (100, 140, 150, 160)]
        image = labelled(tmp_path, [*slim, (160, 100, 190, 130)])
        turned = [view for view in (view_of(image, seed) for seed in range(60)) if len(view.ignore)]
        whole = [v for v in turned if len(v.boxes) == 2 and share_shown(v, 2, 900) > 0.97]
        assert len(whole) > 5
        for view in whole:
            centre = bounds(view, 2).reshape(2, 2).mean(axis=0)
            assert abs(view.ignore[0].reshape(2, 2).mean(axis=0) - centre).max() < 1.5

    def test_views_of_stout_boxes_are_hardly_turned(self, tmp_path: Path) -> None:
        image = labelled(tmp_path, [(130, 100, 160, 130)])
        for seed in range(40):
            view = view_of(image, seed)
            if share_shown(view, 0, 900) > 0.97:
                assert len(view.boxes) + len(view.ignore) == 1
                x1, y1, x2, y2 = bounds(view, 0)
                assert max(x2 - x1, y2 - y1) < 38  # 42 were it turned by 45 degrees

    @with_files
    @given(data=st.data(), seed=seeds)
    def test_no_box_without_area(self, tmp_path: Path, data: Any, seed: int) -> None:
        """However small they are, and even where they leave the image."""
        corner, side = st.floats(-40, 300), st.floats(0.01, 200)
        quarters = st.lists(st.tuples(corner, corner, side, side), max_size=12)
        boxes, ignore = (
            [(x, y, x + w, y + h) for x, y, w, h in data.draw(quarters)] for _ in range(2)
        )
        image = labelled(tmp_path, [])
        arrays = (np.array(one, float).reshape(-1, 4) for one in (boxes, ignore))
        image = LabelledImage(image.path, 1, 300, 240, GSD, "", "", *arrays)
        assert_sound(view_of(image, seed, data.draw(st.floats(0.3, 3.0))))

    @pytest.mark.parametrize("size", [(3, 3), (12, 300), (40, 30), (20, 50)])
    def test_small_images_are_surrounded_by_black(
        self, tmp_path: Path, size: tuple[int, int]
    ) -> None:
        image = labelled(tmp_path, [(0, 0, *size)], size=size)
        for seed in range(10):
            view = view_of(image, seed)
            assert view.pixels.shape == (180, 220, 3)
            assert 0 < share_shown(view, 0, size[0] * size[1]) < 1.2
            assert_sound(view)

    def test_views_repeat_with_their_generator(self, tmp_path: Path) -> None:
        image = labelled(tmp_path, [(100, 110, 160, 130)])
        one, two, other = (view_of(image, seed) for seed in (4, 4, 5))
        assert (one.pixels == two.pixels).all()
        assert one.boxes.tolist() == two.boxes.tolist()
        assert (one.pixels != other.pixels).any()


def test_tiles_carry_their_boxes_along() -> None:
    column, row, width, height = 70, 40, 120, 110
    sizes = [(w, h) for h in (row, height - row) for w in (column, width - column)]
    box, ignored = (5.0, 6.0, 25.0, 16.0), (30.0, 20.0, 45.0, 30.0)
    vehicles = replace(Vehicles.of_boxes(np.array([box])), types=np.array([1]))
    views = [
        View(painted(*size, [box, ignored], False), vehicles, np.array([ignored])) for size in sizes
    ]
    views[2] = View(views[2].pixels // 2, vehicles.take(np.array([], int)), NONE)
    tiled = tile(views, (column, row))
    assert tiled.pixels.shape == (height, width, 3)
    corners = [(0, 0), (column, 0), (column, row)]
    for boxes, origin, channel in ((tiled.boxes, box, 0), (tiled.ignore, ignored, 1)):
        assert boxes.tolist() == [
            [origin[0] + x, origin[1] + y, origin[2] + x, origin[3] + y] for x, y in corners
        ]
        bright = tiled.pixels[..., channel] == 255
        for x1, y1, x2, y2 in boxes.astype(int):
            assert bright[y1:y2, x1:x2].all()
        assert bright.sum() == 3 * area(origin)
    assert (tiled.pixels[row:, :column].max(), len(tiled.boxes)) == (127, 3)
    assert boxes_of(corners_of(tiled.vehicles.enclosures)).tolist() == tiled.boxes.tolist()
    assert tiled.vehicles.types.tolist() == [1, 1, 1]


@st.composite
def rectangles(draw: Any, size: tuple[int, int] = (300, 240)) -> NDArray[np.float64]:
    """Return one rectangle that lies anyhow within an image."""
    x, y = (draw(st.floats(60, side - 60)) for side in size)
    length, slim = draw(st.floats(40, 90)), draw(st.floats(2.0, 3.0))
    angle = draw(st.floats(-np.pi / 2, np.pi / 2))
    return np.array([[x, y, length, length / slim, angle]])


def outlined(folder: Path, enclosures: NDArray[np.float64], **other: Any) -> LabelledImage:
    """Return an image with footprints in red, green ... and their boxes as labels."""
    pixels = np.zeros((240, 300, 3), np.uint8)
    black = View(pixels, Vehicles.of_boxes(NONE), NONE)
    for channel, one in enumerate(enclosures):
        pixels[covered(black, one), channel] = 255
    path = folder / "image.png"
    Image.fromarray(pixels).save(path, compress_level=0)
    corners = corners_of(enclosures)
    known = {"footprints": corners, "oriented": np.ones(len(corners), bool)} | other
    return LabelledImage(path, 1, 300, 240, GSD, "", "", boxes_of(corners), NONE, **known)


class TestFootprints:
    """Enclosures follow the pixels: turned by any angle, mirrored, scaled and cut."""

    @with_files
    @given(enclosure=rectangles(), seed=seeds, scale=st.floats(0.7, 1.5))
    def test_known_outlines(
        self, tmp_path: Path, enclosure: NDArray[np.float64], seed: int, scale: float
    ) -> None:
        view = view_of(outlined(tmp_path, enclosure, types=("bus",)), seed, scale)
        assert_sound(view)
        whole = share_shown(view, 0, enclosure[0, 2] * enclosure[0, 3] * scale**2) > 0.99
        assert len(view.boxes) == 1 or not whole
        for found, box in zip(view.vehicles.enclosures, view.boxes, strict=True):
            assert (view.vehicles.directed.tolist(), view.vehicles.types.tolist()) == ([True], [2])
            assert_follows(view, box, 0)
            if whole:
                assert overlap(view, found, 0) > 0.85  # of a rectangle 14 pixels wide
                np.testing.assert_allclose(found[2:4], enclosure[0, 2:4] * scale)
            elif found[2] > 1.5 * found[3]:  # the edge may cut off a triangle
                bright = covered(view, found)[view.pixels[..., 0] > 127]
                assert bright.mean() > 0.93

    @with_files
    @given(box=elongated(), seed=seeds, scale=st.floats(0.5, 2.0))
    def test_labels_along_the_axes(self, tmp_path: Path, box: Box, seed: int, scale: float) -> None:
        view = view_of(labelled(tmp_path, [box]), seed, scale)
        sides = sorted([box[2] - box[0], box[3] - box[1]])
        apart = min(box[0], box[1], 300 - box[2], 240 - box[3]) >= 1.5
        for found, known in zip(view.vehicles.enclosures, view.vehicles.directed, strict=True):
            assert known == (apart and sides[1] > 2.1 * sides[0] and sides[0] <= 34)
            assert (found[2:4] <= (sides[1] * scale + 1e-6, sides[0] * scale + 1e-6)).all()
            if share_shown(view, 0, area(box) * scale**2) > 0.99:
                assert overlap(view, found, 0) > 0.8  # of a rectangle 7 pixels wide

    def test_known_diagonals_are_turned_freely_and_stay_vehicles(self, tmp_path: Path) -> None:
        enclosures = np.array([(100.0, 120, 50, 22, 0.8), (180, 120, 50, 22, 0.8)])
        image = outlined(tmp_path, enclosures)
        angles = []
        for seed in range(60):
            view = view_of(image, seed, 0.7)
            if all(share_shown(view, n, 50 * 22 * 0.49) > 0.99 for n in range(2)):
                assert (len(view.boxes), len(view.ignore)) == (2, 0)
                angles.append(view.vehicles.enclosures[0, 4])
        assert len(angles) > 20
        turns = np.degrees(turn_between(np.array(angles), 0.8)) % 90
        assert ((turns > 15) & (turns < 75)).any()

    def test_plain_views_mirror_directions(self, tmp_path: Path) -> None:
        enclosures = np.array([(120.0, 120, 60, 25, 0.6)])
        image = outlined(tmp_path, enclosures)
        seen = set()
        for seed in range(12):
            view = plain_view(np.random.default_rng(seed), image, (300, 240), GSD)
            (found,) = view.vehicles.enclosures
            assert overlap(view, found, 0) > 0.9
            seen.add(round(float(found[4]), 6))
        assert seen == {0.6, -0.6}

    def test_rendered_footprints_come_through_cut_and_tile(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scenes: list[Scene] = []

        def render(*arguments: Any) -> Scene:
            scenes.append(render_scene(*arguments))
            return scenes[-1]

        monkeypatch.setattr(augment, "render_scene", render)
        sizes = [(w, h) for h in (240, 200) for w in (220, 260)]
        rng = np.random.default_rng(3)
        tiled = tile([synthetic_view(rng, size, GSD) for size in sizes], (220, 240))
        assert_sound(tiled)
        found = tiled.vehicles
        assert found.directed.all()
        whole = 0
        for scene, size, corner in zip(
            scenes, sizes, [(0, 0), (220, 0), (0, 240), (220, 240)], strict=True
        ):
            margin = (np.array(scene.pixels.shape[:0:-1]) - size) / 2
            inside = ((scene.footprints > margin) & (scene.footprints < margin + size)).all((1, 2))
            for index in np.flatnonzero(inside):
                expected = scene.footprints[index] - margin + corner
                gaps = np.abs(corners_of(found.enclosures) - expected).max(axis=(1, 2))
                turned = np.abs(corners_of(found.enclosures)[:, [2, 3, 0, 1]] - expected)
                at = np.minimum(gaps, turned.max(axis=(1, 2))).argmin()
                assert min(gaps[at], turned[at].max()) < 1e-6
                assert VEHICLE_TYPES[found.types[at]] == scene.types[index]
                whole += 1
        assert whole > 5


class TestChangeColours:
    BOX = (20, 30, 60, 50)

    def _view(self) -> View:
        pixels = np.full((90, 110, 3), 70, np.uint8)
        pixels[30:50, 20:60] = 200
        vehicles = Vehicles.of_boxes(np.array([self.BOX], float))
        return View(pixels, vehicles, np.array([[80.0, 5.0, 90.0, 15.0]]))

    def test_the_places_stay(self) -> None:
        """Nothing explains the changed picture better than the planted place itself."""
        mask = (self._view().pixels[..., 0] > 100).astype(float)
        for seed in range(40):
            view = change_colours(np.random.default_rng(seed), self._view())
            assert (view.pixels.shape, view.pixels.dtype) == ((90, 110, 3), np.uint8)
            assert view.boxes.tolist() == [list(self.BOX)]
            assert view.vehicles.enclosures.tolist() == [[40, 40, 40, 20, 0]]
            assert view.ignore.tolist() == [[80, 5, 90, 15]]
            grey = view.pixels.mean(axis=2)
            fits = {
                (dx, dy): np.corrcoef(np.roll(mask, (dy, dx), (0, 1)).ravel(), grey.ravel())[0, 1]
                for dx in (-3, 0, 3)
                for dy in (-3, 0, 3)
            }
            assert max(fits, key=fits.__getitem__) == (0, 0), seed

    def test_the_view_given_stays(self) -> None:
        view = self._view()
        for seed in range(10):
            change_colours(np.random.default_rng(seed), view)
        assert (view.pixels == self._view().pixels).all()

    def test_colours_vary_and_repeat(self) -> None:
        def changed(seed: int) -> NDArray[np.uint8]:
            return change_colours(np.random.default_rng(seed), self._view()).pixels

        assert (changed(3) == changed(3)).all()
        levels = [changed(seed)[70:].mean() for seed in range(40)]
        assert max(levels) - min(levels) > 60


class TestSyntheticView:
    """With planted vehicles in place of rendered ones."""

    def _view(self, monkeypatch: pytest.MonkeyPatch, *vehicles: Box) -> View:
        """Return a view of rectangles that are given in its own pixels."""

        def render(seed: int, width: int, height: int, gsd: float) -> Scene:
            offset = np.array([width - VIEW[0], height - VIEW[1]] * 2) / 2
            boxes = np.array(vehicles) + offset
            pixels = painted(width, height, boxes.tolist(), False).transpose(2, 0, 1)
            centres = (boxes[:, :2] + boxes[:, 2:]) / 2
            inside = ((centres > 0) & (centres < (width, height))).all(axis=1)
            footprints = boxes[inside][:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
            return Scene(pixels, gsd, footprints, ("bus",) * int(inside.sum()))

        monkeypatch.setattr(augment, "render_scene", render)
        return synthetic_view(np.random.default_rng(0), VIEW, GSD)

    def test_boxes_follow_the_pixels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole, cut, mostly_cut = (100, 90, 145, 110), (-20, 20, 40, 40), (200, 120, 260, 140)
        view = self._view(monkeypatch, whole, cut, mostly_cut)
        assert view.pixels.shape == (VIEW[1], VIEW[0], 3)
        assert view.boxes.tolist() == [list(whole), [0, 20, 40, 40]]
        assert view.ignore.tolist() == [[200, 120, 220, 140]]
        for channel, box in enumerate([*view.boxes, *view.ignore]):
            assert bounds(view, channel).tolist() == box.tolist()

    def test_vehicles_out_of_view_have_no_box(self, monkeypatch: pytest.MonkeyPatch) -> None:
        view = self._view(monkeypatch, (-45, 50, -5, 70), (100, 90, 145, 110), (230, 0, 250, 40))
        assert view.boxes.tolist() == [[100, 90, 145, 110]]
        assert view.ignore.tolist() == []

    @pytest.mark.parametrize("shown", [20, 60, 85])
    def test_the_end_of_a_bus_is_not_background(
        self, monkeypatch: pytest.MonkeyPatch, shown: int
    ) -> None:
        """Of a bus of 18 m whose middle is out of view the end shows."""
        view = self._view(monkeypatch, (shown - 180, 80, shown, 105))
        everything = np.concatenate([view.boxes, view.ignore])
        assert everything.tolist() == [[0, 80, shown, 105]]

    def test_seeds_are_below_those_that_are_kept_aside(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn = []

        def render(seed: int, width: int, height: int, gsd: float) -> Scene:
            drawn.append(seed)
            return Scene(np.zeros((3, height, width), np.uint8), gsd, np.empty((0, 4, 2)), ())

        monkeypatch.setattr(augment, "render_scene", render)
        rng = np.random.default_rng(0)
        for _ in range(200):
            synthetic_view(rng, (20, 16), 1.0)
        assert 0 <= min(drawn) < SEEDS * 0.05
        assert SEEDS * 0.95 < max(drawn) < SEEDS

    def test_rendered_views_are_sound_and_repeat(self) -> None:
        one, two = (synthetic_view(np.random.default_rng(7), (96, 80), GSD) for _ in range(2))
        assert one.pixels.shape == (80, 96, 3)
        assert one.pixels.dtype == np.uint8
        assert (one.pixels == two.pixels).all()
        assert one.boxes.tolist() == two.boxes.tolist()
        assert_sound(one)
