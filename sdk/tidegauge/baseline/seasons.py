"""Season slots: hours of the day or of the week.

Traffic at four in the morning is not traffic at noon, so a window is compared with the reference rows of its own hours.
Slots are counted in UTC. Of 24 slots, slot ``h`` is the hour that begins at ``h:00``; of 168, slot ``24 d + h`` is that
hour on weekday ``d``, 0 for Monday. One slot means no season.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Slots = Literal[1, 24, 168]

LEAST_PERIODS: Final = 8
"""Days or weeks in which a slot must have been seen, so that its counts are not those of one odd day."""
LEAST_ROWS: Final = 100
"""Reference rows that a slot must hold."""
MOST_THIN: Final = 0.05
"""Share of the rows that may lie in slots with less than that: a few flights after midnight are no reason to compare
noon with all day. A window in such a slot meets a small reference, and its verdict says so."""

_HOUR = 3_600_000_000_000
_THURSDAY = 3 * 24  # the epoch was a Thursday


def slots_of_times(times: NDArray[np.int64], slots: int) -> NDArray[np.intp]:
    """Slot of each of ``times`` (nanoseconds since the epoch, shape ``(n,)``).

    >>> slots_of_times(np.array([0, 25 * 3_600 * 10**9]), 168).tolist()
    [72, 97]
    """
    return ((times // _HOUR + _THURSDAY) % slots).astype(np.intp)


def hours_of_times(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole hours since the epoch of each of ``times`` (nanoseconds since the epoch, shape ``(n,)``).

    >>> hours_of_times(np.array([0, 25 * 3_600 * 10**9])).tolist()
    [0, 25]
    """
    return times // _HOUR


def slots_of_window(start: int, end: int, slots: int) -> NDArray[np.bool_]:
    """Which slots the window from ``start`` up to but without ``end`` (nanoseconds since the epoch) touches.

    >>> np.flatnonzero(slots_of_window(0, 2 * 3_600 * 10**9, 24)).tolist()
    [0, 1]
    """
    covered = np.zeros(slots, dtype=np.bool_)
    first = start // _HOUR
    last = -(-end // _HOUR) if end > start else first
    hours = np.arange(first, min(last, first + slots), dtype=np.int64)
    covered[(hours + _THURSDAY) % slots] = True
    return covered


def finest_slots(times: NDArray[np.int64]) -> Slots:
    """The finest season that ``times`` (nanoseconds since the epoch, shape ``(n,)``) support.

    All rows but a share of `MOST_THIN` must lie in slots that hold `LEAST_ROWS` and occur in `LEAST_PERIODS` different
    periods.

    >>> hours = np.arange(0, 24 * 10, 0.01)
    >>> finest_slots((hours * 3.6e12).astype(np.int64))
    24
    """
    return finest_slots_of_hours(*np.unique(times // _HOUR, return_counts=True))


def finest_slots_of_hours(hours: NDArray[np.int64], rows: NDArray[np.int64]) -> Slots:
    """The same from the rows of each hour.

    Args:
        hours: hours since the epoch, each once: an hour of the calendar lies in one slot of one period; shape ``(n,)``.
        rows: rows in each, shape ``(n,)``.
    """
    candidates: tuple[Slots, ...] = (168, 24)
    for slots in candidates:
        slot = (hours + _THURSDAY) % slots
        held = np.bincount(slot, weights=rows, minlength=slots)
        thin = (held < LEAST_ROWS) | (np.bincount(slot, minlength=slots) < LEAST_PERIODS)
        if held[thin].sum() <= MOST_THIN * rows.sum():
            return slots
    return 1
