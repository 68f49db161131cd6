"""What is said of a model that has no baseline: that one is being learned, how far that is, and when it is in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge_processor import comparison
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.learned import LEARNED, blind_features, learned_baseline
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import DriftSignal, Signal, Subject
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.learning import LearningRule
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.switching import switch_baseline
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Verdict

_TARGETS: Final = {
    semconv.METRIC_FEATURE_VALUE: comparison.FEATURE,
    semconv.METRIC_FEATURE_OCCURRENCES: comparison.FEATURE,
    semconv.METRIC_PREDICTIONS: comparison.PREDICTION,
    semconv.METRIC_PREDICTION_SCORE: comparison.SCORE,
}


def learn(subject: Subject, sums: Aggregates, memory: Memory, rule: LearningRule) -> Iterator[Signal]:
    """Say of every stream that its reference is being learned, and freeze the baseline when there is enough.

    Args:
        subject: the window, which the memory has learned from already.
        sums: what happened in it.
        memory: of the model version; it takes up a baseline that is complete, which is then in force.
        rule: when it is.
    """
    length = subject.end - subject.start
    reason = memory.learning.progress(rule, length)
    for (target, name), rows in sorted(_streams(sums).items()):
        yield DriftSignal(
            subject, target, name, "", str(Duration(length)), rows, State.INSUFFICIENT_DATA, {}, {}, 0.0, reason
        )
    if memory.learning.is_complete(rule):
        baseline = learned_baseline(ModelKey(subject.model, subject.version), memory.learning, length, memory.task)
        yield from switch_baseline(replace(subject, baseline=baseline.id, origin=LEARNED), memory, baseline)


def say_where_blind(verdict: Verdict, baseline: Baseline) -> Verdict:
    """Take back an "ok" where a learned baseline is too coarse to see anything."""
    stream = verdict.stream
    if verdict.state is State.OK and stream.target == comparison.FEATURE and stream.name in blind_features(baseline):
        reason = "nearly all values lie in one exponential bin: only a baseline made from rows can tell them apart"
        return replace(verdict, state=State.INSUFFICIENT_DATA, reason=reason)
    return verdict


def _streams(sums: Aggregates) -> dict[tuple[str, str], int]:
    """Rows of each stream of a window that a baseline would know, by target and name."""
    found: dict[tuple[str, str], int] = {}
    for stream, value in [*sums.histograms.items(), *sums.counts.items()]:
        target = _TARGETS.get(stream.metric)
        if target and not stream.baseline:
            place = target, stream.dimension(semconv.FEATURE_NAME)
            found[place] = found.get(place, 0) + (value if isinstance(value, int) else value.count)
    return found
