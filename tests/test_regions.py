from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import assume, given
from hypothesis import strategies as st
from rasterio.crs import CRS

from geovehicle.errors import GeoreferenceError, InputError
from geovehicle.georeference import GeoGrid
from geovehicle.placement import parts_of
from geovehicle.regions import (
    EVERYWHERE,
    PixelArea,
    Region,
    Whereabouts,
    read_region,
    read_whereabouts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RD = "EPSG:28992"
GRID = GeoGrid(1000, 800, Affine(0.1, 0, 130_000, 0, -0.1, 455_000), CRS.from_string(RD))
LEFT = shapely.box(129_950, 454_900, 130_050, 455_010)  # the left half of the grid
HOLED = shapely.Polygon(
    shapely.box(129_950, 454_900, 130_200, 455_010).exterior,
    [shapely.box(130_020, 454_940, 130_040, 454_960).exterior],
)


def _write(path: Path, shapes: Sequence[Any], crs: str | None = RD, **more: Any) -> str:
    frame = gpd.GeoDataFrame({"name": ["x"] * len(shapes)}, geometry=list(shapes), crs=crs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it has no CRS
        frame.to_file(path, **more)
    return str(path)


def _on(shape: Any, exclude: Any = None, grid: GeoGrid = GRID) -> PixelArea:
    crs = None if grid.crs is None else pyproj.CRS.from_wkt(grid.crs.to_wkt())
    regions = (
        None if one is None else Region("area", np.array([one]), crs) for one in (shape, exclude)
    )
    return Whereabouts(*regions).on(grid)


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson"])
def test_polygons_and_multipolygons_are_read_from_any_format(tmp_path: Path, suffix: str) -> None:
    several = shapely.MultiPolygon([shapely.box(4, 52, 5, 53), shapely.box(6, 52, 7, 53)])
    path = _write(tmp_path / f"area{suffix}", [shapely.box(2, 2, 3, 4), several], "EPSG:4326")
    region = read_region(path)
    assert [one.area for one in region.polygons] == [2, 1, 1]
    assert (region.name, region.crs) == (path, pyproj.CRS.from_epsg(4326))


def test_invalid_polygons_are_made_valid(tmp_path: Path) -> None:
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    spike = shapely.Polygon([(0, 0), (4, 0), (4, 4), (4, 9), (4, 4), (0, 4)])
    region = read_region(_write(tmp_path / "area.gpkg", [bow, spike]))
    assert shapely.is_valid(region.polygons).all()
    assert [one.area for one in region.polygons] == [1, 1, 16]


def test_heights_and_features_without_geometry_do_not_matter(tmp_path: Path) -> None:
    high = shapely.Polygon([(0, 0, 7), (1, 0, 7), (1, 1, 7)])
    region = read_region(_write(tmp_path / "area.gpkg", [high, None]))
    assert not shapely.has_z(region.polygons).any()
    assert len(region.polygons) == 1


def test_of_several_layers_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "area.gpkg"
    _write(path, [shapely.box(0, 0, 1, 1)], layer="parks")
    _write(path, [shapely.box(0, 0, 2, 2)], layer="roads")
    with pytest.raises(InputError, match=r"has 2 layers, parks, roads; .*\|layername=parks"):
        read_region(str(path))
    assert read_region(f"{path}|layername=roads").polygons[0].area == 4
    with pytest.raises(InputError, match="cannot be read as polygons"):
        read_region(f"{path}|layername=rivers")


def test_what_is_no_polygon_is_refused(tmp_path: Path) -> None:
    shapes = [shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)]), shapely.box(0, 0, 1, 1)]
    path = _write(tmp_path / "area.geojson", shapes, "EPSG:4326")
    with pytest.raises(InputError, match="holds 2 features that are no polygons"):
        read_region(path)


def test_files_without_polygons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no polygons; draw"):
        read_region(_write(tmp_path / "none.gpkg", [None]))
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="has 0 layers"):
        read_region(str(table))


@pytest.mark.parametrize("content", [None, b"", b'{"type": "FeatureColl', b"\x89PNG\r\n\x1a\n"])
def test_missing_and_damaged_files_are_told_in_one_line(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "area.geojson"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"area\.geojson cannot be read as polygons") as caught:
        read_region(str(path))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_the_fingerprint_follows_the_polygons_and_the_crs(tmp_path: Path) -> None:
    def fingerprint(shape: Any, crs: str | None) -> str:
        return read_region(_write(tmp_path / "area.gpkg", [shape], crs)).fingerprint

    first = fingerprint(LEFT, RD)
    assert first == fingerprint(LEFT, RD)
    assert len({first, fingerprint(HOLED, RD), fingerprint(LEFT, "EPSG:32631")}) == 3


def test_the_area_s_fingerprint_tells_in_from_out() -> None:
    areas = [_on(LEFT), _on(None, LEFT), _on(LEFT, HOLED), _on(HOLED, LEFT), EVERYWHERE.on(GRID)]
    assert len({area.fingerprint for area in areas}) == 5


def test_everywhere_keeps_everything() -> None:
    area = EVERYWHERE.on(GRID)
    assert area.touches((0, 0, 10, 10))
    assert area.keeps(np.array([[5.0, 5], [-100, 1e9]])).all()
    assert area.keeps(np.empty((0, 2))).shape == (0,)


def test_a_centre_on_the_border_counts() -> None:
    shape = shapely.box(100, 100, 200, 200)
    grid = GeoGrid(400, 400, Affine.identity(), None)
    points = np.array([[100.0, 150], [200, 200], [150, 150], [99.9, 150], [150, 200.1]])
    assert _on(shape, None, grid).keeps(points).tolist() == [True, True, True, False, False]
    assert _on(None, shape, grid).keeps(points).tolist() == [True, True, False, True, True]


def test_holes_are_outside() -> None:
    area = _on(HOLED)
    assert area.keeps(np.array([[100.0, 100], [300, 500]])).tolist() == [True, False]
    assert not area.touches((210, 410, 390, 590))
    assert area.touches((190, 410, 390, 590))


def test_blocks_that_cannot_count_are_known() -> None:
    area = _on(LEFT)
    assert area.touches((0, 0, 400, 800))
    assert area.touches((500, 0, 900, 800))  # a centre on its border counts
    assert not area.touches((501, 0, 1000, 800))
    without = _on(None, LEFT)
    assert not without.touches((100, 100, 400, 400))
    assert without.touches((100, 100, 500, 400))
    assert without.touches((100, 100, 600, 400))


def test_a_region_elsewhere_keeps_nothing() -> None:
    area = _on(shapely.box(0, 0, 10, 10))
    assert not area.touches((0, 0, 1000, 800))
    assert not area.keeps(np.array([[5.0, 5], [500, 500]])).any()
    assert _on(None, shapely.box(0, 0, 10, 10)).touches((0, 0, 1000, 800))


def test_degrees_meet_metres() -> None:
    way = pyproj.Transformer.from_crs(RD, 4326, always_xy=True)
    bent = shapely.transform(LEFT, lambda points: np.column_stack(way.transform(*points.T)))
    region = Region("area", np.array([bent]), pyproj.CRS.from_epsg(4326))
    area = Whereabouts(include=region).on(GRID)
    points = np.array([[499.5, 400], [500.5, 400], [10, 10], [990, 790]])
    assert area.keeps(points).tolist() == [True, False, True, False]


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "area.shp", [LEFT], None)
    with pytest.raises(GeoreferenceError, match=r"area\.shp cannot be placed: it has no CRS"):
        read_whereabouts(path, None).on(GRID)


def test_without_any_crs_the_units_are_those_of_the_geotransform(tmp_path: Path) -> None:
    path = _write(tmp_path / "area.shp", [LEFT], None)
    bare = GeoGrid(GRID.width, GRID.height, GRID.transform, None)
    area = read_whereabouts(None, path).on(bare)
    assert area.keeps(np.array([[400.0, 5], [600, 5]])).tolist() == [False, True]


def test_areas_can_be_sent_to_other_processes() -> None:
    area = pickle.loads(pickle.dumps(_on(LEFT, HOLED)))  # noqa: S301
    points = np.array([[100.0, 100], [300, 500], [700, 100]])
    assert area.keeps(points).tolist() == [False, True, False]


rings = st.lists(st.tuples(st.floats(-20, 120), st.floats(-20, 100)), min_size=3, max_size=8)


@given(rings, rings, st.floats(-180, 180), st.booleans(), st.integers(0, 999))
def test_kept_are_the_centres_that_lie_in_the_polygons(
    inner: list[tuple[float, float]],
    outer: list[tuple[float, float]],
    angle: float,
    south_up: bool,
    seed: int,
) -> None:
    a, b, c, d, e, f = (
        Affine.translation(130_000, 455_000)
        @ Affine.rotation(angle)
        @ Affine.scale(0.1, 0.1 if south_up else -0.1)
    )[:6]
    grid = GeoGrid(1000, 800, Affine(a, b, c, d, e, f), CRS.from_string(RD))

    def forward(points: np.ndarray) -> np.ndarray:
        return points @ [[a, d], [b, e]] + (c, f)

    drawn = []
    for ring in (inner, outer):
        shape = shapely.make_valid(shapely.Polygon(forward(10 * np.array(ring))))
        drawn.append(shapely.union_all(parts_of(np.array([shape]))))
    assume(all(shape.area > 0 for shape in drawn))
    area = _on(drawn[0], drawn[1], grid)
    points = np.random.default_rng(seed).uniform(0, [1000, 800], (200, 2))
    places = shapely.points(forward(points))
    clear = np.min([shapely.distance(one.boundary, places) for one in drawn], axis=0) > 1e-6
    inside, out = (shapely.intersects(one, places) for one in drawn)
    assert (area.keeps(points) == (inside & ~out))[clear].all()
    for left, top in ((0, 0), (300, 200), (800, 600)):
        bounds = (left, top, left + 200, top + 200)
        here = ((points >= bounds[:2]) & (points <= bounds[2:])).all(axis=1)
        assert area.touches(bounds) or not area.keeps(points[here]).any()
