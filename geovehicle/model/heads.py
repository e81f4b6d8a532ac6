"""The second stage: pooled proposals are classified by the focal loss and refined.

What refining means is the configuration's choice: :class:`DetectionHeads` tells the
horizontal box around a vehicle, as the paper does, and :class:`OrientedHeads` the
vehicle's own rectangle, and its type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.ops import clip_boxes_to_image, remove_small_boxes

from geovehicle.model.losses import focal_loss, placement_loss, prior_bias
from geovehicle.model.orientation import (
    CODES,
    FIRST_GUESS,
    decode,
    direction_loss,
    enclosure_loss,
)
from geovehicle.model.processes import weight_of
from geovehicle.model.proposals import IGNORED, on_ignore_box
from geovehicle.model.rotated import bounding_boxes, corners, rotated_nms
from geovehicle.settings import UNKNOWN_TYPE

if TYPE_CHECKING:
    from geovehicle.settings import DetectorConfig

BACKGROUND = 0

NARROWEST = 0.01
"""Boxes with a narrower side are dropped, pixels, as torchvision does."""

Target = dict[str, Tensor]


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


class Answers(NamedTuple):
    """What the head says of P proposals, float32.

    ``classes`` are logits (P, K), the background first.  ``regression`` is box deltas
    (P, 4K), or codes (P, 6) of :mod:`geovehicle.model.orientation`.  ``types`` are logits
    (P, T), T = 0 where types are not told.
    """

    classes: Tensor
    regression: Tensor
    types: Tensor


class Predictor(nn.Module):
    """The answers for the hidden features of proposals.

    Under the focal loss the background starts with probability ``1 - prior``.

    Parameters
    ----------
    config : DetectorConfig
        Of which the head's loss and width, ``oriented`` and ``types`` count here.
    classes : int
        K, with the background.
    """

    def __init__(self, config: DetectorConfig, classes: int) -> None:
        super().__init__()
        width = config.head_channels
        self.classes = _linear(width, classes, spread=0.01)
        self.codes = _linear(width, CODES, spread=0.001) if config.oriented else None
        self.deltas = None if config.oriented else _linear(width, 4 * classes, spread=0.001)
        self.types = _linear(width, len(config.types), spread=0.01) if config.types else None
        if self.codes is not None:
            self.codes.bias.data.copy_(torch.tensor(FIRST_GUESS))
        if config.head_loss == "focal":
            self.classes.bias.data[BACKGROUND] = -prior_bias(config.prior)

    def forward(self, hidden: Tensor) -> Answers:
        """Return the answers for hidden features (P, D)."""
        regress = self.codes or self.deltas
        assert regress is not None
        types = hidden[:, :0] if self.types is None else self.types(hidden)
        return Answers(self.classes(hidden).float(), regress(hidden).float(), types.float())


def _linear(inputs: int, outputs: int, spread: float) -> nn.Linear:
    """Return a layer with normally distributed weights and no bias."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=spread)
    nn.init.zeros_(layer.bias)
    return layer


class Sample(NamedTuple):
    """The proposals of a batch that are learnt from, a tensor an image.

    ``proposals`` are boxes (P, 4) in patch pixels, ``matched`` (P,) the vehicle that each
    overlaps most, ``labels`` (P,) its class or the background, ``deltas`` (P, 4) what
    turns the proposal into the vehicle's horizontal box.
    """

    proposals: list[Tensor]
    matched: list[Tensor]
    labels: list[Tensor]
    deltas: list[Tensor]

    def positive(self) -> Tensor:
        """Tell which proposals, all images in a row, are vehicles."""
        return torch.cat(self.labels) > BACKGROUND

    def of_vehicles(self, targets: list[Target], key: str) -> Tensor:
        """Return what the targets tell, under a key, of the positive proposals' vehicles."""
        parts = [
            target[key][matched[labels > BACKGROUND]]
            for target, matched, labels in zip(targets, self.matched, self.labels, strict=True)
        ]
        return torch.cat(parts)


class DetectionHeads(RoIHeads):
    """torchvision's RoI heads with ignore boxes and the paper's focal loss."""

    config: DetectorConfig

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[Target] | None = None,
    ) -> tuple[list[Target], Target]:
        """Return detections a patch (evaluation) or the losses (training).

        A detection dictionary has ``boxes`` (N, 4) in patch pixels, ``scores`` (N,) and
        ``labels`` (N,), in descending order of score.
        """
        if targets is None or not self.training:
            answers = self._answers(features, proposals, image_shapes)
            return self._detections(answers, proposals, image_shapes), {}
        sample = self._sample(proposals, targets)
        answers = self._answers(features, sample.proposals, image_shapes)
        return [], self._losses(answers, sample, targets)

    def assign_targets_to_proposals(
        self, proposals: list[Tensor], gt_boxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Match proposals to vehicles; background on ignore boxes gets -1."""
        matched, labels = super().assign_targets_to_proposals(proposals, gt_boxes, gt_labels)
        for label, boxes, target in zip(labels, proposals, self._targets, strict=True):
            label[(label == BACKGROUND) & on_ignore_box(boxes, target)] = IGNORED
        return matched, labels

    def _answers(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
    ) -> Answers:
        pooled = self.box_roi_pool(features, proposals, image_shapes)
        answers: Answers = self.box_predictor(self.box_head(pooled))
        return answers

    def _sample(self, proposals: list[Tensor], targets: list[Target]) -> Sample:
        """Sample proposals as torchvision does, with the ignore boxes at hand."""
        self._targets = targets
        return Sample(*self.select_training_samples(proposals, targets))

    def _losses(self, answers: Answers, sample: Sample, targets: list[Target]) -> Target:
        """Return the losses, means over the sampled proposals."""
        labels = torch.cat(sample.labels)
        weight = weight_of(labels.new_tensor(len(labels)))
        gamma = self.config.focal_gamma if self.config.head_loss == "focal" else 0.0
        losses = {"loss_classifier": focal_loss(answers.classes, labels, gamma) * weight}
        for name, loss in self._losses_of_vehicles(answers, sample, targets).items():
            losses[name] = loss / max(len(labels), 1) * weight
        return losses

    def _losses_of_vehicles(
        self, answers: Answers, sample: Sample, targets: list[Target]
    ) -> Target:
        """Return the losses of what is told of the positive proposals, summed up."""
        positive, labels = sample.positive(), torch.cat(sample.labels)
        classes = answers.classes.shape[1]
        deltas = answers.regression.reshape(-1, classes, 4)[positive, labels[positive]]
        wanted = torch.cat(sample.deltas)[positive]
        loss = placement_loss(deltas, wanted)
        return {"loss_box_reg": loss * self.config.head_regression_weight}

    def _detections(
        self, answers: Answers, proposals: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> list[Target]:
        found = self.postprocess_detections(
            answers.classes, answers.regression, proposals, image_shapes
        )
        keys = ("boxes", "scores", "labels")
        return [dict(zip(keys, one, strict=True)) for one in zip(*found, strict=True)]


class OrientedHeads(DetectionHeads):
    """Heads that tell vehicles as they lie, and of which type they are.

    A detection dictionary has two more keys: ``footprints`` (N, 4, 2), the corners in
    patch pixels, and ``types`` (N, T), the probabilities of the types.  ``boxes`` are
    what the patch shows of the boxes around the footprints.  Targets need two more,
    ``enclosures`` (V, 5) and ``directed`` (V,), and with types ``types`` (V,), see
    :class:`geovehicle.data.sampling.TrainingCrops`.
    """

    def _losses_of_vehicles(
        self, answers: Answers, sample: Sample, targets: list[Target]
    ) -> Target:
        config, positive = self.config, sample.positive()
        codes, proposals = answers.regression[positive], torch.cat(sample.proposals)[positive]
        enclosures = sample.of_vehicles(targets, "enclosures")
        directed = sample.of_vehicles(targets, "directed")
        turned = direction_loss(codes[directed], enclosures[directed, 4])
        losses = {
            "loss_box_reg": enclosure_loss(codes, proposals, enclosures)
            * config.head_regression_weight,
            "loss_direction": turned * config.head_direction_weight,
        }
        if config.types:
            types = sample.of_vehicles(targets, "types")
            told = types != UNKNOWN_TYPE
            logits = answers.types[positive][told]
            mistaken = F.cross_entropy(logits, types[told], reduction="sum")
            losses["loss_types"] = mistaken * config.head_type_weight
        return losses

    def _detections(
        self, answers: Answers, proposals: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> list[Target]:
        scores, labels = F.softmax(answers.classes, dim=1)[:, BACKGROUND + 1 :].max(dim=1)
        rectangles = decode(answers.regression, torch.cat(proposals))
        types = F.softmax(answers.types, dim=1)
        found, first = [], 0
        for boxes, shape in zip(proposals, image_shapes, strict=True):
            own = slice(first, first + len(boxes))
            best, footprints = self._best(scores[own], rectangles[own], shape)
            found.append(
                {
                    **footprints,
                    "scores": scores[own][best],
                    "labels": labels[own][best] + 1,
                    "types": types[own][best],
                }
            )
            first += len(boxes)
        return found

    def _best(
        self, scores: Tensor, rectangles: Tensor, shape: tuple[int, int]
    ) -> tuple[Tensor, Target]:
        """Return which rectangles of a patch are detections, none over a better one, and where."""
        boxes = clip_boxes_to_image(bounding_boxes(rectangles), shape)
        likely = torch.where(scores > self.score_thresh)[0]
        likely = likely[remove_small_boxes(boxes[likely], NARROWEST)]
        kept = rotated_nms(rectangles[likely], scores[likely], self.nms_thresh)
        best = likely[kept[: self.detections_per_img]]
        return best, {"boxes": boxes[best], "footprints": corners(rectangles[best])}
