from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyogrio.errors import DataSourceError
from rasterio.errors import RasterioError

from geovehicle.data import synthetic
from geovehicle.data.scenery.fleet import LENGTHS_M, WIDTHS_M
from geovehicle.data.synthetic import Scene, render_scene, write_example
from geovehicle.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

BUSY = 26
"""Seed of a scene with many vehicles in its first few hundred pixels."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return render_scene(BUSY, 420, 360)


@pytest.fixture(scope="module")
def empty() -> Scene:
    return render_scene(BUSY, 420, 360, vehicles=False)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("example")
    paths = folder / "photo.tif", folder / "truth.gpkg"
    write_example(*paths, seed=BUSY, size=900)
    return paths


def test_same_seed_gives_same_scene(scene: Scene) -> None:
    again = render_scene(BUSY, 420, 360)
    np.testing.assert_array_equal(again.pixels, scene.pixels)
    np.testing.assert_array_equal(again.footprints, scene.footprints)
    assert again.types == scene.types


def test_other_seed_gives_other_pixels(scene: Scene) -> None:
    other = render_scene(BUSY + 1, 420, 360)
    assert np.mean(other.pixels != scene.pixels) > 0.9


def test_shapes_and_types_of_the_arrays(scene: Scene) -> None:
    assert scene.pixels.shape == (3, 360, 420)
    assert scene.pixels.dtype == np.uint8
    assert scene.footprints.shape == (len(scene.types), 4, 2)
    assert scene.footprints.dtype == np.float64
    assert len(scene.types) > 5


@pytest.mark.parametrize("gsd", [0.05, 0.1, 0.2, 0.33])
def test_vehicles_have_real_sizes_at_every_gsd(gsd: float) -> None:
    scene = render_scene(BUSY, 300, 300, gsd)
    assert scene.types
    front_left, front_right, _, rear_left = np.moveaxis(scene.footprints * gsd, 1, 0)
    lengths = np.hypot(*(front_left - rear_left).T)
    widths = np.hypot(*(front_left - front_right).T)
    for kind, length, width in zip(scene.types, lengths, widths, strict=True):
        assert LENGTHS_M[kind][0] - 1e-6 <= length <= LENGTHS_M[kind][1] + 1e-6
        assert WIDTHS_M[kind][0] - 1e-6 <= width <= WIDTHS_M[kind][1] + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_footprints_are_rectangles_clockwise_in_the_picture(seed: int) -> None:
    corners = render_scene(seed, 300, 300, 0.2).footprints
    ahead, across = corners[:, 0] - corners[:, 3], corners[:, 1] - corners[:, 0]
    np.testing.assert_allclose((ahead * across).sum(axis=1), 0.0, atol=1e-6)
    np.testing.assert_allclose(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 3])
    # with y down, forward x right is positive
    assert (ahead[:, 0] * across[:, 1] - ahead[:, 1] * across[:, 0] > 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_two_vehicles_overlap(seed: int) -> None:
    scene = render_scene(seed, 400, 400, 0.25)
    polygons = shapely.polygons(scene.footprints)
    one, other = shapely.STRtree(polygons).query(polygons, predicate="dwithin", distance=0.4)
    assert len(polygons) > 10
    np.testing.assert_array_equal(one, other)


def test_centres_are_inside_and_boxes_are_cut_at_the_edge() -> None:
    scene = render_scene(BUSY, 180, 150)
    size = np.array((180, 150))
    centres = scene.footprints.mean(axis=1)
    assert ((centres >= 0) & (centres < size)).all()
    assert ((scene.footprints < 0) | (scene.footprints > size)).any()
    boxes = scene.boxes
    assert boxes.min() >= 0
    assert (boxes[:, 2:] <= size).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert ((boxes[:, :2] <= centres) & (centres <= boxes[:, 2:])).all()


def test_vehicles_are_where_the_truth_says(scene: Scene, empty: Scene) -> None:
    changed = np.abs(scene.pixels.astype(int) - empty.pixels).max(axis=0) > 8
    polygons = shapely.polygons(scene.footprints)
    rows, cols = np.nonzero(changed)
    spots = shapely.points(cols + 0.5, rows + 0.5)
    outlines = shapely.union_all(polygons)
    assert empty.types == ()
    # beyond vehicle and shadow nothing changes: 3.7 m of lorry cast at most 8.4 m
    assert (shapely.distance(outlines, spots) < 90).mean() > 0.99
    x, y = np.meshgrid(np.arange(420) + 0.5, np.arange(360) + 0.5)
    for polygon in polygons:
        inside = shapely.contains_xy(polygon, x, y)
        assert changed[inside].mean() > 0.6


@pytest.mark.parametrize(
    "arguments", [(-1, 10, 10, 0.1), (0, 0, 10, 0.1), (0, 10, 10, 0.0), (0, 10, 10, np.nan)]
)
def test_impossible_scenes_are_refused(arguments: tuple[int, int, int, float]) -> None:
    with pytest.raises(SettingsError, match="positive"):
        render_scene(*arguments)


def test_scene_of_one_pixel() -> None:
    assert render_scene(0, 1, 1).pixels.shape == (3, 1, 1)


def test_example_raster_is_a_tiled_orthophoto_with_overviews(example: tuple[Path, Path]) -> None:
    with rasterio.open(example[0]) as raster:
        assert raster.crs.to_epsg() == 25832
        assert raster.res == (0.1, 0.1)
        assert raster.profile["tiled"]
        assert raster.overviews(1)
        expected = render_scene(BUSY, 900, 900).pixels
        np.testing.assert_array_equal(raster.read(), expected)


def test_example_truth_lies_on_the_vehicles_of_the_raster(example: tuple[Path, Path]) -> None:
    scene = render_scene(BUSY, 900, 900)
    meta, _, geometry, fields = pyogrio.raw.read(example[1])
    assert meta["crs"] == "EPSG:25832"
    assert list(meta["fields"]) == ["type"]
    assert tuple(fields[0]) == scene.types
    polygons = shapely.from_wkb(geometry)
    assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
    with rasterio.open(example[0]) as raster:
        inverse = ~raster.transform
    for polygon, corners in zip(polygons, scene.footprints, strict=True):
        pixels = [inverse @ point for point in polygon.exterior.coords[:4]]
        np.testing.assert_allclose(pixels, corners[::-1], atol=1e-4)


def test_example_truth_is_of_the_version_that_old_software_reads(
    example: tuple[Path, Path],
) -> None:
    with closing(sqlite3.connect(example[1])) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (10200,)


def test_example_leaves_nothing_else_behind(example: tuple[Path, Path]) -> None:
    assert sorted(path.name for path in example[0].parent.iterdir()) == ["photo.tif", "truth.gpkg"]


@pytest.mark.parametrize("error", [OSError, RasterioError, DataSourceError])
@pytest.mark.parametrize("step", ["_write_raster", "_write_truth"])
def test_failure_leaves_the_old_files(
    step: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, scene: Scene) -> None:
        path.write_bytes(b"half")
        raise error("no space left on device")

    monkeypatch.setattr(synthetic, step, fail)
    paths = tmp_path / "photo.tif", tmp_path / "truth.gpkg"
    for path in paths:
        path.write_bytes(b"old")
    with pytest.raises(OutputError, match="no space left"):
        write_example(*paths, seed=1, size=32)
    assert [path.read_bytes() for path in paths] == [b"old", b"old"]
    assert len(list(tmp_path.iterdir())) == 2


def test_truth_that_is_a_folder_leaves_the_old_raster(tmp_path: Path) -> None:
    raster = tmp_path / "photo.tif"
    raster.write_bytes(b"old")
    with pytest.raises(OutputError, match="folder"):
        write_example(raster, tmp_path, seed=1, size=32)
    assert raster.read_bytes() == b"old"


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        write_example(tmp_path / "nowhere" / "a.tif", tmp_path / "b.gpkg", seed=1, size=32)
