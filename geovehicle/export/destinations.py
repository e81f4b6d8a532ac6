"""Where a layer goes: into a file, to standard output, or into a table of a database."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from os import PathLike

Existing = Literal["refuse", "overwrite", "append"]
"""What becomes of a layer that is there already."""

STREAM = "-"
"""The name of standard output."""

SCHEMES = ("postgresql://", "postgres://")
"""How the addresses of databases begin."""


ADDRESS = re.compile(r"[\w+]+://|PG:", re.IGNORECASE)
"""How names begin that are no files."""


@dataclass(frozen=True)
class Destination:
    """Where a layer goes.

    Parameters
    ----------
    name : str or path-like
        A file, whose suffix says the format; ``-``, standard output; or the address of a
        PostGIS database, ``postgresql://user@host/database``.
    layer : str, optional
        Name of the layer or table, of a table with its schema as ``schema.table``; without
        it the kind of the layer says it.  In an existing file, it is the only layer that is
        replaced.
    existing : {"refuse", "overwrite", "append"}
        What becomes of a layer that is there: it is an error, or it is replaced once the new
        one is complete, or rows are added to it.
    """

    name: str | PathLike[str] = field(repr=False)  # it may hold a password
    layer: str | None = None
    existing: Existing = "refuse"

    @property
    def is_stream(self) -> bool:
        """Whether it is standard output."""
        return os.fspath(self.name) == STREAM

    @property
    def is_database(self) -> bool:
        """Whether it is a table of a database."""
        return os.fspath(self.name).lower().startswith(SCHEMES)

    @property
    def path(self) -> Path | None:
        """The file; None where it is none."""
        return None if self.is_stream or self.is_database else Path(self.name)

    @property
    def shown(self) -> str:
        """The name for messages, without passwords."""
        if self.is_stream:
            return "standard output"
        name = os.fspath(self.name)
        is_address = ADDRESS.match(name)  # also one that we do not know
        return without_password(name) if is_address else str(Path(name))

    @property
    def label(self) -> str:
        """The name for a summary: that of a file without its folder."""
        return Path(self.shown).name if self.path else self.shown

    @property
    def overwrites(self) -> bool:
        """Whether what is there may be replaced."""
        return self.existing == "overwrite"

    @property
    def appends(self) -> bool:
        """Whether rows are added to what is there."""
        return self.existing == "append"

    def __str__(self) -> str:
        return self.shown


Place = Destination | str | Path
"""A destination, or the file or address that is one."""


def destination_of(place: Place, overwrite: bool = False) -> Destination:
    """Return a destination as it is, or that of a file or address.

    Parameters
    ----------
    place : Destination, str or pathlib.Path
    overwrite : bool
        Whether a layer that is there may be replaced; a destination says it itself.
    """
    if isinstance(place, Destination):
        return place
    return Destination(place, existing="overwrite" if overwrite else "refuse")


def without_password(address: str) -> str:
    """Return the address of a database without its passwords, well-formed or not."""
    rest = re.sub(r"^([\w+]+://[^:@/?]*):.*@", r"\1@", address)
    return re.sub(r"((?:ssl)?password=)[^&\s]*", r"\1***", rest)


def file_name(text: str) -> str:
    """Return a text as the name of a file can be."""
    return re.sub(r"[^\w.-]", "_", text)
