"""Details: each row's features and what came out, as an event that no sampling takes away."""

import numpy as np
import pandas as pd
import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from tests.sdk.builders import HOUR, SECOND, small_baseline
from tidegauge import ConfigurationError, ManualClock, Settings, monitor, prediction, record_outcome, semconv
from tidegauge._journal import Journal
from tidegauge._outbox import Outbox
from tidegauge._process import PROCESS
from tidegauge._safety import Safety
from tidegauge.testing import capture

IDENTITY = {"ml.model.name": "credit", "ml.model.version": "7"}
ALL = Settings(prediction_details=True)


def details(seen):
    return [event for event in seen.events if event["name"] == semconv.EVENT_DETAILS]


def shown(seen):
    """Names and values of features by event; nothing where there are none."""
    found = [event["attributes"] for event in details(seen)]
    return [dict(zip(a.get(semconv.FEATURE_NAMES, ()), a.get(semconv.FEATURE_VALUES, ()), strict=True)) for a in found]


@pytest.mark.parametrize("sampler", [None, ALWAYS_OFF], ids=["sampled", "sampled out"])
def test_a_call_on_one_row_becomes_this_event_whatever_the_sampling(sampler):
    clock = ManualClock(5 * HOUR)
    clock.timer = clock

    @monitor("credit", version="7", baseline=small_baseline(), prediction_id="order", segments="colour", details=True)
    def predict(row):
        clock.advance(2 * SECOND)
        return 0.75

    with capture(Settings(export_interval=3600), clock=clock, sampler=sampler) as seen:
        predict({"age": 33.25, "colour": "red", "order": 17})
        assert len(seen.spans) == (sampler is None)
        assert not any(semconv.FEATURE_VALUES in span["attributes"] for span in seen.spans)
        (event,) = details(seen)
        (record,) = [each for each in PROCESS.pipeline._exporters.logs.received if each.log_record.trace_id]
        assert (seen.failures, seen.drops) == ({}, {})
    assert event == {
        "name": "ml.prediction.details",
        "time": 5 * HOUR + 2 * SECOND,
        "attributes": {
            **IDENTITY,
            "ml.task.type": "binary",
            "ml.prediction.id": "17",
            "ml.prediction.time": 5 * HOUR + 2 * SECOND,
            "ml.prediction.class": "yes",
            "ml.prediction.score": 0.75,
            "ml.segment.colour": "red",
            "ml.feature.names": ["age", "colour"],
            "ml.feature.values": ["33.25", "red"],
        },
        "body": None,
        "trace_id": 1,
        "span_id": 1,
    }
    assert record.log_record.trace_flags.sampled == (sampler is None)


@pytest.mark.parametrize(
    "rows",
    [
        [{"age": 41.0, "income": 5.5}, {"age": None, "income": 2.0}],
        np.array([[41.0, 5.5], [np.nan, 2.0]]),
        pd.DataFrame({"age": [41.0, np.nan], "income": [5.5, 2.0]}),
        {"age": np.array([41.0, np.nan]), "income": np.array([5.5, 2.0])},
    ],
    ids=["dictionaries", "array", "frame", "columns"],
)
def test_a_batch_is_told_row_by_row_and_meets_its_outcomes_by_id(rows):
    with capture(ALL) as seen, prediction("credit", version="7", task="regression", names=["age", "income"]) as p:
        p.features(rows)
        p.output([1.5, 2.5])
    with capture() as later:
        record_outcome(p.receipts[1], actual=2.0)
        (outcome,) = later.events
    first, second = details(seen)
    assert [event["attributes"]["ml.prediction.value"] for event in (first, second)] == [1.5, 2.5]
    assert shown(seen)[0] == {"age": 41.0, "income": 5.5}
    assert np.isnan(shown(seen)[1]["age"])
    assert second["attributes"]["ml.prediction.id"] == outcome["attributes"]["ml.prediction.id"]
    assert (first["trace_id"], first["span_id"]) == (outcome["trace_id"], outcome["span_id"])


def test_a_call_that_failed_says_with_what_it_failed_and_not_why():
    @monitor("credit", version="7", task="binary", details=True)
    def predict(rows):
        raise KeyError("Ada Lovelace")

    with capture() as seen:
        for rows in ({"age": 33.25}, [{"age": 1.0}, {"age": 2.0}], []):
            with pytest.raises(KeyError):
                predict(rows)
        with pytest.raises(KeyError), prediction("credit", version="7", details=True):
            raise KeyError
        found = [event["attributes"] for event in details(seen)]
        assert shown(seen) == [{"age": 33.25}, {"age": 1.0}, {"age": 2.0}, {}, {}]
    assert {each["error.type"] for each in found} == {"KeyError"}
    assert found[3] == {
        **IDENTITY,
        "ml.task.type": "binary",
        "ml.prediction.id": f"{3:032x}-{3:016x}-0",
        "ml.prediction.time": 0,
        "error.type": "KeyError",
    }
    assert "Ada" not in repr(found)


def predicted(**options):
    @monitor("credit", version="7", baseline=small_baseline(), **options)
    def predict(row):
        return 0.1

    predict({"age": 33.25, "colour": "Ada Lovelace"})


def test_values_leave_only_where_they_were_asked_for():
    with capture() as seen:
        predicted()
        predicted(capture="values")
        assert details(seen) == []
    with capture(ALL) as seen:
        predicted(details=False)
        predicted(capture="none")  # nothing of this function was to leave
        assert details(seen) == []
        predicted()
        predicted(capture="none", details=True)
        assert shown(seen) == [{"age": "33.25", "colour": "Ada Lovelace"}] * 2


def test_allow_deny_and_hash_hold_as_they_do_for_spans():
    for options in ({"deny": "colour"}, {"allow": "age"}, {"hash": "colour"}, {"hash": "colour", "deny": "age"}):
        with capture() as seen:
            predicted(details=True, capture="values", **options)
            (event,), (span,) = details(seen), seen.spans
            for name in (semconv.FEATURE_NAMES, semconv.FEATURE_VALUES):
                assert event["attributes"][name] == span["attributes"][name]
            assert "Ada" not in repr(seen.events)


def test_of_a_large_batch_the_first_thousand_rows_are_told_and_the_others_counted():
    with capture(ALL) as seen, prediction("credit", version="7", task="regression") as p:
        p.features(np.arange(1_003.0).reshape(-1, 1))
        p.output(np.arange(1_003.0))
    values = [event["attributes"]["ml.prediction.value"] for event in details(seen)]
    assert values == list(range(1_000))
    assert (seen.drops, seen.failures) == ({"details_rows": 3}, {})


def test_with_a_quarter_of_the_queue_taken_details_are_dropped_and_outcomes_are_not():
    with capture(ALL) as seen:
        calls = []
        for _ in range(2):
            with prediction("credit", version="7", task="binary") as p:
                p.features(np.zeros((30, 2)))
                p.output(np.full(30, 0.5))
            calls.append(p)
        seen.flush()
    safety = Safety()
    outbox = Outbox("events", lambda batch: False, 100, safety)
    journal = Journal(outbox, lambda: None, 3600, safety)
    journal.tell(calls[:1], announce=False, wait=0)
    assert (outbox.size, safety.drops) == (30, {})
    journal.tell(calls[1:], announce=False, wait=0)
    assert (outbox.size, safety.drops) == (30, {"details_queue_full": 30})
    assert not outbox.crowded  # so an outcome would not even wait


def test_a_replay_waits_for_room_as_long_as_something_is_sent():
    with capture(ALL) as seen:
        calls = []
        for _ in range(20):
            with prediction("credit", version="7", task="regression") as p:
                p.output(np.zeros(1_000))
            calls.append(p)
        assert seen.flush()
    safety, sent = Safety(), []
    outbox = Outbox("events", lambda batch: sent.extend(batch()) or True, 4_000, safety)
    outbox.start()
    Journal(outbox, lambda: None, 3600, safety).tell(calls, announce=False, wait=60)
    assert outbox.drain(60)
    outbox.stop()
    assert (len(sent), safety.drops, safety.failures) == (20_000, {}, {})


def test_a_request_holds_no_more_values_than_a_collector_takes():
    with capture(ALL) as seen, prediction("wide", version="7", task="regression") as p:
        p.features(np.zeros((120, 1_000)))
        p.output(np.zeros(120))
    sizes = []
    outbox = Outbox("events", lambda batch: sizes.append(len(batch())) or True, 1_000, Safety())
    journal = Journal(outbox, lambda: None, 3600, Safety())
    journal.tell([p], announce=False, wait=0)
    assert outbox.drain(10)
    assert sizes == [50, 50, 20]
    assert seen.failures == {}


def test_what_breaks_is_counted_and_the_rest_goes_on(monkeypatch):
    def broken(*args):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("tidegauge._options.Options.values", broken)
    with capture() as seen:
        predicted(details=True)
        assert [point["value"] for point in seen.points if point["name"] == "ml.predictions"] == [1]
        assert (details(seen), seen.failures) == ([], {"details": 1})


def test_it_is_yes_or_no():
    with pytest.raises(ConfigurationError, match="details= is True or False, not 'values'"):
        monitor("credit", version="7", details="values")
    assert Settings.from_environment({"TIDEGAUGE_PREDICTION_DETAILS": "true"}).prediction_details
