from __future__ import annotations

import numpy as np
import pytest
import shapely

from geovehicle.data.scenery.canvas import Canvas, Frame, Light, Material, rectangle
from geovehicle.data.scenery.fleet import Vehicle
from geovehicle.data.scenery.ground import PATTERNS, lay_ground
from geovehicle.data.scenery.props import tree
from geovehicle.data.scenery.roofs import flat_roof, pitched_roof
from geovehicle.data.scenery.site import Site, random_palette
from geovehicle.data.scenery.skyline import overshadow

GROUND = Material((255, 0, 255), 1.0)
SUNLIT = Light(sun=(1.0, 0.4), lean=(0.1, 0.0), shade=(0.4, 0.4, 0.5), penumbra=0.1)


def new_site(seed: int = 0, light: Light = SUNLIT) -> Site:
    rng = np.random.default_rng(seed)
    return Site(Canvas(300, 300, 0.1, light), rng, random_palette(rng), 0.5)


def car(x: float, y: float) -> Vehicle:
    return Vehicle(Frame(x, y, 0.0), 4.0, 2.0, "car", look=0)


def test_vehicle_behind_the_wall_of_a_leaning_building_is_hidden() -> None:
    site = new_site()
    site.build(Frame(5.0, 5.0, 0.0), (10.0, 10.0, 30.0))
    # 30 m lean by 3 m, over x = 15 to 18
    assert site.visible(car(17.0, 10.0)) == pytest.approx(2 / 9)
    assert site.visible(car(15.9, 10.0)) < 0.3
    assert site.visible(car(20.5, 10.0)) == 1.0
    assert site.visible(car(2.5, 10.0)) == 1.0


def test_crown_hides_what_is_under_it() -> None:
    site = new_site()
    site.crowns.append((10.0, 10.0, 1.5))
    assert 0.2 < site.visible(car(10.0, 10.0)) < 0.6
    assert site.visible(car(13.6, 10.0)) == 1.0


def test_tree_without_leaves_hides_nothing() -> None:
    site = new_site(1)
    site.rng = np.random.default_rng(3)
    bare = random_palette(np.random.default_rng(0))
    site.palette = type(bare)(**{**vars(bare), "bare": True})
    for _ in range(10):
        tree(site, Frame(15.0, 15.0, 0.0), 3.0)
    assert len(site.crowns) < 6
    assert site.canvas.shadows().any()


@pytest.mark.parametrize("build", [flat_roof, pitched_roof])
@pytest.mark.parametrize("seed", range(4))
def test_building_takes_its_ground_and_its_roof_stays_above_it(build: object, seed: int) -> None:
    assert callable(build)
    level = Light(sun=(0.5, 0.4), lean=(0.0, 0.0), shade=(0.4, 0.4, 0.5), penumbra=0.1)
    site = new_site(seed, level)
    build(site, Frame(8.0, 8.0, 0.0), 14.0, 12.0)
    painted = (site.canvas.colours(GROUND)[..., :3] != GROUND.colour).any(axis=2)
    assert painted[82:198, 82:218].all()
    painted[79:202, 79:222] = False
    assert not painted.any()
    assert not site.free(car(15.0, 14.0))
    assert site.free(car(26.0, 14.0))


@pytest.mark.parametrize("seed", range(6))
def test_shadow_of_a_tower_out_of_view_falls_into_it(seed: int) -> None:
    site = new_site(seed)
    overshadow(site, 0.3)
    assert (site.canvas.shadows() > 0).mean() > 0.02
    assert (site.canvas.colours(GROUND)[..., :3] == GROUND.colour).all()


def test_shadow_of_a_tower_reaches_from_the_edge_that_faces_the_sun() -> None:
    site = new_site(2, Light((1.0, 0.0), (0.0, 0.0), (0.4, 0.4, 0.4), 0.1))
    overshadow(site, 0.0)
    shaded = site.canvas.shadows().any(axis=0)
    assert shaded[0]
    assert shaded[: shaded.sum()].all()


@pytest.mark.parametrize("pattern", [pattern for _, pattern in PATTERNS])
def test_pattern_stays_inside_its_ground(pattern: object) -> None:
    assert callable(pattern)
    site, stone = new_site(), Material((150, 140, 130), 0.3)
    frame = Frame(5.0, 4.0, 0.1)
    pattern(site, frame, (0.0, 0.0, 20.0, 18.0), stone)
    painted = (site.canvas.colours(GROUND)[..., :3] != GROUND.colour).any(axis=2)
    rows, cols = np.nonzero(painted)
    area = shapely.Polygon([frame.at(*corner)[:2] for corner in rectangle(0, 0, 20, 18)])
    points = shapely.points((cols + 0.5) / 10, (rows + 0.5) / 10)
    assert (shapely.distance(area, points) < 0.15).all()


def test_ground_is_laid_in_different_ways() -> None:
    pictures = set()
    for seed in range(12):
        site = new_site(seed)
        lay_ground(site, Frame(0, 0, 0), (0.0, 0.0, 30.0, 30.0), Material((150, 140, 130), 0.3))
        pictures.add(site.canvas.colours(GROUND).tobytes())
    assert len(pictures) > 6


def test_shadow_of_a_tower_darkens_trees_too() -> None:
    site = new_site(2, Light((1.0, 0.0), (0.0, 0.0), (0.4, 0.4, 0.4), 0.1))
    for _ in range(8):
        overshadow(site, 0.0)
    before = site.canvas.shadows()
    for x in range(1, 30, 4):
        tree(site, Frame(float(x), 15.0, 0.0), 2.0)
    assert (site.canvas.shadows() >= before).all()
