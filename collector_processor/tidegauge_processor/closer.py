"""Closes the windows of all versions of all models, in the order of time, and compares versions with each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from tidegauge import semconv
from tidegauge_processor import windowing
from tidegauge_processor.apart import apart
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.counter import Counter
from tidegauge_processor.cumulative import is_hollow
from tidegauge_processor.ending import end_comparison
from tidegauge_processor.fates import Fates
from tidegauge_processor.holding import Holds
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import BaselineSignal, Signal, Subject, WindowSignal
from tidegauge_processor.state.challenge import Challenge
from tidegauge_processor.state.learning import LearningRule
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.models import Timing
from tidegauge_processor.state.roster import Roster
from tidegauge_processor.verdicts.state import CloseReason
from tidegauge_processor.verdicts.types import Policy
from tidegauge_processor.versions import Champion, VersionRule, champion_of, share_of

_log = logging.getLogger(__name__)


class Closer:
    """The engine's windows.

    Args:
        models: all model versions; the engine's own, which grows and shrinks.
        timing: lengths of windows and waits.
        baselines: known baselines; learned ones are added.
        policy: thresholds and budget by name of the model.
        learning: when a baseline is learned for a model that has none.
        versions: how the versions of a model are compared, by name of the model.
        counter: counts what becomes of every item.

    Attributes:
        holds: which windows wait, and for whom.
    """

    def __init__(
        self,
        models: Roster,
        timing: Timing,
        baselines: Baselines,
        policy: Callable[[str], Policy],
        learning: LearningRule,
        versions: Callable[[str], VersionRule],
        counter: Counter,
    ) -> None:
        self._models = models
        self._timing = timing
        self._baselines = baselines
        self._policy = policy
        self._learning = learning
        self._versions = versions
        self._counter = counter
        self._fates = Fates(counter)
        self.holds = Holds(timing)

    def close(self, now: int, last_points: Mapping[ModelKey, int]) -> Iterator[Signal]:
        """Close what is ripe, in the order of time also after a restart: versions are compared with each other.

        Args:
            now: ns since the epoch.
            last_points: when each model version was last heard of, ns since the epoch.
        """
        ripe = [
            (start, key)
            for key, state in self._models.items()
            for start in self.holds.ready(state, last_points.get(key, now), now)
        ]
        for start, key in sorted(ripe):
            with apart(self._counter, "window", "window %d of %s %s could not be judged in full", start, *key):
                yield from self._close_window(key, start, now)
                yield from self._compare_versions(key.model)

    def _close_window(self, key: ModelKey, start: int, now: int) -> Iterator[Signal]:
        state, length = self._models[key], self._timing.window
        window, memory, end = state.close_window(start, self._timing), state.memory, start + length
        if is_hollow(window, start, length, memory.carried):
            return
        beside, before, began = self._memories(key.model), memory.challenge, memory.learning.start
        try:
            policy = self._shared_policy(key.model, start)
            version = champion_of(key.version, beside, start, length, self._versions(key.model))
            theirs = self._baselines.get(beside[version].baseline) if version else None
            champion = Champion(version, theirs) if theirs else None
            said, dropped, selection = windowing.close(
                key, window, start, end, memory, self._baselines, policy, self._learning, champion
            )
        except Exception:
            _log.exception("window %d of %s %s could not be judged", start, *key)
            self._counter.add(semconv.METRIC_PROCESSOR_FAILED, reason="window")
            return
        state.closed.keep(start, window.seen, memory.history)
        memory.writers.forget(now, self._timing.idle)
        for reason, number in dropped.items():
            self._fates.count(reason, number, key.model)
        if memory.learning.start and not began:
            _log.info("%s %s has no baseline: one is learned, %s", *key, self._learning)
        for signal in said:
            if isinstance(signal, BaselineSignal) and signal.learned:
                self._baselines.add(signal.learned, learned=True)
                _log.info("%s %s: baseline %s is learned from %d rows", *key, signal.learned.id, signal.learned.rows)
        rows = sum(signal.rows for signal in said if isinstance(signal, WindowSignal))
        state.predictions(start, rows, self._timing)
        state.select(start, selection, self._timing)
        memory.stand("window", said)
        yield from said
        if before and memory.challenge is not before:
            memory.stand("comparison", ())
            yield from self._end_challenge(key, before, memory.challenge)

    def _compare_versions(self, model: str) -> Iterator[Signal]:
        """Compare every version of ``model`` with its champion, as far as both have closed their windows."""
        beside = self._memories(model)
        for version, memory in sorted(beside.items()) if len(beside) > 1 else ():
            challenge, key = memory.challenge, ModelKey(model, version)
            baseline = self._baselines.get(challenge.baseline) if challenge else None
            if not challenge or not baseline or challenge.champion not in beside:
                continue
            try:
                policy_of = partial(self._shared_policy, model)
                said = windowing.compare(key, memory, beside[challenge.champion], baseline, policy_of)
            except Exception:
                _log.exception("%s %s could not be compared with version %s", *key, challenge.champion)
                self._counter.add(semconv.METRIC_PROCESSOR_FAILED, reason="comparison")
                continue
            if said:
                self._models[key].touch()
                latest = max(signal.subject.end for signal in said)
                memory.stand("comparison", [signal for signal in said if signal.subject.end == latest])
                yield from said

    def _end_challenge(self, key: ModelKey, before: Challenge, after: Challenge | None) -> Iterator[Signal]:
        """Close what a comparison that is over has left open."""
        if before.windows:
            same = after is not None and after.champion == before.champion
            reason = CloseReason.BASELINE_CHANGED if same else CloseReason.VERSION_GONE
            last = before.windows[-1]
            yield from end_comparison(Subject(*key, "", "metric", last.start, last.end), before, reason)

    def _memories(self, model: str) -> dict[str, Memory]:
        """Memory of each version of a model."""
        return {version: state.memory for version, state in self._models.versions(model).items()}

    def _shared_policy(self, model: str, start: int) -> Policy:
        """Thresholds for one judgement of one version in the window from ``start``; versions share the budget."""
        policy = self._policy(model)
        share = share_of(self._memories(model), start, self._timing.window)
        return replace(policy, false_incidents_per_month=policy.false_incidents_per_month * share)
