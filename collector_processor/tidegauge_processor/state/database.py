"""The SQLite file under the store: opened, locked and checked, and set aside when it is damaged.

The write-ahead log is synced at every commit (``synchronous=FULL``), so what is committed survives a power cut, not
only a kill. ``NORMAL`` would be some 2 ms faster per commit and lose the last seconds with the power; as commits are
shared by all requests of some 20 ms, the difference cannot be noticed.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tidegauge.errors import StorageError

FILE_NAME: Final = "tidegauge.sqlite3"
"""Name of the file inside the state directory."""

_VERSION = 2
_SCHEMA = """
CREATE TABLE position (value INTEGER NOT NULL);
INSERT INTO position VALUES (0);
CREATE TABLE inbox (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE units (key TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE baselines (id TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, data BLOB NOT NULL);
"""
_JOINS = """
CREATE TABLE joins (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, model TEXT NOT NULL,
                    touched INTEGER NOT NULL, waiting INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX joins_by_time ON joins (model, touched);
"""
_STEPS = (_SCHEMA, _JOINS)  # from each version of the file to the next
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_log = logging.getLogger(__name__)


def connect(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """Open the file, which is made when missing, and lock it until the connection is closed.

    Returns:
        The connection; and where the old file lies, when it was damaged and an empty one has taken its place.

    Raises:
        StorageError: another process has it open, a newer version wrote it, or it cannot be opened.
    """
    try:
        return _open(path), None
    except _DamagedFileError as damage:
        aside = damage.aside
        _log.error("%s is damaged (%s): set aside as %s, starting with empty state", path, damage, aside.name)
    return _open(path), aside


class _DamagedFileError(Exception):
    def __init__(self, finding: str, aside: Path) -> None:
        super().__init__(" ".join(finding.split()))
        self.aside = aside


def _open(path: Path) -> sqlite3.Connection:
    with ExitStack() as on_failure:
        try:
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            # Runs after a damaged file was set aside: before, it would fold the log into it or throw the log away.
            on_failure.callback(connection.close)
            _prepare(connection, path)
        except sqlite3.Error as error:
            raise _explained(error, path) from error
        on_failure.pop_all()
        return connection


def _explained(error: sqlite3.Error, path: Path) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended codes keep the plain one in the low byte
    if code in _DAMAGE:
        return _DamagedFileError(str(error), _set_aside(path))
    if code == sqlite3.SQLITE_BUSY:
        return StorageError(f"{path} is in use by another process: stop it, or choose another state directory")
    return StorageError(f"cannot open {path}: {error}")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA page_size = 16384")  # of a new file; large requests cost half as much as with 4096
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # before the log is used, so that it needs no shared memory
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN EXCLUSIVE")  # takes the lock, which the mode above keeps until the connection closes
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise StorageError(
            f"{path} was written by a newer Tidegauge (format {version}, this one knows {_VERSION}): "
            "upgrade, or choose another state directory"
        )
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise _DamagedFileError(finding, _set_aside(path))
    if version < _VERSION:
        for statement in "".join(_STEPS[version:]).split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _set_aside(path: Path) -> Path:
    """Rename a damaged file, and the log that belongs to it, to the first free ``.damaged-N``; gives the new path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        path.rename(aside)
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            log.rename(aside.with_name(f"{aside.name}-wal"))
    except OSError as error:
        raise StorageError(f"cannot set the damaged {path} aside: {error.strerror}") from error
    return aside
