"""Which images become validation: whole places, never images that show trained ground.

A split by images, or worse by patches, would show the same vehicles on both sides
and make every figure too good.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import numpy as np

from geovehicle.data.records import OVERLAPPING, Record, Split

if TYPE_CHECKING:
    from collections.abc import Sequence

Part = Split | Literal["between"]
"""``between`` are images that show both trained ground and that of the validation."""


def divide(records: Sequence[Record], share: float, seed: int = 0) -> list[Part]:
    """Put every image into a part.

    A data set that has a validation part keeps it.  Otherwise whole scenes are
    taken in an order drawn by `seed` until `share` of the images is reached.  A
    scene that would be too much gives the last of its images only, where that is
    possible: if it is a flight (:attr:`Record.position`), those between, which
    overlap with both sides, are left out; images that tell no scene are taken to
    be one in the order of their names, so that neighbours stay together.

    Parameters
    ----------
    records : sequence of Record
        All images.
    share : float
        Images for validation among those that are not of the test part.
    seed : int
        Seed of the order of the scenes.

    Returns
    -------
    list of str
        The part of each record.  No image is validation where that would leave
        nothing to train on.
    """
    parts: list[Part] = [record.split or "train" for record in records]
    trained = [index for index, part in enumerate(parts) if part == "train"]
    if "val" in parts or share <= 0 or len(trained) < 2:
        return parts
    divided = list(parts)
    missing = max(1, round(share * len(trained)))
    for scene in _scenes(records, trained, seed):
        chosen, between = _choose(records, scene, missing)
        missing -= len(chosen)
        for index in chosen:
            divided[index] = "val"
        for index in between:
            divided[index] = "between"
    return divided if "train" in divided else parts


def _scenes(records: Sequence[Record], indices: Sequence[int], seed: int) -> list[list[int]]:
    """Return the images of each scene in their order, the scenes shuffled."""
    scenes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in indices:
        scenes[records[index].source, records[index].scene].append(index)

    def place(index: int) -> tuple[int, str]:
        return records[index].position or 0, records[index].name

    ordered = [sorted(scenes[key], key=place) for key in sorted(scenes)]
    order = np.random.default_rng(seed).permutation(len(ordered))
    return [ordered[index] for index in order]


def _choose(
    records: Sequence[Record], scene: list[int], missing: int
) -> tuple[list[int], list[int]]:
    """Return the images of a scene for validation, at best `missing`, and those between."""
    if len(scene) <= missing:
        return scene, []
    if missing < 1:
        return [], []
    chosen = scene[-missing:]
    positions = [place for index in scene if (place := records[index].position) is not None]
    if len(positions) == len(scene):
        border = positions[-missing] - OVERLAPPING
        near = [index for index, place in zip(scene, positions, strict=True) if place >= border]
        return chosen, near[:-missing]
    if not records[scene[0]].scene:
        return chosen, []
    return (scene, []) if len(scene) < 2 * missing else ([], [])
