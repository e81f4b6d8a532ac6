"""What is trained, and the weights that it starts with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geovehicle import __version__
from geovehicle.errors import SettingsError
from geovehicle.model.build import build_detector
from geovehicle.model.checkpoint import load_checkpoint
from geovehicle.settings import DEFAULT_DETECTOR, DetectorConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.data.coco import LabelledImage
    from geovehicle.settings import TrainSettings

IMAGENET = "imagenet"
"""In place of a file: the ImageNet weights that torchvision downloads."""


@dataclass(frozen=True)
class Recipe:
    """What is trained and what its checkpoint will say.

    Attributes
    ----------
    config : DetectorConfig
        Architecture and losses.
    backbone_weights : str or Path, optional
        A file of ImageNet weights, or :data:`IMAGENET` for those that torchvision
        downloads; without either the backbone starts from scratch.
    start : str or Path, optional
        Shipped weights, by name, or a checkpoint to go on from.  Its own
        configuration and backbone then take the place of those above.
    licence : str
        Terms under which the weights may be used.
    provenance : dict
        Further facts for the checkpoint, such as the names of the data.
    """

    config: DetectorConfig = DEFAULT_DETECTOR
    backbone_weights: str | Path | None = None
    start: str | Path | None = None
    licence: str = "not stated"
    provenance: dict[str, str] = field(default_factory=dict)


def first_model(
    recipe: Recipe, gsd: float
) -> tuple[GeneralizedRCNN, DetectorConfig, dict[str, Any]]:
    """Return the model, its configuration and what it goes on from.

    The stem is frozen and ImageNet's batch statistics are kept, if there are any.

    Raises
    ------
    CheckpointError
        If weights to start with cannot be had or do not fit.
    SettingsError
        If the checkpoint to go on from works at another ground sampling distance.
    """
    if recipe.start is not None:
        model, config, started_from = _earlier_model(recipe.start, gsd)
    else:
        model, config, started_from = build_detector(recipe.config), recipe.config, {}
        if recipe.backbone_weights is not None:
            wanted = str(recipe.backbone_weights)
            model.backbone.backbone.load_imagenet(None if wanted == IMAGENET else Path(wanted))
    backbone = model.backbone.backbone
    if backbone.pretrained_parts:
        for part in backbone.stem_parts:
            backbone.get_submodule(part).requires_grad_(False)
    return model, config, started_from


def _earlier_model(
    start: str | Path, gsd: float
) -> tuple[GeneralizedRCNN, DetectorConfig, dict[str, Any]]:
    model, info = load_checkpoint(start)
    if not math.isclose(info.gsd, gsd):
        raise SettingsError(
            f"{start} works at {info.gsd:g} m, not {gsd:g} m; add --gsd {info.gsd:g}"
        )
    model.requires_grad_(True)
    backbone = model.backbone.backbone
    if has_seen_imagenet(info.provenance):
        backbone.pretrained_parts = backbone.imagenet_parts
    origin = {**info.provenance, "licence": info.licence}
    return model, info.config, {"started_from": origin}


def has_seen_imagenet(provenance: dict[str, Any]) -> bool:
    """Tell whether a checkpoint, or one that it goes back to, began with ImageNet weights."""
    earlier = provenance.get("started_from")
    return bool(provenance.get("backbone_weights")) or (
        isinstance(earlier, dict) and has_seen_imagenet(earlier)
    )


def provenance_of(
    images: Sequence[LabelledImage], recipe: Recipe, settings: TrainSettings
) -> dict[str, Any]:
    """Return what a checkpoint tells of its training, as JSON takes it."""
    return {
        "geovehicle": __version__,
        "images": len(images),
        "vehicles": sum(len(image.boxes) for image in images),
        "sources": sorted({image.source for image in images if image.source}),
        "backbone_weights": recipe.backbone_weights and Path(recipe.backbone_weights).name,
        "settings": asdict(settings),
        **recipe.provenance,
    }
