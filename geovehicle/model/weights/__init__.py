"""Weights that ship in the package, by name, each with the digest it was published with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ShippedWeights:
    """A file beside this module and its SHA-256 digest."""

    file: str
    sha256: str


DEFAULT = "vehicles-10cm"

BESIDE = ".json"
"""Ends the name of the file beside weights that tells what was found after they were
published: settings of the configuration, and the ranges that ``supply/ranges.py`` writes."""

SHIPPED: dict[str, ShippedWeights] = {
    DEFAULT: ShippedWeights(
        "vehicles_10cm.safetensors",
        "c7487b7e352beeef62029c68db4b8745841cd9617bf7d49ddbc62d18a84e00ce",
    ),
}


def shipped_path(name: str) -> Path:
    """Return where the shipped weights of that name lie."""
    return Path(__file__).parent / SHIPPED[name].file


def told_beside(path: Path) -> str | None:
    """Return what was found of the shipped weights in a file, as JSON; None for other files.

    It lies beside the weights, of which each version stays in the history for ever.
    """
    if path not in map(shipped_path, SHIPPED):
        return None
    return path.with_suffix(BESIDE).read_text(encoding="utf-8")
