"""Doubts: what is probably not meant, though it can be done, told once and clearly.

A doubt has a kind, so that a thousand rasters with the same fault are one warning.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.errors import GeoVehicleWarning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

LEAST_VEHICLES = 30
"""So many scores have a median that means something."""

LOW_MEDIAN = 0.25
"""Scores are low where their median is in the lowest quarter of what is reported, for the
shipped weights below 0.70.  Their validation images with as many vehicles have 0.80 to 0.85."""

BINS = 1000
"""Of the histogram of scores."""


@dataclass(frozen=True)
class Doubt:
    """Something that looks wrong.

    Parameters
    ----------
    kind : str
        What tells it from others.
    text : str
        What looks wrong, after the name of what it is about; then the way out.
    """

    kind: str
    text: str


def warn_of(doubts: Iterable[tuple[str, Doubt]]) -> None:
    """Warn of doubts, of each kind once.

    Parameters
    ----------
    doubts : iterable of (str, Doubt)
        Each after the name of the raster that it is about.

    Warns
    -----
    GeoVehicleWarning
        One line a kind: what the first raster's doubt says, and how many others share it.
    """
    kinds: dict[str, list[tuple[str, Doubt]]] = {}
    for name, doubt in doubts:
        kinds.setdefault(doubt.kind, []).append((name, doubt))
    for (name, doubt), *others in kinds.values():
        count = len(others)
        more = f" (and {count:,} more raster{'' if count == 1 else 's'})" if others else ""
        warnings.warn(f"{name}{more} {doubt.text}", GeoVehicleWarning, stacklevel=2)


class Scores:
    """How the scores of any number of vehicles are spread."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS, np.int64)

    def add(self, scores: NDArray[np.float32]) -> None:
        """Count some, 0 to 1."""
        self._counts += np.histogram(scores, BINS, (0, 1))[0]

    def doubt(self, threshold: float) -> Doubt | None:
        """Return a doubt where the scores crowd just above the threshold.

        The threshold parts vehicles from background on the images that the weights were
        validated on, and most vehicles there are far above it.

        Parameters
        ----------
        threshold : float
            The weights' own, which all scores reach.
        """
        count = int(self._counts.sum())
        median = int(np.searchsorted(np.cumsum(self._counts), count / 2)) / BINS
        if count < LEAST_VEHICLES or median >= threshold + LOW_MEDIAN * (1 - threshold):
            return None
        return Doubt(
            "low scores",
            f"has scores unlike those of the validation: half of its {count:,} vehicles are below"
            f" {median + 1 / BINS:.2f}; look at them on the map before you count them",
        )
