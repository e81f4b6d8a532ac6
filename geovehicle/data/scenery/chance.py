"""Draws from tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

T = TypeVar("T")


def weighted(rng: np.random.Generator, table: Sequence[tuple[float, T]]) -> T:
    """Return an entry of a table of (weight, entry)."""
    mark = rng.random() * sum(weight for weight, _ in table)
    for weight, entry in table:
        mark -= weight
        if mark < 0:
            return entry
    return table[-1][1]


def one_of(rng: np.random.Generator, entries: Sequence[T]) -> T:
    """Return one of the entries, all equally likely."""
    return entries[int(rng.integers(len(entries)))]
