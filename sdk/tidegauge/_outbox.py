"""Batches on their way out: sent in order by a thread of their own, kept and sent again unchanged when that fails.

A batch that was received although the answer got lost is sent a second time with the same intervals and ids, which the
processor recognises; merging it into the next one would make it unrecognisable. The queue is bounded by the number of
items in its batches: the oldest batch gives way to a new one, and is counted. A batch that can never be sent must not
hold up those behind it: it is dropped, and counted by the reason.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from opentelemetry import context as otel_context

from tidegauge._safety import Safety

_Batch = TypeVar("_Batch")
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_HALF: Final = 0.5
_SUPPRESS: Final = otel_context._SUPPRESS_INSTRUMENTATION_KEY


class RefusedError(Exception):
    """A batch can never be sent: it cannot be encoded, or the receiver refuses it for good.

    Args:
        reason: why, in a word of a small vocabulary.
        advice: what is wrong and how to mend it.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


@contextlib.contextmanager
def suppressed() -> Iterator[None]:
    """Make no telemetry of our own sending."""
    token = otel_context.attach(otel_context.set_value(_SUPPRESS, True))
    try:
        yield
    finally:
        otel_context.detach(token)


class Outbox(Generic[_Batch]):
    """A bounded queue and the thread that empties it.

    Args:
        name: what is sent; names the thread and the counters.
        send: sends one batch; False or an exception: it has to be sent again; `RefusedError`: it never can be.
        most: items that may wait.
        safety: counts failures and drops.
    """

    def __init__(self, name: str, send: Callable[[_Batch], bool], most: int, safety: Safety) -> None:
        self._name = name
        self._send = send
        self._most = most
        self._safety = safety
        self._changed = threading.Condition()
        self._sending = threading.Lock()
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
        return not self._has_room(_HALF)

    def start(self) -> None:
        """Start the thread; to be done early, because the interpreter gives none once it has begun to end.

        Raises:
            RuntimeError: no thread is to be had. `drain` then sends in its caller's.
        """
        with self._changed:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name=f"tidegauge-{self._name}", daemon=True)
                thread.start()
                self._thread = thread

    def put(self, batch: _Batch, items: int) -> None:
        """Queue a batch of so many items; never waits."""
        gone = 0
        with self._changed:
            while self._queue and self._size + items > self._most:
                gone += self._pop()
            self._queue.append((batch, items))
            self._size += items
            self._changed.notify_all()
        if gone:
            self._safety.dropped(f"{self._name}_queue_full", gone)

    def wait_for_room(self, timeout: float, share: float = _HALF) -> bool:
        """Wait until at most a ``share`` of the room is taken; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._has_room(share), timeout)

    def drain(self, timeout: float) -> bool:
        """Try to send everything now.

        Returns:
            Whether everything was sent; False after the first failed attempt or after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        if self._thread is None:
            return self._drain_here(deadline)
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

    def _drain_here(self, deadline: float) -> bool:
        with suppressed():
            while self._queue:
                if time.monotonic() > deadline or not self._send_first():
                    return False
        return True

    def _run(self) -> None:
        with suppressed():
            pause = 0.0
            while True:
                with self._changed:
                    if pause:
                        self._changed.wait_for(lambda: self._hurry or self._stopping, pause)
                    self._changed.wait_for(lambda: self._queue or self._stopping)
                    self._hurry = False
                    if self._stopping:
                        return
                pause = 0.0 if self._send_first() else min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    def _send_first(self) -> bool:
        with self._sending:  # one at a time, or the order would be lost
            with self._changed:
                if not self._queue:
                    return True
                batch, items = head = self._queue[0]
            refusal = advice = ""
            try:
                done = self._attempt(batch)
            except RefusedError as refused:
                done, refusal, advice = True, refused.reason, refused.advice
            with self._changed:
                still_first = bool(self._queue) and self._queue[0] is head
                if not done:
                    self._attempts += 1
                elif still_first:
                    self._pop()
                self._changed.notify_all()
        if refusal and still_first:
            self._safety.dropped(f"{self._name}_{refusal}", items, advice)
        return done

    def _attempt(self, batch: _Batch) -> bool:
        try:
            if self._send(batch):
                return True
            raise ConnectionError
        except RefusedError:
            raise
        except Exception as error:
            self._safety.failed(f"export_{self._name}", error, "the batch is kept and sent again")
            return False

    def _has_room(self, share: float) -> bool:
        return self._size <= share * self._most

    def _pop(self) -> int:
        _, items = self._queue.popleft()
        self._size -= items
        return items
