"""The plugin in a user's QGIS profile: put there, switched on, and taken away.

A profile is a folder.  Its plugins lie in ``python/plugins``, and ``QGIS/QGIS3.ini`` tells which
of them QGIS loads.  Nothing is installed into QGIS's Python: the plugin is told how to call this
installation.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from geovehicle import __version__
from geovehicle.errors import InputError, OutputError
from geovehicle.files import replacing, replacing_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOURCE = Path(__file__).with_name("plugin")
NAME = "geovehicle"
"""Of the plugin's folder, by which QGIS knows it."""

CALL = "installation.json"
"""Beside the plugin: how to call this installation.  It marks the folder as ours."""

PROFILE = "default"
"""The profile that QGIS makes by itself."""

CUSTOM = "QGIS_CUSTOM_CONFIG_PATH"
"""The variable that tells QGIS to keep its profiles elsewhere."""

SECTION, KEY = b"[PythonPlugins]", b"geovehicle"


def default_profiles(environ: Mapping[str, str] | None = None, platform: str | None = None) -> Path:
    """Return the folder in which QGIS keeps the profiles of this user.

    Parameters
    ----------
    environ : mapping of str to str, optional
        The environment's variables; those of this process without it.
    platform : str, optional
        As ``sys.platform``.
    """
    environ = os.environ if environ is None else environ
    platform = platform or sys.platform
    if environ.get(CUSTOM):
        return Path(environ[CUSTOM]) / "profiles"
    home = Path.home()
    if platform == "win32":
        base = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "QGIS" / "QGIS3" / "profiles"


def install(profiles: Path, profile: str = PROFILE) -> Path:
    """Put the plugin into a profile, in place of an older one, and switch it on.

    Parameters
    ----------
    profiles : pathlib.Path
        The folder of the profiles.
    profile : str
        The name of one.  The default one is made where QGIS has not been started yet.

    Returns
    -------
    pathlib.Path
        The plugin's folder.

    Raises
    ------
    InputError
        If there is no such profile.
    OutputError
        If it cannot be written, or if another plugin has the name.
    """
    home = _home(profiles, profile)
    folder = _own_folder(home)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        (home / "QGIS").mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{error.filename} cannot be made ({error.strerror})") from error
    with replacing_folder(folder) as new:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE, new, dirs_exist_ok=True, ignore=ignored)
        call = {"command": command(), "version": __version__}
        (new / CALL).write_text(json.dumps(call, indent=2) + "\n", encoding="utf-8")
    _edit(home, switched_on)
    return folder


def uninstall(profiles: Path, profile: str = PROFILE) -> Path:
    """Take the plugin out of a profile.

    Parameters
    ----------
    profiles, profile
        As for :func:`install`.

    Returns
    -------
    pathlib.Path
        The folder that is gone.

    Raises
    ------
    InputError
        If there is no such profile, or no plugin of ours in it.
    OutputError
        If it cannot be removed.
    """
    home = _home(profiles, profile)
    folder = _own_folder(home)
    if not folder.exists():
        raise InputError(f"there is no {folder}; name the profile that has the plugin")
    _edit(home, switched_off)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be removed ({error.strerror})") from error
    return folder


def command() -> list[str]:
    """Return how to call this installation from any folder, whatever lies in it."""
    return [os.path.abspath(sys.executable), "-P", "-m", "geovehicle"]  # noqa: PTH100 - links stay


def switched_on(settings: bytes) -> bytes:
    """Return the text of QGIS3.ini with the plugin switched on, all else as it was."""
    lines = _without_key(settings)
    end = b"\r\n" if b"\r\n" in settings else b"\n"
    line = KEY + b"=true" + end
    heads = [number for number, one in enumerate(lines) if _head(one) == SECTION]
    if heads:
        lines[heads[0]] = lines[heads[0]].rstrip(b"\r\n") + end
        lines.insert(heads[0] + 1, line)
        return b"".join(lines)
    if lines:
        lines[-1] = lines[-1].rstrip(b"\r\n") + end
        lines.append(end)
    return b"".join([*lines, SECTION + end, line])


def switched_off(settings: bytes) -> bytes:
    """Return the text of QGIS3.ini without a word about the plugin, all else as it was."""
    return b"".join(_without_key(settings))


def _without_key(settings: bytes) -> list[bytes]:
    kept, inside = [], False
    for line in settings.splitlines(keepends=True):
        if _head(line).startswith(b"["):
            inside = _head(line) == SECTION
        if not (inside and line.partition(b"=")[0].strip() == KEY):
            kept.append(line)
    return kept


def _head(line: bytes) -> bytes:
    """Return a line as the head of a section is compared: the first may have a BOM."""
    return line.removeprefix(codecs.BOM_UTF8).strip()


def _home(profiles: Path, profile: str) -> Path:
    """Return the folder of a profile, if it is there or QGIS would make it."""
    home = profiles / profile
    if profile in ("", "..") or Path(profile).name != profile:
        raise InputError(f"{profile!r} is no name of a profile; name the folder by --profiles")
    if profile != PROFILE and not home.is_dir():
        there = ", ".join(sorted(one.name for one in profiles.glob("*/"))) or "none"
        raise InputError(f"there is no profile {profile} in {profiles}; there are: {there}")
    return home


def _own_folder(home: Path) -> Path:
    """Return the plugin's folder, if nothing of anybody else lies there."""
    folder = home / "python" / "plugins" / NAME
    if os.path.lexists(folder) and (folder.is_symlink() or not (folder / CALL).is_file()):
        raise OutputError(f"{folder} is not from geovehicle qgis install; move it away")
    return folder


def _edit(home: Path, edited: Callable[[bytes], bytes]) -> None:
    """Change the profile's settings, which may be linked and hold passwords."""
    file = home / "QGIS" / "QGIS3.ini"
    try:
        old = file.read_bytes() if file.exists() else b""
    except OSError as error:
        raise OutputError(f"{file} cannot be read ({error.strerror})") from error
    if edited(old) == old:
        return
    with replacing(file) as new:
        new.touch(mode=0o600)
        if file.exists():
            shutil.copymode(file, new)
        new.write_bytes(edited(old))
