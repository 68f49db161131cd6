"""The durable store: all that must outlive the process, and the transactions in which it changes.

One file holds everything that must outlive the process: the inbox of raw OTLP requests that were acknowledged but are
not yet part of the windows, the units (window state and whatever else has a key), the baselines, the outbox of signals
that the back end has not yet taken, and the position up to which the inbox is contained in the units. A crash
therefore costs nothing but time: load the units, replay the inbox behind the position.

The file is locked for as long as it is open. One connection serves all threads, under one lock.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tidegauge import semconv
from tidegauge.errors import StorageError
from tidegauge_processor.counter import UNCOUNTED, Counter
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state import database
from tidegauge_processor.state.join import Changes

DEFAULT_OUTBOX_LIMIT: Final = 10_000
"""Requests kept for a back end that is down."""


class Store:
    """State of one processor, in one locked file; use from any thread. Made by ``Store.open``.

    Every method that touches the file raises ``StorageError`` when it cannot be read or written; after a failed write
    the file is as it was before, and the next write may succeed.

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

    def __init__(self, path: Path, connection: sqlite3.Connection, counter: Counter, outbox_limit: int) -> None:
        self._path = path
        self._connection = connection
        self._counter = counter
        self._outbox_limit = outbox_limit
        self._lock = threading.RLock()
        self._outbox_size: int
        self._join_size: int
        with self._reading():
            (position,) = connection.execute("SELECT value FROM position").fetchone()
            (last,) = connection.execute("SELECT max(id) FROM inbox").fetchone()
            (self._outbox_size,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
            (self._join_size,) = connection.execute("SELECT count(*) FROM joins").fetchone()
        self._next_id = max(position, last or 0) + 1  # an id is never given twice, not even after the inbox was emptied

    @classmethod
    def open(
        cls, directory: str | Path, *, counter: Counter = UNCOUNTED, outbox_limit: int = DEFAULT_OUTBOX_LIMIT
    ) -> Store:
        """Open the store in ``directory``, which is made when missing, and lock it until ``close``.

        A damaged file is renamed aside, logged and counted, and an empty one takes its place: what the processor needs
        it learns again, and the damaged one is left for people to look at.

        Args:
            directory: where the file lies or shall lie.
            counter: counts rebuilt files and dropped signals.
            outbox_limit: most requests in the outbox; beyond it the oldest are dropped.

        Raises:
            StorageError: another process has it open, a newer version wrote it, or it cannot be opened.
        """
        path = Path(directory) / database.FILE_NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the state directory {path.parent}: {error.strerror}") from error
        connection, aside = database.connect(path)
        if aside is not None:
            counter.add(semconv.METRIC_STORE_REBUILT)
        return cls(path, connection, counter, outbox_limit)

    def append(self, entries: Sequence[tuple[SignalKind, bytes]]) -> range:
        """Add requests to the inbox in one transaction; they are durable on return. Gives their ids, in order."""
        with self._lock:
            ids = range(self._next_id, self._next_id + len(entries))
            rows = ((number, kind.value, data) for number, (kind, data) in zip(ids, entries, strict=True))
            with self._transaction():
                self._connection.executemany("INSERT INTO inbox (id, kind, data) VALUES (?, ?, ?)", rows)
            self._next_id = ids.stop
        return ids

    def replay(self, after: int) -> Iterator[tuple[int, SignalKind, bytes]]:
        """Requests of the inbox behind position ``after``, in order; one at a time, for they may be large."""
        while (
            row := self._row("SELECT id, kind, data FROM inbox WHERE id > ? ORDER BY id LIMIT 1", after)
        ) is not None:
            after, kind, data = row
            yield after, SignalKind(kind), data

    def checkpoint(
        self,
        position: int,
        units: Mapping[str, bytes | None],
        outbox: Sequence[tuple[SignalKind, bytes]],
        join: Changes | None = None,
    ) -> int:
        """Move the state on to ``position``, in one transaction: all of this happens or none of it.

        Args:
            position: id of the last request that the units contain; the inbox is emptied up to it.
            units: state by key; None removes the key. Keys not named stay as they are.
            outbox: signals to send, in order.
            join: keys to write, and bounds of those to keep.

        Returns:
            How many of the oldest signals had to be dropped to stay within the bound of the outbox.

        Raises:
            ValueError: the inbox has never held ``position``.
        """
        with self._lock:
            if position >= self._next_id:
                raise ValueError(f"position {position} is ahead of the inbox, which ends at {self._next_id - 1}")
            with self._transaction():
                self._connection.execute("UPDATE position SET value = ?", (position,))
                self._connection.execute("DELETE FROM inbox WHERE id <= ?", (position,))
                self._connection.executemany(
                    "INSERT INTO units VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET data = excluded.data",
                    ((key, data) for key, data in units.items() if data is not None),
                )
                self._connection.executemany(
                    "DELETE FROM units WHERE key = ?", ((key,) for key, data in units.items() if data is None)
                )
                self._connection.executemany(
                    "INSERT INTO outbox (kind, data) VALUES (?, ?)", ((kind.value, data) for kind, data in outbox)
                )
                size = self._outbox_size + len(outbox)
                dropped = max(0, size - self._outbox_limit)
                self._connection.execute(
                    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?)", (dropped,)
                )
                join_size, evicted = self._write_join(join) if join else (self._join_size, {})
            self._outbox_size, self._join_size = size - dropped, join_size
        if dropped:
            self._counter.add(semconv.METRIC_EXPORTER_DROPPED, dropped, reason="outbox_full")
        for reason, (keys, waiting) in evicted.items():
            if keys:
                self._counter.add(semconv.METRIC_JOIN_EVICTED, keys, reason=reason)
            if waiting:
                self._counter.add(semconv.METRIC_JOIN_MISSES, waiting)
        return dropped

    def load(self) -> tuple[int, dict[str, bytes]]:
        """Position and units of the last checkpoint."""
        with self._reading():
            (position,) = self._connection.execute("SELECT value FROM position").fetchone()
            return position, dict(self._connection.execute("SELECT key, data FROM units"))

    def outbox(self, limit: int) -> list[tuple[int, SignalKind, bytes]]:
        """The oldest ``limit`` signals that are not yet sent, in order."""
        with self._reading():
            rows = self._connection.execute(
                "SELECT id, kind, data FROM outbox ORDER BY id LIMIT ?", (limit,)
            ).fetchall()
        return [(number, SignalKind(kind), data) for number, kind, data in rows]

    def sent(self, ids: Iterable[int]) -> None:
        """Remove signals from the outbox; ids that are no longer there are passed over."""
        with self._lock:
            removed = 0
            with self._transaction():
                for number in ids:
                    removed += self._connection.execute("DELETE FROM outbox WHERE id = ?", (number,)).rowcount
            self._outbox_size -= removed

    def outbox_size(self) -> int:
        """Number of signals that are not yet sent."""
        return self._outbox_size

    def save_baseline(self, id: str, data: bytes) -> None:
        """Keep a baseline under the digest of its content."""
        with self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO baselines VALUES (?, ?)", (id, data))

    def remove_baseline(self, id: str) -> None:
        """Forget a baseline; nothing happens when it is not there."""
        with self._transaction():
            self._connection.execute("DELETE FROM baselines WHERE id = ?", (id,))

    def baselines(self) -> dict[str, bytes]:
        """All baselines by id."""
        with self._reading():
            return dict(self._connection.execute("SELECT id, data FROM baselines"))

    def joined(self, key: bytes) -> bytes | None:
        """What the join has under a key; None when there is nothing."""
        row = self._row("SELECT data FROM joins WHERE key = ?", key)
        return None if row is None else row[0]

    def joined_until(self) -> dict[str, int]:
        """Time of the latest prediction or outcome in the join by model, ns since the epoch."""
        with self._reading():
            return dict(self._connection.execute("SELECT model, max(touched) FROM joins GROUP BY model"))

    def join_size(self) -> int:
        """Number of keys in the join."""
        return self._join_size

    def close(self) -> None:
        """Close and unlock the file. Whatever is called later raises ``StorageError``."""
        with self._reading():
            self._connection.close()

    def _write_join(self, join: Changes) -> tuple[int, dict[str, tuple[int, int]]]:
        """Size afterwards; and what had to go by reason, as keys and outcomes among them that were still waiting."""
        run, size = self._connection.execute, self._join_size
        for key, is_new, *values in join.entries:
            size += is_new
            run(
                "INSERT INTO joins (key, model, touched, waiting, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) "
                "DO UPDATE SET touched = excluded.touched, waiting = excluded.waiting, data = excluded.data",
                (key, *values),
            )
        expired = [self._forget("model = ? AND touched <= ?", model, time) for model, time in join.expired.items()]
        keys, waiting = sum(keys for keys, _ in expired), sum(waiting for _, waiting in expired)
        excess = max(0, size - keys - join.most)
        full = (
            self._forget("number IN (SELECT number FROM joins ORDER BY number LIMIT ?)", excess) if excess else (0, 0)
        )
        return size - keys - full[0], {"expired": (keys, waiting), "full": full}

    def _forget(self, which: str, *values: object) -> tuple[int, int]:
        counted = self._connection.execute(f"SELECT count(*), total(waiting) FROM joins WHERE {which}", values)
        keys, waiting = counted.fetchone()
        if keys:
            self._connection.execute(f"DELETE FROM joins WHERE {which}", values)
        return keys, int(waiting)

    def _row(self, query: str, *values: int | bytes) -> tuple[Any, ...] | None:
        with self._reading():
            row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
            return row

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StorageError(f"cannot use the state in {self._path}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._reading():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:  # something above failed, the commit perhaps
                    self._connection.execute("ROLLBACK")
