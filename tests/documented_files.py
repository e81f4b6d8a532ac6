"""The files that the command lines of the documentation name, small enough to be quick.

``fill(FOLDER, RUN)`` writes them, where RUN runs a command line of geovehicle.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import rasterio
import yaml
from affine import Affine
from PIL import Image, ImageDraw
from scipy.io import savemat
from shapely import box

from geovehicle import write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CRS = "EPSG:28992"
WEST, NORTH = 130_000.0, 455_000.0
GSD = 0.1
SIDE = 240
"""Pixels a side of every raster: a rendered place of 24 m.  Two of them with a rim are no more
than a stripe, which a network of three convolutions does not know."""

METRES = SIDE * GSD


def fill(folder: Path, run: Callable[..., Any]) -> None:
    """Write everything into an empty folder, which is the current one."""
    rasters(folder, run)
    layers(folder, run)
    labelled(folder)
    foreign(folder)


def rasters(folder: Path, run: Callable[..., Any]) -> None:
    """Write rasters of every kind that the pages name."""
    run("example", "example.tif", "--size", SIDE)
    with rasterio.open(folder / "example.tif") as source:
        pixels = source.read()
    for name in ("ortho", "city", "car_park", "field"):
        raster(folder / f"{name}.tif", pixels)
    for number, name in enumerate(("north", "south", "sheets/a", "sheets/b", "more/2024_a")):
        raster(folder / f"{name}.tif", pixels, up=number * METRES)
    for number in range(2):
        raster(folder / f"tiles/{number}.tif", pixels, up=number * METRES)
    raster(folder / "scan.tif", pixels, crs=None)
    raster(folder / "fine.tif", pixels)
    raster(folder / "infrared.tif", np.concatenate([pixels, pixels[:1]]))
    raster(folder / "pan.tif", pixels[:1])
    raster(folder / "ortho16.tif", pixels.astype(np.uint16) * 40)
    for name in ("photo", "aerial"):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{name}.jpg")
    world = (GSD, 0, 0, -GSD, WEST + GSD / 2, NORTH - GSD / 2)
    (folder / "aerial.jgw").write_text("\n".join(map(str, world)))
    (folder / "sheets.txt").write_text("sheets\n")
    (folder / "rest.txt").write_text("north.tif\n# a remark\nsouth.tif\n")


def raster(path: Path, pixels: NDArray[Any], crs: str | None = CRS, up: float = 0.0) -> None:
    """Write a GeoTIFF of 10 cm, so many metres north of the others."""
    path.parent.mkdir(exist_ok=True)
    profile = {"driver": "GTiff", "count": len(pixels), "dtype": pixels.dtype, "crs": crs}
    size = {"height": pixels.shape[1], "width": pixels.shape[2]}
    transform = Affine(GSD, 0, WEST, 0, -GSD, NORTH + up)
    with rasterio.open(path, "w", **profile, **size, transform=transform) as file:
        file.write(pixels)


def layers(folder: Path, run: Callable[..., Any]) -> None:
    """Write vehicles as the detector writes them, and polygons of several places."""
    run("detect", "ortho.tif", "-o", "cars.gpkg")
    cars = gpd.read_file(folder / "cars.gpkg", layer="vehicles")
    cars["score"] = 0.5 + cars["id"] % 50 / 100  # of all kinds
    write(cars, folder / "cars.gpkg", overwrite=True)
    for name in ("may", "june", "vehicles"):
        shutil.copy(folder / "cars.gpkg", folder / f"{name}.gpkg")
    shutil.copy(folder / "example.gpkg", folder / "truth.gpkg")
    south, east, middle = NORTH - METRES, WEST + METRES, WEST + METRES / 2
    halves = [box(WEST, south, middle, NORTH), box(middle, south, east, NORTH)]
    polygons(folder / "parks.gpkg", halves, name=["west", "east"], places=[20, 30])
    around = [box(WEST - 9, south - 9, east + 9, NORTH + 9)]
    for name in ("city.gpkg", "district.gpkg", "areas.gpkg"):
        polygons(folder / name, around)
    for name in ("depots.gpkg", "water.gpkg", "works.geojson"):
        polygons(folder / name, [box(WEST, NORTH - 5, WEST + 5, NORTH)])


def polygons(path: Path, shapes: Sequence[Any], **fields: Any) -> None:
    """Write polygons with fields."""
    gpd.GeoDataFrame(fields, geometry=list(shapes), crs=CRS).to_file(path)


def labelled(folder: Path) -> None:
    """Write labelled images to train on and to validate with."""
    (folder / "vehicles").mkdir()
    for place in (folder, folder / "vehicles"):
        coco(place / "train.json", range(2))
        coco(place / "val.json", range(2, 4))
    coco(folder / "theirs.json", range(5), tells_gsd=False)


def coco(path: Path, numbers: Sequence[int], tells_gsd: bool = True) -> None:
    """Write images in ``images/``, each with a vehicle that lies askew and an ignore box."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in numbers:
        name = f"{path.stem}_{number}.png"
        corners = photo(path.parent / "images" / name, number)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        images[-1] |= {"source": "flight", "scene": str(number)}
        images[-1] |= {"gsd": GSD} if tells_gsd else {}
        low, high = corners.min(axis=0), corners.max(axis=0)
        common = {"image_id": number, "category_id": 1}
        outline = {"bbox": [*low, *(high - low)], "segmentation": [[*corners.ravel()]]}
        ignored = {"bbox": [5, 5, 40, 20], "iscrowd": 1}
        annotations += [common | outline | {"iscrowd": 0}, common | ignored]
    content = {
        "images": images,
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations, 1)],
        "categories": [{"id": 1, "name": "vehicle"}],
    }
    path.write_text(json.dumps(content))


def photo(path: Path, seed: int) -> NDArray[np.float64]:
    """Write noise with a bright vehicle, and return its corners in pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8))
    ahead, aside = np.array([40.0, 24.0]), np.array([-9.0, 15.0])
    start = rng.integers(60, 180, 2).astype(np.float64)
    corners = np.stack([start, start + ahead, start + ahead + aside, start + aside])
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners], fill=(230, 230, 230))
    image.save(path)
    return corners


def foreign(folder: Path) -> None:
    """Write labelled data sets of other formats, in their own layouts."""
    itcvd(folder / "ITC_VD_Training_Testing_set")
    (folder / "nadir.txt").write_text("00219\n00300\n00400\n")
    for part in ("train", "val"):
        corners = photo(folder / f"DOTA/{part}/images/P0.png", 0)
        numbers = " ".join(map(str, corners.ravel()))
        label = folder / f"DOTA/{part}/labelTxt/P0.txt"
        label.parent.mkdir()
        label.write_text(f"imagesource:GoogleEarth\ngsd:null\n{numbers} small-vehicle 0\n")
        photo(folder / f"parking/images/{part}/a.png", 0)
        label = folder / f"parking/labels/{part}/a.txt"
        label.parent.mkdir(parents=True)
        label.write_text("0 0.5 0.5 0.2 0.1\n")
    parts = {"path": ".", "train": "images/train", "val": "images/val", "names": {0: "car"}}
    (folder / "parking/data.yaml").write_text(yaml.safe_dump(parts))


def itcvd(folder: Path) -> None:
    """Write three images with a vehicle each: two to train on, one to test with."""
    for stem, part in (("00219", "Training"), ("00300", "Training"), ("00400", "Testing")):
        corners = photo(folder / part / f"Image/{stem}.jpg", int(stem))
        rows = np.array([[*corners.min(axis=0), *corners.max(axis=0), 0, 0]])
        (folder / part / "GT").mkdir(exist_ok=True)
        savemat(folder / part / f"GT/{stem}.mat", {f"x{stem}": rows})
