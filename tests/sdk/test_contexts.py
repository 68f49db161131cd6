"""Threads, tasks, generators and forks."""

import asyncio
import os
import threading

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from tests.sdk.builders import HOUR, by_name
from tidegauge import ManualClock, Settings, last_prediction, monitor
from tidegauge._process import PROCESS
from tidegauge.receipt import decode
from tidegauge.testing import capture


@monitor("m", version="1")
def predict(row):
    return 1.5


def test_rows_of_many_threads_are_all_counted():
    def work():
        for number in range(200):
            predict({"x": float(number)})

    with capture() as seen:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        points = seen.points
    assert sum(point["value"] for point in by_name(points, "ml.predictions")) == 1600
    assert sum(point["sum"] for point in by_name(points, "ml.feature.value")) == 8 * 199 * 100.0


def test_interleaved_tasks_keep_their_own_span_and_prediction():
    inner = {}

    @monitor("m", version="1")
    async def slow(row):
        for _ in range(3):
            await asyncio.sleep(0)
        inner[row["x"]] = trace.get_current_span().get_span_context().span_id
        return row["x"]

    async def one(number):
        await slow({"x": number})
        return number, decode(last_prediction().receipt)

    async def main():
        return await asyncio.gather(*(one(float(number)) for number in range(10)))

    with capture():
        results = asyncio.run(main())
    assert all(receipt.value == number for number, receipt in results)
    assert {number: receipt.span_id for number, receipt in results} == inner
    assert len(set(inner.values())) == 10


def test_a_generator_does_not_leak_its_context_and_is_one_call():
    during = []

    @monitor("m", version="1")
    def stream(rows):
        for row in rows:
            during.append(trace.get_current_span().get_span_context().span_id)
            yield row["x"]

    with capture() as seen:
        outside = trace.get_current_span().get_span_context().span_id
        for _ in stream([{"x": 1.0}, {"x": 2.0}]):
            assert trace.get_current_span().get_span_context().span_id == outside
        list(zip(range(1), stream([{"x": 1.0}]), strict=False))
        points, spans = seen.points, seen.spans
    assert during[:2] == [1, 1]
    assert spans[0]["attributes"]["ml.prediction.values"] == [1.0, 2.0]
    assert sum(point["value"] for point in by_name(points, "ml.predictions")) == 3


def test_an_async_generator_is_one_call_and_passes_what_is_sent():
    @monitor("m", version="1")
    async def stream(rows):
        got = yield 1.0
        yield got

    async def main():
        steps = stream([{"x": 1.0}, {"x": 2.0}])
        return [await steps.asend(None), await steps.asend(7.0), await anext(steps, "end")]

    with capture() as seen:
        assert asyncio.run(main()) == [1.0, 7.0, "end"]
        assert seen.spans[0]["attributes"]["ml.prediction.values"] == [1.0, 7.0]
        assert seen.failures == {}


def test_an_exception_thrown_into_a_generator_reaches_it():
    @monitor("m", version="1")
    def stream(rows):
        try:
            yield 1.0
        except KeyError:
            yield 2.0

    with capture():
        steps = stream([])
        assert next(steps) == 1.0
        assert steps.throw(KeyError()) == 2.0


def test_sampling_does_not_change_the_metrics_and_receipts_stay_unique():
    with capture(sampler=ALWAYS_OFF) as seen:
        receipts = set()
        for _ in range(3):
            predict({"x": 1.0})
            receipts.add(decode(last_prediction().receipt).prediction_id)
        assert seen.spans == []
        points = seen.points
    assert len(receipts) == 3
    assert [point["count"] for point in by_name(points, "ml.feature.value")] == [3]
    assert [point["exemplars"] for point in by_name(points, "ml.feature.value")] == [[]]


def test_suppressed_instrumentation_records_nothing():
    with capture() as seen:
        key = otel_context._SUPPRESS_INSTRUMENTATION_KEY
        token = otel_context.attach(otel_context.set_value(key, True))
        try:
            assert predict({"x": 1.0}) == 1.5
        finally:
            otel_context.detach(token)
        assert (seen.spans, seen.points) == ([], [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_is_a_writer_of_its_own_and_sends_only_its_own_rows():
    read, write = os.pipe()
    clock = ManualClock(HOUR)
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        pipeline = PROCESS.pipeline
        pipeline._provider = None  # the application has none: the resource is made here
        parent = pipeline.resource.attributes["service.instance.id"]
        predict({"x": 2.0**53})
        predict({"x": 1.0})
        seen.flush()  # leaves a rest of 1 that a double cannot hold, which is the parent's to send
        clock.advance(HOUR)
        predict({"x": 1.0})
        child = os.fork()
        if child == 0:
            try:
                predict({"x": 5.0})
                sums = [point["sum"] for point in by_name(seen.points, "ml.feature.value")][1:]
                text = f"{pipeline.resource.attributes['service.instance.id']} {sums}"
            except BaseException as error:
                text = f"failed {error!r}"
            os.write(write, text.encode())
            os._exit(0)
        os.waitpid(child, 0)
        own, _, sums = os.read(read, 1000).decode().partition(" ")
        assert sums == "[5.0]"
        assert own not in (parent, "failed")
        assert [point["sum"] for point in by_name(seen.points, "ml.feature.value")] == [2.0**53, 2.0]
