"""RoIAlign as a sum of embeddings, for processors.

A cell of a pooled proposal is the mean of a few samples, each interpolated between four
cells of the map: a weighted sum of 16 rows of a table that has a row for each cell.  That
is what ``embedding_bag`` computes, in all threads and with vector instructions;
torchvision's RoIAlign has neither on processors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from torchvision.ops import MultiScaleRoIAlign

AT_ONCE = 512
"""Proposals that are pooled at a time: 26 MB in float32."""


class BagRoIAlign(nn.Module):
    """A :class:`torchvision.ops.MultiScaleRoIAlign` of one level, channels last, and a head.

    Pooled proposals are large and what a head says of them is small, so it is asked for a few
    at a time.

    Parameters
    ----------
    pooler : MultiScaleRoIAlign
        Whose output size S, scale and sampling ratio are taken over.
    head : Module
        What takes pooled proposals, (P, S, S, C), and gives (P, ...).
    dtype : torch.dtype
        Of what the head takes; the sums are in float32.
    """

    def __init__(self, pooler: MultiScaleRoIAlign, head: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self._head = head
        (self._name,), (self._scale,) = pooler.featmap_names, pooler.scales
        self._cells, self._samples = pooler.output_size[0], pooler.sampling_ratio
        self._dtype = dtype

    def forward(
        self, features: dict[str, Tensor], boxes: list[Tensor], shapes: list[tuple[int, int]]
    ) -> Tensor:
        """Return the head's word on P boxes, in patch pixels, of all images in a row."""
        level = features[self._name]
        table = level.permute(0, 2, 3, 1).flatten(0, 2)
        height, width = level.shape[-2:]
        first = [torch.full((len(own),), n * height * width) for n, own in enumerate(boxes)]
        parts = [torch.split(torch.cat(every), AT_ONCE) for every in (boxes, first)]
        answers = [
            self._head(self._pool(table, some, start, (width, height)))
            for some, start in zip(*parts, strict=True)
        ]
        return torch.cat(answers)

    def _pool(self, table: Tensor, boxes: Tensor, first: Tensor, size: tuple[int, int]) -> Tensor:
        """Pool some boxes, whose images begin at the rows `first` of the table."""
        (column, across), (row, down) = (
            self._taps(boxes[:, axis::2], cells) for axis, cells in enumerate(size)
        )
        rows = (row * size[0] + first[:, None, None])[:, :, None, :, None]
        places = rows + column[:, None, :, None, :]
        weights = down[:, :, None, :, None] * across[:, None, :, None, :]
        sums = F.embedding_bag(
            places.flatten(3).flatten(0, 2),
            table,
            per_sample_weights=weights.flatten(3).flatten(0, 2),
            mode="sum",
        )
        return sums.to(self._dtype).view(-1, self._cells, self._cells, table.shape[1])

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
