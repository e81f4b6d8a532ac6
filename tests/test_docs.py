from __future__ import annotations

import ast
import re
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
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|tmp|root|home|opt)/")
REGISTRY = re.compile(r"pypi\.org|python[h]osted|download\.pytorch|[-]index-url|find[-]links")

per_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Yield the fenced blocks of a page that are in one of the languages."""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def command_lines() -> list[str]:
    """Return every command line in a block of any page, continued lines joined."""
    lines = [
        line.strip().removeprefix("$ ")
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


def parse(arguments: list[str]) -> None:
    """Parse a command line as the program does, without asking whether files exist."""
    name, *rest = arguments
    chosen, rest = (geovehicle, arguments) if name.startswith("-") else (command(name), rest)
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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_none_besides(name: str) -> None:
    rows = re.findall(r"^\| (`-.*?) \|", section("cli.md", name), re.MULTILINE)
    documented = {option for row in rows for option in re.findall(r"`(--?[\w-]+)`", row)}
    options = [one for one in command(name).params if isinstance(one, click.Option)]
    assert documented == {flag for one in options for flag in (*one.opts, *one.secondary_opts)}


@pytest.mark.parametrize("name", COMMANDS)
def test_documented_defaults_are_the_programs(name: str) -> None:
    rows = dict(re.findall(r"^\| `(--[\w-]+)` \| (\S+) \|", section("cli.md", name), re.MULTILINE))
    options = {option.opts[-1]: option for option in command(name).params}
    for flag, default in rows.items():
        actual = options[flag].default
        assert type(actual)(default.strip("`")) == actual, flag


@per_page
def test_commands_and_options_in_running_text_exist(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for snippet in re.findall(r"`geovehicle ([^`]+)`", prose):
        name, *rest = snippet.split()
        if name in ("COMMAND", "--help"):
            continue
        known = {flag for option in command(name).params for flag in option.opts}
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
