"""GeoJSON text sequences (RFC 8142): a feature after the other, for the next program."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from geovehicle.errors import OutputError
from geovehicle.export.formats import STREAM
from geovehicle.export.vector_file import END, FEATURES, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from geovehicle.export.formats import Kind

SEPARATOR = b"\x1e"
"""Stands before each text of a sequence; a line's end stands after it."""


class Sequence:
    """A stream that rows are written to as they come, in WGS 84 after RFC 7946.

    Parameters
    ----------
    stream : binary file
    kind : Kind
        What the layer is made of.
    """

    present = None

    def __init__(self, stream: BinaryIO, kind: Kind) -> None:
        self._stream, self._kind = stream, kind

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Write rows."""
        if not len(frame):
            return
        buffer = BytesIO()
        multi = self._kind.geometry.startswith("Multi")
        options = {"geometry_type": self._kind.geometry, "promote_to_multi": multi}
        write_rows(frame, buffer, STREAM, **options)
        _, _, features = buffer.getvalue().partition(FEATURES)
        for line in features.removesuffix(END).split(b"\n"):
            self._stream.write(SEPARATOR + line.removesuffix(b",") + b"\n")
        self._stream.flush()


@contextmanager
def opened(kind: Kind) -> Iterator[Sequence]:
    """Open standard output for a layer.

    Raises
    ------
    BrokenPipeError
        Within the block, where nobody reads on.
    OutputError
        Where standard output takes nothing.
    """
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        raise OutputError("standard output takes no bytes here; write to a file")
    try:
        yield Sequence(stream, kind)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write to standard output: {error.strerror}; write to a file"
        ) from error
