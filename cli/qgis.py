"""``geovehicle qgis``: the algorithms in QGIS's Processing toolbox."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import click

from geovehicle import __version__
from geovehicle.qgis.installation import PROFILE, default_profiles, install, uninstall

Action = Literal["install", "uninstall"]

NEXT = "restart QGIS, then open Processing > Toolbox > geovehicle"


@click.command("qgis")
@click.argument("action", type=click.Choice(get_args(Action)), metavar="ACTION")
@click.option(
    "--profile",
    default=PROFILE,
    show_default=True,
    metavar="NAME",
    help="The user profile of QGIS, as in its menu Settings > User Profiles.",
)
@click.option(
    "--profiles",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The folder that holds the profiles.  [default: where QGIS keeps them]",
)
def command(action: Action, profile: str, profiles: Path | None) -> None:
    """Put the algorithms into QGIS, or take them away.

    ACTION is install or uninstall.  The algorithms are a plugin in a user profile of QGIS, which
    calls this installation; installing again replaces it.  Nothing is installed into QGIS's
    Python.
    """
    folder = profiles or default_profiles()
    if action == "install":
        click.echo(f"geovehicle {__version__} → {install(folder, profile)}")
        click.echo(NEXT)
    else:
        click.echo(f"removed {uninstall(folder, profile)}")
