"""A value exactly at a limit: the last valid one, the first score of the positive class."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.sdk.builders import by_name, small_baseline
from tidegauge import Baseline, monitor
from tidegauge._block import Block
from tidegauge._check import RowCheck, violation
from tidegauge.columns import numeric_column
from tidegauge.examples import odd_numbers
from tidegauge.observation import OUT_OF_RANGE, observe_numeric
from tidegauge.testing import capture

AGE = small_baseline().features[0]  # valid from 0 to 120
BELOW, ABOVE = math.nextafter(0.0, -1), math.nextafter(120.0, 121)
AGES = [0.0, 120.0, BELOW, ABOVE]


@pytest.mark.parametrize(
    ("age", "found"),
    [(0.0, []), (120.0, []), (BELOW, ["age: out_of_range"]), (ABOVE, ["age: out_of_range"])],
)
def test_both_ends_of_the_valid_range_are_valid_in_one_row(age, found):
    check = RowCheck(small_baseline())
    assert check.look({"age": age, "colour": "red"}).violations == found
    assert check.look({"age": age, "colour": None}).violations == [*found, "colour: missing"]
    assert check._is_faultless({"age": age, "colour": "red"}, frozenset()) == (not found)
    assert (violation(AGE, age) == OUT_OF_RANGE) == bool(found)


def test_and_in_many():
    column = numeric_column(AGES)
    assert observe_numeric(column, AGE).violations == {OUT_OF_RANGE: 2}
    assert odd_numbers(column, AGE, [OUT_OF_RANGE], np.arange(4)) == {OUT_OF_RANGE: (2, 3)}
    (found,) = Block([AGE.bins.bounds], [AGE.low], [AGE.high]).summarise(np.array([AGES]))
    assert found.outside == 2


@pytest.mark.parametrize("repeat", [1, 100], ids=["in a block", "column by column"])
def test_a_bound_belongs_to_the_bin_below_it(repeat):
    @monitor("credit", version="7", baseline=small_baseline())
    def predict(rows):
        return [0.25] * len(rows)

    with capture() as seen:
        predict([{"age": age, "colour": "red"} for age in (18.0, 40.0, 65.0)] * repeat)
        (ages,) = by_name(seen.points, "ml.feature.value")
        (scores,) = by_name(seen.points, "ml.prediction.score")
    assert ages["counts"] == [repeat, repeat, repeat, 0]
    assert scores["counts"] == [3 * repeat, 0, 0, 0]


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_a_score_at_the_threshold_is_of_the_positive_class(threshold):
    @monitor("credit", version="7", baseline=replace(small_baseline(), threshold=threshold))
    def predict(rows):
        scores = np.array([threshold, math.nextafter(threshold, 0)])
        return scores if isinstance(rows, list) else float(scores[0])

    row = {"age": 30.0, "colour": "red"}
    with capture() as seen:
        predict([row, row])
        predict(row)
        points = by_name(seen.points, "ml.predictions")
    assert {point["attributes"]["ml.prediction.class"]: point["value"] for point in points} == {"yes": 2, "no": 1}


def test_and_in_the_reference():
    table = pd.DataFrame({"x": np.arange(4.0), "score": [0.3, math.nextafter(0.3, 0), 0.9, 0.1], "label": [1, 0, 1, 0]})
    roles = {"score": "score", "label": "label", "threshold": 0.3}
    fitted = Baseline.fit(table, model="m", version="1", task="binary", **roles)
    assert (fitted.classes, fitted.class_counts.tolist()) == (("0", "1"), [[2, 2]])
