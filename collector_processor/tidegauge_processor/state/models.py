"""One model version: its open windows, the cohorts whose labels still arrive, and what it remembers.

Time is event time. Points move the watermark of the windows, outcomes that of the cohorts: the two travel through
different pipelines and one may be far ahead of the other when history is replayed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.complete import Patience
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.performance.selection import Selection
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.closed import ClosedWindows
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.windows import Window

Part = Literal["memory", "window", "closed", "cohort", "learning"]

FURTHEST_AHEAD: Final = 5 * 60 * 10**9
"""A clock that runs ahead by more than this (ns) is counted. None moves a watermark beyond the clock on the wall."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Lengths of time, all in ns.

    Attributes:
        window: length of a window.
        lateness: how long after its end a window waits for points that are late.
        idle: silence after which a writer is not waited for, and that of all lets the clock on the wall close windows.
        cohort: length of a cohort of predictions.
        wait: how long after its end a cohort waits for labels before it is judged.
        retention: how long a cohort takes labels.
        again: how long a judged cohort waits, by the clock on the wall, before labels that came since are judged.
        hold: how long a window that is due waits for writers and rows, by the clock on the wall.
        live: whether the models' time is that of the clock on the wall; not in a replay of history.
    """

    window: int
    lateness: int
    idle: int
    cohort: int
    wait: int
    retention: int
    again: int
    hold: int = 15 * 60 * 10**9
    live: bool = False

    @property
    def patience(self) -> Patience:
        """How long labels are waited for."""
        return Patience(self.cohort, self.wait, self.retention)


class ModelState:
    """State of one model version, and which parts of it the store does not have yet.

    Args:
        key: the model version.
    """

    def __init__(self, key: ModelKey) -> None:
        self.key = key
        self.memory = Memory()
        self.windows: dict[int, Window] = {}
        self.closed = ClosedWindows()
        self.cohorts: dict[int, Cohort] = {}
        self._dirty: set[tuple[Part, int]] = set()

    def window(self, start: int) -> Window:
        """The open window that starts at ``start``, made on first use; it counts as changed."""
        self._dirty |= {("window", start), ("memory", 0)}
        return self.windows.setdefault(start, Window())

    def saw_points(self, end: int, now: int, lateness: int) -> bool:
        """Move the watermark to points up to ``end``, but not beyond ``now``; False when that is far ahead."""
        self.memory.watermark = max(self.memory.watermark, min(end, now) - lateness)
        return end <= now + FURTHEST_AHEAD

    def saw_outcomes(self, recorded: int, now: int) -> None:
        """Move the watermark of labels to outcomes recorded up to ``recorded``, but not beyond ``now``."""
        watermark = max(self.memory.label_watermark, min(recorded, now))
        if watermark != self.memory.label_watermark:
            self.memory.label_watermark = watermark
            self.touch()

    def add_outcome(self, outcome: Outcome, timing: Timing, now: int) -> str:
        """Take up an outcome; what became of it.

        One that was recorded when its cohort no longer took labels has expired by its own time. Of outcomes that come
        together all should have been `saw_outcomes` before, so that what expires does not depend on their order.
        """
        memory = self.memory
        self.saw_outcomes(outcome.known_at, now)
        start = outcome.predicted_at - outcome.predicted_at % timing.cohort
        if start + timing.cohort + timing.retention <= memory.label_watermark:
            return "expired"
        fate = self.cohorts.setdefault(start, Cohort()).add(outcome)
        if fate in ("new", "revised"):
            memory.outputs.add(outcome.klass, outcome.score, outcome.value)
            memory.unjudged.add(start)
            if start not in memory.tested:
                memory.untested.add(start)
            self._dirty |= {("cohort", start), ("memory", 0)}
        return fate

    def learn_task(self, task: str) -> None:
        """Remember what the model does, as its outcomes or spans say; labels that came before are measured by that."""
        if task != self.memory.task:
            self.memory.unjudged |= set() if self.memory.task else self.cohorts.keys()
            self.memory.task = task
            self.touch()

    def ripe_windows(self, watermark: int, timing: Timing) -> list[int]:
        """Starts of the windows that end at or before ``watermark``, in order."""
        return sorted(start for start in self.windows if start + timing.window <= watermark)

    def ripe_cohorts(self, watermark: int, timing: Timing) -> list[int]:
        """Starts of the cohorts that have waited long enough and got labels since they were judged, in order."""
        ripe = watermark - timing.cohort - timing.wait
        return sorted(start for start in self.memory.unjudged if start <= ripe)

    def close_window(self, start: int, timing: Timing) -> Window:
        """Take out a window; points for it are late from now on."""
        self._dirty |= {("window", start), ("memory", 0)}
        self.memory.started = self.memory.started or start
        self.memory.closed_until = max(self.memory.closed_until, start + timing.window)
        return self.windows.pop(start)

    def drop_window(self, start: int) -> int:
        """Give up an open window; how many points and spans it had."""
        self._dirty.add(("window", start))
        window = self.windows.pop(start)
        return sum(window.sums.told.values()) + len(window.snapshots) + len(window.call_ids)

    def predictions(self, start: int, rows: int, timing: Timing) -> None:
        """Count ``rows`` predicted in the closed window that starts at ``start``."""
        cohort = start - start % timing.cohort
        self.memory.predicted[cohort] = self.memory.predicted.get(cohort, 0) + rows

    def predicted(self, start: int, timing: Timing) -> int | None:
        """Rows predicted in a cohort; None before all of its windows have closed."""
        return self.memory.predicted.get(start) if start + timing.cohort <= self.memory.closed_until else None

    def select(self, start: int, selection: Selection, timing: Timing) -> None:
        """Count predictions by group in the closed window that starts at ``start``."""
        cohort = start - start % timing.cohort
        if selection and cohort >= self.memory.selected_until:
            counts = self.memory.selections.setdefault(cohort, Selection())
            counts += selection
            self.memory.groups_counted = True

    def complete_selections(self, silent_until: int, timing: Timing) -> list[int]:
        """Starts of the cohorts of which all predictions are known, in order.

        Args:
            silent_until: a model version that has fallen silent says nothing more of the time before; 0 for one that
                has not.
            timing: lengths of time.
        """
        until = max(self.memory.closed_until, silent_until) - timing.cohort
        return sorted(start for start in self.memory.selections if start <= until)

    def take_selection(self, start: int, timing: Timing) -> Selection:
        """Take out the predictions by group of a cohort; further ones of it come too late."""
        self.touch()
        self.memory.selected_until = max(self.memory.selected_until, start + timing.cohort)
        return self.memory.selections.pop(start)

    def arrivals_shown(self, timing: Timing, now: int) -> list[tuple[Cohort, slice]]:
        """Cohorts, and the bins of delays that each has shown at ``now`` and that have not been given out before."""
        memory, since = self.memory, self.memory.learned_until
        if now <= since:
            return []
        memory.learned_until = now
        shown = timing.patience.shown(self.cohorts, since, now)
        if shown:
            self.touch()
        return [(self.cohorts[start], bins) for start, bins in shown]

    def label_ticks(self, watermark: int, timing: Timing) -> Iterator[int]:
        """Numbers of the cohorts whose wait has ended since the last time, as long as some cohort is untested."""
        memory, patience = self.memory, timing.patience
        if not memory.untested:
            return
        first = max(memory.label_tick + 1, min(memory.untested) // patience.cohort)
        for number in range(first, patience.last_tick(watermark) + 1):
            if not memory.untested:
                return
            memory.label_tick = number
            self.touch()
            yield number

    def was_tested(self, start: int) -> None:
        """Remember that the labels of a cohort have been tested, which is never done again."""
        self.memory.untested.discard(start)
        self.memory.tested.add(start)
        self.touch()

    def judge_cohort(self, start: int) -> Cohort:
        """The cohort to measure; labels that are later still make it ripe again."""
        self.touch()
        self.memory.unjudged.discard(start)
        return self.cohorts[start]

    def forget_cohorts(self, timing: Timing) -> list[int]:
        """Drop the cohorts that no longer take labels; their starts."""
        oldest = self.memory.label_watermark - timing.retention - timing.cohort
        self.memory.predicted = {start: rows for start, rows in self.memory.predicted.items() if start > oldest}
        due = self.memory.unjudged | self.memory.untested
        gone = [start for start in self.cohorts if start <= oldest and start not in due]
        for start in gone:
            del self.cohorts[start]
            self._dirty |= {("cohort", start), ("memory", 0)}
            self.memory.tested.discard(start)
            self.memory.unreadable.pop(start, None)
        return gone

    def touch_all(self) -> None:
        """Say that the store may have lost any part."""
        self._dirty |= self._parts()

    def units(self) -> set[str]:
        """Keys of all parts that the store may have."""
        return {self._unit(part, start) for part, start in self._parts() | self._dirty}

    def dirty(self) -> Iterator[tuple[str, bytes | None]]:
        """Key and bytes of each part that has changed since it was last `saved`; None for a part that is gone."""
        self._dirty |= {("learning", slot) for slot in self.memory.learning.touched}
        self.memory.learning.touched.clear()
        self._dirty |= {("closed", start) for start in self.closed.touched}
        self.closed.touched.clear()
        for part, start in sorted(self._dirty):
            yield self._unit(part, start), self._dump(part, start)

    def anew(self) -> ModelState:
        """The model version with nothing but the time up to which it has been judged, which is not judged again."""
        state = ModelState(self.key)
        for name in ("watermark", "label_watermark", "last_seen", "closed_until"):
            setattr(state.memory, name, getattr(self.memory, name))
        state.touch()
        return state

    def saved(self) -> None:
        """Say that all that was `dirty` is durable."""
        self._dirty.clear()

    def _parts(self) -> set[tuple[Part, int]]:
        parts: set[tuple[Part, int]] = {("memory", 0)}
        parts |= {("window", start) for start in self.windows} | {("cohort", start) for start in self.cohorts}
        parts |= {("closed", start) for start in self.closed.windows}
        return parts | {("learning", slot) for slot in self.memory.learning.sums}

    def _unit(self, part: Part, start: int) -> str:
        return json.dumps([*self.key, part, start])

    def touch(self) -> None:
        """Say that the memory has changed."""
        self._dirty.add(("memory", 0))

    def _dump(self, part: Part, start: int) -> bytes | None:
        if part == "memory":
            return self.memory.dump()
        if part == "window":
            return self.windows[start].dump() if start in self.windows else None
        if part == "closed":
            return self.closed.dump(start)
        if part == "learning":
            sums = self.memory.learning.sums.get(start)
            return None if sums is None else json.dumps(sums.dump()).encode()
        return json.dumps(self.cohorts[start].dump()).encode() if start in self.cohorts else None
