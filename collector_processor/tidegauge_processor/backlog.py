"""Commits that wait for the worker, bounded by what they take in memory.

A request of a few kilobytes may hold a hundred times as much once it is read. So not commits are counted, but the bytes
that their requests take: when too many wait, the inbox waits, and with it the senders.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from tidegauge.errors import StorageError
from tidegauge_processor.records import Decoded
from tidegauge_processor.state.inbox import Entry

Commit = Sequence[Entry[Decoded]]


class BusyError(StorageError):
    """What has been read takes up all room."""

    reason = "busy"


class Backlog:
    """A queue of commits, from any thread to one worker.

    Args:
        most: bytes that may wait. A single commit of any size is taken when nothing else waits.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._waiting: deque[Commit] = deque()
        self._size = 0
        self._closed = False

    def put(self, commit: Commit) -> None:
        """Add a commit; waits until there is room for it."""
        size = _size(commit)
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._size + size <= self._most)
            self._waiting.append(commit)
            self._size += size
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def get(self, timeout: float) -> Commit | None:
        """The next commit; an empty one when there is none within ``timeout`` seconds, None when none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            if not self._waiting:
                return None if self._closed else ()
            commit = self._waiting.popleft()
            self._size -= _size(commit)
            self._changed.notify_all()
            return commit


def _size(commit: Commit) -> int:
    return sum(entry.decoded.size for entry in commit)
