"""Whether a change goes on is told from rows that are too few to show it again."""

import numpy as np
import pytest

from tidegauge_processor.verdicts.lasting import Times, still_changed, still_changed_beside
from tidegauge_processor.verdicts.types import Reference, Stream, Window

AGE = Stream("feature", "age")
BOUNDS = np.linspace(-2.5, 2.5, 31)
TIMES = Times(since=0, until=48, after=48)


def hours(rng, shifts, rows=50, season=0.0):
    """A window for each of ``shifts``, in sd; nights and days lie ``season`` sd below and above the mean."""
    found = []
    for hour, shift in enumerate(shifts):
        day = hour % 24 >= 12
        values = rng.normal(size=rows) + shift + (season if day else -season)
        slots = np.arange(24) == hour % 24 if season else np.array([True])
        found.append(Window(hour, hour + 1, {AGE: np.bincount(BOUNDS.searchsorted(values), minlength=32)}, slots))
    return found


def reference(rng, season=0.0):
    rows = sum(window.counts[AGE] for window in hours(rng, [0.0] * 2_000))
    if not season:
        return Reference(rows[None], BOUNDS)
    by_hour = hours(rng, [0.0] * 24, 5_000, season)
    return Reference(np.stack([window.counts[AGE] for window in by_hour]), BOUNDS)


@pytest.mark.parametrize("season", [0.0, 0.5])
@pytest.mark.parametrize("shift", [0.2, 0.5, -0.3])
def test_a_small_shift_that_lasts_is_told_from_one_that_is_over(shift, season):
    rng = np.random.default_rng(3)
    known, lasting, over = reference(rng, season), 0, 0
    for _ in range(20):
        loud = [shift] * 48
        lasting += still_changed(hours(rng, loud + [shift] * 24, season=season), known, AGE, TIMES)
        over += still_changed(hours(rng, loud + [0.0] * 24, season=season), known, AGE, TIMES)
    assert (lasting, over) == (20, 0)


def test_beside_another_version_the_same():
    rng = np.random.default_rng(4)
    theirs = hours(rng, [0.0] * 72)
    found = [
        still_changed_beside(
            hours(rng, [0.4] * 48 + [now] * 24), theirs, Reference(np.ones((1, 32)), BOUNDS), AGE, TIMES
        )
        for now in (0.4, 0.0)
    ]
    assert found == [True, False]


def test_a_spike_in_one_cell_is_not_lost_in_coarse_ones():
    rng = np.random.default_rng(5)
    known = reference(rng)

    def spiked(window):
        return Window(window.start, window.end, {AGE: window.counts[AGE] + np.eye(32, dtype=int)[31] * 2}, window.slots)

    quiet = hours(rng, [0.0] * 72)
    assert still_changed([spiked(window) for window in quiet], known, AGE, TIMES)
    assert not still_changed([*map(spiked, quiet[:48]), *quiet[48:]], known, AGE, TIMES)


def test_without_windows_that_showed_it_nothing_lasts():
    quiet = hours(np.random.default_rng(6), [0.0] * 4)
    assert not still_changed(quiet, reference(np.random.default_rng(7)), AGE, Times(-9, 0, 0))
    assert not still_changed(quiet, reference(np.random.default_rng(7)), AGE, Times(0, 4, 4))
