"""Group commit: many requests, one transaction, and nobody is answered before it is on disk.

A commit that survives a power cut costs a sync of the disk, some milliseconds, whether it holds one request or a
thousand. So requests wait for each other: the first after a pause is committed at once, and those that come while a
commit runs, or within ``interval`` of it, share the next one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from tidegauge.errors import StorageError
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.store import Store

DEFAULT_INTERVAL: Final = 0.02
"""Seconds from one commit to the next."""
DEFAULT_BYTES: Final = 256 * 2**20
"""Bytes that may wait for a commit."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A request that is durable.

    Attributes:
        id: its position in the inbox; ascending, each one once.
        kind: signal that it carries.
        decoded: what the caller of ``put`` had read in it.
    """

    id: int
    kind: SignalKind
    decoded: T


@dataclass(slots=True)
class _Batch(Generic[T]):
    rows: list[tuple[SignalKind, bytes]] = field(default_factory=list)
    decoded: list[T] = field(default_factory=list)
    size: int = 0
    ids: range = range(0)
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Inbox(Generic[T]):
    """Puts requests into the store, many at a time, and hands them on once they are durable.

    Args:
        store: where they become durable.
        on_durable: takes the entries of one commit, in the order of their ids and before those of the next commit. It
            runs on the inbox's own thread: while it runs nothing is committed, so it should only pass them on. Should
            it fail, the inbox takes nothing more, because the entries wait in the store for the replay at the next
            start and later ones must not overtake them.
        interval: seconds from one commit to the next, when requests come without a pause.
        max_bytes: requests waiting for a commit; more are refused. A single request of any size is taken.
    """

    def __init__(
        self,
        store: Store,
        on_durable: Callable[[Sequence[Entry[T]]], None],
        *,
        interval: float = DEFAULT_INTERVAL,
        max_bytes: int = DEFAULT_BYTES,
    ) -> None:
        self._store = store
        self._on_durable = on_durable
        self._interval = interval
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._waiting: _Batch[T] = _Batch()
        self._refusal = ""
        self._closing = threading.Event()
        self._storing = True
        self._thread = threading.Thread(target=self._run, name="tidegauge-inbox")
        self._thread.start()

    def put(self, kind: SignalKind, data: bytes, decoded: T) -> int:
        """Make a request durable; returns its id after the commit that contains it. Use from any thread.

        Args:
            kind: signal that it carries.
            data: the request as it came, for the replay after a crash.
            decoded: what was read in it, handed to ``on_durable`` in this process.

        Raises:
            StorageError: it could not be stored, or too much is waiting, or the inbox is closed. It will not be
                handed on, and must not be acknowledged.
        """
        with self._changed:
            if self._refusal:
                raise StorageError(self._refusal)
            batch = self._waiting
            if batch.rows and batch.size + len(data) > self._max_bytes:
                raise StorageError(f"more than {self._max_bytes} bytes wait to be stored: send less, or again later")
            place = len(batch.rows)
            batch.rows.append((kind, data))
            batch.decoded.append(decoded)
            batch.size += len(data)
            self._changed.notify()
        batch.done.wait()
        if batch.error is not None:
            raise StorageError(str(batch.error)) from batch.error
        return batch.ids[place]

    def close(self) -> None:
        """Take nothing more, and return when all that was taken is durable and handed on."""
        with self._changed:
            self._refusal = self._refusal or "the processor is shutting down"
            self._closing.set()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            started = time.monotonic()
            self._commit(batch)
            self._closing.wait(started + self._interval - time.monotonic())

    def _next(self) -> _Batch[T] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting.rows or self._closing.is_set())
            batch, self._waiting = self._waiting, _Batch()
        return batch if batch.rows else None

    def _commit(self, batch: _Batch[T]) -> None:
        try:
            batch.ids = self._store.append(batch.rows)
        except Exception as error:  # raised again, in every `put` that waits for this batch
            batch.error = error
        batch.done.set()
        self._report(batch.error)
        if batch.error is None:
            self._hand_on(batch)

    def _report(self, error: Exception | None) -> None:
        """Log when storing begins to fail and when it works again, not every time in between."""
        if error is not None and self._storing:
            _log.error("requests are refused until they can be stored: %s", error)
        elif error is None and not self._storing:
            _log.info("requests can be stored again")
        self._storing = error is None

    def _hand_on(self, batch: _Batch[T]) -> None:
        entries = [
            Entry(number, kind, decoded)
            for number, (kind, _), decoded in zip(batch.ids, batch.rows, batch.decoded, strict=True)
        ]
        try:
            self._on_durable(entries)
        except Exception:
            _log.exception("stored requests could not be handed on; they will be at the next start")
            with self._changed:
                self._refusal = "the processor has failed and must be restarted; what it acknowledged is stored"
