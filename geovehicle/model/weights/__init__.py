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
        "2fb649fe4b2e622f10b8182c76ef860562a991e69ad3cf1c27ddde4368d6b76c",
    ),
}


def shipped_path(name: str) -> Path:
    """Return where the shipped weights of that name lie."""
    return Path(__file__).parent / SHIPPED[name].file
