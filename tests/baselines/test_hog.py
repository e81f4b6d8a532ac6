from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import hog

from geovehicle.baselines.hog import PADDING, blocks, cut_window, nearest_shape, pyramid, to_grey
from geovehicle.settings import HogSvmConfig

CONFIG = HogSvmConfig(windows=((6, 10), (10, 6), (9, 9)), scales=(1.0, 1.5))


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(0).random((70, 100), np.float32)


def reference(grey: np.ndarray, config: HogSvmConfig) -> np.ndarray:
    found = hog(
        grey.astype(float),
        config.orientations,
        (config.cell, config.cell),
        (config.block, config.block),
        "L2-Hys",
        transform_sqrt=True,
        feature_vector=False,
    )
    return found.reshape(*found.shape[:2], -1)


@pytest.mark.parametrize(("cell", "block"), [(6, 2), (8, 1), (5, 3)])
def test_blocks_are_those_of_scikit_image(grey: np.ndarray, cell: int, block: int) -> None:
    config = HogSvmConfig(cell=cell, block=block)
    np.testing.assert_allclose(blocks(grey, config), reference(grey, config), atol=2e-3)


def test_a_flat_image_has_no_gradient() -> None:
    assert not blocks(np.full((48, 48), 0.5, np.float32), CONFIG).any()


def test_grey_is_luma_from_0_to_1() -> None:
    pixels = np.array([[[255, 255, 255], [0, 0, 0], [0, 255, 0]]], np.uint8)
    np.testing.assert_allclose(to_grey(pixels), [[1.0, 0.0, 0.587]], atol=2e-3)


def test_the_grid_puts_a_window_where_scikit_image_says(grey: np.ndarray) -> None:
    (level,) = pyramid(grey, HogSvmConfig(windows=((6, 10),), scales=(1.0,)))
    row, column = np.array([3]), np.array([4])
    x1, y1, x2, y2 = level.boxes(0, row, column)[0].astype(int)
    assert (x1, y1) == ((4 + 1 - PADDING) * 6, (3 + 1 - PADDING) * 6)
    assert (x2 - x1, y2 - y1) == (8 * 6, 4 * 6)
    # the window's own pixels, with the rim of a cell that its outer gradients need
    cut = grey[y1 - 12 : y2 + 12, x1 - 12 : x2 + 12]
    expected = reference(cut, CONFIG)[1:-1, 1:-1]
    found = level.features(0, row, column).reshape(5, 9, -1)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_boxes_are_in_image_pixels_at_every_scale(grey: np.ndarray) -> None:
    config = HogSvmConfig(windows=((6, 10),), scales=(1.5,))
    (level,) = pyramid(grey, config)
    first = level.boxes(0, np.array([PADDING - 1]), np.array([PADDING - 1]))
    # 100 x 70 become 67 x 47
    np.testing.assert_allclose(first[0], [0, 0, 48 * 100 / 67, 24 * 70 / 47])


def test_all_windows_are_scored_as_one_by_one(grey: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    shapes = [(5, 9, 36), (9, 5, 36), (8, 8, 36)]
    weights = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    for level in pyramid(grey, CONFIG):
        for shape, scores in enumerate(level.score(weights)):
            assert scores.shape == level.positions(shape)
            rows, columns = (one.ravel() for one in np.indices(scores.shape))
            single = level.features(shape, rows, columns) @ weights[shape].ravel()
            np.testing.assert_allclose(scores.ravel(), single, rtol=1e-3, atol=1e-3)


def test_a_window_that_does_not_fit_is_nowhere() -> None:
    config = HogSvmConfig(windows=((40, 40),), scales=(1.0, 50.0))
    for level in pyramid(np.zeros((30, 30), np.float32), config):
        assert level.positions(0) == (0, 0)
        assert level.score([np.zeros((39, 39, 36), np.float32)])[0].size == 0


def test_a_cut_window_is_the_one_of_the_grid(grey: np.ndarray) -> None:
    (level,) = pyramid(grey, HogSvmConfig(windows=((6, 10),), scales=(1.0,)))
    at = np.array([3]), np.array([4])
    box = level.boxes(0, *at)[0]
    config = HogSvmConfig(windows=((6, 10),))
    found = cut_window(grey, box, 0, config)
    np.testing.assert_allclose(found, level.features(0, *at)[0], atol=2e-3)


@pytest.mark.parametrize("box", [[-30.0, -9.0, 20.0, 16.0], [90.0, 60.0, 130.0, 90.0]])
def test_a_window_may_reach_beyond_the_image(grey: np.ndarray, box: list[float]) -> None:
    window = cut_window(grey, np.array(box), 0, CONFIG)
    assert window.shape == (5 * 9 * 36,)
    assert np.isfinite(window).all()


def test_a_box_goes_to_the_window_of_its_aspect() -> None:
    boxes = np.array([[0, 0, 45, 22], [0, 0, 20, 50], [0, 0, 40, 38], [0, 0, 120, 25.0]])
    assert nearest_shape(boxes, CONFIG).tolist() == [0, 1, 2, 0]
