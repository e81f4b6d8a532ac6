from __future__ import annotations

import ast
import re
import runpy
import shlex
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from geovehicle.cli.main import COMMANDS, geovehicle
from geovehicle.settings import DEFAULT_DETECTOR, PAPER

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = (".ci", "benchmarks", "cli", "docs", "examples", "geovehicle", "tests")
TEXT = {".cfg", ".css", ".html", ".json", ".md", ".py", ".toml", ".txt", ".yaml", ".yml", ""}

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MARKER = re.compile(r"@@[A-Z0-9_]+@@")
TEXT_OF_SVG = re.compile(r"<text[^>]*>([^<]*)<|<tspan[^>]*>([^<]*)<")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|tmp|root|home|opt)/")
REGISTRY = re.compile(r"pypi\.org|python[h]osted|download\.pytorch|[-]index-url|find[-]links")

REFERENCE = runpy.run_path(str(ROOT / "docs/reference.py"))
"""What MkDocs calls to make the tables of options."""

per_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Yield the fenced blocks of a page that are in one of the languages."""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def command_lines() -> list[str]:
    """Return every command line in a block of any page, continued lines joined, up to a pipe."""
    lines = [
        re.split(r" [|>] ", line.strip().removeprefix("$ "))[0]
        for page in PAGES
        for text in blocks(page, "bash", "sh", "console")
        for line in text.replace("\\\n", " ").splitlines()
    ]
    return sorted({line for line in lines if line.startswith("geovehicle ")})


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page get."""
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    plain = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in HEADING.findall(prose)]
    return {re.sub(r"[-\s]+", "-", heading) for heading in plain}


def command(name: str) -> click.Command:
    found = geovehicle.get_command(click.Context(geovehicle), name)
    assert found is not None, f"there is no command {name}"
    return found


def words_of_commands() -> list[str]:
    """Return the words that call each command, for a group those of the commands in it."""
    words = []
    for name in COMMANDS:
        one = command(name)
        inner = one.list_commands(click.Context(one)) if isinstance(one, click.Group) else []
        words += [f"{name} {word}" for word in inner] or [name]
    return words


def called(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that a command line calls, and what it is given."""
    chosen: click.Command = geovehicle
    rest = list(arguments)
    while isinstance(chosen, click.Group) and rest and not rest[0].startswith("-"):
        inner = chosen.get_command(click.Context(chosen), rest[0])
        assert inner is not None, f"there is no command {rest[0]}"
        chosen, rest = inner, rest[1:]
    return chosen, rest


def parse(arguments: list[str]) -> None:
    """Parse a command line as the program does, without asking whether files exist."""
    name = arguments[0]
    chosen, rest = called(arguments)
    context = click.Context(chosen, info_name=name)
    values, extra, _ = chosen.make_parser(context).parse_args(rest)
    assert not extra
    for parameter in chosen.get_params(context):
        value = values.get(parameter.name)
        given = isinstance(value, str | list | tuple) and len(value) > 0
        assert given or not parameter.required, f"{parameter.name} is missing"
        if given and not isinstance(parameter.type, click.Path):
            parameter.type_cast_value(context, value)


def section(page: str, heading: str) -> str:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def text_files() -> Iterator[Path]:
    """Yield the project's own text files."""
    paths = [path for path in ROOT.iterdir() if path.name != ".git"]
    for folder in FOLDERS:
        paths += (ROOT / folder).rglob("*")
    for path in paths:
        if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
            yield path


@per_page
def test_links_lead_to_files_and_headings(page: Path) -> None:
    broken = []
    for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("line", command_lines())
def test_command_line_is_one_that_the_program_takes(line: str) -> None:
    parse(shlex.split(line, comments=True)[1:])


def test_wrong_command_lines_would_be_noticed() -> None:
    for line in ("detect a.tif", "detect a.tif -o b.gpkg --colour", "detect a.tif -o b --score 2"):
        with pytest.raises((AssertionError, click.UsageError)):
            parse(line.split())


@pytest.mark.parametrize("words", words_of_commands())
def test_every_command_has_a_section_with_its_options(words: str) -> None:
    assert f"\n::: options {words}\n" in section("cli.md", words.split()[0])


def test_no_option_is_described_by_hand() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `-.*", text, re.MULTILINE) == []


@pytest.mark.parametrize("words", words_of_commands())
def test_the_table_of_a_command_has_its_options(words: str) -> None:
    context = REFERENCE["find"](words.split())
    rows = re.findall(r"^\| (`-.*?`) \|", REFERENCE["table"](words), re.MULTILINE)
    shown = {flag for row in rows for flag in re.findall(r"`(-[\w-]+)`", row)}
    options = [one for one in context.command.params if isinstance(one, click.Option)]
    visible = [one for one in options if not one.hidden]
    assert shown == {flag for one in visible for flag in (*one.opts, *one.secondary_opts)}


@pytest.mark.parametrize(
    ("words", "row"),
    [
        ("count", "| `--overlap` | `each`, `first` | `each` | Where zones"),
        ("detect", "| `--patch` | from 256 | `2048` | Longest side"),
        ("detect", "| `-o`, `--output` | `OUT` | must be given | "),
        ("detect", "| `--resume`, `--no-resume` |  | `--resume` | Go on"),
        ("detect", "| `--score` | 0 to 1 | the weights' own | Lowest"),
        ("evaluate", "| `--weights` | `NAME|FILE` | vehicles-10cm | Shipped"),
        ("train", "| `--gsd-range` | 2 numbers above 0 | `--gsd` / 1.5 to `--gsd` / 0.7 | Finest"),
        ("geovehicle", "| `--version` |  |  | Show the version and exit. |"),
    ],
)
def test_a_row_tells_value_default_and_meaning(words: str, row: str) -> None:
    assert f"\n{row}" in REFERENCE["table"](words)


def test_a_mark_of_no_command_ends_the_build() -> None:
    with pytest.raises(click.UsageError, match="there is no such command"):
        REFERENCE["on_page_markdown"]("::: options detecy")


@per_page
def test_commands_and_options_in_running_text_exist(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for snippet in re.findall(r"`geovehicle ([^`]+)`", prose):
        if snippet.startswith("COMMAND"):
            continue
        chosen, rest = called(snippet.split())
        options = chosen.get_params(click.Context(chosen))
        known = {flag for option in options for flag in (*option.opts, *option.secondary_opts)}
        assert {word for word in rest if word.startswith("-")} <= known, snippet


@per_page
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"`make (\w+)", page.read_text(encoding="utf-8"))
    for block in blocks(page, "bash"):
        named += re.findall(r"^make (\w+)", block, re.MULTILINE)
    assert set(named) <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


@per_page
def test_python_examples_import_what_exists(page: Path) -> None:
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(node.module or "")
                assert [one.name for one in node.names if not hasattr(module, one.name)] == []
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "geovehicle":
                assert hasattr(import_module("geovehicle"), node.attr), node.attr


def test_table_of_the_detector_is_that_of_the_settings() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \| (.+?) \|$",
        section("how-it-works.md", "What differs by default"),
        re.MULTILINE,
    )
    assert len(rows) > 10
    for name, *documented in rows:
        values = [getattr(config, name) for config in (PAPER.detector, DEFAULT_DETECTOR)]
        shown = [", ".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in values]
        assert documented == shown, name


def test_figures_are_drawn_by_their_script(tmp_path: Path) -> None:
    figures = runpy.run_path(str(ROOT / "docs/figures/draw.py"))
    figures["draw"](tmp_path)
    for name in figures["FIGURES"]:
        drawn, kept = ((folder / name).read_text("utf-8") for folder in (tmp_path, figures["HERE"]))
        assert "<svg" in kept
        assert TEXT_OF_SVG.findall(drawn) == TEXT_OF_SVG.findall(kept), f"draw {name} again"
        assert drawn.count("<path") == kept.count("<path")


@per_page
def test_no_figure_is_left_open(page: Path) -> None:
    assert MARKER.findall(page.read_text(encoding="utf-8")) == []


def test_files_name_no_machine_and_no_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in text_files()
        for pattern in (MACHINE_PATH, REGISTRY)
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
