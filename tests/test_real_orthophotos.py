"""The shipped weights on real orthophotos and labelled images.

The data is not part of the project; where it is absent these tests skip.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from PIL import Image

from geovehicle.cli.main import geovehicle
from geovehicle.data.coco import read_coco
from geovehicle.evaluation import evaluate
from geovehicle.footprints import rectangles_of

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage

CAR_PARK = [
    *[(1482, 673), (1510, 644), (1530, 627), (1561, 607), (1588, 593), (1616, 580), (1637, 554)],
    *[(1664, 538), (1684, 522), (1716, 507), (1742, 496), (1773, 479), (1794, 458), (1822, 442)],
    *[(1851, 426), (1870, 400), (1893, 383), (1924, 362), (1947, 350), (1969, 330), (1471, 730)],
    *[(1501, 752), (1520, 787), (1531, 809), (1568, 836), (1587, 858), (1614, 931), (1629, 766)],
    *[(1639, 724), (1662, 708), (1689, 687), (1714, 675), (1739, 652), (1763, 634), (1815, 603)],
    *[(1845, 591), (1866, 567), (1892, 551), (1923, 539), (1952, 523), (1972, 504), (1998, 482)],
    *[(2020, 466), (1682, 786), (1701, 771), (1726, 741), (1749, 727), (1786, 720), (1799, 697)],
    *[(1827, 673), (1854, 662), (1884, 642), (1903, 621), (1935, 611), (1955, 593), (1984, 576)],
    *[(2005, 554), (2031, 534), (1698, 921), (1715, 906), (1745, 883), (1771, 867), (1798, 849)],
    *[(1820, 834), (1847, 815), (1899, 780), (1924, 765), (1949, 747), (1968, 725)],
]
"""Centres of the cars that stand wholly visible in the walled car park of
``manila.tif``, pixels, marked by eye on the enlarged picture."""

ALONG = [(1471, 730), (1501, 752), (1520, 787), (1531, 809), (1568, 836), (1587, 858), (1614, 931)]
"""Those of them that stand along the left wall, at an azimuth of about 57 degrees; all
others stand at about 147."""

BUSES = [(91, 1405), (46, 1413), (28, 1467), (67, 1657)]
"""Centres of buses in ``manila.tif``, pixels."""

NEAR = 10.0
"""A detection's centre lies this close to its car's, pixels of 0.1 m: half a car's width."""

STREET = [(136, 99), (158, 97), (179, 100), (199, 96)]


def search(raster: Path, folder: Path) -> gpd.GeoDataFrame:
    """Run the main job and return its layer."""
    output = folder / "cars.gpkg"
    result = CliRunner().invoke(geovehicle, ["detect", str(raster), "-o", str(output)])
    assert result.exit_code == 0, result.output
    return pyogrio.read_dataframe(output, layer="vehicles")


def centres(layer: gpd.GeoDataFrame, raster: Path) -> NDArray[np.float64]:
    """Return the polygons' centres in the raster's pixels, (N, 2)."""
    with rasterio.open(raster) as dataset:
        inverse = ~dataset.transform
    points = layer.geometry.centroid
    return np.array([inverse @ point for point in zip(points.x, points.y, strict=True)])


def found(
    truth: list[tuple[int, int]], centres: NDArray[np.float64], near: float = NEAR
) -> dict[tuple[int, int], int]:
    """Return the places that have a detection of their own, and which; the nearest first."""
    distance = np.hypot(*(np.array(truth)[:, None] - centres[None]).transpose(2, 0, 1))
    pairs = {}
    while distance.size and distance.min() <= near:
        place, detection = np.unravel_index(distance.argmin(), distance.shape)
        distance[place], distance[:, detection] = np.inf, np.inf
        pairs[truth[place]] = int(detection)
    return pairs


@pytest.fixture(scope="module")
def manila(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> gpd.GeoDataFrame:
    return search(shared_data / "ortho/manila.tif", tmp_path_factory.mktemp("manila"))


@pytest.fixture(scope="module")
def places(manila: gpd.GeoDataFrame, shared_data: Path) -> NDArray[np.float64]:
    return centres(manila, shared_data / "ortho/manila.tif")


def test_a_full_car_park_is_found_where_it_is(
    manila: gpd.GeoDataFrame, places: NDArray[np.float64]
) -> None:
    assert manila.crs == "EPSG:3395"
    pairs = found(CAR_PARK, places)
    assert len(pairs) >= 0.95 * len(CAR_PARK)
    park = shapely.MultiPoint(CAR_PARK).convex_hull
    inside = np.flatnonzero(shapely.contains_xy(park, *places.T))
    false = set(inside) - set(pairs.values())
    assert len(false) <= 0.05 * len(inside)


def test_footprints_lie_along_their_cars(
    manila: gpd.GeoDataFrame, places: NDArray[np.float64]
) -> None:
    for place, detection in found(CAR_PARK, places).items():
        wanted = 57 if place in ALONG else 147
        off = abs((manila.azimuth_deg[detection] - wanted + 90) % 180 - 90)
        assert off < 15, place


def test_no_footprint_covers_a_quarter_of_another(manila: gpd.GeoDataFrame) -> None:
    shapes = manila.geometry.to_numpy()
    first, second = shapely.STRtree(shapes).query(shapes)
    one, other = shapes[first[first < second]], shapes[second[first < second]]
    common = shapely.area(shapely.intersection(one, other))
    assert (common <= 0.25 * np.minimum(shapely.area(one), shapely.area(other))).all()


def test_metres_are_those_of_cars_and_buses(
    manila: gpd.GeoDataFrame, places: NDArray[np.float64]
) -> None:
    cars = manila.iloc[list(found(CAR_PARK, places).values())]
    assert 4.2 <= cars.length_m.median() <= 5.2
    assert 1.7 <= cars.width_m.median() <= 2.2
    buses = found(BUSES, places, near=25.0)
    assert len(buses) >= 3
    assert (manila.length_m.iloc[list(buses.values())] > 9).all()


def test_nothing_is_found_outside_of_the_flight(
    shared_data: Path, places: NDArray[np.float64]
) -> None:
    with rasterio.open(shared_data / "ortho/manila.tif") as dataset:
        brightest = dataset.read().max(axis=0)
    for x, y in places.astype(int):
        assert brightest[max(y - 5, 0) : y + 6, max(x - 5, 0) : x + 6].max() > 10


def test_empty_orthophotos_stay_empty(shared_data: Path, tmp_path: Path) -> None:
    rasters = sorted((shared_data / "ortho").glob("empty_*.tif"))
    assert len(rasters) == 4
    counts = {}
    for raster in rasters:
        (tmp_path / raster.stem).mkdir()
        counts[raster.stem] = len(search(raster, tmp_path / raster.stem))
    assert sum(counts.values()) <= 2, counts


def test_a_small_coarser_raster_gives_its_four_cars(shared_data: Path, tmp_path: Path) -> None:
    raster = shared_data / "ortho/street_0.15m.tif"
    layer = search(raster, tmp_path)
    assert len(found(STREET, centres(layer, raster))) == 4
    assert len(layer) - 4 <= 1  # the shadow of a wall, cut by the edge: see the model card


def test_a_coarse_raster_is_resampled(shared_data: Path, tmp_path: Path) -> None:
    raster = shared_data / "ortho/rijksdriehoek_0.25m.tif"
    layer = search(raster, tmp_path)
    assert layer.crs == "EPSG:28992"
    assert len(layer) > 5
    assert 3.5 < layer.length_m.median() < 6


def test_labelled_images_are_met_as_the_model_card_says(shared_data: Path) -> None:
    images = read_coco(shared_data / "vehicles/val.json")
    report = evaluate(images)
    assert report.total.rates.vehicles == 1050
    assert report.total.ap50 >= 0.95
    rates = report.total.rates
    assert rates.f1 >= 0.94
    assert abs(rates.precision - rates.recall) < 0.06
    assert report.groups["sources"]["parking"].ap50 >= 0.95
    sizes = [
        rectangles_of(one.filter(one.scores >= report.score).outlines)[:, 2:4] * image.gsd
        for image, one in zip(images, report.detections, strict=True)
        if image.source == "parking"
    ]
    length, width = np.median(np.concatenate(sizes), axis=0)
    assert 4.2 <= length <= 5.2
    assert 1.7 <= width <= 2.2


def test_other_pixel_sizes_do_about_as_well(shared_data: Path, tmp_path: Path) -> None:
    """A car park and a crossing, as cameras with finer and with coarser pixels see them."""
    images = [
        image
        for image in read_coco(shared_data / "vehicles/val.json")
        if image.scene in ("Richmond", "DJI_0762")
    ][::4]
    usual = evaluate(images).total.rates
    assert usual.vehicles == 109
    for gsd in (0.06, 0.15):
        others = [seen_at(image, gsd, tmp_path) for image in images]
        rates = evaluate(others).total.rates
        assert rates.vehicles == 109
        assert rates.f1 > usual.f1 - 0.05, gsd


def seen_at(image: LabelledImage, gsd: float, folder: Path) -> LabelledImage:
    """Resample an image and its labels to a ground sampling distance."""
    factor = image.gsd / gsd
    size = round(image.width * factor), round(image.height * factor)
    path = folder / f"{image.image_id}.png"
    pixels = Image.fromarray(image.read())
    pixels.resize(size, Image.Resampling.LANCZOS).save(path, compress_level=1)
    scale = np.array([size[0] / image.width, size[1] / image.height] * 2)
    return replace(
        image,
        path=path,
        width=size[0],
        height=size[1],
        gsd=gsd,
        boxes=image.boxes * scale,
        ignore=image.ignore * scale,
    )
