from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from geovehicle.data.coco import LabelledImage, four_corners, read_coco
from geovehicle.data.coco_writer import labels_in
from geovehicle.data.records import Labels
from geovehicle.data.turns import TURNS, Turn
from geovehicle.errors import DatasetError
from geovehicle.footprints import (
    boxes_of,
    corners_of,
    lengthwise,
    rectangles_of,
    straight,
    turn_between,
)
from geovehicle.patches import cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.patches import PatchWindow

SIZE = (30, 20)


def content() -> dict[str, Any]:
    """Return a small, sound data set: two images, a vehicle and an ignore box on the first."""
    one = {"id": 7, "file_name": "a.png", "width": 30, "height": 20, "gsd": 0.125}
    two = {"id": 3, "file_name": "sub/b.png", "width": 30, "height": 20, "gsd": 0.1}
    return {
        "images": [one | {"source": "city", "scene": "north"}, two],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 10.5, 4]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [20, 0, 5, 5], "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "vehicle"}],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the images of `content`, one beside the file and one in images/."""
    (tmp_path / "images" / "sub").mkdir(parents=True)
    Image.new("RGB", SIZE, (200, 100, 50)).save(tmp_path / "a.png")
    Image.new("L", SIZE, 77).save(tmp_path / "images" / "sub" / "b.png")
    return tmp_path


def write(folder: Path, data: Any) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def read(folder: Path, data: Any, default_gsd: float | None = None) -> list[LabelledImage]:
    return read_coco(write(folder, data), default_gsd)


def test_what_is_written_is_read(folder: Path) -> None:
    one, two = read(folder, content())
    assert (one.image_id, one.width, one.height, one.gsd) == (7, 30, 20, 0.125)
    assert (one.source, one.scene) == ("city", "north")
    assert one.boxes.tolist() == [[1, 2, 11.5, 6]]
    assert one.ignore.tolist() == [[20, 0, 25, 5]]
    assert (two.image_id, two.gsd, two.source, two.scene) == (3, 0.1, "", "")
    assert (two.boxes.shape, two.ignore.shape) == ((0, 4), (0, 4))
    assert {array.dtype for array in (one.boxes, one.ignore, two.boxes)} == {np.dtype(float)}
    assert (one.path, two.path) == (folder / "a.png", folder / "images" / "sub" / "b.png")


def test_vehicles_tell_their_types_or_not(folder: Path) -> None:
    data = content()
    assert read(folder, data)[0].types == ()
    data["annotations"][0]["type"] = "bus"
    data["annotations"][1]["type"] = "car"  # of an ignore box
    data["annotations"].append({"id": 3, "image_id": 7, "category_id": 1, "bbox": [9, 9, 1, 1]})
    one, two = read(folder, data)
    assert one.types == ("bus", "")
    assert two.types == ()


RING = [1.375, 2.0, 11.5, 3.5, 11.125, 6.0, 1.0, 4.5]
"""An outline in the box of the vehicle of `content`."""


def test_four_corners_are_the_footprint(folder: Path) -> None:
    data = content()
    data["annotations"][0]["segmentation"] = [RING]
    data["annotations"].append({"id": 3, "image_id": 7, "category_id": 1, "bbox": [9, 9, 1, 2]})
    one, two = read(folder, data)
    assert one.oriented.tolist() == [True, False]
    assert one.footprints[0].ravel().tolist() == RING
    assert (
        boxes_of(one.footprints).tolist() == one.boxes.tolist() == [[1, 2, 11.5, 6], [9, 9, 10, 11]]
    )
    assert (two.footprints.shape, two.oriented.shape) == ((0, 4, 2), (0,))


def test_a_diamond_of_coordinates_that_its_box_has_is_a_footprint(folder: Path) -> None:
    data = content()
    diamond = [10.0, 2.0, 14.0, 6.0, 10.0, 10.0, 6.0, 6.0]
    data["annotations"][0] |= {"bbox": [6, 2, 8, 8], "segmentation": [diamond]}
    one = read(folder, data)[0]
    assert set(diamond) == set(one.boxes[0])
    assert one.oriented.tolist() == [True]
    assert one.footprints[0].ravel().tolist() == diamond


@pytest.mark.parametrize(
    "segmentation",
    [
        None,
        [],
        "RLE",
        {"size": [20, 30], "counts": "abc"},
        [RING, RING],
        [[*RING, 5, 5]],
        [[float("nan"), *RING[1:]]],
        [["1", *RING[1:]]],
        [RING[4:]],
        [[value + 5 for value in RING]],  # elsewhere
        [[*RING[:2], *RING[4:6], *RING[2:4], *RING[6:]]],  # crosses itself
        [[1, 2, 11.5, 6, 11.5, 6, 1, 2]],  # a line
        [[1, 2, 11.5, 2, 11.5, 6, 1, 6]],  # the box itself
        [[6.25, 2, 11.5, 4, 6.25, 6, 1, 4]],  # a diamond
    ],
)
def test_other_outlines_are_no_footprints(folder: Path, segmentation: Any) -> None:
    data = content()
    data["annotations"][0]["segmentation"] = segmentation
    one = read(folder, data)[0]
    assert one.oriented.tolist() == [False]
    assert one.footprints.tolist() == straight(one.boxes).tolist()


def test_outlines_of_ignore_boxes_do_not_count(folder: Path) -> None:
    data = content()
    data["annotations"][1]["segmentation"] = [[22, 0, 25, 3, 23, 5, 20, 2]]
    one = read(folder, data)[0]
    assert one.ignore.tolist() == [[20, 0, 25, 5]]
    assert one.oriented.tolist() == [False]


tenths = st.integers(0, 20_000).map(lambda value: value / 10)
sides = st.integers(30, 3000).map(lambda value: value / 10)


def outline(corners: NDArray[np.float64], box: NDArray[np.float64] | None = None) -> Any:
    """Return what is made of a ring, whose box is that around it unless it is given."""
    around = boxes_of(corners)[0] if box is None else box
    return four_corners([corners.ravel().tolist()], around)


class TestHorizontalBoxes:
    """Polygons of their corners tell no direction, however they are written."""

    @given(x=tenths, y=tenths, width=sides, height=sides, first=st.integers(0, 3))
    def test_with_decimals(
        self, x: float, y: float, width: float, height: float, first: int
    ) -> None:
        box = np.array([x, y, x + width, y + height])  # as `bbox` is read
        right, low = round(x + width, 1), round(y + height, 1)
        ring = np.array([(x, y), (right, y), (right, low), (x, low)])
        for one in (ring, ring[::-1]):
            assert outline(np.roll(one, first, axis=0), box) is None

    def test_the_last_bit_does_not_count(self) -> None:
        box = np.array([100.1, 50.2, 100.1 + 45.3, 50.2 + 20.4])
        assert box[2] != 145.4
        assert outline(np.array([(100.1, 50.2), (145.4, 50.2), (145.4, 70.6), (100.1, 70.6)])) is (
            None
        )

    @given(x=st.floats(0, 2000), y=st.floats(0, 2000), noise=st.integers(0, 255))
    def test_rounded_to_either_side(self, x: float, y: float, noise: int) -> None:
        box = np.array([x, y, x + 45.3, y + 20.4])
        up = np.array([noise >> bit & 1 for bit in range(8)]).reshape(4, 2)
        assert outline(np.floor(straight(box)[0]) + up, box) is None

    def test_a_little_turned_they_are_none(self) -> None:
        turns = np.radians([0.5, 1.0, 2.0, 3.0])
        known = [outline(lying(turn)) is not None for turn in turns]
        assert known == [False, False, True, True]  # 0.4, 0.8, 1.6 and 2.4 pixels


def lying(angle: float, length: float = 46.0, width: float = 19.0) -> NDArray[np.float64]:
    """Return the corners, shape (4, 2), of a car at 10 cm that is turned."""
    return corners_of(np.array([[60.0, 50.0, length, width, angle]]))[0]


class TestRectangles:
    """A vehicle's outline is one, as exact as it is drawn by hand."""

    @given(angle=st.floats(0.05, 1.5), first=st.integers(0, 3), mirrored=st.booleans())
    def test_whatever_corner_comes_first(self, angle: float, first: int, mirrored: bool) -> None:
        ring = np.roll(lying(angle), first, axis=0)[:: -1 if mirrored else 1]
        assert outline(ring).tolist() == ring.tolist()
        rounded = ring.round()
        assert outline(rounded, boxes_of(ring)[0]).tolist() == rounded.tolist()

    def test_one_corner_may_be_off(self) -> None:
        ring = lying(0.6)
        for off, known in ((3.0, True), (9.0, False)):
            ring[0] = lying(0.6)[0] + off
            assert (outline(ring) is not None) == known

    def test_a_square_on_its_corner_is_one(self) -> None:
        """Though its coordinates are all those of its box: 5, 15 and 0, 10 to 20."""
        ring = np.array([(15.0, 5.0), (25, 15), (15, 25), (5, 15)])
        assert outline(ring) is not None

    @pytest.mark.parametrize(
        "ring",
        [
            [(50, 20), (80, 30), (50, 40), (20, 30)],  # a diamond
            [(30, 20), (50, 40), (30, 60), (0, 40)],  # a kite
            [(30, 0), (60, 30), (30, 60), (15, 30)],
            [(20, 10), (60, 25), (60, 45), (20, 30)],  # a parallelogram
            [(20, 10), (60, 10), (50, 40), (30, 40)],  # a trapezoid
        ],
    )
    def test_what_is_none_is_no_footprint(self, ring: list[tuple[int, int]]) -> None:
        assert outline(np.array(ring, float)) is None


class TestRoundTrip:
    """What the project writes of a vehicle is read again, cut or whole."""

    WINDOWS = cut(120, 100, (70, 60), 20)
    (WHOLE,) = cut(120, 100, (120, 100), 0)

    @staticmethod
    def written(corners: NDArray[np.float64], window: PatchWindow) -> list[dict[str, Any]]:
        labels = Labels(corners[None], np.array([True]), ("",), np.array([False]))
        return [one for one in labels_in(labels, window) if not one["iscrowd"]]

    def read_back(self, corners: NDArray[np.float64], window: PatchWindow) -> list[Any]:
        found = []
        for one in self.written(corners, window):
            x, y, width, height = one["bbox"]
            box = np.array([x, y, x + width, y + height])
            found.append(four_corners(one["segmentation"], box))
        return found

    @given(x=st.floats(0, 120), y=st.floats(0, 100), angle=st.floats(-1.57, 1.57))
    def test_what_is_cut_tells_its_direction_or_none(
        self, x: float, y: float, angle: float
    ) -> None:
        corners = lying(angle) + np.array([x - 60, y - 50])
        for window in self.WINDOWS:
            for known in self.read_back(corners, window):
                if known is None:
                    continue
                own = lengthwise(rectangles_of(known))[0]
                if own[2] > 1.8 * own[3]:  # stout pieces at the edge are not asked
                    assert np.degrees(turn_between(own[4], angle)) < 8

    @given(angle=st.floats(-1.57, 1.57))
    def test_whole_ones_keep_their_corners(self, angle: float) -> None:
        assume(abs(np.sin(2 * angle)) > 0.1)
        corners = lying(angle)
        (known,) = self.read_back(corners, self.WHOLE)
        np.testing.assert_allclose(known, corners)

    def test_the_rest_of_one_that_is_cut_lengthwise_is_no_footprint(self) -> None:
        """Its longest side is the edge of the window, and no side is the vehicle's axis."""
        corners = lying(np.radians(12.0)) - np.array([0, 48])
        (one,) = self.written(corners, self.WHOLE)
        assert len(one["segmentation"][0]) == 8
        assert self.read_back(corners, self.WHOLE) == [None]

    def test_cut_straight_across_it_is_a_shorter_one(self) -> None:
        corners = lying(np.radians(3.0)) - np.array([55, 0])
        (known,) = self.read_back(corners, self.WHOLE)
        own = lengthwise(rectangles_of(known))[0]
        assert np.degrees(turn_between(own[4], np.radians(3.0))) < 0.5
        assert own[2] == pytest.approx(5 + 23, abs=0.5)


class TestLengths:
    """What is told of the vehicles of an image has one entry for each."""

    BOXES = np.array([[1.0, 2, 11.5, 6], [9, 9, 10, 11]])

    def image(self, **known: Any) -> LabelledImage:
        none = np.empty((0, 4))
        path = Path("a.png")
        return LabelledImage(path, 1, 30, 20, 0.1, "", "", self.BOXES, none, **known)

    @pytest.mark.parametrize(
        "known",
        [
            {"footprints": straight(BOXES)},
            {"oriented": np.array([True, False])},
            {"footprints": straight(BOXES), "oriented": np.array([True])},
            {"footprints": straight(BOXES)[:1], "oriented": np.array([True])},
            {"types": ("car",)},
        ],
    )
    def test_others_are_refused(self, known: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="boxes, footprints, oriented and types differ"):
            self.image(**known)

    def test_what_is_not_oriented_has_the_corners_of_its_box(self) -> None:
        own = np.array([np.reshape(RING, (4, 2))] * 2)
        image = self.image(footprints=own, oriented=np.array([True, False]), types=("car", ""))
        assert image.footprints[0].tolist() == own[0].tolist()
        assert image.footprints[1].tolist() == straight(self.BOXES)[1].tolist()


def test_other_boxes_bring_their_own_corners(folder: Path) -> None:
    image = read(folder, content())[0]
    changed = replace(image, boxes=np.array([[3.0, 4, 5, 6], [1, 1, 9, 3]]))
    assert changed.footprints.tolist() == straight(changed.boxes).tolist()
    assert changed.oriented.tolist() == [False, False]


class TestTurned:
    """An image that marks the corners of a vehicle by four pixels, and fills an ignore box."""

    CORNERS = np.array([[20.0, 10.0], [24.0, 13.0], [18.0, 21.0], [14.0, 18.0]]) + 0.5
    """The middles of the pixels that mark them."""

    @pytest.fixture
    def image(self, tmp_path: Path) -> LabelledImage:
        pixels = np.zeros((60, 90, 3), np.uint8)
        for number, (x, y) in enumerate(self.CORNERS.astype(int), start=1):
            pixels[y, x] = 50 * number
        pixels[40:42, 70:75] = 255
        Image.fromarray(pixels).save(tmp_path / "image.png")
        return LabelledImage(
            path=tmp_path / "image.png",
            image_id=1,
            width=90,
            height=60,
            gsd=0.1,
            source="",
            scene="",
            boxes=boxes_of(self.CORNERS),
            ignore=np.array([[70.0, 40, 75, 42]]),
            types=("car",),
            footprints=self.CORNERS[None],
            oriented=np.array([True]),
        )

    @staticmethod
    def marks(image: LabelledImage) -> NDArray[np.float64]:
        """Return the middles of the pixels that mark the corners, in the order of these."""
        grey = image.read()[..., 0]
        places = [np.argwhere(grey == 50 * number)[0] for number in (1, 2, 3, 4)]
        return np.array(places, float)[:, ::-1] + 0.5

    def check(self, image: LabelledImage) -> None:
        np.testing.assert_allclose(image.footprints[0], self.marks(image))
        np.testing.assert_allclose(image.boxes, boxes_of(image.footprints))
        ((left, top, right, bottom),) = image.ignore.astype(int)
        assert image.read()[top:bottom, left:right].min() == 255
        assert (image.read() == 255).sum() == 3 * (right - left) * (bottom - top)

    def test_labels_go_where_the_pixels_go(self, image: LabelledImage) -> None:
        seen = set()
        for turn in TURNS:
            view = image.turned(turn)
            self.check(view)
            assert (view.types, view.oriented.tolist()) == (("car",), [True])
            assert view.read().flags.c_contiguous
            seen.add((view.width, view.height, view.read().tobytes()))
        assert len(seen) == 8

    def test_what_is_turned_may_be_turned_again(self, image: LabelledImage) -> None:
        for first in TURNS:
            for second in TURNS:
                self.check(image.turned(first).turned(second))
            again = image.turned(first).turned(first.back())
            assert again.turn == image.turn
            np.testing.assert_array_equal(again.read(), image.read())

    def test_another_size_is_told_as_labelled(self, image: LabelledImage) -> None:
        with pytest.raises(DatasetError, match="is 90 x 60 pixels, its labels say 80 x 60"):
            replace(image, width=80).turned(Turn(1)).read()


def test_images_become_rgb(folder: Path) -> None:
    colour, grey = (image.read() for image in read(folder, content()))
    assert colour.shape == grey.shape == (20, 30, 3)
    assert colour.dtype == np.uint8
    assert colour[3, 4].tolist() == [200, 100, 50]
    assert grey[3, 4].tolist() == [77, 77, 77]


numbers = st.floats(-1e6, 1e6)
sizes = st.floats(1e-3, 1e6)
annotations = st.lists(st.tuples(st.integers(0, 3), numbers, numbers, sizes, sizes, st.booleans()))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotations=annotations)
def test_any_boxes_survive_the_round_trip(folder: Path, annotations: list[Any]) -> None:
    ids = [11, 5, 8, 0]
    data = {
        "images": [{"id": i, "file_name": "a.png", "width": 30, "height": 20} for i in ids],
        "annotations": [
            {"image_id": ids[which], "bbox": box, "iscrowd": int(crowd)}
            for which, *box, crowd in annotations
        ],
    }
    images = read(folder, data, 0.2)
    assert [image.image_id for image in images] == ids
    assert {image.gsd for image in images} == {0.2}
    for which, image in enumerate(images):
        for crowd, boxes in ((False, image.boxes), (True, image.ignore)):
            own = [one[1:5] for one in annotations if (one[0], one[5]) == (which, crowd)]
            expected = [[x, y, x + width, y + height] for x, y, width, height in own]
            assert boxes.tolist() == expected


def test_images_in_the_folder_of_images_come_first(folder: Path) -> None:
    Image.new("RGB", SIZE).save(folder / "images" / "a.png")
    assert read(folder, content())[0].path == folder / "images" / "a.png"


def test_an_images_own_gsd_precedes_the_default(folder: Path) -> None:
    data = content()
    del data["images"][1]["gsd"]
    assert [image.gsd for image in read(folder, data, 0.3)] == [0.125, 0.3]


def test_the_coarsest_gsd_is_read_and_a_default_in_centimetres_is_not(folder: Path) -> None:
    data = content()
    data["images"][0]["gsd"] = 2.0
    assert read(folder, data)[0].gsd == 2.0
    del data["images"][0]["gsd"]
    with pytest.raises(DatasetError, match="image 7 has a gsd of 10; is it in metres"):
        read(folder, data, 10.0)


def image_with(**values: Any) -> Any:
    return lambda data: data["images"][0].update(values)


def annotation_with(**values: Any) -> Any:
    return lambda data: data["annotations"][0].update(values)


def image_without(key: str) -> Any:
    return lambda data: data["images"][0].pop(key)


def annotation_without(key: str) -> Any:
    return lambda data: data["annotations"][0].pop(key)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda data: data.pop("images"), "'images'"),
        (lambda data: data.pop("annotations"), "'annotations'"),
        (lambda data: data.update(images={}), "'images'"),
        (lambda data: data["images"].append("c.png"), "'id'.*c.png"),
        (lambda data: data["annotations"].append(None), "'image_id'.*None"),
        (lambda data: data["images"].append(data["images"][0]), "share an id"),
        (image_without("id"), "'id'.*a.png"),
        (image_without("file_name"), "'file_name'"),
        (image_without("width"), "'width'.*a.png"),
        (image_without("height"), "'height'.*a.png"),
        (image_without("gsd"), "image 7 has no usable gsd.*--gsd"),
        (annotation_without("image_id"), "'image_id'"),
        (annotation_without("bbox"), "'bbox'"),
        (annotation_with(image_id=99), "annotation 1 is on image 99"),
        (annotation_with(bbox=[1, 2, 3]), r"annotation 1.*\[1, 2, 3\]"),
        (annotation_with(bbox=[1, 2, 3, 4, 5]), "annotation 1.*four"),
        (annotation_with(bbox=[1, 2, 0, 4]), "annotation 1.*positive"),
        (annotation_with(bbox=[1, 2, 3, -4]), "annotation 1.*positive"),
        (annotation_with(bbox=[1, 2, float("nan"), 4]), "annotation 1.*finite"),
        (annotation_with(bbox=[float("nan"), 2, 3, 4]), "annotation 1.*finite"),
        (annotation_with(bbox=[1, float("-inf"), 3, 4]), "annotation 1.*finite"),
        (annotation_with(bbox=["left", 2, 3, 4]), "annotation 1.*left"),
        (annotation_with(bbox=[[1], 2, 3, 4]), "annotation 1"),
        (annotation_with(bbox=None), "annotation 1.*None"),
        (annotation_with(bbox=[10**400, 2, 3, 4]), "annotation 1"),
        (annotation_with(image_id=[7]), "annotation 1|'image_id'"),
        (image_with(id=[7]), r"id.*\[7\]"),
        (image_with(gsd=0), r"image 7.*gsd \(0\)"),
        (image_with(gsd=-0.1), r"image 7.*gsd \(-0.1\)"),
        (image_with(gsd=float("inf")), r"image 7.*gsd \(inf\)"),
        (image_with(gsd="0.1"), "image 7.*gsd"),
        (image_with(gsd=None), "image 7.*gsd"),
        (image_with(gsd=10), "image 7 has a gsd of 10; is it in metres"),
        (image_with(width="wide"), "wide|'width'"),
        (image_with(width=None), "None|'width'"),
        (image_with(height=float("inf")), "inf|'height'"),
        (image_with(file_name="gone.png"), r"gone\.png is neither"),
        (image_with(file_name="images"), "images is neither"),
        (image_with(file_name="../a.png"), "leaves the folder"),
        (image_with(file_name="sub/../../a.png"), "leaves the folder"),
        (image_with(file_name="/etc/hosts"), "leaves the folder"),
    ],
)
def test_what_is_damaged_is_named(folder: Path, damage: Any, named: str) -> None:
    (folder.parent / "a.png").write_bytes(b"not for us")
    data = content()
    damage(data)
    with pytest.raises(DatasetError, match=named) as caught:
        read(folder, data)
    assert str(caught.value).startswith(str(folder / "labels.json"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b'{"images": "\xff"}', "is not JSON"),
        (b"[]", "no object"),
        (b"null", "no object"),
        (b"{}", "'images'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, raw: bytes, named: str) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match=named):
        read_coco(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.json cannot be read: No such file"):
        read_coco(tmp_path / "none.json")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_coco(tmp_path)


class TestPixels:
    """What is wrong with an image shows when it is read."""

    def test_another_size_than_labelled(self, folder: Path) -> None:
        data = content()
        data["images"][0]["width"] = 31
        image = read(folder, data)[0]
        with pytest.raises(DatasetError, match=r"a\.png is 30 x 20 pixels.*say 31 x 20"):
            image.read()

    def test_width_and_height_are_not_confused(self, folder: Path) -> None:
        data = content()
        data["images"][0].update(width=20, height=30)
        with pytest.raises(DatasetError, match=r"30 x 20 pixels.*say 20 x 30"):
            read(folder, data)[0].read()

    @pytest.mark.parametrize("keep", [0, 10, 60])
    def test_a_damaged_file(self, folder: Path, keep: int) -> None:
        image = read(folder, content())[0]
        image.path.write_bytes(image.path.read_bytes()[:keep])
        with pytest.raises(DatasetError, match=r"a\.png cannot be read as an image"):
            image.read()

    def test_a_file_that_has_gone(self, folder: Path) -> None:
        image = read(folder, content())[0]
        image.path.unlink()
        with pytest.raises(DatasetError, match=r"a\.png cannot be read as an image"):
            image.read()
