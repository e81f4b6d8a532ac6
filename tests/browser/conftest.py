"""A browser without a window, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
)

SIZE = (1280, 800)


@pytest.fixture(scope="module")
def chrome(
    needs_program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chrome]:
    """Return Chromium with a profile of its own."""
    programs = needs_program("chromium", "chromium-browser"), needs_program("chromedriver")
    options = ChromeOptions()
    options.binary_location = programs[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.add_argument(f"--window-size={SIZE[0]},{SIZE[1]}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SE_OFFLINE", "true")  # selenium is to fetch nothing and tell nobody
        patch.setenv("SE_AVOID_STATS", "true")
        driver = Chrome(options, Service(programs[1]))
    yield driver
    driver.quit()
