"""Suppression: of detections that are one vehicle the best one stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geovehicle.detections import Detections, box_iou
from geovehicle.footprints import boxes_of, footprint_iou

if TYPE_CHECKING:
    from numpy.typing import NDArray


def suppress(detections: Detections, iou: float) -> Detections:
    """Drop each detection that overlaps a better one that stays (greedy NMS).

    Labels do not matter: one place on the ground holds one vehicle.  Of equal
    scores the earlier detection wins.  Footprints are compared where there are any,
    boxes otherwise.

    Parameters
    ----------
    detections : Detections
        In any one pixel space.
    iou : float
        Detections whose IoU is above it compete.

    Returns
    -------
    Detections
        In the same pixel space and order.
    """
    everyone = np.ones(len(detections), bool)
    pairs = competing(detections, near(detections, everyone), iou)
    return detections.filter(winners(detections.scores, pairs))


def near(detections: Detections, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the index pairs, first < second, that touch and have a chosen one, (2, M).

    What touches are the boxes, or those around the footprints.
    """
    footprints = detections.footprints
    shapes = shapely.box(*(detections.boxes if footprints is None else boxes_of(footprints)).T)
    first, second = shapely.STRtree(shapes).query(shapes[chosen])
    first = np.flatnonzero(chosen)[first]
    # two that are both chosen find each other twice, and everyone itself
    once = (first < second) | ~chosen[second]
    return np.sort([first[once], second[once]], axis=0)


def competing(detections: Detections, pairs: NDArray[np.intp], iou: float) -> NDArray[np.intp]:
    """Return those of the pairs, (2, M), whose IoU is above ``iou``."""
    first, second = pairs
    footprints = detections.footprints
    if footprints is None:
        return pairs[:, box_iou(detections.boxes[first], detections.boxes[second]) > iou]
    return pairs[:, footprint_iou(footprints[first], footprints[second]) > iou]


def winners(scores: NDArray[np.floating[Any]], pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return a mask of the detections that no better, kept one competes with."""
    rank = np.empty(len(scores), np.intp)
    rank[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    swap = rank[pairs[0]] > rank[pairs[1]]
    better, worse = np.where(swap, pairs[::-1], pairs)
    order = np.argsort(rank[better])
    alive = [True] * len(scores)
    # By rank of the better one: its own fate is settled before it decides another's.
    for winner, loser in zip(better[order].tolist(), worse[order].tolist(), strict=True):
        if alive[winner]:
            alive[loser] = False
    return np.array(alive, bool)
