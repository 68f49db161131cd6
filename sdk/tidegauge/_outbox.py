"""Batches on their way out: sent in order by a thread of their own, kept and sent again unchanged when that fails.

A batch that was received although the answer got lost is sent a second time with the same intervals and ids, which the
processor recognises; merging it into the next one would make it unrecognisable. The queue is bounded by the number of
items in its batches: the oldest batch gives way to a new one, and is counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from opentelemetry import context as otel_context

from tidegauge._safety import Safety

_Batch = TypeVar("_Batch")
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_SUPPRESS: Final = otel_context._SUPPRESS_INSTRUMENTATION_KEY


class Outbox(Generic[_Batch]):
    """A bounded queue and the thread that empties it.

    Args:
        name: what is sent; names the thread and the counters.
        send: sends one batch; False or an exception means that it has to be sent again.
        most: items that may wait.
        safety: counts failures and drops.
    """

    def __init__(self, name: str, send: Callable[[_Batch], bool], most: int, safety: Safety) -> None:
        self._name = name
        self._send = send
        self._most = most
        self._safety = safety
        self.after_fork()

    def after_fork(self) -> None:
        """Begin empty, with new locks and no thread: what waits in the parent is sent by the parent."""
        self._changed = threading.Condition()
        self._queue: deque[tuple[_Batch, int]] = deque()
        self._size = 0
        self._attempts = 0
        self._hurry = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def size(self) -> int:
        """Items waiting."""
        return self._size

    @property
    def crowded(self) -> bool:
        """Whether more than half of the room is taken."""
        return self._size * 2 > self._most

    def put(self, batch: _Batch, items: int) -> None:
        """Queue a batch of so many items; never waits."""
        with self._changed:
            while self._queue and self._size + items > self._most:
                _, gone = self._queue.popleft()
                self._size -= gone
                self._safety.dropped(f"{self._name}_queue_full", gone)
            self._queue.append((batch, items))
            self._size += items
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name=f"tidegauge-{self._name}", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until at most half of the room is taken; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.crowded, timeout)

    def drain(self, timeout: float) -> bool:
        """Try to send everything now.

        Returns:
            Whether everything was sent; False after the first failed attempt or after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            failed = self._attempts
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: not self._queue or self._attempts > failed, max(deadline - time.monotonic(), 0)
            )
            return not self._queue

    def stop(self, timeout: float) -> bool:
        """Send what can be sent within ``timeout`` seconds and end the thread."""
        sent = self.drain(timeout)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        return sent

    def _run(self) -> None:
        otel_context.attach(otel_context.set_value(_SUPPRESS, True))
        changed = self._changed
        pause = 0.0
        while True:
            with changed:
                if pause:
                    changed.wait_for(lambda: self._hurry or self._stopping, pause)
                changed.wait_for(lambda: self._queue or self._stopping)
                self._hurry = False
                if self._stopping or changed is not self._changed:
                    return
                batch, items = head = self._queue[0]
            sent = self._attempt(batch)
            with changed:
                if sent:
                    pause = 0.0
                    if self._queue and self._queue[0] is head:
                        self._queue.popleft()
                        self._size -= items
                else:
                    pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
                    self._attempts += 1
                changed.notify_all()

    def _attempt(self, batch: _Batch) -> bool:
        try:
            if self._send(batch):
                return True
            raise ConnectionError("the exporter reported a failure; the batch is kept and sent again")
        except Exception as error:
            self._safety.failed(f"export_{self._name}", error)
            return False
