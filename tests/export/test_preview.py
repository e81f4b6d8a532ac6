from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from geovehicle.detections import Detections
from geovehicle.errors import OutputError
from geovehicle.export import preview
from geovehicle.export.preview import draw_preview, score_colours
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.georeference import GeoGrid
from geovehicle.patches import PatchWindow
from geovehicle.raster.source import Patch

GREY = 90


class GreyScene:
    name = "grey.tif"

    def __init__(
        self,
        width: int = 2000,
        height: int = 1200,
        epsg: int | None = 28992,
        gsd: tuple[float, float] | None = None,
    ) -> None:
        crs = None if epsg is None else CRS.from_epsg(epsg)
        self.grid = GeoGrid(width, height, Affine(0.1, 0, 155000, 0, -0.1, 463000), crs, gsd)

    def read(self, window: PatchWindow) -> Patch:
        raise NotImplementedError

    def overview(self, longest: int) -> Patch:
        factor = min(1, longest / max(self.grid.width, self.grid.height))
        width, height = round(self.grid.width * factor), round(self.grid.height * factor)
        window = PatchWindow(0, 0, width, height, (0, 0, width, height))
        pixels = np.full((3, height, width), GREY, np.uint8)
        pixels[:, :, : width // 10] = 0
        return Patch(pixels, pixels[0] > 0, window)


def found(boxes: list[list[float]], *scores: float) -> Detections:
    return Detections(np.array(boxes), np.array(scores), np.zeros(len(scores)))


def turned(angle: float, length: float = 100.0, width: float = 40.0) -> Detections:
    """Return a car in the middle of the scene, turned clockwise from the rows."""
    corners = corners_of(np.array([[1000, 600, length, width, np.radians(angle)]]))
    return Detections(boxes_of(corners), np.ones(1), np.zeros(1), corners)


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def coloured(pixels: np.ndarray) -> np.ndarray:
    return np.ptp(pixels, axis=-1) > 60


def test_an_outline_surrounds_the_vehicle_and_leaves_it_to_be_seen(tmp_path):
    draw_preview(GreyScene(), found([[1000, 600, 1100, 640]], 1.0), tmp_path / "p.png", 1000)
    drawn = picture(tmp_path / "p.png")[:600]
    rows, columns = np.nonzero(coloured(drawn))
    assert (columns.min(), rows.min()) == (497, 297)
    assert (columns.max(), rows.max()) == (552, 322)
    assert (drawn[303:317, 503:547] == GREY).all()
    assert (drawn[:290] == drawn[0]).all()


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 110, 165])
def test_a_footprint_is_outlined_as_it_lies(tmp_path, angle):
    draw_preview(GreyScene(), turned(angle), tmp_path / "p.png", 2000)
    drawn = picture(tmp_path / "p.png")[:1200]
    rows, columns = np.nonzero(coloured(drawn))
    turn = np.radians(angle)
    x, y = columns + 0.5 - 1000, rows + 0.5 - 600
    along = abs(x * np.cos(turn) + y * np.sin(turn))
    across = abs(y * np.cos(turn) - x * np.sin(turn))
    # the coloured line surrounds the vehicle and is as wide all around
    outside = np.maximum(along - 50, across - 20)
    assert outside.min() > -0.7
    assert outside.max() < preview._line_width(np.array([40, 100])) + 0.7
    for reach, side in ((along, 50), (across, 20)):
        assert reach.max() == pytest.approx(side + 4, abs=1)
    assert len(rows) == pytest.approx(4 * (2 * 100 + 2 * 40) + 4 * 4**2, rel=0.12)
    # a dark seam on both sides, and nothing further inside
    dark = (drawn < 60).all(axis=-1)
    rows, columns = np.nonzero(dark[500:700, 900:1100])
    assert len(rows) > 400
    seams = np.hypot(rows + 0.5 - 100, columns + 0.5 - 100)
    assert seams.min() > 20 - 4
    assert (drawn[590:610, 990:1010] == GREY).all()


def test_horizontal_boxes_are_drawn_on_demand(tmp_path):
    draw_preview(GreyScene(), turned(45), tmp_path / "p.png", 2000, boxes="horizontal")
    draw_preview(GreyScene(), found(turned(45).boxes, 1.0), tmp_path / "b.png", 2000)
    drawn = picture(tmp_path / "p.png")
    assert (drawn == picture(tmp_path / "b.png")).all()
    assert coloured(drawn)[600 - 51, 1000 + 40]
    draw_preview(GreyScene(), turned(45), tmp_path / "t.png", 2000)
    assert not coloured(picture(tmp_path / "t.png"))[600 - 51, 1000 + 40]


def test_small_vehicles_keep_a_visible_outline(tmp_path):
    scene = GreyScene(40000, 20000)
    draw_preview(scene, found([[20000, 9990, 20040, 10010]], 1.0), tmp_path / "p.png", 1000)
    rows, columns = np.nonzero(coloured(picture(tmp_path / "p.png")[:500]))
    assert columns.mean() == pytest.approx(500, abs=1)
    assert rows.mean() == pytest.approx(249.5, abs=1)
    assert np.ptp(columns) >= preview.SMALLEST_OUTLINE


def test_the_photo_is_otherwise_unchanged(tmp_path):
    scene = GreyScene()
    draw_preview(scene, Detections.empty(), tmp_path / "p.png", 1000)
    expected = scene.overview(1000).pixels.transpose(1, 2, 0)
    assert (picture(tmp_path / "p.png")[:600] == expected).all()


def test_colours_tell_the_score():
    colours = score_colours(np.array([0.5, 0.75, 1.0, 0.625]), lowest=0.5)
    assert colours[:3].tolist() == [list(colour) for colour in preview.RAMP]
    assert colours[3].tolist() == [255, 153, 59]


def test_outlines_have_the_colour_of_their_score(tmp_path):
    boxes = [[500, 500, 700, 600], [1200, 500, 1400, 600]]
    draw_preview(GreyScene(), found(boxes, 0.5, 1.0), tmp_path / "p.png", 2000)
    drawn = picture(tmp_path / "p.png")
    assert drawn[550, 498].tolist() == list(preview.RAMP[0])
    assert drawn[550, 1198].tolist() == list(preview.RAMP[2])


def test_a_small_scene_is_enlarged(tmp_path):
    draw_preview(GreyScene(300, 200), found([[100, 90, 200, 110]], 1.0), tmp_path / "p.png")
    drawn = picture(tmp_path / "p.png")
    assert drawn.shape[1] == preview.SMALLEST_SIDE
    columns = np.nonzero(coloured(drawn[:600]).any(axis=0))[0]
    assert columns.mean() == pytest.approx(500, abs=2)


def test_a_narrow_scene_has_room_for_its_caption(tmp_path):
    draw_preview(GreyScene(100, 2000), Detections.empty(), tmp_path / "p.png", 1000)
    drawn = picture(tmp_path / "p.png")
    assert drawn.shape[1] == preview.NARROWEST
    assert np.nonzero((drawn[500] == GREY).all(axis=-1))[0].mean() == pytest.approx(322, abs=1)


def scale_bar(path: Path) -> float:
    """Return the length of the bar in a picture of 2000 x 1200 pixels and its strip."""
    strip = picture(path)[1200:, 1500:]
    return max(
        np.ptp(columns) for row in strip if len(columns := np.nonzero(row.min(axis=-1) > 200)[0])
    )


def test_the_scale_bar_has_a_round_length(tmp_path):
    draw_preview(GreyScene(), Detections.empty(), tmp_path / "p.png", 2000)
    assert scale_bar(tmp_path / "p.png") == pytest.approx(200, abs=2)  # 20 m at 0.1 m


@pytest.mark.parametrize("epsg", [None, 28992, 4326])
def test_the_scale_bar_goes_by_the_pixel_size_that_is_given(tmp_path, monkeypatch, epsg):
    texts = []
    write = preview._Strip._text
    monkeypatch.setattr(
        preview._Strip,
        "_text",
        lambda self, at, text, *rest: (texts.append(text), write(self, at, text, *rest)),
    )
    scene = GreyScene(epsg=epsg, gsd=(0.4, 0.3))
    draw_preview(scene, Detections.empty(), tmp_path / "p.png", 2000)
    assert scale_bar(tmp_path / "p.png") == pytest.approx(250, abs=2)
    assert texts[-1] == "100 m"  # of the width's 18 %, which are 144 m


@pytest.mark.parametrize(
    ("length", "rounded"),
    [(1.0, 1), (1.9, 1), (2.0, 2), (49, 20), (50, 50), (999, 500), (0.3, 0.2)],
)
def test_round_lengths_begin_with_1_2_or_5(length, rounded):
    assert preview._round_below(length) == pytest.approx(rounded)


def test_without_a_crs_and_a_pixel_size_there_is_no_scale_bar(tmp_path):
    draw_preview(GreyScene(epsg=None), Detections.empty(), tmp_path / "p.png", 1000)
    strip = picture(tmp_path / "p.png")[600:, 750:]
    assert (strip == preview.INK).all()


def test_the_title_counts_the_vehicles(tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(preview._Strip, "_text", lambda self, at, text, *rest: texts.append(text))
    draw_preview(GreyScene(), found([[0, 0, 9, 9]], 0.42), tmp_path / "p.png", 1000)
    assert texts == ["1 vehicle", "grey.tif", "0.4", "score", "1.0", "20 m"]
    texts.clear()
    draw_preview(GreyScene(), found([[0, 0, 9, 9]] * 1200, *[0.9] * 1200), tmp_path / "p.png", 1000)
    assert texts[0] == "1,200 vehicles"
    assert texts[2] == "0.5"


def test_a_picture_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        draw_preview(GreyScene(), Detections.empty(), tmp_path / "missing" / "p.png", 1000)


def test_an_old_picture_survives_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "p.png"
    path.write_text("old")

    def full(self, temporary, format):
        Path(temporary).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        draw_preview(GreyScene(), Detections.empty(), path, 1000)
    assert [file.name for file in tmp_path.iterdir()] == ["p.png"]
    assert path.read_text() == "old"
