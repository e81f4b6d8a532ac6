"""What the commands that analyse layers have in common: where they write, what they print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geovehicle import __version__
from geovehicle.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .options import Function


def output_option(help: str) -> Callable[[Function], Function]:
    """Return the option that names the output."""
    path = click.Path(path_type=Path)
    return click.option("-o", "--output", type=path, required=True, metavar="OUT", help=help)


def telling_options(command: Function) -> Function:
    """Give a command the options about existing files and about its summary."""
    told = click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
    replaced = click.option("--overwrite", is_flag=True, help="Replace existing files.")
    decorated: Function = replaced(told(command))
    return decorated


def refuse_inputs(inputs: Sequence[str | None], *outputs: Path | None) -> None:
    """Make sure that no output is one of the inputs, or another output."""
    taken = {os.path.realpath(one.partition("|")[0]) for one in inputs if one}
    for output in filter(None, outputs):
        if os.path.realpath(output) in taken:
            raise OutputError(f"{output} is used by this command already; write elsewhere")
        taken.add(os.path.realpath(output))


def tell(summary: Mapping[str, Any], line: str, as_json: bool) -> None:
    """Print what came out: the line, or as JSON the summary."""
    told = {**summary, "version": __version__}
    click.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else line)


def number_of(count: int, one: str = "vehicle") -> str:
    """Return a number with its noun."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"
