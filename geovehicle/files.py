"""Files that are complete or not there: written beside their target, then moved over it."""

from __future__ import annotations

import glob
import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from geovehicle.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEMPORARY = re.compile(r"\..+\.geovehicle-[a-z0-9_]{8}")
"""Names of temporary folders: that of the target, and what tells them apart."""

CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f]")
"""Characters that no terminal shows."""

ASIDE = ".replaced"
"""Where older files lie in a temporary folder while their successors take their place."""


@contextmanager
def replacing(path: Path, sidecars: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a path to write to; what was written replaces ``path`` when the block ends well.

    The yielded path has the target's own name, in a hidden temporary folder
    beside the target: drivers see the right suffix and layer name, whatever they
    leave there (journals, half a file) disappears with it, and moving never
    crosses a file system.  The content is flushed to the disk before the move, so
    that a loss of power leaves the old file or the new one.  Links are followed.

    Parameters
    ----------
    path : pathlib.Path
        The target.  Whatever happens in the block, an existing file stays as it
        is until its successor is complete.
    sidecars : sequence of str
        Suffixes of the files that belong to the target, such as ``".shx"``.
        Those that the block wrote are moved too, before the target itself; old
        ones that it did not write are removed, for they describe the old file.

    Yields
    ------
    pathlib.Path
        Where to write.

    Raises
    ------
    OutputError
        Where an :class:`OSError` occurs, in the block as well: the block should
        do nothing but write.
    """
    target = Path(os.path.realpath(path))
    try:
        with _folder_beside(target) as folder:
            new = folder / target.name
            yield new
            _flush([new, *(new.with_suffix(suffix) for suffix in sidecars)])
            _exchange(new, target, sidecars)
            flush_folder(target.parent)
    except OSError as error:
        raise _output_error(path, error) from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill; it becomes ``path`` when the block ends well.

    As :func:`replacing` does for a file: whatever happens in the block, an older
    folder stays as it was until its successor is complete.

    Parameters
    ----------
    path : pathlib.Path
        The target, missing or a folder, whose whole content is replaced.

    Yields
    ------
    pathlib.Path
        An empty folder beside the target.

    Raises
    ------
    OutputError
        Where an :class:`OSError` occurs, in the block as well.
    """
    target = Path(os.path.realpath(path))
    try:
        with _folder_beside(target) as folder:
            new, aside = folder / target.name, folder / ASIDE
            new.mkdir()
            yield new
            _flush([file for file in new.rglob("*") if file.is_file()])
            if target.exists():
                target.replace(aside)
            try:
                new.replace(target)
            except BaseException:  # an interrupt must not take the old folder along
                if aside.exists():
                    aside.replace(target)
                raise
            flush_folder(target.parent)
    except OSError as error:
        raise _output_error(path, error) from error


def check_writable(path: Path, overwrite: bool = False) -> None:
    """Make sure that ``path`` can be written, before the work that leads to it.

    Parameters
    ----------
    path : pathlib.Path
        The file that is going to be written by :func:`replacing`.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        Where the folder is missing or cannot be written, where ``path`` is a
        folder, or where it exists and ``overwrite`` is false; where a name has a
        control character.
    """
    try:
        _check_characters(path)
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise OutputError(f"there is no folder {folder}; create it or write elsewhere")
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; add --overwrite to replace it")
        with _folder_beside(path):
            pass  # permission bits do not tell of access lists and read-only mounts
    except OSError as error:
        raise _output_error(path, error) from error


def check_folder_writable(path: Path, overwrite: bool = False) -> None:
    """Make sure that the folder ``path`` can be made, before the work that fills it.

    Parameters
    ----------
    path : pathlib.Path
        The folder that is going to be written by :func:`replacing_folder`.
    overwrite : bool
        Whether an existing folder may be replaced.

    Raises
    ------
    OutputError
        Where the folder around it is missing or cannot be written, where ``path`` is
        something else than a folder, or where it exists and ``overwrite`` is false;
        where a name has a control character.
    """
    try:
        _check_characters(path)
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path} is no folder; name another")
        if path.is_dir() and not overwrite:
            raise OutputError(f"{path} exists; add --overwrite to replace it")
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise OutputError(f"there is no folder {folder}; create it or write elsewhere")
        with _folder_beside(path):
            pass
    except OSError as error:
        raise _output_error(path, error) from error


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder, and which files they stand for, are on the disk.

    Where the system does not offer that, nothing happens.

    Parameters
    ----------
    folder : pathlib.Path
        In which files were made, moved or removed.
    """
    if os.name != "posix":
        return
    with suppress(OSError):  # some network file systems refuse, and all is written as well
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder: Path, target: str | None = None) -> None:
    """Remove the temporary folders that processes left when they were killed.

    Nothing but those of :func:`replacing` and :func:`replacing_folder`.  One that holds
    the only copy of an older file stays.

    Parameters
    ----------
    folder : pathlib.Path
        Where to look, and no deeper.
    target : str, optional
        The name of the file in that folder whose temporary folders are removed; without it,
        those of all.  Nobody may be writing it, here or on another machine.
    """
    name = "*" if target is None else glob.escape(target)
    for left in folder.glob(f".{name}.geovehicle-*"):
        if left.is_symlink() or not TEMPORARY.fullmatch(left.name):
            continue
        if left.is_dir() and not any((left / ASIDE).glob("*")):
            shutil.rmtree(left, ignore_errors=True)


def _check_characters(path: Path) -> None:
    """Refuse line breaks and the like, which drivers take out of names."""
    whole = os.path.realpath(path)
    if CONTROL.search(whole):
        raise OutputError(f"{whole!r} has a control character in a name; write elsewhere")


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary folder on the file system of ``path``, links followed."""
    target = Path(os.path.realpath(path))
    prefix = f".{target.name}.geovehicle-"
    with TemporaryDirectory(prefix=prefix, dir=target.parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _flush(files: Sequence[Path]) -> None:
    """Wait until the content of the files that exist is on the disk."""
    for file in files:
        if file.exists():
            with file.open("r+b") as stream:
                os.fsync(stream.fileno())


def _exchange(new: Path, target: Path, sidecars: Sequence[str]) -> None:
    """Put the new files in place of the old, the target last: all of them or none."""
    aside = new.parent / ASIDE
    aside.mkdir()
    placed: list[Path] = []
    try:
        for suffix in sidecars:
            old, successor = target.with_suffix(suffix), new.with_suffix(suffix)
            if old.exists():
                old.replace(aside / old.name)
            if successor.exists():
                successor.replace(old)
                placed.append(old)
        new.replace(target)
    except BaseException:  # an interrupt must not take the old sidecars along
        for file in placed:
            file.unlink()
        for file in aside.iterdir():
            file.replace(target.parent / file.name)
        raise


def _output_error(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"cannot write {path}: {reason};"
        " see to the folder's space and permissions or write elsewhere"
    )
