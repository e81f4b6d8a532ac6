"""The command ``geovehicle``: commands that are imported when they are used, errors as one line."""

from __future__ import annotations

import io
import os
import sys
import warnings
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from geovehicle import __version__
from geovehicle.errors import GeoVehicleError, GeoVehicleWarning

from .completion import completion_options
from .events import Events, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = {
    "detect": "Find the vehicles of rasters and write them as polygons.",
    "filter": "Keep the vehicles of a score, size, label or place.",
    "count": "Count the vehicles in each polygon of a layer.",
    "density": "Map how many vehicles there are per hectare.",
    "compare": "Tell which vehicles arrived, left or stayed between two layers.",
    "map": "Show vehicles on their orthophoto in a page for any browser.",
    "convert": "Turn a labelled data set of any layout into COCO.",
    "train": "Train a detector on a labelled data set.",
    "evaluate": "Compare detectors with labelled images, or two layers.",
    "label": "Turn the ignore boxes that a detector confirms into labels.",
    "export": "Write a network for ONNX Runtime or OpenVINO, in float32 or int8.",
    "qgis": "Put the algorithms into QGIS, or take them away.",
    "example": "Write a synthetic orthophoto and the outlines of its vehicles.",
    "info": "Tell about this installation, its devices and weights.",
}
"""The commands, which are modules of this package, and their short help."""

JSON = "--json"
"""The option by which a command speaks to programs, its errors included."""

INTERRUPTED = 130
"""Exit code of shells for a program that was ended by Ctrl-C: 128 and SIGINT."""


UNREAD = 141
"""Exit code of shells for a program that writes where nobody reads: 128 and SIGPIPE."""


class LazyGroup(click.Group):
    """A group that lists its commands from :data:`COMMANDS` and imports the one in use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by its name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{cmd_name}", __package__).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so without importing one, or the options."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        commands = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return commands + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of the help without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it raises on purpose becomes one line and an exit code."""
        as_json = JSON in ctx.args
        try:
            with telling_warnings(as_json):
                return super().invoke(ctx)
        except GeoVehicleError as error:
            raise Failure(str(error), error.exit_code, as_json) from error
        except KeyboardInterrupt as error:
            raise Failure("interrupted", INTERRUPTED, as_json) from error
        except BrokenPipeError as error:
            raise Unread from error
        except click.ClickException as error:
            if not as_json:
                raise  # click says how the command is used as well
            raise Failure(error.format_message(), error.exit_code, as_json) from error


@contextmanager
def telling_warnings(as_json: bool) -> Iterator[None]:
    """Tell each of our warnings in one line on stderr, to programs as an event."""
    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if not issubclass(category, GeoVehicleWarning):
            others(message, category, *where)
            return
        line = plain(str(message))
        if as_json:
            Events(told=True).tell("warning", message=line)
        else:
            clean = "\r\x1b[K" if sys.stderr.isatty() else ""  # where progress may stand
            click.echo(f"{clean}warning: {line}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", GeoVehicleWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


class Failure(click.ClickException):
    """An error told in one line, to programs as an event, with an exit code of its own."""

    def __init__(self, message: str, exit_code: int, as_json: bool) -> None:
        super().__init__(plain(message))
        self.exit_code = exit_code  # type: ignore[misc]
        self._as_json = as_json

    def show(self, file: IO[Any] | None = None) -> None:
        """Tell it on stderr."""
        if not self._as_json:
            super().show(file)
            return
        Events(told=True).tell("error", message=self.message, exit_code=self.exit_code)


class Unread(click.ClickException):
    """Nobody reads stdout any more, as after ``| head``: the end, without a word."""

    exit_code = UNREAD

    def __init__(self) -> None:
        super().__init__("")

    def show(self, file: IO[Any] | None = None) -> None:
        """Let go of what waits to be written, which would be told at the end."""
        with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Options of a command: geovehicle COMMAND --help",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@completion_options
def geovehicle() -> None:
    """Every vehicle of an orthophoto as a polygon on the map."""


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that cannot be shown ends no long work
    geovehicle(prog_name="geovehicle")
