"""Seams: the detections of many patches become one scene's, without cuts or doubles.

A patch reports what lies in its core or just outside, so two patches may both report a
vehicle near the border of their cores.  Such views compete; the rest never meets
another.  :func:`merged` takes a scene strip by strip and holds back only what the next
strip may still have a say in, so its memory does not grow with the scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.detections import Detections
from geovehicle.suppression import competing, near, winners

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from geovehicle.patches import PatchWindow


@dataclass(frozen=True, eq=False)
class Views:
    """Detections of several patches of a scene, doubles among them.

    Parameters
    ----------
    detections : Detections
        N of them, in scene pixels.
    patch : ndarray of int64, shape (N,)
        The number, in the scene, of the patch that reports each.
    depth : ndarray of float64, shape (N,)
        How far the centre lies inside that patch's core, pixels; negative outside.
    whole : ndarray of bool, shape (N,)
        Whether it lies clear of the edge of the imagery, so that nothing of it is cut.
    """

    detections: Detections
    patch: NDArray[np.int64]
    depth: NDArray[np.float64]
    whole: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.detections)

    @classmethod
    def empty(cls) -> Views:
        """Return no views."""
        return cls(Detections.empty(), np.empty(0, np.int64), np.empty(0), np.empty(0, bool))

    @classmethod
    def concatenate(cls, parts: Sequence[Views]) -> Views:
        """Join views of one scene, in order."""
        parts = [cls.empty(), *parts]
        return cls(
            Detections.concatenate([part.detections for part in parts]),
            np.concatenate([part.patch for part in parts]),
            np.concatenate([part.depth for part in parts]),
            np.concatenate([part.whole for part in parts]),
        )

    def filter(self, selection: NDArray[np.bool_] | NDArray[np.intp]) -> Views:
        """Take the views that a mask or an array of indices selects."""
        return Views(
            self.detections.filter(selection),
            self.patch[selection],
            self.depth[selection],
            self.whole[selection],
        )


@dataclass(frozen=True)
class SeamRule:
    """Who meets whom at a seam.

    Parameters
    ----------
    band : float
        Half-width of the band along core borders, in pixels: above the jitter of a
        vehicle's centre between patches.
    reach : float
        Length of the longest vehicle in pixels.
    box_iou, footprint_iou : float
        Boxes, or footprints where there are any, of different patches whose IoU is
        above it are one vehicle.
    """

    band: float
    reach: float
    box_iou: float
    footprint_iou: float

    def views(
        self, window: PatchWindow, number: int, found: Detections, size: tuple[int, int]
    ) -> Views:
        """Return what a patch has to say: the detections in its core and the band around.

        Parameters
        ----------
        window : PatchWindow
            The patch.
        number : int
            Its number in the scene.
        found : Detections
            What it shows, in patch pixels.
        size : tuple of int
            Width and height of the scene in pixels.  A core at the scene's edge owns
            what lies beyond.
        """
        scene = found.shift(window.col, window.row)
        depth = _depth(scene.centres(), window.core, size)
        chosen = depth >= -self.band
        count = int(chosen.sum())
        return Views(
            scene.filter(chosen), np.full(count, number), depth[chosen], np.ones(count, bool)
        )

    def rivals(self, views: Views) -> NDArray[np.intp]:
        """Return the index pairs of views that are one vehicle seen by two patches, (2, M).

        One side in the band is enough: the other patch may have seen the same vehicle
        just outside it.
        """
        found = views.detections
        first, second = pairs = near(found, views.depth <= self.band)
        iou = self.box_iou if found.footprints is None else self.footprint_iou
        return competing(found, pairs[:, views.patch[first] != views.patch[second]], iou)


def merged(strips: Iterable[tuple[Views, float]], rule: SeamRule) -> Iterator[Views]:
    """Join the views of a scene without doubles, strip by strip.

    Of the views of one vehicle that stays which the patch that owns its centre
    reports, for a vehicle's end, seen beyond the overlap, may score higher than the
    whole; then comes the better score, then the earlier patch.  The result does not
    depend on how the scene is cut into strips.

    Parameters
    ----------
    strips : iterable of (Views, float)
        From the top: the views of the patches whose cores lie in the strip, and the
        strip's lower border in scene pixels, infinity for the last.
    rule : SeamRule

    Yields
    ------
    Views
        What is settled with each strip.
    """
    held = Views.empty()
    for views, border in strips:
        views = Views.concatenate([held, views])
        rivals = rule.rivals(views)
        # The next strip reports centres from here on, and what such a vehicle touches.
        lowest = views.detections.outlines[..., 1].max(axis=1, initial=-np.inf)
        waiting = _joined(lowest >= border - rule.band - rule.reach, rivals)
        precedence = views.detections.scores + (views.depth >= 0)
        stays = winners(precedence, rivals)
        yield views.filter(stays & ~waiting)
        held = views.filter(waiting)


def _depth(
    points: NDArray[np.float64], core: tuple[int, int, int, int], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return how far inside a core each point lies, negative outside, shape (N,)."""
    low, high = np.array(core[:2], float), np.array(core[2:], float)
    low[low == 0] = -np.inf
    high[high == size] = np.inf
    return np.asarray(np.hstack([points - low, high - points]).min(axis=1))


def _joined(chosen: NDArray[np.bool_], pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return a mask of the chosen ones and all that pairs join to them, near or far."""
    first, second = pairs
    while True:
        grown = chosen.copy()
        np.logical_or.at(grown, first, chosen[second])  # one may be in several pairs
        np.logical_or.at(grown, second, grown[first])
        if np.array_equal(grown, chosen):
            return chosen
        chosen = grown
