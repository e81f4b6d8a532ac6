"""What an algorithm and its parameters are, and the command line that values make of them.

Nothing here needs QGIS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Parameter:
    """One parameter of an algorithm.

    Attributes
    ----------
    name : str
        What QGIS calls it.
    kind : str
        What it is, see :data:`.widgets.MAKERS`.
    label : str
        What the dialog says.
    flag : str
        Its option; empty for arguments.
    default : object
        The value in the dialog; None leaves it empty.
    limits : tuple of float or None
        Lowest and highest value of a number.
    choices : tuple of str
        Of which one is chosen.
    required : bool
        Whether there has to be a value.
    advanced : bool
        Whether the dialog hides it at first.
    parent : str
        The parameter of the layer whose fields are chosen from.
    """

    name: str
    kind: str
    label: str
    flag: str = ""
    default: Any = None
    limits: tuple[float | None, float | None] = (None, None)
    choices: tuple[str, ...] = ()
    required: bool = False
    advanced: bool = False
    parent: str = ""

    @property
    def is_output(self) -> bool:
        """Whether it is a file that the command writes."""
        return self.kind.endswith(" output")


@dataclass(frozen=True)
class Algorithm:
    """One algorithm of the toolbox.

    Attributes
    ----------
    name, label, text : str
        What QGIS and the toolbox call it, and its help.
    command : tuple of str
        The command, and options that are always given.
    parameters : tuple of Parameter
        In the order of the dialog.
    numbers : mapping of str to str
        Results that are numbers, and what the command's summary calls them.
    together : tuple of str
        Parameters of which all are given, or none.
    """

    name: str
    label: str
    text: str
    command: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    numbers: Mapping[str, str]
    together: tuple[str, ...] = ()


def command_line(algorithm: Algorithm, values: Mapping[str, Any]) -> list[str]:
    """Return the arguments of ``geovehicle`` for an algorithm.

    QGIS asks before it replaces a file, so existing ones are replaced.

    Parameters
    ----------
    algorithm : Algorithm
    values : mapping of str to object
        By name; where it is None, False or empty, or missing, the command has its default.
        Several make the option come as often.
    """
    options: list[str] = []
    arguments: list[str] = []
    for parameter in algorithm.parameters:
        value = values.get(parameter.name)
        if value is None or value is False or value in ("", []):
            continue
        if value is True:
            options.append(parameter.flag)
            continue
        for one in map(str, value if isinstance(value, list) else [value]):
            if parameter.flag:
                options += [parameter.flag, one]
            else:
                arguments.append(one)
    return [*algorithm.command, *options, "--overwrite", "--json", "--", *arguments]


def complaint(algorithm: Algorithm, values: Mapping[str, Any]) -> str | None:
    """Return what is wrong with values that are each fine, None where nothing is."""
    lacking = [name for name in algorithm.together if values.get(name) in (None, "")]
    if not lacking or len(lacking) == len(algorithm.together):
        return None
    labels = [one.label for one in algorithm.parameters if one.name in algorithm.together]
    return f"“{'” and “'.join(labels)}” belong together; give both or none"
