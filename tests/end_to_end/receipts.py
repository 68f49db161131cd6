"""An application that keeps receipts, as processes of its own: one predicts, the other has its receipts and no model.

Where to is said by the standard ``OTEL_*`` variables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import tidegauge
from tests.workloads import MONDAY, SECOND

MODEL, VERSION = "parcels", "2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", type=int, required=True, help="seconds since the start of the history")
    parser.add_argument("--file", type=Path, required=True, help="of the receipts")
    parser.add_argument("--scores", type=json.loads, help="what to predict; else outcomes are told")
    parser.add_argument("--outcomes", type=json.loads, help="one for each receipt")
    options = parser.parse_args()
    tidegauge.configure(clock=tidegauge.ManualClock(MONDAY + options.at * SECOND))
    if options.scores:
        with tidegauge.prediction(MODEL, version=VERSION, task="binary") as p:
            p.output(options.scores)
        options.file.write_text(json.dumps(p.receipts))
    else:
        table = {"receipt": json.loads(options.file.read_text()), "actual": options.outcomes}
        found = tidegauge.record_outcomes(table)
        assert (found.recorded, found.refused) == (len(options.outcomes), ()), found
    assert tidegauge.shutdown()


if __name__ == "__main__":
    main()
