"""Settings classes as click options, so that each default and description is written once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, fields
from types import MappingProxyType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click

from geovehicle.model.weights import DEFAULT

Function = Callable[..., Any]

NAME = click.Path(readable=False)
"""A file, or what else GDAL opens by a name: shells complete it, and GDAL tells what is wrong."""

weights_option = click.option(
    "--weights",
    default=DEFAULT,
    show_default=True,
    metavar="NAME|FILE",
    help="Shipped weights by name, or a checkpoint of geovehicle train.",
)
"""The detector of the commands that use one."""


def options_of(
    settings_class: type[Any],
    leave_out: Collection[str] = (),
    name: str = "settings",
    helps: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Function], Function]:
    """Return a decorator that gives a command the options of a settings class.

    The command receives one frozen object.

    Parameters
    ----------
    settings_class : type
        A dataclass of :mod:`geovehicle.settings`.  Its fields made by
        :func:`geovehicle.settings.setting` become options; the others keep their
        defaults.
    leave_out : collection of str
        Names of fields that are to be no options.
    name : str
        The command's parameter for the object.
    helps : mapping of str to str
        What a field means to this command, where that is not what its help text says.
    """
    chosen = [
        field
        for field in fields(settings_class)
        if "help" in field.metadata and field.name not in leave_out
    ]
    hints = get_type_hints(settings_class)

    def decorate(command: Function) -> Function:
        @functools.wraps(command)
        def collapsed(**values: Any) -> Any:
            settings = settings_class(**{field.name: values.pop(field.name) for field in chosen})
            return command(**{name: settings}, **values)

        decorated: Function = collapsed
        for field in reversed(chosen):
            text = helps.get(field.name, field.metadata["help"])
            decorated = _option(field, hints[field.name], text)(decorated)
        return decorated

    return decorate


class FiniteRange(click.FloatRange):
    """A range without nan, which compares with nothing, and infinity."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return a finite number of the range."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def integers(text: str) -> tuple[int, ...]:
    """Return whole numbers that have commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 4,3,2.") from None


def _option(field: Field[Any], hint: Any, help: str) -> Callable[[Function], Function]:
    flag = f"--{field.name.replace('_', '-')}"
    if hint is bool and field.default is False:
        return click.option(flag, field.name, is_flag=True, help=help)
    if hint == tuple[str, ...]:
        return click.option(flag, field.name, multiple=True, help=help)
    return click.option(
        flag,
        field.name,
        type=_click_type(_without_none(hint), field),
        default=field.default,
        show_default=field.default is not None,
        help=help,
    )


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, UnionType):
        return hint
    (kind,) = (kind for kind in get_args(hint) if kind is not type(None))
    return kind


def _click_type(kind: Any, field: Field[Any]) -> Any:
    limits = {
        "min": field.metadata.get("minimum"),
        "max": field.metadata.get("maximum"),
        "min_open": field.metadata.get("open_minimum", False),
    }
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind == tuple[int, ...]:
        return integers
    if kind == tuple[float, float]:
        return (FiniteRange(**limits), FiniteRange(**limits))
    if kind is int:
        return click.IntRange(**limits)
    if kind is float:
        return FiniteRange(**limits)
    if kind is str:
        return click.STRING
    raise TypeError(f"no option is known for the field {field.name} of type {kind}")
