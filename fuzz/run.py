"""Fuzzes for some minutes: ``python fuzz/run.py --minutes 30 [PART...]``.

Each module of this folder that has ``PROPERTIES`` is a part.  Ends with 1 where something
was found; the example is printed, and tried first the next time.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

FOLDER = Path(__file__).parent

DATABASE = DirectoryBasedExampleDatabase(FOLDER.parent / ".hypothesis" / "fuzz")
"""Where findings are kept for the next time."""

ROUND = 200
"""Examples of a property before the next one has its turn."""


def parts() -> list[str]:
    """Return the names of the modules that have properties."""
    files = sorted(FOLDER.glob("*.py"))
    return [file.stem for file in files if "\nPROPERTIES = " in file.read_text()]


def explore(
    strategy: SearchStrategy[Any], check: Callable[[Any], object], number: int, examples: int
) -> int:
    """Try examples of a property, and return how many; raise what one of them raises."""
    count = 0

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=DATABASE,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
        print_blob=False,
    )
    @given(strategy)
    def tried(drawn: Any) -> None:
        nonlocal count
        count += 1
        check(drawn)

    tried()
    return count


def main() -> int:
    """Go round the properties until the time is up."""
    sys.path.insert(0, str(FOLDER))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="for another walk than the last")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts())}")
    options = parser.parse_args()
    end, turn = time.monotonic() + options.minutes * 60, options.seed * 1_000_000
    properties = {
        f"{part}: {name}": one
        for part in options.parts or parts()
        for name, one in import_module(part).PROPERTIES.items()
    }
    counts, findings = dict.fromkeys(properties, 0), dict.fromkeys(properties, 0)
    while time.monotonic() < end:
        turn += 1
        for name, (strategy, check) in properties.items():
            if time.monotonic() > end:
                break
            try:
                counts[name] += explore(strategy, check, turn, ROUND)
            except Exception:
                findings[name] += 1
                print(f"\n{name}, turn {turn}", flush=True)
                traceback.print_exc(file=sys.stdout)
    for name, count in counts.items():
        print(f"{name}: {count:,} examples, {findings[name]} turns with findings")
    return int(any(findings.values()))


if __name__ == "__main__":
    sys.exit(main())
