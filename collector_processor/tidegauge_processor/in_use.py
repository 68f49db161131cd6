"""Which baseline a window is compared with, and what that leaves out.

While a model is rolled out again, some of its processes count by the new baseline and some by the old one. A window is
compared with one of them, and what came with the other counts where both have the same cells (`same_cells`).

One sender must not choose for all. Rows are what a sender says, and a single point can claim any number of them. So a
baseline is in the running when it has at least a quarter of the points of the one with most, each writer, stream and
interval counting once: a few points decide nothing. Of those in the running one that is known goes before one that
nobody has published, one that somebody made before one that was learned, and then the one with most rows. The one in
force stays until another has twice its rows: else two halves of the traffic would change places all the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge_processor.records import StreamKey
from tidegauge_processor.same_cells import COMPARED, counts
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.window_points import Points

_IN_THE_RUNNING: Final = 4
"""A baseline whose points are fewer than those of another by more than this factor does not count."""
_MOST_STREAMS: Final = 10
"""Streams that a conflict names."""


class Conflict(NamedTuple):
    """Rows of a window that came with another baseline than the one in use, and could not be compared.

    Attributes:
        baseline: the other one; empty where rows came without any.
        rows: how many of its rows are left out, in part at least.
        streams: what both count, in cells of their own: names of features, or of metrics.
    """

    baseline: str
    rows: int
    streams: tuple[str, ...]


def baseline_in_use(sums: Aggregates, known: Mapping[str, Baseline], in_force: str, learned: str) -> str:
    """Id of the baseline that a window is compared with; empty when there is none.

    Args:
        sums: of the window.
        known: baselines by id.
        in_force: id of the one that the window before was compared with; empty when there was none.
        learned: id of the one that was learned, for what comes without; empty when there is none.
    """
    points, rows = Counter[str](), Counter[str]()
    for stream in (*sums.histograms, *sums.counts):
        if stream.metric in COMPARED:
            points[stream.baseline or learned] += sums.told.get(stream, 0)
    for id, number in _rows_predicted(sums).items():
        rows[id or learned] += number
    most = max(points.values(), default=0)

    def place(id: str) -> tuple[bool, bool, bool, int, int, str]:
        return bool(id), id in known, id != learned, rows[id] * (2 if id == in_force else 1), points[id], id

    return max((id for id, number in points.items() if _IN_THE_RUNNING * number >= most), key=place, default="")


def conflicts(sums: Aggregates, used: str, seen: Points | None, baseline: Baseline | None) -> list[Conflict]:
    """What came otherwise than with the baseline in use and is left out, most rows first.

    What the one in use has no cells for, such as a feature that only the other one knows, is no conflict.

    Args:
        sums: of the window.
        used: id of the baseline in use; empty when there is none.
        seen: what is compared with it; None when it is not known.
        baseline: itself; None when it is not known.
    """
    rows = _rows_predicted(sums)
    lost: dict[str, Counter[str]] = {}
    for stream in seen.left_out if seen else (*sums.histograms, *sums.counts):
        if stream.baseline != used and _is_compared(stream, baseline):
            lost.setdefault(stream.baseline, Counter())[_name(stream)] += _number(sums, stream)
    found = [Conflict(id, rows[id] or max(of.values()), tuple(sorted(of)[:_MOST_STREAMS])) for id, of in lost.items()]
    return sorted(found, key=lambda each: (-each.rows, each.baseline))


def rows_of(sums: Aggregates, baseline: str | None = None) -> int:
    """Rows predicted, of one baseline or (None) of all."""
    rows = _rows_predicted(sums)
    return rows.total() if baseline is None else rows[baseline]


def _rows_predicted(sums: Aggregates) -> Counter[str]:
    """Rows predicted, by id of the baseline that they came with."""
    found: Counter[str] = Counter()
    for stream, count in sums.counts.items():
        if stream.metric == semconv.METRIC_PREDICTIONS:
            found[stream.baseline] += count
    return found


def _is_compared(stream: StreamKey, baseline: Baseline | None) -> bool:
    if stream.metric == semconv.METRIC_VIOLATIONS or stream.metric not in COMPARED:
        return False
    return baseline is None or counts(stream, baseline)


def _name(stream: StreamKey) -> str:
    return stream.dimension(semconv.FEATURE_NAME) or stream.metric


def _number(sums: Aggregates, stream: StreamKey) -> int:
    summary = sums.histograms.get(stream)
    return sums.counts[stream] if summary is None else summary.count
