from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "analysis", raising=False)
    found = __import__("analysis")
    monkeypatch.delitem(sys.modules, "analysis")
    return found


def test_each_command_is_a_row_of_the_table_and_of_the_file(
    script: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = {name: line for name, line in script.commands().items() if name in ("count", "filter")}
    monkeypatch.setattr(script, "commands", lambda: few)
    output = tmp_path / "analysis.json"
    sizes = ("--vehicles", "400", "--zones", "25")
    script.main([*sizes, "--repeats", "2", "--output", str(output)])
    count, filtered = json.loads(output.read_text())
    assert " of 400 vehicles in 25 zones" in count["said"]
    assert filtered["said"].endswith(" of 400 vehicles → c.gpkg")
    assert 0 < count["seconds"] <= count["slowest"]
    assert capsys.readouterr().out.splitlines()[2].startswith("| count | 400 | 25 | ")


def test_another_flight_shows_most_cars_again(script: ModuleType) -> None:
    from geovehicle.analysis.comparison import compare

    changes = compare(script.cars(300), script.cars(300, flight=1))
    assert 180 < changes.number("stayed") < 260
    assert changes.number("left") == changes.number("arrived")


def test_zones_lie_over_the_cars(script: ModuleType) -> None:
    from geovehicle.analysis.counting import count

    counted = count(script.cars(900), script.blocks(9, 900))
    assert counted.inside == pytest.approx(900 * 0.81, abs=60)
