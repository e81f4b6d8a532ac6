"""What a user calls rasters, as paths and addresses that GDAL opens.

An input is a file, a folder, a pattern, a list (``@list.txt``), or GDAL's own: an
address or ``/vsi...`` path.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from geovehicle.errors import RasterError, SettingsError
from geovehicle.settings import RASTER_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GDALS = re.compile(r"/vsi|<|[A-Za-z][\w+.-]+:")
"""What GDAL alone understands; one letter before a colon is a drive."""

_REMOTE = re.compile(r"://|/vsi(curl|s3|gs|az|adls|oss|swift|webhdfs)")

_ADDRESS = re.compile(r"/vsi|[A-Za-z][\w+.-]+://")
"""What GDAL finds by a path or a URL alone."""

_WILD = re.compile(r"[*?[]")


def expand(inputs: Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Return the rasters that inputs name, each once, where it is named first.

    A file that exists is itself, whatever its name.  A folder gives the rasters in it, by
    their suffixes (``RASTER_SUFFIXES``) and not those of its folders; a pattern gives what
    matches, of which ``**`` is any depth, by their suffixes where it names none.  Both are
    sorted and leave hidden files out.  A list is a text with an input a line, relative to
    itself; blank lines and those that begin with ``#`` do not count.

    Parameters
    ----------
    inputs : sequence of str or path-like
        As a user writes them, where the shell has not expanded them.

    Raises
    ------
    RasterError
        If a file is missing, a folder or pattern has no raster, or a folder or list cannot
        be read.
    SettingsError
        If there are no inputs.
    """
    if not inputs:
        raise SettingsError("no raster is given; name at least one")
    rasters: dict[str, str] = {}
    for one in inputs:
        for raster in _rasters(os.fspath(one)):
            rasters.setdefault(raster if is_gdals(raster) else os.path.realpath(raster), raster)
    return tuple(rasters.values())


def is_gdals(text: str) -> bool:
    """Return whether a raster is no path of this machine but an address or GDAL's own."""
    return bool(_GDALS.match(text)) and not _exists(Path(text))


def is_remote(text: str) -> bool:
    """Return whether a raster lies on a server."""
    return is_gdals(text) and bool(_REMOTE.search(text))


def name_of(raster: str | os.PathLike[str]) -> str:
    """Return a raster's name for people: the last part, without an address's query."""
    text = os.fspath(raster)
    return PurePath(text.partition("?")[0] if is_gdals(text) else text).name


def without_secrets(raster: str) -> str:
    """Return what tells a raster from others, without passwords and tokens of an address.

    That is its path, or an address without user and query.  A text that is neither, such as
    a whole VRT or the options of a driver, becomes its SHA-256.
    """
    if not is_gdals(raster):
        return raster
    if not _ADDRESS.match(raster):
        return hashlib.sha256(raster.encode()).hexdigest()
    address, _, query = raster.partition("?")
    (address,) = parse_qs(query).get("url", [address])[:1]  # /vsicurl?...&url=...
    return re.sub(r"//[^/]*@", "//", address.partition("?")[0])


def _rasters(text: str) -> Iterator[str]:
    """Yield the rasters of one input."""
    if text.startswith("@") and not _exists(Path(text)):
        yield from _listed(Path(text[1:]))
    else:
        yield from _found(text, Path())


def _found(text: str, folder: Path) -> Iterator[str]:
    """Yield the rasters of an input that is no list, relative to a folder."""
    path = folder / text
    if is_gdals(text):
        yield text
    elif text and os.path.isdir(path):  # noqa: PTH112 - as in _exists
        yield from _in_folder(path)
    elif text and _exists(path):
        yield str(path)
    elif _WILD.search(text):
        yield from _matching(Path(text), folder)
    else:
        raise RasterError(f"{text or 'a raster'} cannot be opened (no such file); check the path")


def _in_folder(folder: Path) -> Iterator[str]:
    try:
        rasters = sorted(str(path) for path in folder.iterdir() if _is_raster(path))
    except OSError as error:
        raise _unreadable(folder, error) from error
    if not rasters:
        known = " ".join(RASTER_SUFFIXES)
        raise RasterError(f"{folder} has no raster in it ({known}); name the files")
    yield from rasters


def _matching(pattern: Path, folder: Path) -> Iterator[str]:
    relative = pattern.relative_to(pattern.anchor)
    base = folder / pattern.anchor
    named = relative.suffix and not _WILD.search(relative.suffix)
    try:
        paths = list(base.glob(str(relative)))
    except ValueError as error:
        raise RasterError(f"{pattern} is no pattern ({error}); write ** between slashes") from error
    meant = set(relative.parts)  # a hidden folder that the pattern names
    matches = [
        path
        for path in paths
        if (_is_shown(path) if named else _is_raster(path))
        and not any(map(_is_hidden, set(path.relative_to(base).parts[:-1]) - meant))
    ]
    if not matches:
        raise RasterError(f"{folder / pattern} matches no raster; check the pattern")
    yield from sorted(map(str, matches))


def _is_raster(path: Path) -> bool:
    return path.suffix.lower() in RASTER_SUFFIXES and _is_shown(path)


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _is_shown(path: Path) -> bool:
    return not _is_hidden(path.name) and path.is_file()


def _listed(path: Path) -> Iterator[str]:
    """Yield the rasters of a list."""
    lines = [line.strip() for line in _text(path).splitlines()]
    inputs = {n: line for n, line in enumerate(lines, 1) if line and not line.startswith("#")}
    if not inputs:
        raise RasterError(f"{path} names no raster; write one a line")
    for number, line in inputs.items():
        if line.startswith("@") and not _exists(path.parent / line):
            raise RasterError(f"{path}, line {number}: a list in a list; name its rasters here")
        try:
            yield from _found(line, path.parent)
        except RasterError as error:
            raise RasterError(f"{path}, line {number}: {error}") from error


def _text(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise RasterError(f"{path} is no text; a list names one raster a line, in UTF-8")
    return text


def _unreadable(path: Path, error: OSError) -> RasterError:
    reason = (error.strerror or str(error)).lower()
    return RasterError(f"{path} cannot be read ({reason}); check the path")


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path raises for names that cannot be
