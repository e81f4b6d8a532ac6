"""Join boxes by SAHI's functions, for ``peers.py``; runs in an environment with SAHI.

::

    PEERS/bin/python benchmarks/peer_sahi.py boxes.npz

The file holds ``predictions``: N rows of x1, y1, x2, y2, score and category.  What is printed is
JSON: of each way, the seconds and how many boxes are left.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from sahi.postprocess.combine import GreedyNMMPostprocess, greedy_nmm, nms
from sahi.prediction import ObjectPrediction

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

DEFAULT = ("IOS", 0.5)
"""Metric and threshold of its sliced prediction."""


def timed(work: Callable[[], Sized]) -> tuple[float, int]:
    """Return the seconds of a call and the length of what it returns."""
    start = time.perf_counter()
    left = work()
    return time.perf_counter() - start, len(left)


def main() -> None:
    """Time each way once, after one on a few boxes."""
    predictions = np.load(sys.argv[1])["predictions"].astype(np.float32)
    for some in (predictions[:100], predictions):
        objects = [
            ObjectPrediction(bbox=row[:4].tolist(), score=float(row[4]), category_id=int(row[5]))
            for row in some
        ]
        merge = GreedyNMMPostprocess(match_metric=DEFAULT[0], match_threshold=DEFAULT[1])
        told = {
            "SAHI, NMS of arrays": timed(lambda: nms(some, *DEFAULT)),  # noqa: B023
            "SAHI, greedy NMM of arrays": timed(lambda: greedy_nmm(some, *DEFAULT)),  # noqa: B023
            "SAHI, greedy NMM of predictions": timed(lambda: merge(objects)),  # noqa: B023
        }
    print(json.dumps(told))


if __name__ == "__main__":
    sys.exit(main())
