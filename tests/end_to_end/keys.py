"""An application that keeps no receipts, as processes of its own: one predicts, another tells outcomes by order number.

Where to is said by the standard ``OTEL_*`` variables.
"""

from __future__ import annotations

import argparse
import json

import pandas as pd

import tidegauge
from tests.workloads import MONDAY, SECOND

MODEL, VERSION = "orders", "3"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", type=int, required=True, help="seconds since the start of the history")
    parser.add_argument("--predictions", type=json.loads, default={}, help="score by order number")
    parser.add_argument("--outcomes", type=json.loads, default=[], help="pairs of order number and outcome")
    options = parser.parse_args()
    tidegauge.configure(clock=tidegauge.ManualClock(MONDAY + options.at * SECOND))

    @tidegauge.monitor(MODEL, version=VERSION, task="binary", prediction_id="order", segments="region")
    def predict(orders: pd.DataFrame) -> list[float]:
        return [options.predictions[order] for order in orders["order"]]

    if options.predictions:
        predict(pd.DataFrame({"order": list(options.predictions), "region": "north", "items": 3.0}))
    if options.outcomes:
        table = pd.DataFrame(options.outcomes, columns=["order", "cancelled"])
        found = tidegauge.record_outcomes(table, prediction_id="order", actual="cancelled", model=MODEL)
        assert (found.recorded, found.refused) == (len(table), ()), found
    assert tidegauge.shutdown()


if __name__ == "__main__":
    main()
