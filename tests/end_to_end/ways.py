"""An application whose model has a score for each of three classes, as a process of its own: outcomes come by receipt.

Where to is said by the standard ``OTEL_*`` variables.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import tidegauge
from tests.workloads import MONDAY, SECOND

MODEL, VERSION = "ways", "1"
CLASSES = ("bus", "car", "walk")
ROWS = 200


def trips(number: int, seed: int) -> pd.DataFrame:
    """Trips with a score for each class, which come true as often as these say."""
    random = np.random.default_rng(seed)
    scores = random.dirichlet([1.0, 0.8, 0.5], number)
    places = (scores.cumsum(axis=1) < random.random((number, 1))).sum(axis=1)
    found = pd.DataFrame(scores, columns=CLASSES)
    return found.assign(distance=random.gamma(2.0, size=number), was=np.array(CLASSES)[places])


def baseline() -> tidegauge.Baseline:
    score = {name: name for name in CLASSES}
    given = {"task": "multiclass", "label": "was", "features": ["distance"], "score": score}
    return tidegauge.Baseline.fit(trips(2_000, seed=1), model=MODEL, version=VERSION, **given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=Path, required=True)
    parser.add_argument("--at", type=int, required=True, help="seconds from the predictions to their outcomes")
    options = parser.parse_args()
    clock = tidegauge.ManualClock(MONDAY + 1800 * SECOND)
    tidegauge.configure(clock=clock)
    rows = trips(ROWS, seed=2)

    @tidegauge.monitor(MODEL, version=VERSION, baseline=options.baseline)
    def predict(distances: pd.DataFrame) -> NDArray[np.float64]:
        return rows[list(CLASSES)].to_numpy()

    predict(rows[["distance"]])
    receipts = tidegauge.last_prediction().receipts
    clock.set(MONDAY + options.at * SECOND)
    found = tidegauge.record_outcomes({"receipt": receipts, "actual": rows["was"].tolist()})
    assert (found.recorded, found.refused) == (ROWS, ()), found
    assert tidegauge.shutdown()


if __name__ == "__main__":
    main()
