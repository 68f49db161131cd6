"""A process that predicts and predicts until it is told to end. It ends when all is sent, and says what it has done."""

from __future__ import annotations

import signal
import sys
import threading
import time

import numpy as np
import pandas as pd

import tidegauge
from tests.workloads import FEATURES, MODEL, VERSION, CreditHistory, score

_PAUSE = 0.2
"""Seconds between two calls."""
_PATIENCE = 20.0
"""Seconds for one attempt to send all."""
_MOST_ROWS = 8
"""Rows of one call at the most."""


def main(seed: int, baseline: str) -> None:
    ended = threading.Event()
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda *_: ended.set())

    @tidegauge.monitor(MODEL, version=VERSION, baseline=baseline, task="binary")
    def predict(applications: pd.DataFrame) -> np.ndarray:
        return score(applications)

    rows = CreditHistory(seed=seed, hours=4, shift_hour=4).rows[FEATURES]
    chance = np.random.default_rng(seed)
    predicted, last = 0, 0.0
    while not ended.wait(_PAUSE):
        some = rows.sample(chance.integers(1, _MOST_ROWS, endpoint=True), random_state=chance)
        predict(some)
        predicted, last = predicted + len(some), time.time()
    while not tidegauge.flush(_PATIENCE):  # a channel may take two minutes until it looks for its peer again
        time.sleep(1)
    tidegauge.shutdown()
    print(f"predicted {predicted} rows, the last one at {last:.3f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
