"""From what arrived in a window to what happened in it: increases of cumulative streams, and spans where they count."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tidegauge.summaries import ExactSum, ExponentialSummary, NumericSummary
from tidegauge_processor.records import Summary
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.windows import Window


def settle(window: Window, memory: Memory) -> tuple[Aggregates, Literal["metric", "span"]]:
    """Sums of a window that closes, and whether they rest on metrics or on spans.

    The memory learns what each cumulative stream had counted by now, and which writers send feature metrics.
    """
    memory.metric_writers |= window.metric_writers
    sums = Aggregates()
    sums += window.sums
    for source, latest in sorted(window.snapshots.items(), key=lambda item: item[0]):
        stream = source.writer, source.stream
        start, before = memory.carried.get(stream, (0, None))
        sums.add(source.stream, increase(latest.value, before.value if before and start == source.start else None))
        memory.carried[stream] = source.start, latest
    known_by_spans = [calls for writer, calls in window.calls.items() if writer not in memory.metric_writers]
    for calls in known_by_spans:
        sums += calls
    return sums, "span" if known_by_spans else "metric"


def increase(now: Summary | int, before: Summary | int | None) -> Summary | int:
    """What a cumulative value gained since ``before``; all of it when it counts anew.

    >>> increase(7, 5), increase(3, 5), increase(3, None)
    (2, 3, 3)
    """
    if before is None:
        return now
    if isinstance(now, int) and isinstance(before, int):
        return now - before if now >= before else now
    if isinstance(now, NumericSummary) and isinstance(before, NumericSummary):
        return _gained(now, before)
    if isinstance(now, ExponentialSummary) and isinstance(before, ExponentialSummary):
        return _gained_sparse(now, before)
    return now  # another kind of point under the same start: the writer began anew without saying so


def _gained(now: NumericSummary, before: NumericSummary) -> NumericSummary:
    if not np.array_equal(now.bounds, before.bounds) or (now.counts < before.counts).any():
        return now
    gained = ExactSum(now.sum.units - before.sum.units)
    return NumericSummary(now.bounds, now.counts - before.counts, gained, now.minimum, now.maximum)


def _gained_sparse(now: ExponentialSummary, before: ExponentialSummary) -> ExponentialSummary:
    if now.count < before.count:
        return now
    return ExponentialSummary(
        _fewer(now.positive, before.positive),
        _fewer(now.negative, before.negative),
        now.zeros - before.zeros,
        ExactSum(now.sum.units - before.sum.units),
        now.minimum,
        now.maximum,
    )


def _fewer(now: dict[int, int], before: dict[int, int]) -> dict[int, int]:
    return {index: left for index, count in now.items() if (left := count - before.get(index, 0))}
