"""The second stage: pooled proposals are classified by the focal loss and refined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads

from geovehicle.model.losses import focal_loss, prior_bias
from geovehicle.model.processes import weight_of
from geovehicle.model.proposals import IGNORED, on_ignore_box

if TYPE_CHECKING:
    from geovehicle.settings import DetectorConfig

BACKGROUND = 0


class BoxHead(nn.Sequential):
    """Two fully connected layers on a pooled proposal, (P, C, S, S) -> (P, D)."""

    def __init__(self, config: DetectorConfig) -> None:
        inputs = config.feature_channels * config.roi_size**2
        super().__init__(
            nn.Flatten(),
            nn.Linear(inputs, config.head_channels),
            nn.ReLU(),
            nn.Linear(config.head_channels, config.head_channels),
            nn.ReLU(),
        )


class BoxPredictor(nn.Module):
    """Class logits (P, K) and box deltas (P, 4K) of pooled proposals, float32.

    K counts the background, class 0.  Under the focal loss the background starts
    with probability ``1 - prior``.
    """

    def __init__(self, config: DetectorConfig, classes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(config.head_channels, classes)
        self.deltas = nn.Linear(config.head_channels, 4 * classes)
        nn.init.normal_(self.classes.weight, std=0.01)
        nn.init.normal_(self.deltas.weight, std=0.001)
        self.classes.bias.data.zero_()
        self.deltas.bias.data.zero_()
        if config.head_loss == "focal":
            self.classes.bias.data[BACKGROUND] = -prior_bias(config.prior)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return class logits (P, K) and box deltas (P, 4K)."""
        return self.classes(hidden).float(), self.deltas(hidden).float()


class DetectionHeads(RoIHeads):
    """torchvision's RoI heads with ignore boxes and the paper's focal loss."""

    config: DetectorConfig

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Return detections a patch (evaluation) or the two losses (training).

        A detection dictionary has ``boxes`` (N, 4) in patch pixels, ``scores``
        (N,) and ``labels`` (N,), in descending order of score.
        """
        labels: list[Tensor] = []
        regression: list[Tensor] = []
        if self.training:
            proposals, _, labels, regression = self.select_training_samples(proposals, targets)
        pooled = self.box_roi_pool(features, proposals, image_shapes)
        logits, deltas = self.box_predictor(self.box_head(pooled))
        if self.training:
            return [], self._losses(logits, deltas, torch.cat(labels), torch.cat(regression))
        found = self.postprocess_detections(logits, deltas, proposals, image_shapes)
        keys = ("boxes", "scores", "labels")
        return [dict(zip(keys, one, strict=True)) for one in zip(*found, strict=True)], {}

    def select_training_samples(
        self, proposals: list[Tensor], targets: list[dict[str, Tensor]] | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Sample proposals as torchvision does, with the ignore boxes at hand."""
        self._targets = targets or []
        result: tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]
        result = super().select_training_samples(proposals, targets)
        return result

    def assign_targets_to_proposals(
        self, proposals: list[Tensor], gt_boxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Match proposals to vehicles; background on ignore boxes gets -1."""
        matched, labels = super().assign_targets_to_proposals(proposals, gt_boxes, gt_labels)
        for label, boxes, target in zip(labels, proposals, self._targets, strict=True):
            label[(label == BACKGROUND) & on_ignore_box(boxes, target)] = IGNORED
        return matched, labels

    def _losses(
        self, logits: Tensor, deltas: Tensor, labels: Tensor, regression: Tensor
    ) -> dict[str, Tensor]:
        gamma = self.config.focal_gamma if self.config.head_loss == "focal" else 0.0
        positive = torch.where(labels > BACKGROUND)[0]
        deltas = deltas.reshape(len(deltas), deltas.shape[1] // 4, 4)[positive, labels[positive]]
        box_loss = F.smooth_l1_loss(deltas, regression[positive], beta=1 / 9, reduction="sum")
        weight = weight_of(labels.new_tensor(len(labels)))
        mean_box_loss = box_loss / max(len(labels), 1) * self.config.head_regression_weight
        return {
            "loss_classifier": focal_loss(logits, labels, gamma) * weight,
            "loss_box_reg": mean_box_loss * weight,
        }
