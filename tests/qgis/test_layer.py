"""The layer in the QGIS of this machine: valid, in its CRS, styled, and its boxes on the cars."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image, ImageDraw

from geovehicle.analysis.comparison import compare
from geovehicle.analysis.density import hexagons
from geovehicle.detections import Detections
from geovehicle.export.formats import VEHICLES
from geovehicle.export.frame import to_frame
from geovehicle.export.provenance import Provenance
from geovehicle.export.results import write_layer
from geovehicle.export.writers import write
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.georeference import GeoGrid
from geovehicle.settings import CompareSettings, DensitySettings

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

SCRIPT = Path(__file__).with_name("look_at_layers.py")
DPI = 300
"""What it draws with."""

PYTHON = "/usr/bin/python3"
"""The Python that Debian's QGIS belongs to."""

GRID = GeoGrid(
    400, 300, Affine(0.1, 0, 155_000, 0, -0.1, 463_030), rasterio.crs.CRS.from_epsg(28992)
)
CARS = np.array(
    [
        [60, 60, 46, 19, 0.0],
        [200, 80, 46, 19, 0.6],
        [300, 200, 45, 18, 2.1],
        [120, 220, 80, 25, -0.3],
    ]
)
"""Centre, length, width and direction in pixels: what corners_of takes."""

SCORES = np.array([0.57, 0.7, 0.8, 0.97])
COLOURS = np.array([[177, 42, 144], [225, 100, 98], [252, 166, 54], [244, 237, 39]])
"""What cars of these scores are outlined with."""

GREY, BLUE = (120, 120, 120), (30, 60, 160)
ABOUT = Provenance(
    command="detect",
    inputs=("ortho.tif",),
    settings={"score": 0.55},
    weights="vehicles-10cm",
    weights_sha256="ab" * 32,
    licence="CC BY-SA 4.0",
    time="2026-05-01T10:00:00Z",
)


@dataclass(frozen=True)
class Seen:
    """What QGIS has told of the layers, and the folder with its pictures."""

    folder: Path
    layers: dict[str, dict[str, Any]]

    def picture(self, name: str, scale: int) -> NDArray[np.int64]:
        return np.asarray(Image.open(self.folder / f"{name}_{scale}.png").convert("RGB"), np.int64)


def cars() -> gpd.GeoDataFrame:
    corners = corners_of(CARS)
    found = Detections(boxes_of(corners), SCORES, np.zeros(4), corners)
    return to_frame(found, GRID, "ortho.tif", ["vehicle"])


def ortho(path: Path) -> None:
    """Write a grey orthophoto with blue cars."""
    picture = Image.new("RGB", (GRID.width, GRID.height), GREY)
    for corners in corners_of(CARS):
        ImageDraw.Draw(picture).polygon([tuple(corner) for corner in corners], fill=BLUE)
    profile = {"width": GRID.width, "height": GRID.height, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs=GRID.crs, transform=GRID.transform, **profile) as raster:
        raster.write(np.asarray(picture).transpose(2, 0, 1))


@pytest.fixture(scope="module")
def seen(needs, tmp_path_factory) -> Seen:
    needs(Path("/usr/lib/python3/dist-packages/qgis").is_dir(), "QGIS")
    folder, frame = tmp_path_factory.mktemp("qgis"), cars()
    ortho(folder / "ortho.tif")
    write(frame, folder / "cars.gpkg", kind=VEHICLES, about=ABOUT)
    changes = compare(frame.iloc[:3], frame.iloc[1:], CompareSettings()).vehicles
    write_layer(changes, folder / "changes.gpkg", "changes", ("id",))
    cells = hexagons(frame, DensitySettings(cell=10, hex=True))
    write_layer(cells, folder / "density.gpkg", "density", ("vehicles",))
    plain = frame.drop(columns="score").to_crs(4326)
    write_layer(plain, folder / "plain.gpkg", "vehicles", ("id",))
    own = {name: str(folder) for name in ("HOME", "XDG_RUNTIME_DIR", "QGIS_CUSTOM_CONFIG_PATH")}
    ran = subprocess.run(  # noqa: S603
        [PYTHON, SCRIPT, folder],
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": os.environ["PATH"], **own},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Warning" not in ran.stderr
    return Seen(folder, json.loads(ran.stdout))


def test_the_layer_is_valid_and_lies_in_its_crs(seen):
    layer = seen.layers["cars"]
    assert (layer["valid"], layer["crs"], layer["features"]) == (True, "EPSG:28992", 4)
    assert layer["layers"] == ["vehicles"]  # of two tables, the one that is a layer


def test_it_comes_in_its_style(seen):
    layer = seen.layers["cars"]
    assert layer["renderer"] == "graduatedSymbol"
    assert layer["legend"] == ["score below 0.6", "0.6 to 0.75", "0.75 to 0.9", "0.9 and above"]
    assert layer["labels"] is True
    assert layer["name"] == "vehicle 1"
    assert "[%" not in layer["tip"]
    for text in ("0.57", "4.60 m", "1.90 m", "8.7 m²", "90 °", "ortho.tif"):
        assert text in layer["tip"]


def test_its_properties_tell_where_it_comes_from(seen):
    layer = seen.layers["cars"]
    assert layer["title"] == "Vehicles in ortho.tif"
    assert layer["abstract"] == ABOUT.abstract
    assert layer["licences"] == ["of the weights: CC BY-SA 4.0"]
    assert layer["history"] == [ABOUT.summary]
    assert layer["metadata_crs"] == "EPSG:28992"
    assert layer["extents"] == ["EPSG:28992"]
    for text in ("Vehicles in ortho.tif", "ab" * 32, "CC BY-SA 4.0"):
        assert text in layer["properties"]


def test_the_other_layers_have_styles_of_their_own(seen):
    changes, density = seen.layers["changes"], seen.layers["density"]
    assert changes["renderer"] == "categorizedSymbol"
    assert changes["legend"] == ["arrived", "left", "stayed", "other"]
    assert "<b>stayed</b>" in changes["tip"]
    assert "[%" not in changes["tip"]
    assert density["renderer"] == "graduatedSymbol"
    assert "[%" not in density["tip"]
    assert all(layer["valid"] for layer in seen.layers.values())


def test_a_layer_without_score_is_drawn_as_qgis_draws_any(seen):
    layer = seen.layers["plain"]
    assert (layer["valid"], layer["renderer"], layer["crs"]) == (True, "singleSymbol", "EPSG:4326")


def outlined(picture: NDArray[np.int64], colour: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (np.abs(picture - colour) < 12).all(axis=2)


def within(shape: Any, distance: float, picture: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pixels have their centres no further than that from a shape, in pixels."""
    row, column = np.indices(picture.shape[:2]) + 0.5
    grown = shapely.buffer(shape, distance)
    shapely.prepare(grown)
    return shapely.contains_xy(grown, column, row)


def test_the_outlines_lie_on_the_cars_and_nowhere_else(seen):
    picture = seen.picture("cars", 500)
    corners = corners_of(CARS) * picture.shape[1] / GRID.width
    half = 0.45 / 25.4 * DPI / 2
    for ring, colour in zip(shapely.linearrings(corners), COLOURS, strict=True):
        drawn = outlined(picture, colour)
        assert drawn[within(ring, half - 1, picture)].mean() > 0.97
        assert not drawn[~within(ring, half + 1.5, picture)].any()
    # inside of the outlines are the cars, outside of them the ground
    shapes = shapely.union_all(shapely.polygons(corners))
    inside, near = within(shapes, 0, picture), within(shapes.boundary, 2 * half + 2, picture)
    assert (np.abs(picture - BLUE) < 8).all(axis=2)[inside & ~near].mean() > 0.99
    assert (np.abs(picture - GREY) < 8).all(axis=2)[~inside & ~near].mean() > 0.99


def test_from_afar_a_car_is_filled_and_from_farther_a_point(seen):
    for scale, size in ((5000, 0.0), (15000, 0.7 / 25.4 * DPI)):
        picture = seen.picture("cars", scale)
        assert not (picture < 80).all(axis=2).any()  # no rims
        zoom = picture.shape[1] / GRID.width
        for place, colour in zip(CARS[:, :2] * zoom, COLOURS, strict=True):
            column, row = place.astype(int)
            assert not outlined(picture[row, column][None, None], np.array(BLUE)).any()
            if size:
                assert outlined(picture, colour).sum() == pytest.approx(
                    np.pi * size**2 / 4, rel=0.45
                )


def test_what_left_is_dashed(seen):
    picture = seen.picture("changes", 500)
    zoom = picture.shape[1] / GRID.width
    shares = []
    for number, colour in ((3, [51, 187, 238]), (0, [238, 119, 51]), (1, [255, 255, 255])):
        ring = shapely.linearrings(corners_of(CARS[[number]])[0] * zoom)
        on_line = within(ring, 1.2, picture)
        shares.append(outlined(picture, np.array(colour))[on_line].mean())
    arrived, left, stayed = shares
    assert min(arrived, stayed) > 0.95
    assert 0.4 < left < 0.8
