"""The application: an airline desk that predicts delays hour by hour and later hears when the flights have landed.

It knows nothing of the processor; where telemetry goes is said by the ``OTEL_*`` variables, as for any other service.
Four lines of it are Tidegauge: `configure`, `monitor`, taking the receipts, `record_outcome`. The rest of this file
replays history: a clock that is set by hand lets a year pass in a minute, and a queue hands each outcome back at the
moment at which the flight landed.

Run by ``demo.py``; prints the day that it has reached and the number of flights so far.
"""

from __future__ import annotations

import argparse
import heapq
import pickle
from pathlib import Path

import flights
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import tidegauge

EXPORT_INTERVAL = 6 * 3600.0
"""Seconds of historical time between exports; a live service would keep the default of ten."""


def replay(folder: Path, until: pd.Timestamp) -> None:
    """Predict every flight from February on that leaves before ``until``, hour by hour, and record each landing."""
    clock = tidegauge.ManualClock(flights.FIRST_DAY.value)
    tidegauge.configure(tidegauge.Settings(export_interval=EXPORT_INTERVAL), clock=clock)
    model: flights.DelayModel = pickle.loads((folder / "model.pickle").read_bytes())

    @tidegauge.monitor(
        flights.MODEL,
        version=flights.VERSION,
        baseline=folder / "baseline.json",
        task="binary",
        features="departures",
        segments=["origin"],
    )
    def predict(departures: pd.DataFrame) -> NDArray[np.float64]:
        return model.predict(departures)

    in_the_air: list[tuple[int, str, bool]] = []  # a heap, next landing first

    def land(before: int) -> None:
        while in_the_air and in_the_air[0][0] <= before:
            landing, receipt, late = heapq.heappop(in_the_air)
            clock.set(landing)
            tidegauge.record_outcome(receipt, actual=late)

    live = flights.load()
    live = live[(live["time"] >= flights.FIRST_DAY) & (live["time"] < until)]
    features, landings, lates = live[flights.FEATURES], live["landing"].array, live["late"].array
    flown = 0
    for hour, places in live.groupby("time").indices.items():
        land(before=hour.value)
        clock.set(hour.value)
        predict(features.iloc[places])
        for place, receipt in zip(places, tidegauge.last_prediction().receipts, strict=True):
            if not pd.isna(lates[place]):  # a cancelled flight has a receipt that nobody will ever hand back
                heapq.heappush(in_the_air, (landings[place].value, receipt, bool(lates[place])))
        flown += len(places)
        print(f"{hour:%Y-%m-%d} {flown}", flush=True)
    land(before=max((landing for landing, _, _ in in_the_air), default=0))
    tidegauge.flush(timeout=120)  # the end alone would not wait for a processor that is being started anew
    tidegauge.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds model.pickle and baseline.json")
    parser.add_argument("--until", type=flights.day, default=flights.END)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        replay(arguments.folder, arguments.until)
