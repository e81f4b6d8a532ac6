"""The options of commands as tables: what a line ``::: options COMMAND`` of a page becomes.

mkdocs-click makes such tables too, but since click 8.3 it writes ``Sentinel.UNSET`` for every
option without a default, and it knows no defaults that are told in words.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

import click

from geovehicle.cli.main import geovehicle

PROGRAM = "geovehicle"

MARK = re.compile(r"^::: options ([\w -]+)$", re.MULTILINE)
"""A line of a page that names a command by its words, such as ``qgis install``."""

BRACKETS = re.compile(r"\s*\[([^][]*)\]")
"""What click, or a help text itself, adds to a help text."""

RANGE = re.compile(r"(; )?[^;]*(<=?x|x<=?|x>=?)[^;]*$")
"""The end of what click adds where a number has a range."""

HEADER = "| option | value | default | what it does |\n|---|---|---|---|"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of a page; MkDocs calls it for each."""
    return MARK.sub(lambda mark: table(mark[1]), markdown)


def table(words: str) -> str:
    """Return the options of a command as a Markdown table, and above it how it is called."""
    context = find(words.split())
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [one for one in command.params if isinstance(one, click.Option)]
    rows = [row(one, context) for one in options if not one.hidden]
    return "\n".join([f"**Usage:** `{usage}`\n", HEADER, *rows])


def find(words: list[str]) -> click.Context:
    """Return the context of a command; none of its words are those of the program itself."""
    context = click.Context(geovehicle, info_name=PROGRAM)
    for word in words if words != [PROGRAM] else []:
        group = context.command
        command = group.get_command(context, word) if isinstance(group, click.Group) else None
        if command is None:
            raise click.UsageError(f"::: options {' '.join(words)}: there is no such command")
        context = click.Context(
            command, info_name=word, parent=context, **geovehicle.context_settings
        )
    return context


def row(option: click.Option, context: click.Context) -> str:
    """Return the line of an option."""
    _, text = option.get_help_record(context) or ("", "")
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    cells = (names, value(option), default(option, text), prose(BRACKETS.sub("", text)))
    return f"| {' | '.join(cells)} |"


def value(option: click.Option) -> str:
    """Tell what follows an option."""
    kind = option.type
    if option.is_flag or option.count:
        return ""
    if isinstance(kind, click.Choice):
        return ", ".join(f"`{one}`" for one in kind.choices)
    if isinstance(kind, click.Tuple):
        return f"{len(kind.types)} numbers {limits(kind.types[0])}"
    if isinstance(kind, click.IntRange | click.FloatRange):
        return limits(kind)
    return f"`{option.metavar or kind.name.upper()}`"


def limits(kind: Any) -> str:
    """Tell the range of numbers."""
    low, high = (None if end is None else f"{end:g}" for end in (kind.min, kind.max))
    if low is not None and high is not None:
        return f"above {low}, up to {high}" if kind.min_open else f"{low} to {high}"
    if low is not None:
        return f"above {low}" if kind.min_open else f"from {low}"
    return "number"


def default(option: click.Option, text: str) -> str:
    """Return the default, or that there must be one."""
    if option.required:
        return "must be given"
    told = [one for one in BRACKETS.findall(text) if one.startswith("default: ")]
    if not told:
        return ""
    words = RANGE.sub("", told[0].removeprefix("default: "))
    if not option.show_default:
        return prose(words)
    return f"`--{words}`" if option.secondary_opts else f"`{words}`"


def prose(text: str) -> str:
    """Return a help text as Markdown: nothing in it is meant as markup, options are code."""
    plain = re.sub(r"([\\`*_])", r"\\\1", escape(" ".join(text.split()), quote=False))
    return re.sub(r"(?<![\w-])(--[a-z][a-z-]*)", r"`\1`", plain).replace("|", "&#124;")
