"""Outcomes one by one and as tables, by receipt and by key; predictions announced by key."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tidegauge
from tidegauge import ConfigurationError, Settings, semconv
from tidegauge.errors import CaptureError
from tidegauge.testing import capture

KEY = b"a key of this house"
ANNOUNCING = Settings(prediction_events=True)


def predicted(rows=3, **options):
    with tidegauge.prediction("credit", version="7", task="binary", **options) as p:
        p.features(pd.DataFrame({"order": np.arange(rows), "region": "north", "age": 41.0}))
        p.output([0.75] * rows)
    return p


def actuals(seen):
    return [
        (event["attributes"][semconv.PREDICTION_ID], event["attributes"][semconv.FEEDBACK_ACTUAL])
        for event in seen.events
        if event["name"] == semconv.EVENT_FEEDBACK
    ]


@pytest.mark.parametrize("table", [pd.DataFrame, pa.table, dict, lambda found: pd.DataFrame(found).to_dict("records")])
def test_good_rows_go_through_and_the_others_are_named(table):
    with capture(Settings(receipt_key=KEY)) as seen:
        receipts = predicted(prediction_id="order").receipts
        with capture() as foreign:
            (other, *_) = predicted().receipts
        assert foreign.failures == {}
        given = [receipts[0], other, receipts[1][:-8], receipts[2], None]
        found = tidegauge.record_outcomes(table({"receipt": given, "actual": [1, 0, 1, 0, 1]}))
        assert found.recorded == 2
        assert [(row, reason.partition(":")[0]) for row, reason in found.refused] == [
            (1, "the receipt is not signed, and this process takes signed receipts only"),
            (2, "the receipt is truncated"),
            (4, "the row has no receipt"),
        ]
        assert actuals(seen) == [("0", "1"), ("2", "0")]


def test_an_outcome_that_is_none_is_refused_alone():
    with capture() as seen:
        receipts = predicted().receipts
        found = tidegauge.record_outcomes({"receipt": receipts, "actual": [1, None, float("inf")]})
        assert found.refused == (
            (1, "an outcome must not be missing: record it when it is known"),
            (2, "an outcome must be finite, not inf"),
        )
        assert (found.recorded, len(actuals(seen))) == (1, 1)


@pytest.mark.parametrize("number", [float("-inf"), np.float32("inf"), Decimal("Infinity")])
@pytest.mark.parametrize("known", [True, False])
def test_what_is_infinite_is_no_class(number, known):
    with capture():
        receipt = predicted(1).receipt
        if known:
            with pytest.raises(CaptureError, match=r"must be finite, not -?inf"):
                tidegauge.record_outcome(receipt, actual=number)
    with capture() as elsewhere, pytest.raises(CaptureError, match=r"must be finite, not -?inf"):
        tidegauge.record_outcome(receipt, actual=number)
    assert elsewhere.events == []


def test_what_came_of_a_number_is_a_number_however_it_is_kept():
    with capture(), tidegauge.prediction("price", version="1", task="regression") as p:
        p.output([0.75, 0.5, 0.25])
    with capture() as seen:
        table = {"receipt": p.receipts, "actual": [Decimal("1.5"), 10**400, True]}
        found = tidegauge.record_outcomes(table)
        assert found.refused == ((1, "an outcome must be finite, not inf"),)
        assert [actual for _, actual in actuals(seen)] == [1.5, 1.0]


def test_what_came_of_a_ranked_item_is_a_number_in_a_process_that_does_not_know_the_model_too():
    with capture() as seen, tidegauge.prediction("search", version="7", task="ranking") as p:
        p.output([0.75, 0.5])
        tidegauge.record_outcome(p.receipts[0], actual=3)
    with capture() as elsewhere:
        tidegauge.record_outcome(p.receipts[1], actual=np.int64(0))
    found = [event["attributes"] for event in (*seen.events, *elsewhere.events)]
    assert [(each[semconv.FEEDBACK_ACTUAL], each[semconv.TASK_TYPE]) for each in found] == [
        (3.0, "ranking"),
        (0.0, "ranking"),
    ]
    assert {type(each[semconv.FEEDBACK_ACTUAL]) for each in found} == {float}


def test_keys_stand_in_for_receipts_and_read_alike_with_gaps_in_their_column():
    with capture() as seen:
        receipts = predicted().receipts
        table = pd.DataFrame({"receipt": [receipts[0], None, None], "prediction_id": [None, 17, np.nan], "actual": 1})
        found = tidegauge.record_outcomes(table, model="credit")
        assert found.recorded == 2
        assert found.refused == ((2, "the row has no receipt and no prediction id"),)
        assert actuals(seen)[1] == ("17", 1.0)
        (_, event) = [event for event in seen.events if event["name"] == semconv.EVENT_FEEDBACK]
        assert semconv.MODEL_VERSION not in event["attributes"]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"receipt": ["a"]}, {}, "no column 'actual': name it by actual="),
        ({"actual": [1]}, {}, "neither a column 'receipt' nor 'prediction_id'"),
        ({"prediction_id": ["a"], "actual": [1]}, {}, "outcomes by prediction id need model="),
    ],
)
def test_a_table_that_lacks_something_says_what(columns, options, message):
    with capture(), pytest.raises(ConfigurationError, match=message):
        tidegauge.record_outcomes(columns, **options)


def test_what_is_no_table_is_said():
    with capture(), pytest.raises(CaptureError):
        tidegauge.record_outcomes(17)
    with capture(), pytest.raises(CaptureError, match="different lengths"):
        tidegauge.record_outcomes({"receipt": ["a"], "actual": [1, 2]})


def test_an_outcome_by_key_needs_a_model_and_no_version():
    with capture() as seen:
        tidegauge.record_outcome(prediction_id="order-17", model="credit", actual="yes")
        assert actuals(seen) == [("order-17", "yes")]
        for wrong, message in (({"prediction_id": "a"}, "model="), ({}, "receipt, or prediction_id")):
            with pytest.raises(ConfigurationError, match=message):
                tidegauge.record_outcome(actual=1, **wrong)
        with pytest.raises(ConfigurationError, match="not both"):
            tidegauge.record_outcome("tg1.x", prediction_id="a", model="credit", actual=1)
        with pytest.raises(CaptureError, match="empty"):
            tidegauge.record_outcome(prediction_id="", model="credit", actual=1)


def test_predictions_with_keys_are_announced_whatever_the_sampling():
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    with capture(ANNOUNCING, sampler=ALWAYS_OFF) as seen:
        predicted(2, prediction_id="order", segments="region")
        predicted(2)
        events = [event for event in seen.events if event["name"] == semconv.EVENT_PREDICTION]
        assert seen.failures == {}
    assert events[0]["attributes"] == {
        semconv.MODEL_NAME: "credit",
        semconv.MODEL_VERSION: "7",
        semconv.PREDICTION_ID: "0",
        semconv.PREDICTION_TIME: 0,
        semconv.PREDICTION_CLASS: "1",
        semconv.PREDICTION_SCORE: 0.75,
        semconv.SEGMENT_PREFIX + "region": "north",
        semconv.TASK_TYPE: "binary",
    }
    assert [event["attributes"][semconv.PREDICTION_ID] for event in events] == ["0", "1"]


def test_nothing_is_announced_unless_asked_nor_of_calls_that_failed():
    with capture() as seen:
        predicted(prediction_id="order")
    assert [event["name"] for event in seen.events] == []
    with capture(ANNOUNCING) as seen:
        p = tidegauge.prediction("credit", version="7", prediction_id="order")
        p.features({"order": 1})
        p.fail(ZeroDivisionError())
        assert [event["name"] for event in seen.events] == []


def test_many_announcements_go_in_requests_of_a_bounded_size():
    with capture(ANNOUNCING) as seen:
        predicted(2_500, prediction_id="order")
        assert len([e for e in seen.events if e["name"] == semconv.EVENT_PREDICTION]) == 2_500
        assert seen.drops == {}
