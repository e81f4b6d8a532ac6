"""From a configuration to a detector.

torchvision's private corners are met here and nowhere else: its transform resizes
every image in evaluation, whatever ``_skip_resize`` says, so :class:`Normalize`
takes that step out.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from geovehicle.errors import SettingsError
from geovehicle.model.backbone import CONV4_CHANNELS, CONV5_CHANNELS, build_backbone
from geovehicle.model.heads import BoxHead, DetectionHeads, OrientedHeads, Predictor
from geovehicle.model.pooling import RoIAlign
from geovehicle.model.proposals import ProposalHead, ProposalNetwork

if TYPE_CHECKING:
    from geovehicle.settings import DetectorConfig

IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]
STRIDE = 32
"""Patches are padded to a multiple of conv5's stride."""

CONV4_STRIDE = 16
"""Pixels a cell of the fused map."""

BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""Scale of the head's box deltas, as in Faster R-CNN's public code."""


class Normalize(GeneralizedRCNNTransform):
    """ImageNet normalisation and padding of a batch; patches keep their size.

    In detection they are smoothed before: the views of training were turned and scaled, and
    bilinear interpolation has blurred them by a variance of a sixth of a squared pixel on
    average.  Scenes that are searched in their own pixels would be sharper than all of them.

    Parameters
    ----------
    smoothing : float
        What :func:`smoothed` takes.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__(0, 0, IMAGENET_MEAN, IMAGENET_STD, size_divisible=STRIDE)
        self.smoothing = smoothing

    def normalize(self, image: Tensor) -> Tensor:
        """Return an image as the network sees it."""
        if not self.training:
            image = smoothed(image, self.smoothing)
        return super().normalize(image)  # type: ignore[no-any-return]

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Leave the image as it is: scale is the raster layer's business."""
        return image, target


def smoothed(image: Tensor, share: float) -> Tensor:
    """Return an image whose pixels take a share of their neighbours.

    Parameters
    ----------
    image : Tensor, shape (3, H, W)
        Of floating point; beyond its edges it goes on as it ends.
    share : float
        What a pixel takes of each neighbour in its row, and then in its column: the filter's
        variance is twice that, in squared pixels.
    """
    if not share:
        return image
    for axis, before, after in ((-1, (1, 0), (0, 1)), (-2, (0, 0, 1, 0), (0, 0, 0, 1))):
        step = share * image.diff(dim=axis)
        image = image + F.pad(step, after) - F.pad(step, before)
    return image


class Features(nn.Module):
    """The fused map: conv4 plus conv5, reduced by 1x1 and upsampled to conv4's size.

    The reduction comes before the upsampling: a 1x1 convolution and bilinear
    interpolation commute, and this order costs a quarter.  Without the skip
    connection the map is conv5 alone, upsampled likewise so that baseline and
    detector differ in the fusion only.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.backbone = build_backbone(config.backbone)
        self.skip_connection = config.skip_connection
        if config.skip_connection and config.conv5_channels != CONV4_CHANNELS:
            raise SettingsError(
                f"conv5_channels is {config.conv5_channels}; the sum with conv4 takes"
                f" {CONV4_CHANNELS}"
            )
        fused = CONV4_CHANNELS if config.skip_connection else config.conv5_channels
        self.reduce = nn.Conv2d(CONV5_CHANNELS, config.conv5_channels, 1)
        self.project = (
            nn.Conv2d(fused, config.feature_channels, 1)
            if config.feature_channels != fused
            else nn.Identity()
        )
        nn.init.normal_(self.reduce.weight, std=0.01)
        assert self.reduce.bias is not None
        nn.init.zeros_(self.reduce.bias)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Return one level, (N, feature_channels, H/16, W/16), float32."""
        conv4, conv5 = self.backbone(images)
        fused = F.interpolate(
            self.reduce(conv5), size=conv4.shape[-2:], mode="bilinear", align_corners=False
        )
        if self.skip_connection:
            fused = conv4 + fused
        return OrderedDict(fused=self.project(fused).float())


def build_detector(config: DetectorConfig, classes: int = 1) -> GeneralizedRCNN:
    """Return an untrained detector.

    Parameters
    ----------
    config : DetectorConfig
        The paper's DFL-CNN, the Faster R-CNN baseline or anything between.
    classes : int
        Number of classes without the background.

    Returns
    -------
    GeneralizedRCNN
        Takes a list of float RGB patches (3, H, W) in [0, 1]; gives losses in
        training and ``boxes``, ``scores``, ``labels`` in patch pixels otherwise; if the
        configuration is oriented ``footprints`` and ``types``, too.
    """
    return GeneralizedRCNN(
        Features(config),
        _proposal_network(config),
        _heads(config, classes + 1),
        Normalize(config.smoothing),
    )


def _proposal_network(config: DetectorConfig) -> ProposalNetwork:
    network = ProposalNetwork(
        AnchorGenerator((config.anchor_sizes,), (config.anchor_ratios,)),
        ProposalHead(config),
        fg_iou_thresh=config.rpn_positive_iou,
        bg_iou_thresh=config.rpn_negative_iou,
        batch_size_per_image=config.rpn_batch,
        positive_fraction=config.rpn_positive_fraction,
        pre_nms_top_n={"training": 2 * config.rpn_top_n_train, "testing": 3 * config.rpn_top_n},
        post_nms_top_n={"training": config.rpn_top_n_train, "testing": config.rpn_top_n},
        nms_thresh=config.rpn_nms_iou,
    )
    network.config = config
    return network


def _heads(config: DetectorConfig, classes: int) -> DetectionHeads:
    kind = OrientedHeads if config.oriented else DetectionHeads
    heads = kind(
        RoIAlign(config.roi_size, CONV4_STRIDE),
        BoxHead(config),
        Predictor(config, classes),
        fg_iou_thresh=config.head_positive_iou,
        bg_iou_thresh=config.head_positive_iou,
        batch_size_per_image=config.head_batch,
        positive_fraction=config.head_positive_fraction,
        bbox_reg_weights=BOX_WEIGHTS,
        score_thresh=config.score_threshold,
        nms_thresh=config.nms_iou,
        detections_per_img=config.detections_per_patch,
    )
    heads.config = config
    return heads
