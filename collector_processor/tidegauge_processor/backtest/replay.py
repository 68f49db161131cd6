"""The backtest itself: rows of a file, counted by window, judged in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidegauge.baseline import Baseline
from tidegauge.baseline.frame import nearest
from tidegauge.errors import DataError
from tidegauge_processor import comparison
from tidegauge_processor.backtest.counting import Tally, WindowCounts
from tidegauge_processor.backtest.labels import NO_LABELS, LabelColumns
from tidegauge_processor.backtest.outputs import NO_OUTPUTS, OutputColumns, check_outputs
from tidegauge_processor.backtest.reading import Source
from tidegauge_processor.backtest.realized import Realized
from tidegauge_processor.backtest.recorder import Recorder
from tidegauge_processor.backtest.results import Backtest, shortened
from tidegauge_processor.backtest.timeline import Timeline, times_of
from tidegauge_processor.config.sections import Labels
from tidegauge_processor.judging import Closed, judge_windows, still_open
from tidegauge_processor.performance.effect import Expected
from tidegauge_processor.performance.evaluations import estimates
from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.types import Policy, Window

_MOST_NAMES: Final = 8
_AS_USUAL: Final = Labels()
_MOST_COMPARISONS: Final = 8_192
"""Streams at scales and windows that are judged in one pass: more would cost memory and no less time."""

Ripe = tuple[int, WindowCounts]
"""Number and counts of a window that no further row belongs to."""
Progress = Callable[[int, int], None]
"""Told how much of how much is done, in rows counted and rows judged."""


@dataclass(slots=True)
class _Past:
    history: list[Window] = field(default_factory=list)
    expected: dict[int, Expected] = field(default_factory=dict)
    incidents: IncidentLog = field(default_factory=IncidentLog)


def run(
    source: Source,
    baseline: Baseline,
    policy: Policy,
    timestamp: str,
    outputs: OutputColumns = NO_OUTPUTS,
    labels: LabelColumns = NO_LABELS,
    settings: Labels = _AS_USUAL,
    progress: Progress = lambda done, rows: None,
) -> Backtest:
    """Say what the processor would have said about the rows of ``source``.

    Args:
        source: one row a prediction, in any order.
        baseline: what they are compared with.
        policy: thresholds, budget and the length of windows.
        timestamp: column of the time of each prediction.
        outputs: columns of what the model said.
        labels: columns of what came true, and of groups.
        settings: how long cohorts of predictions are, and how long they wait for labels.
        progress: is told how far it is.

    Raises:
        DataError: the rows cannot be read, or lack a column.
    """
    features = [feature.name for feature in baseline.features]
    outputs = check_outputs(outputs, baseline)
    _check_columns(source, [timestamp, *outputs.names, *labels.names], features)
    length, past, recorder = policy.window_length, _Past(), Recorder(baseline, policy)
    times = times_of(source, timestamp)
    timeline = Timeline(times, length)
    has_cohorts = labels.label or labels.segments
    realized = Realized(source, baseline, policy, outputs, labels, settings, times) if has_cohorts else None
    tally, rows, counted, judged = Tally(baseline, outputs), timeline.windows.size, 0, 0
    most = max(1, _MOST_COMPARISONS // (len(comparison.references(baseline)) * len(policy.scales)))
    broken: frozenset[tuple[str, str]] = frozenset()
    for chunk in source.chunks([*features, *outputs.names, *labels.names]):
        if counted + chunk.rows > rows:
            raise DataError(f"{str(source.path)!r} grew while it was read: start again")
        tally.add(chunk, timeline.windows[counted : counted + chunk.rows])
        for told in realized.take_up(chunk, counted) if realized else ():
            recorder.add_labels(told, settings.window)
        counted += chunk.rows
        for ripe in _runs(tally.take(timeline.first_after(counted)), most):
            closed = []
            for number, seen in ripe:
                broken = broken | seen.broken()
                counts = comparison.counts(seen, baseline)
                start, promised = number * length, Expected.of(seen, baseline)
                closed.append(Closed(start, start + length, counts, broken, promised))
            found = judge_windows(past, closed, baseline, policy)
            for window, (_, seen), said in zip(closed, ripe, found, strict=True):
                recorder.add(window.start, window.end, seen.rows, said, estimates(seen, baseline))
                judged += seen.rows
            progress(counted + judged, 2 * rows)
        progress(counted + judged, 2 * rows)
    if counted < rows:
        raise DataError(f"{str(source.path)!r} shrank while it was read: start again")
    if left := still_open(past, baseline, policy):
        recorder.bring_up_to_date(left)
    return recorder.finish(realized.finish() if realized else None)


def _runs(windows: Sequence[Ripe], most: int) -> Iterator[list[Ripe]]:
    """Windows that follow each other without a gap, at most so many at once."""
    run_: list[Ripe] = []
    for window in windows:
        if run_ and (window[0] != run_[-1][0] + 1 or len(run_) == most):
            yield run_
            run_ = []
        run_.append(window)
    if run_:
        yield run_


def _check_columns(source: Source, named: list[str], features: list[str]) -> None:
    known = source.names
    where = str(source.path)
    for name in named:
        if name not in known:
            raise DataError(f"{where!r} has no column {name!r}{nearest(name, known)}")
    lacking = [name for name in features if name not in known]
    if lacking:
        free = [name for name in known if name not in features]
        what = "a column" if len(lacking) == 1 else f"{len(lacking)} columns"
        told = shortened((f"{name!r}{nearest(name, free).replace(';', ',')}" for name in lacking), _MOST_NAMES)
        raise DataError(f"{where!r} lacks {what} of the baseline: {told}; rename or add what is missing")
    twice = sorted(name for name in {*named, *features} if known.count(name) > 1)
    if twice:
        raise DataError(f"{where!r} has two columns named {twice[0]!r}: rename one")
