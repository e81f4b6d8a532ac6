"""What is told of the parts that geovehicle is made of."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

AUDIT = runpy.run_path(str(Path(__file__).parents[1] / "supply" / "audit.py"))


def package(name: str, *flaws: str) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": [{"id": flaw} for flaw in flaws]}


UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "line"),
    [
        ([package("a"), package("b")], 0, "2 packages asked for; none has a known vulnerability"),
        ([package("a"), UNKNOWN], 0, "1 packages asked for, 1 unknown there; none has a known"),
        (
            [package("a"), package("b", "CVE-1", "CVE-2")],
            1,
            "2 packages asked for; vulnerable: b 1.0: CVE-1, b 1.0: CVE-2",
        ),
        ([UNKNOWN], 2, "nothing was audited: the Python Package Index told nothing"),
        ([], 2, "nothing was audited: the Python Package Index told nothing"),
    ],
)
def test_an_audit_is_a_line_and_silence_of_the_index_is_no_success(
    packages: list[Any], code: int, line: str
) -> None:
    told, ended = AUDIT["told"](packages)
    assert (ended, told[: len(line)]) == (code, line)
    assert "\n" not in told
