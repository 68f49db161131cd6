"""What a model does is read from its predictions: the same in any order, and never from what may mean two things."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge_processor.performance.likely import NO_SCORES, Likely, Predicted, likely_task

PREDICTIONS = st.tuples(
    st.none() | st.sampled_from(["bus", "car", "0", "1", "walk"]),
    st.none() | st.floats(0, 1),
    st.sampled_from([None, None, None, 3.5]),
)
LOW, HIGH = (0.1, 0.4), (0.5, 0.9)


@given(st.lists(PREDICTIONS, max_size=12), st.data())
def test_it_does_not_depend_on_order_or_repetition(predictions, data):
    found, other = Predicted(), Predicted()
    for each in predictions:
        found.add(*each)
    for each in data.draw(st.permutations([*predictions, *predictions[::2]])):
        other.add(*each)
        other = Predicted.load(json.loads(json.dumps(other.dump())))
    assert json.dumps(other.dump()) == json.dumps(found.dump())
    assert other.likely == found.likely


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ({}, Likely("")),
        ({"1": NO_SCORES}, Likely("binary")),
        ({"true": NO_SCORES, "false": NO_SCORES}, Likely("binary")),
        ({"-1": LOW, "1": HIGH}, Likely("binary")),  # the names tell, and not the scores
        ({"late": HIGH}, Likely("multiclass")),
        ({"late": LOW, "on time": HIGH}, Likely("binary", "on time")),
        ({"on time": LOW, "late": HIGH}, Likely("binary", "late")),
        ({"late": NO_SCORES, "on time": HIGH}, Likely("multiclass")),
        ({"late": LOW, "on time": NO_SCORES}, Likely("multiclass")),
        ({"late": (0.1, 0.5), "on time": HIGH}, Likely("multiclass")),
        ({"late": (0.5, 0.6), "on time": (0.7, 0.9)}, Likely("multiclass")),  # of the predicted class, as it seems
        ({"0": LOW, "1": HIGH, "2": HIGH}, Likely("multiclass")),
    ],
)
def test_classes_tell_the_task(classes, expected):
    assert likely_task(classes, numbers=False) == expected
    assert likely_task(classes, numbers=True) == Likely("regression")
