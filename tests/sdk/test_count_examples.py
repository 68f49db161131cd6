"""Counters lead to calls: those that broke the schema, that had a category, that were given a class."""

import numpy as np
import pandas as pd
import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

from tests.sdk.builders import by_name, small_baseline
from tidegauge import monitor
from tidegauge.testing import capture

GOOD = {"age": 30.0, "colour": "red"}
ROWS = [
    GOOD,
    {"age": None, "colour": "blue"},
    {"age": 130.0, "colour": "puce"},
    {"age": "x", "colour": None},
    {"age": np.inf, "colour": "mauve"},
    {"age": None, "colour": [1]},
    {"colour": "red"},
    GOOD,
]
BROKEN = {
    "age": {"missing": [2, 7], "out_of_range": [3], "type_mismatch": [4], "non_finite": [5]},
    "colour": {"unseen_category": [3, 5], "missing": [4], "type_mismatch": [6]},
}


def calls(points, name, *attributes):
    """Trace ids, which count the calls, by the attributes that tell the points of a metric apart."""
    return {
        tuple(point["attributes"].get(each) for each in attributes): [trace for _, trace, _ in point["exemplars"]]
        for point in by_name(points, name)
    }


def violations(points):
    found = {}
    kinds = calls(points, "ml.data_quality.violations", "ml.feature.name", "ml.data_quality.violation.type")
    for (feature, kind), numbers in kinds.items():
        found.setdefault(feature, {})[kind] = numbers
    return found


def seen_of(inputs, **options):
    options = {"baseline": small_baseline(), "task": "binary"} | options

    @monitor("credit", version="7", **options)
    def predict(rows):
        return [0.75] * len(rows) if not isinstance(rows, dict) else 0.75 if rows.get("colour") else 0.25

    with capture() as seen:
        for each in inputs:
            predict(each)
        assert (seen.failures, seen.drops) == ({}, {})
        return seen.points


@pytest.mark.parametrize("repeat", [1, 50], ids=["in a block", "column by column"])
def test_the_first_and_the_latest_call_of_each_kind(repeat):
    points = seen_of([row if repeat == 1 else [row] * repeat for row in ROWS])
    assert violations(points) == BROKEN
    occurred = calls(points, "ml.feature.occurrences", "ml.feature.category")
    # One table of an interval offers the last call of each category; of those counted together also the first.
    assert occurred == {("red",): [8], ("blue",): [2], ("_unseen",): [3, 5]}


def test_classes_lead_to_the_latest_call_of_each():
    points = seen_of(ROWS)
    assert calls(points, "ml.predictions", "ml.prediction.class") == {("no",): [4], ("yes",): [8]}


def test_rows_of_a_frame_lead_to_the_call_that_held_them():
    frame = pd.DataFrame({"age": [20.0, np.nan, 500.0], "colour": ["red", "puce", None]})
    points = seen_of([frame.head(1), frame, frame.head(2)])
    assert violations(points) == {
        "age": {"missing": [2, 3], "out_of_range": [2]},
        "colour": {"unseen_category": [3], "missing": [2]},
    }


def test_what_a_baseline_does_not_know_and_what_it_misses():
    points = seen_of([{"age": 1.0, "colour": "red", "zip": 7}, {"age": 2.0, "colour": "red"}, {"zip": 9, "age": 3.0}])
    assert violations(points) == {"zip": {"unexpected_feature": [1, 3]}, "colour": {"missing": [3]}}
    assert violations(seen_of([{"age": 1.0}, {"age": 2.0}])) == {"colour": {"missing": [1, 2]}}


def test_without_a_baseline():
    points = seen_of([*ROWS[:6], {"colour": "blue"}], baseline=None)
    occurred = calls(points, "ml.feature.occurrences", "ml.feature.category")
    assert occurred == {("red",): [1], ("blue",): [7], ("puce",): [3], ("mauve",): [5]}
    assert violations(points)["colour"] == {"missing": [4], "type_mismatch": [6]}
    assert violations(points)["age"]["non_finite"] == [5]


def test_denied_features_say_nothing_and_hashed_ones_only_that_they_broke():
    points = seen_of(ROWS, deny=["age"], hash=["colour"])
    assert by_name(points, "ml.feature.occurrences") == []
    assert violations(points) == {"colour": BROKEN["colour"]}


class EveryThird(Sampler):
    """Keeps the third call, the sixth and so on."""

    def __init__(self):
        self.asked = 0

    def should_sample(self, *args, **kwargs):
        self.asked += 1
        return SamplingResult(Decision.DROP if self.asked % 3 else Decision.RECORD_AND_SAMPLE)

    def get_description(self):
        return "every third"


@pytest.mark.parametrize(("sampler", "kept"), [(EveryThird(), 2), (ALWAYS_OFF, 0)], ids=["some", "none"])
def test_only_traces_that_are_kept_are_pointed_at(sampler, kept):
    @monitor("credit", version="7", baseline=small_baseline())
    def predict(row):
        return 0.75

    with capture(sampler=sampler) as seen:
        for place in range(8):
            predict({"age": 1.0, "colour": "red" if place < 6 else "puce"})
        points, spans = seen.points, seen.spans
    assert len(spans) == kept
    found = calls(points, "ml.feature.occurrences", "ml.feature.category")
    assert len(found[("red",)]) == min(kept, 1)
    assert found[("_unseen",)] == []
    assert all(not exemplars for exemplars in violations(points)["colour"].values())
