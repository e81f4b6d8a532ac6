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

SHIPPED: dict[str, ShippedWeights] = {
    DEFAULT: ShippedWeights(
        "vehicles_10cm.safetensors",
        "c22532995b7061e9a085f41d269ccdcbe7cb3de866f2cb37cbfd5907e6d00889",
    ),
}


def shipped_path(name: str) -> Path:
    """Return where the shipped weights of that name lie."""
    return Path(__file__).parent / SHIPPED[name].file
