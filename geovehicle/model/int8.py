"""A backbone in 8-bit integers, twice as fast on processors that have instructions for them.

The convolutions of the pre-activation units see what has passed a ReLU: values from 0 to a
largest one, which is measured on images beforehand.  They become levels from 0 on, weights
become -127 to 127 with a scale for each output channel, sums are exact, and what a
convolution gives becomes levels again as it is written.  The residual stream, to which all
units add, the first convolution, the proposals and the heads stay in floating point.

The operators are those that PyTorch's own compiler calls for quantised networks, from oneDNN.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geovehicle.model.backbone import PreActivationUnit, ResNet50V2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.model.fusion import FusedFeatures

LEVELS = 255
"""What the largest value becomes between the convolutions of a unit."""

STREAM_LEVELS = 127
"""What it becomes where a unit reads the residual stream: conversions to signed integers have
vector instructions in PyTorch, those to unsigned ones have none and take five times as long."""

AT_ONCE = 2**20
"""Values that become levels at a time: what lies between takes 2 MB, not as much as the map."""

SMALLEST = 1e-6
"""The range of a convolution that has seen nothing but zeros."""

LARGEST_WEIGHT = 127

PACKED_FOR = 64
"""Side of the map that weights are packed for; the same packing serves all.  Without a
size, oneDNN packs them anew for each map, which takes longer than the convolution."""

CONVOLUTIONS = ("conv1", "conv2", "conv3")
"""Those of a unit, one after the other."""

EXITS = {"conv4": ("bn_conv4", "of_conv4"), "conv5": ("bn_conv5", "of_conv5")}
"""The maps that leave the backbone: the norm they leave it by, and the convolution behind."""


def ranges_of(model: GeneralizedRCNN, batches: Iterable[list[Tensor]]) -> dict[str, float]:
    """Return the ranges of what the convolutions of a detector see: the largest values.

    Parameters
    ----------
    model : GeneralizedRCNN
        A model of :func:`geovehicle.model.build.build_detector` in evaluation mode.
    batches : iterable of list of Tensor
        Images like those that it will see, float RGB (3, H, W) in [0, 1].

    Returns
    -------
    dict of str to float
        By names of convolutions in the backbone, and of the maps that leave it.  Empty where
        the backbone is not of pre-activation, or there are no images.
    """
    backbone = model.backbone.backbone
    found: dict[str, float] = {}
    if not isinstance(backbone, ResNet50V2):
        return found

    def note(name: str, values: Tensor) -> None:
        found[name] = max(found.get(name, SMALLEST), float(values.max()))

    hooks = [
        conv.register_forward_pre_hook(lambda _, seen, name=name: note(name, seen[0]))
        for name, conv in _convolutions(backbone)
    ]
    hooks += [
        backbone.get_submodule(norm).register_forward_hook(
            lambda _, __, left, name=name: note(name, left)
        )
        for name, (norm, _) in EXITS.items()
    ]
    try:
        with torch.inference_mode():
            for images in batches:
                model.backbone(model.transform(images)[0].tensors)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def names_of(model: GeneralizedRCNN) -> set[str]:
    """Return the names that :func:`ranges_of` has for a model, none where it cannot."""
    backbone = model.backbone.backbone
    if not isinstance(backbone, ResNet50V2):
        return set()
    return {name for name, _ in _convolutions(backbone)} | set(EXITS)


def use_int8(features: FusedFeatures, ranges: Mapping[str, float], dtype: torch.dtype) -> None:
    """Let a backbone compute in int8.

    Parameters
    ----------
    features : FusedFeatures
        In float32, on a processor; changed in place.
    ranges : mapping of str to float
        Of :func:`ranges_of`.
    dtype : torch.dtype
        Of the residual stream and the results.
    """
    backbone = features.backbone.whole
    for name, unit in list(backbone.named_modules()):
        if isinstance(unit, PreActivationUnit):
            stage, _, place = name.rpartition(".")
            own = [ranges[f"{name}.{conv}"] for conv in CONVOLUTIONS]
            setattr(backbone.get_submodule(stage), place, IntegerUnit(unit, own, dtype))
    for name, (norm, consumer) in EXITS.items():
        conv = getattr(features, consumer)
        if isinstance(conv, nn.Conv2d):
            quantiser = Quantiser(getattr(backbone, norm), ranges[name])
            setattr(backbone, norm, quantiser)
            setattr(features, consumer, IntegerConv(conv, quantiser.step, dtype))


class Quantiser(nn.Module):
    """Batch norm, ReLU and rounding to :data:`STREAM_LEVELS` levels, as one scale and shift.

    Parameters
    ----------
    norm : BatchNorm2d
        In evaluation mode.
    largest : float
        What the highest level stands for; larger values get it as well.
    """

    scale: Tensor
    shift: Tensor
    zeros: Tensor
    ones: Tensor

    def __init__(self, norm: nn.BatchNorm2d, largest: float) -> None:
        super().__init__()
        self.step = largest / STREAM_LEVELS
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        self.register_buffer("scale", scale / self.step)
        self.register_buffer("shift", shift / self.step + 0.5)  # whole parts are rounded values
        self.register_buffer("zeros", torch.zeros_like(scale))
        self.register_buffer("ones", torch.ones_like(scale))

    def forward(self, features: Tensor) -> Tensor:
        """Return levels, uint8, of features (N, C, H, W)."""
        levels = torch.empty_like(features, dtype=torch.int8)
        rows = max(1, AT_ONCE // features[0, :, 0].numel())
        for top in range(0, features.shape[2], rows):
            some = features[:, :, top : top + rows]
            scaled = F.batch_norm(some, self.zeros, self.ones, self.scale, self.shift, eps=0.0)
            levels[:, :, top : top + rows] = scaled.clamp_(0, STREAM_LEVELS)
        return levels.view(torch.uint8)


class IntegerConv(nn.Module):
    """A convolution of levels.

    Parameters
    ----------
    conv : Conv2d
        In float32; its weights are rounded.
    step : float
        From one level to the next.
    dtype : torch.dtype
        Of results in floating point.
    """

    def __init__(self, conv: nn.Conv2d, step: float, dtype: torch.dtype) -> None:
        super().__init__()
        weight = conv.weight
        scales = weight.abs().amax((1, 2, 3)).clamp_min(torch.finfo(torch.float32).tiny)
        scales = scales / LARGEST_WEIGHT
        levels = (weight / scales[:, None, None, None]).round().to(torch.int8)
        # stride, padding, dilation and groups
        self._geometry = [list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups]
        size = [1, conv.in_channels, PACKED_FOR, PACKED_FOR]
        packed = torch.ops.onednn.qconv_prepack(levels, scales, step, 0, *self._geometry, size)
        self._input = [step, 0, packed, scales, torch.zeros(len(scales), dtype=torch.int8)]
        self._bias = conv.bias
        self._dtype = dtype

    def forward(self, levels: Tensor) -> Tensor:
        """Return values in floating point."""
        return self._convolved(levels, 1.0, self._dtype, "none")

    def levels(self, levels: Tensor, step: float) -> Tensor:
        """Return levels of another step, after a ReLU."""
        return self._convolved(levels, step, torch.uint8, "relu")

    def added(self, levels: Tensor, to: Tensor) -> Tensor:
        """Add values in floating point to others, channels last, in place."""
        # step, zero and dtype of the sum, step and zero of what is added to, its factor, no ReLU
        rest: tuple[Any, ...] = (1.0, 0, to.dtype, 1.0, 0, "sum", 1.0, "none", [], "")
        summed: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(
            levels, *self._input, to, self._bias, *self._geometry, *rest
        )
        return summed

    def _convolved(self, levels: Tensor, step: float, dtype: torch.dtype, then: str) -> Tensor:
        result: Tensor = torch.ops.onednn.qconv2d_pointwise(
            levels, *self._input, self._bias, *self._geometry, step, 0, dtype, then, [], ""
        )
        return result


class IntegerUnit(nn.Module):
    """A pre-activation unit whose convolutions compute in int8.

    Parameters
    ----------
    unit : PreActivationUnit
        With the batch norms between its convolutions folded into them.
    largest : list of float
        The largest values that its three convolutions see.
    dtype : torch.dtype
        Of the residual stream.
    """

    def __init__(self, unit: PreActivationUnit, largest: list[float], dtype: torch.dtype) -> None:
        super().__init__()
        self.quantise = Quantiser(unit.bn1, largest[0])
        self._steps = [one / LEVELS for one in largest[1:]]
        steps = (self.quantise.step, *self._steps)
        self.conv1, self.conv2, self.conv3 = (
            IntegerConv(conv, step, dtype)
            for conv, step in zip((unit.conv1, unit.conv2, unit.conv3), steps, strict=True)
        )
        self.downsample = unit.downsample and IntegerConv(unit.downsample, steps[0], dtype)

    def forward(self, features: Tensor) -> Tensor:
        """Return what the unit gives, see :meth:`PreActivationUnit.forward`.

        The features may be overwritten.
        """
        active = self.quantise(features)
        shortcut = features if self.downsample is None else self.downsample(active)
        branch = self.conv1.levels(active, self._steps[0])
        del active
        branch = self.conv2.levels(branch, self._steps[1])
        return self.conv3.added(branch, to=shortcut)


@cache
def is_fast() -> bool:
    """Tell whether processor and PyTorch compute in int8 fast, and exactly.

    Instructions before AVX-512 VNNI add pairs of products in 16 bits, which overflow.
    """
    return bool(torch.cpu._is_vnni_supported()) and _is_exact()


def _is_exact() -> bool:
    """Compare the largest possible sums of a convolution with what they have to be."""
    conv = nn.Conv2d(64, 16, 1, bias=False).requires_grad_(False)
    nn.init.constant_(conv.weight, 1.0)
    image = torch.full((1, 64, 8, 8), LEVELS, dtype=torch.uint8)
    expected = torch.full((1, 16, 8, 8), 64.0 * LEVELS)
    ones = torch.ones_like(expected).contiguous(memory_format=torch.channels_last)
    try:
        layer = IntegerConv(conv, 1.0, torch.float32)
        found = (
            layer(image),
            layer.added(image, to=ones) - 1,
            layer.levels(image, 64.0).float() * 64,
        )
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):  # another PyTorch
        return False
    return all(torch.allclose(sums, expected) for sums in found)


def _convolutions(backbone: ResNet50V2) -> Iterator[tuple[str, Any]]:
    """Yield the convolutions of the units, the shortcuts aside, by their names."""
    for name, unit in backbone.named_modules():
        if isinstance(unit, PreActivationUnit):
            yield from ((f"{name}.{conv}", getattr(unit, conv)) for conv in CONVOLUTIONS)
