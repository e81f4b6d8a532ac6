"""The same rasters, settings and weights give the same bytes in the features."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from geovehicle.detection import Target, detect_to
from geovehicle.engines.tasks import pack
from geovehicle.jobs import prepare
from geovehicle.model.weights import DEFAULT
from geovehicle.settings import DetectSettings, EngineSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Features = Callable[..., list[Any]]

SETTINGS = DetectSettings(patch=256, overlap=5.0, block=3, score=0.02, device="cpu")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered orthophoto with vehicles, of nine patches."""
    from geovehicle.data.synthetic import write_example

    folder = tmp_path_factory.mktemp("street")
    write_example(folder / "street.tif", folder / "truth.gpkg", seed=7, size=480)
    return folder / "street.tif"


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory, street: Path) -> Features:
    """Return a function that searches the street and returns the layer's rows, byte by byte."""

    def search(weights: Any, settings: DetectSettings, engine: EngineSettings | None = None) -> Any:
        output = tmp_path_factory.mktemp("layer") / "cars.gpkg"
        detect_to(Target(output), prepare([street], weights, settings), engine)
        with closing(sqlite3.connect(output)) as layer:
            return layer.execute("SELECT * FROM vehicles").fetchall()

    return search


def test_the_shipped_network_in_batches_of_any_size(features: Features) -> None:
    search = partial(features, DEFAULT)
    one = search(SETTINGS)
    assert len(one) > 10
    assert search(replace(SETTINGS, batch=2)) == one
    assert search(replace(SETTINGS, batch=8)) == one


class TestEngines:
    """With a network that has learnt nothing and finds something everywhere."""

    @pytest.fixture(scope="class")
    @staticmethod
    def settings() -> DetectSettings:
        return replace(SETTINGS, block=1, score=0.0)

    @pytest.fixture(scope="class")
    @staticmethod
    def expected(features: Features, weights: Path, settings: DetectSettings) -> list[Any]:
        """What two readers and this process find."""
        found = features(weights, settings)
        assert len(found) > 10
        return found

    @pytest.mark.parametrize(
        "engine",
        [
            *(EngineSettings(readers=readers) for readers in (1, 3, 4)),
            EngineSettings(engine="dask", workers=1),
        ],
        ids=["1 reader", "3 readers", "4 readers", "dask"],
    )
    def test_any_number_of_readers_and_either_engine(
        self,
        features: Features,
        weights: Path,
        settings: DetectSettings,
        expected: list[Any],
        engine: EngineSettings,
    ) -> None:
        assert features(weights, settings, engine) == expected

    def test_what_blocks_say_is_the_same_in_every_run(
        self, street: Path, weights: Path, settings: DetectSettings
    ) -> None:
        def said() -> list[bytes]:
            job = prepare([street], weights, settings)
            return [pack(task.find(task.read(), job.detector)) for task in job.tasks()]

        assert said() == said()
