"""Where a layer comes from: what was read, by which weights and settings, and when."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from geovehicle import __version__
from geovehicle.raster.inputs import is_gdals, without_secrets
from geovehicle.regions import LAYER

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMED_INPUTS = 1000
"""Of more inputs than these, the first are named and all are counted."""

EPOCH = "SOURCE_DATE_EPOCH"
"""The variable that says what time it is, in seconds since 1970: the same file every time."""

TITLES: Mapping[str, str] = {
    "detect": "Vehicles in {}",
    "filter": "Vehicles chosen from {}",
    "count": "Vehicles by zone, from {}",
    "compare": "What became of the vehicles, from {}",
    "density": "Vehicles per hectare, from {}",
}
"""By the command: what a layer shows, and then its inputs."""


def now() -> str:
    """Return the time in UTC as ISO 8601, or the one that ``SOURCE_DATE_EPOCH`` gives."""
    try:
        time = datetime.fromtimestamp(int(os.environ.get(EPOCH, "")), UTC)
    except (ValueError, OverflowError, OSError):  # no number, or one of no year that there is
        time = datetime.now(UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def printable(name: str) -> str:
    """Return a name as XML and SQL can hold it: files are called what they like."""
    return "".join(one if one.isprintable() else "\ufffd" for one in name)


def named(source: str) -> str:
    """Return the name of an input for others: no folders of this machine, no secrets."""
    if is_gdals(source):
        return printable(without_secrets(source))
    path, sign, layer = source.partition(LAYER)
    return printable(PurePath(path).name + sign + layer)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a layer comes from.

    Parameters
    ----------
    command : str
        What made it: ``detect``, ``filter`` ...
    inputs : tuple of str
        What was read: names of files, and addresses without passwords and tokens.
    settings : mapping
        What decides the result, as JSON can hold it.
    weights : str, optional
        Name of the detector's weights, where there was a detector.
    weights_sha256 : str, optional
        Of their file, hexadecimal.
    licence : str, optional
        Of the weights.
    version : str
        Of geovehicle.
    time : str
        When it was made: ISO 8601, UTC.
    """

    command: str
    inputs: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    weights_sha256: str | None = None
    licence: str | None = None
    version: str = __version__
    time: str = field(default_factory=now)

    @property
    def title(self) -> str:
        """What the layer is, in a line."""
        return TITLES.get(self.command, "{}").format(self._inputs())

    @property
    def abstract(self) -> str:
        """Where the layer comes from, in a paragraph."""
        parts = [f"Made by geovehicle {self.version} ({self.command}) from {self._inputs()}."]
        if self.weights:
            told = [self.weights]
            told += [f"licence {self.licence}"] if self.licence else []
            told += [f"SHA-256 {self.weights_sha256}"] if self.weights_sha256 else []
            parts.append(f"Weights: {', '.join(told)}.")
        settings = [f"{name} {_text(value)}" for name, value in self._told().items()]
        if settings:
            parts.append(f"Settings: {', '.join(settings)}.")
        return " ".join(parts)

    @property
    def summary(self) -> str:
        """What was done and when, in a line."""
        return f"{self.time} geovehicle {self.version} {self.command}: {self._inputs()}"

    def as_json(self) -> str:
        """Return all of it as JSON on one line; of many inputs the first, and their number."""
        fields = asdict(self) | {
            "inputs": self.inputs[:NAMED_INPUTS],
            "input_count": len(self.inputs),
            "software": "geovehicle",
            "summary": self.summary,
        }
        return json.dumps(fields, ensure_ascii=False, sort_keys=True)

    def _inputs(self) -> str:
        if len(self.inputs) > 2:
            return f"{self.inputs[0]} and {len(self.inputs) - 1} more"
        return " and ".join(self.inputs)

    def _told(self) -> dict[str, Any]:
        """Return the settings that set something."""
        return {name: value for name, value in self.settings.items() if value not in (None, [], ())}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
