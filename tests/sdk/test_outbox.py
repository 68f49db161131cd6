"""Batches leave in order; what can never be sent does not hold up the rest; no thread is needed at the end."""

import threading

import pytest

from tests.sdk.builders import HOUR, FlakyMetrics, by_name
from tidegauge import ManualClock, Settings, monitor, prediction
from tidegauge._export import Exporters
from tidegauge._outbox import Outbox, RefusedError, UnsentError
from tidegauge._pipeline import Pipeline
from tidegauge._process import PROCESS
from tidegauge._safety import Safety
from tidegauge.testing import capture


class Receiver:
    def __init__(self, answers):
        self.answers = list(answers)
        self.seen = []

    def __call__(self, batch):
        self.seen.append(batch)
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def no_threads(monkeypatch):
    def ended(self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", ended)


def filled(receiver, started):
    safety = Safety()
    outbox = Outbox("metrics", receiver, 100, safety)
    if started:
        outbox.start()
    for number, batch in enumerate("abc"):
        outbox.put(batch, number + 1)
    return outbox, safety


@pytest.mark.parametrize("started", [True, False], ids=["thread", "caller"])
def test_a_batch_that_can_never_be_sent_is_dropped_and_counted_and_the_rest_goes_on(started):
    receiver = Receiver([True, RefusedError("not_encodable"), True])
    outbox, safety = filled(receiver, started)
    assert outbox.drain(10)
    outbox.stop()
    assert receiver.seen == ["a", "b", "c"]
    assert safety.drops == {"metrics_not_encodable": 2}
    assert safety.failures == {}
    assert outbox.size == 0


@pytest.mark.parametrize("started", [True, False], ids=["thread", "caller"])
def test_a_batch_that_failed_is_sent_again_before_those_behind_it(started):
    receiver = Receiver([ConnectionError("no route"), False])
    outbox, safety = filled(receiver, started)
    assert outbox.drain(10)
    outbox.stop()
    assert receiver.seen == ["a", "a", "a", "b", "c"]
    assert safety.drops == {}
    assert safety.failures == {"export_metrics": 2}


def test_a_thread_that_did_not_start_is_not_taken_for_one(no_threads):
    receiver = Receiver([])
    outbox, _ = filled(receiver, started=False)
    with pytest.raises(RuntimeError, match="interpreter shutdown"):
        outbox.start()
    assert outbox.drain(10)
    assert receiver.seen == ["a", "b", "c"]


def test_the_last_flush_sends_all_when_the_interpreter_gives_no_thread(request):
    @monitor("m", version="1")
    def predict(row):
        return 1.5

    clock, exporter = ManualClock(HOUR), FlakyMetrics()
    with capture(Settings(export_interval=3600), clock=clock):
        pipeline = Pipeline(
            Settings(export_interval=3600), clock, Exporters(exporter, PROCESS.pipeline._exporters.logs)
        )
        assert pipeline.resource  # detected at the start of a program
        request.getfixturevalue("no_threads")
        before = PROCESS.use(pipeline)
        for hour in (1, 2, 3):
            clock.set(hour * HOUR)
            assert predict({"x": 1.0}) == 1.5
        assert pipeline.shutdown(10)
        PROCESS.use(before)
    points = [point for batch in exporter.attempts for point in batch]
    assert [point["start"] // HOUR for point in by_name(points, "ml.predictions")] == [1, 2, 3]


def test_the_threads_of_the_outboxes_run_from_the_first_call():
    with capture():
        pipeline = PROCESS.pipeline

        @monitor("m", version="1")
        def predict(row):
            return 1.5

        predict({"x": 1.0})
        assert [
            part._thread.is_alive()
            for part in (pipeline._outgoing.points, pipeline._outgoing.events, pipeline._flusher)
        ] == [True] * 3


def test_rows_and_outcomes_after_the_end_are_counted():
    @monitor("m", version="1")
    def predict(row):
        return 1.5

    with capture() as seen:
        predict({"x": 1.0})
        PROCESS.pipeline.shutdown(10)
        assert predict({"x": 1.0}) == 1.5
        assert seen.drops == {"stopped": 1}


class Waits(threading.Condition):
    """Writes down for how long a thread would wait, and lets it go on at once."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait_for(self, predicate, timeout=None):
        if timeout is not None:
            self.seconds.append(timeout)
            timeout = 0
        return super().wait_for(predicate, timeout)


def pauses(answers):
    """Pauses between the attempts to send one batch, in s: those that nobody may cut short, and in all."""
    receiver = Receiver(answers)
    outbox = Outbox("metrics", receiver, 100, Safety())
    outbox._changed = waits = Waits()
    outbox.put("a", 1)
    outbox.start()
    with waits:
        assert threading.Condition.wait_for(waits, lambda: outbox.size == 0, 60)
    outbox.stop()
    assert receiver.seen == ["a"] * (len(answers) + 1)
    firm, soft = waits.seconds[::2], waits.seconds[1::2]
    return firm, [each + more for each, more in zip(firm, soft, strict=True)]


def test_each_pause_is_twice_the_last_one_up_to_half_a_minute():
    firm, whole = pauses([False] * 9)
    assert whole == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    assert firm == [0.1] * 9  # a drain makes the thread try again after so long


def test_a_receiver_that_asks_to_be_left_alone_is_not_asked_sooner():
    firm, _ = pauses([UnsentError("busy", "come again", pause) for pause in (7.0, 600.0, 0.0)])
    assert firm == [7.0, 30.0, 0.1]


def test_a_drain_tries_again_until_the_time_is_up():
    receiver = Receiver([False] * 4)
    outbox, _ = filled(receiver, started=True)
    assert outbox.drain(60)
    outbox.stop()
    assert receiver.seen == ["a"] * 5 + ["b", "c"]


@pytest.mark.parametrize("started", [True, False], ids=["thread", "caller"])
def test_the_end_gives_up_soon_where_nobody_listens_and_knows_what_is_lost(started, caplog):
    safety = Safety()
    outbox = Outbox("metrics", Receiver([UnsentError("refused", "nobody listens there")] * 1_000), 100, safety)
    if started:
        outbox.start()
    outbox.end()
    outbox.put("a", 1, rows=7)
    outbox.put("b", 1, rows=5)
    assert not outbox.drain(3_600)  # or this test would last an hour
    outbox.stop()
    assert (outbox.rows, outbox.trouble) == (12, "nobody listens there")
    assert caplog.text == ""


def test_a_flush_is_not_true_when_rows_were_lost_since_the_last_one():
    with capture(Settings(buffer_rows=2, export_interval=3600)) as seen:
        PROCESS.pipeline._start = lambda: None  # nobody makes room
        with prediction("m", version="1") as p:
            p.features([{"x": 1.0}] * 2)
        with prediction("m", version="1") as p:
            p.features([{"x": 1.0}])
        assert seen.drops == {"buffer_full": 1}
        assert [seen.flush(), seen.flush()] == [False, True]


def test_a_flush_is_true_where_only_an_explanation_was_lost():
    def explain(row):
        raise RuntimeError("no")

    with capture() as seen:
        monitor("m", version="1", explain=explain, explain_rate=1.0)(lambda row: 1.5)({"x": 1.0})
        assert seen.flush()
        assert seen.drops == {"explain_failed": 1}
