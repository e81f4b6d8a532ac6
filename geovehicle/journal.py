"""What is done of a long job, kept beside its output, so that it can go on after any end.

A journal is one SQLite file.  An entry is on the disk as a whole when :meth:`Journal.add`
returns, and a kill, a loss of power or a full disk leaves those added before.  Whoever
writes an output holds its journal's lock, which ends with the process, however that ends.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from geovehicle.errors import OutputError
from geovehicle.files import flush_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Key = tuple[int, int]
"""Number of a raster in the job, and of a block in that raster."""

State = Literal["new", "resumed", "other"]

APPLICATION = int.from_bytes(b"GVJ1", "big")
"""In the header of every journal, and another one whenever the tables change.  A file
without it is somebody else's and stays as it is."""

TABLES = (
    "CREATE TABLE job (fingerprint TEXT NOT NULL)",
    # the key is the row's own number: no index that could come to disagree with the rows
    "CREATE TABLE entries (key INTEGER PRIMARY KEY, checksum INTEGER, payload BLOB)",
    f"PRAGMA application_id = {APPLICATION}",
)

BLOCKS = 2**32
"""More blocks than a raster has: a key is raster * BLOCKS + block."""


def open_journal(target: Path, fingerprint: Mapping[str, Any], resume: bool = True) -> Journal:
    """Return the journal of an output: that of an earlier run of the same job, or a new one.

    Entries that do not come back as they were written count as not done.

    Parameters
    ----------
    target : pathlib.Path
        The output.  The journal of ``cars.gpkg`` is ``.cars.geovehicle-journal`` in its
        folder, links followed, and so it is that of ``cars.shp``: a layer that one format
        refuses is not searched again for another.
    fingerprint : mapping
        All that the entries depend on, in JSON's types.  Those of a job with another one
        are dropped.
    resume : bool
        Whether to go on with what is there; else it is dropped, damaged or not.

    Returns
    -------
    Journal
        Locked until it is closed or the process ends.

    Raises
    ------
    OutputError
        Where another process has it open, the folder cannot be written, the journal is
        damaged as a whole, or the file of that name was not written by geovehicle.
    """
    target = Path(os.path.realpath(target))
    path = target.with_name(f".{target.stem}.geovehicle-journal")
    text = json.dumps(dict(fingerprint), sort_keys=True, separators=(",", ":"))
    with _told(path):
        database = _locked(path)
        try:
            stored = database.execute("SELECT fingerprint FROM job").fetchone() if resume else None
            other = stored not in (None, (text,)) and _holds_entries(database)
            if stored != (text,):
                _discard(path, database)  # rather than emptied: it may be damaged
                database = _locked(path)
                database.execute("INSERT INTO job VALUES (?)", (text,))
            return Journal(path, database, other)
        except BaseException:
            database.close()
            raise


class Journal:
    """The blocks of a job that are done, see :func:`open_journal`.

    For the thread that opened it.  As a context manager it closes itself.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    resumed : int
        Entries of an earlier run of this job.
    state : {"new", "resumed", "other"}
        "resumed" where there are some; "other" where there were some of another job, which
        were dropped; else "new".
    """

    def __init__(self, path: Path, database: sqlite3.Connection, other: bool) -> None:
        self.path = path
        self._database = database
        self._drop_damaged()
        self.resumed = len(self.done())
        self.state: State = "other" if other else "resumed" if self.resumed else "new"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def done(self) -> frozenset[Key]:
        """Return the keys of all entries."""
        with _told(self.path):
            keys = self._database.execute("SELECT key FROM entries").fetchall()
        return frozenset(divmod(key, BLOCKS) for (key,) in keys)

    def add(self, key: Key, payload: bytes) -> None:
        """Keep the result of a block; it is on the disk when this returns.

        Parameters
        ----------
        key : (int, int)
            Raster and block.  An older entry of this key is replaced.
        payload : bytes
            What was found.

        Raises
        ------
        OutputError
            If it cannot be written.  Entries that were added before stay.
        """
        number = key[0] * BLOCKS + key[1]
        row = (number, _checksum(number, payload), payload)
        with _told(self.path):
            self._database.execute("REPLACE INTO entries VALUES (?, ?, ?)", row)

    def payloads(self, raster: int) -> Iterator[tuple[int, bytes]]:
        """Yield the blocks of a raster and their payloads, one by one, in the blocks' order.

        Raises
        ------
        OutputError
            If an entry was damaged after the journal was opened, or cannot be read.
        """
        for key, sound, payload in self._rows(raster * BLOCKS, (raster + 1) * BLOCKS):
            if not sound:
                raise OutputError(
                    f"{self.path} is damaged in one block; run the same command again,"
                    " which does that block again and goes on"
                )
            yield key % BLOCKS, payload

    def remove(self) -> None:
        """Delete and close the journal, for the output is in place.

        Raises
        ------
        OutputError
            If it cannot be deleted.
        """
        flush_folder(self.path.parent)  # after a loss of power either it or the output is there
        with _told(self.path), closing(self._database):
            _discard(self.path, self._database)

    def close(self) -> None:
        """End the lock.  The file stays."""
        self._database.close()

    def _rows(self, first: int, end: int) -> Iterator[tuple[int, bool, bytes]]:
        """Yield key, whether the row is as it was written, and payload."""
        query = "SELECT * FROM entries WHERE key >= ? AND key < ? ORDER BY key"
        with _told(self.path), closing(self._database.execute(query, (first, end))) as rows:
            for key, checksum, payload in rows:
                sound = isinstance(payload, bytes) and checksum == _checksum(key, payload)
                yield key, sound, payload

    def _drop_damaged(self) -> None:
        damaged = [(key,) for key, sound, _ in self._rows(0, 2**63 - 1) if not sound]
        with _told(self.path):
            self._database.executemany("DELETE FROM entries WHERE key = ?", damaged)


def _locked(path: Path) -> sqlite3.Connection:
    """Return the journal at ``path``, made where there is none, for this process alone."""
    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        database.execute("PRAGMA synchronous = EXTRA")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")  # from now to the end
        database.execute("BEGIN EXCLUSIVE")
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION:
            if application or tables:
                raise _foreign(path)
            for statement in TABLES:
                database.execute(statement)
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def _discard(path: Path, database: sqlite3.Connection) -> None:
    """Delete a journal, then end its lock: the other way round, another process may take it."""
    if os.name != "posix":
        database.close()  # elsewhere an open file cannot be deleted
    # SQLite's own, which it does not touch after a kill unless something is written
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    database.close()


def _holds_entries(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT 1 FROM entries LIMIT 1").fetchone() is not None


def _checksum(key: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(b"%d" % key))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the journal at ``path`` into one line."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        kind = code & 0xFF  # the upper bytes tell details
        if kind == sqlite3.SQLITE_NOTADB:
            raise _foreign(path) from error
        if kind == sqlite3.SQLITE_BUSY or code == sqlite3.SQLITE_READONLY_DBMOVED:
            reason = (
                "is in use: another process writes this output, or one of its name in another"
                " format; let it end or write elsewhere"
            )
        elif kind == sqlite3.SQLITE_CORRUPT:
            reason = "is damaged; add --no-resume to start afresh"
        else:
            reason = (
                f"cannot be written: {getattr(error, 'strerror', None) or error}; see to the"
                " folder's space and permissions, then the same command goes on where it was"
            )
        raise OutputError(f"{path} {reason}") from error


def _foreign(path: Path) -> OutputError:
    return OutputError(f"{path} is no journal of geovehicle; move it away or write elsewhere")
