"""What has changed between two layers: which vehicles arrived, left or stayed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj.exceptions import ProjError

from geovehicle.analysis.layers import POLYGON, of_dimensions, reaching, refuse_doubles, slices
from geovehicle.analysis.places import centres, holding, no_way, same_plane, shapes_of
from geovehicle.export.frame import reproject
from geovehicle.footprints import footprint_iou
from geovehicle.matching import Overlaps
from geovehicle.settings import CompareSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ARRIVED, LEFT, STAYED = "arrived", "left", "stayed"

ADDED = ("change", "iou", "before_id", "after_id")
"""Fields that a comparison adds to those of the vehicles."""

IOU_DECIMALS = 4

QUADRANGLE = 5
"""Points of its ring, which ends where it began."""

THREADS = min(4, os.cpu_count() or 1)
"""That compute overlaps: more would wait for each other's turn in Python."""


@dataclass(frozen=True, eq=False)
class Changes:
    """The vehicles of two layers, each once.

    Attributes
    ----------
    vehicles : geopandas.GeoDataFrame
        Those of the second layer in their order, then those of the first that left; in the
        first one's CRS.  ``change`` says what became of them; ``iou`` is how much both
        outlines of one that stayed overlap, nan of others; ``before_id`` and ``after_id``
        are its ``id`` in the layers, or its row, counted from 1; 0 where it is not there.
    """

    vehicles: gpd.GeoDataFrame

    def number(self, change: str) -> int:
        """Return how many arrived, left or stayed."""
        return int((self.vehicles["change"] == change).sum())

    @property
    def before(self) -> int:
        """Vehicles of the first layer."""
        return self.number(LEFT) + self.number(STAYED)

    @property
    def after(self) -> int:
        """Vehicles of the second layer."""
        return self.number(ARRIVED) + self.number(STAYED)

    def by_zone(self, zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Count changes in zones.

        A vehicle that stayed stands where the second layer shows it, so that in each zone
        ``before`` is ``left`` and ``stayed``, and ``after`` is ``arrived`` and ``stayed``.

        Parameters
        ----------
        zones : geopandas.GeoDataFrame
            Polygons in any CRS; where they overlap, a vehicle counts in each.

        Returns
        -------
        geopandas.GeoDataFrame
            The zones with their own fields and these five.

        Raises
        ------
        InputError
            If the zones have one of these fields already.
        GeoreferenceError
            If the layers cannot be laid upon each other.
        """
        zone, vehicle = holding(centres(self.vehicles, zones.crs), shapes_of(zones))
        change = self.vehicles["change"]
        counts = {
            kind: np.bincount(zone[np.asarray(change == kind)[vehicle]], minlength=len(zones))
            for kind in KINDS
        }
        totals = {
            "before": counts[LEFT] + counts[STAYED],
            "after": counts[ARRIVED] + counts[STAYED],
        }
        refuse_doubles(zones, [*totals, *counts], "the zones")
        return zones.assign(**totals, **counts)


def compare(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    settings: CompareSettings = CompareSettings(),  # noqa: B008 - it is frozen
) -> Changes:
    """Compare the vehicles of two layers of the same ground.

    A vehicle stayed where outlines of both layers overlap: by at least ``settings.iou``, each
    with one other at most, the pair of the highest IoU first.  So another car on the same
    spot stayed as well.

    Parameters
    ----------
    before, after : geopandas.GeoDataFrame
        Polygons, see :func:`~geovehicle.analysis.layers.read_vehicles`, in any CRS.
    settings : CompareSettings
        How much they have to overlap, and which vehicles count.

    Returns
    -------
    Changes

    Raises
    ------
    InputError
        If a field that is needed is missing, if one that is added is there already, or if
        the vehicles are no polygons.
    GeoreferenceError
        If the layers cannot be laid upon each other.
    """
    before, after = (
        _polygons(reaching(frame, settings.score, name), name)
        for frame, name in ((before, "the vehicles before"), (after, "the vehicles after"))
    )
    after = _in_plane_of(before, after)
    pairs, ious = _overlaps(before, after)
    pairs, ious = pairs[:, ious >= settings.iou], ious[ious >= settings.iou]
    stayed = one_to_one(pairs, ious)
    return Changes(_merged(before, after, pairs[:, stayed], ious[stayed]))


def one_to_one(pairs: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which pairs, (2, M), stay if each number stays once: the highest weight first.

    Of equal weights that pair comes first whose numbers are lower.  The result are positions
    in ascending order.
    """
    # nearly all pairs have no rival: only the others have to be taken in turn
    rivals = [np.bincount(side)[side] > 1 for side in pairs]
    contested = np.flatnonzero(rivals[0] | rivals[1])
    turns = contested[np.lexsort((pairs[1, contested], pairs[0, contested], -weights[contested]))]
    free = [np.ones(side.max(initial=-1) + 1, bool).tolist() for side in pairs]
    gone = np.zeros(len(weights), bool)
    for position, one, other in zip(turns.tolist(), *pairs[:, turns].tolist(), strict=True):
        gone[position] = not (free[0][one] and free[1][other])
        if not gone[position]:
            free[0][one] = free[1][other] = False
    return np.flatnonzero(~gone)


def _polygons(frame: gpd.GeoDataFrame, whose: str) -> gpd.GeoDataFrame:
    refuse_doubles(frame, ADDED, whose)
    return of_dimensions(frame, {POLYGON}, whose, "polygons, for only those overlap")


def _in_plane_of(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the second layer in the CRS of the first, its azimuths turned with it."""
    if same_plane(before.crs, after.crs):
        return after
    try:
        moved = reproject(after, before.crs)
    except ProjError as error:
        raise no_way(after.crs, before.crs) from error
    if not np.isfinite(shapely.get_coordinates(moved.geometry.to_numpy())).all():
        raise no_way(after.crs, before.crs)
    return moved


def _overlaps(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the pairs of vehicles that overlap, (2, M), and their IoU, (M,)."""
    one, other = (frame.geometry.to_numpy() for frame in (before, after))
    if _are_quadrangles(one) and _are_quadrangles(other):
        return _overlaps_of_quadrangles(one, other)
    nothing = np.empty(0, object)
    overlaps = Overlaps.of_polygons(
        shapely.make_valid(one), np.ones(len(one)), shapely.make_valid(other), nothing
    )
    return overlaps.pairs, overlaps.ious


def _overlaps_of_quadrangles(
    one: NDArray[np.object_], other: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    tree = shapely.STRtree(other)

    def overlaps(part: slice) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        some = one[part]
        first, second = tree.query(some)
        ious = footprint_iou(_corners(some)[first], _corners(other[second]))
        return np.stack([first + part.start, second]), ious

    with ThreadPoolExecutor(THREADS) as pool:  # shapely and NumPy leave other threads their turn
        parts = list(pool.map(overlaps, slices(len(one))))
    pairs, ious = zip(*parts, strict=True)
    return np.concatenate(pairs, axis=1), np.concatenate(ious)


def _corners(quadrangles: NDArray[np.object_]) -> NDArray[np.float64]:
    rings = shapely.get_coordinates(quadrangles).reshape(-1, QUADRANGLE, 2)
    return np.asarray(rings[:, :-1])


def _are_quadrangles(shapes: NDArray[np.object_]) -> bool:
    """Tell whether all are polygons of four corners, whose overlaps are quick to compute."""
    simple = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    simple &= shapely.get_num_coordinates(shapes) == QUADRANGLE
    return bool(simple.all())


def _merged(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    pairs: NDArray[np.intp],
    ious: NDArray[np.float64],
) -> gpd.GeoDataFrame:
    """Return all vehicles as one layer, those that stayed once."""
    gone = np.ones(len(before), bool)
    gone[pairs[0]] = False
    change = np.full(len(after) + gone.sum(), KINDS.index(LEFT))
    change[: len(after)] = KINDS.index(ARRIVED)
    change[pairs[1]] = KINDS.index(STAYED)
    iou = np.full(len(change), np.nan)
    iou[pairs[1]] = np.round(ious, IOU_DECIMALS)
    ids = np.zeros((2, len(change)), np.int64)
    ids[0, pairs[1]] = _ids(before)[pairs[0]]
    ids[0, len(after) :] = _ids(before)[gone]
    ids[1, : len(after)] = _ids(after)
    parts = [part for part in (after, before[gone]) if len(part)] or [after]
    frame = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=before.crs)
    values = (pd.Series(KINDS).take(change).array, iou, *ids)
    return frame.assign(id=np.arange(1, len(frame) + 1), **dict(zip(ADDED, values, strict=True)))


def _ids(frame: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Return the field id where it holds whole numbers, or else the rows from 1."""
    if "id" in frame and frame["id"].dtype.kind in "iu":
        return np.asarray(frame["id"], np.int64)
    return np.arange(1, len(frame) + 1)
