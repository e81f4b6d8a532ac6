"""The page of ``geovehicle map`` in a browser, as a person uses it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from PIL import Image
from rasterio.crs import CRS
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from geovehicle.export.basemap import Basemap
from geovehicle.export.preview import RAMP
from geovehicle.export.webmap import Caption, write_map
from geovehicle.georeference import GeoGrid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selenium.webdriver import Chrome

EAST, NORTH, SIDE = 500_000.0, 5_600_000.0, 100.0
EVIL = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"
GREY = (90, 90, 90)

READY = """
const source = window.Bokeh?.documents[0]?.get_model_by_name("source");
return source?.data.xs.length > 0 && Bokeh.documents[0].is_idle"""

STATE = """
const named = (name) => Bokeh.documents[0].get_model_by_name(name);
const [plot, lines, source] = [named("plot"), named("outlines"), named("source")];
const box = document.getElementById("map").getBoundingClientRect();
return {
  x: [plot.x_range.start, plot.x_range.end], y: [plot.y_range.start, plot.y_range.end],
  left: box.left, top: box.top, width: box.width, height: box.height,
  drawn: lines.view.indices.count, chosen: source.selected.indices,
  bar: document.getElementById("bar").getBoundingClientRect().width,
  overflow: document.documentElement.scrollWidth - innerWidth,
}"""


def car(east: float, north: float) -> shapely.Polygon:
    """Return a car of 8 x 4 m, to be seen well, around a place of the map."""
    return shapely.box(EAST + east - 4, NORTH + north - 2, EAST + east + 4, NORTH + north + 2)


PLACES = [(20 + 20 * (number % 4), 20 + 30 * (number // 4)) for number in range(12)]
SCORES = [0.3, 0.41, 0.42, 0.5, 0.57, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a map of 100 x 100 m with twelve vehicles on a grey ground."""
    vehicles = gpd.GeoDataFrame(
        {
            "id": np.arange(1, 13),
            "score": SCORES,
            "label": ["car"] * 8 + [EVIL] * 4,
            "length_m": 8.0,
            "width_m": 4.0,
            "area_m2": 32.0,
            "azimuth_deg": [90.0] * 11 + [np.nan],
        },
        geometry=[car(*place) for place in PLACES],
        crs=25832,
    )
    transform = Affine(0.25, 0, EAST, 0, -0.25, NORTH + SIDE)
    grid = GeoGrid(400, 400, transform, CRS.from_epsg(25832))
    basemap = Basemap("ortho.tif", Image.new("RGB", (400, 400), GREY), grid)
    path = tmp_path_factory.mktemp("map") / "map.html"
    write_map(path, vehicles, Caption(f"Cars {EVIL}", ("cars.gpkg", "ortho.tif"), EVIL), basemap)
    return path


class Page:
    """A map that is open."""

    def __init__(self, chrome: Chrome, path: Path) -> None:
        self.chrome = chrome
        chrome.get_log("performance")  # forget what was before
        chrome.get_log("browser")
        chrome.get(path.as_uri())
        self.wait(lambda: chrome.execute_script(READY))

    def wait(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.chrome, 10, 0.02).until(lambda _: condition())

    @property
    def state(self) -> dict[str, Any]:
        self.wait(lambda: self.chrome.execute_script("return Bokeh.documents[0].is_idle"))
        state: dict[str, Any] = self.chrome.execute_script(STATE)
        return state

    def text(self, id: str) -> str:
        return self.chrome.find_element(By.ID, id).text

    def press(self, id: str, *keys: str) -> None:
        self.chrome.find_element(By.ID, id).send_keys(*keys)

    def on_screen(self, east: float, north: float) -> tuple[float, float]:
        """Return the pixel of the window that shows a place of the map."""
        state = self.state
        shares = [
            (metres - SIDE / 2 - low) / (high - low)
            for metres, (low, high) in ((east, state["x"]), (north, state["y"]))
        ]
        return (
            state["left"] + shares[0] * state["width"],
            state["top"] + (1 - shares[1]) * state["height"],
        )

    def click(self, east: float, north: float) -> None:
        x, y = self.on_screen(east, north)
        actions = ActionChains(self.chrome, duration=0)
        actions.w3c_actions.pointer_action.move_to_location(round(x), round(y))
        actions.click().perform()

    def colours(self, east: float, north: float, reach: int = 3) -> list[tuple[int, ...]]:
        """Return the colours around a place of the map, as they are on the screen."""
        x, y = (round(n) for n in self.on_screen(east, north))
        picture = Image.open(io.BytesIO(self.chrome.get_screenshot_as_png())).convert("RGB")
        around = picture.crop((x - reach, y - reach, x + reach + 1, y + reach + 1))
        return [tuple(colour) for colour in np.asarray(around).reshape(-1, 3).tolist()]

    def messages(self) -> list[str]:
        """Return what the console says that is more than an information."""
        log = self.chrome.get_log("browser")
        return [one["message"] for one in log if one["level"] in ("WARNING", "SEVERE")]

    def requests(self) -> set[str]:
        """Return the schemes of all that pages from files asked for, since the last call."""
        events = [
            json.loads(one["message"])["message"] for one in self.chrome.get_log("performance")
        ]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
            and event["params"]["documentURL"].startswith("file:")  # not Chromium's first tab
        ]
        return {url.partition(":")[0] for url in urls}


@pytest.fixture
def opened(chrome: Chrome, page: Path) -> Page:
    return Page(chrome, page)


def near(colours: list[tuple[int, ...]], wanted: tuple[int, ...], by: int = 40) -> bool:
    return any(max(abs(a - b) for a, b in zip(one, wanted, strict=True)) < by for one in colours)


def test_it_opens_with_all_vehicles_and_asks_nobody_for_anything(opened: Page) -> None:
    assert opened.text("count") == "12 vehicles"
    assert opened.state["drawn"] == 12
    assert opened.messages() == []
    schemes = set()
    opened.wait(lambda: schemes.update(opened.requests()) or "data" in schemes)  # the picture
    assert schemes <= {"file", "data", "blob"}


def test_the_slider_filters_and_counts(opened: Page) -> None:
    unsure = 20 - 4, PLACES[0][1]  # the left edge of the first vehicle
    assert near(opened.colours(*unsure), RAMP[0])
    opened.press("score", *[Keys.ARROW_RIGHT] * 27)  # 0.57, which is no float32
    opened.wait(lambda: opened.text("least") == "0.57")
    assert opened.text("count") == "8 of 12 vehicles, score at least 0.57"
    assert opened.state["drawn"] == 8
    assert opened.text("labels").splitlines() == ["By label", "car 4", f"{EVIL} 4"]
    opened.wait(lambda: not near(opened.colours(*unsure), RAMP[0]))
    assert near(opened.colours(*unsure), GREY, by=12)
    assert near(opened.colours(80 - 4, PLACES[11][1]), RAMP[2])
    opened.press("score", Keys.END)
    opened.wait(lambda: opened.text("count") == "1 of 12 vehicles, score at least 1.00")
    opened.press("score", Keys.HOME)
    opened.wait(lambda: opened.text("count") == "12 vehicles")
    assert opened.state["drawn"] == 12


def test_a_click_tells_about_a_vehicle(opened: Page) -> None:
    assert not opened.chrome.find_element(By.ID, "details").is_displayed()
    opened.click(*PLACES[5])
    opened.wait(lambda: opened.state["chosen"] == [5])
    lines = opened.text("details").splitlines()
    pairs = dict(zip(lines[-14::2], lines[-13::2], strict=True))
    assert pairs == {
        "ID": "6",
        "Score": "0.60",
        "Label": "car",
        "Length": "8.00 m",
        "Width": "4.00 m",
        "Area": "32.0 m²",
        "Azimuth": "90.0°",
    }
    opened.click(10, 95)
    opened.wait(lambda: opened.state["chosen"] == [])
    assert not opened.chrome.find_element(By.ID, "details").is_displayed()


def test_any_spot_of_a_vehicle_means_it_however_large_it_is_drawn(opened: Page) -> None:
    for _ in range(4):
        opened.chrome.find_element(By.ID, "closer").click()
    opened.click(43.5, 51.5)  # its corner, some hundred pixels from its middle
    opened.wait(lambda: opened.state["chosen"] == [5])
    opened.click(44.5, 52.5)
    opened.wait(lambda: opened.state["chosen"] == [])


def test_names_from_files_are_text_and_nothing_else(opened: Page) -> None:
    assert opened.chrome.title == f"Cars {EVIL}"
    opened.click(*PLACES[11])
    opened.wait(lambda: opened.state["chosen"] == [11])
    assert EVIL in opened.text("details")
    assert "unknown" in opened.text("details")  # its azimuth
    assert opened.chrome.execute_script("return window.hurt") is None
    opened.press("map", Keys.ESCAPE)
    assert opened.state["chosen"] == []


def test_a_chosen_vehicle_that_the_slider_hides_is_let_go(opened: Page) -> None:
    opened.click(*PLACES[0])
    opened.wait(lambda: opened.state["chosen"] == [0])
    opened.press("score", *[Keys.ARROW_RIGHT] * 2)
    opened.wait(lambda: opened.state["chosen"] == [])


def resolutions(state: dict[str, Any]) -> tuple[float, float]:
    """Return the metres of a pixel, to the right and up."""
    x, y = state["x"], state["y"]
    return (x[1] - x[0]) / state["width"], (y[1] - y[0]) / state["height"]


def test_the_whole_orthophoto_is_shown_true_to_scale(opened: Page) -> None:
    state = opened.state
    across, up = resolutions(state)
    assert across == pytest.approx(up)
    true = SIDE / 0.9996  # the scale of UTM in the middle of a zone
    assert across == pytest.approx(true * 1.02 / min(state["width"], state["height"]), rel=1e-5)
    assert sum(state["x"]) == pytest.approx(0, abs=1e-6)
    assert state["bar"] * across == pytest.approx(
        float(opened.text("metres").removesuffix(" m")), rel=0.02
    )
    assert near(opened.colours(0, 50), GREY, by=12)
    assert near(opened.colours(-2, 50), (38, 44, 51), by=12)


def test_zooming_and_moving(opened: Page) -> None:
    before = resolutions(opened.state)[0]
    opened.chrome.find_element(By.ID, "closer").click()
    assert resolutions(opened.state) == pytest.approx([before / 1.5] * 2)
    opened.press("map", "-", "0", Keys.ARROW_RIGHT)
    state = opened.state
    assert resolutions(state) == pytest.approx([before] * 2)
    assert sum(state["x"]) / 2 == pytest.approx(0.2 * state["width"] * before)
    box = opened.chrome.find_element(By.ID, "map")
    origin = ScrollOrigin.from_element(box)
    ActionChains(opened.chrome, duration=0).scroll_from_origin(origin, 0, -300).perform()
    opened.wait(lambda: resolutions(opened.state)[0] < before * 0.9)
    across, up = resolutions(opened.state)
    assert across == pytest.approx(up)
    start = opened.state["x"][0]
    ActionChains(opened.chrome, duration=50).drag_and_drop_by_offset(box, 100, 0).perform()
    opened.wait(lambda: opened.state["x"][0] == pytest.approx(start - 100 * across, rel=0.05))
    opened.press("map", "0", Keys.ENTER)  # which is nearest to the middle?
    assert opened.state["chosen"] in ([5], [6])
    assert opened.messages() == []


def test_on_a_phone(opened: Page) -> None:
    screen = {"width": 390, "height": 780, "deviceScaleFactor": 2, "mobile": True}
    opened.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        opened.wait(lambda: opened.state["width"] == 392)  # a pixel at both sides is cut off
        state = opened.state
        assert state["overflow"] == 0
        assert state["height"] > 390
        across, up = resolutions(state)
        assert across == pytest.approx(up, rel=1e-3)
        slider = opened.chrome.find_element(By.ID, "score").rect
        assert slider["y"] + slider["height"] < 780
        opened.click(*PLACES[1])
        opened.wait(lambda: opened.state["chosen"] == [1])
        details = opened.chrome.find_element(By.ID, "details").rect
        assert details["y"] + details["height"] <= state["top"] + state["height"]
        assert opened.on_screen(*PLACES[1])[1] < details["y"]  # it was below, and came up
    finally:
        opened.chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_many_labels_leave_the_map_in_the_window(chrome: Chrome, tmp_path: Path) -> None:
    frame = {"label": [f"{'very ' * 30}kind {number}" for number in range(40)]}
    vehicles = gpd.GeoDataFrame(frame, geometry=[car(*PLACES[0])] * 40, crs=25832)
    write_map(tmp_path / "kinds.html", vehicles, Caption("Kinds", ("cars.gpkg",)))
    kinds = Page(chrome, tmp_path / "kinds.html")
    assert kinds.state["height"] <= chrome.execute_script("return innerHeight") + 2


def test_points_without_scores_and_orthophoto(chrome: Chrome, tmp_path: Path) -> None:
    places = [shapely.Point(10 + 1e-4 * number, 50) for number in range(3)]
    vehicles = gpd.GeoDataFrame(geometry=places, crs=4326)
    write_map(tmp_path / "plain.html", vehicles, Caption("Plain", ("cars.gpkg",)))
    plain = Page(chrome, tmp_path / "plain.html")
    assert plain.text("count") == "3 vehicles"
    assert plain.state["drawn"] == 3
    assert chrome.find_elements(By.ID, "score") == []
    across, up = resolutions(plain.state)
    assert across == pytest.approx(up)
    assert near(plain.colours(50, 50), RAMP[1]) or near(plain.colours(50, 51.5, reach=8), RAMP[1])
    assert plain.messages() == []
