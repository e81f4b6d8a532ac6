"""A trained detector in the form that answers fastest, with the same answers.

What training needs apart, detection can do at once.  All of it is exact up to rounding:

- the batch norm after a convolution becomes part of the convolution;
- so do, on the way in, the division by 255, ImageNet's normalisation and the batch norm
  that a pre-activation backbone begins with, one scale and shift for each colour;
- the reduction of conv5 and the projection of the fused map, both linear, become one
  convolution, and conv4 is projected before the sum, of a quarter of the channels;
- the weights are cast once, not at each call, and lie channels last;
- the widest maps are computed by :mod:`geovehicle.model.stripes`;
- on processors, proposals are pooled, and the head asked, by :mod:`geovehicle.model.pooling`.

Where a processor is fast in it, most convolutions are computed in integers by
:mod:`geovehicle.model.int8`, which rounds more than that.

The batch norm at the head of a pre-activation unit stays: the shortcut needs its input.
"""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.detection.image_list import ImageList

from geovehicle.model.backbone import ResNet50V2
from geovehicle.model.build import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Features,
    Normalize,
    smoothed,
)
from geovehicle.model.int8 import use_int8
from geovehicle.model.pooling import PooledHead
from geovehicle.model.stripes import Stripes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.model.heads import DetectionHeads


ROWS_AT_ONCE = 64
"""Rows of a patch that are normalised together, few enough for a processor's caches."""


def for_inference(
    model: GeneralizedRCNN,
    device: torch.device,
    dtype: torch.dtype,
    ranges: Mapping[str, float] | None = None,
) -> GeneralizedRCNN:
    """Return a copy of a detector for detection alone.

    Features and hidden layers are computed in `dtype`; what the proposals and the heads
    answer, and all that follows from it, in float32.

    Parameters
    ----------
    model : GeneralizedRCNN
        A model of :func:`geovehicle.model.build.build_detector`; left as it is.
    device : torch.device
        Where it will run.
    dtype : torch.dtype
        float32 or bfloat16.
    ranges : mapping of str to float, optional
        Those of :func:`geovehicle.model.int8.ranges_of`: with them the units of the backbone
        compute in int8, on a processor.

    Returns
    -------
    GeneralizedRCNN
        Takes a list of uint8 RGB patches (3, H, W); answers as the model does.
    """
    fused = copy.deepcopy(model).eval().requires_grad_(False)
    backbone = fused.backbone.backbone
    fused.transform = FusedNormalize(_first_norm(backbone), dtype, fused.transform.smoothing)
    _fold_batch_norm(backbone)
    fused.backbone = FusedFeatures(fused.backbone)
    if ranges is not None:
        use_int8(fused.backbone, ranges, dtype)
    proposals, heads = fused.rpn.head, fused.roi_heads
    for part in (fused.backbone, proposals.conv, heads.box_head):
        _cast_layers(part, dtype)
    proposals.conv = nn.Sequential(_Cast(dtype), proposals.conv, _Cast(torch.float32))
    heads.box_head = nn.Sequential(_Cast(dtype), heads.box_head, _Cast(torch.float32))
    if device.type == "cpu":
        _pool_by_bags(heads, dtype)
    return fused.to(device, memory_format=torch.channels_last)


class FusedNormalize(Normalize):
    """Bytes to what the first convolution sees, a few rows at a time; patches keep their size.

    Parameters
    ----------
    norm : BatchNorm2d or None
        What the backbone begins with.
    dtype : torch.dtype
        Of the result.
    smoothing : float
        As :class:`geovehicle.model.build.Normalize` takes it.
    """

    def __init__(self, norm: nn.BatchNorm2d | None, dtype: torch.dtype, smoothing: float) -> None:
        super().__init__(smoothing)
        self._dtype = dtype
        scale, shift = 1 / torch.tensor(IMAGENET_STD), torch.zeros(3)
        if norm is not None:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            shift = norm.bias - norm.running_mean * factor
            scale = scale * factor
        offset = shift - torch.tensor(IMAGENET_MEAN) * scale
        for name, value in (("scale", scale / 255), ("offset", offset), ("outside", shift)):
            self.register_buffer(name, value[:, None, None])

    def forward(
        self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        """Return the batch (N, 3, H, W), padded as in training: by what a 0 became there."""
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        divisible = self.size_divisible
        height, width = (
            -(-max(side) // divisible) * divisible for side in zip(*sizes, strict=True)
        )
        batch = torch.empty(
            (len(images), 3, height, width),
            dtype=self._dtype,
            device=self.scale.device,
            memory_format=torch.channels_last,
        )
        for place, image, (rows, columns) in zip(batch, images, sizes, strict=True):
            place[:, rows:] = self.outside
            place[:, :rows, columns:] = self.outside
            for top in range(0, rows, ROWS_AT_ONCE):
                own = place[:, top : min(top + ROWS_AT_ONCE, rows), :columns]
                own[:] = torch.addcmul(self.offset, self._rows(image, top), self.scale)
        return ImageList(batch, sizes), targets

    def _rows(self, image: Tensor, top: int) -> Tensor:
        """Return rows of an image from one on, smoothed by those beside them as well."""
        above = min(top, 1)
        seen = smoothed(image[:, top - above : top + ROWS_AT_ONCE + 1].float(), self.smoothing)
        return seen[:, above : above + ROWS_AT_ONCE]


class FusedFeatures(nn.Module):
    """The fused map of :class:`geovehicle.model.build.Features`, all that is linear at once."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.backbone = Stripes(features.backbone)
        skip, project = features.skip_connection, features.project
        self.of_conv4 = project if skip else None
        self.of_conv5 = _composed(features.reduce, project, with_bias=not skip)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Return one level, (N, feature_channels, H/16, W/16), float32."""
        conv4, conv5 = self.backbone(images)
        fused = F.interpolate(
            self.of_conv5(conv5), size=conv4.shape[-2:], mode="bilinear", align_corners=False
        )
        if self.of_conv4 is not None:
            fused = fused + self.of_conv4(conv4)
        return OrderedDict(fused=fused.float())


class _Cast(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def forward(self, values: Tensor) -> Tensor:
        return values.to(self._dtype)


def _cast_layers(part: nn.Module, dtype: torch.dtype) -> None:
    """Cast convolutions and linear layers; statistics of batch norm need their precision."""
    for module in part.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(dtype)


def _pool_by_bags(heads: DetectionHeads, dtype: torch.dtype) -> None:
    """Pool channels last, let the first layer of the head expect it, and ask both at once."""
    cells = math.prod(heads.box_roi_pool.output_size)
    layer = next(part for part in heads.box_head.modules() if isinstance(part, nn.Linear))
    weight = layer.weight.view(layer.out_features, -1, cells)
    layer.weight.data = weight.transpose(1, 2).flatten(1).contiguous()
    heads.box_roi_pool = PooledHead(heads.box_roi_pool, heads.box_head, dtype)
    heads.box_head = nn.Identity()


def _first_norm(backbone: nn.Module) -> nn.BatchNorm2d | None:
    """Take the batch norm that a backbone begins with out of it."""
    if not isinstance(backbone, ResNet50V2):
        return None
    norm, backbone.bn0 = backbone.bn0, nn.Identity()  # type: ignore[assignment]
    return norm


def _fold_batch_norm(backbone: nn.Module) -> None:
    """Fold each batch norm that follows a convolution, in the order of forward, into it."""
    follows = {"conv0": "bn1", "conv1": "bn2", "conv2": "bn3"}
    if not isinstance(backbone, ResNet50V2):
        follows = {"conv1": "bn1", "conv2": "bn2", "conv3": "bn3", "0": "1"}  # 0, 1: downsample
    for block in list(backbone.modules()):
        parts = dict(block.named_children())
        for first, then in follows.items():
            conv, norm = parts.get(first), parts.get(then)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(block, first, fuse_conv_bn_eval(conv, norm))
                setattr(block, then, nn.Identity())


def _composed(first: nn.Conv2d, then: nn.Module, *, with_bias: bool) -> nn.Conv2d:
    """Return two 1x1 convolutions as one, the bias of the second only if asked for."""
    if not isinstance(then, nn.Conv2d):
        return first
    assert first.bias is not None
    assert then.bias is not None
    one = nn.Conv2d(first.in_channels, then.out_channels, 1)
    matrix = then.weight[:, :, 0, 0]
    one.weight.data = (matrix @ first.weight[:, :, 0, 0])[:, :, None, None]
    one.bias.data = matrix @ first.bias + (then.bias if with_bias else 0)  # type: ignore[union-attr]
    return one.requires_grad_(False)
