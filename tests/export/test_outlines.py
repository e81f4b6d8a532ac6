from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from geovehicle.export.outlines import draw_outlines
from geovehicle.footprints import corners_of, straight

RED = (255, 0, 0)


def drawn(corners: np.ndarray, inset: float = 0.0) -> np.ndarray:
    """Return which pixels of a picture of 60 x 40 are red, (40, 60)."""
    picture = Image.new("RGB", (60, 40))
    draw_outlines(ImageDraw.Draw(picture), corners, RED, inset)
    return np.asarray(picture)[..., 0] == 255


def test_a_box_is_framed_on_its_inside() -> None:
    expected = np.zeros((40, 60), bool)
    expected[5:15, 10:40] = True
    expected[7:13, 12:38] = False
    np.testing.assert_array_equal(drawn(straight(np.array([[10.0, 5, 40, 15]]))), expected)


def test_an_inset_leaves_room() -> None:
    found = np.argwhere(drawn(straight(np.array([[10.0, 5, 40, 15]])), inset=2))
    assert found.min(axis=0).tolist() == [7, 12]
    assert found.max(axis=0).tolist() == [12, 37]


def test_what_is_too_small_is_left_out() -> None:
    tiny, flat = [1.0, 1, 2, 2], [20.0, 20, 30, 23]
    assert not drawn(straight(np.array([tiny, flat])), inset=2).any()
    assert drawn(straight(np.array([tiny]))).sum() == 1
    assert not drawn(np.empty((0, 4, 2))).any()


def test_a_footprint_is_drawn_as_it_lies() -> None:
    found = drawn(corners_of(np.array([[30.0, 20, 36, 12, np.radians(30)]])))
    rows, columns = np.nonzero(found)
    along = (columns + 0.5 - 30) * np.cos(np.radians(30)) + (rows + 0.5 - 20) * np.sin(
        np.radians(30)
    )
    across = (rows + 0.5 - 20) * np.cos(np.radians(30)) - (columns + 0.5 - 30) * np.sin(
        np.radians(30)
    )
    assert 16 < np.abs(along).max() < 19
    assert 5 < np.abs(across).max() < 7.5
    assert ((np.abs(along) > 13) | (np.abs(across) > 2)).all()  # the middle is empty
