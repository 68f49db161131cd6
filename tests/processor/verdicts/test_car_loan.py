"""NannyML's car loan data: 15 clean chunks and five drifted ones; beside ours what the peers say.

Five of eight features drift in the last five of twenty chunks of 5,000 rows. Kept are counts in the cells of a baseline
made from the first ten chunks; `car_loan/` says how they were made.
"""

import json
from pathlib import Path

import numpy as np

from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Window

HOUR = 3_600 * 10**9
KEPT = json.loads(Path(__file__).with_name("car_loan").joinpath("car_loan.json").read_text())
DRIFTED = {"car_value", "salary_range", "loan_length", "repaid_loan_on_prev_car", "y_pred_proba"}
CLEAN, CHUNKS = 15, 20


def ours():
    references = {
        Stream("feature", name): Reference(
            np.array([kept["reference"]]), None if kept["bounds"] is None else np.array(kept["bounds"])
        )
        for name, kept in KEPT["features"].items()
    }
    found = {name: [] for name in KEPT["features"]}
    for chunk in range(CHUNKS):
        counts = {stream: np.array(KEPT["features"][stream.name]["chunks"][chunk]) for stream in references}
        window = Window(chunk * HOUR, (chunk + 1) * HOUR, counts, np.array([True]))
        for verdict in judge([window], references, Policy(scales=(1,))):
            found[verdict.stream.name].append(verdict.state.alarming)
    return found


def score(alarms):
    """False alarms in clean chunks and undrifted features, and drifted feature-chunks that were found."""
    false = sum(sum(row[:CLEAN]) for row in alarms.values())
    false += sum(sum(row[CLEAN:]) for name, row in alarms.items() if name not in DRIFTED)
    return false, sum(sum(row[CLEAN:]) for name, row in alarms.items() if name in DRIFTED)


def test_all_that_drifted_is_found_and_nothing_else():
    assert len(KEPT["features"]) == 8
    assert score(ours()) == (0, 25)


def test_what_the_peers_say_of_the_same_chunks():
    assert {name: score(alarms) for name, alarms in KEPT["peers"].items()} == {"nannyml": (2, 25), "evidently": (0, 25)}
