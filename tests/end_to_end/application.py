"""An application with a monitored model, as a process of its own: replays a history and sends its telemetry by OTLP.

Where to and how is said by the standard ``OTEL_*`` and ``TIDEGAUGE_*`` variables. It prints a line for each hour of
history, so that a test can do something in between.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from opentelemetry import trace

import tidegauge
from tests.workloads import FEATURES, HOUR, MODEL, VERSION, Call, CreditHistory, Outcome, score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=Path, help="without it, the model has none")
    parser.add_argument("--history", type=json.loads, required=True, help="fields of CreditHistory, as JSON")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before each call")
    parser.add_argument("--part", choices=("all", "history", "closing"), default="all", help="what to replay of it")
    options = parser.parse_args()
    history = CreditHistory(**options.history)
    parts = {"history": [*history.events()], "closing": [*history.closing]}
    events = [event for part, events in parts.items() if options.part in ("all", part) for event in events]
    replay(history, events, options.baseline, options.pause)


def replay(history: CreditHistory, events: list[Call | Outcome], baseline: Path | None, pause: float) -> None:
    """Make every call at its time and report every outcome at its own."""
    clock = tidegauge.ManualClock(history.start)
    tidegauge.configure(clock=clock)
    tracer = trace.get_tracer("application")

    @tidegauge.monitor(MODEL, version=VERSION, baseline=baseline, task="binary")
    def predict(applications: dict[str, object] | pd.DataFrame) -> float | np.ndarray:
        if isinstance(applications, dict):
            return float(score(pd.DataFrame([applications]))[0])
        return score(applications)

    receipts: dict[int, str] = {}
    hour = 0
    for event in events:
        if (event.at - history.start) // HOUR > hour:
            hour = (event.at - history.start) // HOUR
            tidegauge.flush()
            print(f"hour {hour}", flush=True)
        clock.set(event.at)
        if isinstance(event, Outcome):
            tidegauge.record_outcome(receipts.pop(event.row), actual=event.actual)
            continue
        time.sleep(pause)
        with tracer.start_as_current_span("POST /applications", start_time=event.at):
            rows = history.rows[FEATURES].iloc[event.first : event.first + event.rows]
            predict(rows if event.rows > 1 else rows.iloc[0].to_dict())
        for place, receipt in enumerate(tidegauge.last_prediction().receipts):
            receipts[event.first + place] = receipt
    tidegauge.shutdown()


if __name__ == "__main__":
    main()
