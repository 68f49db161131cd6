"""Is it still going on? New windows beside those that showed the change, and beside the reference.

A small change is found by merging windows, so when the latest windows alone are no evidence, that tells little: they
may be too few. But which of two they look like can be told from far fewer rows than whether anything has changed. The
shares of the cells in the changed windows, divided by those of their reference, say how the change tilts the reference;
the new windows look changed when their likelihood is greater under the reference of their own hours so tilted than
under that reference itself. The loud hour that is still inside the last 72 windows, but over, does not look changed.

Shares of many cells are noisy where few rows showed the change, and coarse cells hide what happens in a small one: so
ordered cells are looked at as they are and as `COARSE` of equal rows, and one of the two is enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.verdicts.comparisons import merged_runs
from tidegauge_processor.verdicts.scales import stack
from tidegauge_processor.verdicts.types import Reference, Stream, Window

Floats = NDArray[np.float64]

COARSE: Final = 10
"""Cells of about equal rows into which ordered cells are pooled."""


def looks_changed(loud: Floats, loud_reference: Floats, new: Floats, new_reference: Floats) -> bool:
    """Whether new rows are likelier under the change that loud rows showed than under no change.

    Args:
        loud: rows by cell in the windows that showed it, shape ``(K,)``.
        loud_reference: what they were compared with, of any size, shape ``(K,)``.
        new: rows by cell since then, shape ``(K,)``.
        new_reference: what those are compared with, of any size, shape ``(K,)``.

    Example:
        >>> usual, moved = np.array([50.0, 50.0]), np.array([20.0, 80.0])
        >>> looks_changed(moved, usual, np.array([3.0, 7.0]), usual), looks_changed(moved, usual, usual, usual)
        (True, False)
    """
    if not (loud.sum() and loud_reference.sum() and new.sum() and new_reference.sum()):
        return False
    usual = _shares(loud_reference)
    tilt = (loud + usual * loud.size) / (usual * (loud.sum() + loud.size))  # a row of the usual for each cell
    expected = _shares(new_reference)
    return bool((new * np.log(tilt)).sum() > new.sum() * np.log((expected * tilt).sum()))


class Times(NamedTuple):
    """Which windows to hold against each other, all in ns since the epoch.

    Attributes:
        since: start of the windows that showed a change.
        until: their end.
        after: start of the new windows.
    """

    since: int
    until: int
    after: int


def still_changed(windows: Sequence[Window], reference: Reference, stream: Stream, times: Times) -> bool:
    """Whether new windows look like those that showed a change.

    Args:
        windows: as they were judged, oldest first.
        reference: of the stream.
        stream: which of their counts to look at.
        times: which windows are which.
    """
    loud = [window for window in windows if times.since <= window.start < times.until]
    new = [window for window in windows if window.start >= times.after]
    if not (loud and new):
        return False
    return _either(reference, *_merged(loud, reference, stream), *_merged(new, reference, stream))


def still_changed_beside(
    windows: Sequence[Window], beside: Sequence[Window], reference: Reference, stream: Stream, times: Times
) -> bool:
    """The same where each window has one beside it to compare with, instead of a reference that stays."""
    sums = []
    for first, end in ((times.since, times.until), (times.after, math.inf)):
        for side in (windows, beside):
            found = [window for window in side if first <= window.start < end]
            if not found:
                return False
            sums.append(stack(found, [stream], reference.cells)[0].sum(axis=0).astype(np.float64))
    return _either(reference, *sums)


def _either(known: Reference, *sums: Floats) -> bool:
    if looks_changed(*sums):
        return True
    if known.bounds is None or known.cells <= COARSE:
        return False
    share = np.cumsum(sums[1]) / max(sums[1].sum(), 1.0)
    firsts = np.unique(np.concatenate([[0], np.searchsorted(share, np.arange(1, COARSE) / COARSE)]))
    return looks_changed(*(np.add.reduceat(each, firsts) for each in sums))


def _merged(windows: Sequence[Window], reference: Reference, stream: Stream) -> tuple[Floats, Floats]:
    """Rows by cell, and the reference mixed to their hours."""
    mixed, rows = merged_runs(windows, reference, stream, [len(windows)])
    return rows[0], mixed[0]


def _shares(counts: Floats) -> Floats:
    """Shares of cells, none of them zero."""
    smoothed: Floats = (counts + 0.5) / (counts.sum() + 0.5 * counts.size)
    return smoothed
