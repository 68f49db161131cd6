"""What a model version without a baseline has shown so far, until a baseline is made of it.

Windows that close are added up by hour of the week, so that the reference can have a season, and exactly, so that it
does not matter where a restart cut the learning. Only what was counted without a baseline is learned from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegauge import semconv
from tidegauge.baseline.seasons import slots_of_times
from tidegauge.summaries import NumericSummary
from tidegauge_processor.bounds import COUNT_LIMIT, LARGEST_COUNT
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.records import Dimensions, StreamKey, Summary
from tidegauge_processor.state.aggregates import Aggregates, has_same_bins, number_of

HOUR: Final = 3_600 * 10**9

_HOURS_OF_THE_WEEK: Final = 168
_MOST_STREAMS: Final = 4_000
_KEPT: Final = {
    semconv.METRIC_FEATURE_VALUE: (semconv.FEATURE_NAME,),
    semconv.METRIC_FEATURE_OCCURRENCES: (semconv.FEATURE_NAME, semconv.FEATURE_CATEGORY),
    semconv.METRIC_VIOLATIONS: (semconv.FEATURE_NAME, semconv.VIOLATION_TYPE),
    semconv.METRIC_PREDICTIONS: (semconv.PREDICTION_CLASS,),
    semconv.METRIC_PREDICTION_VALUE: (),
    semconv.METRIC_PREDICTION_SCORE: (semconv.PREDICTION_CLASS,),
}
"""What a baseline is made of: metrics, and the dimensions of each that matter."""


@dataclass(frozen=True, slots=True)
class LearningRule:
    """When a baseline has been learned.

    Attributes:
        duration: stretch of event time to learn from, ns; 0: nothing is learned.
        least_rows: rows that it must hold; learning goes on until then.
    """

    duration: int = 0
    least_rows: int = 0

    def __str__(self) -> str:
        return f"from {Duration(self.duration)} of its windows and at least {self.least_rows:,} rows"


NOTHING_LEARNED: Final = LearningRule()


class Learning:
    """Sums of the windows so far.

    Attributes:
        start: start of the first window, ns since the epoch; 0 when there was none.
        end: end of the latest one.
        rows: rows so far.
        number: values and occurrences of all streams so far.
        hours: rows by hour since the epoch.
        sums: sums by hour of the week, from 0 for Monday's first.
        touched: hours of the week whose sums have changed since somebody emptied this set.
    """

    __slots__ = ("end", "hours", "number", "rows", "start", "sums", "touched")

    def __init__(self) -> None:
        self.start = 0
        self.end = 0
        self.rows = 0
        self.number = 0
        self.hours: dict[int, int] = {}
        self.sums: dict[int, Aggregates] = {}
        self.touched: set[int] = set()

    def add(self, sums: Aggregates, start: int, end: int) -> Counter[str]:
        """Add a closed window; how many of its streams could not be learned from, by reason."""
        dropped: Counter[str] = Counter()
        usable = [(kept, stream) for stream in (*sums.histograms, *sums.counts) if (kept := _kept(stream))]
        if not usable:
            return dropped
        bins = _bins(sums, usable)
        slot = int(slots_of_times(np.array([start]), _HOURS_OF_THE_WEEK)[0])
        known = self.sums.setdefault(slot, Aggregates())
        for kept, stream in usable:
            summary = sums.histograms.get(stream)
            number = number_of(sums.counts[stream] if summary is None else summary)
            if self.number + number > LARGEST_COUNT:
                dropped[COUNT_LIMIT] += 1
                continue
            if isinstance(summary, NumericSummary) and not summary.bounds.size:
                continue  # a single bin for all values
            if kept not in known and len(known) >= _MOST_STREAMS:
                dropped["learning_overflow"] += 1
                continue
            held = known.histograms.get(kept, bins.get(kept))
            if summary is not None and held is not None and not has_same_bins(held, summary):
                dropped["other_bins"] += 1
                continue
            known.add(kept, sums.counts[stream] if summary is None else summary)
            self.number += number
        rows = min(rows_of(sums), LARGEST_COUNT - self.rows)
        self.start, self.end = self.start or start, end
        self.rows += rows
        self.hours[start // HOUR] = self.hours.get(start // HOUR, 0) + rows
        self.touched.add(slot)
        return dropped

    def clear(self) -> None:
        """Forget everything."""
        self.touched |= self.sums.keys()
        self.start = self.end = self.rows = self.number = 0
        self.hours, self.sums = {}, {}

    def is_complete(self, rule: LearningRule) -> bool:
        """Whether a baseline can be made."""
        return bool(self.start) and self.end - self.start >= rule.duration and self.rows >= rule.least_rows

    def share(self, rule: LearningRule) -> float:
        """How much of the way is done, from 0 to 1."""
        rows = self.rows / rule.least_rows if rule.least_rows else 1.0
        return min((self.end - self.start) / rule.duration, rows, 1.0)

    def progress(self, rule: LearningRule, length: int) -> str:
        """The same in words, with windows of ``length`` ns.

        >>> learning = Learning()
        >>> learning.start, learning.end, learning.rows = 7 * HOUR, 9 * HOUR, 300
        >>> learning.progress(LearningRule(24 * HOUR, 1_000), HOUR)
        'learning: 2 of 24 windows, 300 of 1,000 rows'
        """
        windows = (self.end - self.start) // length
        few = f", {self.rows:,} of {rule.least_rows:,} rows" if self.rows < rule.least_rows else ""
        return f"learning: {windows} of {-(-rule.duration // length)} windows{few}"

    def head(self) -> dict[str, Any]:
        """All but the sums, which are large, as plain values for JSON."""
        numbers = {"start": self.start, "end": self.end, "rows": self.rows, "number": self.number}
        return {**numbers, "hours": sorted(self.hours.items())}

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Learning:
        """Read what `head` gave."""
        learning = cls()
        learning.start, learning.end, learning.rows = plain["start"], plain["end"], plain["rows"]
        learning.number = plain.get("number", 0)  # states of before did not count it
        learning.hours = dict(plain["hours"])
        return learning


def rows_of(sums: Aggregates) -> int:
    """Rows counted without a baseline: those predicted, or else those of the feature that most rows have."""
    predicted = 0
    features: Counter[str] = Counter()
    for stream, count in sums.counts.items():
        if stream.baseline:
            continue
        if stream.metric == semconv.METRIC_PREDICTIONS:
            predicted += count
        elif stream.metric == semconv.METRIC_FEATURE_OCCURRENCES:
            features[stream.dimension(semconv.FEATURE_NAME)] += count
    for stream, summary in sums.histograms.items():
        if stream.metric == semconv.METRIC_FEATURE_VALUE and not stream.baseline:
            features[stream.dimension(semconv.FEATURE_NAME)] += summary.count
    return predicted or max(features.values(), default=0)


def _bins(sums: Aggregates, usable: Sequence[tuple[StreamKey, StreamKey]]) -> dict[StreamKey, Summary]:
    """Of each stream a summary in the bins that most points came in; of as many, the exponential one."""
    found: dict[StreamKey, list[tuple[int, bool, Summary]]] = {}
    for kept, stream in usable:
        summary = sums.histograms.get(stream)
        if summary is not None:
            is_exponential = not isinstance(summary, NumericSummary)
            found.setdefault(kept, []).append((sums.told.get(stream, 0), is_exponential, summary))
    return {kept: max(several, key=lambda each: each[:2])[2] for kept, several in found.items()}


def _kept(stream: StreamKey) -> StreamKey | None:
    """The stream without the dimensions that do not matter; None when nothing is learned from it."""
    names = _KEPT.get(stream.metric)
    if names is None or stream.baseline or (names and names[0] == semconv.FEATURE_NAME and not _named(stream)):
        return None
    dimensions: Dimensions = tuple(pair for pair in stream.dimensions if pair[0] in names)
    return stream._replace(dimensions=dimensions)


def _named(stream: StreamKey) -> bool:
    return bool(stream.dimension(semconv.FEATURE_NAME))
