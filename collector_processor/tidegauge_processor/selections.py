"""Judges how often groups are selected, in the cohorts of all model versions: from all predictions, without labels.

A cohort is looked at once, when all of its windows have closed, or its model has fallen silent. What came earlier or
later of other cohorts makes no difference, so neither does a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from tidegauge import semconv
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.counter import Counter
from tidegauge_processor.evaluating import selection_signals, subject_of
from tidegauge_processor.label_incidents import judge_selection
from tidegauge_processor.performance.fairness import Counts
from tidegauge_processor.performance.judging import SCALES
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import Signal
from tidegauge_processor.state.models import ModelState, Timing
from tidegauge_processor.verdicts.types import Policy

_log = logging.getLogger(__name__)


class SelectionJudge:
    """The engine's predictions by group.

    Args:
        timing: lengths of windows and cohorts.
        baselines: say what models do, and which class is the positive one.
        policy: thresholds and budget by name of the model.
        counter: counts what fails.
    """

    def __init__(self, timing: Timing, baselines: Baselines, policy: Callable[[str], Policy], counter: Counter) -> None:
        self._timing = timing
        self._baselines = baselines
        self._policy = policy
        self._counter = counter
        self._too_many: set[ModelKey] = set()

    def judge(self, state: ModelState, silent_until: int) -> Iterator[Signal]:
        """Say and test the selection rates of the cohorts of a model version that are complete.

        Args:
            state: of the model version. Of one that has not said what it does the latest cohorts wait.
            silent_until: up to when there is nothing more to come of it, ns since the epoch; 0 unless it is silent.
        """
        task, positive = state.memory.task_of(self._baselines.of(state.key, state.memory.baseline))
        complete = state.complete_selections(silent_until, self._timing)
        if not task:  # not yet: what could no longer be merged is dropped
            complete, task = complete[: -max(SCALES)], "unknown"
        for start in complete:
            selection = state.take_selection(start, self._timing)
            if task != "binary":
                continue
            if not selection.whole:
                self._say_too_many(state.key)
                continue
            yield from self._say(state, start, selection.groups(positive))

    def forget(self, key: ModelKey) -> None:
        """Forget a model version."""
        self._too_many.discard(key)

    def _say(self, state: ModelState, start: int, groups: dict[str, Counts]) -> Iterator[Signal]:
        baseline = self._baselines.of(state.key, state.memory.baseline)
        subject = subject_of(state.key, baseline, start, start + self._timing.cohort)
        try:
            said = selection_signals(subject, groups)
            shown = judge_selection(subject, groups, state.memory, self._policy(state.key.model))
        except Exception:
            _log.exception("groups of cohort %d of %s %s could not be judged", start, *state.key)
            self._counter.add(semconv.METRIC_PROCESSOR_FAILED, reason="cohort")
            return
        state.memory.stand("selection", said)
        yield from said
        for each in shown:
            yield each.signal(subject)

    def _say_too_many(self, key: ModelKey) -> None:
        """Say once of a model version that its groups could not all be counted."""
        if key not in self._too_many:
            self._too_many.add(key)
            what = "selection rates are not said, because not all groups could be counted"
            _log.warning("%s %s: %s; raise aggregation_cardinality_limit or declare fewer segments", *key, what)
