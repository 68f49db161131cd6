"""Attributions of a sample of calls: on spans and in histograms, and never in the way of a call."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd
import pytest

import tidegauge
from tests.sdk.builders import by_name, small_baseline
from tidegauge import ConfigurationError, Settings, semconv
from tidegauge._explain import Explain, read_attributions
from tidegauge._process import PROCESS
from tidegauge.errors import CaptureError
from tidegauge.receipt import decode
from tidegauge.testing import capture

NAMES, VALUES = semconv.ATTRIBUTION_NAMES, semconv.ATTRIBUTION_VALUES


def monitored(explain, rate=1.0, **options):
    @tidegauge.monitor("credit", version="7", task="binary", explain=explain, explain_rate=rate, **options)
    def predict(row):
        return [0.75] * len(row) if isinstance(row, list | np.ndarray | pd.DataFrame) else 0.75

    return predict


def attributions(seen):
    return {
        point["attributes"][semconv.FEATURE_NAME]: (point["count"], point["sum"])
        for point in by_name(seen.points, semconv.METRIC_FEATURE_ATTRIBUTION)
    }


def test_one_row_has_its_attributions_on_its_span_and_in_the_histograms():
    with capture() as seen:
        monitored(lambda row: {"age": -0.5, "income": 2.0})({"age": 41, "income": 5.5})
        (span,) = seen.spans
        assert (span["attributes"][NAMES], span["attributes"][VALUES]) == (["income", "age"], [2.0, -0.5])
        assert attributions(seen) == {"age": (1, -0.5), "income": (1, 2.0)}
        (point,) = by_name(seen.points, semconv.METRIC_FEATURE_ATTRIBUTION, ml__feature__name="age")
        assert point["attributes"] == {
            semconv.MODEL_NAME: "credit",
            semconv.MODEL_VERSION: "7",
            semconv.FEATURE_NAME: "age",
        }
        assert seen.failures == {}


@pytest.mark.parametrize(
    ("given", "explain"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), lambda df: df.to_numpy() / 2),
        (np.array([[1.0, 3.0], [2.0, 4.0]]), lambda rows: np.column_stack([rows / 2, [9.0, 9.0]])),
        (
            [{"a": 1.0, "b": 3.0}, {"a": 2.0, "b": 4.0}],
            lambda rows: [{k: v / 2 for k, v in row.items()} for row in rows],
        ),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), lambda df: {name: df[name] / 2 for name in df}),
    ],
    ids=["frame", "array with a base value", "dictionaries", "by name"],
)
def test_a_batch_is_explained_in_the_form_it_came(given, explain):
    with capture() as seen:
        monitored(explain, names=["a", "b"] if isinstance(given, np.ndarray) else None)(given)
        assert seen.failures == {}
        assert attributions(seen) == {"a": (2, 1.5), "b": (2, 3.5)}
        assert NAMES not in seen.spans[0]["attributes"]


def test_what_must_not_leave_has_no_attributions_either():
    with capture() as seen:
        explain = lambda row: [0.1, 0.2, 0.3]  # noqa: E731
        monitored(explain, deny=["name"], hash=["city"], prediction_id="key")(
            {"key": 1, "name": "a", "city": "b", "age": 4}
        )
        assert attributions(seen) == {"age": (1, 0.3)}
        assert seen.spans[0]["attributes"][NAMES] == ["age"]


def test_capture_none_keeps_them_off_the_span():
    with capture() as seen:
        monitored(lambda row: {"age": 1.0}, capture="none")({"age": 41})
        assert NAMES not in seen.spans[0]["attributes"]
        assert attributions(seen) == {"age": (1, 1.0)}


def test_the_sample_is_of_the_rate_and_the_same_for_the_same_calls():
    def explained():
        with capture() as seen:
            predict = monitored(lambda row: {"age": 1.0}, rate=0.1)
            for _ in range(1_000):
                predict({"age": 41})
            assert len(seen.spans) == 1_000
            return [NAMES in span["attributes"] for span in seen.spans]

    first = explained()
    assert 80 <= sum(first) <= 120
    assert explained() == first


def test_the_rate_holds_within_one_trace_and_over_many():
    rng = np.random.default_rng(3)
    explain = Explain(len, 0.05)
    for traces in (np.full(20_000, 77), rng.integers(1, 2**63, 20_000)):
        spans = rng.integers(1, 2**63, 20_000).tolist()
        share = np.mean([explain.chooses(*ids) for ids in zip(traces.tolist(), spans, strict=True)])
        assert abs(share - 0.05) < 0.01


@pytest.mark.parametrize(
    ("explain", "note"),
    [
        (lambda row: 1 / 0, ""),
        (lambda row: "much", ""),
        (lambda row: [[1.0, 2.0]] * 3, "shape (3, 2)"),
        (lambda row: [1.0] * 7, "give them by name"),
        (lambda row: {"age": [1.0, 2.0]}, "one number a row"),
        (lambda row: [{"age": 1.0}] * 2, "2 attributions were given for 1 rows"),
    ],
)
def test_an_explainer_that_fails_is_counted_logged_once_and_costs_nothing_else(explain, note, caplog):
    with capture() as seen:
        predict = monitored(explain)
        assert [predict({"age": 41}), predict({"age": 42})] == [0.75, 0.75]
        assert len(seen.spans) == 2
        assert seen.failures == {"explain": 2}
        assert [point["count"] for point in by_name(seen.points, semconv.METRIC_FEATURE_VALUE)] == [2]
    assert len(caplog.records) == 1
    assert note in caplog.records[0].getMessage()


def test_no_call_waits_for_a_slow_explainer_and_its_span_ends_when_the_call_did():
    begun, go_on, threads = threading.Event(), threading.Event(), set()

    def explain(row):
        threads.add(threading.current_thread().name)
        begun.set()
        go_on.wait(30)
        return {"age": 1.0}

    with capture(clock=time.time_ns) as seen:
        predict = monitored(explain)
        predict({"age": 41})
        after = time.time_ns()
        assert begun.wait(30)
        predict({"age": 42})
        assert seen._spans.get_finished_spans() == ()
        go_on.set()
        spans = seen.spans
        assert attributions(seen) == {"age": (2, 2.0)}
    assert threads == {"tidegauge-explain"}
    assert spans[0]["end"] <= after
    assert all(span["attributes"][VALUES] == [1.0] for span in spans)


def test_what_does_not_fit_is_not_explained_and_counted():
    go_on = threading.Event()

    def explain(rows):
        go_on.wait(30)
        return np.zeros((len(rows), 1))

    with capture(clock=time.time_ns) as seen:
        predict = monitored(explain, names=["a"])
        for _ in range(3):
            predict(np.zeros((6_000, 1)))
        assert len(seen._spans.get_finished_spans()) == 2
        go_on.set()
        assert len(seen.spans) == 3
        assert seen.drops == {"explain_queue_full": 12_000}


def test_calls_that_wait_at_the_end_are_given_up_and_their_spans_end():
    go_on = threading.Event()
    with capture(clock=time.time_ns) as seen:
        predict = monitored(lambda row: go_on.wait(30) and {"age": 1.0})
        for age in (41, 42, 43):
            predict({"age": age})
        seen._pipeline.shutdown(0.2)
        assert seen.drops["explain_stopped"] == 2
        go_on.set()
        assert seen._pipeline.explainer.drain(30)
        assert len(seen._spans.get_finished_spans()) == 3


def test_a_call_that_failed_is_not_explained():
    @tidegauge.monitor("credit", version="7", explain=lambda row: {"age": 1.0}, explain_rate=1)
    def predict(row):
        raise ZeroDivisionError

    with capture() as seen:
        with pytest.raises(ZeroDivisionError):
            predict({"age": 41})
        assert len(seen.spans) == 1
        assert attributions(seen) == {}


def test_an_explainer_may_call_the_model_that_it_explains():
    with capture() as seen:
        predict = monitored(lambda row: {"age": predict({"age": 0}) - 0.5})
        predict({"age": 41})
        assert len(seen.spans) == 1
        assert attributions(seen) == {"age": (1, 0.25)}
        assert decode(tidegauge.last_prediction().receipt).score == 0.75
        assert tidegauge.last_prediction().inputs.data == {"age": 41}


def test_bins_come_from_the_baseline_where_it_has_attributions():
    df = pd.DataFrame({"age": np.arange(100.0), "score": 0.5})
    baseline = tidegauge.Baseline.fit(
        df,
        model="credit",
        version="7",
        task="binary",
        score="score",
        attributions=pd.DataFrame({"age": df["age"] - 50}),
    )
    assert tidegauge.Baseline.from_bytes(baseline.to_bytes()) == baseline
    assert 0.0 in baseline.attributions[0].bounds
    with capture() as seen:
        monitored(lambda row: [3.5], baseline=baseline)({"age": 41})
        (point,) = by_name(seen.points, semconv.METRIC_FEATURE_ATTRIBUTION)
        assert point["bounds"] == baseline.attributions[0].bounds.tolist()
        assert point["attributes"][semconv.BASELINE_ID] == baseline.id


def test_a_baseline_without_attributions_is_the_same_file_as_before():
    assert b"attributions" not in small_baseline().to_bytes()


@pytest.mark.parametrize(
    ("attributions", "message"),
    [
        (pd.DataFrame({"age": [1.0]}), "attributions of 1 rows, and 2 rows of reference"),
        (pd.DataFrame({"agee": [1.0, 2.0]}), "'agee', which is not among the features; did you mean 'age'"),
        (pd.DataFrame({"age": ["x", "y"]}), "not all numbers"),
    ],
)
def test_attributions_that_do_not_fit_the_reference_are_said(attributions, message):
    df = pd.DataFrame({"age": [1.0, 2.0], "score": 0.5})
    with pytest.raises(tidegauge.BaselineError, match=message):
        tidegauge.Baseline.fit(df, model="m", version="1", task="binary", score="score", attributions=attributions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"explain": 3}, "explain= is a callable"),
        ({"explain_rate": 0.5}, "needs explain="),
        ({"explain": len, "explain_rate": 0}, "above 0 and at most 1"),
        ({"explain": len, "explain_rate": True}, "above 0 and at most 1"),
    ],
)
def test_wrong_options_are_said_at_decoration(options, message):
    with pytest.raises(ConfigurationError, match=message):
        tidegauge.monitor("credit", version="7", **options)


def test_the_context_manager_explains_too():
    with capture() as seen:
        for _ in range(2):
            with tidegauge.prediction("credit", version="7", explain=lambda row: [row["age"] / 2], explain_rate=1) as p:
                p.features({"age": 4})
                p.output(0.5)
        assert attributions(seen) == {"age": (2, 4.0)}


def test_rows_without_an_attribution_are_left_out():
    assert read_attributions([{"a": 1.0}, {"b": 2.0}], 2, [])["a"].tolist()[0] == 1.0
    with capture() as seen:
        monitored(lambda rows: [[1.0], [np.nan]], names=["a"])(np.zeros((2, 1)))
        assert attributions(seen) == {"a": (1, 1.0)}
    with pytest.raises(CaptureError, match="fit no known list"):
        read_attributions([1.0], 1, [])


def test_nothing_is_explained_while_the_sdk_is_off():
    asked = []
    before, off = PROCESS.pipeline, PROCESS.off
    PROCESS.use(None, Settings())
    try:
        monitored(asked.append)({"age": 41})
        with tidegauge.prediction("credit", version="7", explain=asked.append, explain_rate=1) as p:
            p.features({"age": 4})
        assert p.receipt.startswith("tg1.")
    finally:
        PROCESS.restore(before, off)
    assert asked == []


def test_explained_calls_with_keys_are_announced_once():
    with capture(Settings(prediction_events=True)) as seen:
        monitored(lambda row: {"age": 1.0}, prediction_id="key")({"age": 41, "key": "order-17"})
        assert [event["name"] for event in seen.events] == [semconv.EVENT_PREDICTION]
        assert seen.failures == {}
        assert attributions(seen) == {"age": (1, 1.0)}
