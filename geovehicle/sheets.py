"""Sheets: rasters of one job that overlap, and the vehicles that several of them show.

Where two sheets overlap, both report a vehicle, and where one sheet ends, it may report a
part only.  Views of different sheets therefore compete, as those of patches do in
:mod:`geovehicle.seams`, and one of them stands for the vehicle.  Only what lies near another
sheet is kept in memory until all sheets were heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geovehicle.detections import Detections
from geovehicle.footprints import boxes_of, footprint_iou, footprint_share, polygons_of
from geovehicle.settings import SHEET_CUT_SHARE, SHEET_MARGIN
from geovehicle.suppression import near, winners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class SheetOverlaps:
    """Decides which views of vehicles in the overlaps of sheets are doubles.

    All coordinates are in one plane, such as the CRS of a job's first sheet.

    Parameters
    ----------
    extents : sequence of shapely.Polygon
        The ground of each sheet.  Between CRSs its edges bend, so it is taken larger by
        ``SHEET_MARGIN``.
    """

    def __init__(self, extents: Sequence[shapely.Polygon]) -> None:
        left, low, right, high = shapely.bounds(list(extents)).reshape(-1, 4).T
        margins = SHEET_MARGIN * np.hypot(right - left, high - low)
        self._extents = shapely.buffer(list(extents), margins, join_style="mitre")
        self._tree = shapely.STRtree(self._extents)
        self._shared: dict[int, shapely.Geometry] = {}
        self._sheets: list[NDArray[np.intp]] = []
        self._rows: list[NDArray[np.intp]] = []
        self._clearances: list[NDArray[np.float64]] = []
        self._views: list[Detections] = []

    def overlaps(self, sheet: int) -> bool:
        """Tell whether another sheet shows some of the ground of a sheet."""
        return len(self._others(sheet)) > 0

    def concerned(self, sheet: int, footprints: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which vehicles another sheet may show as well.

        Parameters
        ----------
        sheet : int
            The sheet that reports them.
        footprints : ndarray of float64, shape (N, 4, 2)
            Their corners.

        Returns
        -------
        ndarray of bool, shape (N,)
        """
        if sheet not in self._shared:
            self._shared[sheet] = shapely.union_all(self._extents[self._others(sheet)])
            shapely.prepare(self._shared[sheet])
        touched: NDArray[np.bool_] = shapely.intersects(
            self._shared[sheet], polygons_of(footprints)
        )
        return touched

    def add(
        self,
        sheet: int,
        rows: NDArray[np.intp],
        footprints: NDArray[np.float64],
        scores: NDArray[np.float32],
        clearance: NDArray[np.float64],
    ) -> None:
        """Hear what a sheet has to say, in any order and number of calls.

        Parameters
        ----------
        sheet : int
            The sheet that reports the vehicles.
        rows : ndarray of int, shape (N,)
            Their numbers among all of that sheet: by them :meth:`doubles` names them.
        footprints : ndarray of float64, shape (N, 4, 2)
            Their corners.
        scores : ndarray of float32, shape (N,)
            0 to 1.
        clearance : ndarray of float64, shape (N,)
            How far the footprints stay away from the edge of the sheet's imagery, in any
            unit; that of a part is about 0.  Those that are surely whole have one value
            in common, the largest, infinity for example.
        """
        self._sheets.append(np.full(len(rows), sheet))
        self._rows.append(np.asarray(rows, np.intp))
        self._clearances.append(np.asarray(clearance, np.float64))
        self._views.append(Detections(boxes_of(footprints), scores, rows, footprints))

    def doubles(self, iou: float) -> dict[int, NDArray[np.intp]]:
        """Return the rows that another sheet's view stands for.

        Of views of different sheets that are one vehicle that stays which is clearer of
        its sheet's edge, for it is whole where the other may be cut; then comes the
        better score, then the earlier sheet.  Views of one sheet never compete.

        Parameters
        ----------
        iou : float
            Footprints whose IoU is above it are one vehicle.  A part, where a sheet
            ends, has a low one with the whole: of different clearance it is enough that
            ``SHEET_CUT_SHARE`` of the smaller one lies on the other.

        Returns
        -------
        dict of int to ndarray of int
            Rows in ascending order by sheet; sheets without any are left out.
        """
        if not self._views:
            return {}
        sheets, rows = np.concatenate(self._sheets), np.concatenate(self._rows)
        order = np.lexsort((rows, sheets))
        sheets, rows = sheets[order], rows[order]
        clearance = np.concatenate(self._clearances)[order]
        views = Detections.concatenate(self._views).filter(order)
        stays = winners(
            _precedence(views.scores, clearance), _rivals(views, sheets, clearance, iou)
        )
        return {int(one): rows[~stays & (sheets == one)] for one in np.unique(sheets[~stays])}

    def _others(self, sheet: int) -> NDArray[np.intp]:
        near_by = self._tree.query(self._extents[sheet], predicate="intersects")
        return np.asarray(near_by[near_by != sheet])


def _precedence(scores: NDArray[np.float32], clearance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers that are the higher, the earlier a view comes."""
    precedence = np.empty(len(scores))
    precedence[np.lexsort((-scores, -clearance))] = np.arange(len(scores), 0, -1)
    return precedence


def _rivals(
    views: Detections, sheets: NDArray[np.intp], clearance: NDArray[np.float64], iou: float
) -> NDArray[np.intp]:
    """Return the index pairs of views that are one vehicle on two sheets, (2, M)."""
    pairs = near(views, np.ones(len(views), bool))
    first, second = pairs = pairs[:, sheets[pairs[0]] != sheets[pairs[1]]]
    corners = views.outlines
    same = footprint_iou(corners[first], corners[second]) > iou
    cut = ~same & (clearance[first] != clearance[second])
    same[cut] = footprint_share(corners[first[cut]], corners[second[cut]]) > SHEET_CUT_SHARE
    return pairs[:, same]
