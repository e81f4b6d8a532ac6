"""Planted rectangles through plan, read, detect, merge and out as polygons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from scipy import ndimage

from geovehicle.detections import Detections
from geovehicle.engines.scene import on_valid, search
from geovehicle.errors import SettingsError
from geovehicle.export.frame import to_frame
from geovehicle.footprints import boxes_of, corners_of, rectangles_of
from geovehicle.georeference import GeoGrid
from geovehicle.patches import PatchWindow, plan
from geovehicle.raster.array_source import ArraySource
from geovehicle.raster.rasterio_source import open_raster
from geovehicle.raster.source import Patch
from geovehicle.settings import RIM, DetectSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

GSD = 0.10
OVERLAP = 200
"""Pixels: the default of 20 m."""
BACKGROUND = 90
TOLERANCE = 0.01
"""Pixels of the raster."""

Rectangle = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels of the raster."""

same_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


def plant(
    rectangles: Sequence[Rectangle], width: int, height: int, background: int = BACKGROUND
) -> NDArray[np.uint8]:
    """Return RGB in which the rectangles shine: red at 255, green the number of each."""
    assert len(rectangles) <= 256
    pixels = np.full((3, height, width), background, np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(rectangles):
        colour = np.array([255, number, 40], np.uint8)
        pixels[:, y1:y2, x1:x2] = colour[:, None, None]
    return pixels


@dataclass
class Finder:
    """Finds planted rectangles as far as a patch shows them, and remembers their cores.

    As with a real detector, scores differ from patch to patch.
    """

    seen: list[tuple[int, int, int, int]]
    batches: list[int]

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        self.seen += [patch.window.core for patch in patches]
        self.batches.append(len(patches))
        return [self._find(patch) for patch in patches]

    def _find(self, patch: Patch) -> Detections:
        boxes, scores = [], []
        shining = np.where(patch.pixels[0] == 255, patch.pixels[1].astype(int) + 1, 0)
        for number in np.unique(shining[shining > 0]) - 1:
            parts, _ = ndimage.label(shining == number + 1)  # a mirror image may stand apart
            chance = (patch.window.col * 31 + patch.window.row * 17 + number * 7) % 50
            for rows, columns in ndimage.find_objects(parts):
                boxes.append([columns.start, rows.start, columns.stop, rows.stop])
                scores.append(0.5 + chance / 100)
        return Detections(np.array(boxes), np.array(scores), np.zeros(len(boxes)))


def finder() -> Finder:
    return Finder([], [])


def find(
    path: Path, patch: int = 256, batch: int = 1, **options: Any
) -> tuple[gpd.GeoDataFrame, Affine]:
    """Return the layer of a raster and the raster's own affine."""
    with open_raster(path, GSD, **options) as source:
        found = search(source, finder(), DetectSettings(patch=patch, batch=batch), GSD)
        frame = to_frame(found.detections, source.grid, source.name, ("vehicle",))
        return frame, source.native_grid.transform


def errors(
    frame: gpd.GeoDataFrame, rectangles: Sequence[Rectangle], affine: Affine
) -> NDArray[np.float64]:
    """Return the largest corner error, in raster pixels, of each result to each rectangle."""
    x1, y1, x2, y2 = np.array(rectangles, float).reshape(-1, 4).T
    x, y = np.stack([x1, x2, x2, x1], axis=1), np.stack([y1, y1, y2, y2], axis=1)
    a, b, c, d, e, f = affine[:6]
    expected = np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)
    actual = shapely.get_coordinates(frame.geometry.to_numpy()).reshape(-1, 5, 2)[:, :4]
    apart = expected[None, :, :, None] - actual[:, None, None]
    pixels = np.linalg.norm(apart @ np.linalg.inv([[a, b], [d, e]]).T, axis=-1)
    corner_errors: NDArray[np.float64] = np.maximum(pixels.min(axis=2), pixels.min(axis=3))
    return corner_errors.max(axis=-1)


def assert_found_exactly(
    result: tuple[gpd.GeoDataFrame, Affine], rectangles: Sequence[Rectangle]
) -> None:
    frame, affine = result
    matches = errors(frame, rectangles, affine) < TOLERANCE
    missed = [rectangles[i] for i in np.flatnonzero(~matches.any(axis=0))]
    assert missed == [], "missed"
    wrong = frame.geometry[~matches.any(axis=1)].to_wkt().tolist()
    assert wrong == [], "found what was not planted"
    assert len(frame) == len(rectangles), "found twice"
    assert shapely.is_ccw(shapely.get_exterior_ring(frame.geometry.to_numpy())).all()


def along_x(offsets: Iterable[int], length: int, pitch: int = 8) -> list[Rectangle]:
    """Return rectangles of a length, one under the other."""
    return [(x, 2 + n * pitch, x + length, n * pitch + pitch) for n, x in enumerate(offsets)]


def transposed(rectangles: Iterable[Rectangle]) -> list[Rectangle]:
    return [(y1, x1, y2, x2) for x1, y1, x2, y2 in rectangles]


class TestSeams:
    """Where patches meet."""

    @pytest.mark.parametrize("length", [200, 181, 45])
    @pytest.mark.parametrize(("width", "patch"), [(312, 256), (313, 256), (400, 260), (560, 380)])
    def test_a_vehicle_may_lie_anywhere(
        self, make_raster: Any, width: int, patch: int, length: int
    ) -> None:
        offsets = np.unique(np.linspace(0, width - length, 113).astype(int))
        rectangles = along_x(offsets, length)
        size = width, len(rectangles) * 8 + 8
        path = make_raster(pixels=plant(rectangles, *size))
        assert_found_exactly(find(path, patch, batch=3), rectangles)

    @pytest.mark.parametrize("length", [200, 181, 45])
    def test_so_may_one_that_stands(self, make_raster: Any, length: int) -> None:
        offsets = np.unique(np.linspace(0, 312 - length, 113).astype(int))
        rectangles = transposed(along_x(offsets, length))
        path = make_raster(pixels=plant(rectangles, len(rectangles) * 8 + 8, 312))
        assert_found_exactly(find(path), rectangles)

    @pytest.mark.parametrize("size", [(200, 30), (30, 200), (200, 200), (45, 20), (20, 45)])
    @pytest.mark.parametrize("dx", [-100, -61, -20, -1, 0, 7, 55, 80])
    def test_a_vehicle_in_the_corner_of_four_patches(
        self, make_raster: Any, size: tuple[int, int], dx: int
    ) -> None:
        meeting = {window.core[2:] for window in plan(312, 312, 256, OVERLAP)}
        assert (156, 156) in meeting
        for dy in (dx, -dx, 3):
            x, y = (
                min(max(0, 156 + d - side // 2), 312 - side)
                for d, side in zip((dx, dy), size, strict=True)
            )
            rectangle = x, y, x + size[0], y + size[1]
            path = make_raster(pixels=plant([rectangle], 312, 312))
            assert_found_exactly(find(path), [rectangle])

    @pytest.mark.parametrize("across", [False, True])
    def test_touching_neighbours_stay_apart(self, make_raster: Any, across: bool) -> None:
        """A full car park: no pixel between the vehicles, seams all over it."""
        rectangles = [
            (x, y, x + 20, y + 45) for y in (100, 145, 190) for x in range(0, 20 * 17, 20)
        ]
        rectangles = transposed(rectangles) if across else rectangles
        path = make_raster(pixels=plant(rectangles, 340, 340))
        assert_found_exactly(find(path), rectangles)

    def test_edges_and_corners_of_the_scene(self, make_raster: Any) -> None:
        width, height = 500, 420
        rectangles = [
            (0, 0, 45, 20),
            (width - 20, 0, width, 45),
            (0, height - 45, 20, height),
            (width - 45, height - 20, width, height),
            (150, 0, 350, 30),
            (150, height - 30, 350, height),
            (0, 110, 30, 310),
            (width - 30, 110, width, 310),
        ]
        path = make_raster(pixels=plant(rectangles, width, height))
        assert_found_exactly(find(path), rectangles)

    @pytest.mark.parametrize("size", [(100, 60), (255, 257), (256, 256)])
    def test_a_scene_no_larger_than_a_patch(self, make_raster: Any, size: tuple[int, int]) -> None:
        width, height = size
        rectangles = [(0, 0, 45, 20), (width - 20, height - 45, width, height), (50, 22, 95, 42)]
        path = make_raster(pixels=plant(rectangles, width, height))
        assert_found_exactly(find(path), rectangles)

    @same_file
    @given(data=st.data())
    def test_any_scene(self, make_raster: Any, data: st.DataObject) -> None:
        width, height = (data.draw(st.integers(100, 900), side) for side in ("width", "height"))
        patch = data.draw(st.sampled_from([256, 300, 511, 1024]), "patch")
        rectangles = data.draw(vehicles(width, height, patch), "rectangles")
        path = make_raster(pixels=plant(rectangles, width, height))
        batch = data.draw(st.sampled_from([1, 3]), "batch")
        assert_found_exactly(find(path, patch, batch), rectangles)


LENGTHS = st.integers(12, 200) | st.integers(170, 200)
"""Pixels; seams are hardest for the longest vehicles."""


@st.composite
def vehicles(draw: Any, width: int, height: int, patch: int) -> list[Rectangle]:
    """Return rectangles that share no pixel, many of them on core borders."""
    cores = [window.core for window in plan(width, height, patch, OVERLAP)]
    ends = sorted({core[2] for core in cores}), sorted({core[3] for core in cores})
    chosen: list[Rectangle] = []
    for _ in range(draw(st.integers(1, 12))):
        sides = draw(st.permutations([draw(LENGTHS), draw(st.integers(8, 32))]))
        corner = []
        for side, limit, borders in zip(sides, (width, height), ends, strict=True):
            if side > limit:
                break
            near = draw(st.sampled_from(borders)) - side // 2 + draw(st.integers(-60, 60))
            free = draw(st.integers(0, limit - side))
            corner.append(min(max(0, near), limit - side) if draw(st.booleans()) else free)
        else:
            x, y = corner
            new = x, y, x + sides[0], y + sides[1]
            if all(_apart(new, other) for other in chosen):
                chosen.append(new)
    return chosen


def _apart(one: Rectangle, two: Rectangle) -> bool:
    return one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]


SPREAD: list[Rectangle] = [
    (0, 0, 44, 20),
    (56, 100, 256, 128),
    (140, 132, 184, 152),
    (100, 152, 120, 196),
    (120, 152, 140, 196),
    (144, 160, 172, 360),
    (268, 340, 312, 360),
]
"""On edges of multiples of four, for a scene of 312 x 360: all over its seams."""


def scaled(x: int, y: int) -> list[Rectangle]:
    return [(x1 * x, y1 * y, x2 * x, y2 * y) for x1, y1, x2, y2 in SPREAD]


def degrees(latitude: float, gsd: float = GSD) -> tuple[float, float]:
    """Return the degrees of a ground distance in longitude and latitude on the sphere."""
    along = math.degrees(gsd / 6_371_000)
    return along / math.cos(math.radians(latitude)), along


def mercator(latitude: float) -> float:
    """Return the northing of EPSG:3857."""
    return 6_378_137 * math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))


FOOT = 1200 / 3937


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param({"crs": "EPSG:25832", "origin": (691_600, 5_334_800)}, id="north-up"),
        pytest.param({"angle": 30.0}, id="rotated"),
        pytest.param({"angle": -117.3}, id="turned-past-a-right-angle"),
        pytest.param({"shear": 15.0}, id="sheared"),
        pytest.param({"gsd": (0.1, -0.1)}, id="south-up"),
        pytest.param({"gsd": (-0.1, 0.1)}, id="mirrored"),
        pytest.param(
            {"transform": Affine(0.0, 0.1, 130_000.0, 0.1, 0.0, 455_000.0)}, id="axes-swapped"
        ),
        pytest.param(
            {"crs": "EPSG:2263", "gsd": (0.1 / FOOT,) * 2, "origin": (985_000, 200_000)},
            id="US-feet",
        ),
        pytest.param(
            {"crs": "EPSG:4326", "gsd": degrees(48.1), "origin": (11.57, 48.1)}, id="degrees"
        ),
        pytest.param(
            {"crs": "EPSG:3857", "gsd": (0.2, 0.2), "origin": (1_200_000, mercator(60))},
            id="Mercator-at-60-N",
        ),
        pytest.param({"gsd": (0.104, 0.097)}, id="within-tolerance"),
    ],
)
def test_every_affine_and_crs(make_raster: Any, recipe: dict[str, Any], batch: int) -> None:
    path = make_raster(pixels=plant(SPREAD, 312, 360), **recipe)
    frame, affine = find(path, batch=batch)
    assert_found_exactly((frame, affine), SPREAD)
    assert frame.crs.to_epsg() == CRS.from_user_input(recipe.get("crs", "EPSG:28992")).to_epsg()


@pytest.mark.parametrize(
    "turn", [{}, {"angle": 30.0}, {"shear": 10.0}], ids=["straight", "rotated", "sheared"]
)
@pytest.mark.parametrize(
    ("x", "y"), [(2, 2), (4, 4), (2, 1), (1, 2), (1, 4)], ids=lambda factor: f"{factor}x"
)
def test_finer_pixels(make_raster: Any, x: int, y: int, turn: dict[str, float]) -> None:
    """Each axis is resampled on its own; errors are in the raster's fine pixels."""
    rectangles = scaled(x, y)
    gsd = GSD / x, GSD / y
    if "shear" in turn:  # which lengthens the steps down the rows
        gsd = gsd[0], gsd[1] * math.cos(math.radians(turn["shear"]))
    path = make_raster(pixels=plant(rectangles, 312 * x, 360 * y), gsd=gsd, **turn)
    assert_found_exactly(find(path), rectangles)


def test_a_raster_without_crs_keeps_its_own_pixels(make_raster: Any) -> None:
    path = make_raster(pixels=plant(scaled(2, 2), 624, 720), located=False, crs=None)
    frame, affine = find(path, source_gsd=0.05)
    assert_found_exactly((frame, affine), scaled(2, 2))
    assert affine == Affine.identity()
    assert frame.crs is None


class TestSurroundings:
    """What lies outside of the imagery is not searched, what lies beside it is."""

    INSIDE: tuple[Rectangle, ...] = ((100, 60, 145, 80), (150, 80, 350, 110), (355, 340, 400, 360))
    OUTSIDE: tuple[Rectangle, ...] = ((20, 30, 65, 50), (420, 100, 440, 145), (200, 380, 400, 400))

    def _valid(self) -> NDArray[np.bool_]:
        valid = np.zeros((420, 480), bool)
        valid[60:360, 100:400] = True
        return valid

    def test_masked_vehicles_are_absent(self, make_raster: Any) -> None:
        pixels = plant([*self.INSIDE, *self.OUTSIDE], 480, 420)
        path = make_raster(pixels=pixels, mask=self._valid())
        assert_found_exactly(find(path), self.INSIDE)

    def test_transparent_vehicles_are_absent(self, make_raster: Any) -> None:
        pixels = plant([*self.INSIDE, *self.OUTSIDE], 480, 420)
        path = make_raster(pixels=pixels, alpha=np.where(self._valid(), 255, 0).astype(np.uint8))
        assert_found_exactly(find(path), self.INSIDE)

    @pytest.mark.parametrize("nodata", [None, 0])
    def test_black_surroundings_hide_nothing_beside_them(
        self, make_raster: Any, nodata: int | None
    ) -> None:
        pixels = plant(self.INSIDE, 480, 420)
        pixels[:, ~self._valid()] = 0
        assert_found_exactly(find(make_raster(pixels=pixels, nodata=nodata)), self.INSIDE)

    def test_nothing_is_seen_in_black_surroundings(self, make_raster: Any) -> None:
        """A detector that takes the black for vehicles is not believed."""
        pixels = plant(self.INSIDE, 480, 420)
        pixels[:, ~self._valid()] = 0

        def gullible(patches: Sequence[Patch]) -> list[Detections]:
            exact = finder()(patches)
            return [
                Detections.concatenate([found, _dark_boxes(patch)])
                for found, patch in zip(exact, patches, strict=True)
            ]

        with open_raster(make_raster(pixels=pixels), GSD) as source:
            found = search(source, gullible, DetectSettings(patch=256), GSD)
            frame = to_frame(found.detections, source.grid, source.name, ("vehicle",))
            assert_found_exactly((frame, source.grid.transform), self.INSIDE)

    def test_a_vehicle_that_the_border_cuts_ends_there(self, make_raster: Any) -> None:
        rectangles = [(80, 200, 125, 220)]
        path = make_raster(pixels=plant(rectangles, 480, 420), mask=self._valid())
        assert_found_exactly(find(path), [(100, 200, 125, 220)])


def _dark_boxes(patch: Patch) -> Detections:
    """Return a grid of boxes that are black for the most part."""
    black = (patch.pixels == 0).all(axis=0)
    height, width = black.shape
    boxes = [
        (x, y, x + 45, y + 20)
        for y in range(0, height - 20, 20)
        for x in range(0, width - 45, 45)
        if black[y : y + 20, x : x + 45].mean() > 0.5
    ]
    return Detections(np.array(boxes), np.ones(len(boxes)), np.zeros(len(boxes)))


def scene(width: int, height: int, rectangles: Sequence[Rectangle] = ()) -> ArraySource:
    crs = CRS.from_epsg(25832)
    grid = GeoGrid(width, height, Affine(GSD, 0, 691_600, 0, -GSD, 5_334_800), crs)
    return ArraySource("scene", plant(rectangles, width, height), grid)


class TestSearch:
    """What the engine tells about its work."""

    @same_file
    @given(
        width=st.integers(1, 700),
        height=st.integers(1, 700),
        patch=st.integers(256, 500),
        batch=st.integers(1, 5),
    )
    def test_progress_adds_up_to_the_scene(
        self, width: int, height: int, patch: int, batch: int
    ) -> None:
        ticks: list[int] = []
        chosen = DetectSettings(patch=patch, batch=batch, block=100)
        found = search(scene(width, height), finder(), chosen, GSD, ticks.append)
        windows = len(plan(width, height, patch, OVERLAP))
        assert sum(ticks) == width * height == found.searched
        assert min(ticks) > 0
        assert len(ticks) == math.ceil(windows / batch)

    def test_batches_are_as_large_as_asked_for(self) -> None:
        detector = finder()
        search(scene(400, 400), detector, DetectSettings(patch=256, batch=4, block=4), GSD)
        assert detector.batches == [4] * 4
        assert detector.seen == [window.core for window in plan(400, 400, 256, OVERLAP)]

    def test_the_overlap_is_in_metres(self) -> None:
        detector = finder()
        chosen = DetectSettings(patch=256, overlap=20.0)
        search(scene(600, 100), detector, chosen, 0.2)
        assert detector.seen == [window.core for window in plan(600, 100, 256, 100)]

    def test_patches_without_imagery_are_not_searched(self, make_raster: Any) -> None:
        mask = np.zeros((400, 900), bool)
        mask[:30, :40] = mask[350:, 860:] = True
        detector, ticks = finder(), []
        with open_raster(make_raster(pixels=plant([], 900, 400), mask=mask), GSD) as source:
            chosen = DetectSettings(patch=256, batch=2)
            found = search(source, detector, chosen, GSD, ticks.append)
        shown = [
            window.core
            for window in plan(900, 400, 256, OVERLAP)
            if mask[window.row :, window.col :][: window.height, : window.width].any()
        ]
        assert detector.seen == shown
        assert 0 < len(shown) < len(plan(900, 400, 256, OVERLAP))
        assert 0 not in detector.batches
        assert found.searched == mask.sum()
        assert sum(ticks) == 900 * 400

    def test_a_raster_without_imagery_is_empty(self, make_raster: Any) -> None:
        detector, ticks = finder(), []
        with open_raster(make_raster(pixels=plant([], 300, 300, 0)), GSD) as source:
            found = search(source, detector, DetectSettings(patch=256), GSD, ticks.append)
        assert (len(found.detections), found.searched, sum(ticks)) == (0, 0, 90_000)
        assert detector.seen == []

    def test_valid_pixels_are_counted_once(self, make_raster: Any) -> None:
        mask = np.random.default_rng(3).random((350, 400)) > 0.4
        with open_raster(make_raster(pixels=plant([], 400, 350), mask=mask), GSD) as source:
            found = search(source, finder(), DetectSettings(patch=256, batch=3), GSD)
        assert found.searched == mask.sum()

    def test_boxes_end_with_the_scene(self) -> None:
        def generous(patches: Sequence[Patch]) -> list[Detections]:
            return [Detections([[-7.5, -3, 30, 140]], [0.9], [0])] * len(patches)

        found = search(scene(100, 100), generous, DetectSettings(), GSD)
        assert found.detections.boxes.tolist() == [[0, 0, 30 - RIM, 100]]

    def test_footprints_end_with_the_scene_and_lie_as_the_detector_says(self) -> None:
        rectangles = np.array([[4.0, 60, 45, 18, 0.6], [300, 200, 45, 18, 2.0]])

        def turned(patches: Sequence[Patch]) -> list[Detections]:
            shown = []
            for patch in patches:
                corners = corners_of(rectangles) - (patch.window.col, patch.window.row)
                boxes = boxes_of(corners).clip(0, 256)
                labels, sure = np.arange(2), np.array([0.25, 0.5])
                found = Detections(boxes, np.ones(2), labels, corners, sure)
                shown.append(found.filter((boxes[:, 2:] > boxes[:, :2]).all(axis=1)))
            return shown

        found = search(scene(400, 400), turned, DetectSettings(patch=256), GSD).detections
        order = np.argsort(found.labels)
        cut, whole = found.outlines[order]
        np.testing.assert_allclose(whole, corners_of(rectangles)[1])
        (given,) = corners_of(rectangles[:1])
        left = shapely.Polygon(given) & shapely.box(0, 0, 400, 400)
        assert shapely.Polygon(given).buffer(1e-6).contains(shapely.Polygon(cut))
        assert shapely.Polygon(cut).buffer(1e-6).contains(left)
        assert rectangles_of(cut[None])[0, 4] == pytest.approx(0.6)
        assert rectangles_of(cut[None])[0, 2] < 45
        assert found.label_scores[order].tolist() == [0.25, 0.5]
        np.testing.assert_allclose(found.boxes[order][0], left.bounds)

    @pytest.mark.parametrize(("width", "height"), [(100, 60), (5, 60), (1, 1)])
    def test_beyond_its_edge_the_scene_goes_on_mirrored(self, width: int, height: int) -> None:
        pixels = np.random.default_rng(5).integers(0, 256, (3, height, width)).astype(np.uint8)
        seen = []

        def nothing(patches: Sequence[Patch]) -> list[Detections]:
            seen.extend(patches)
            return [Detections.empty()] * len(patches)

        grid = scene(width, height).grid
        search(ArraySource("noise", pixels, grid), nothing, DetectSettings(), GSD)
        (patch,) = seen
        assert patch.pixels.shape == (3, height + 2 * RIM, width + 2 * RIM)
        assert patch.valid.shape == patch.pixels.shape[1:]
        inner = patch.pixels[:, RIM : RIM + height, RIM : RIM + width]
        assert (inner == pixels).all()
        for step in range(1, min(width, RIM + 1)):
            left = patch.pixels[:, RIM : RIM + height, RIM - step]
            right = patch.pixels[:, RIM : RIM + height, RIM + width - 1 + step]
            assert (left == pixels[:, :, step]).all()
            assert (right == pixels[:, :, width - 1 - step]).all()
        assert (patch.window.col, patch.window.row) == (-RIM, -RIM)
        assert (patch.window.width, patch.window.height) == patch.valid.shape[::-1]

    def test_all_patches_are_of_one_size(self) -> None:
        shapes = []

        def nothing(patches: Sequence[Patch]) -> list[Detections]:
            shapes.extend(patch.pixels.shape for patch in patches)
            return [Detections.empty()] * len(patches)

        search(scene(700, 700), nothing, DetectSettings(patch=256, overlap=2.0), GSD)
        (side,) = {window.width for window in plan(700, 700, 256, 20)}
        assert shapes == [(3, side + 2 * RIM, side + 2 * RIM)] * 9

    def test_mirror_images_at_a_seam_are_no_vehicles(self) -> None:
        """Where patches hardly overlap, the band of a core reaches into the rim."""
        border = plan(400, 200, 256, 2)[0].width
        pixels = plant([(border - 16, 90, border - 4, 110)], 400, 200)
        source = ArraySource("scene", pixels, scene(400, 200).grid)
        found = search(source, finder(), DetectSettings(patch=256, overlap=0.2), GSD).detections
        assert found.boxes.tolist() == [[border - 16, 90, border - 4, 110]]

    @pytest.mark.parametrize(("shown", "count"), [(2.5, 0), (3.5, 1)])
    def test_what_lies_in_the_rim_is_no_vehicle(self, shown: float, count: int) -> None:
        def beyond(patches: Sequence[Patch]) -> list[Detections]:
            return [Detections([[0.0, 40, RIM + shown, 60]], [0.9], [0])] * len(patches)

        found = search(scene(100, 100), beyond, DetectSettings(), GSD)
        assert len(found.detections) == count

    def test_two_views_of_a_vehicle_that_lie_askew_become_one_at_a_seam(self) -> None:
        border = plan(400, 200, 256, OVERLAP)[0].core[2]

        def askew(patches: Sequence[Patch]) -> list[Detections]:
            found = []
            for patch in patches:
                angle = 0.0 if patch.window.col else 1.2
                corners = corners_of(np.array([[border, 100.0, 46, 19, angle]]))
                corners = corners - (patch.window.col, patch.window.row)
                found.append(Detections(boxes_of(corners), [0.9], [0], corners))
            return found

        found = search(scene(400, 200), askew, DetectSettings(patch=256), GSD).detections
        assert len(found) == 1

    @pytest.mark.parametrize(("patch", "overlap"), [(256, 25.6), (256, 30.0), (1024, 200.0)])
    def test_patches_need_room_beside_their_overlap(self, patch: int, overlap: float) -> None:
        detector = finder()
        with pytest.raises(SettingsError, match=f"patches of {patch} pixels.*larger patches"):
            search(scene(900, 900), detector, DetectSettings(patch=patch, overlap=overlap), GSD)
        assert detector.seen == []


class TestOnValid:
    """Detections mostly on invalid pixels belong to the surroundings."""

    def _patch(self) -> Patch:
        valid = np.ones((60, 100), bool)
        valid[:, :40] = False
        window = PatchWindow(500, 700, 100, 60, (500, 700, 600, 760))
        return Patch(np.zeros((3, 60, 100), np.uint8), valid, window)

    def _kept(self, *boxes: Sequence[float]) -> list[list[float]]:
        count = len(boxes)
        found = Detections(np.array(boxes), np.ones(count), np.zeros(count))
        return on_valid(self._patch(), found).boxes.tolist()

    def test_half_is_enough(self) -> None:
        assert self._kept([20, 5, 60, 25]) == [[20, 5, 60, 25]]
        assert self._kept([19, 5, 59, 25]) == []

    def test_wholly_valid_or_not(self) -> None:
        whole = [40.2, 1.7, 99.9, 59.5]
        assert self._kept([0, 0, 39.9, 60], whole, [5, 5, 20, 20]) == [whole]

    def test_what_reaches_out_of_the_patch_counts_as_far_as_it_is_seen(self) -> None:
        assert self._kept([90, -30, 140, 20]) == [[90, -30, 140, 20]]
        assert self._kept([-90, -30, 30, 20]) == []

    def test_all_is_kept_where_all_is_valid(self) -> None:
        patch = self._patch()
        everywhere = Patch(patch.pixels, np.ones_like(patch.valid), patch.window)
        found = Detections([[0, 0, 10, 10]], [0.9], [0])
        assert on_valid(everywhere, found).boxes.tolist() == [[0, 0, 10, 10]]

    def test_nothing_stays_nothing(self) -> None:
        assert len(on_valid(self._patch(), Detections.empty())) == 0
