from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from geovehicle.errors import GeoreferenceError, GeoVehicleError, InputError, OutputError
from geovehicle.export import webmap
from geovehicle.export.basemap import Basemap
from geovehicle.export.webmap import Caption, check_map, write_map
from geovehicle.georeference import GeoGrid

if TYPE_CHECKING:
    from pathlib import Path

EAST, NORTH = 500_000.0, 5_600_000.0
EVIL = "</script><script>alert('&')</script>"
CAPTION = Caption("Cars", ("cars.gpkg",), time="2025-05-01T10:00:00Z")


def cars(**fields: Any) -> gpd.GeoDataFrame:
    """Return three cars in the north-west of the orthophoto."""
    shapes = [shapely.box(EAST + x, NORTH + 80, EAST + x + 4.6, NORTH + 81.8) for x in (5, 15, 25)]
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=25832)


@pytest.fixture
def ortho() -> Basemap:
    """Return 100 x 100 m of plain grey."""
    grid = GeoGrid(50, 50, Affine(2, 0, EAST, 0, -2, NORTH + 100), CRS.from_epsg(25832))
    return Basemap("ortho.tif", Image.new("RGB", (50, 50), (90, 90, 90)), grid)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "map.html"


def facts(path: Path) -> dict[str, Any]:
    """Return what the script of a page is given."""
    text = re.search(r'id="facts">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)
    assert text
    content: dict[str, Any] = json.loads(text[1])
    return content


def shell(path: Path) -> str:
    """Return the page without Bokeh's script."""
    text = path.read_text("utf-8")
    return text[: text.index('<script type="application/json"')] + text[-20_000:]


def test_a_page_is_one_file_that_may_ask_for_nothing(path, ortho):
    write_map(path, cars(score=[0.5, 0.6, 0.7]), CAPTION, ortho)
    page = shell(path)
    assert "content=\"default-src 'none'; img-src data: blob:;" in page
    assert re.findall(r'\b(?:src|href)="(?!data:)[^"]*"', page) == []
    assert [file.name for file in path.parent.iterdir()] == ["map.html"]


def test_what_stands_on_it(path, ortho):
    caption = Caption("Cars of May", ("cars.gpkg", "ortho.tif"), "© Survey", "2025-05-01T10:00:00Z")
    write_map(path, cars(score=[0.5, 0.6, 0.7]), caption, ortho)
    page = shell(path)
    assert '<html lang="en">' in page
    assert "<title>Cars of May</title>" in page
    assert "<h1>Cars of May</h1>" in page
    assert 'cars.gpkg · ortho.tif · <time datetime="2025-05-01T10:00:00Z">2025-05-01</time>' in page
    assert '<p class="attribution">© Survey</p>' in page
    assert ">3 vehicles</p>" in page
    assert re.search(r'<label for="score">.*<input [^>]*id="score"', page, re.DOTALL)
    assert all("aria-label" in button for button in re.findall(r"<button[^>]*>", page))


def test_the_time_is_that_of_reproducible_builds(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert Caption("Cars", ()).time == "1970-01-02T00:00:00Z"


def test_the_script_gets_fields_outlines_and_frame(path, ortho):
    layer = cars(id=[1, 2, 3], score=[0.5, 0.6, 0.7], label="car", length_m=4.6, other="x")
    write_map(path, layer, CAPTION, ortho)
    told = facts(path)
    assert [field["name"] for field in told["fields"]] == ["id", "score", "label", "length_m"]
    assert set(told["columns"]) == {"id", "score", "label", "length_m"}
    assert told["scores"] == [0.5, 1.0]
    assert told["metric"]
    assert told["north"]
    half = 50 / 0.9996  # the scale of UTM in the middle of a zone
    assert list(told["frame"].values()) == pytest.approx([-half, -half, half, half], rel=1e-5)
    starts = np.frombuffer(webmap_bytes(told["starts"]), "<i4")
    points = np.frombuffer(webmap_bytes(told["points"]), "<f4").reshape(-1, 2)
    assert starts.tolist() == [0, 5, 10, 15]
    corner = np.nanmin(points[5:10], axis=0) * 0.9996 + 50
    assert corner == pytest.approx([15, 80], abs=1e-3)


def webmap_bytes(packed: dict[str, str]) -> bytes:
    import base64

    return base64.b64decode(packed["data"])


def test_names_cannot_become_markup(path, ortho):
    layer = cars(score=[0.5, 0.6, 0.7], label=[EVIL, "car", "car"], source=EVIL)
    caption = Caption(EVIL, (EVIL,), EVIL)
    write_map(path, layer, caption, ortho)
    assert EVIL not in path.read_text("utf-8")
    assert "alert('" not in path.read_text("utf-8")
    assert facts(path)["columns"]["label"]["names"] == [EVIL, "car"]


def test_half_a_character_in_a_name_is_no_trouble(path):
    write_map(path, cars(), Caption("\udc80", ("\udc80.gpkg",)))
    assert "<h1>?</h1>" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("scores", "ends"),
    [
        ([0.29, 0.5, 0.9], [0.29, 1.0]),
        ([0.5678, 0.6, 1.0], [0.56, 1.0]),
        ([0.3, np.nan, 0.4], [0.3, 1.0]),
        ([3.0, 2.0, 7.5], [2.0, 7.5]),
        ([np.nan] * 3, None),
        (["good", "bad", "good"], None),
        (None, None),
    ],
)
def test_the_slider_reaches_from_the_lowest_score_to_one(path, scores, ends):
    write_map(path, cars() if scores is None else cars(score=scores), CAPTION)
    assert facts(path)["scores"] == ends
    assert ('id="score"' in shell(path)) is (ends is not None)


@pytest.mark.parametrize("count", [0, 1])
def test_few_vehicles(path, ortho, count):
    write_map(path, cars(score=[0.5, 0.6, 0.7])[:count], CAPTION, ortho)
    assert (">0 vehicles</p>", ">1 vehicle</p>")[count] in shell(path)
    write_map(path, cars(score=[0.5, 0.6, 0.7])[:count], CAPTION, overwrite=True)
    assert facts(path)["metric"] is bool(count)


def test_without_an_orthophoto_there_is_ground_around_the_vehicles(path):
    write_map(path, cars(), CAPTION)
    frame = facts(path)["frame"]
    assert frame["right"] - frame["left"] == pytest.approx(24.6 / 0.9996 + 60, abs=0.01)
    assert frame["top"] - frame["bottom"] == pytest.approx(1.8 / 0.9996 + 60, abs=0.01)


def test_a_picture_that_is_nowhere_has_no_north(path):
    grid = GeoGrid(100, 100, Affine.identity(), None, (0.1, 0.1))
    scan = Basemap("scan.png", Image.new("RGB", (100, 100)), grid)
    layer = gpd.GeoDataFrame(geometry=[shapely.box(0, 90, 10, 100)])
    write_map(path, layer, CAPTION, scan)
    assert not facts(path)["north"]
    assert 'class="north"' not in shell(path)
    points = np.frombuffer(webmap_bytes(facts(path)["points"]), "<f4").reshape(-1, 2)
    assert np.nanmin(points, axis=0).tolist() == [-5, -5]  # its lower left corner


def test_vehicles_of_another_crs_are_laid_on_the_orthophoto(path, ortho):
    write_map(path, cars().to_crs(4326), CAPTION, ortho)
    points = np.frombuffer(webmap_bytes(facts(path)["points"]), "<f4").reshape(-1, 2)
    assert np.nanmin(points, axis=0) * 0.9996 + 50 == pytest.approx([5, 80], abs=0.01)


def test_vehicles_elsewhere_are_a_mistake(path, ortho):
    elsewhere = cars().translate(1000, 0).to_frame("geometry")
    with pytest.raises(InputError, match=r"no vehicle lies on ortho\.tif"):
        write_map(path, elsewhere, CAPTION, ortho)
    with pytest.raises(GeoreferenceError, match="the layer has no CRS"):
        write_map(path, cars().set_crs(None, allow_override=True), CAPTION, ortho)
    assert not path.exists()


def test_more_than_a_browser_shows_is_refused(path, monkeypatch):
    monkeypatch.setattr(webmap, "MOST_VEHICLES", 2)
    with pytest.raises(InputError, match="3 vehicles are more than a browser shows, 2; choose"):
        write_map(path, cars(), CAPTION)


def test_without_bokeh_the_way_out_is_told(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(GeoVehicleError, match=r"pip install 'geovehicle\[map\]'"):
        check_map(path)


def test_a_page_ends_in_html(tmp_path):
    check_map(tmp_path / "map.HTM")
    with pytest.raises(OutputError, match=r"let it end in \.html"):
        check_map(tmp_path / "map.gpkg")


def test_an_older_page_stays_until_the_new_one_is_complete(path, ortho, monkeypatch):
    path.write_text("old")
    with pytest.raises(OutputError, match="add --overwrite"):
        write_map(path, cars(), CAPTION)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OutputError, match="No space left"):
        write_map(path, cars(), CAPTION, ortho, overwrite=True)
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["map.html"]
