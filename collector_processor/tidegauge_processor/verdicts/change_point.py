"""When did it begin? The run of latest windows that differs most from the reference.

Windows before the change are like the reference and windows after it are not. So of the runs that end now, the one that
begins with the change has the largest likelihood ratio: a shorter one leaves out evidence, a longer one waters it down.
All lengths are tried, not only the scales that are judged, with a statistic of the kind that has raised the alarm:

| strongest test | statistic |
|---|---|
| Anderson-Darling | Anderson-Darling |
| Klotz | Klotz |
| G | G on pooled cells, less its degrees of freedom, of which longer runs have more |
| Fisher's exact test | G on the cells as they are: pooling would hide the rare one |

The place of the largest statistic is an estimate and no confidence bound: how far off it is depends on the size of the
change and on the rows, not on how long ago it was.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.anderson_darling import anderson_darling
from tidegauge.statistics.g_test import g_statistic
from tidegauge.statistics.klotz import klotz
from tidegauge.statistics.pooling import pool_neighbours, pool_smallest
from tidegauge_processor.verdicts.comparisons import merged_runs
from tidegauge_processor.verdicts.scales import merge_latest, stack
from tidegauge_processor.verdicts.types import Reference, Verdict, Window

Floats = NDArray[np.float64]


def change_point(windows: Sequence[Window], reference: Reference, verdict: Verdict) -> int:
    """Start of the run of latest windows that differs most from the reference, ns since the epoch.

    Args:
        windows: as they were judged, oldest first; the change is not looked for before the first of them.
        reference: of the stream.
        verdict: the alarm; its strongest test says what kind of change to look for.

    Raises:
        ValueError: there are no windows, or counts do not fit the reference.

    Example:
        >>> from tidegauge_processor.verdicts.state import State
        >>> from tidegauge_processor.verdicts.types import Stream, TestResult
        >>> age, quiet, loud = Stream("feature", "age"), np.array([50, 50]), np.array([20, 80])
        >>> def hour(number, counts):
        ...     return Window(number, number + 1, {age: counts}, np.array([True]))
        >>> hours = [hour(number, quiet if number < 7 else loud) for number in range(12)]
        >>> alarm = Verdict(age, 12, 0, 12, 1200, State.CHANGED, (TestResult("fisher_exact", 2.0, 1e-9),))
        >>> change_point(hours, Reference(np.array([[5000, 5000]])), alarm)
        7
    """
    lengths = range(1, len(windows) + 1)
    mixed, runs = merged_runs(windows, reference, verdict.stream, lengths)
    return _most_differing(windows, mixed, runs, reference, verdict)


def change_point_beside(
    windows: Sequence[Window], beside: Sequence[Window], reference: Reference, verdict: Verdict
) -> int:
    """The same where each window has one beside it to compare with, instead of a reference that stays.

    Args:
        windows: as they were judged, oldest first.
        beside: what each of them was compared with.
        reference: gives the cells of the stream.
        verdict: the alarm.
    """
    lengths = tuple(range(1, len(windows) + 1))
    ours, theirs = (
        merge_latest(stack(side, [verdict.stream], reference.cells), lengths)[0, 0].astype(np.float64)
        for side in (windows, beside)
    )
    return _most_differing(windows, theirs, ours, reference, verdict)


def _most_differing(
    windows: Sequence[Window], reference: Floats, runs: Floats, known: Reference, verdict: Verdict
) -> int:
    """Start of the run that differs most; runs of 1, 2, ... windows and their references, each of shape ``(n, K)``."""
    method = min(verdict.tests, key=lambda test: test.p_value).method if verdict.tests else ""
    differing = _statistic(reference, runs, method, ordered=known.bounds is not None)
    return windows[-1 - int(differing.argmax())].start


def _statistic(reference: Floats, window: Floats, method: str, *, ordered: bool) -> Floats:
    """How far each of ``n`` runs differs from its reference, both of shape ``(n, K)``; shape ``(n,)``."""
    if method == "anderson_darling":
        return anderson_darling(reference, window).statistic
    if method == "klotz":
        return klotz(reference, window).statistic
    if method == "fisher_exact":
        return g_statistic(reference, window).statistic
    pooled = (pool_neighbours if ordered else pool_smallest)(reference, window)
    found = g_statistic(pooled.reference, pooled.window)
    return found.statistic - found.degrees
