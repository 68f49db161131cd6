"""The file under the store while it is open: one connection for all threads, and another file when it is damaged."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from tidegauge.errors import StorageError
from tidegauge_processor.state.database import position, write_ahead_log
from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.marks import Marks, MarksFile
from tidegauge_processor.state.database.opening import FAULTS, connect, is_damage
from tidegauge_processor.state.database.rebuilding import finish, log_of, rebuild
from tidegauge_processor.state.database.schema import VERSION

FILE_NAME: Final = "tidegauge.sqlite3"
"""Name of the file inside the state directory."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Database:
    """The open and locked file.

    Args:
        path: of the file, which is made when missing.
        losses: takes what of it cannot be used.
        on_rebuilt: called when the file has been replaced while it was open.

    Raises:
        StorageError: another process has it open, a newer version wrote it, or it cannot be opened.

    Attributes:
        lock: held while the file is used.
        connection: to the file.
        position: where the state stood when the file was opened.
    """

    def __init__(self, path: Path, losses: Losses, on_rebuilt: Callable[[], None]) -> None:
        self._path = path
        self._losses = losses
        self._on_rebuilt = on_rebuilt
        self._marks = MarksFile(path.parent)
        self._known = self._marks.read()
        self.lock = threading.RLock()
        self.connection = self._open()
        self._look()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work with the file; once more where it was found to be damaged and has been rebuilt.

        Raises:
            StorageError: the file cannot be used.
        """
        with self.lock:
            try:
                return work(self.connection)
            except FAULTS as error:
                if not is_damage(error):
                    raise self._explained(error) from error
                self._rebuild_open(str(error))
            try:
                return work(self.connection)
            except FAULTS as error:
                raise self._explained(error) from error

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same in one transaction: all of it happens or none."""
        return self.read(lambda connection: _in_transaction(connection, work))

    def mark(self, marks: Marks) -> None:
        """Say, after a commit, how far the state has come."""
        self._known = marks
        self._marks.write(marks)

    def close(self) -> None:
        """Close and unlock the file."""
        self.read(lambda connection: connection.close())
        self._marks.close()

    def _open(self) -> sqlite3.Connection:
        finish(self._path)
        there = self._path.exists() and self._path.stat().st_size > 0
        if not there and (self._marks.exists or write_ahead_log.has_frames(log_of(self._path))):
            self._replace_missing()
        for _ in range(2):
            connection = connect(self._path, self._cut_off, self._replace)
            if connection is not None:
                return connection
        raise StorageError(f"{self._path} is damaged again as soon as it was rebuilt: look at its disk")

    def _cut_off(self, connection: sqlite3.Connection, version: int) -> str:
        """What is wrong with the log, when SQLite has read less in it than there was."""
        if self._known is None or not write_ahead_log.has_frames(log_of(self._path)):
            return ""
        reached: Marks | None = Marks(0, 0, 0)  # an older version left no marks: it lies before what they are about
        if version == VERSION:
            found = position.read(connection)
            reached = position.reached(connection, found) if found else None
        return "its write-ahead log does not hold" if reached and _behind(reached, self._known) else ""

    def _look(self) -> None:
        """Take up the position, and say what is missing although it was durable."""
        self.position = position.read_or_mend(self.connection, self._losses, self._known)
        reached, known = position.reached(self.connection, self.position), self._known
        if known is not None and known.requests > reached.requests:
            # A state that begins anew has lost what was counted before, too; that is more than these requests.
            first = reached.requests or known.position
            self._losses.requests(range(first + 1, known.requests + 1))
        if known is not None and known.checkpoints > reached.checkpoints:
            self._losses.file(
                f"{self._path} is older than it was: it has come to checkpoint {reached.checkpoints} of "
                f"{known.checkpoints}; signals may be lost or said again",
                "older_file",
            )
        self.mark(reached)

    def _replace(self, finding: str) -> None:
        self._losses.file(f"{self._path} is damaged ({finding}): it is made anew of what still holds", "damaged_file")
        aside, kept = rebuild(self._path, self._losses, self._known)
        _log.error("%s: %d rows were kept, the damaged file is %s", self._path, kept, aside)

    def _replace_missing(self) -> None:
        what = "is empty" if self._path.exists() else "is missing"
        self._losses.file(f"{self._path} {what}, but there was a state before: starting without it", "missing_file")
        aside, kept = rebuild(self._path, self._losses, self._known)
        if aside:
            _log.error("%s: %d rows were kept, what was found is %s", self._path, kept, aside)

    def _rebuild_open(self, finding: str) -> None:
        """Replace the file in use. What the caller still has in memory it can write again."""
        old = self.connection
        self._replace(finding)
        old.close()
        self.connection = self._open()
        self._look()
        self._on_rebuilt()

    def _explained(self, error: Exception) -> StorageError:
        return StorageError(f"cannot use the state in {self._path}: {error}")


def _behind(reached: Marks, known: Marks) -> bool:
    return reached.requests < known.requests or reached.checkpoints < known.checkpoints


def _in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
        return result
    finally:
        if connection.in_transaction:  # something above failed, the commit perhaps
            connection.execute("ROLLBACK")
