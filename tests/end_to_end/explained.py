"""An application whose model comes to lean on another feature, as a process of its own: its features stay as they were.

The model is linear, so that what each feature added is known: its weight times its value.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import tidegauge
from tests.workloads import HOUR, MONDAY, SECOND

MODEL, VERSION = "prices", "2"
FEATURES = ["area", "rooms", "age"]
BEFORE, AFTER = np.array([3.0, 1.0, 0.3]), np.array([0.3, 1.0, 3.0])
HOURS, CALLS, ROWS = 6, 20, 40
CHANGE = 3
"""Hours, calls in each, rows in a call, and the hour from which on the weights are others."""


def houses(rows: int, seed: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, len(FEATURES))), columns=FEATURES)


def baseline() -> tidegauge.Baseline:
    df = houses(4_000, seed=1)
    predicted = df.assign(price=df.to_numpy() @ BEFORE)
    return tidegauge.Baseline.fit(
        predicted, model=MODEL, version=VERSION, task="regression", prediction="price", attributions=df * BEFORE
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=Path, required=True)
    options = parser.parse_args()
    clock = tidegauge.ManualClock(MONDAY)
    tidegauge.configure(clock=clock)
    weights = BEFORE

    def explain(rows: pd.DataFrame) -> NDArray[np.float64]:
        return rows.to_numpy() * weights

    @tidegauge.monitor(
        MODEL, version=VERSION, baseline=options.baseline, task="regression", explain=explain, explain_rate=0.5
    )
    def predict(rows: pd.DataFrame | dict[str, float]) -> NDArray[np.float64] | float:
        if isinstance(rows, dict):
            return float(np.array(list(rows.values())) @ weights)
        return rows.to_numpy() @ weights

    for hour in range(HOURS):
        weights = BEFORE if hour < CHANGE else AFTER
        for call in range(CALLS):
            clock.set(MONDAY + hour * HOUR + call * 120 * SECOND)
            predict(houses(ROWS, seed=100 * hour + call + 2))
        predict({"area": 1.0, "rooms": 2.0, "age": -1.0})
    clock.set(MONDAY + HOURS * HOUR + SECOND)
    predict({"area": 1.0, "rooms": 2.0, "age": -1.0})
    assert tidegauge.shutdown()


if __name__ == "__main__":
    main()
