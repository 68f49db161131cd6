"""Sequences that say of their length what is not so: a call copies what they have."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from tests.sdk.builders import by_name, predicted
from tidegauge import last_prediction, monitor
from tidegauge.columns import items_of
from tidegauge.errors import CaptureError
from tidegauge.receipt import decode
from tidegauge.testing import capture


class Lying(list):
    def __len__(self):
        return 10**12


class LyingSequence(Sequence):
    """Says that it is long, and has two items."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return 10**12

    def __getitem__(self, place):
        return self.items[place]


class Endless(Sequence):
    """Says that it has two items, and never ends."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return 2

    def __getitem__(self, place):
        return self.items[place % 2]


@pytest.mark.parametrize("kind", [Lying, LyingSequence, Endless])
@pytest.mark.parametrize(
    "rows",
    [[{"age": 1.0}, {"age": 2.0}], [[1.0, 5.0], [2.0, 6.0]], [np.array([1.0, 5.0]), np.array([2.0, 6.0])]],
    ids=["rows by name", "lists", "arrays"],
)
def test_a_batch_has_the_rows_that_it_has(kind, rows):
    @monitor("m", version="1", task="regression")
    def predict(batch):
        return kind([1.5, 2.5])

    with capture() as seen:
        predict(kind(rows))
        points = seen.points
        assert seen.failures == seen.drops == {}
    assert predicted(points) == 2
    assert [point["sum"] for point in by_name(points, "ml.prediction.value")] == [4.0]
    assert {point["count"] for point in by_name(points, "ml.feature.value")} == {2}


@pytest.mark.parametrize("kind", [Lying, LyingSequence, Endless])
def test_lists_within_rows_and_keys_and_columns_have_the_length_that_they_have(kind):
    @monitor("m", version="1", prediction_id=lambda rows: kind(["a", "b"]))
    def predict(rows):
        return {"label": ["x", "y"], "score": kind([0.5, 0.25])}

    with capture() as seen:
        predict([kind([1.0, 5.0]), kind([2.0, 6.0])])
        assert [decode(receipt).prediction_id for receipt in last_prediction().receipts] == ["a", "b"]
        predict({"age": np.array([1.0, 2.0]), "income": kind([3.0, 4.0])})
        points = seen.points
        assert seen.failures == seen.drops == {}
    assert predicted(points) == 4
    assert sum(point["count"] for point in by_name(points, "ml.prediction.score")) == 4


def test_a_frame_has_the_rows_that_its_index_has():
    class Frame(pd.DataFrame):
        def __len__(self):
            return 10**12

    @monitor("m", version="1")
    def predict(rows):
        return [1.5, 2.5]

    with capture() as seen:
        predict(Frame({"age": [1.0, 2.0]}))
        assert predicted(seen.points) == 2
        assert seen.failures == seen.drops == {}


def test_what_has_no_end_is_refused(monkeypatch):
    monkeypatch.setattr("tidegauge.columns._MOST_ITEMS", 1_000)
    assert items_of(range(1_000)) == list(range(1_000))
    with pytest.raises(CaptureError, match="more than 1,000 items"):
        items_of(iter(int, 1))
