from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from geopandas.testing import assert_geodataframe_equal

from geovehicle import jobs
from geovehicle.detection import detect, find
from geovehicle.detections import Detections
from geovehicle.errors import GeoreferenceError, RasterError, SettingsError
from geovehicle.export.frame import FIELDS
from geovehicle.footprints import boxes_of
from geovehicle.model.checkpoint import ModelInfo
from geovehicle.settings import DEFAULT_DETECTOR, DetectSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.raster.source import Patch

CAR = (30, 20, 75, 40)
"""x1, y1, x2, y2 in pixels."""


@dataclass
class BrightCar:
    """Stands in for the network: finds the one thing in a patch whose red is 255."""

    info: ModelInfo = field(
        default_factory=lambda: ModelInfo(DEFAULT_DETECTOR, ("vehicle",), 0.10, "none", {})
    )
    labels: tuple[str, ...] = ("vehicle",)
    score: float = 0.4
    nms: float = 0.2
    arithmetic: str = "exact"
    calls: int = 0

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        self.calls += 1
        return [self._find(patch.pixels[0] == 255) for patch in patches]

    def _find(self, bright: NDArray[np.bool_]) -> Detections:
        if not bright.any():
            return Detections.empty()
        rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
        box = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        return Detections(np.array(box), np.array(0.87654321), np.array(0))


@dataclass
class TurnedCar(BrightCar):
    """Stands in for an oriented network with types: finds one vehicle in each scene."""

    labels: tuple[str, ...] = ("car", "bus")
    footprint: NDArray[np.float64] = field(default_factory=lambda: np.empty((1, 4, 2)))
    """In scene pixels; scenes are one patch."""

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        one, label = np.ones(1), np.array([1])
        found = Detections(boxes_of(self.footprint), one, label, self.footprint, one * 0.75)
        return [found.shift(-patch.window.col, -patch.window.row) for patch in patches]


@pytest.fixture
def turned_car(monkeypatch: pytest.MonkeyPatch) -> TurnedCar:
    car = TurnedCar()
    monkeypatch.setattr(jobs, "load_detector", lambda weights, settings: car)
    return car


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> BrightCar:
    car = BrightCar()
    monkeypatch.setattr(jobs, "load_detector", lambda weights, settings: car)
    return car


def street(width: int = 120, height: int = 80, *cars: tuple[int, int, int, int]) -> Any:
    pixels = np.full((3, height, width), 90, np.uint8)
    for x1, y1, x2, y2 in cars:
        pixels[0, y1:y2, x1:x2] = 255
    return pixels


def corners(box: Sequence[int], transform: Any) -> NDArray[np.float64]:
    """Return the corners of a pixel box straight from the affine, (4, 2)."""
    x1, y1, x2, y2 = box
    a, b, c, d, e, f = transform[:6]
    columns, rows = np.array([x1, x2, x2, x1]), np.array([y1, y1, y2, y2])
    return np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1)


def north_up(x: float, y: float) -> tuple[float, ...]:
    return 0.1, 0.0, x, 0.0, -0.1, y


def ring(polygon: shapely.Polygon) -> NDArray[np.float64]:
    """Return the four corners, sorted."""
    points = shapely.get_coordinates(polygon)[:4]
    return points[np.lexsort(points.T)]


def assert_same(polygon: shapely.Polygon, expected: NDArray[np.float64], within: float) -> None:
    expected = expected[np.lexsort(expected.T)]
    np.testing.assert_allclose(ring(polygon), expected, rtol=0, atol=within)


class TestOneRaster:
    def test_a_notebook_gets_the_layer_of_a_raster_or_of_a_folder(
        self, make_raster: Any, detector: BrightCar
    ) -> None:
        path = make_raster("a.tif", pixels=street(120, 80, CAR))
        cars = detect(path)
        assert isinstance(cars, gpd.GeoDataFrame)
        assert len(cars) == 1
        assert_geodataframe_equal(cars, find([path]).vehicles)
        assert_geodataframe_equal(cars, detect(str(path.parent)))

    def test_the_layer_and_what_is_told(self, make_raster: Any, detector: BrightCar) -> None:
        path = make_raster("a.tif", pixels=street(120, 80, CAR), origin=(130_000, 455_000))
        result = find([path])
        vehicles = result.vehicles
        assert list(vehicles.columns) == [*FIELDS, "geometry"]
        assert vehicles.iloc[0].to_dict() | {"geometry": None} == {
            "id": 1,
            "score": 0.8765,
            "label": "vehicle",
            "label_score": 1.0,
            "length_m": pytest.approx(math.nan, nan_ok=True),
            "width_m": pytest.approx(math.nan, nan_ok=True),
            "area_m2": pytest.approx(math.nan, nan_ok=True),
            "azimuth_deg": pytest.approx(math.nan, nan_ok=True),
            "source": "a.tif",
            "geometry": None,
        }
        transform = north_up(130_000, 455_000)
        assert_same(vehicles.geometry[0], corners(CAR, transform), 0.001)
        assert vehicles.crs.to_epsg() == 28992
        assert (result.summary.score, result.summary.nms) == (detector.score, detector.nms)
        assert 0 < result.summary.seconds < 600
        (one,) = result.summary.scenes
        assert (one.name, one.pixels, one.stretch) == ("a.tif", 120 * 80, None)
        assert result.detections[0].boxes.tolist() == [list(CAR)]

    def test_the_stretch_is_told(self, make_raster: Any, detector: BrightCar) -> None:
        pixels = street(120, 80, CAR).astype(np.uint16) * 13
        (one,) = find([make_raster(pixels=pixels)]).summary.scenes
        assert one.stretch is not None
        assert max(one.stretch.high) == 255 * 13

    def test_nothing_found_is_a_layer_without_rows(
        self, make_raster: Any, detector: BrightCar
    ) -> None:
        result = find([make_raster(pixels=street())])
        assert detector.calls == 1
        assert len(result.vehicles) == 0
        assert list(result.vehicles.columns) == [*FIELDS, "geometry"]
        assert str(result.vehicles["id"].dtype) == "int64"
        assert result.vehicles.crs.to_epsg() == 28992
        assert result.summary.area > 0

    def test_the_bands_chosen_are_searched(self, make_raster: Any, detector: BrightCar) -> None:
        pixels = np.roll(street(120, 80, CAR), 2, axis=0)
        path = make_raster(pixels=pixels)
        assert len(find([path]).vehicles) == 0
        assert len(find([path], settings=DetectSettings(bands=(3, 1, 2))).vehicles) == 1

    def test_weights_and_settings_reach_the_detector(
        self, make_raster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Any] = []

        def load(*arguments: Any) -> BrightCar:
            asked.extend(arguments)
            return BrightCar()

        monkeypatch.setattr(jobs, "load_detector", load)
        settings = DetectSettings(score=0.7)
        mine = tmp_path / "mine.safetensors"
        mine.write_bytes(b"weights")
        find([make_raster()], mine, settings)
        assert asked == [mine, settings]

    def test_the_raster_is_seen_at_the_models_gsd(
        self, make_raster: Any, detector: BrightCar
    ) -> None:
        path = make_raster(pixels=street(120, 80, CAR), gsd=(0.05, 0.05))
        result = find([path], settings=DetectSettings(gsd=0.1))
        assert result.detections[0].boxes.tolist() == [list(CAR)]
        coarse = tuple(2 * edge for edge in CAR)
        path = make_raster(pixels=street(240, 160, coarse), gsd=(0.05, 0.05))
        result = find([path])
        assert result.summary.pixels == 120 * 80
        assert result.detections[0].boxes.tolist() == [list(CAR)]

    def test_without_georeference_the_gsd_is_given(
        self, make_raster: Any, detector: BrightCar
    ) -> None:
        fine = tuple(2 * edge for edge in CAR)
        path = make_raster(pixels=street(240, 160, fine), located=False, crs=None)
        with pytest.raises(GeoreferenceError, match="--gsd"):
            find([path])
        result = find([path], settings=DetectSettings(gsd=0.05))
        assert result.vehicles.crs is None
        pixels = corners(fine, (1, 0, 0, 0, 1, 0))
        assert_same(result.vehicles.geometry[0], pixels, 0.01)
        assert result.summary.area == pytest.approx(240 * 160 * 0.05**2)


def on_the_map(azimuth: float, place: tuple[float, float], scale: float) -> NDArray[np.float64]:
    """Return the corners of a car of 4.5 m x 1.8 m, front first, on a map that has stretch."""
    angle = math.radians(azimuth)
    along = np.array([math.sin(angle), math.cos(angle)]) * 2.25 * scale
    right = np.array([math.cos(angle), -math.sin(angle)]) * 0.9 * scale
    return np.array([along - right, along + right, right - along, -along - right]) + place


def in_pixels(points: NDArray[np.float64], path: Any) -> NDArray[np.float64]:
    """Return points of the map in the file's pixels, (1, N, 2), by its inverse affine."""
    with rasterio.open(path) as raster:
        a, b, c, d, e, f = raster.transform[:6]
    return np.linalg.solve([[a, b], [d, e]], (points - [c, f]).T).T[None]


FOOT = 1200 / 3937
NORTH_60 = 6_378_137 * math.log(math.tan(math.radians(75)))
AMERSFOORT = {"crs": "EPSG:28992", "origin": (155_000, 463_000)}
"""Where the Dutch grid has its scale of 0.99991."""

GRIDS: dict[str, tuple[dict[str, Any], float]] = {
    "north-up": ({}, 1.0),
    "south-up": ({"gsd": (0.1, -0.1)}, 1.0),
    "mirrored": ({"gsd": (-0.1, 0.1)}, 1.0),
    "turned by 180": ({"gsd": (-0.1, -0.1)}, 1.0),
    "rotated": ({"angle": 33.0}, 1.0),
    "rotated, south-up": ({"angle": 250.0, "gsd": (0.1, -0.1)}, 1.0),
    "sheared": ({"angle": 10.0, "shear": 15.0}, 1.0),
    "oblong pixels": ({"gsd": (0.102, 0.097), "angle": 33.0}, 1.0),
    "feet": (
        {"crs": "EPSG:2263", "gsd": (0.1 / FOOT, 0.1 / FOOT), "origin": (983_000, 200_000)},
        1 / FOOT,
    ),
    # on the ellipsoid, the stretch along a meridian is 1.997 there
    "Mercator at 60 north": (
        {"crs": "EPSG:3395", "gsd": (0.2, 0.2), "origin": (1_200_000, NORTH_60 - 33_000)},
        1.9955,
    ),
}


class TestFootprints:
    """Metres and directions of a car that was drawn on the map."""

    @pytest.mark.parametrize("azimuth", [0.0, 25.0, 90.0, 160.0])
    @pytest.mark.parametrize(("recipe", "scale"), GRIDS.values(), ids=GRIDS)
    def test_under_any_affine(
        self,
        make_raster: Any,
        turned_car: TurnedCar,
        recipe: dict[str, Any],
        scale: float,
        azimuth: float,
    ) -> None:
        path = make_raster(pixels=street(120, 120), **AMERSFOORT | recipe)
        with rasterio.open(path) as raster:
            a, b, c, d, e, f = raster.transform[:6]
        middle = 60 * a + 60 * b + c, 60 * d + 60 * e + f
        car = on_the_map(azimuth, middle, scale)
        turned_car.footprint = in_pixels(car, path)
        (vehicle,) = find([path]).vehicles.itertuples()
        assert_same(vehicle.geometry, car, 1e-3)
        assert vehicle.geometry.exterior.is_ccw
        assert (vehicle.length_m, vehicle.width_m) == pytest.approx((4.5, 1.8), abs=0.011)
        assert vehicle.azimuth_deg == pytest.approx(azimuth, abs=0.051)
        assert (vehicle.label, vehicle.label_score) == ("bus", 0.75)

    def test_of_a_resampled_raster(self, make_raster: Any, turned_car: TurnedCar) -> None:
        path = make_raster(pixels=street(240, 60), gsd=(0.05, 0.2), **AMERSFOORT)
        car = on_the_map(70, (155_006, 462_994), 1)
        turned_car.footprint = in_pixels(car, path) * [0.5, 2]
        (vehicle,) = find([path]).vehicles.itertuples()
        assert_same(vehicle.geometry, car, 1e-3)
        assert (vehicle.length_m, vehicle.width_m) == pytest.approx((4.5, 1.8), abs=0.011)
        assert vehicle.azimuth_deg == pytest.approx(70, abs=0.051)

    def test_horizontal_boxes_on_demand(self, make_raster: Any, turned_car: TurnedCar) -> None:
        path = make_raster(pixels=street(120, 120), angle=20.0, **AMERSFOORT)
        turned_car.footprint = in_pixels(on_the_map(90, (155_006, 462_994), 1), path)
        oriented, horizontal = (
            find([path], settings=DetectSettings(boxes=boxes)).vehicles
            for boxes in ("oriented", "horizontal")
        )
        with rasterio.open(path) as raster:
            (box,) = boxes_of(turned_car.footprint)
            assert_same(horizontal.geometry[0], corners(box, raster.transform), 1e-6)
        assert horizontal.area[0] > 1.5 * oriented.area[0]
        assert horizontal[list(FIELDS)].equals(oriented[list(FIELDS)])

    @pytest.mark.parametrize("recipe", [{"crs": None, "located": False}, {}])
    def test_the_users_pixel_size_measures_them(
        self, make_raster: Any, turned_car: TurnedCar, recipe: dict[str, Any]
    ) -> None:
        """Pixels of 0.2 m are resampled to 0.1 m: the car has 45 x 18 of those."""
        path = make_raster(pixels=street(60, 60), gsd=(0.1, 0.1), **recipe)
        turned_car.footprint = on_the_map(30, (60, 60), 10)[None]
        (vehicle,) = find([path], settings=DetectSettings(gsd=0.2)).vehicles.itertuples()
        assert (vehicle.length_m, vehicle.width_m) == (4.5, 1.8)
        # without CRS, the y axis of the layer runs down the rows
        assert vehicle.azimuth_deg == (150 if recipe == {} else 30)

    @pytest.mark.filterwarnings("error", "ignore::geovehicle.errors.GeoVehicleWarning")
    def test_a_wrong_crs_does_not_hide_their_direction(
        self, make_raster: Any, turned_car: TurnedCar
    ) -> None:
        """Metres of UTM that are said to be degrees."""
        recipe = {"crs": "EPSG:4326", "origin": (720_000.0, 5_334_800.0)}
        path = make_raster(pixels=street(120, 120), **recipe)
        turned_car.footprint = in_pixels(on_the_map(40, (720_006, 5_334_794), 1), path)
        with pytest.raises(GeoreferenceError, match="--gsd"):
            find([path])
        (vehicle,) = find([path], settings=DetectSettings(gsd=0.1)).vehicles.itertuples()
        assert (vehicle.length_m, vehicle.width_m) == (4.5, 1.8)
        assert vehicle.azimuth_deg == 40

    def test_the_first_rasters_north_counts(self, make_raster: Any, turned_car: TurnedCar) -> None:
        pixels = street(120, 120)
        zones = [
            make_raster(f"{zone}.tif", pixels=pixels, crs=f"EPSG:258{zone}", origin=(x, 5_334_800))
            for zone, x in ((32, 720_000), (33, 280_000))
        ]
        turned_car.footprint = in_pixels(on_the_map(40, (720_006, 5_334_794), 1), zones[0])
        both, other = find(zones).vehicles, find(zones[1:]).vehicles
        assert both["azimuth_deg"][0] == other["azimuth_deg"][0] == 40
        # 2.97 degrees to the east of the one meridian, 2.96 to the west of the other
        assert both["azimuth_deg"][1] == pytest.approx(40 - 4.43, abs=0.1)
        assert both["length_m"][1] == other["length_m"][0]


class TestArea:
    """Square metres on the ground, whatever the units of the CRS."""

    def _area(self, make_raster: Any, **recipe: Any) -> float:
        return find([make_raster(pixels=street(200, 100), **recipe)]).summary.area

    @pytest.mark.usefixtures("detector")
    def test_metres(self, make_raster: Any) -> None:
        assert self._area(make_raster) == pytest.approx(200 * 100 * 0.01, rel=1e-3)

    @pytest.mark.usefixtures("detector")
    def test_us_feet(self, make_raster: Any) -> None:
        gsd = 0.1 * 3937 / 1200
        area = self._area(make_raster, crs="EPSG:2263", gsd=(gsd, gsd), origin=(985_000, 200_000))
        assert area == pytest.approx(200 * 100 * 0.01, rel=1e-3)

    @pytest.mark.usefixtures("detector")
    def test_mercator_at_60_north_is_a_quarter(self, make_raster: Any) -> None:
        northing = 6_378_137 * math.log(math.tan(math.radians(75)))
        recipe = {"crs": "EPSG:3857", "gsd": (0.2, 0.2), "origin": (1_200_000, northing)}
        # The sphere of the projection is not the ellipsoid: less than 1 % between them.
        area = self._area(make_raster, **recipe)
        assert area == pytest.approx(200 * 100 * 0.04 / 4, rel=0.01)

    @pytest.mark.usefixtures("detector")
    def test_degrees(self, make_raster: Any) -> None:
        lon, lat = 11.57, 48.1
        geod = pyproj.Geod(ellps="WGS84")
        east, _, _ = geod.fwd(lon, lat, 90, 0.1)
        _, north, _ = geod.fwd(lon, lat, 0, 0.1)
        recipe = {"crs": "EPSG:4326", "gsd": (east - lon, north - lat), "origin": (lon, lat)}
        assert self._area(make_raster, **recipe) == pytest.approx(200 * 100 * 0.01, rel=1e-3)

    @pytest.mark.usefixtures("detector")
    def test_resampled_pixels_cover_the_same_ground(self, make_raster: Any) -> None:
        area = self._area(make_raster, gsd=(0.05, 0.2))
        assert area == pytest.approx(200 * 100 * 0.01, rel=1e-3)

    @pytest.mark.usefixtures("detector")
    def test_pixels_that_are_read_as_they_are_keep_their_size(self, make_raster: Any) -> None:
        area = self._area(make_raster, gsd=(0.104, 0.103))
        assert area == pytest.approx(200 * 100 * 0.104 * 0.103, rel=1e-3)

    @pytest.mark.usefixtures("detector")
    def test_only_imagery_counts(self, make_raster: Any) -> None:
        mask = np.zeros((100, 200), bool)
        mask[:, :50] = True
        assert self._area(make_raster, mask=mask) == pytest.approx(50 * 100 * 0.01, rel=1e-3)


class TestSeveralRasters:
    def _three(self, make_raster: Any) -> list[Any]:
        return [
            make_raster("a.tif", pixels=street(120, 80, CAR)),
            make_raster("b.tif", pixels=street(90, 60)),
            make_raster("c.tif", pixels=street(300, 400, CAR), origin=(130_100, 455_000)),
        ]

    @pytest.mark.usefixtures("detector")
    def test_they_become_one_layer(self, make_raster: Any) -> None:
        result = find(self._three(make_raster))
        assert result.vehicles["id"].tolist() == [1, 2]
        assert result.vehicles["source"].tolist() == ["a.tif", "c.tif"]
        first, second = (ring(polygon) for polygon in result.vehicles.geometry)
        np.testing.assert_allclose(second - first, np.tile([100.0, 0.0], (4, 1)), atol=1e-6)
        assert [scene.name for scene in result.summary.scenes] == ["a.tif", "b.tif", "c.tif"]
        assert [scene.count for scene in result.summary.scenes] == [1, 0, 1]
        assert result.summary.pixels == 120 * 80 + 90 * 60 + 300 * 400
        assert result.summary.area == pytest.approx(
            sum(scene.area for scene in result.summary.scenes)
        )
        assert result.summary.area == pytest.approx(result.summary.pixels * 0.01, rel=1e-3)

    @pytest.mark.usefixtures("detector")
    def test_progress_rises_to_the_whole(self, make_raster: Any) -> None:
        ticks: list[tuple[int, int]] = []
        find(
            self._three(make_raster),
            settings=DetectSettings(patch=256),
            on_progress=lambda done, total: ticks.append((done, total)),
        )
        total = 120 * 80 + 90 * 60 + 300 * 400
        done = [tick[0] for tick in ticks]
        assert {tick[1] for tick in ticks} == {total}
        assert done[:3] == [0, 120 * 80, 120 * 80 + 90 * 60]
        assert len(done) > 3
        assert done == sorted(set(done))
        assert done[-1] == total

    @pytest.mark.usefixtures("detector")
    @pytest.mark.parametrize("empty_first", [False, True])
    def test_the_crs_is_the_first_ones(self, make_raster: Any, empty_first: bool) -> None:
        """Two zones meet at 12 E: what the second found is reprojected."""
        first = make_raster(
            "32.tif",
            pixels=street() if empty_first else street(120, 80, CAR),
            crs="EPSG:25832",
            origin=(720_000, 5_334_800),
        )
        second = make_raster(
            "33.tif",
            pixels=street(120, 80, CAR),
            crs="EPSG:25833",
            origin=(280_000, 5_334_800),
            angle=20.0,
        )
        vehicles = find([first, second]).vehicles
        assert vehicles.crs.to_epsg() == 25832
        assert vehicles["source"].tolist() == ["33.tif"] if empty_first else ["32.tif", "33.tif"]
        turn = math.radians(20)
        c, s = 0.1 * math.cos(turn), 0.1 * math.sin(turn)
        own = corners(CAR, (c, s, 280_000, s, -c, 5_334_800))
        to_first = pyproj.Transformer.from_crs("EPSG:25833", "EPSG:25832", always_xy=True)
        expected = np.stack(to_first.transform(*own.T), axis=1)
        assert_same(vehicles.geometry.iloc[-1], expected, 0.001)
        if not empty_first:
            transform = north_up(720_000, 5_334_800)
            assert_same(vehicles.geometry.iloc[0], corners(CAR, transform), 1e-6)

    def test_a_missing_one_is_told_before_any_is_searched(
        self, make_raster: Any, detector: BrightCar
    ) -> None:
        good = make_raster("good.tif", pixels=street(120, 80, CAR))
        with pytest.raises(RasterError, match=r"nowhere\.tif"):
            find([good, good.with_name("nowhere.tif")])
        assert detector.calls == 0

    def test_so_is_one_without_georeference(self, make_raster: Any, detector: BrightCar) -> None:
        good = make_raster("good.tif", pixels=street(120, 80, CAR))
        with pytest.raises(GeoreferenceError, match=r"bare\.tif.*--gsd"):
            find([good, make_raster("bare.tif", located=False, crs=None)])
        assert detector.calls == 0


def test_without_rasters_there_is_nothing_to_search() -> None:
    with pytest.raises(SettingsError, match="no raster"):
        find([])
