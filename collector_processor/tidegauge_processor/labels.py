"""Judges the cohorts of all model versions: says what labels measure, and tests once whether they show a change.

Numbers are said when a cohort has waited, and again when more labels have come. Tests are made at fixed times, whenever
the wait of some cohort ends: of all cohorts whose labels are in by then (`performance.complete`), on the labels that
had come by then. So what is found does not depend on how often anybody looks, or how labels are delivered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from tidegauge import semconv
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.counter import Counter
from tidegauge_processor.evaluating import evaluate_cohort, learn_arrivals, subject_of
from tidegauge_processor.fates import Fates
from tidegauge_processor.label_incidents import judge_labels
from tidegauge_processor.performance import fairness
from tidegauge_processor.performance.complete import Ripe, complete_at, ripe
from tidegauge_processor.performance.table import Table
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import Signal
from tidegauge_processor.state.models import ModelState, Timing
from tidegauge_processor.verdicts.types import Policy

_log = logging.getLogger(__name__)

_NOT_MEASURED: Final = (
    "outcomes are kept and not measured, since nobody has said what the model does and its predictions do not tell: "
    "give it a baseline, or name its task= where it is monitored and send its spans here"
)


class LabelJudge:
    """The engine's cohorts.

    Args:
        timing: lengths of cohorts and waits.
        baselines: what labels are compared with.
        policy: thresholds and budget by name of the model.
        counter: counts what becomes of every item.
    """

    def __init__(self, timing: Timing, baselines: Baselines, policy: Callable[[str], Policy], counter: Counter) -> None:
        self._timing = timing
        self._baselines = baselines
        self._policy = policy
        self._counter = counter
        self._fates = Fates(counter)
        self._said: dict[tuple[ModelKey, int], int] = {}
        self._not_compared: set[ModelKey] = set()
        self._not_measured: set[ModelKey] = set()

    def judge(self, state: ModelState, watermark: int, now: int) -> Iterator[Signal]:
        """Test and measure the cohorts of a model version whose time has come.

        Args:
            state: of the model version.
            watermark: time up to which labels are expected to be there, ns since the epoch.
            now: the clock on the wall, ns since the epoch.
        """
        yield from self._test(state, watermark)
        self._learn(state, state.memory.label_watermark)  # silence is no news of delays
        for start in state.ripe_cohorts(watermark, self._timing):
            if now - self._said.get((state.key, start), 0) >= self._timing.again:
                self._said[state.key, start] = now
                yield from self._measure(state, start)
        for start in state.forget_cohorts(self._timing):
            self._said.pop((state.key, start), None)

    def forget(self, key: ModelKey) -> None:
        """Forget a model version."""
        self._said = {said: when for said, when in self._said.items() if said[0] != key}
        self._not_compared.discard(key)
        self._not_measured.discard(key)

    def _test(self, state: ModelState, watermark: int) -> Iterator[Signal]:
        memory, patience = state.memory, self._timing.patience
        for number in state.label_ticks(watermark, self._timing):
            at = patience.tick(number)
            self._learn(state, at)
            waited = [start for start in memory.untested if start <= number * patience.cohort]
            for found in ripe(waited, at, patience, memory.arrivals, partial(self._complete, state, at)):
                yield from self._test_cohort(state, found, at)

    def _complete(self, state: ModelState, at: int, start: int) -> bool | None:
        cohort = state.cohorts[start]
        return complete_at(at, cohort.labels, state.predicted(start, self._timing), cohort.table)

    def _test_cohort(self, state: ModelState, found: Ripe, at: int) -> Iterator[Signal]:
        start = found.start
        table = state.cohorts[start].table().until(at)
        if not table.kind.size:
            return
        state.was_tested(start)
        try:
            baseline = self._baselines.of(state.key, state.memory.baseline)
            subject = subject_of(state.key, baseline, start, start + self._timing.cohort)
            shown = judge_labels(subject, table, baseline, state.memory, self._policy(state.key.model), sure=found.sure)
        except Exception:
            self._failed(state.key, start)
            return
        for each in shown:
            yield each.signal(subject)

    def _measure(self, state: ModelState, start: int) -> Iterator[Signal]:
        timing, memory = self._timing, state.memory
        cohort = state.judge_cohort(start)
        try:
            table, baseline = cohort.table(), self._baselines.of(state.key, state.memory.baseline)
            self._note_task(state.key, table, memory.task_of(baseline)[0])
            of = table, start, start + timing.cohort, baseline, memory
            said, unreadable = evaluate_cohort(state.key, *of, state.predicted(start, timing))
        except Exception:
            self._failed(state.key, start)
            return
        if (new := unreadable - memory.unreadable.get(start, 0)) > 0:
            memory.unreadable[start] = unreadable
            self._fates.count("unreadable_outcome", new, state.key.model)
        yield from said
        memory.stand_unless_older("cohort", said)
        memory.stand_unless_older("selection", said)

    def _learn(self, state: ModelState, now: int) -> None:
        shown = state.arrivals_shown(self._timing, now)
        try:
            tables = [(each.table().until(now), bins) for each, bins in shown]
            learn_arrivals(tables, self._baselines.of(state.key, state.memory.baseline), state.memory)
        except Exception:
            _log.exception("how soon labels of %s %s arrive could not be learned", *state.key)
            self._counter.add(semconv.METRIC_PROCESSOR_FAILED, reason="cohort")

    def _note_task(self, key: ModelKey, table: Table, task: str) -> None:
        """Say once of a model version that it is not measured, or its groups are not compared, or nobody would hear."""
        if not task and key not in self._not_measured:
            self._not_measured.add(key)
            _log.warning("%s %s: %s", *key, _NOT_MEASURED)
        if task not in ("", "binary") and key not in self._not_compared and any(kind.segments for kind in table.kinds):
            self._not_compared.add(key)
            _log.info("%s %s: %s", *key, fairness.NOT_COMPARED.format(task=task))

    def _failed(self, key: ModelKey, start: int) -> None:
        _log.exception("cohort %d of %s %s could not be judged", start, *key)
        self._counter.add(semconv.METRIC_PROCESSOR_FAILED, reason="cohort")
