"""The region proposal network, with the paper's focal loss and rules for anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

CELL_PIXELS = 16**2
"""Pixels that a cell of the fused map stands for."""

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
        (count,) = num_anchors_per_level
        (cell,) = self.anchor_generator.num_anchors_per_location()
        if not self.training:
            self._stripes = max(1, round(count / cell * CELL_PIXELS / LIMITS_HOLD_FOR))
            whole, rest = divmod(count, self._stripes)
            num_anchors_per_level = [whole + rest, *[whole] * (self._stripes - 1)]
        kept: tuple[list[Tensor], list[Tensor]] = super().filter_proposals(
            proposals, objectness, image_shapes, num_anchors_per_level
        )
        return kept

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
