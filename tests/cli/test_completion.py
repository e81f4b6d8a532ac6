"""Completion in the shells themselves, where they are installed."""

from __future__ import annotations

import os
import pty
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest

from geovehicle.cli.completion import BEGIN, SHELLS, script

PROGRAMS = Path(sys.executable).parent
"""Where this environment's ``geovehicle`` is."""

PACKAGE = Path("/usr/share/bash-completion/bash_completion")
"""Debian's package, which loads completions when they are wanted."""

LOADED = """
import sys
from geovehicle.cli.main import main
try:
    main()
except SystemExit as end:
    print(end.code, *sys.modules, file=sys.stderr)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the user have a home of their own, from which this environment is found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TERM", "dumb")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def output_of(*command: object) -> str:
    process = subprocess.run(  # noqa: S603 - a shell of this machine
        [str(one) for one in command], capture_output=True, text=True, check=False, timeout=60
    )
    assert (process.returncode, process.stderr) == (0, ""), process.stderr
    return process.stdout


def typed(command: list[str], keys: str, until: str) -> str:
    """Type into a program on a terminal of its own, and return what the terminal shows."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - a shell of this machine
        command, stdin=end, stdout=end, stderr=end, start_new_session=True
    )
    os.close(end)
    shown, deadline, sent = "", time.monotonic() + 30, False
    try:
        while until not in shown and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.5)[0]:
                shown += os.read(terminal, 1024).decode(errors="replace")
            elif not sent:  # it has fallen silent: it waits
                os.write(terminal, keys.encode())
                sent = True
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    return shown


def test_bash_completes(run, home, needs_program):
    bash = needs_program("bash")
    result = run("--install-completion", "bash")
    path = home / ".local/share/bash-completion/completions/geovehicle"
    assert result.stdout.startswith(f"completion for bash → {path}; it works in new shells")
    asked = "COMP_WORDS=(geovehicle {}); COMP_CWORD=1; _geovehicle_completion geovehicle"
    told = "; echo ${COMPREPLY[@]}"
    assert output_of(bash, "-c", f". {path}; {asked.format('det')}{told}") == "detect\n"
    assert output_of(bash, "-c", f". {path}; {asked.format('--inst')}{told}") == (
        "--install-completion\n"
    )


def test_the_package_of_bash_finds_the_script(run, home, needs_program, needs):
    needs(PACKAGE.is_file(), "the package bash-completion")
    run("--install-completion", "bash")
    loaded = output_of(
        needs_program("bash"),
        "-c",
        f". {PACKAGE}; _completion_loader geovehicle; complete -p geovehicle",
    )
    assert "-F _geovehicle_completion geovehicle" in loaded


def test_zsh_completes(run, home, needs_program):
    zsh = needs_program("zsh")
    (home / ".zshrc").write_text("PS1='> '\nunsetopt BEEP")
    result = run("--install-completion", "zsh")
    assert result.stdout == (
        f"completion for zsh → {home}/.zfunc/_geovehicle and {home}/.zshrc;"
        " it works in new shells\n"
    )
    assert "geovehicle detect" in typed([zsh, "-i"], "geovehicle det\t", "geovehicle detect")


def test_the_start_of_zsh_keeps_its_own_lines(run, home):
    start = home / "dotfiles"
    start.write_text("export EDITOR=vi\n")
    (home / ".zshrc").symlink_to(start)
    run("--install-completion", "zsh")
    once = start.read_text()
    assert once.startswith(f"export EDITOR=vi\n{BEGIN}\n")
    start.write_text(once + "alias ll='ls -l'\n")
    run("--install-completion", "zsh")
    again = start.read_text()
    assert again.count(BEGIN) == 1
    assert again.startswith("export EDITOR=vi\nalias ll='ls -l'\n")
    assert (home / ".zshrc").is_symlink()


def test_the_start_of_zsh_keeps_its_permissions_and_its_line_ends(run, home):
    start = home / ".zshrc"
    start.write_bytes(b"export TOKEN=1\r\n")
    start.chmod(0o600)
    for _ in range(2):
        run("--install-completion", "zsh")
        content = start.read_bytes()
        assert content.startswith(b"export TOKEN=1\r\n")
        assert content.count(b"fpath=") == 1
        assert start.stat().st_mode & 0o777 == 0o600
        start.write_bytes(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def test_a_folder_of_any_name_is_quoted_for_zsh(run, home, monkeypatch, needs_program):
    folder = home / """a"b'c $d"""
    folder.mkdir()
    monkeypatch.setenv("ZDOTDIR", str(folder))
    run("--install-completion", "zsh")
    asked = f". {shlex.quote(str(folder / '.zshrc'))}; print -r -- $fpath[1]"
    assert output_of(needs_program("zsh"), "-fc", asked) == f"{folder}/.zfunc\n"


def test_without_a_home_the_way_out_is_told(run, monkeypatch):
    monkeypatch.setattr(Path, "home", mock.Mock(side_effect=RuntimeError))
    result = run("--install-completion", "bash")
    assert result.exit_code == 4
    assert "set HOME, or use --show-completion" in result.stderr


def test_fish_completes(run, home, needs_program):
    fish = needs_program("fish")
    result = run("--install-completion", "fish")
    path = home / ".config/fish/completions/geovehicle.fish"
    assert str(path) in result.stdout
    assert "detect\t" in output_of(fish, "-c", "complete -C 'geovehicle det'")
    assert "install" in output_of(fish, "-c", "complete -C 'geovehicle --install'")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_shown(run, home, shell):
    assert run("--show-completion", shell).stdout == f"{script(shell).strip()}\n"
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_in_use_is_taken(run, home, monkeypatch, shell):
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert run("--show-completion").stdout == f"{script(shell).strip()}\n"
    assert run("--install-completion").stdout.startswith(f"completion for {shell} → ")


@pytest.mark.parametrize(
    ("shell", "told"), [("/bin/tcsh", "/bin/tcsh is none of them"), ("", "does not tell yours")]
)
def test_a_shell_that_is_not_known_is_told_in_one_line(run, monkeypatch, shell, told):
    monkeypatch.setenv("SHELL", shell)
    result = run("--install-completion")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: completion is for bash, zsh, fish, and ")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_another_name_is_no_shell(run):
    result = run("--show-completion", "tcsh")
    assert result.exit_code == 2
    assert "tcsh is none of bash, zsh, fish" in result.stderr


def test_a_folder_that_cannot_be_made_is_told_in_one_line(run, home):
    (home / ".config").write_text("in the way")
    result = run("--install-completion", "fish")
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1
    assert f"{home}/.config/fish/completions cannot be made" in result.stderr


def test_a_start_that_cannot_be_read_is_left_alone(run, home):
    (home / ".zshrc").write_bytes(b"\xff\xfe\xff")
    result = run("--install-completion", "zsh")
    assert result.exit_code == 4
    assert "add the lines by hand" in result.stderr
    assert (home / ".zshrc").read_bytes() == b"\xff\xfe\xff"


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("geovehicle e", ["evaluate", "export", "example"]),
        ("geovehicle --v", ["--version"]),
        ("geovehicle --show-completion ", ["bash", "zsh", "fish"]),
        ("geovehicle detect --pre", ["--precision", "--preview"]),
        ("geovehicle detect --device c", ["cpu", "cuda"]),
        ("geovehicle detect or", [",file"]),
        ("geovehicle count cars.gpkg pa", [",file"]),
        ("geovehicle detect ortho.tif --aoi ci", [",file"]),
    ],
)
def test_what_fits_is_told_without_loading_anything_heavy(words, fits):
    position = words.count(" ")
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(position)}
    process = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", LOADED],
        env={**os.environ, **asked, "_GEOVEHICLE_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = [line.removeprefix("plain,") for line in process.stdout.split()]
    assert [one if one in fits else f",{one.partition(',')[0]}" for one in told] == fits
    code, *modules = process.stderr.split()
    assert code == "0"
    assert not {"torch", "numpy", "rasterio", "geopandas", "shapely"} & set(modules)
