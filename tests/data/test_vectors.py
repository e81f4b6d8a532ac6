from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geovehicle.data import tiles
from geovehicle.data.division import divide
from geovehicle.data.marks import turned_box
from geovehicle.data.records import Problem, Record
from geovehicle.data.tiles import to_map
from geovehicle.data.vectors import read_polygons, read_vectors
from geovehicle.errors import DatasetError
from geovehicle.raster.rasterio_source import RasterioSource, open_raster
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeRaster = Callable[..., Path]

RED = (250, 10, 10)
CARS = {"car": (20.0, 16.0, 20.0), "truck": (70.0, 40.0, -30.0)}
"""Centre x, y in pixels of 10 cm and heading of two vehicles of 3 x 1.6 m."""


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 64)


def corners(name: str) -> Any:
    x, y, heading = CARS[name]
    return turned_box((x, y), (15, 8), heading)


def paint() -> Any:
    """Return the pixels of a scene of 96 x 64 with red vehicles on grey ground."""
    x, y = np.meshgrid(np.arange(96) + 0.5, np.arange(64) + 0.5)
    pixels = np.full((3, 64, 96), 120, np.uint8)
    for name in CARS:
        inside = shapely.contains_xy(shapely.Polygon(corners(name)), x, y)
        pixels[:, inside] = np.array(RED)[:, None]
    return pixels


@pytest.fixture
def ortho(make_raster: MakeRaster) -> Path:
    return make_raster("ortho.tif", pixels=paint())


def vehicles(ortho: Path, crs: str | None = "EPSG:28992") -> gpd.GeoDataFrame:
    """Return the vehicles of an orthophoto as a layer."""
    with open_raster(ortho, 0.1) as source:
        shapes = [shapely.Polygon(to_map(source.grid, corners(name))) for name in CARS]
    frame = gpd.GeoDataFrame({"type": list(CARS)}, geometry=shapes, crs="EPSG:28992")
    return frame if crs is None else frame.to_crs(crs)


def read(source: Path, **how: Any) -> tuple[list[Record], list[Problem]]:
    items = list(read_vectors(source, ConvertSettings(**how)))
    records = [one for one in items if isinstance(one, Record)]
    return records, [one for one in items if isinstance(one, Problem)]


@pytest.mark.parametrize(
    ("crs", "suffix"), [("EPSG:28992", "gpkg"), ("EPSG:25832", "shp"), ("EPSG:4326", "geojson")]
)
@pytest.mark.parametrize("angle", [0, 25])
def test_labels_lie_on_their_vehicles(
    make_raster: MakeRaster, crs: str, angle: float, suffix: str
) -> None:
    ortho = make_raster("ortho.tif", pixels=paint(), angle=angle)
    vehicles(ortho, crs).to_file(ortho.with_suffix(f".{suffix}"))
    (left, right), problems = read(ortho.parent)
    assert problems == []
    assert (left.labels.types, right.labels.types) == (("car",), ("truck",))
    for record in (left, right):
        assert (record.gsd, record.source) == (pytest.approx(0.1, rel=1e-3), ortho.stem)
        assert record.labels.oriented.all()
        pixels = record.read()
        assert pixels.shape == (record.height, record.width, 3)
        x, y = np.meshgrid(*(np.arange(size) + 0.5 for size in (record.width, record.height)))
        inside = shapely.contains_xy(shapely.Polygon(record.labels.footprints[0]), x, y)
        red = (pixels == RED).all(axis=2)
        assert (inside & red).sum() / (inside | red).sum() > 0.97


def test_tiles_are_read_at_the_gsd_asked_for(ortho: Path) -> None:
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    (record,), _ = read(ortho.parent, gsd=0.2)
    assert (record.width, record.height, record.gsd) == (48, 32, pytest.approx(0.2, rel=1e-3))
    distances = record.labels.footprints[0][:, None] - corners("car") / 2
    assert np.linalg.norm(distances, axis=2).min(axis=0).max() < 0.05
    assert record.read().shape == (32, 48, 3)


def test_every_name_is_its_own_and_places_are_scenes(ortho: Path, make_raster: MakeRaster) -> None:
    (ortho.parent / "b").mkdir()
    other = make_raster("b/ortho.tif", origin=(130_500.0, 455_000.0))
    layer = ortho.with_suffix(".gpkg")
    vehicles(ortho).to_file(layer)
    records, _ = read(layer, raster=(str(ortho), str(other)))
    assert len(records) == len({one.name for one in records}) == 4
    assert [one.name for one in records[1:3]] == ["ortho_000048_000000", "ortho-2_000000_000000"]
    assert {one.source for one in records} == {"ortho"}
    assert not {one.scene for one in records[:2]} & {one.scene for one in records[2:]}


def test_two_orthophotos_of_the_same_ground_share_their_scenes(
    ortho: Path, make_raster: MakeRaster
) -> None:
    make_raster("later.tif")
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    records, _ = read(ortho.parent)
    scenes = [(one.source, one.scene) for one in records]
    assert scenes[:2] == scenes[2:]
    assert [len(one.labels) for one in records] == [1, 1, 1, 1]


def test_no_ground_is_in_two_parts_whichever_orthophoto_shows_it(
    tmp_path: Path, make_raster: MakeRaster
) -> None:
    for name in ("old.tif", "new.tif"):
        ortho = make_raster(name, width=256, height=128)
    vehicles(ortho).to_file(tmp_path / "cars.gpkg")
    records, _ = read(tmp_path)
    for seed in range(5):
        parts = divide(records, 0.3, seed)
        trained, validated = (
            {one.scene for one, part in zip(records, parts, strict=True) if part == name}
            for name in ("train", "val")
        )
        assert trained
        assert validated
        assert not trained & validated


def test_tiles_in_their_order_open_every_orthophoto_once(
    ortho: Path, make_raster: MakeRaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_raster("deep.tif", dtype="uint16")
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    records, _ = read(ortho.parent)
    opened: list[str] = []
    alive: weakref.WeakSet[RasterioSource] = weakref.WeakSet()

    def counted(self: RasterioSource, dataset: Any, name: str, *how: Any) -> None:
        opened.append(name)
        initialise(self, dataset, name, *how)
        alive.add(self)

    initialise = RasterioSource.__init__
    monkeypatch.setattr(RasterioSource, "__init__", counted)
    while records:
        records.pop(0).read()
        assert len(alive) <= 1
    assert opened == ["deep.tif", "ortho.tif"]
    assert not alive


def test_a_tile_is_compared_with_the_vehicles_near_it(
    tmp_path: Path, make_raster: MakeRaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ortho = make_raster("ortho.tif", width=640)
    with open_raster(ortho, 0.1) as source:
        middles = [(32 + 64 * index, 32) for index in range(10)]
        shapes = [
            shapely.Polygon(to_map(source.grid, turned_box(one, (15, 8), 20))) for one in middles
        ]
    gpd.GeoDataFrame(geometry=shapes, crs="EPSG:28992").to_file(tmp_path / "cars.gpkg")
    compared = []

    def counted(one: Any, other: Any) -> Any:
        compared.append(np.size(one))
        return intersection(one, other)

    intersection = shapely.intersection
    monkeypatch.setattr(shapely, "intersection", counted)
    records, _ = read(tmp_path)
    assert [len(one.labels) for one in records] == [1] * 10
    assert compared == [1] * 10


def test_a_vehicle_on_a_seam_belongs_to_one_tile(ortho: Path) -> None:
    with open_raster(ortho, 0.1) as source:
        shape = shapely.Polygon(to_map(source.grid, turned_box((49, 30), (15, 8), 5)))
    gpd.GeoDataFrame(geometry=[shape], crs="EPSG:28992").to_file(ortho.with_suffix(".gpkg"))
    (left, right), problems = read(ortho.parent)
    assert problems == []
    shift = np.array([48, 0])
    assert left.labels.footprints == pytest.approx(right.labels.footprints + shift)
    assert (left.labels.ignore.tolist(), right.labels.ignore.tolist()) == ([True], [False])


def areas(ortho: Path, bounds: tuple[float, float, float, float]) -> None:
    x1, y1, x2, y2 = bounds
    with open_raster(ortho, 0.1) as source:
        ring = to_map(source.grid, np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], float))
    frame = gpd.GeoDataFrame(geometry=[shapely.Polygon(ring)], crs="EPSG:28992")
    layer = ortho.with_suffix(".gpkg")
    frame.to_crs("EPSG:25832").to_file(layer, layer="Areas", mode="a")


def test_only_labelled_ground_is_used(ortho: Path) -> None:
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"), layer="cars")
    areas(ortho, (0, 0, 20, 64))  # cuts the car, leaves the truck out
    (record,), (problem,) = read(ortho.parent)
    assert record.labels.ignore.tolist() == [True]
    assert not record.read()[:, 22:].any()
    assert record.read()[:, :18].any(axis=2).all()
    assert str(problem).endswith("feature 2: it lies on no pixel of labelled ground")


def test_vehicles_inside_of_labelled_ground_stay_vehicles(ortho: Path) -> None:
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"), layer="cars")
    areas(ortho, (-10, -10, 200, 200))
    records, problems = read(ortho.parent)
    assert problems == []
    assert [one.labels.ignore.tolist() for one in records] == [[False], [False]]


def test_labelled_ground_beyond_all_maps_does_no_harm(ortho: Path) -> None:
    """It is all the ground, or none where PROJ does not go along."""
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"), layer="cars")
    world = gpd.GeoDataFrame(geometry=[shapely.box(-1e308, -1e308, 1e308, 1e308)], crs="EPSG:28992")
    world.to_file(ortho.with_suffix(".gpkg"), layer="areas", mode="a")
    _, problems = read(ortho.parent)
    assert [one.what for one in problems] in (
        [],
        ["it lies on no pixel of labelled ground"] * 2,
    )


def test_features_away_from_all_orthophotos_are_told_of(ortho: Path) -> None:
    frame = vehicles(ortho)
    frame.geometry = [frame.geometry[0], shapely.box(0, 0, 5, 2)]
    frame.to_file(ortho.with_suffix(".gpkg"))
    _, (problem,) = read(ortho.parent)
    assert problem.where == f"{ortho.with_suffix('.gpkg')}, feature 2"


def test_features_on_empty_pixels_are_told_of(make_raster: MakeRaster) -> None:
    mask = np.zeros((64, 96), bool)
    mask[:, :40] = True
    ortho = make_raster("ortho.tif", pixels=paint(), mask=mask)
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    (record,), (problem,) = read(ortho.parent)
    assert record.labels.types == ("car",)
    assert "feature 2" in problem.where


def test_bad_features_are_told_of(ortho: Path) -> None:
    frame = vehicles(ortho)
    line = shapely.LineString([(130_000, 454_999), (130_001, 454_998)])
    more = gpd.GeoDataFrame({"type": ["car"] * 2}, geometry=[None, line], crs=frame.crs)
    gpd.pd.concat([frame, more]).to_file(ortho.with_suffix(".gpkg"))
    records, problems = read(ortho.parent)
    assert len(records) == 2
    assert [str(one).split(", ")[1].split("; ")[0].split(" is no")[0] for one in problems] == [
        "feature 3: it has no geometry",
        "feature 4: a LineString",
    ]


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [({"crs": None}, "no CRS"), ({"located": False}, "no CRS or no usable geotransform")],
)
def test_an_orthophoto_without_place_is_told_of(
    ortho: Path, make_raster: MakeRaster, recipe: dict[str, Any], reason: str
) -> None:
    lost = make_raster("lost.tif", **recipe)
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    records, (problem,) = read(ortho.parent)
    assert len(records) == 2
    assert problem.where == str(lost)
    assert reason in problem.what


def test_a_damaged_orthophoto_is_told_of(ortho: Path) -> None:
    broken = ortho.with_name("broken.tif")
    broken.write_bytes(b"II*\0")
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    records, (problem,) = read(ortho.parent)
    assert len(records) == 2
    assert problem.where == str(broken)


def test_a_damaged_tile_is_told_of(ortho: Path) -> None:
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    ortho.write_bytes(ortho.read_bytes()[:-500])
    _, (problem, *_) = read(ortho.parent)
    assert problem.where.startswith(f"{ortho}, tile at ")


def test_a_mosaic_stands_for_its_parts(ortho: Path, make_raster: MakeRaster) -> None:
    make_raster("other.tif")
    place = "<SRS>EPSG:28992</SRS><GeoTransform>130000, 0.1, 0, 455000, 0, -0.1</GeoTransform>"
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">ortho.tif</SourceFilename>'
        f"<SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band in (1, 2, 3)
    )
    ortho.with_name("mosaic.vrt").write_text(
        f'<VRTDataset rasterXSize="96" rasterYSize="64">{place}{bands}</VRTDataset>'
    )
    vehicles(ortho).to_file(ortho.with_suffix(".gpkg"))
    records, _ = read(ortho.parent)
    assert {one.name.split("_")[0] for one in records} == {"mosaic"}


def test_a_layer_without_crs_is_refused(ortho: Path) -> None:
    frame = vehicles(ortho)
    with pytest.warns(UserWarning, match="crs"):
        frame.set_crs(None, allow_override=True).to_file(ortho.with_suffix(".gpkg"))
    with pytest.raises(DatasetError, match="has no CRS in layer ortho; assign it one"):
        read(ortho.parent)


def test_the_layer_may_have_to_be_named(ortho: Path) -> None:
    layer = ortho.with_suffix(".gpkg")
    vehicles(ortho).to_file(layer, layer="cars")
    vehicles(ortho).iloc[:1].to_file(layer, layer="old", mode="a")
    with pytest.raises(DatasetError, match="has 2 layers; choose from cars, old with --layer"):
        read(ortho.parent)
    records, _ = read(ortho.parent, layer="old")
    assert [len(one.labels) for one in records] == [1, 0]


def test_what_is_missing_is_said(ortho: Path, tmp_path: Path) -> None:
    layer = ortho.with_suffix(".gpkg")
    with pytest.raises(DatasetError, match="holds 0 vector files"):
        read(ortho.parent)
    vehicles(ortho).to_file(layer)
    with pytest.raises(DatasetError, match="add --raster FILE"):
        read(layer)
    ortho.unlink()
    with pytest.raises(DatasetError, match=r"holds no orthophoto such as \*\.tif"):
        read(tmp_path)
    with pytest.raises(DatasetError, match="is not a file"):
        read(tmp_path / "nothing.gpkg", raster=("a.tif",))


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson"])
def test_polygons_come_in_their_order(ortho: Path, suffix: str) -> None:
    path = ortho.with_suffix(f".{suffix}")
    frame = vehicles(ortho)
    frame.to_file(path)
    found = read_polygons(path)
    assert isinstance(found, gpd.GeoDataFrame)
    assert found["type"].tolist() == ["car", "truck"]
    assert found.crs.equals(frame.crs, ignore_axis_order=True) or suffix == "geojson"
    same = found.to_crs(frame.crs).geometry.reset_index(drop=True)
    assert same.geom_equals_exact(frame.geometry, 1e-3).all()


def test_a_layer_is_chosen_by_its_name(ortho: Path) -> None:
    path = ortho.with_suffix(".gpkg")
    vehicles(ortho).to_file(path, layer="cars")
    vehicles(ortho).iloc[:1].to_file(path, layer="old", mode="a")
    assert len(read_polygons(path, "old")) == 1
    with pytest.raises(DatasetError, match="has 2 layers; choose from cars, old"):
        read_polygons(path)
    with pytest.raises(DatasetError, match="has no layer 'new' with geometries"):
        read_polygons(path, "new")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.gpkg", b"nothing", "cannot be read as a vector file"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [{', "cannot be read"),
        ("a.csv", b"a,b\n1,2\n", "holds no geometries; give polygons or points"),
    ],
)
def test_what_is_no_vector_file_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=reason):
        read_polygons(tmp_path / name)
