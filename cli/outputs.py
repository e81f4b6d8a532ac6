"""What the commands that analyse layers have in common: where they write, what they print."""

from __future__ import annotations

import functools
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geovehicle import __version__
from geovehicle.errors import OutputError
from geovehicle.export.destinations import Destination

from .events import json_option, one_line
from .options import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from geovehicle.export.destinations import Existing
    from geovehicle.export.provenance import Provenance

    from .options import Function


FORMATS = (
    "the suffix says the format: .gpkg, .shp, .geojson, .fgb, .parquet or .csv; or"
    " postgresql://user@host/database; or - for GeoJSON text sequences on stdout"
)
"""Where a layer can go, for the help."""


def output_option(help: str) -> Callable[[Function], Function]:
    """Return the option that names the output."""
    path = click.Path(path_type=Path)
    return click.option("-o", "--output", type=path, required=True, metavar="OUT", help=help)


def destination_options(help: str) -> Callable[[Function], Function]:
    """Return the options that say where a layer goes; the command gets a ``destination``.

    Parameters
    ----------
    help : str
        What the layer holds.
    """
    options = (
        click.option(
            "-o", "--output", type=NAME, required=True, metavar="OUT", help=f"{help}; {FORMATS}."
        ),
        click.option(
            "--layer",
            metavar="NAME",
            help="Name of the layer in a GeoPackage, or of the table, also as schema.table.",
        ),
        click.option(
            "--append",
            is_flag=True,
            help="Add rows to the layer of a .gpkg or .shp or to the table, where it is there.",
        ),
        click.option(
            "--overwrite",
            is_flag=True,
            help="Replace existing files; of a GeoPackage with --layer that layer alone.",
        ),
    )

    def decorate(command: Function) -> Function:
        @functools.wraps(command)
        def collapsed(
            *, output: str, layer: str | None, append: bool, overwrite: bool, **values: Any
        ) -> Any:
            if append and overwrite:
                raise click.UsageError("--append adds and --overwrite replaces; give one of them")
            existing: Existing = "append" if append else "overwrite" if overwrite else "refuse"
            return command(destination=Destination(output, layer, existing), **values)

        decorated: Function = collapsed
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def telling_options(command: Function) -> Function:
    """Give a command the options about existing files and about its summary."""
    replaced = click.option("--overwrite", is_flag=True, help="Replace existing files.")
    decorated: Function = replaced(json_option()(command))
    return decorated


def refuse_inputs(inputs: Sequence[str | None], *outputs: Path | Destination | None) -> None:
    """Make sure that no output is one of the inputs, or another output."""
    taken = {os.path.realpath(one.partition("|")[0]) for one in inputs if one}
    paths = (one.path if isinstance(one, Destination) else one for one in outputs)
    for output in filter(None, paths):
        if os.path.realpath(output) in taken:
            raise OutputError(f"{output} is used by this command already; write elsewhere")
        taken.add(os.path.realpath(output))


def tell(summary: Mapping[str, Any], line: str, as_json: bool, err: bool = False) -> None:
    """Print what came out: the line, or as JSON the summary; on stderr where stdout is taken."""
    told = {**summary, "version": __version__}
    click.echo(one_line(told) if as_json else line, err=err)


def number_of(count: int, one: str = "vehicle") -> str:
    """Return a number with its noun."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def provenance(
    command: str, inputs: Sequence[str], settings: Any, **files: str | None
) -> Provenance:
    """Return where the result of an analysis comes from; files are those that limit it."""
    from geovehicle.export.provenance import Provenance, named

    limits = {name: named(file) for name, file in files.items() if file}
    names = tuple(map(named, inputs))
    return Provenance(command=command, inputs=names, settings=asdict(settings) | limits)
