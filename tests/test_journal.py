from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geovehicle.errors import OutputError
from geovehicle.journal import APPLICATION, Journal, _locked, open_journal

JOB = {"rasters": ["a.tif", "b.tif"], "score": 0.5}
NAME = ".cars.geovehicle-journal"
KEYS = st.tuples(st.integers(0, 9), st.integers(0, 2**32 - 1))

ADDING = """
import sys
from pathlib import Path
from geovehicle.journal import open_journal
with open_journal(Path(sys.argv[1]), {"job": 1}) as journal:
    for block in range(len(journal.done()), 10**9):
        journal.add((0, block), b"%d," % block * (block % 700))
        print(block, flush=True)
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cars.gpkg"


def adding(target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", ADDING, str(target)], stdout=subprocess.PIPE)  # noqa: S603


def fill(target: Path, *keys: tuple[int, int]) -> None:
    with open_journal(target, JOB) as journal:
        for key in keys:
            journal.add(key, b"found %d %d" % key)


def damage(target: Path, change: str) -> None:
    with sqlite3.connect(target.with_name(NAME)) as database:
        database.execute(change)
    database.close()


def test_a_layer_that_one_format_refuses_goes_on_in_another(target):
    fill(target.with_suffix(".shp"), (0, 3))
    with open_journal(target, JOB) as journal:
        assert (journal.state, journal.done()) == ("resumed", {(0, 3)})


def test_a_job_goes_on_with_what_is_done(target):
    with open_journal(target, JOB) as journal:
        assert (journal.state, journal.resumed, journal.done()) == ("new", 0, frozenset())
        journal.add((1, 7), b"found")
    with open_journal(target, dict(reversed(JOB.items()))) as journal:
        assert (journal.state, journal.resumed, journal.done()) == ("resumed", 1, {(1, 7)})
        assert list(journal.payloads(1)) == [(7, b"found")]


@settings(max_examples=10, deadline=None)
@given(entries=st.dictionaries(KEYS, st.binary(max_size=9000), max_size=12))
def test_every_raster_has_its_blocks_in_their_order(tmp_path_factory, entries):
    target = tmp_path_factory.mktemp("job") / "cars.gpkg"
    with open_journal(target, JOB) as journal:
        for key, payload in entries.items():
            journal.add(key, payload)
    with open_journal(target, JOB) as journal:
        assert journal.done() == set(entries)
        for raster in range(10):
            expected = sorted((b, payload) for (r, b), payload in entries.items() if r == raster)
            assert list(journal.payloads(raster)) == expected


def test_a_block_that_is_done_again_replaces_its_entry(target):
    with open_journal(target, JOB) as journal:
        journal.add((0, 0), b"old")
        journal.add((0, 0), b"new")
        assert list(journal.payloads(0)) == [(0, b"new")]


def test_entries_are_added_while_others_are_read(target):
    with open_journal(target, JOB) as journal:
        journal.add((0, 0), b"first")
        journal.add((0, 1), b"second")
        for block, payload in journal.payloads(0):
            journal.add((1, block), payload)
        assert [payload for _, payload in journal.payloads(1)] == [b"first", b"second"]


def test_payloads_are_read_one_by_one(target):
    with open_journal(target, JOB) as journal:
        for block in range(20):
            journal.add((0, block), bytes(10**6))
    tracemalloc.start()
    with open_journal(target, JOB) as journal:
        assert sum(len(payload) for _, payload in journal.payloads(0)) == 20 * 10**6
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 10**6


def test_another_job_starts_afresh_and_says_so(target):
    fill(target, (0, 0), (0, 1))
    with open_journal(target, {**JOB, "score": 0.6}) as journal:
        assert (journal.state, journal.resumed, journal.done()) == ("other", 0, frozenset())
        journal.add((0, 5), b"found")
    with open_journal(target, {**JOB, "score": 0.6}) as journal:
        assert (journal.state, journal.done()) == ("resumed", {(0, 5)})


def test_another_job_without_entries_is_not_worth_a_word(target):
    fill(target)
    with open_journal(target, {}) as journal:
        assert journal.state == "new"


def test_what_is_done_is_dropped_on_demand(target):
    fill(target, (0, 0))
    with open_journal(target, JOB, resume=False) as journal:
        assert (journal.state, journal.done()) == ("new", frozenset())


def test_the_journal_is_a_hidden_file_beside_the_output_of_a_link(tmp_path, target):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "out.gpkg"
    link.symlink_to(target)
    with open_journal(link, JOB) as journal:
        journal.add((0, 0), b"found")
        assert journal.path == target.with_name(NAME)
    assert {file.name for file in tmp_path.iterdir()} == {"links", NAME}


def test_nothing_is_left_when_the_output_is_in_place(tmp_path, target):
    fill(target, (0, 0))
    open_journal(target, JOB).remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET payload = x'00' WHERE key = 1",
        "UPDATE entries SET payload = NULL WHERE key = 1",
        "UPDATE entries SET payload = 'text' WHERE key = 1",
        "UPDATE entries SET checksum = checksum + 1 WHERE key = 1",
        "UPDATE entries SET key = 3 WHERE key = 1",
    ],
)
def test_a_damaged_entry_counts_as_not_done(target, change):
    fill(target, (0, 0), (0, 1), (0, 2))
    damage(target, change)
    with open_journal(target, JOB) as journal:
        assert journal.done() == {(0, 0), (0, 2)}
        assert journal.resumed == 2
        assert [block for block, _ in journal.payloads(0)] == [0, 2]


def test_an_entry_that_is_damaged_meanwhile_is_told(target):
    with open_journal(target, JOB) as journal:
        journal.add((0, 0), b"found")
        journal._database.execute("UPDATE entries SET payload = x'00'")
        with pytest.raises(OutputError, match="damaged in one block; run the same command again"):
            list(journal.payloads(0))


def test_a_journal_that_is_damaged_as_a_whole_can_be_started_afresh(target):
    with open_journal(target, JOB) as journal:
        for block in range(9):
            journal.add((0, block), b"found" * 500)
    path = target.with_name(NAME)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    with pytest.raises(OutputError, match="is damaged; add --no-resume") as caught:
        open_journal(target, JOB)
    assert "\n" not in str(caught.value)
    with open_journal(target, JOB, resume=False) as journal:
        journal.add((0, 0), b"found")
    with open_journal(target, JOB) as journal:
        assert journal.done() == {(0, 0)}


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("content", [b"notes", b"notes " * 5000, "table"])
def test_a_file_of_somebody_else_is_left_alone(target, content, resume):
    path = target.with_name(NAME)
    if content == "table":
        damage(target, "CREATE TABLE notes (text)")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"is no journal of geovehicle; move it away") as caught:
        open_journal(target, JOB, resume)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_the_header_of_a_journal_tells_it_apart(target):
    fill(target)
    assert target.with_name(NAME).read_bytes()[68:72] == APPLICATION.to_bytes(4, "big") == b"GVJ1"


def test_an_empty_file_is_a_journal_that_was_killed_at_its_birth(target):
    target.with_name(NAME).touch()
    with open_journal(target, JOB) as journal:
        assert journal.state == "new"


def test_an_output_is_written_by_one_at_a_time(target):
    with open_journal(target, JOB) as journal:
        refused = []

        def second() -> None:
            with pytest.raises(OutputError, match="another process writes this output") as caught:
                open_journal(target, JOB)
            refused.append(str(caught.value))

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert len(refused) == 1
        assert "\n" not in refused[0]
        journal.add((0, 0), b"found")
    fill(target, (0, 1))


@pytest.mark.parametrize("end", ["remove", "start afresh"])
def test_a_journal_is_deleted_before_another_process_can_lock_it(target, monkeypatch, end):
    fill(target, (0, 0))
    path, unlink, held = target.with_name(NAME), Path.unlink, []

    def watched(self: Path, missing_ok: bool = False) -> None:
        with pytest.raises(OutputError, match="another process writes this output"):
            open_journal(target, JOB)
        held.append(self)
        unlink(self, missing_ok)

    journal = open_journal(target, JOB) if end == "remove" else None
    monkeypatch.setattr(Path, "unlink", watched)
    if journal:
        journal.remove()
    else:
        open_journal(target, {}).close()
    assert held == [target.with_name(f"{NAME}-journal"), path]


def test_whoever_waited_for_a_journal_that_went_is_told(target):
    journal = open_journal(target, JOB)
    connect = sqlite3.connect

    def late(*args, **options):
        database = connect(*args, **options)
        journal.remove()  # between the opening of the file and its lock
        return database

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite3, "connect", late)
        database = _locked(target.with_name(NAME))
    with (
        Journal(target.with_name(NAME), database, False) as orphan,
        pytest.raises(OutputError, match="another process writes this output"),
    ):
        orphan.add((0, 0), b"found")


def test_a_kill_leaves_every_entry_that_was_added_and_whole(target):
    added = -1
    for number in range(3):
        process = adding(target)
        for line in process.stdout:
            added = int(line)
            if not number and added == 5:
                with pytest.raises(OutputError, match="another process writes this output"):
                    open_journal(target, {"job": 1})
            if added > 40 * number and random.random() < 0.05:  # noqa: S311
                break
        process.kill()
        process.communicate()
        with open_journal(target, {"job": 1}) as journal:
            entries = list(journal.payloads(0))
            assert journal.state == "resumed"
        # the process may have gone on a little after the line that was read
        assert len(entries) > added
        assert entries == [(n, b"%d," % n * (n % 700)) for n in range(len(entries))]


def test_what_sqlite_left_at_a_kill_goes_with_the_journal(tmp_path, target):
    process = adding(target)
    process.stdout.readline()
    process.kill()
    process.communicate()
    assert target.with_name(f"{NAME}-journal") in tmp_path.iterdir()
    open_journal(target, {"job": 1}).remove()  # nothing was left to be done
    assert not list(tmp_path.iterdir())


def test_an_entry_is_flushed_to_the_disk(target):
    with open_journal(target, JOB) as journal:
        extra, exclusive = 3, "exclusive"
        assert journal._database.execute("PRAGMA synchronous").fetchone() == (extra,)
        assert journal._database.execute("PRAGMA locking_mode").fetchone() == (exclusive,)


def test_a_full_disk_is_one_line_and_what_is_done_stays(small_disk):
    target = small_disk / "cars.gpkg"
    payload = os.urandom(50_000)
    with open_journal(target, JOB) as journal:

        def add_all() -> None:
            for block in range(100):
                journal.add((0, block), payload)

        with pytest.raises(OutputError, match=r"full; see to .*same command goes on") as caught:
            add_all()
    assert "\n" not in str(caught.value)
    with open_journal(target, JOB) as journal:
        entries = list(journal.payloads(0))
        assert 1 < len(entries) == journal.resumed
        assert entries == [(block, payload) for block in range(len(entries))]
        with pytest.raises(OutputError, match="full"):
            journal.add((0, 100), payload * 10)
        assert len(journal.done()) == len(entries)


def test_a_limit_that_is_reached_is_one_line_and_what_is_done_stays(target):
    with open_journal(target, JOB) as journal:
        journal.add((0, 0), b"found")
        journal._database.execute("PRAGMA max_page_count = 10")
        with pytest.raises(OutputError, match=r"full; see to .*the same command goes on"):
            journal.add((0, 1), bytes(10**6))
        assert list(journal.payloads(0)) == [(0, b"found")]
        journal._database.execute("PRAGMA max_page_count = 10000")
        journal.add((0, 1), bytes(10**6))
    with open_journal(target, JOB) as journal:
        assert journal.done() == {(0, 0), (0, 1)}


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="unable to open") as caught:
        open_journal(tmp_path / "no" / "cars.gpkg", JOB)
    assert "\n" not in str(caught.value)


def test_a_journal_that_cannot_be_removed_is_an_output_error(target, monkeypatch):
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    journal = open_journal(target, JOB)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        journal.remove()
