"""A detector as one safetensors file: tensors, and everything needed to use them.

The header's metadata holds the configuration, the classes, the training ground
sampling distance, the licence and the provenance, so that detection needs nothing
but the file.  Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from geovehicle.errors import CheckpointError, SettingsError
from geovehicle.files import replacing
from geovehicle.model.build import build_detector
from geovehicle.model.int8 import names_of
from geovehicle.model.weights import SHIPPED, shipped_path, told_beside
from geovehicle.settings import FINER, DetectorConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

FORMAT = "geovehicle-detector"
FORMAT_VERSION = 1

LARGEST_HEADER = 16 * 2**20
"""Bytes; a header beyond it is not ours."""

FINEST_GSD = 0.001
"""Metres, the finest that is trained at; a finer one would make any raster gigantic."""

LONGEST_REASON = 200
"""Characters of what an error says that are told."""

Config = TypeVar("Config")


@dataclass(frozen=True)
class Info(Generic[Config]):
    """What a file of weights says about itself.

    Attributes
    ----------
    config : DetectorConfig or HogSvmConfig
        Architecture, thresholds and losses.
    classes : tuple of str
        Names of the labels 1, 2, …
    gsd : float
        Ground sampling distance that the model works at, metres.
    licence : str
        Terms of use of the weights.
    provenance : dict
        What the weights come from: data, start, recipe, version.
    ranges : dict of str to float
        Of what convolutions see, for int8, see :func:`geovehicle.model.int8.ranges_of`;
        empty where they were not measured.
    """

    config: Config
    classes: tuple[str, ...]
    gsd: float
    licence: str
    provenance: dict[str, Any]
    ranges: dict[str, float] = field(default_factory=dict)

    @property
    def finest_gsd(self) -> float:
        """Finest ground sampling distance that scenes are searched at by default, metres.

        The finest that the training has shown, but not beyond :data:`FINER`.
        """
        finest = self.gsd
        match self.provenance.get("settings"):
            case {"gsd_range": [float(low), _]}:
                finest = low
            case {"scales": [_, float(largest)]} if largest > 0:
                finest = self.gsd / largest
        return min(self.gsd, max(self.gsd / FINER, finest))


ModelInfo = Info[DetectorConfig]
"""What the checkpoint of a network says about itself."""


def save_checkpoint(path: Path, model: GeneralizedRCNN, info: ModelInfo) -> None:
    """Write the model, in float16 where a tensor has two or more dimensions.

    Weights of that precision change no box by as much as 0.1 px; biases and batch
    norm, whose variances can exceed float16's range, stay in float32.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is left as it was.
    """
    state = {
        key: _compact(value)
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    with replacing(path) as temporary:  # save_file would make it private
        temporary.write_bytes(save(state, to_metadata(FORMAT, info)))


def load_checkpoint(weights: str | PathLike[str]) -> tuple[GeneralizedRCNN, ModelInfo]:
    """Return the model, in float32 and evaluation mode on the CPU, and its description.

    Parameters
    ----------
    weights : str or Path
        The name of shipped weights or a file.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of another kind or, for shipped weights,
        not the one that was published.
    """
    path = locate(weights)
    info = _info_of(path)
    state = {key: value.float() for key, value in read_tensors(path).items()}
    if not all(tensor.isfinite().all() for tensor in state.values()):
        raise CheckpointError(f"{path} holds numbers that are not finite; fetch it again")
    try:
        with torch.device("meta"):
            model = build_detector(info.config, len(info.classes))
    except (SettingsError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} does not fit its own description: {_short(error)}; fetch it again"
        ) from error
    _fill(model, state, path)
    if info.ranges and set(info.ranges) != names_of(model):
        raise CheckpointError(
            f"{path} does not fit its own description: ranges of other layers; fetch it again"
        )
    return model.eval(), info


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, all of them of floating point.

    Raises
    ------
    CheckpointError
        If the file is damaged or holds others.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:  # a header that lies makes it raise nearly anything
        raise CheckpointError(f"{path} is damaged: {_short(error)}; fetch it again") from error
    if not all(tensor.is_floating_point() for tensor in tensors.values()):
        raise CheckpointError(f"{path} holds numbers of another kind than ours; fetch it again")
    return tensors


def read_info(weights: str | PathLike[str]) -> ModelInfo:
    """Return what a checkpoint says about itself, without loading its tensors.

    Raises
    ------
    CheckpointError
        As :func:`load_checkpoint`.
    """
    return _info_of(locate(weights))


def _info_of(path: Path) -> ModelInfo:
    info = from_metadata(path, FORMAT, DetectorConfig)
    try:
        told = told_beside(path)
        if told is None:
            return info
        found = json.loads(told)
        config = replace(info.config, **found["config"])
        return replace(info, config=config, ranges=_ranges(found["ranges"]) or info.ranges)
    except (OSError, KeyError, TypeError, ValueError, SettingsError) as error:
        raise CheckpointError(
            f"what belongs to {path} is missing or altered; install geovehicle again"
        ) from error


def to_metadata(form: str, info: Info[Any]) -> dict[str, str]:
    """Return the header's metadata for a description in a format."""
    return {
        "format": form,
        "format_version": str(FORMAT_VERSION),
        "config": json.dumps(asdict(info.config)),
        "classes": json.dumps(info.classes),
        "gsd": repr(info.gsd),
        "licence": info.licence,
        "provenance": json.dumps(info.provenance),
        **({"ranges": json.dumps(info.ranges)} if info.ranges else {}),
    }


def from_metadata(path: Path, form: str, configure: Callable[..., Config]) -> Info[Config]:
    """Return the description that :func:`to_metadata` put into a file.

    Parameters
    ----------
    path : Path
        The file.
    form : str
        The format that it must have.
    configure : callable
        Makes the configuration: its class.

    Raises
    ------
    CheckpointError
        If the file has another format or its description is damaged.
    """
    metadata = read_metadata(path)
    if metadata.get("format") != form:
        raise CheckpointError(
            f"{path} holds no detector of geovehicle; train one or leave out --weights"
        )
    if metadata.get("format_version") != str(FORMAT_VERSION):
        raise CheckpointError(
            f"{path} has format {metadata.get('format_version', '')[:20]}, this version reads "
            f"{FORMAT_VERSION}; use the version of geovehicle that wrote it"
        )
    try:
        return described(metadata, configure)
    except (KeyError, TypeError, ValueError, RecursionError, SettingsError) as error:
        raise CheckpointError(
            f"{path} has a damaged description: {_short(error)}; fetch it again"
        ) from error


def described(metadata: Mapping[str, str], configure: Callable[..., Config]) -> Info[Config]:
    """Return the description that :func:`to_metadata` made metadata of.

    Raises
    ------
    KeyError, TypeError, ValueError, RecursionError, SettingsError
        If it is damaged.
    """
    gsd = float(metadata["gsd"])
    if not FINEST_GSD <= gsd < 100:
        raise ValueError(f"a ground sampling distance of {gsd} m")
    classes = tuple(str(name) for name in json.loads(metadata["classes"]))
    if not classes:
        raise ValueError("no classes")
    return Info(
        config=configure(**json.loads(metadata["config"])),
        classes=classes,
        gsd=gsd,
        licence=metadata["licence"],
        provenance=dict(json.loads(metadata["provenance"])),
        ranges=_ranges(json.loads(metadata.get("ranges", "{}"))),
    )


def _ranges(told: Mapping[str, Any]) -> dict[str, float]:
    ranges = dict(told)
    largest = sys.float_info.max
    if not all(type(one) in (int, float) and 0 < one <= largest for one in ranges.values()):
        raise ValueError("ranges of values that are none")
    return {name: float(one) for name, one in ranges.items()}


def locate(weights: str | PathLike[str]) -> Path:
    """Return the file of shipped weights by name, their sha256 checked, or the path given."""
    if str(weights) in SHIPPED:
        path = shipped_path(str(weights))
        if not path.is_file() or sha256(path) != SHIPPED[str(weights)].sha256:
            raise CheckpointError(
                f"the shipped weights '{weights}' are missing or altered; install geovehicle again"
            )
        return path
    path = Path(weights)
    if not path.is_file():
        names = ", ".join(SHIPPED)
        raise CheckpointError(f"no weights {weights}: neither a file nor one of the names {names}")
    return path


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compact(value: Tensor) -> Tensor:
    value = value.detach().cpu()
    return (value.half() if value.dim() > 1 else value.float()).contiguous()


def read_metadata(path: Path) -> dict[str, str]:
    """Return the header's metadata, without loading a tensor.

    Raises
    ------
    CheckpointError
        If the file is not in the safetensors format: eight bytes of length, then JSON.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LARGEST_HEADER:
                raise ValueError("its header is too large")
            metadata = json.loads(file.read(length)).get("__metadata__", {})
    except (OSError, struct.error, ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {_short(error)}") from error
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}


def _short(error: Exception) -> str:
    """Return the last line of an error, which may be about a long text of a stranger."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()[:LONGEST_REASON]


def _fill(model: GeneralizedRCNN, state: dict[str, Tensor], path: Path) -> None:
    """Put the tensors into a model that has shapes but no memory yet."""
    counters = {
        key: torch.zeros((), dtype=torch.int64)
        for key in model.state_dict()
        if key.endswith("num_batches_tracked")
    }
    try:
        model.load_state_dict(state | counters, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} does not fit its own description: {_short(error)}; fetch it again"
        ) from error
    for parameter in model.parameters():
        parameter.requires_grad_(False)
