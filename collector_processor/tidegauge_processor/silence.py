"""A model version that has been silent for some windows is not said to be well or ill any more.

It may be dead, or rolled back, or switched off at night: nobody can tell, and an alarm that repeats what was true hours
ago wakes people for nothing. Silence is that of the clock on the wall, and what comes afterwards is judged as ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tidegauge_processor.ending import SILENT, end_alarm, end_labels
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import Signal, Subject
from tidegauge_processor.state.models import Timing
from tidegauge_processor.state.roster import Roster
from tidegauge_processor.verdicts.state import CloseReason

Times = Mapping[ModelKey, int]
"""When each model version was last heard of, ns since the epoch."""

_NOTHING: Final[frozenset[ModelKey]] = frozenset()


class Silence:
    """The engine's model versions that are silent.

    Args:
        models: all model versions; the engine's own, which grows and shrinks.
        timing: lengths of windows and cohorts. In a replay, of which nobody knows when it goes on, none is silent.
    """

    def __init__(self, models: Roster, timing: Timing) -> None:
        self._models = models
        self._timing = timing
        self._without_data = _NOTHING
        self._without_labels = _NOTHING

    def end(self, now: int, points: Times, outcomes: Times) -> Iterator[Signal]:
        """End the incidents of versions that have fallen silent by ``now``, ns since the epoch.

        Args:
            now: the clock on the wall.
            points: when points were last heard of.
            outcomes: when outcomes were.
        """
        if not self._timing.live:
            return
        without_data = self._silent(now, self._timing.window, points)
        for key in sorted(without_data - self._without_data):
            state = self._models[key]
            versions = self._models.versions(key.model)
            memories = {version: other.memory for version, other in versions.items() if version != key.version}
            yield from end_alarm(self._subject(key, self._timing.window), state.memory, memories)
            for each in versions.values():
                each.touch()
        without_labels = without_data & self._silent(now, self._timing.cohort, points, outcomes)
        for key in sorted(without_labels - self._without_labels):
            state = self._models[key]
            yield from end_labels(self._subject(key, self._timing.cohort), state.memory, CloseReason.NO_DATA)
            state.touch()
        self._without_data, self._without_labels = without_data, without_labels

    def _silent(self, now: int, length: int, *heard: Times) -> frozenset[ModelKey]:
        """Versions that were not heard of in so many windows or cohorts, and of which nothing waits to be judged."""
        return frozenset(
            key
            for key, state in self._models.items()
            if state.memory.closed_until
            and all(now - times.get(key, now - SILENT * length) >= SILENT * length for times in heard)
            and all(start > now for start in state.windows)
        )

    def _subject(self, key: ModelKey, length: int) -> Subject:
        until = self._models[key].memory.closed_until
        return Subject(*key, self._models[key].memory.baseline, "metric", until, until + SILENT * length)
