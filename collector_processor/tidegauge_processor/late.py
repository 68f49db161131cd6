"""Rows that come when their window has closed: they still count wherever it is merged with others.

The verdict on the window itself has been said and is not said again. Points of deltas count once, as always. What is
lost: spans and cumulative points, of which a closed window does not know enough, and whatever comes when the window is
no longer in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge.errors import SummaryError
from tidegauge_processor import closing, comparison
from tidegauge_processor.performance.effect import Expected
from tidegauge_processor.records import Payload, Point, StreamKey
from tidegauge_processor.same_cells import SameCells
from tidegauge_processor.signals import TotalsSignal
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.closed import ClosedWindow
from tidegauge_processor.state.declared import Declared
from tidegauge_processor.state.intervals import Fate
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.models import ModelState, Timing
from tidegauge_processor.state.windows import Snapshot
from tidegauge_processor.verdicts.types import Stream, Window
from tidegauge_processor.window_points import Points

MERGED: Final = "merged"
"""Fate of what still counts in merged windows."""
LOST: Final = "late"
"""Fate of what does not."""

_REMEMBERED: Final = 10
"""Streams of one writer that are remembered, as a multiple of the limit."""


def take_late(
    state: ModelState,
    start: int,
    payload: Payload,
    declared: Declared,
    timing: Timing,
    reach: int,
    most_streams: int,
) -> Counter[str]:
    """Take up what one request holds for a window that has closed.

    Args:
        state: of the model version.
        start: start of the window, ns since the epoch.
        payload: points and spans.
        declared: known baselines, and the bins that histograms come in.
        timing: lengths of time.
        reach: number of the latest windows that are judged together at the most.
        most_streams: the limit of streams; what is far beyond it is dropped.

    Returns:
        How many items met each fate: `MERGED`, ``duplicate``, ``malformed``, ``overflow``, ``other_bins``, `LOST`.
    """
    memory = state.memory
    baseline = declared.known.get(memory.baseline)
    is_merged = start >= memory.closed_until - (reach - 1) * timing.window  # when the next window closes
    closed = state.closed.reopen(start, memory.history) if baseline and is_merged and payload.points else None
    fates = Counter({LOST: len(payload.spans)})
    if baseline is None or closed is None:
        return fates + Counter({LOST: len(payload.points)})
    state.touch()
    sums = Aggregates()
    for point in payload.points:
        fates[_add(point, sums, closed, memory, most_streams, declared)] += 1
    if len(sums):
        _merge(sums, start, memory, baseline, declared.known)
        rows = comparison.rows_predicted(sums)
        memory.rows += rows
        memory.standing = [
            replace(signal, rows=memory.rows) if isinstance(signal, TotalsSignal) else signal
            for signal in memory.standing
        ]
        memory.recent = [(at, known + rows * (at == start)) for at, known in memory.recent]
        state.predictions(start, rows, timing)
        state.select(start, comparison.selection_of(sums), timing)
    return fates


def _add(
    point: Point, sums: Aggregates, closed: ClosedWindow, memory: Memory, most_streams: int, declared: Declared
) -> str:
    if point.cumulative:
        return _tell(point, memory)
    if not _is_comparable(point.stream, memory.baseline, declared.known):
        return LOST
    if not isinstance(point.value, int) and declared.fits(point.stream, point.value) is False:
        return "other_bins"
    if not closed.has_room(point.writer, point.stream, _REMEMBERED * most_streams):
        return "overflow"
    fate = closed.add(point.writer, point.stream, point.start, point.end)
    if fate is not Fate.NEW:
        return fate.value
    try:
        sums.add(point.stream, point.value)
    except SummaryError:
        return Fate.MALFORMED.value
    return MERGED


def _is_comparable(stream: StreamKey, used: str, known: Mapping[str, Baseline]) -> bool:
    if stream.baseline in ("", used):
        return True
    other = known.get(stream.baseline)
    return other is not None and SameCells(other, known[used])(stream)


def _tell(point: Point, memory: Memory) -> str:
    """What a writer has counted: the rows that come with it are not missing from the windows after."""
    if point.stream.metric != semconv.METRIC_SDK_PREDICTIONS:
        return LOST
    stream = point.writer, point.stream
    since, known = memory.carried.get(stream, (0, None))
    if known is not None and (point.start, point.end) <= (since, known.end):
        return Fate.DUPLICATE.value
    memory.carried[stream] = point.start, Snapshot(point.end, point.value)
    return MERGED


def _merge(sums: Aggregates, start: int, memory: Memory, baseline: Baseline, baselines: Mapping[str, Baseline]) -> None:
    """Add to what the memory knows of a window, in the cells of the baselines that it is compared with."""
    seen = Points(sums, baseline, unreferenced=memory.baseline == memory.learned, known=baselines)
    counts = comparison.counts(seen, baseline)
    for violation in comparison.violation_rates(sums, counts):
        memory.violation_series(violation)
    _add_counts(memory.history, start, counts)
    promised, known = Expected.of(seen, baseline), memory.expected.get(start)
    if promised is not None:
        memory.expected[start] = known.plus(promised) if known else promised
    closing.count_calls(sums, memory)
    challenge = memory.challenge
    theirs = baselines.get(challenge.baseline) if challenge else None
    if challenge and theirs:
        beside = Points(sums, theirs, unreferenced=True, known=baselines)
        _add_counts(challenge.windows, start, comparison.counts(beside, theirs))


def _add_counts(windows: list[Window], start: int, counts: Mapping[Stream, comparison.Cells]) -> None:
    for place, window in enumerate(windows):
        if window.start == start:
            added = {stream: window.counts.get(stream, 0) + cells for stream, cells in counts.items()}
            windows[place] = replace(window, counts={**window.counts, **added})
