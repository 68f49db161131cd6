"""Batches on their way out: sent in order by a thread of their own, kept and sent again unchanged when that fails.

A batch that was received although the answer got lost is sent a second time with the same intervals and ids, which the
processor recognises; merging it into the next one would make it unrecognisable. The queue is bounded by the number of
items in its batches: the oldest batch gives way to a new one, and is counted. A batch that can never be sent must not
hold up those behind it: it is dropped, and counted by the reason.

At the end of the process what is left is lost. Where nobody listens, the end does not wait for long.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, NamedTuple, TypeVar

from opentelemetry import context as otel_context

from tidegauge._gate import GATE
from tidegauge._safety import Safety
from tidegauge.errors import TidegaugeError

_Batch = TypeVar("_Batch")
_FIRST_PAUSE: Final = 0.5
_HURRIED_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 30.0
_HALF: Final = 0.5
_PATIENCE: Final = 0.5
"""Seconds that the end of the process tries again while the connection is refused."""
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


class UnsentError(TidegaugeError):
    """A batch did not arrive this time.

    Args:
        kind: what went wrong, in a word of a small vocabulary; each kind is logged once.
        text: what is wrong and how to mend it.
        pause: seconds that the receiver asks to be left alone.
    """

    def __init__(self, kind: str, text: str, pause: float = 0.0) -> None:
        super().__init__(text)
        self.kind = kind
        self.pause = pause

    @property
    def absent(self) -> bool:
        """Whether nobody is there to take it."""
        return self.kind in ("refused", "unknown_host")


@contextlib.contextmanager
def suppressed() -> Iterator[None]:
    """Make no telemetry of our own sending."""
    token = otel_context.attach(otel_context.set_value(_SUPPRESS, True))
    try:
        yield
    finally:
        otel_context.detach(token)


class _Waiting(NamedTuple, Generic[_Batch]):
    batch: _Batch
    items: int
    rows: int


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
        self._queue: deque[_Waiting[_Batch]] = deque()
        self._size = 0
        self._hurry = 0
        self._absent = False
        self._asked_pause = 0.0
        self._trouble = ""
        self._ended_at: float | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def size(self) -> int:
        """Items waiting."""
        return self._size

    @property
    def rows(self) -> int:
        """Rows that the waiting batches tell of."""
        with self._changed:
            return sum(waiting.rows for waiting in self._queue)

    @property
    def trouble(self) -> str:
        """What went wrong at the latest attempt, in a few words; empty when it went well."""
        return self._trouble

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

    def put(self, batch: _Batch, items: int, rows: int = 0) -> None:
        """Queue a batch of so many items, which tell of so many rows; never waits."""
        gone = 0
        with self._changed:
            while self._queue and self._size + items > self._most:
                gone += self._pop()
            self._queue.append(_Waiting(batch, items, rows))
            self._size += items
            self._changed.notify_all()
        if gone:
            self._safety.dropped(f"{self._name}_queue_full", gone)

    def wait_for_room(self, timeout: float, share: float = _HALF) -> bool:
        """Wait until at most a ``share`` of the room is taken; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._has_room(share), timeout)

    def drain(self, timeout: float) -> bool:
        """Send everything, again and again where that fails; False when it took longer than ``timeout`` seconds."""
        began = time.monotonic()
        if self._thread is None:
            return self._drain_here(began, timeout)
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            try:
                while self._queue and (left := self._left(began, timeout)) > 0:
                    self._changed.wait(left)
            finally:
                self._hurry -= 1
            return not self._queue

    def end(self) -> None:
        """The process ends: try again soon, and without a word, since nothing will be kept for long."""
        with self._changed:
            if self._ended_at is None:
                self._ended_at = time.monotonic()
                self._hurry += 1
                self._changed.notify_all()

    def stop(self) -> None:
        """End the thread; what still waits is never sent."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _left(self, began: float, timeout: float) -> float:
        """Seconds that a drain may still take."""
        until = began + timeout
        if self._ended_at is not None and self._absent:
            until = min(until, self._ended_at + _PATIENCE)
        return until - time.monotonic()

    def _drain_here(self, began: float, timeout: float) -> bool:
        pause = 0.0
        with suppressed():
            while self._queue:
                if self._left(began, timeout) <= pause:
                    return False
                time.sleep(pause)
                pause = 0.0 if self._send_first() else max(_HURRIED_PAUSE, self._asked_pause)
        return True

    def _run(self) -> None:
        with suppressed():
            pause = 0.0
            while True:
                with self._changed:
                    if pause:
                        least = max(_HURRIED_PAUSE, self._asked_pause)
                        self._changed.wait_for(lambda: self._stopping, least)
                        self._changed.wait_for(lambda: self._hurry or self._stopping, pause - least)
                    self._changed.wait_for(lambda: self._queue or self._stopping)
                    if self._stopping:
                        return
                pause = 0.0 if self._send_first() else min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    def _send_first(self) -> bool:
        with self._sending:  # one at a time, or the order would be lost
            with self._changed:
                if not self._queue:
                    return True
                head = self._queue[0]
            refusal = advice = ""
            try:
                done = self._attempt(head.batch)
            except RefusedError as refused:
                done, refusal, advice = True, refused.reason, refused.advice
            with self._changed:
                still_first = bool(self._queue) and self._queue[0] is head
                if done and still_first:
                    self._pop()
                self._changed.notify_all()
        if refusal and still_first:
            self._safety.dropped(f"{self._name}_{refusal}", head.items, advice)
        return done

    def _attempt(self, batch: _Batch) -> bool:
        try:
            with GATE.working():
                done = self._send(batch)
            if not done:
                raise ConnectionError
        except RefusedError:
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and threading.current_thread() is not self._thread:
                raise  # Ctrl-C in the application's own thread; ours outlives whatever an exporter raises
            self._absent = isinstance(error, UnsentError) and error.absent
            self._asked_pause = min(error.pause, _LONGEST_PAUSE) if isinstance(error, UnsentError) else 0.0
            self._trouble = str(error) if isinstance(error, TidegaugeError) else type(error).__name__
            if self._ended_at is None:
                self._safety.failed(f"export_{self._name}", error, "the batch is kept and sent again")
            return False
        self._absent, self._asked_pause, self._trouble = False, 0.0, ""
        return True

    def _has_room(self, share: float) -> bool:
        return self._size <= share * self._most

    def _pop(self) -> int:
        gone = self._queue.popleft()
        self._size -= gone.items
        return gone.items
