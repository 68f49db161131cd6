"""One window of one model version while it is open.

Merging is exact and does not depend on the order in which requests arrive, on how they were cut, or on how often one
of them arrives: what was counted is remembered beside the counts and leaves with them. Three kinds of input meet here:

* delta points, known by writer, stream and interval;
* cumulative points, of which the latest by writer, stream and start is kept: differences are taken when the window
  closes, since the latest snapshot holds all that the earlier ones said;
* spans with feature values, known by trace and span id, summed by writer and set aside: they count only where the
  writer sends no feature metrics, which is known for certain when the window closes. Their values fall into the bins
  of the baseline that is known when they arrive.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Final, NamedTuple

from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge.errors import WireError
from tidegauge_processor.bounds import COUNT_LIMIT, LARGEST_COUNT
from tidegauge_processor.records import OVERFLOW, CallSpan, Payload, Point, StreamKey, Summary
from tidegauge_processor.spans import summarise_calls
from tidegauge_processor.state.aggregates import Aggregates, has_same_bins, in_bins, load_stream, load_summary
from tidegauge_processor.state.declared import Declared
from tidegauge_processor.state.intervals import Fate, Intervals

FORMAT: Final = "tidegauge.window/2"
"""Version of the bytes that `Window.dump` writes."""

_FEATURE_METRICS: Final = (semconv.METRIC_FEATURE_VALUE, semconv.METRIC_FEATURE_OCCURRENCES)
_REMEMBERED: Final = 10
"""Streams of one writer, as a multiple of the limit, whose intervals are remembered; what is beyond is dropped."""


class Source(NamedTuple):
    """A cumulative stream of one writer, since one start."""

    writer: str
    stream: StreamKey
    start: int


class Snapshot(NamedTuple):
    """What a cumulative stream had counted at ``end``, ns since the epoch."""

    end: int
    value: Summary | int


class Window:
    """Sums of one window, and what they are made of.

    Attributes:
        sums: the delta points.
        seen: intervals counted, by writer and stream.
        snapshots: latest cumulative value by writer, stream and start.
        arrived: rows of ``ml.predictions``, by writer.
        calls: sums of the calls known by their spans, by writer.
        call_ids: trace and span id of those calls.
    """

    __slots__ = ("_cumulative", "_number", "arrived", "call_ids", "calls", "seen", "snapshots", "sums")

    def __init__(self) -> None:
        self.sums = Aggregates()
        self.seen: dict[str, dict[StreamKey, Intervals]] = {}
        self.snapshots: dict[Source, Snapshot] = {}
        self._cumulative: set[StreamKey] = set()
        self.arrived: dict[str, int] = {}
        self.calls: dict[str, Aggregates] = {}
        self.call_ids: set[str] = set()
        self._number = 0  # what all delta points count together

    def merge(
        self, payload: Payload, baseline: Baseline | None, most_streams: int, declared: Declared | None = None
    ) -> Counter[str]:
        """Add what one request holds for this window.

        Args:
            payload: points and spans.
            baseline: gives the bins for span values; exponential bins without it.
            most_streams: beyond so many streams, counts go to an overflow stream and histograms are dropped.
            declared: streams that are bounded by baselines, which always find room, and the bins that they come in;
                those of ``baseline`` when left out.

        Returns:
            How many items met each fate: ``new``, ``duplicate``, ``malformed``, ``overflow``, ``other_bins``,
            ``count_limit``.
        """
        declared = declared or Declared({baseline.id: baseline} if baseline else {})
        fates: Counter[str] = Counter()
        for point in payload.points:
            fates[self._add_point(point, declared, most_streams)] += 1
        if payload.spans:
            fates += self._add_calls(payload.spans, baseline)
        return fates

    @property
    def metric_writers(self) -> frozenset[str]:
        """Writers whose feature metrics are here, so that their spans do not count."""
        return frozenset(
            [writer for writer, streams in self.seen.items() if any(s.metric in _FEATURE_METRICS for s in streams)]
            + [source.writer for source in self.snapshots if source.stream.metric in _FEATURE_METRICS]
        )

    def metrics_of(self, writer: str) -> frozenset[str]:
        """Names of the metrics that a writer sent."""
        return frozenset(
            [stream.metric for stream in self.seen.get(writer, ())]
            + [source.stream.metric for source in self.snapshots if source.writer == writer]
        )

    def dump(self) -> bytes:
        """Canonical bytes: two windows that counted the same data give the same bytes."""
        plain = {
            "format": FORMAT,
            "sums": self.sums.dump(),
            "seen": [
                [writer, [[*stream, streams[stream].edges] for stream in sorted(streams)]]
                for writer, streams in sorted(self.seen.items())
            ],
            "snapshots": [
                [*source, latest.end, latest.value if isinstance(latest.value, int) else latest.value.dump()]
                for source, latest in sorted(self.snapshots.items(), key=lambda item: item[0])
            ],
            "arrived": sorted(self.arrived.items()),
            "calls": [[writer, sums.dump()] for writer, sums in sorted(self.calls.items())],
            "call_ids": sorted(self.call_ids),
        }
        return json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def load(cls, data: bytes) -> Window:
        """Read what `dump` wrote.

        Raises:
            WireError: the bytes are of another version.
        """
        plain = json.loads(data)
        if plain.get("format") != FORMAT:
            raise WireError(f"a window of format {plain.get('format')!r} cannot be read; this version reads {FORMAT!r}")
        window = cls()
        window.sums = Aggregates.load(plain["sums"])
        window._number = window.sums.number
        for writer, rows in plain["seen"]:
            window.seen[writer] = {load_stream(*row[:3]): Intervals(row[3]) for row in rows}
        for writer, stream, start, end, value in plain["snapshots"]:
            latest = Snapshot(end, value if isinstance(value, int) else load_summary(value))
            source = Source(writer, load_stream(*stream), start)
            window.snapshots[source] = latest
            window._cumulative.add(source.stream)
        window.arrived = dict(plain["arrived"])
        window.calls = {writer: Aggregates.load(rows) for writer, rows in plain["calls"]}
        window.call_ids = set(plain["call_ids"])
        return window

    def _add_point(self, point: Point, declared: Declared, most_streams: int) -> str:
        if point.cumulative:
            return self._add_snapshot(point, declared, most_streams)
        stream = self._place(point, declared)
        if stream is None:
            return "other_bins"
        no_room = len(self.sums) >= most_streams and stream not in self.sums and not declared.lists(stream)
        streams = self.seen.setdefault(point.writer, {})
        if no_room and point.stream not in streams and len(streams) >= _REMEMBERED * most_streams:
            return "overflow"
        fate = streams.setdefault(point.stream, Intervals()).add(point.start, point.end)
        if fate is not Fate.NEW:
            return fate.value
        if self._number + point.number > LARGEST_COUNT:
            return COUNT_LIMIT
        if stream.metric == semconv.METRIC_PREDICTIONS and isinstance(point.value, int):
            self.arrived[point.writer] = self.arrived.get(point.writer, 0) + point.value
        if no_room:
            if isinstance(point.value, int):
                self.sums.add(stream._replace(dimensions=OVERFLOW), point.value)
                self._number += point.number
            return "overflow"
        self.sums.add(stream, point.value, point.exemplars)
        self.sums.tell(stream)
        self._number += point.number
        return fate.value

    def _place(self, point: Point, declared: Declared) -> StreamKey | None:
        """The stream that a point is added to; None when it has other bins than are declared of it."""
        stream, value = point.stream, point.value
        if isinstance(value, int):
            return stream
        held = self.sums.histograms.get(stream)
        if held is not None and has_same_bins(held, value):
            return stream
        if declared.fits(stream, value) is False:
            return None
        if held is None:
            return stream
        beside = in_bins(stream, value)  # what is declared may have become known only now
        held = self.sums.histograms.get(beside)
        return beside if held is None or has_same_bins(held, value) else None

    def _add_snapshot(self, point: Point, declared: Declared, most_streams: int) -> str:
        stream = point.stream
        if not isinstance(point.value, int) and declared.fits(stream, point.value) is False:
            return "other_bins"
        if stream not in self._cumulative:
            if len(self._cumulative) >= most_streams and not declared.lists(stream):
                return "overflow"
            self._cumulative.add(stream)
        source = Source(point.writer, stream, point.start)
        known = self.snapshots.get(source)
        if known is None or point.end > known.end:
            self.snapshots[source] = Snapshot(point.end, point.value)
            return Fate.NEW.value
        return Fate.DUPLICATE.value

    def _add_calls(self, spans: list[CallSpan], baseline: Baseline | None) -> Counter[str]:
        new: dict[str, list[CallSpan]] = {}
        fates: Counter[str] = Counter()
        for span in spans:
            identity = span.trace_id + span.span_id
            fates["duplicate" if identity in self.call_ids else "new"] += 1
            if identity not in self.call_ids:
                self.call_ids.add(identity)
                new.setdefault(span.writer, []).append(span)
        for writer, calls in new.items():
            sums = self.calls.setdefault(writer, Aggregates())
            sums += summarise_calls(calls, baseline)
        return fates
