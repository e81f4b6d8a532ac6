"""RoIAlign as a sum of embeddings, for processors.

A cell of a pooled proposal is the mean of a few samples, each interpolated between four
cells of the map: a weighted sum of 16 rows of a table that has a row for each cell.  That
is what ``embedding_bag`` computes, and its gradients too, in all threads and with vector
instructions; torchvision's RoIAlign has neither on processors.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import initLevelMapper

AT_ONCE = 512
"""Proposals that are pooled at a time: 26 MB in float32."""

Features = dict[str, Tensor]

Sizes = list[tuple[int, int]]


class RoIAlign(MultiScaleRoIAlign):
    """torchvision's RoIAlign on the one map of a detector, with gradients for the map.

    On processors the sums are taken here, elsewhere by torchvision.

    Parameters
    ----------
    cells : int
        Of a pooled proposal along each side, S.
    stride : int
        Pixels a cell of the map, a power of 2.
    samples : int
        Along each side of a pooled cell.
    """

    def __init__(self, cells: int, stride: int, samples: int = 2) -> None:
        super().__init__(["fused"], cells, samples)
        # left to itself, torchvision guesses the scale from the first image it sees, and
        # guesses wrong if that is only a few cells high
        level = round(math.log2(stride))
        self.scales, self.map_levels = [1 / stride], initLevelMapper(level, level)
        self._cells, self._samples, self._scale = cells, samples, 1 / stride

    def forward(self, features: Features, boxes: list[Tensor], shapes: Sizes) -> Tensor:
        """Return P proposals of all images in a row, (P, C, S, S), from boxes in patch pixels."""
        if features["fused"].device.type != "cpu":
            pooled: Tensor = super().forward(features, boxes, shapes)
            return pooled
        return self.pool(*self.table(features, boxes)).permute(0, 3, 1, 2)

    def table(
        self, features: Features, boxes: list[Tensor]
    ) -> tuple[Tensor, tuple[int, int], Tensor, Tensor]:
        """Return the map as :meth:`pool` takes it: a row for each cell, image by image.

        Returns
        -------
        rows : Tensor
            Shape (N * H * W, C).
        size : tuple of int
            Width and height of the map.
        boxes : Tensor
            Shape (P, 4), those of all images.
        first : Tensor
            Shape (P,), the row that the image of each begins with.
        """
        level = features["fused"]
        height, width = level.shape[-2:]
        first = [torch.full((len(own),), n * height * width) for n, own in enumerate(boxes)]
        rows = level.permute(0, 2, 3, 1).flatten(0, 2)
        return rows, (width, height), torch.cat(boxes), torch.cat(first)

    def pool(self, rows: Tensor, size: tuple[int, int], boxes: Tensor, first: Tensor) -> Tensor:
        """Return proposals pooled channels last, (P, S, S, C), from a part of a table."""
        (column, across), (row, down) = (
            self._taps(boxes[:, axis::2], cells) for axis, cells in enumerate(size)
        )
        lines = (row * size[0] + first[:, None, None])[:, :, None, :, None]
        places = lines + column[:, None, :, None, :]
        weights = down[:, :, None, :, None] * across[:, None, :, None, :]
        sums = F.embedding_bag(
            places.flatten(3).flatten(0, 2),
            rows,
            per_sample_weights=weights.flatten(3).flatten(0, 2),
            mode="sum",
        )
        return sums.view(-1, self._cells, self._cells, rows.shape[1])

    def _taps(self, ends: Tensor, cells: int) -> tuple[Tensor, Tensor]:
        """Return which cells of the map each pooled cell takes along an axis, and their weights.

        Samples that lie more than a cell outside count nothing, as in torchvision.

        Parameters
        ----------
        ends : Tensor
            Shape (P, 2), where boxes begin and end, pixels.
        cells : int
            Of the map along the axis.

        Returns
        -------
        tuple of Tensor
            Shape (P, S, 2 * sampling ratio) each, int64 and float32.
        """
        start, end = (ends * self._scale).unbind(dim=1)
        number = self._cells * self._samples
        steps = (torch.arange(number, device=ends.device) + 0.5) / number
        places = start[:, None] + (end - start).clamp_min(1.0)[:, None] * steps
        counted = (places >= -1) & (places <= cells)
        places = places.clamp(0, cells - 1)
        low = places.floor()
        share = places - low
        taps = torch.stack([low, (low + 1).clamp_max(cells - 1)], dim=-1)
        weights = torch.stack([1 - share, share], dim=-1) * counted[..., None] / self._samples
        shape = (len(ends), self._cells, 2 * self._samples)
        return taps.long().view(shape), weights.view(shape)


class PooledHead(nn.Module):
    """RoIAlign, channels last, and a head.

    Pooled proposals are large and what a head says of them is small, so it is asked for a few
    at a time.

    Parameters
    ----------
    pooler : RoIAlign
    head : Module
        What takes pooled proposals, (P, S, S, C), and gives (P, ...).
    dtype : torch.dtype
        Of what the head takes; the sums are in float32.
    """

    def __init__(self, pooler: RoIAlign, head: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self._pooler, self._head, self._dtype = pooler, head, dtype

    def forward(self, features: Features, boxes: list[Tensor], shapes: Sizes) -> Tensor:
        """Return the head's word on P boxes, in patch pixels, of all images in a row."""
        rows, size, proposals, first = self._pooler.table(features, boxes)
        parts = zip(torch.split(proposals, AT_ONCE), torch.split(first, AT_ONCE), strict=True)
        return torch.cat(
            [
                self._head(self._pooler.pool(rows, size, some, start).to(self._dtype))
                for some, start in parts
            ]
        )
