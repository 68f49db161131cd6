"""What time it is.

A clock is a callable without arguments that returns nanoseconds since the epoch. The SDK asks it for the time of
predictions and outcomes, and for nothing else; how long a call took is measured by a monotonic timer. Replaying history
means to hand over a `ManualClock` and to set it before each call: rows, spans and events then carry historical time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from tidegauge.errors import ConfigurationError

Clock: TypeAlias = Callable[[], int]
"""Nanoseconds since the epoch."""


class ManualClock:
    """A clock that stands still until it is set.

    Args:
        start_ns: first time shown, in nanoseconds since the epoch.
        timer: monotonic nanoseconds for the duration of calls; real time by default, so that a replay measures the
            model's true speed. A test passes the clock itself, so that a call takes as long as the clock was advanced.

    Example:
        >>> clock = ManualClock(1_000)
        >>> clock.advance(500)
        >>> clock()
        1500
    """

    __slots__ = ("_now", "timer")

    def __init__(self, start_ns: int = 0, *, timer: Callable[[], int] | None = None) -> None:
        self._now = start_ns
        self.timer = timer or time.perf_counter_ns

    def __call__(self) -> int:
        """The time shown."""
        return self._now

    def set(self, ns: int) -> None:
        """Show ``ns``, in nanoseconds since the epoch; an earlier time than now is allowed."""
        if ns < 0:
            raise ConfigurationError(f"a clock shows nanoseconds since the epoch, not {ns}")
        self._now = int(ns)

    def advance(self, ns: int) -> None:
        """Go on by ``ns`` nanoseconds."""
        self.set(self._now + ns)
