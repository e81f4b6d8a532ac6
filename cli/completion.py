"""``--install-completion`` and ``--show-completion``: what the TAB key does in a shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from geovehicle.errors import GeoVehicleError, OutputError, SettingsError
from geovehicle.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from .options import Function

SHELLS = ("bash", "zsh", "fish")

PROGRAM = "geovehicle"

VARIABLE = "_GEOVEHICLE_COMPLETE"
"""By this variable the shell's script asks the program what fits."""

BEGIN, END = f"# >>> {PROGRAM} completion >>>", f"# <<< {PROGRAM} completion <<<"
"""What is between them in a start-up file is ours."""

BLOCK = re.compile(rf"^{re.escape(BEGIN)}\r?$.*?^{re.escape(END)}\r?$\n?", re.MULTILINE | re.DOTALL)


def completion_options(command: Function) -> Function:
    """Give the program the options about completion."""
    decorated: Function = _option(
        "--show-completion", "Print what completes commands and options in a shell.", _show
    )(command)
    return _option("--install-completion", "Let a shell complete commands and options.", _install)(
        decorated
    )


def script(shell: str) -> str:
    """Return what a shell has to read.

    Parameters
    ----------
    shell : str
        One of :data:`SHELLS`.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    return made.source_template % made.source_vars()


def install(shell: str) -> list[Path]:
    """Put the script where the user's shell looks for it, and return the files written.

    A second time replaces what the first one wrote, and nothing else.

    Parameters
    ----------
    shell : str
        One of :data:`SHELLS`.

    Raises
    ------
    OutputError
        If a file cannot be written, or if the user has no home.
    """
    try:
        home = Path.home()
    except RuntimeError as error:  # an account without one, as in containers
        raise OutputError("you have no home folder; set HOME, or use --show-completion") from error
    if shell == "bash":
        data = _folder("XDG_DATA_HOME", home / ".local/share")
        return [_write(data / "bash-completion/completions" / PROGRAM, script(shell))]
    if shell == "fish":
        config = _folder("XDG_CONFIG_HOME", home / ".config")
        return [_write(config / f"fish/completions/{PROGRAM}.fish", script(shell))]
    folder = _folder("ZDOTDIR", home)
    functions, start = folder / ".zfunc", folder / ".zshrc"
    written = _write(functions / f"_{PROGRAM}", script(shell))
    return [written, _write(start, _with_block(start, functions))]


def shell_in_use() -> str:
    """Return the shell that ``$SHELL`` names.

    Raises
    ------
    SettingsError
        If that is none of :data:`SHELLS`.
    """
    path = os.environ.get("SHELL", "")
    name = Path(path).name
    if name not in SHELLS:
        told = f"{path} is none of them" if path else "the variable SHELL does not tell yours"
        raise SettingsError(f"completion is for {', '.join(SHELLS)}, and {told}; name one")
    return name


def _option(flag: str, help: str, act: Callable[[str], str]) -> Callable[[Function], Function]:
    """Return an option that acts on a shell, prints what the act returns, and ends."""

    def callback(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is None or context.resilient_parsing:
            return
        try:
            click.echo(act(value or shell_in_use()))
        except GeoVehicleError as error:  # of an option, so before a command is there to tell it
            failure = click.ClickException(str(error))
            failure.exit_code = error.exit_code  # type: ignore[misc]
            raise failure from error
        context.exit()

    return click.option(
        flag,
        is_flag=False,
        flag_value="",
        default=None,
        type=_Shell(),
        metavar="[bash|zsh|fish]",
        expose_value=False,
        is_eager=True,
        callback=callback,
        help=f"{help}  [default: the one of $SHELL]",
    )


class _Shell(click.ParamType):  # type: ignore[type-arg]
    """A shell by its name, or nothing for the one in use."""

    name = "shell"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in ("", *SHELLS):
            self.fail(f"{value} is none of {', '.join(SHELLS)}.", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in SHELLS if name.startswith(incomplete)]


def _show(shell: str) -> str:
    return script(shell).strip()


def _install(shell: str) -> str:
    files = " and ".join(map(str, install(shell)))
    needed = ", where the package bash-completion is installed" if shell == "bash" else ""
    return f"completion for {shell} → {files}; it works in new shells{needed}"


def _folder(variable: str, otherwise: Path) -> Path:
    """Return a folder that a variable may name."""
    return Path(os.environ.get(variable) or otherwise)


def _with_block(start: Path, functions: Path) -> str:
    """Return a start-up file of zsh with the block that finds the folder of functions."""
    try:
        before = start.read_bytes().decode() if start.exists() else ""  # line ends as they are
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{start} cannot be read ({error}); add the lines by hand") from None
    before = BLOCK.sub("", before)
    fpath = f"fpath=({shlex.quote(str(functions))} $fpath)"
    lines = [BEGIN, fpath, "autoload -Uz compinit && compinit", END]
    return before + "\n" * bool(before and not before.endswith("\n")) + "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> Path:
    """Write a small file, in a folder that may be missing, and return where.

    One that is there keeps its permissions: a start-up file may hold secrets.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be made ({error.strerror})") from None
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode())
        if path.exists():
            shutil.copymode(path, temporary)
    return path
