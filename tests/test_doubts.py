from __future__ import annotations

import runpy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geovehicle import detection, jobs
from geovehicle.doubts import Doubt, Scores, warn_of
from geovehicle.errors import GeoVehicleWarning
from geovehicle.job_sheets import Sheet
from geovehicle.settings import DetectSettings

COARSE = Doubt("coarse", "has pixels of 1 m; take finer imagery")
GREY = Doubt("grey", "has no colours")


class TestWarnings:
    """One for each kind."""

    def test_no_doubt_is_no_warning(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_of([])

    def test_one_raster(self) -> None:
        with pytest.warns(
            GeoVehicleWarning, match=r"^a\.tif has pixels of 1 m; take finer"
        ) as all_:
            warn_of([("a.tif", COARSE)])
        assert len(all_) == 1

    def test_many_rasters_and_kinds(self) -> None:
        many = [(f"{number}.tif", GREY) for number in range(2001)]
        with pytest.warns(GeoVehicleWarning) as told:
            warn_of([("a.tif", COARSE), *many, ("b.tif", COARSE)])
        assert [str(one.message) for one in told] == [
            "a.tif (and 1 more raster) has pixels of 1 m; take finer imagery",
            "0.tif (and 2,000 more rasters) has no colours",
        ]


class TestScores:
    """Scores that crowd at the threshold."""

    def _doubt(self, *scores: np.ndarray) -> Doubt | None:
        count = Scores()
        for some in scores:
            count.add(some.astype(np.float32))
        return count.doubt(0.55)

    def test_those_of_validation_are_sound(self) -> None:
        assert self._doubt(np.linspace(0.56, 0.9, 200)) is None

    def test_low_ones_are_doubtful(self) -> None:
        doubt = self._doubt(np.linspace(0.55, 0.62, 20), np.linspace(0.55, 0.7, 20))
        assert doubt
        assert "half of its 40 vehicles are below 0.6" in doubt.text

    def test_a_few_tell_nothing(self) -> None:
        assert self._doubt(np.full(29, 0.56)) is None
        assert self._doubt() is None

    def test_the_quarter_is_that_of_what_is_reported(self) -> None:
        assert self._doubt(np.full(30, 0.65))
        assert self._doubt(np.full(30, 0.67)) is None


class TestResults:
    """What is told after a search."""

    @pytest.fixture
    def find(self, make_raster: Any, monkeypatch: Any, tmp_path: Path) -> Any:
        """Return a function that finds 40 vehicles of a score of 0.42, the threshold being 0.4."""
        planted = runpy.run_path(str(Path(__file__).with_name("planted_job.py")))
        monkeypatch.setattr(jobs, "load_detector", lambda *_: planted["RedFinder"]())
        weights = tmp_path / "weights"
        weights.touch()
        ground = np.random.default_rng(0).integers(40, 200, (1, 200, 320)).astype(np.uint8)
        pixels = np.repeat(ground, 3, axis=0)
        for number in range(40):
            row, column = 10 + 40 * (number // 8), 10 + 40 * (number % 8)
            pixels[:, row : row + 10, column : column + 20] = np.array([255, 107, 0])[:, None, None]
        path = make_raster(pixels=pixels)
        return lambda **settings: detection.find([path], weights, DetectSettings(**settings))

    def test_low_scores_are_told(self, find: Any) -> None:
        with pytest.warns(GeoVehicleWarning, match=r"^the layer has scores unlike"):
            assert find().summary.count == 40

    def test_who_asks_for_them_is_not_told(self, find: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert find(score=0.4).summary.count == 40

    def test_a_search_elsewhere_is_told(self, find: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(Sheet, "pixels", 0)
        monkeypatch.setattr(jobs.Job, "tasks", lambda job: iter(()))
        with pytest.warns(GeoVehicleWarning, match=r"^scene\.tif shows nothing: not one valid"):
            find()
