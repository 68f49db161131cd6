from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tidegauge.baseline.seasons import finest_slots, slots_of_times, slots_of_window

HOUR = 3_600 * 10**9
MONDAY = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 10**9


def hourly(hours: range, rows: int, start: int = MONDAY) -> NDArray[np.int64]:
    return np.repeat(start + np.array(hours, dtype=np.int64) * HOUR, rows)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_a_slot_is_the_hour_of_the_day_or_of_the_week(moment: datetime) -> None:
    time = np.array([(moment - datetime(1970, 1, 1)) // (datetime(1, 1, 2) - datetime(1, 1, 1)) * 24 * HOUR])
    time += moment.hour * HOUR + moment.minute * HOUR // 60
    assert slots_of_times(time, 1).tolist() == [0]
    assert slots_of_times(time, 24).tolist() == [moment.hour]
    assert slots_of_times(time, 168).tolist() == [24 * moment.weekday() + moment.hour]


@given(st.integers(0, 400 * HOUR), st.integers(0, 400 * HOUR), st.sampled_from([1, 24, 168]))
def test_a_window_covers_the_slots_of_its_moments(start: int, length: int, slots: int) -> None:
    end = start + length
    edges = range(start // HOUR + 1, -(-end // HOUR))
    moments = np.array([start, *(hour * HOUR for hour in edges)] if length else [], dtype=np.int64)
    expected = np.isin(np.arange(slots), slots_of_times(moments, slots))
    assert slots_of_window(start, end, slots).tolist() == expected.tolist()


def test_a_window_ends_before_its_end() -> None:
    assert np.flatnonzero(slots_of_window(MONDAY, MONDAY + HOUR, 168)).tolist() == [0]
    assert np.flatnonzero(slots_of_window(MONDAY + 1, MONDAY + HOUR + 1, 168)).tolist() == [0, 1]
    assert slots_of_window(MONDAY, MONDAY + 3 * 168 * HOUR, 168).all()
    assert np.flatnonzero(slots_of_window(MONDAY - HOUR, MONDAY, 168)).tolist() == [167]


@pytest.mark.parametrize(
    ("times", "slots"),
    [
        (hourly(range(8 * 168), 13), 168),
        (hourly(range(8 * 168), 12), 24),  # 96 rows in each hour of the week
        (hourly(range(8 * 168 - 24), 20), 24),  # Sundays come only seven times
        (hourly(range(8 * 24), 13), 24),
        (hourly(range(8 * 24), 12), 1),
        (hourly(range(7 * 24), 1000), 1),
        (hourly(range(8, 8 * 24, 24), 13), 24),  # the other hours never occur
        (np.concatenate([hourly(range(8 * 24), 100), hourly(range(8 * 24, 8 * 24 + 1), 3)]), 24),
    ],
)
def test_the_finest_season_that_is_known_well_enough(times: NDArray[np.int64], slots: int) -> None:
    assert finest_slots(times) == slots


def test_a_few_rows_in_thin_hours_do_not_spoil_the_season() -> None:
    day = hourly(range(8, 240, 24), 950)
    night = hourly(range(3, 240, 24), 5)
    assert finest_slots(np.concatenate([day, night])) == 24
    assert finest_slots(np.concatenate([day, *[night + hour * HOUR for hour in range(-3, 5)], night - 4 * HOUR])) == 24
    assert finest_slots(np.concatenate([day, *[night + h * HOUR for h in (*range(-3, 5), *range(6, 12))]])) == 1
