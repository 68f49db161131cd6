"""Which windows that are due may close, and which wait for rows that are still to come.

A window is due when the fastest writer has passed its end by the allowed lateness, or when the model has been silent.
It then waits for

* every writer that is alive and has not passed its end (`Writers`);
* rows that writers have counted and that have not arrived (`under_way`);
* whoever nobody has heard of yet, where it began before anybody listened: after the processor was away, or the model
  was silent, for twice as long as that, since who tries again doubles their pauses.

It waits no longer than ``hold`` by the clock on the wall. Whoever was waited for in vain is not waited for again until
they have caught up: so one that stands still delays no more than one window.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from tidegauge_processor.config.durations import Duration
from tidegauge_processor.cumulative import under_way
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.models import ModelState, Timing

_log = logging.getLogger(__name__)


class _Return(NamedTuple):
    """When a model was heard again, and until when others may follow; ns since the epoch."""

    since: int = 0
    until: int = 0


class Holds:
    """The waits of all model versions.

    Args:
        timing: lengths of windows and waits.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._due: dict[ModelKey, dict[int, int]] = {}
        self._returns: dict[ModelKey, _Return] = {}
        self._started = _Return()

    def wake(self, then: int, now: int) -> None:
        """Begin at ``now``; the processor listened last at ``then``, both ns since the epoch."""
        self._started = self._away(then, now)

    def heard(self, key: ModelKey, then: int, now: int) -> None:
        """Take notice of data of a model version that was heard of last at ``then``."""
        if now - then >= self._timing.idle:
            self._returns[key] = self._away(then, now)

    def forget(self, key: ModelKey) -> None:
        """Forget a model version."""
        self._due.pop(key, None)
        self._returns.pop(key, None)

    def ready(self, state: ModelState, last_points: int, now: int) -> list[int]:
        """Starts of the windows that may close now, in order.

        Args:
            state: of the model version.
            last_points: when it was last heard of, ns since the epoch.
            now: the clock on the wall, ns since the epoch.
        """
        due = state.ripe_windows(self._due_until(state, last_points, now), self._timing)
        if not due:
            self._due.pop(state.key, None)
            return []
        before = self._due.get(state.key, {})
        since = self._due[state.key] = {start: before.get(start, now) for start in due}
        forced = max((start for start in due if now - since[start] >= self._timing.hold), default=-1)
        if due[0] > forced and (self._may_follow(state.key, due[0], now) or any(self._behind(state, due[0], now))):
            return []
        writers = state.memory.writers
        lacking = under_way(state.windows, self._timing.window, state.memory.carried)
        writers.caught_up(state.memory.closed_until, lacking)
        ready = []
        for start in due:
            end = start + self._timing.window
            waits = {writer for writer, since in lacking.items() if since < end and not writers.in_vain(writer)}
            waits.update(self._behind(state, start, now))
            if start > forced and (waits or self._may_follow(state.key, start, now)):
                break
            if waits:
                writers.give_up(waits)
                held = start, Duration(self._timing.hold), len(waits)
                _log.info("%s %s: window %d has waited %s in vain for rows of %d writers", *state.key, *held)
            ready.append(start)
        return ready

    def _due_until(self, state: ModelState, last_points: int, now: int) -> int:
        """Event time up to which nothing is expected, but for what is waited for."""
        timing, watermark = self._timing, state.memory.watermark
        passed = now - timing.lateness
        if now - last_points >= timing.idle:
            return max(watermark, passed)
        if not watermark < min(state.windows, default=passed) + timing.window <= passed:
            return watermark  # it need not be asked who has gone
        told = state.memory.writers.told(now, timing.idle)
        return watermark if told is None else max(watermark, min(told, now) - timing.lateness)

    def _behind(self, state: ModelState, start: int, now: int) -> Iterator[str]:
        """Writers that have not passed the end of a window."""
        until = start + self._timing.window + self._timing.lateness
        return state.memory.writers.behind(until, now, self._timing.idle)

    def _may_follow(self, key: ModelKey, start: int, now: int) -> bool:
        returns = self._started, self._returns.get(key, self._started)
        return any(start < each.since and now < each.until for each in returns)

    def _away(self, then: int, now: int) -> _Return:
        if not self._timing.live:
            return _Return()
        return _Return(now, now + min(2 * (now - then), self._timing.idle))
