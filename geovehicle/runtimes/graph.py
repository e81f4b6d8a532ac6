"""A detector as one graph that starts at the bytes of a patch and ends before suppression.

The graph has whatever the network computes: normalisation, features, proposals, pooling
and the head.  What is left to :mod:`geovehicle.runtimes.onnx_detector` is the score's
threshold and the suppression of turned rectangles, which ONNX does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import nms, roi_align

from geovehicle.model.build import CONV4_STRIDE, IMAGENET_MEAN, IMAGENET_STD, smoothed
from geovehicle.model.orientation import decode
from geovehicle.model.proposals import share_of
from geovehicle.settings import ONNX_LARGEST_SIDE

if TYPE_CHECKING:
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.settings import DetectorConfig


class DetectorGraph(nn.Module):
    """A detector for one patch, in operations that ONNX has.

    Parameters
    ----------
    model : GeneralizedRCNN
        A model of :func:`geovehicle.model.build.build_detector`, which it shares.
    config : DetectorConfig
        What it was built from.
    """

    mean: Tensor
    std: Tensor
    shapes: Tensor

    def __init__(self, model: GeneralizedRCNN, config: DetectorConfig) -> None:
        super().__init__()
        self.features, self.rpn, self.heads = model.backbone, model.rpn, model.roi_heads
        self._config = config
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD)[:, None, None])
        self.register_buffer("shapes", model.rpn.anchor_generator.cell_anchors[0].float())

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, ...]:
        """Return what each proposal may be.

        Parameters
        ----------
        image : Tensor of uint8, shape (3, H, W)
            RGB; both sides are multiples of 32.
        size : Tensor of int64, shape (2,)
            Height and width of the patch, which lies in the upper left corner of the
            image; the rest is padding, whatever it holds.

        Returns
        -------
        tuple of Tensor
            Places (M, 5), rectangles in patch pixels, or (M, 4), boxes, where the
            detector is not oriented; scores (M,) and labels (M,) from 0; with types
            their probabilities (M, T).
        """
        level = self.features(self._normalised(image, size))["fused"]
        (objectness,), (deltas,) = self.rpn.head([level])
        proposals = self._proposals(objectness[0], deltas[0], size)
        pooled = roi_align(level, [proposals], self._config.roi_size, 1 / CONV4_STRIDE, 2)
        answers = self.heads.box_predictor(self.heads.box_head(pooled))
        chances = F.softmax(answers.classes, dim=1)[:, 1:]
        if self._config.oriented:
            scores, labels = chances.max(dim=1)
            places = decode(answers.regression, proposals)
        else:
            decoded = self.heads.box_coder.decode(answers.regression, [proposals])
            places, scores = decoded[:, 1:].reshape(-1, 4), chances.reshape(-1)
            labels = torch.arange(chances.shape[1]).expand(chances.shape).reshape(-1)
        types = (F.softmax(answers.types, dim=1),) if self._config.types else ()
        return places, scores, labels, *types

    def _normalised(self, image: Tensor, size: Tensor) -> Tensor:
        """Return the batch of one that the backbone sees, 0 outside of the patch."""
        rows, columns = (torch.arange(side) for side in image.shape[1:])
        within = (rows < size[0])[:, None] & (columns < size[1])
        if self._config.smoothing:  # which sees one pixel beyond the patch
            image = image[:, torch.minimum(rows, size[0] - 1)]
            image = image[:, :, torch.minimum(columns, size[1] - 1)]
        seen = smoothed(image.float(), self._config.smoothing)
        return torch.where(within, (seen - self.mean) / self.std, 0.0)[None]

    def _proposals(self, objectness: Tensor, deltas: Tensor, size: Tensor) -> Tensor:
        """Return the best boxes (P, 4), as :class:`ProposalNetwork` does."""
        config, shapes = self._config, len(self.shapes)
        rows, columns = objectness.shape[1:]
        scores = objectness.permute(1, 2, 0).reshape(-1)
        codes = deltas.reshape(shapes, 4, rows, columns).permute(2, 3, 0, 1).reshape(-1, 4)
        share = share_of(rows * columns * CONV4_STRIDE**2)
        best, stripe, own = _best_of_stripes(scores, share, 3 * config.rpn_top_n)
        anchors = self._anchors(rows, columns)[best]
        boxes = self.rpn.box_coder.decode(codes[best], [anchors]).reshape(-1, 4)
        boxes = torch.minimum(boxes.clamp_min(0), size.flip(0).repeat(2).float())
        own &= (boxes[:, 2:] - boxes[:, :2] >= self.rpn.min_size).all(dim=1)
        boxes, stripe = boxes[own], stripe[own]  # so late, as only now their number may be any
        apart = boxes + (stripe * 2 * ONNX_LARGEST_SIDE)[:, None]  # each has its own suppression
        kept = nms(apart, scores[best][own], config.rpn_nms_iou)
        return boxes[kept[: share * config.rpn_top_n]]

    def _anchors(self, rows: int, columns: int) -> Tensor:
        """Return the anchors of all cells of the map, row by row, (rows * columns * A, 4)."""
        down, across = (torch.arange(cells) * CONV4_STRIDE for cells in (rows, columns))
        y, x = torch.meshgrid(down, across, indexing="ij")
        corners = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
        return (corners + self.shapes).reshape(-1, 4)


def _best_of_stripes(scores: Tensor, share: int, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best anchors of each of `share` stripes, the stripes, and which of them count.

    ONNX has no loop over a number of stripes that the patch decides.  So there are as many
    choices as the largest patch needs, and for smaller ones the last of them do not count.
    """
    count = scores.shape[0]
    whole, rest = count // share, count % share
    index, best, stripe, counted = torch.arange(count), [], [], []
    for number in range(share_of(ONNX_LARGEST_SIDE**2)):
        start = rest + number * whole if number else 0
        own = (index >= start) & (index < rest + (number + 1) * whole)
        chosen = scores.masked_fill(~own, -torch.inf).topk(torch.sym_min(most, count)).indices
        best.append(chosen)
        counted.append(own[chosen])
        stripe.append(torch.full_like(chosen, number))
    return torch.cat(best), torch.cat(stripe), torch.cat(counted)
