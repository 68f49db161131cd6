"""Seeded histories of a model, shared by the tests: what was predicted when, what came true, and the counts of it.

The expected counts are computed here from the rows alone, by plain Python and without our summaries, so that a test
compares two ways to the same number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
MONDAY = 1_767_571_200 * SECOND  # 2026-01-05T00:00Z

MODEL = "credit-risk"
VERSION = "7"
FEATURES = ["income", "age", "channel"]
CHANNELS = ["branch", "phone", "web"]


class Call(NamedTuple):
    """A call of predict: one row as a dict or several as a data frame; ``first`` is the number of its first row."""

    at: int
    first: int
    rows: int


class Outcome(NamedTuple):
    """What came true for one row."""

    at: int
    row: int
    actual: int


@dataclass(frozen=True)
class CreditHistory:
    """Hours of credit applications, of which the income moves up and the age does not.

    Args:
        seed: makes the rows.
        hours: length of the history.
        rows_per_hour: rows in each hour; a fifth one by one, the rest in batches of 20.
        shift_hour: from this hour on, incomes are higher by one and a half standard deviations.
        start: start of the history, ns since the epoch; a full hour.
    """

    seed: int = 7
    hours: int = 24
    rows_per_hour: int = 100
    shift_hour: int = 12
    start: int = MONDAY

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One row an application; columns `FEATURES`, ``score``, ``predicted`` and ``actual``."""
        rng = np.random.default_rng(self.seed)
        return _applications(rng, np.repeat(np.arange(self.hours) >= self.shift_hour, self.rows_per_hour))

    @cached_property
    def calls(self) -> list[Call]:
        """The calls in order of time, spread over each hour."""
        singles = self.rows_per_hour // 5
        sizes = [1] * singles + [20] * ((self.rows_per_hour - singles) // 20)
        assert sum(sizes) == self.rows_per_hour, "rows_per_hour must be a multiple of 25"
        offsets = np.cumsum([0, *sizes])
        return [
            Call(self.start + hour * HOUR + place * HOUR // len(sizes), hour * self.rows_per_hour + int(offset), size)
            for hour in range(self.hours)
            for place, (size, offset) in enumerate(zip(sizes, offsets, strict=False))
        ]

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """What came true, for four rows of five, within three hours of the prediction; in order of time."""
        rng = np.random.default_rng(self.seed + 1)
        known = rng.random(len(self.rows)) < 0.8
        delay = rng.integers(600, 3 * 3600, len(self.rows))
        made = {call.first + place: call.at for call in self.calls for place in range(call.rows)}
        return sorted(
            Outcome(made[row] + int(delay[row]) * SECOND, row, int(self.rows["actual"].iloc[row]))
            for row in np.flatnonzero(known).tolist()
        )

    @property
    def closing(self) -> tuple[Call, Outcome]:
        """The first row once more, a day later: its call and its outcome move event time past all of the history."""
        day_later = self.start + (self.hours + 24) * HOUR
        return Call(day_later, 0, 1), Outcome(day_later + 60 * SECOND, 0, int(self.rows["actual"].iloc[0]))

    def events(self) -> Iterator[Call | Outcome]:
        """Calls and outcomes in order of time; a call comes before the outcomes of the same moment."""
        yield from sorted([*self.calls, *self.outcomes], key=lambda event: (event.at, isinstance(event, Outcome)))

    def reference(self) -> pd.DataFrame:
        """Rows like those before the shift, to fit a baseline on."""
        return _applications(np.random.default_rng(self.seed + 2), np.zeros(20_000, dtype=bool))

    def of_hour(self, hour: int) -> pd.DataFrame:
        """The rows of one hour."""
        return self.rows.iloc[hour * self.rows_per_hour : (hour + 1) * self.rows_per_hour]

    def labelled(self, hour: int) -> pd.DataFrame:
        """The rows of one hour of which the outcome is known."""
        known = {outcome.row for outcome in self.outcomes}
        rows = self.of_hour(hour)
        return rows[[row in known for row in rows.index]]


def score(rows: pd.DataFrame) -> np.ndarray:
    """The model: probability of default, shape ``(n,)``."""
    income = rows["income"].fillna(3000.0).to_numpy(dtype=float)
    return 1 / (1 + np.exp((income - 2500) / 1000 + (rows["age"].to_numpy(dtype=float) - 40) / 30))


def bin_counts(values: pd.Series, bounds: Sequence[float]) -> list[int]:
    """How many values lie in each bin ``lower < x <= upper``; missing ones in none."""
    bins = Counter(bisect_left(bounds, value) for value in values.dropna())
    return [bins[place] for place in range(len(bounds) + 1)]


def _applications(rng: np.random.Generator, shifted: np.ndarray) -> pd.DataFrame:
    n = shifted.size
    rows = pd.DataFrame(
        {
            "income": rng.normal(3000, 800, n).round(2) + 1200.0 * shifted,
            "age": rng.integers(18, 80, n),
            "channel": rng.choice(CHANNELS, n, p=[0.2, 0.3, 0.5]),
        }
    )
    rows.loc[rng.random(n) < 0.05, "income"] = np.nan
    rows["score"] = score(rows)
    rows["predicted"] = (rows["score"] >= 0.5).astype(int)
    rows["actual"] = (rng.random(n) < rows["score"]).astype(int)
    return rows
