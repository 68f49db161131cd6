"""A fork waits until the threads of ours are at rest, for a moment at most.

A child inherits the memory of its parent but none of its threads. What one of them was in the middle of, an import or a
call of gRPC, stays half done in the child for ever. So a thread does such work inside of this gate, and a fork closes
it. A thread that does not come out within a second, since a receiver hangs, does not hold the fork up any longer.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

_LONGEST_WAIT: Final = 1.0


class Gate:
    """Counts the threads at work, and keeps others out while it is closed."""

    def __init__(self) -> None:
        self.after_in_child()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Bracket work that a fork must not cut through; waits while the process forks."""
        state = self._state
        with state.changed:
            state.changed.wait_for(lambda: not state.closed, 2 * _LONGEST_WAIT)
            state.busy += 1
        try:
            yield
        finally:
            with state.changed:
                state.busy -= 1
                state.changed.notify_all()

    def before(self) -> None:
        """The process is about to fork."""
        state = self._state
        with state.changed:
            state.closed = True
            state.changed.wait_for(lambda: not state.busy, _LONGEST_WAIT)

    def after_in_parent(self) -> None:
        """The parent goes on."""
        state = self._state
        with state.changed:
            state.closed = False
            state.changed.notify_all()

    def after_in_child(self) -> None:
        """The child begins anew, without any of the threads."""
        self._state = _State()


class _State:
    __slots__ = ("busy", "changed", "closed")

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.busy = 0
        self.closed = False


GATE: Final = Gate()
