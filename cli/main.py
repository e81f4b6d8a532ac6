"""The command ``geovehicle``: commands that are imported when they are used, errors as one line."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Any

import click

from geovehicle import __version__
from geovehicle.errors import GeoVehicleError

COMMANDS = {
    "detect": "Find the vehicles of rasters and write them as polygons.",
    "filter": "Keep the vehicles of a score, size, label or place.",
    "count": "Count the vehicles in each polygon of a layer.",
    "density": "Map how many vehicles there are per hectare.",
    "compare": "Tell which vehicles arrived, left or stayed between two layers.",
    "convert": "Turn a labelled data set of any layout into COCO.",
    "train": "Train a detector on a labelled data set.",
    "evaluate": "Compare detectors with labelled images, or two layers.",
    "label": "Turn the ignore boxes that a detector confirms into labels.",
    "export": "Write a network for ONNX Runtime or OpenVINO, in float32 or int8.",
    "example": "Write a synthetic orthophoto and the outlines of its vehicles.",
    "info": "Tell about this installation, its devices and weights.",
}
"""The commands, which are modules of this package, and their short help."""

INTERRUPTED = 130
"""Exit code of shells for a program that was ended by Ctrl-C: 128 and SIGINT."""


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of the help without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it raises on purpose becomes one line and an exit code."""
        try:
            return super().invoke(ctx)
        except GeoVehicleError as error:
            raise Failure(str(error), error.exit_code) from error
        except KeyboardInterrupt as error:
            raise Failure("interrupted", INTERRUPTED) from error


class Failure(click.ClickException):
    """An error told in one line, with an exit code of its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(" ".join(message.splitlines()))
        self.exit_code = exit_code  # type: ignore[misc]


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Options of a command: geovehicle COMMAND --help",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def geovehicle() -> None:
    """Every vehicle of an orthophoto as a polygon on the map."""


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that cannot be shown ends no long work
    geovehicle(prog_name="geovehicle")
