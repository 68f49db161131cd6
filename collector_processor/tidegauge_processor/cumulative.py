"""From what arrived in a window to what happened in it: increases of cumulative streams, and spans where they count."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from tidegauge import semconv
from tidegauge.summaries import ExactSum, ExponentialSummary, NumericSummary
from tidegauge_processor.bounds import COUNT_LIMIT, LARGEST_COUNT
from tidegauge_processor.records import StreamKey, Summary
from tidegauge_processor.state.aggregates import Aggregates, copy, has_same_bins, in_bins, number_of
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.windows import Snapshot, Source, Window

Carried = MutableMapping[tuple[str, StreamKey], tuple[int, Snapshot]]
"""What each cumulative stream of a writer had counted so far, and since which start."""

_FORGOTTEN_AFTER: Final = 72
"""Windows without a word from a cumulative stream after which it is forgotten."""


@dataclass(slots=True)
class Settled:
    """What happened in a window.

    Attributes:
        sums: increases, deltas and the calls that only spans told of.
        made: rows that writers say they predicted, of those who say so.
        source: ``span`` when any of it rests on spans.
        dropped: streams that could not be counted, by reason; under ``missing``, rows made that did not arrive.
        compared: share of the rows that arrived whose counts are compared with a baseline.
    """

    sums: Aggregates = field(default_factory=Aggregates)
    made: int = 0
    source: Literal["metric", "span"] = "metric"
    dropped: Counter[str] = field(default_factory=Counter)
    compared: float = 1.0
    _number: int = 0

    @property
    def completeness(self) -> float | None:
        """Share of the rows made that arrived and are compared; None when nobody knows of a row that is not."""
        if not self.made:
            return self.compared if self.compared < 1 else None
        return (self.made - self.dropped["missing"]) / self.made * self.compared

    def add(self, stream: StreamKey, value: Summary | int) -> None:
        """Add to a stream, or beside it where that has other bins; what would be too much with the rest is dropped."""
        number = number_of(value)
        if self._number + number > LARGEST_COUNT:
            self.dropped[COUNT_LIMIT] += 1
            return
        held = self.sums.histograms.get(stream)
        if held is not None and not isinstance(value, int) and not has_same_bins(held, value):
            stream = in_bins(stream, value)
        self.sums.add(stream, value)
        self.sums.tell(stream)
        self._number += number

    def add_all(self, sums: Aggregates) -> None:
        """Add what was summed up within the same limit."""
        self.sums += sums
        self._number += sums.number


def settle(window: Window, start: int, end: int, memory: Memory) -> Settled:
    """Sum up a window that closes.

    The memory learns what each cumulative stream had counted by now, and which writers send feature metrics.

    Args:
        window: what arrived.
        start: start of the window, ns since the epoch.
        end: its end.
        memory: of the model version.
    """
    settled = Settled()
    settled.add_all(window.sums)
    length = end - start
    for source, gained in _gains(window, start, length, memory.carried):
        says_made = source.stream.metric == semconv.METRIC_SDK_PREDICTIONS
        if gained is None:
            settled.dropped["unknown_before"] += not says_made
        elif not says_made:
            settled.add(source.stream, gained)
        elif isinstance(gained, int):
            settled.made += gained
            settled.dropped["missing"] += max(gained - window.arrived.get(source.writer, 0), 0)
    oldest = start - _FORGOTTEN_AFTER * length
    memory.carried = {key: known for key, known in memory.carried.items() if known[1].end >= oldest}
    measured = memory.metric_writers | window.metric_writers
    for writer, calls in sorted(window.calls.items()):
        if writer not in measured:
            settled.source = "span"
            _add_calls(settled, calls, window.metrics_of(writer))
    memory.metric_writers = set(window.metric_writers)  # of the window before, for spans that lie across the edge
    return settled


def is_hollow(window: Window, start: int, length: int, carried: Carried) -> bool:
    """Whether a window holds nothing but counts of writers who have predicted nothing since."""
    if len(window.sums) or window.seen or window.calls:
        return False
    gains = _gains(window, start, length, ChainMap({}, carried))
    return all(source.stream.metric == semconv.METRIC_SDK_PREDICTIONS and not gained for source, gained in gains)


def under_way(windows: Mapping[int, Window], length: int, carried: Carried) -> dict[str, int]:
    """Writers that have counted more rows than have arrived, and since when some of these may have been predicted.

    What a writer says counts all rows so far. So a row that is missing by a later window's count may belong to an
    earlier one, but not to the time before the last count that had arrived in full.

    Args:
        windows: open ones, by their start, ns since the epoch.
        length: of a window, ns.
        carried: what had been counted before.
    """
    known: Carried = ChainMap({}, carried)
    lacking: Counter[str] = Counter()
    in_full: dict[str, int] = {}
    found: dict[str, int] = {}
    for start, window in sorted(windows.items()):
        ends: dict[str, int] = {}
        unknown = set()
        for source, gained in _gains(window, start, length, known, semconv.METRIC_SDK_PREDICTIONS):
            writer = source.writer
            ends[writer] = max(ends.get(writer, 0), window.snapshots[source].end)
            if isinstance(gained, int):
                lacking[writer] += gained
            else:
                unknown.add(writer)
        for writer, rows in window.arrived.items():
            lacking[writer] -= 0 if writer in unknown else rows
        for writer, end in ends.items():
            if lacking[writer] > 0:
                found.setdefault(writer, in_full.get(writer, 0))
            else:
                in_full[writer] = end
    return found


def _gains(
    window: Window,
    start: int,
    length: int,
    carried: Carried,
    only: str = "",
) -> Iterator[tuple[Source, Summary | int | None]]:
    """What each cumulative stream gained in a window; None where it had counted long before anybody listened.

    Args:
        window: what arrived.
        start: of the window, ns since the epoch.
        length: of the window, ns.
        carried: what each stream had counted before; it moves on.
        only: the metric to look at; all of them when empty.
    """
    asked = [item for item in window.snapshots.items() if only in ("", item[0].stream.metric)]
    for source, latest in sorted(asked, key=lambda item: item[0]):
        stream = source.writer, source.stream
        since, before = carried.get(stream, (0, None))
        carried[stream] = source.start, latest
        if before is None and source.start < start - length:
            yield source, None
        else:
            yield source, increase(latest.value, before.value if before and since == source.start else None)


def _add_calls(settled: Settled, calls: Aggregates, measured: frozenset[str]) -> None:
    """Add what spans told, but never what their writer also measured."""
    for stream, value in [*calls.histograms.items(), *calls.counts.items()]:
        if stream.metric not in measured:
            settled.add(stream, value if isinstance(value, int) else copy(value))
            if stream.metric == semconv.METRIC_PREDICTIONS and isinstance(value, int):
                settled.sums.tell(stream, value)  # a span each


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
    if now.zeros < before.zeros or _shrank(now.positive, before.positive) or _shrank(now.negative, before.negative):
        return now
    return ExponentialSummary(
        _fewer(now.positive, before.positive),
        _fewer(now.negative, before.negative),
        now.zeros - before.zeros,
        ExactSum(now.sum.units - before.sum.units),
        now.minimum,
        now.maximum,
    )


def _shrank(now: dict[int, int], before: dict[int, int]) -> bool:
    return any(now.get(index, 0) < count for index, count in before.items())


def _fewer(now: dict[int, int], before: dict[int, int]) -> dict[int, int]:
    return {index: left for index, count in now.items() if (left := count - before.get(index, 0))}
