"""The state of a run on the disk, from which it can be taken up again.

One safetensors file holds the tensors in full precision and, in its header, how far
the run has come and what it is a run of.  It replaces its predecessor when it is
complete, so that a run that is killed at any moment leaves a state.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from geovehicle.errors import CheckpointError, SettingsError
from geovehicle.files import replacing
from geovehicle.model.checkpoint import read_metadata
from geovehicle.settings import DetectorConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from geovehicle.data.coco import LabelledImage
    from geovehicle.learning.learner import Learner
    from geovehicle.learning.start import Recipe
    from geovehicle.settings import TrainSettings

STATE = "state.safetensors"

FORMAT = "geovehicle-training"

FREE = ("workers", "save_every", "device")
"""Settings that a run may change on its way: they have no say in what it computes."""

Facts = dict[str, Any]


@dataclass
class Progress:
    """How far a run has come.

    Attributes
    ----------
    iteration : int
        Steps done.
    seconds : float
        Time that they took.
    best : float, optional
        Highest AP50 of all validations.
    stale : int
        Validations since then.
    """

    iteration: int = 0
    seconds: float = 0.0
    best: float | None = None
    stale: int = 0

    def validated(self, quality: float) -> bool:
        """Take note of a validation; return whether it is the best so far."""
        better = self.best is None or quality > self.best
        self.best = quality if self.best is None else max(self.best, quality)
        self.stale = 0 if better else self.stale + 1
        return better

    def is_over(self, settings: TrainSettings) -> bool:
        """Tell whether the run has done what its settings ask for."""
        patience = settings.patience
        return self.iteration >= settings.iterations or (
            patience is not None and self.stale >= patience
        )


def facts_of(
    recipe: Recipe,
    settings: TrainSettings,
    images: Sequence[LabelledImage],
    validation: Sequence[LabelledImage],
) -> Facts:
    """Return everything that the result of a run depends on, as JSON gives it back."""
    facts = {
        **{name: value for name, value in asdict(settings).items() if name not in FREE},
        **asdict(recipe.config),
        "backbone_weights": str(recipe.backbone_weights or ""),
        "weights": str(recipe.start or ""),
        "images": _digest(images),
        "val": _digest(validation),
    }
    plain: Facts = json.loads(json.dumps(facts))
    return plain


def save_state(path: Path, learner: Learner, progress: Progress, facts: Facts) -> None:
    """Write the state of a run.

    Raises
    ------
    OutputError
        If it cannot be written; an older one is left as it was.
    """
    metadata = {
        "format": FORMAT,
        "progress": json.dumps(asdict(progress)),
        "facts": json.dumps(facts),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in learner.tensors().items()}
    with replacing(path) as temporary:  # save_file makes it private and hides what went wrong
        temporary.write_bytes(save(tensors, metadata))


def load_state(path: Path, learner: Learner, facts: Facts) -> Progress:
    """Bring a learner to the state of a file; return how far its run had come.

    Raises
    ------
    CheckpointError
        If the file is damaged or of another kind.
    SettingsError
        If it is the state of another run; the message names what differs.
    """
    metadata = read_metadata(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no state of a training; leave out --resume")
    try:
        earlier = dict(json.loads(metadata["facts"]))
        _compare(path, earlier, facts)
        learner.restore(load_file(path))
        return Progress(**json.loads(metadata["progress"]))
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is damaged: {reason}; delete it and train from the beginning"
        ) from error


def _compare(path: Path, earlier: Facts, facts: Facts) -> None:
    """Raise SettingsError where facts differ.

    Fields that :class:`~geovehicle.settings.DetectorConfig` got after a state was saved
    have their defaults in it.
    """
    defaults: Facts = json.loads(json.dumps(asdict(DetectorConfig())))
    earlier, facts = {**defaults, **earlier}, {**defaults, **facts}
    differing = [name for name in {**facts, **earlier} if earlier.get(name) != facts.get(name)]
    if differing:
        told = ", ".join(
            f"other {name}"
            if name in ("images", "val")
            else f"{name} {earlier.get(name)} instead of {facts.get(name)}"
            for name in differing
        )
        raise SettingsError(
            f"{path} is the state of a run with {told}; give the options of that run"
        )


def _digest(images: Sequence[LabelledImage]) -> str:
    """Return a fingerprint of names and labels, wherever the files now lie.

    Images without footprints or types have the one of before these were read.
    """
    known = hashlib.sha256()
    for image in images:
        known.update(f"{image.path.name} {image.width} {image.height} {image.gsd!r}".encode())
        known.update(f" {image.source} {image.scene}".encode())
        known.update(image.boxes.tobytes() + b" " + image.ignore.tobytes())
        if image.oriented.any():
            known.update(b" footprints " + image.footprints.tobytes() + image.oriented.tobytes())
        if image.types:
            known.update(f" types {image.types}".encode())
    return known.hexdigest()
