"""The sums of one window: a summary for each histogram, a number for each counter."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from tidegauge.errors import SummaryError
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge_processor.records import Exemplar, StreamKey, Summary

EXEMPLARS: Final = 2
"""Exemplars kept at each end of a stream's values."""
BINS: Final = ""
"""Dimension that tells apart the bins of one stream; none that a sender writes has an empty name."""


class Aggregates:
    """Streams of one window, merged exactly: any order of adding leaves the same `dump`.

    Attributes:
        histograms: summary by stream.
        counts: number by stream.
        exemplars: calls with the smallest and largest values, by stream; of a counter, where every value is 1, those
            with the smallest and largest trace ids, which is as good as any choice and the same in any order.
        told: how many points told of a stream, where somebody counts them: what a sender claims is no measure.
    """

    __slots__ = ("counts", "exemplars", "histograms", "told")

    def __init__(self) -> None:
        self.histograms: dict[StreamKey, Summary] = {}
        self.counts: dict[StreamKey, int] = {}
        self.exemplars: dict[StreamKey, tuple[Exemplar, ...]] = {}
        self.told: dict[StreamKey, int] = {}

    def __len__(self) -> int:
        return len(self.histograms) + len(self.counts)

    def __contains__(self, stream: StreamKey) -> bool:
        return stream in self.histograms or stream in self.counts

    def add(self, stream: StreamKey, value: Summary | int, exemplars: Iterable[Exemplar] = ()) -> None:
        """Add a summary or a number to a stream.

        Raises:
            SummaryError: the stream's summaries so far stand on other bins.
        """
        known = self.histograms.get(stream)
        if isinstance(value, int):
            self.counts[stream] = self.counts.get(stream, 0) + value
        elif known is None:
            self.histograms[stream] = copy(value)
        else:
            _merge(stream, known, value)
        if exemplars:
            self.exemplars[stream] = _extremes((*self.exemplars.get(stream, ()), *exemplars))

    def tell(self, stream: StreamKey, points: int = 1) -> None:
        """Count points that told of a stream."""
        self.told[stream] = self.told.get(stream, 0) + points

    @property
    def number(self) -> int:
        """Values and occurrences of all streams together."""
        return sum(self.counts.values()) + sum(summary.count for summary in self.histograms.values())

    def __iadd__(self, other: Aggregates) -> Aggregates:
        for stream, summary in other.histograms.items():
            self.add(stream, summary, other.exemplars.get(stream, ()))
        for stream, count in other.counts.items():
            self.add(stream, count, other.exemplars.get(stream, ()))
        for stream, points in other.told.items():
            self.tell(stream, points)
        return self

    def dump(self) -> list[list[Any]]:
        """Canonical plain values, for JSON: one row a stream, in order."""
        rows: list[list[Any]] = []
        for stream in sorted([*self.histograms, *self.counts]):
            value = self.histograms.get(stream)
            plain = self.counts[stream] if value is None else value.dump()
            exemplars = [self.exemplars[stream]] if stream in self.exemplars else []
            told = [self.told[stream]] if stream in self.told else []
            rows.append([*stream, plain, *exemplars, *told])
        return rows

    @classmethod
    def load(cls, rows: list[list[Any]]) -> Aggregates:
        """Read what `dump` wrote."""
        aggregates = cls()
        for metric, baseline, dimensions, plain, *more in rows:
            stream = load_stream(metric, baseline, dimensions)
            exemplars = [Exemplar(*exemplar) for each in more if not isinstance(each, int) for exemplar in each]
            aggregates.add(stream, plain if isinstance(plain, int) else load_summary(plain), exemplars)
            for told in (each for each in more if isinstance(each, int)):  # an earlier version did not count them
                aggregates.tell(stream, told)
        return aggregates


def has_same_bins(one: Summary, other: Summary) -> bool:
    """Whether two summaries can be added up."""
    if isinstance(one, NumericSummary) and isinstance(other, NumericSummary):
        return one.bounds is other.bounds or bool(np.array_equal(one.bounds, other.bounds))
    return isinstance(one, ExponentialSummary) and isinstance(other, ExponentialSummary)


def in_bins(stream: StreamKey, summary: Summary) -> StreamKey:
    """The part of ``stream`` that has the bins of ``summary``: where clients differ, both are counted side by side.

    >>> in_bins(StreamKey("ml.prediction.duration", "", ()), ExponentialSummary()).dimensions
    (('', 'exponential'),)
    """
    bins = "exponential"
    if isinstance(summary, NumericSummary):
        bins = blake2b(summary.bounds.tobytes(), digest_size=16).hexdigest()
    return stream._replace(dimensions=((BINS, bins), *stream.dimensions))


def load_stream(metric: str, baseline: str, dimensions: list[list[str]]) -> StreamKey:
    """A stream from what JSON makes of it."""
    return StreamKey(metric, baseline, tuple((key, value) for key, value in dimensions))


def copy(value: Summary) -> Summary:
    """A summary that can be added to without changing ``value``."""
    if isinstance(value, NumericSummary):
        return NumericSummary(value.bounds, value.counts, value.sum, value.minimum, value.maximum)
    return ExponentialSummary(
        dict(value.positive), dict(value.negative), value.zeros, value.sum, value.minimum, value.maximum
    )


def number_of(value: Summary | int) -> int:
    """How many values or occurrences ``value`` counts."""
    return value if isinstance(value, int) else value.count


def load_summary(plain: dict[str, Any]) -> Summary:
    """Read what either kind of summary dumped: only explicit bins have bounds."""
    return NumericSummary.load(plain) if "bounds" in plain else ExponentialSummary.load(plain)


def _merge(stream: StreamKey, known: Summary, value: Summary) -> None:
    if isinstance(known, NumericSummary) and isinstance(value, NumericSummary):
        known += value
        return
    if isinstance(known, ExponentialSummary) and isinstance(value, ExponentialSummary):
        known += value
        return
    raise SummaryError(f"{stream.metric} comes with explicit and with exponential bins")


def _extremes(found: tuple[Exemplar, ...]) -> tuple[Exemplar, ...]:
    distinct = set(found)
    return tuple(sorted({*heapq.nsmallest(EXEMPLARS, distinct), *heapq.nlargest(EXEMPLARS, distinct)}))
