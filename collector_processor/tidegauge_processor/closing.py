"""What is said when a window closes.

Pure: counts, baseline and memory in, signals out. The memory moves on by one window.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge.summaries import NumericSummary
from tidegauge_processor import comparison, in_use, versions
from tidegauge_processor.bounds import LARGEST_TOTAL
from tidegauge_processor.call_durations import add_durations
from tidegauge_processor.cumulative import Settled, settle
from tidegauge_processor.evaluating import evaluation_signal
from tidegauge_processor.judging import Closed, judge_windows, window_name
from tidegauge_processor.performance.attribution import attribution_ndcg, mean_magnitude
from tidegauge_processor.performance.effect import Expected
from tidegauge_processor.performance.evaluations import estimates
from tidegauge_processor.performance.selection import Selection
from tidegauge_processor.records import OVERFLOW, ModelKey
from tidegauge_processor.signals import (
    ConflictSignal,
    DriftSignal,
    Durations,
    IncidentSignal,
    RateSignal,
    Signal,
    Subject,
    TotalsSignal,
    WindowSignal,
)
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.learning import NOTHING_LEARNED, LearningRule, rows_of
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.windows import Window
from tidegauge_processor.switching import switch_baseline
from tidegauge_processor.traces import traces_of
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Stream
from tidegauge_processor.versions import Champion
from tidegauge_processor.window_points import Points
from tidegauge_processor.without_baseline import learn

_SECOND: Final = 1e9
_MOST_CONFLICTS: Final = 10
"""Pairs of baselines that are said of one window."""


class Said(NamedTuple):
    """What a window comes to.

    Attributes:
        signals: what there is to say.
        dropped: what could not be counted, by reason (see `Settled.dropped`).
        selection: predictions by segment, group and class.
    """

    signals: list[Signal]
    dropped: Counter[str]
    selection: Selection


def close_window(
    key: ModelKey,
    window: Window,
    start: int,
    end: int,
    memory: Memory,
    baselines: Mapping[str, Baseline],
    policy: Policy,
    rule: LearningRule = NOTHING_LEARNED,
    champion: Champion | None = None,
) -> Said:
    """Judge a window that is complete.

    Args:
        key: the model version.
        window: its sums.
        start: start of the window, ns since the epoch.
        end: its end.
        memory: of the model version; it takes up the window.
        baselines: known baselines by id.
        policy: thresholds and budget.
        rule: when a baseline is learned for a model that has none.
        champion: another version to compare this one with.
    """
    if max([memory.rows, *(each.count for each in memory.durations.values())]) > LARGEST_TOTAL:
        memory.restart_totals(start)
    settled = settle(window, start, end, memory)
    sums, source = settled.sums, settled.source
    used = in_use.baseline_in_use(sums, baselines, memory.baseline, memory.learned)
    if not used and (memory.baseline == memory.learned or rows_of(sums)):
        used = memory.learned
    baseline = baselines.get(used)
    is_learned = bool(used) and used == memory.learned
    learns = not used and rule.duration > 0
    origin: Literal["", "learning", "learned"] = "learned" if is_learned else "learning" if learns else ""
    subject = Subject(*key, used, source, start, end, origin)
    signals: list[Signal] = []
    if used and used != memory.baseline:
        signals += switch_baseline(subject, memory)
    seen = Points(sums, baseline, unreferenced=is_learned, known=baselines) if baseline else None
    known = comparison.counts(seen, baseline) if seen and baseline else {}
    signals += _left_out(subject, sums, seen, baseline, settled)
    signals += _quality(subject, sums, known, memory)
    if seen and baseline:
        closed = Closed(start, end, known, memory.violations, Expected.of(seen, baseline))
        signals += _drift(subject, baseline, closed, memory, policy, sums)
        signals += [evaluation_signal(subject, found) for found in estimates(seen, baseline)]
        signals += _attribution_ranking(subject, baseline, known)
    signals += _errors(subject, sums, memory, settled)
    rows = comparison.rows_predicted(sums)
    memory.rows += rows
    age = (end - baseline.end) / _SECOND if baseline and baseline.end is not None else None
    progress = None
    if learns:
        settled.dropped += memory.learning.add(sums, start, end)
        progress = memory.learning.share(rule)
        signals += learn(subject, sums, memory, rule)
    elif used:
        memory.learning.clear()
    signals.append(WindowSignal(subject, rows, age, progress, settled.completeness))
    signals.append(_totals(subject, memory))
    versions.take_up(memory, sums, start, end, champion, baselines, policy)
    memory.recent = [*memory.recent, (start, rows or rows_of(sums))][-2 * versions.RECENT :]
    return Said(signals, settled.dropped, comparison.selection_of(sums))


def _left_out(
    subject: Subject, sums: Aggregates, seen: Points | None, baseline: Baseline | None, settled: Settled
) -> Iterable[Signal]:
    """What came with another baseline and is not compared: it is counted, and said of each pair of baselines."""
    if subject.baseline and baseline is None:
        settled.dropped["unknown_baseline"] += in_use.rows_of(sums, subject.baseline)
    found = in_use.conflicts(sums, subject.baseline, seen, baseline)
    lost = sum(conflict.rows for conflict in found)
    settled.dropped["other_baseline"] += lost
    settled.compared -= lost / max(in_use.rows_of(sums), lost) if lost else 0
    for conflict in found[:_MOST_CONFLICTS]:
        yield ConflictSignal(subject, conflict.baseline, conflict.rows, conflict.streams)


def _drift(
    subject: Subject,
    baseline: Baseline,
    closed: Closed,
    memory: Memory,
    policy: Policy,
    sums: Aggregates,
) -> Iterable[Signal]:
    learned, references = subject.origin == "learned", comparison.references(baseline)
    (found,) = judge_windows(memory, [closed], baseline, policy, learned=learned)
    for verdict in found.verdicts:
        window = window_name(verdict.scale * (subject.end - subject.start))
        yield DriftSignal.of(verdict, subject, window)
        if verdict.state is State.OK and math.isfinite(verdict.detectable_shift):
            named = {semconv.FEATURE_NAME: verdict.stream.name} if verdict.stream.name else {}
            dimensions = {semconv.DRIFT_TARGET: verdict.stream.target, semconv.WINDOW_NAME: window} | named
            yield RateSignal(subject, semconv.METRIC_DETECTABLE_SHIFT, dimensions, verdict.detectable_shift)
    for change, effect in found.changes:
        if change.kind == "opened":
            memory.opened += 1
            memory.traces = ()
        if change.kind != "closed":  # then the window has nothing to show any more
            before = {each: references[each].counts.sum(axis=0) for each in change.streams if each in references}
            shown = traces_of(change.streams, sums.exemplars, baseline, closed.counts, before)
            memory.traces = shown or memory.traces
        yield IncidentSignal.of(change, subject, memory.traces, effect)


def _attribution_ranking(
    subject: Subject, baseline: Baseline, known: Mapping[Stream, comparison.Cells]
) -> Iterable[Signal]:
    """Whether the features are of the same rank as in the reference, where rows of this window were explained."""
    parts = baseline.attributions
    reference = {part.name: mean_magnitude(part.counts.sum(axis=0), part.bounds) for part in parts}
    live = {part.name: mean_magnitude(known[Stream(comparison.ATTRIBUTION, part.name)], part.bounds) for part in parts}
    score = attribution_ndcg(reference, live)
    if score is not None:
        dimensions = {
            semconv.DRIFT_TARGET: comparison.ATTRIBUTION,
            semconv.DRIFT_METHOD: "attribution_ndcg",
            semconv.WINDOW_NAME: window_name(subject.end - subject.start),
        }
        yield RateSignal(subject, semconv.METRIC_DRIFT_SCORE, dimensions, score)


def _quality(
    subject: Subject, sums: Aggregates, known: Mapping[Stream, comparison.Cells], memory: Memory
) -> Iterable[Signal]:
    rates: dict[tuple[str, str], float] = {}
    for violation, rate in sorted(comparison.violation_rates(sums, known).items()):
        series = memory.violation_series(violation)
        rates[series] = min(1.0, rates.get(series, 0.0) + rate)
    for series in sorted(memory.violations):
        named = dict(zip((semconv.FEATURE_NAME, semconv.VIOLATION_TYPE), series, strict=True))
        dimensions = named if any(series) else dict(OVERFLOW)
        yield RateSignal(subject, semconv.METRIC_VIOLATION_RATE, dimensions, rates.get(series, 0.0))


def count_calls(sums: Aggregates, memory: Memory) -> tuple[Counter[str], int]:
    """Calls by ``error.type``; and summaries that stand on other bounds than the durations that the memory takes up."""
    calls: Counter[str] = Counter()
    durations: dict[str, list[NumericSummary]] = {}
    for stream, summary in sorted(sums.histograms.items(), key=lambda item: item[0]):
        if stream.metric == semconv.METRIC_PREDICTION_DURATION:
            error_type = memory.error_series(stream.dimension(semconv.ERROR_TYPE))
            calls[error_type] += summary.count
            if isinstance(summary, NumericSummary):
                durations.setdefault(error_type, []).append(summary)
    return calls, add_durations(memory, durations)


def _errors(subject: Subject, sums: Aggregates, memory: Memory, settled: Settled) -> Iterable[Signal]:
    calls, left_out = count_calls(sums, memory)
    settled.dropped["other_bins"] += left_out
    total = sum(calls.values())
    if not total:
        return
    yield RateSignal(subject, semconv.METRIC_ERROR_RATE, {}, 1 - calls.get("", 0) / total)
    for error_type in sorted(memory.errors):
        rate = calls.get(error_type, 0) / total
        yield RateSignal(subject, semconv.METRIC_ERROR_RATE, {semconv.ERROR_TYPE: error_type}, rate)


def _totals(subject: Subject, memory: Memory) -> TotalsSignal:
    durations = {
        error_type: Durations(tuple(summary.bounds.tolist()), tuple(summary.counts.tolist()), summary.sum.value)
        for error_type, summary in memory.durations.items()
    }
    beside = memory.challenge.traces if memory.challenge else ()
    traces = tuple(dict.fromkeys((*memory.traces, *beside)))
    return TotalsSignal(subject, memory.started, memory.rows, memory.opened, durations, traces)
