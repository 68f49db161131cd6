"""Closed windows judged: the step that a running processor and a backtest share.

Pure: counts and history in, verdicts and incidents out. The history moves on by as many windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from tidegauge.baseline import Baseline
from tidegauge_processor import comparison
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.performance.effect import Effect, Expected, effect
from tidegauge_processor.verdicts.change_point import change_point
from tidegauge_processor.verdicts.incidents import IncidentChange, IncidentLog
from tidegauge_processor.verdicts.judge import judge_each
from tidegauge_processor.verdicts.lasting import Times, still_changed
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Verdict, Window
from tidegauge_processor.versions import SLACK
from tidegauge_processor.without_baseline import say_where_blind


class Past(Protocol):
    """What is remembered from one window of a model version to the next.

    Attributes:
        history: counts of the latest closed windows, oldest first, without gaps.
        expected: what the windows of the history promise of their performance, by start.
        incidents: open and past incidents.
    """

    history: list[Window]
    expected: dict[int, Expected]
    incidents: IncidentLog


class Closed(NamedTuple):
    """A window that is complete.

    Attributes:
        start: ns since the epoch.
        end: ns since the epoch, exclusive.
        counts: as `comparison.counts` gives them.
        broken: feature and kind of every violation up to its end.
        expected: what it promises of its performance; None where nobody can say.
    """

    start: int
    end: int
    counts: Mapping[Stream, comparison.Cells]
    broken: Set[tuple[str, str]]
    expected: Expected | None = None


class Told(NamedTuple):
    """What became of an incident.

    Attributes:
        change: what became of it.
        effect: what is expected of the performance in the windows that showed the strongest change; None where nothing
            can be estimated, and when an incident closes.
    """

    change: IncidentChange
    effect: Effect | None = None


class Judged(NamedTuple):
    """What there is to say about a window.

    Attributes:
        verdicts: on each stream that is worth saying, at every scale.
        changes: what became of incidents.
    """

    verdicts: list[Verdict]
    changes: list[Told]


def judge_windows(
    past: Past, closed: Sequence[Closed], baseline: Baseline, policy: Policy, *, learned: bool = False
) -> list[Judged]:
    """Judge windows that are complete; several in one call cost less than several calls and say the same.

    Args:
        past: of the model version; it takes up the windows.
        closed: at least one window, each from the end of the one before.
        baseline: what to compare with.
        policy: thresholds and budget.
        learned: whether the processor has learned the baseline from bins, some of which may be too coarse.
    """
    history, longest = past.history, max(policy.scales)
    _fill_gap(history, closed[0].start, closed[0].end - closed[0].start, longest, baseline)
    history += [Window(each.start, each.end, each.counts, baseline.slots_of(each.start, each.end)) for each in closed]
    past.expected |= {each.start: each.expected for each in closed if each.expected is not None}
    references = comparison.references(baseline)
    watched = [
        [stream for stream in references if _is_worth_judging(stream, references, window.broken)] for window in closed
    ]
    found = []
    first = len(history) - len(closed)
    for end, verdicts in enumerate(judge_each(history, references, policy, watched), first + 1):
        if learned:
            verdicts = [say_where_blind(verdict, baseline) for verdict in verdicts]

        def began(verdict: Verdict, earliest: int, end: int = end) -> int:
            windows = [window for window in history[max(end - longest, 0) : end] if window.start >= earliest]
            return change_point(windows, references[verdict.stream], verdict)

        def lasts(stream: Stream, *times: int, end: int = end) -> bool:
            return still_changed(history[:end], references[stream], stream, Times(*times))

        changes = past.incidents.update(verdicts, history[end - 1], policy, began, lasts)
        told = [Told(change, _effect(change, past.expected, baseline, policy.effect_floor)) for change in changes]
        found.append(Judged(verdicts, told))
    del history[: -longest - SLACK]  # what is older, another version may not have closed
    past.expected = {start: each for start, each in past.expected.items() if start >= history[0].start}
    return found


def still_open(past: Past, baseline: Baseline, policy: Policy) -> Told | None:
    """What is known by now of the open incident; None when there is none."""
    change = past.incidents.current(past.history[-1]) if past.history else None
    return Told(change, _effect(change, past.expected, baseline, policy.effect_floor)) if change else None


@lru_cache(maxsize=256)
def window_name(length: int) -> str:
    """Length of a window in ns as people write it.

    >>> window_name(24 * 3600 * 10**9), window_name(90 * 10**9)
    ('24h', '1m30s')
    """
    return str(Duration(length))


def _effect(
    change: IncidentChange, expected: Mapping[int, Expected], baseline: Baseline, tolerance: float
) -> Effect | None:
    if change.kind == "closed":
        return None
    strongest = change.ranking[0]
    windows = [each for start, each in sorted(expected.items()) if strongest.start <= start < strongest.end]
    return effect(windows, baseline, tolerance)


def _is_worth_judging(stream: Stream, references: Mapping[Stream, Reference], seen: Set[tuple[str, str]]) -> bool:
    """A violation is judged from the first time it happens on: most never do, and they are most of the streams."""
    if stream.target != comparison.QUALITY or (stream.name, stream.detail) in seen:
        return True
    return bool(references[stream].counts[:, 1].any())


def _fill_gap(history: list[Window], start: int, length: int, most: int, baseline: Baseline) -> None:
    """Put empty windows where the model was silent, so that merged windows are stretches of time."""
    if not history:
        return
    nothing = {stream: np.zeros_like(cells) for stream, cells in history[-1].counts.items()}
    first = start - (most - 1) * length
    if history[-1].end < first:  # no merged window reaches back so far
        history.clear()
    for begin in range(max(history[-1].end, first) if history else first, start, length):
        slots = baseline.slots_of(begin, begin + length)
        history.append(Window(begin, begin + length, nothing, slots))
