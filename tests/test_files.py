from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from geovehicle.errors import OutputError
from geovehicle.files import (
    check_folder_writable,
    check_writable,
    flush_folder,
    replacing,
    replacing_folder,
    sweep,
)


def write(target: Path, sidecars: tuple[str, ...] = (), failure: BaseException | None = None):
    with replacing(target, sidecars) as temporary:
        temporary.write_text("new")
        for suffix in sidecars:
            temporary.with_suffix(suffix).write_text("new")
        if failure:
            (temporary.parent / f"{target.name}-journal").touch()
            raise failure


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_the_target_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "out.bin"
    with replacing(target) as temporary:
        temporary.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == {"out.bin"}


def test_the_temporary_has_the_target_s_name_in_a_hidden_folder_beside_it(tmp_path):
    with replacing(tmp_path / "out.gpkg") as temporary:
        assert temporary.name == "out.gpkg"
        assert temporary.parent.parent == tmp_path.resolve()
        assert temporary.parent.name.startswith(".out.gpkg.geovehicle-")
        temporary.touch()


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(failure):
        write(target, failure=failure())
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == {"out.bin"}


def test_an_os_error_in_the_block_is_one_line_that_names_the_target(tmp_path):
    target = tmp_path / "out.bin"
    with pytest.raises(OutputError, match=re.escape(f"{target}: No space left")) as caught:
        write(target, failure=OSError(28, "No space left on device"))
    assert "\n" not in str(caught.value)


def test_a_move_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")

    def locked(self, other):
        raise PermissionError(13, "in use", str(other))

    monkeypatch.setattr(Path, "replace", locked)
    with pytest.raises(OutputError, match="in use"):
        write(target)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == {"out.bin"}


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        write(tmp_path / "no" / "out.bin")


def test_a_link_is_followed(tmp_path):
    real = tmp_path / "store" / "real.bin"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link = tmp_path / "link.bin"
    link.symlink_to(real)
    write(link)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_sidecars_are_moved_and_stale_ones_removed(tmp_path):
    for suffix in (".main", ".a", ".b"):
        (tmp_path / f"x{suffix}").write_text("old")
    (tmp_path / "x.other").write_text("mine")
    with replacing(tmp_path / "x.main", (".a", ".b", ".c", ".d")) as temporary:
        temporary.write_text("new")
        temporary.with_suffix(".a").write_text("new")
        temporary.with_suffix(".c").write_text("new")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "x.main": "new",
        "x.a": "new",
        "x.c": "new",
        "x.other": "mine",
    }


@pytest.mark.parametrize("locked", ["x.a", "x.b", "x.c", "x.main"])
@pytest.mark.parametrize(
    ("failure", "seen"),
    [(PermissionError(13, "in use"), OutputError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_sidecars_are_put_back_when_a_move_fails(tmp_path, monkeypatch, locked, failure, seen):
    for suffix in (".main", ".a", ".b"):
        (tmp_path / f"x{suffix}").write_text("old")
    move = Path.replace

    def replace(self, other):
        if self.name == locked and self.parent.parent == tmp_path:
            raise failure
        return move(self, other)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(seen):
        write(tmp_path / "x.main", (".a", ".b", ".c"))
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "x.main": "old",
        "x.a": "old",
        "x.b": "old",
    }


def test_the_main_file_is_moved_last(tmp_path, monkeypatch):
    moved = []
    move = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda self, other: (moved.append(Path(other).name), move(self, other))
    )
    write(tmp_path / "x.main", (".a", ".b"))
    assert moved == ["x.a", "x.b", "x.main"]


def test_content_is_on_the_disk_before_the_move_and_the_name_after(tmp_path, monkeypatch):
    events = []
    sync, move = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (events.append("sync"), sync(file)))
    monkeypatch.setattr(
        Path, "replace", lambda self, other: (events.append("move"), move(self, other))
    )
    write(tmp_path / "out.bin")
    assert events == ["sync", "move", "sync"]


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch):
    def refuse(file: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    flush_folder(tmp_path)
    flush_folder(tmp_path / "missing")


def test_a_new_file_in_a_writable_folder_passes_and_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "out.gpkg")
    assert names(tmp_path) == set()


def test_an_existing_file_needs_overwrite(tmp_path):
    target = tmp_path / "out.gpkg"
    target.touch()
    with pytest.raises(OutputError, match="--overwrite"):
        check_writable(target)
    check_writable(target, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_no_target(tmp_path, overwrite):
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path, overwrite)


def test_the_folder_has_to_exist(tmp_path):
    (tmp_path / "file").touch()
    for folder in ("missing", "file"):
        with pytest.raises(OutputError, match=f"no folder .*{folder}; create it"):
            check_writable(tmp_path / folder / "out.gpkg")


def test_a_folder_that_cannot_be_written_is_found_by_trying(tmp_path, monkeypatch):
    def read_only(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("geovehicle.files.TemporaryDirectory", read_only)
    with pytest.raises(OutputError, match="Read-only file system; see to"):
        check_writable(tmp_path / "out.gpkg")


def test_a_name_that_is_too_long_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        check_writable(tmp_path / ("x" * 300 + ".gpkg"))


@pytest.mark.parametrize("check", [check_writable, check_folder_writable])
@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\rb", "a\x85b", "a\x7fb"])
def test_a_control_character_in_a_name_is_an_output_error(tmp_path, check, name):
    (tmp_path / name).mkdir()
    for path in (tmp_path / name, tmp_path / name / "cars.gpkg"):
        with pytest.raises(OutputError, match=r"a\\\w+b\S* has a control character") as caught:
            check(path, overwrite=True)
        assert str(caught.value).isprintable()


def fill(target: Path, failure: BaseException | None = None):
    with replacing_folder(target) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "new.txt").write_text("new")
        if failure:
            raise failure


def test_a_folder_appears_when_the_block_ends(tmp_path):
    fill(tmp_path / "out")
    assert names(tmp_path) == {"out"}
    assert (tmp_path / "out" / "sub" / "new.txt").read_text() == "new"


def test_an_older_folder_is_replaced_whole(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").touch()
    fill(tmp_path / "out")
    assert names(tmp_path) == {"out"}
    assert names(tmp_path / "out") == {"sub"}


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failing_block_leaves_the_old_folder_and_nothing_else(tmp_path, failure):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").touch()
    with pytest.raises(failure):
        fill(tmp_path / "out", failure())
    assert names(tmp_path) == {"out"}
    assert names(tmp_path / "out") == {"old.txt"}


def test_an_older_folder_is_put_back_when_the_move_fails(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").touch()
    move = Path.replace

    def fail(path, target):
        if Path(target).name == "out" and path.parent.parent == tmp_path and path.name == "out":
            raise PermissionError(13, "Permission denied")
        return move(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="Permission denied"):
        fill(tmp_path / "out")
    assert names(tmp_path / "out") == {"old.txt"}


def test_a_folder_behind_a_link_is_the_one_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    fill(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == {"sub"}


def test_what_is_no_folder_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is no folder"):
            check_folder_writable(tmp_path / "pipe", overwrite)


def test_a_folder_whose_name_is_too_long_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        check_folder_writable(tmp_path / ("x" * 300))


def test_where_a_folder_can_be_made(tmp_path):
    check_folder_writable(tmp_path / "new")
    assert names(tmp_path) == set()
    (tmp_path / "old").mkdir()
    (tmp_path / "file").touch()
    check_folder_writable(tmp_path / "old", overwrite=True)
    for place, match in (("old", "--overwrite"), ("file", "is no folder"), ("no/new", "no folder")):
        with pytest.raises(OutputError, match=match):
            check_folder_writable(tmp_path / place)


def test_what_a_killed_process_has_left_is_swept(tmp_path):
    code = (
        "import os, pathlib, sys; from geovehicle.files import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1]) / 'out.bin') as new:\n"
        "    new.write_bytes(b'half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)  # noqa: S603
    (left,) = (folder.name for folder in tmp_path.iterdir())
    other = left.replace("out.bin", "other.bin")
    kept = {f"{left}.bak", f"{left}2", ".out.bin.geovehicle-journal", "out.bin"}
    for name in (other, *kept):
        (tmp_path / name).mkdir()
    only_copy = left[:-1] + ("a" if left[-1] != "a" else "b")
    (tmp_path / only_copy / ".replaced").mkdir(parents=True)
    (tmp_path / only_copy / ".replaced" / "old.dbf").touch()
    sweep(tmp_path, "out.bin")
    assert names(tmp_path) == {*kept, only_copy, other}
    sweep(tmp_path)
    assert names(tmp_path) == {*kept, only_copy}


def test_a_sweep_leaves_alone_what_is_being_written_to_other_files(tmp_path):
    with replacing(tmp_path / "other.gpkg") as temporary:
        temporary.touch()
        sweep(tmp_path, "out.gpkg")
        sweep(tmp_path, "*")
    assert names(tmp_path) == {"other.gpkg"}
