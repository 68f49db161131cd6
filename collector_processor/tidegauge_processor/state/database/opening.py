"""The SQLite file under the store: opened, locked and checked.

The write-ahead log is synced at every commit (``synchronous=FULL``), so what is committed survives a power cut, not
only a kill. ``NORMAL`` would be some 2 ms faster per commit and lose the last seconds with the power; as commits are
shared by all requests of some 20 ms, the difference cannot be noticed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tidegauge.errors import StorageError
from tidegauge_processor.state.database.schema import VERSION, layout, layouts, migrate

PAGE_SIZE: Final = 16384
"""Bytes of a page; large requests cost half as much as with 4096."""

FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What working with a file may end in; the second, when SQLite wants to name something whose name is damaged."""

_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DAMAGE_AT_OPENING: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG}
"""All that is said to the file then is known to be right; so what SQLite cannot do is the file's fault."""


def plain(path: Path) -> sqlite3.Connection:
    """A connection that any text can be read by: a damaged one must fail its checksum, not the reading."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda data: data.decode(errors="surrogateescape")
    return connection


def connect(
    path: Path, check: Callable[[sqlite3.Connection, int], str], on_damage: Callable[[str], None]
) -> sqlite3.Connection | None:
    """Open the file, which is made when missing, and lock it until the connection is closed.

    Args:
        path: the file.
        check: finds further damage in a file of some version, once SQLite has found none; empty when there is none.
            It is called before anything is written.
        on_damage: puts another file in the place of a damaged one. It is called before the connection is closed, which
            would fold the log into the file or throw the log away.

    Returns:
        The connection; None when the file was damaged.

    Raises:
        StorageError: another process has it open, a newer version wrote it, or it cannot be opened.
    """
    with ExitStack() as on_failure:
        try:
            connection = plain(path)
            on_failure.callback(connection.close)
            finding = _prepare(connection, path, check)
        except FAULTS as error:
            finding = _finding(error, path)
        if finding:
            on_damage(" ".join(finding.split()))
            return None
        on_failure.pop_all()
        return connection


def is_damage(error: Exception) -> bool:
    """Whether the file is damaged, rather than locked, full or out of reach."""
    return isinstance(error, UnicodeDecodeError) or _code(error) in _DAMAGE


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF  # the extended codes keep the plain one in the low byte


def _finding(error: Exception, path: Path) -> str:
    code = _code(error)
    if is_damage(error) or code in _DAMAGE_AT_OPENING or (code == sqlite3.SQLITE_READONLY and os.access(path, os.W_OK)):
        return str(error)
    if code == sqlite3.SQLITE_BUSY:
        raise StorageError(
            f"{path} is in use by another process: stop it, or choose another state directory"
        ) from error
    raise StorageError(f"cannot open {path}: {error}") from error


def _prepare(connection: sqlite3.Connection, path: Path, check: Callable[[sqlite3.Connection, int], str]) -> str:
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")  # of a new file
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # before the log is used, so that it needs no shared memory
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN EXCLUSIVE")  # takes the lock, which the mode above keeps until the connection closes
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    found = layout(connection)
    if version > VERSION and found not in layouts():
        raise StorageError(
            f"{path} was written by a newer Tidegauge (format {version}, this one knows {VERSION}): "
            "upgrade, or choose another state directory"
        )
    if version > VERSION or found != layouts()[version]:
        return f"its tables are not those of format {version}"
    # The whole check, which reads each index beside its table: a key that differs in one of them is lost else.
    (finding,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if finding != "ok":
        return str(finding)
    if finding := check(connection, version):
        return str(finding)
    if version < VERSION:
        migrate(connection, version)
    connection.execute("COMMIT")
    return ""
