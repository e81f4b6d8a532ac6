"""ResNet-50 as conv4 and conv5, in its original and its pre-activation form.

Both give the same two maps, so that the detector does not ask which it has:
conv4 with 1024 channels at stride 16 and conv5 with 2048 at stride 32, both after
a ReLU.  Input is RGB normalised by ImageNet's mean and deviation.

Batch norm in parts that carry ImageNet statistics keeps them in training, as
batches of large patches are too small to estimate better ones.

References
----------
.. [1] K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
.. [2] K. He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from geovehicle.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

    from geovehicle.settings import BackboneName

CONV4_CHANNELS = 1024
CONV5_CHANNELS = 2048


class Backbone(nn.Module):
    """What both backbones share.

    Attributes
    ----------
    stem_parts : tuple of str
        Submodules whose features are generic enough to stay as ImageNet left
        them when a detector is fine-tuned: everything up to conv2.
    imagenet_parts : tuple of str
        Submodules for which ImageNet weights exist.
    pretrained_parts : tuple of str
        Those of them that carry such weights; empty until they are loaded.
    """

    stem_parts: tuple[str, ...] = ()
    imagenet_parts: tuple[str, ...] = ()
    pretrained_parts: tuple[str, ...] = ()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return conv4 (N, 1024, H/16, W/16) and conv5 (N, 2048, H/32, W/32)."""
        return self.late(self.early(images))

    def early(self, images: Tensor) -> Tensor:
        """Return what the first unit of conv3 gives, (N, 512, H/8, W/8).

        Up to here maps are large, and their pixels see 21 pixels of the image to each side.
        """
        raise NotImplementedError

    def late(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return conv4 and conv5 of what :meth:`early` gave, which may be overwritten."""
        raise NotImplementedError

    def load_imagenet(self, path: Path | None = None) -> None:
        """Load ImageNet weights, from `path` or from where the backbone knows them.

        Raises
        ------
        CheckpointError
            If the weights cannot be had or do not fit.
        """
        raise NotImplementedError

    def train(self, mode: bool = True) -> Backbone:
        """Switch to training, but leave ImageNet's batch statistics alone."""
        super().train(mode)
        for part in self.pretrained_parts:
            for module in self.get_submodule(part).modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


class ResNet50(Backbone):
    """torchvision's ResNet-50 [1]_ without its classifier."""

    stem_parts = ("conv1", "bn1", "layer1")
    imagenet_parts = (*stem_parts, "layer2", "layer3", "layer4")

    def __init__(self) -> None:
        super().__init__()
        whole = torchvision.models.resnet50(weights=None)
        for name, part in whole.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, part)

    def early(self, images: Tensor) -> Tensor:
        """Return the first unit of conv3, see :meth:`Backbone.early`."""
        features = images
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2.0"):
            features = self.get_submodule(name)(features)
        return features

    def late(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return conv4 and conv5, see :meth:`Backbone.late`."""
        for unit in list(self.get_submodule("layer2").children())[1:]:
            features = unit(features)
        conv4 = self.get_submodule("layer3")(features)
        return conv4, self.get_submodule("layer4")(conv4)

    def load_imagenet(self, path: Path | None = None) -> None:
        """Load torchvision's ImageNet weights from a safetensors file or its download."""
        state = _read(path) if path else self._download()
        state = {key: value for key, value in state.items() if not key.startswith("fc.")}
        _load_exactly(self, state, expected=set(self.state_dict()))
        self.pretrained_parts = self.imagenet_parts
        self.train(self.training)

    @staticmethod
    def _download() -> dict[str, Tensor]:
        try:
            weights = torchvision.models.ResNet50_Weights.IMAGENET1K_V2
            return dict(weights.get_state_dict(progress=False, check_hash=True))
        except (OSError, RuntimeError) as error:  # RuntimeError: another hash than published
            raise CheckpointError(
                f"torchvision's ImageNet weights cannot be downloaded ({error}); "
                "give a file with --backbone-weights or train from scratch"
            ) from error


class NormReLU(nn.BatchNorm2d):
    """Batch norm and ReLU."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, normalised and at least 0."""
        return F.relu(super().forward(features), inplace=True)


class PreActivationUnit(nn.Module):
    """A bottleneck with batch norm and ReLU before each convolution [2]_."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.downsample = (
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False) if inputs != outputs else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, 4 * width, H / stride, W / stride), not yet normalised."""
        active = F.relu(self.bn1(features), inplace=True)
        shortcut = features if self.downsample is None else self.downsample(active)
        branch = self.conv1(active)
        del active  # of a large patch 130 MB, and the peak of memory is here
        branch = self.conv2(F.relu(self.bn2(branch), inplace=True))
        branch = self.conv3(F.relu(self.bn3(branch), inplace=True))
        branch += shortcut
        summed: Tensor = branch
        return summed


class ResNet50V2(Backbone):
    """Pre-activation ResNet-50 [2]_: ``bn0, conv0, bn1`` and four stages.

    The residual stream of a pre-activation network is not normalised; conv4 and
    conv5 leave through a batch norm and a ReLU of their own.
    """

    stem_parts = ("bn0", "conv0", "bn1", "stages.0")
    imagenet_parts = (*stem_parts, "stages.1", "stages.2")

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(3)
        self.conv0 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.stages = nn.ModuleList(
            [
                self._stage(64, 64, units=3, stride=1),
                self._stage(256, 128, units=4, stride=2),
                self._stage(512, 256, units=6, stride=2),
                self._stage(1024, 512, units=3, stride=2),
            ]
        )
        self.bn_conv4 = NormReLU(CONV4_CHANNELS)
        self.bn_conv5 = NormReLU(CONV5_CHANNELS)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(inputs: int, width: int, units: int, stride: int) -> nn.Sequential:
        first = PreActivationUnit(inputs, width, stride)
        rest = (PreActivationUnit(4 * width, width, 1) for _ in range(units - 1))
        return nn.Sequential(first, *rest)

    def early(self, images: Tensor) -> Tensor:
        """Return the first unit of conv3, see :meth:`Backbone.early`."""
        features = F.relu(self.bn1(self.conv0(self.bn0(images))), inplace=True)
        features = F.max_pool2d(features, 3, stride=2, padding=1)
        first: Tensor = self.get_submodule("stages.1.0")(self.stages[0](features))
        return first

    def late(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return conv4 and conv5, see :meth:`Backbone.late`."""
        # unit by unit, as a stage would hold the map that it was given to its end
        for unit in (*list(self.stages[1].children())[1:], *self.stages[2].children()):
            features = unit(features)
        conv5 = self.stages[3](features)
        return self.bn_conv4(features), self.bn_conv5(conv5)

    def load_imagenet(self, path: Path | None = None) -> None:
        """Load conv1 to conv4 from a safetensors file; conv5 starts from scratch."""
        if path is None:
            raise CheckpointError(
                "resnet50v2 has no ImageNet weights of its own; give a file with --backbone-weights"
            )
        prefixes = tuple(f"{part}." for part in self.imagenet_parts)
        expected = {
            key
            for key in self.state_dict()
            if key.startswith(prefixes) and not key.endswith("num_batches_tracked")
        }
        _load_exactly(self, _read(path), expected)
        self.pretrained_parts = self.imagenet_parts
        self.train(self.training)


def build_backbone(name: BackboneName) -> Backbone:
    """Return an untrained backbone by its name in the settings."""
    return {"resnet50": ResNet50, "resnet50v2": ResNet50V2}[name]()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return {key: value.float() for key, value in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors: {error}") from error


def _load_exactly(module: nn.Module, state: dict[str, Tensor], expected: set[str]) -> None:
    """Load `state` if its keys are `expected`, counters of batch norm aside."""
    optional = {key for key in module.state_dict() if key.endswith("num_batches_tracked")}
    missing = expected - optional - state.keys()
    unknown = state.keys() - expected - optional
    if missing or unknown:
        example = sorted(missing or unknown)[0]
        raise CheckpointError(
            f"backbone weights do not fit: {len(missing)} tensors missing, "
            f"{len(unknown)} unknown, such as {example}"
        )
    try:
        module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise CheckpointError(
            f"backbone weights do not fit: {str(error).splitlines()[-1].strip()}"
        ) from error
    with torch.no_grad():
        if not all(torch.isfinite(value).all() for value in state.values()):
            raise CheckpointError("backbone weights hold NaN or infinity; fetch the file again")
