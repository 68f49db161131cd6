"""One closed window judged: the step that a running processor and a backtest share.

Pure: counts and history in, verdicts and incidents out. The history moves on by one window.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import numpy as np

from tidegauge.baseline import Baseline
from tidegauge_processor import comparison
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.verdicts.change_point import change_point
from tidegauge_processor.verdicts.incidents import IncidentChange, IncidentLog
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Verdict, Window
from tidegauge_processor.versions import SLACK
from tidegauge_processor.without_baseline import say_where_blind

_MOST_BASELINES: Final = 64


class Past(Protocol):
    """What is remembered from one window of a model version to the next.

    Attributes:
        history: counts of the latest closed windows, oldest first, without gaps.
        incidents: open and past incidents.
        violations: feature and kind of every violation so far.
    """

    history: list[Window]
    incidents: IncidentLog
    violations: set[tuple[str, str]]


class Judged(NamedTuple):
    """What there is to say about a window.

    Attributes:
        verdicts: on each stream that is worth saying, at every scale.
        changes: what became of incidents.
    """

    verdicts: list[Verdict]
    changes: list[IncidentChange]


def judge_window(
    past: Past,
    start: int,
    end: int,
    counts: Mapping[Stream, comparison.Cells],
    baseline: Baseline,
    policy: Policy,
    *,
    learned: bool = False,
) -> Judged:
    """Judge a window that is complete.

    Args:
        past: of the model version; it takes up the window. Its violations already know those of this window.
        start: start of the window, ns since the epoch.
        end: its end.
        counts: of the window, as `comparison.counts` gives them.
        baseline: what to compare with.
        policy: thresholds and budget.
        learned: whether the processor has learned the baseline from bins, some of which may be too coarse.
    """
    history = past.history
    _fill_gap(history, start, end - start, max(policy.scales), baseline)
    history.append(Window(start, end, counts, baseline.slots_of(start, end)))
    del history[: -max(policy.scales) - SLACK]  # what is older, another version may not have closed
    references = _references(baseline)
    watched = [stream for stream in references if _is_worth_judging(stream, references, past.violations)]
    verdicts = judge(history, references, policy, watched)
    if learned:
        verdicts = [say_where_blind(verdict, baseline) for verdict in verdicts]

    def began(verdict: Verdict, earliest: int) -> int:
        windows = [window for window in history[-max(policy.scales) :] if window.start >= earliest]
        return change_point(windows, references[verdict.stream], verdict)

    return Judged(verdicts, past.incidents.update(verdicts, history[-1], policy, began))


def window_name(length: int) -> str:
    """Length of a window in ns as people write it.

    >>> window_name(24 * 3600 * 10**9), window_name(90 * 10**9)
    ('24h', '1m30s')
    """
    return str(Duration(length))


@lru_cache(maxsize=_MOST_BASELINES)
def _references(baseline: Baseline) -> Mapping[Stream, Reference]:
    return comparison.references(baseline)


def _is_worth_judging(stream: Stream, references: Mapping[Stream, Reference], seen: set[tuple[str, str]]) -> bool:
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
