"""The region proposal network, with the paper's focal loss and rules for anchors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_area

from geovehicle.model.losses import binary_focal_loss, placement_loss, prior_bias
from geovehicle.model.processes import weight_of
from geovehicle.settings import LIMITS_HOLD_FOR

if TYPE_CHECKING:
    from torchvision.models.detection.image_list import ImageList

    from geovehicle.settings import DetectorConfig

IGNORED = -1
"""Label of anchors and proposals that take no part in training."""

CELL = 16
"""Pixels a side that a cell of the fused map stands for."""

PADDED = 2
"""Cells that both sides of the map are multiples of, as patches are padded."""

COVERED_BY_IGNORE = 0.5
"""A box of which this share lies in an ignore box is not used as background."""


class ProposalHead(nn.Module):
    """One shared 3x3 convolution, then objectness and box deltas for each anchor."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        anchors = len(config.anchor_sizes) * len(config.anchor_ratios)
        self.conv = nn.Conv2d(config.feature_channels, config.rpn_channels, 3, padding=1)
        self.objectness = nn.Conv2d(config.rpn_channels, anchors, 1)
        self.deltas = nn.Conv2d(config.rpn_channels, 4 * anchors, 1)
        for layer in (self.conv, self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        if config.rpn_loss == "focal":
            assert self.objectness.bias is not None
            nn.init.constant_(self.objectness.bias, prior_bias(config.prior))

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return objectness logits (N, A, H, W) and deltas (N, 4A, H, W), float32."""
        hidden = [F.relu(self.conv(level)) for level in features]
        return (
            [self.objectness(level).float() for level in hidden],
            [self.deltas(level).float() for level in hidden],
        )


class ProposalNetwork(RegionProposalNetwork):
    """torchvision's RPN with ignore boxes, border anchors left out and the focal loss."""

    config: DetectorConfig
    _stripes = 1

    def forward(
        self,
        images: ImageList,
        features: dict[str, Tensor],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Return proposals, a (P, 4) tensor of pixels per image, and the losses."""
        self._image_sizes = images.image_sizes
        proposals, losses = super().forward(images, features, targets)
        if losses:
            losses["loss_rpn_box_reg"] = (
                losses["loss_rpn_box_reg"] * self.config.rpn_regression_weight
            )
        return proposals, losses

    def filter_proposals(
        self,
        proposals: Tensor,
        objectness: Tensor,
        image_shapes: list[tuple[int, int]],
        num_anchors_per_level: list[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Keep the best proposals, of large patches the best of each stripe.

        torchvision takes stripes for levels, each with the limit before suppression and
        with a suppression of its own.  So the cost grows with a patch's area, not with
        its square, and a car park has as many proposals as in a patch of its own.
        """
        choose = super().filter_proposals
        kept: tuple[list[Tensor], list[Tensor]]
        if self.training:
            kept = choose(proposals, objectness, image_shapes, num_anchors_per_level)
            return kept
        kept = [], []
        (anchors,) = self.anchor_generator.num_anchors_per_location()
        grid = tuple(max(sides) for sides in zip(*map(_cells, image_shapes), strict=True))
        scores = objectness.reshape(len(proposals), *grid, anchors)
        places = proposals.reshape(len(proposals), *grid, anchors, 4)
        for boxes, score, shape in zip(places, scores, image_shapes, strict=True):
            # of its own cells alone: those that pad it depend on the others of the batch
            rows, columns = _cells(shape)
            own = boxes[:rows, :columns].reshape(1, -1, 4), score[:rows, :columns].reshape(1, -1)
            for found, one in zip(kept, choose(*own, [shape], self._levels(shape)), strict=True):
                found.extend(one)
        return kept

    def _levels(self, shape: tuple[int, int]) -> list[int]:
        """Cut the anchors of a patch (height, width) into stripes; tell how many each has."""
        (anchors,) = self.anchor_generator.num_anchors_per_location()
        cells = math.prod(_cells(shape))
        self._stripes = share_of(cells * CELL**2)
        whole, rest = divmod(cells * anchors, self._stripes)
        return [whole + rest, *[whole] * (self._stripes - 1)]

    def post_nms_top_n(self) -> int:
        """Return the limit after suppression, for all stripes of a patch."""
        limit: int = super().post_nms_top_n()
        return limit if self.training else limit * self._stripes

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Label anchors 1, 0 or -1; those on ignore boxes or across the border get -1."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for label, boxes, target, size in zip(
            labels, anchors, targets, self._image_sizes, strict=True
        ):
            label[(label == 0) & on_ignore_box(boxes, target)] = IGNORED
            if self.config.drop_border_anchors:
                label[~inside(boxes, size)] = IGNORED
        return labels, matched

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: list[Tensor],
        regression_targets: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Return the objectness loss and the box loss over the sampled anchors."""
        positive, negative = (torch.cat(masks) > 0 for masks in self.fg_bg_sampler(labels))
        sampled = positive | negative
        count = sampled.sum()
        weight = weight_of(count)
        objectness_loss = binary_focal_loss(
            objectness.flatten()[sampled],
            torch.cat(labels)[sampled],
            self.config.focal_gamma if self.config.rpn_loss == "focal" else 0.0,
        )
        box_loss = placement_loss(
            pred_bbox_deltas[positive], torch.cat(regression_targets)[positive]
        )
        return objectness_loss * weight, box_loss / count.clamp_min(1) * weight


def share_of(pixels: int) -> int:
    """Return how many times the limits for a patch a patch of so many pixels may have."""
    # not max: the sides of an exported graph are no numbers yet
    return cast("int", torch.sym_max(1, (pixels + LIMITS_HOLD_FOR // 2) // LIMITS_HOLD_FOR))


def _cells(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of the map of a patch (height, width), padded alone."""
    rows, columns = (-(-side // (CELL * PADDED)) * PADDED for side in shape)
    return rows, columns


def on_ignore_box(boxes: Tensor, target: dict[str, Tensor]) -> Tensor:
    """Tell which boxes lie mostly on an ignore box.

    Parameters
    ----------
    boxes : Tensor
        Shape (N, 4), x1, y1, x2, y2 in patch pixels.
    target : dict
        Its optional key ``ignore`` holds (M, 4) boxes of the same kind.

    Returns
    -------
    Tensor
        Shape (N,), bool.
    """
    ignore = target.get("ignore")
    if ignore is None or not len(ignore) or not len(boxes):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    corner = torch.maximum(boxes[:, None, :2], ignore[None, :, :2])
    extent = torch.minimum(boxes[:, None, 2:], ignore[None, :, 2:]) - corner
    overlap = extent.clamp_min(0).prod(dim=2).amax(dim=1)
    covered: Tensor = overlap >= COVERED_BY_IGNORE * box_area(boxes)
    return covered


def inside(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Tell which (N, 4) boxes lie wholly within an image of `size` (height, width)."""
    height, width = size
    return (
        (boxes[:, 0] >= 0) & (boxes[:, 1] >= 0) & (boxes[:, 2] <= width) & (boxes[:, 3] <= height)
    )
