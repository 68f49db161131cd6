"""The durable store: all that must outlive the process, and the transactions in which it changes.

One file holds everything that must outlive the process: the inbox of raw OTLP requests that were acknowledged but are
not yet part of the windows, the units (window state and whatever else has a key), the baselines, the outbox of signals
that the back end has not yet taken, and the position up to which the inbox is contained in the units. A crash
therefore costs nothing but time: load the units, replay the inbox behind the position.

The file is locked for as long as it is open. One connection serves all threads, under one lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from tidegauge import semconv
from tidegauge.errors import StorageError
from tidegauge_processor.counter import UNCOUNTED, Counter
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.database import FILE_NAME, Database, checkpoints, outbox
from tidegauge_processor.state.database import position as positions
from tidegauge_processor.state.database.checkpoints import Checkpoint, Content
from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.marks import Marks
from tidegauge_processor.state.database.outbox import FULL, Size
from tidegauge_processor.state.database.position import Position, share
from tidegauge_processor.state.database.rows import (
    BASELINES,
    INBOX,
    JOINS,
    OUTBOX,
    TABLES,
    UNITS,
    Row,
    Table,
    checksum,
    holds,
)
from tidegauge_processor.state.join import Changes

DEFAULT_OUTBOX_LIMIT: Final = Size(10_000, 512 << 20)
"""Requests, and their bytes, kept for a back end that is down."""


class Store:
    """State of one processor, in one locked file; use from any thread. Made by ``Store.open``.

    Every method that touches the file raises ``StorageError`` when it cannot be read or written; after a failed write
    the file is as it was before, and the next write may succeed.

    Attributes:
        rebuilt: how often the file was damaged while it was in use. What was not written since then may be missing.

    Example:
        >>> import tempfile
        >>> directory = tempfile.TemporaryDirectory()
        >>> store = Store.open(directory.name)
        >>> store.append([(SignalKind.METRICS, b"a"), (SignalKind.LOGS, b"b")])
        range(1, 3)
        >>> store.checkpoint(1, {"credit-risk 7": b"window state"}, [(SignalKind.METRICS, b"signal")])
        0
        >>> store.close()
        >>> store = Store.open(directory.name)
        >>> store.load()
        (1, {'credit-risk 7': b'window state'})
        >>> list(store.replay(1))
        [(2, <SignalKind.LOGS: 'logs'>, b'b')]
        >>> store.outbox(10)
        [(1, <SignalKind.METRICS: 'metrics'>, b'signal')]
        >>> store.close(); directory.cleanup()
    """

    def __init__(self, path: Path, counter: Counter, outbox_limit: Size) -> None:
        self._counter = counter
        self._outbox_limit = outbox_limit
        self._losses = Losses(path.parent, counter)
        self._position = self._checkpoints = self._promised = 0
        self._content = Content({}, Size(0, 0), 0)
        self._next_id = 1
        self.rebuilt = 0
        self._database = Database(path, self._losses, self._take_up_rebuilt)
        self._take_up()

    @classmethod
    def open(
        cls, directory: str | Path, *, counter: Counter = UNCOUNTED, outbox_limit: Size = DEFAULT_OUTBOX_LIMIT
    ) -> Store:
        """Open the store in ``directory``, which is made when missing, and lock it until ``close``.

        A damaged file is renamed aside, logged and counted, and a new one is made of the rows that still hold. A row
        that does not hold its checksum is set aside alone, whenever it is read.

        Args:
            directory: where the file lies or shall lie.
            counter: counts what is lost, rebuilt files and dropped signals.
            outbox_limit: most requests in the outbox, and bytes; beyond it the oldest are dropped.

        Raises:
            StorageError: another process has it open, a newer version wrote it, or it cannot be opened.
        """
        path = Path(directory) / FILE_NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the state directory {path.parent}: {error.strerror}") from error
        return cls(path, counter, outbox_limit)

    def append(self, entries: Sequence[tuple[SignalKind, bytes]]) -> range:
        """Add requests to the inbox in one transaction; they are durable on return. Gives their ids, in order."""
        with self._database.lock:
            ids = range(self._next_id, self._next_id + len(entries))
            rows = [
                (number, kind.value, data, checksum(INBOX.name, number, kind.value, data))
                for number, (kind, data) in zip(ids, entries, strict=True)
            ]
            self._database.write(
                lambda run: run.executemany("INSERT INTO inbox (id, kind, data, checksum) VALUES (?, ?, ?, ?)", rows)
            )
            self._next_id = ids.stop
            self._mark()
        return ids

    def replay(self, after: int) -> Iterator[tuple[int, SignalKind, bytes]]:
        """Requests of the inbox behind position ``after``, in order; one at a time, for they may be large."""
        while rows := self._read(INBOX, "WHERE id > ? ORDER BY id LIMIT 1", after):
            number = rows[0].number
            self._losses.requests(range(max(after, self._position) + 1, number))
            after = number
            for _, kind, data in (row.values for row in self._usable(INBOX, rows)):
                yield number, SignalKind(kind), data

    def checkpoint(
        self,
        position: int,
        units: Mapping[str, bytes | None],
        outbox: Sequence[tuple[SignalKind, bytes]],
        join: Changes | None = None,
        standing: Sequence[tuple[SignalKind, bytes]] = (),
    ) -> int:
        """Move the state on to ``position``, in one transaction: all of this happens or none of it.

        Args:
            position: id of the last request that the units contain; the inbox is emptied up to it.
            units: state by key; None removes the key. Keys not named stay as they are.
            outbox: signals to send, in order.
            join: keys to write, and bounds of those to keep.
            standing: signals that say what holds at present; they take the place of earlier ones that wait.

        Returns:
            How many of the oldest signals had to be dropped to stay within the bound of the outbox.

        Raises:
            ValueError: the inbox has never held ``position``.
        """
        with self._database.lock:
            if position >= self._next_id:
                raise ValueError(f"position {position} is ahead of the inbox, which ends at {self._next_id - 1}")
            number = self._checkpoints + 1
            written = Checkpoint(position, number, units, outbox, standing, join)
            done = self._database.write(
                lambda run: checkpoints.write(run, written, self._content, self._outbox_limit, self._losses)
            )
            self._content, self._position, self._checkpoints = done.content, position, number
            self._mark()
        for reason, dropped in (+done.dropped).items():
            self._counter.add(semconv.METRIC_EXPORTER_DROPPED, dropped, reason=reason)
        for reason, (keys, waiting) in done.evicted.items():
            if keys:
                self._counter.add(semconv.METRIC_JOIN_EVICTED, keys, reason=reason)
            if waiting:
                self._counter.add(semconv.METRIC_JOIN_MISSES, waiting)
        return done.dropped[FULL]

    def load(self) -> tuple[int, dict[str, bytes]]:
        """Position and units of the last checkpoint."""
        rows = self._read(UNITS, "")
        usable = self._usable(UNITS, rows)
        if sum(share(row.checksum) for row in usable) != self._promised and len(usable) == len(rows):
            if UNITS.name not in self._losses.tables:
                self._losses.missing(UNITS, [])
            self._remove(UNITS, [])
        return self._position, {row.values[0]: row.values[1] for row in usable}

    def outbox(self, limit: int) -> list[tuple[int, SignalKind, bytes]]:
        """The oldest ``limit`` signals that are not yet sent, in order."""
        while rows := self._read(OUTBOX, "ORDER BY id LIMIT ?", limit):
            if usable := self._usable(OUTBOX, rows):
                return [(row.number, SignalKind(row.values[0]), row.values[1]) for row in usable]
        return []

    def sent(self, ids: Iterable[int]) -> None:
        """Remove signals from the outbox; ids that are no longer there are passed over."""
        numbers = [*ids]
        with self._database.lock:
            left = self._database.write(lambda run: outbox.remove(run, numbers, self._content.outbox))
            self._content = self._content._replace(outbox=left)

    def outbox_size(self) -> int:
        """Number of signals that are not yet sent."""
        return self._content.outbox.requests

    def save_baseline(self, id: str, data: bytes) -> None:
        """Keep a baseline under the digest of its content."""
        row = (id, data, checksum(BASELINES.name, id, data))
        self._database.write(lambda run: run.execute("INSERT OR IGNORE INTO baselines VALUES (?, ?, ?)", row))

    def remove_baseline(self, id: str) -> None:
        """Forget a baseline; nothing happens when it is not there."""
        self._database.write(lambda run: run.execute("DELETE FROM baselines WHERE id = ?", (id,)))

    def baselines(self) -> dict[str, bytes]:
        """All baselines by id."""
        return {row.values[0]: row.values[1] for row in self._usable(BASELINES, self._read(BASELINES, ""))}

    def refuse(self, table: str, key: str | bytes | int, why: str) -> None:
        """Set a row aside that holds its checksum and cannot be read: another version wrote it, or there is a bug."""
        (of,) = (each for each in TABLES if each.name == table)
        for row in self._read(of, f"WHERE {of.key} = ?", key):
            self._losses.row(of, row, why, "unreadable")
            self._remove(of, [row])

    def joined(self, key: bytes) -> bytes | None:
        """What the join has under a key; None when there is nothing."""
        for row in self._usable(JOINS, self._read(JOINS, "WHERE key = ?", key)):
            data: bytes = row.values[-1]
            return data
        return None

    def joined_until(self) -> dict[str, int]:
        """Time of the latest prediction or outcome in the join by model, ns since the epoch."""
        query = "SELECT model, max(touched) FROM joins GROUP BY model"
        return self._database.read(lambda run: dict(run.execute(query)))

    def join_size(self) -> int:
        """Number of keys in the join."""
        return self._content.joins

    def close(self) -> None:
        """Close and unlock the file. Whatever is called later raises ``StorageError``."""
        self._database.close()

    def _take_up(self) -> None:
        """Find out where everything stands, and how much there is."""
        self._position, self._checkpoints, self._promised, joined = self._database.position
        run = self._connection
        (last,) = run.execute("SELECT max(id) FROM inbox").fetchone()
        # An id is never given twice, not even after the inbox was emptied.
        self._next_id = max(self._next_id, self._position + 1, (last or 0) + 1)
        self._content = _content(run)
        if joined != self._content.joins:
            if JOINS.name not in self._losses.tables:
                self._losses.missing(JOINS, [], abs(joined - self._content.joins))
            self._remove(JOINS, [])

    @property
    def _connection(self) -> Connection:
        return self._database.connection

    def _take_up_rebuilt(self) -> None:
        self.rebuilt += 1
        self._take_up()

    def _usable(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """The rows that hold their checksums; the others are set aside and removed, so that nobody misses them."""
        held = [holds(table, row) for row in rows]
        failed = [row for row, good in zip(rows, held, strict=True) if not good]
        for row in failed:
            self._losses.row(table, row, "it does not hold its checksum", "checksum")
        if failed:
            self._remove(table, failed)
        return [row for row, good in zip(rows, held, strict=True) if good]

    def _remove(self, table: Table, rows: Sequence[Row]) -> None:
        """Remove rows, and say in the position what is there now."""

        def remove(run: Connection) -> Content:
            run.executemany(f"DELETE FROM {table.name} WHERE rowid = ?", [(row.number,) for row in rows])
            left = _content(run)
            sums = sum(map(share, left.units.values()))
            positions.write(run, Position(self._position, self._checkpoints, sums, left.joins))
            return left

        with self._database.lock:
            self._content = self._database.write(remove)

    def _read(self, table: Table, which: str, *values: object) -> list[Row]:
        query = f"{table.select} {which}"
        return [Row.of(plain) for plain in self._database.read(lambda run: run.execute(query, values).fetchall())]

    def _mark(self) -> None:
        self._database.mark(Marks(self._next_id - 1, self._checkpoints, self._position))


def _content(run: Connection) -> Content:
    (joined,) = run.execute("SELECT count(*) FROM joins").fetchone()
    units = {key: own if isinstance(own, int) else 0 for key, own in run.execute("SELECT key, checksum FROM units")}
    return Content(units, outbox.size(run), joined)
