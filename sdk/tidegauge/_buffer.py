"""Calls waiting to be summarised, in intervals that never overlap.

One interval is open at a time, for all models of the process. It ends at a multiple of the export interval, so that no
delta spans two windows of the processor, or earlier when somebody flushes. The first one is short, so that a process
that lives for seconds is seen, and whoever tries the SDK sees something at once. A call is counted into the interval
that is open when it is recorded; one that is stamped before it is counted all the same, and the lateness is counted.

Rows are bounded: a call that would exceed the bound is dropped and counted, unless nothing else is waiting, so that a
single batch of any size is seen. A call without rows weighs as much as one with one row. What a call weighs is settled
when it comes in, because the application may go on to change it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction
    from tidegauge._safety import Safety


class Interval:
    """A stretch of time ``[start, end)``, in nanoseconds since the epoch, and the calls recorded in it."""

    __slots__ = ("calls", "closed", "end", "start", "summaries", "weight")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.closed = False
        self.calls: list[Prediction] = []
        self.weight = 0
        self.summaries: dict[Any, Any] = {}


class Buffer:
    """Takes calls in and gives intervals out; safe in threads.

    Args:
        length: length of an interval, in nanoseconds.
        most_rows: rows that may wait.
        safety: counts what is dropped or late.
        first: longest time that the first interval may last, in nanoseconds.
    """

    def __init__(self, length: int, most_rows: int, safety: Safety, first: int | None = None) -> None:
        self._length = length
        self._first = first
        self._most_rows = most_rows
        self._safety = safety
        self._lock = threading.Lock()
        self._open: Interval | None = None
        self._closed: deque[Interval] = deque()
        self._until = 0
        self._latest = 0
        self.rows = 0

    def add(self, call: Prediction) -> bool:
        """Take ``call`` in; True when the flush should look after it now rather than at the interval's end."""
        rows, now = max(call.rows, 1), call.time
        with self._lock:
            interval = self._open
            urgent = False
            if interval is None or now >= interval.end:
                urgent = interval is not None
                interval = self._begin(now)
            late = now < interval.start - interval.start % self._length
            full = bool(self.rows) and self.rows + rows > self._most_rows
            if not full:
                self._latest = max(self._latest, now)
                interval.calls.append(call)
                interval.weight += rows
                self.rows += rows
                urgent = urgent or self.rows * 4 > self._most_rows
        if late:  # told when the lock is free again: telling may log, and logging may take its time
            self._safety.came_late(rows)
        if full:
            self._safety.dropped("buffer_full", rows)
        return urgent or full

    def close(self, now: int) -> None:
        """Close the open interval when its end has come."""
        with self._lock:
            if self._open is not None and now >= self._open.end:
                self._finish(self._open.end)

    def cut(self, now: int) -> None:
        """Close the open interval whatever the time: it ends now, and after the last call in it."""
        with self._lock:
            if self._open is not None:
                self._finish(min(max(now, self._latest + 1, self._open.start + 1), self._open.end))

    def take(self) -> list[tuple[Interval, list[Prediction], int, bool]]:
        """Intervals with work to do, oldest first: calls, their weight, whether it is over; the open one last.

        Whether one is over is told as of now: it may end while its calls are summarised, and will then be taken again.
        """
        with self._lock:
            taken = [*self._closed, *([self._open] if self._open is not None and self._open.calls else [])]
            self._closed.clear()
            work = [(interval, interval.calls, interval.weight, interval.closed) for interval in taken]
            for interval in taken:
                interval.calls, interval.weight = [], 0
            return work

    def done(self, weight: int) -> None:
        """Calls of so much weight that were taken have been summarised."""
        with self._lock:
            self.rows -= weight

    @property
    def ends(self) -> int | None:
        """When the open interval is over, in nanoseconds since the epoch; None when none is open."""
        interval = self._open
        return None if interval is None else interval.end

    @property
    def until(self) -> int:
        """End of the latest interval that is over, in nanoseconds since the epoch; 0 before there is one."""
        return self._until

    @property
    def waiting(self) -> int:
        """Closed intervals that have not been taken."""
        return len(self._closed)

    def _begin(self, now: int) -> Interval:
        if self._open is not None:
            self._finish(self._open.end)
        now = max(now, self._until)  # a clock that went back: go on where the last interval ended
        edge = now - now % self._length
        end = edge + self._length
        if self._first is not None:
            end, self._first = min(end, now + self._first), None
        self._open = Interval(max(edge, self._until), end)
        return self._open

    def _finish(self, end: int) -> None:
        interval = self._open
        if interval is None:
            return
        interval.end = end
        interval.closed = True
        self._until = end
        self._open = None
        self._closed.append(interval)
