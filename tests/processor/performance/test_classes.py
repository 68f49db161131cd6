"""Classes by name or by place: whatever an outcome says, in whatever type, it is one class of the baseline or none."""

import numpy as np
import pytest

from tests.processor.performance.outcomes import cohort_of, outcome
from tidegauge_processor.performance.classes import by_name, read_binary, read_multiclass

NAMES = ("bad", "good")


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_names_texts_and_numbers_mix(task):
    said = ["good", "1", 1.0, "true", "True", "bad", "0", 0.0, "false", "neither", 7.0, 0.5]
    cohort = cohort_of(outcome(str(row), klass=NAMES[row % 2], actual=each) for row, each in enumerate(said))
    table = by_name(cohort.table(), NAMES)
    if task == "binary":
        found, positive = read_binary(table, "good")
        assert (positive, found.unreadable) == ("good", 3)
    else:
        found = read_multiclass(table)
        assert (found.names, found.unreadable) == (("bad", "good", "neither"), 2)  # a text may be a new class
    counts = dict(zip(found.names, np.bincount(found.actual).tolist(), strict=True))
    assert (counts["good"], counts["bad"]) == (5, 4)
    assert by_name(table, NAMES).kinds == table.kinds


def test_predicted_places_are_classes_too():
    table = cohort_of(outcome(str(row), klass=str(row % 2), actual=NAMES[row % 2]) for row in range(4)).table()
    found, _ = read_binary(by_name(table, NAMES), "good")
    assert found.predicted.tolist() == found.actual.tolist()
    assert by_name(table, ()) is table


def test_a_number_is_no_place_where_classes_are_numbers():
    stars = ("1", "2", "3")
    table = by_name(
        cohort_of([outcome("a", klass="1", actual=0.0), outcome("b", klass="2", actual=3.0)]).table(), stars
    )
    found = read_multiclass(table)
    assert ([found.names[code] for code in found.actual], found.unreadable) == (["3"], 1)
