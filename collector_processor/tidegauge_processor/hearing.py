"""What data say of those who wrote them: how far each has come, that one has ended, and with how many rows."""

from __future__ import annotations

from typing import Final, NamedTuple

from tidegauge import semconv
from tidegauge_processor.records import CallSpan, Payload, Point, StreamKey
from tidegauge_processor.state.models import ModelState, Timing
from tidegauge_processor.state.windows import Source

_MADE: Final = StreamKey(semconv.METRIC_SDK_PREDICTIONS, "", ())


class Heard(NamedTuple):
    """What there is to count.

    Attributes:
        payload: all but the last words of writers.
        last_words: number of these.
        missing: rows that never arrived, by the last words, and that no window can tell of any more.
    """

    payload: Payload
    last_words: int
    missing: int


def hear(state: ModelState, payload: Payload, timing: Timing, now: int) -> Heard:
    """Take notice of the writers of a payload.

    Args:
        state: of the model version.
        payload: what one request holds for one window.
        timing: lengths of windows and waits.
        now: the clock on the wall, ns since the epoch.
    """
    writers = state.memory.writers
    ends: dict[str, int] = {}
    counted: list[Point] = []
    last_words: list[Point] = []
    for point in payload.points:
        (last_words if point.stream.metric == semconv.METRIC_SDK_FINAL_PREDICTIONS else counted).append(point)
    items: list[Point | CallSpan] = [*counted, *payload.spans]
    for item in items:
        ends[item.writer] = max(ends.get(item.writer, 0), item.end)
    for writer, end in ends.items():
        writers.heard(writer, end, now, timing.idle)
    missing = 0
    for point in last_words:
        writers.left(point.writer, point.end, now, timing.idle)
        missing += _missing(state, point, timing)
        state.touch()
    return Heard(Payload(counted, payload.spans), len(last_words), missing)


def _missing(state: ModelState, point: Point, timing: Timing) -> int:
    """Rows that a writer had predicted at its end beyond those it told of before, if its last window has closed.

    Otherwise they are counted there, and are missing unless they arrive.
    """
    source = Source(point.writer, _MADE, point.start)
    told = _told(state, source)
    start = (point.end - 1) - (point.end - 1) % timing.window
    long_before = told < 0 and point.start < start - timing.window  # it counted when nobody listened yet
    if not isinstance(point.value, int) or point.value <= max(told, 0) or long_before:
        return 0
    if start < state.memory.closed_until:
        return point.value - max(told, 0)
    last = Point(_MADE, point.writer, point.start, point.end, point.value, cumulative=True)
    state.window(start).merge(Payload([last]), None, 1)
    return 0


def _told(state: ModelState, source: Source) -> int:
    """The largest number of rows that a writer has told of; -1 when it has told none."""
    found = [window.snapshots[source] for window in state.windows.values() if source in window.snapshots]
    since, carried = state.memory.carried.get((source.writer, source.stream), (0, None))
    found += [carried] if carried is not None and since == source.start else []
    return max((each.value for each in found if isinstance(each.value, int)), default=-1)
