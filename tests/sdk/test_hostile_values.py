"""Values that end programs: predict goes on, so does the flush, and no row is lost unsaid."""

import time

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from tests.sdk.builders import by_name, predicted
from tests.sdk.test_unrecorded import suppressed
from tidegauge import Settings, last_prediction, monitor
from tidegauge._process import PROCESS
from tidegauge.receipt import decode
from tidegauge.testing import _points, capture


class Panic(BaseException):
    """As extensions written in Rust raise it."""


ENDINGS = pytest.mark.parametrize(
    "error", [SystemExit, KeyboardInterrupt, GeneratorExit, Panic, MemoryError], ids=lambda error: error.__name__
)


def raising(error, *methods):
    """A value that raises ``error`` when it is read."""

    def read(*args):
        raise error

    return type("Hostile", (), {"__hash__": None, **dict.fromkeys(methods or ["__ne__"], read)})()


@ENDINGS
@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["read in the call too", "read in the flush"])
def test_a_value_that_ends_programs_loses_its_own_row_only(error, sampler):
    @monitor("m", version="1")
    def predict(row):
        return 1.5

    with capture(sampler=sampler) as seen:
        for place in range(10):
            assert predict({"age": raising(error) if place == 6 else 30.0}) == 1.5
        assert predicted(seen.points) == 9
        assert seen.drops == {"summarise_failed": 1}
        assert seen.failures["summarise"] == 1


@ENDINGS
def test_the_flush_thread_outlives_a_value(error):
    @monitor("m", version="1")
    def predict(row):
        return 1.5

    def sent():
        return predicted([point for data in list(seen._metrics.received) for point in _points(data)])

    with capture(Settings(export_interval=0.1), clock=time.time_ns, sampler=ALWAYS_OFF) as seen:
        deadline = time.monotonic() + 60
        for rows, value in enumerate((30.0, raising(error, "__ne__", "__array__"), 31.0), 1):
            predict({"age": value})
            while sent() + sum(seen.drops.values()) < rows and time.monotonic() < deadline:
                time.sleep(0.01)
        assert sent() + sum(seen.drops.values()) == 3
        assert PROCESS.pipeline.works


def fail(error):
    def function(*args):
        raise error

    return function


READERS = {
    "argument": ({}, "__array__", "capture"),
    "features=": ({"features": fail}, None, "capture"),
    "prediction_id=": ({"prediction_id": fail}, None, "capture"),
    "output=": ({"output": fail}, None, "output"),
    "explain=": ({"explain": fail, "explain_rate": 1.0}, None, "explain"),
}


@ENDINGS
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_whatever_reads_values_is_left_unharmed(error, reader, recorded):
    options, method, stage = READERS[reader]

    @monitor("m", version="1", **{name: made(error) if made is fail else made for name, made in options.items()})
    def predict(row):
        return 1.5

    argument = {"age": 1.0} if method is None else raising(error, method)
    with capture() as seen:
        if recorded:
            assert predict(argument) == 1.5
            assert (predicted(seen.points), seen.failures) == (1, {stage: 1})
            assert seen.drops == ({"explain_failed": 1} if stage == "explain" else {})
        else:
            with suppressed():
                assert predict(argument) == 1.5
        assert decode(last_prediction().receipt).model == "m"


@ENDINGS
def test_an_output_that_ends_programs_does_not(error):
    returned = raising(error, "__array__", "__float__")

    @monitor("m", version="1")
    def predict(row):
        return returned

    with capture() as seen:
        assert predict({"age": 1.0}) is returned
        assert (predicted(seen.points), seen.failures) == (1, {"output": 1})


def test_rows_of_which_nothing_could_be_read_are_counted_as_dropped():
    class Nothing:
        pass

    @monitor("m", version="1")
    def predict(row):
        return Nothing()

    with capture() as seen:
        for _ in range(3):
            predict(Nothing())
        predict([{"age": 1.0}, {"age": 2.0}])  # rows without a readable prediction count as predicted
        assert predicted(seen.points) == 2
        assert seen.drops == {"unreadable": 3}
        with pytest.raises(KeyError):
            monitor("m", version="1")(fail(KeyError))(Nothing())  # predicted nothing
        seen.flush()
        assert seen.drops == {"unreadable": 3}


def test_a_batch_that_cannot_be_summarised_is_counted_in_rows():
    @monitor("m", version="1")
    def predict(rows):
        return [1.5] * len(rows)

    with capture() as seen:
        predict([{"age": 1.0}] * 5)
        predict([{"age": raising(SystemExit)}] * 7)
        assert predicted(seen.points) == 5
        assert seen.failures == {"summarise": 1}
        (dropped,) = by_name(seen.points, "tidegauge.sdk.dropped")
        assert (dropped["value"], dropped["attributes"]) == (7, {"tidegauge.reason": "summarise_failed"})


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("tidegauge._summarise.ModelSummary.add", "summarise_failed"), ("tidegauge._flush.produce", "produce_failed")],
)
def test_summaries_that_fail_are_counted_in_rows(broken, reason, monkeypatch):
    @monitor("m", version="1")
    def predict(rows):
        return [1.5] * len(rows)

    with capture() as seen:
        monkeypatch.setattr(broken, fail(SystemExit))
        predict([{"age": 1.0}] * 5)
        predict([{"age": 1.0}] * 7)
        seen.flush()
        assert seen.drops == {reason: 12}


@pytest.mark.parametrize(
    ("settings", "options", "reason"),
    [
        (Settings(), {"details": True}, "details_failed"),
        (
            Settings(prediction_events=True),
            {"segments": ["age"], "prediction_id": lambda rows: list("abc")},
            "announce_failed",
        ),
    ],
    ids=["details", "announcement"],
)
def test_events_that_fail_are_counted_in_rows(settings, options, reason):
    @monitor("m", version="1", **options)
    def predict(rows):
        return [1.5] * len(rows)

    with capture(settings) as seen:
        predict([{"age": raising(SystemExit)}] * 3)
        assert [event["name"] for event in seen.events] == []
        assert seen.drops == {reason: 3, "summarise_failed": 3}
