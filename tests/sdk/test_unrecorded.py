"""Calls that are not recorded: their receipts are their own, and they cost no pipeline each."""

import asyncio
import contextlib

import pytest
from opentelemetry import context as otel_context

import tidegauge
from tests.sdk.builders import HOUR
from tidegauge import ManualClock, Settings, last_prediction, monitor, prediction, record_outcome
from tidegauge._process import PROCESS
from tidegauge.receipt import decode
from tidegauge.testing import capture


def broken(*args, **kwargs):
    raise RuntimeError("broken on purpose")


@monitor("m", version="1", task="regression")
def predict(rows):
    return [row["x"] for row in rows]


@contextlib.contextmanager
def suppressed():
    token = otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        otel_context.detach(token)


@pytest.fixture
def off(monkeypatch):
    before, was_off = PROCESS.pipeline, PROCESS.off
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    PROCESS.restore(None, False)
    yield monkeypatch
    PROCESS.restore(before, was_off)


def test_switched_off_every_row_still_has_a_receipt(off):
    off.setenv("TIDEGAUGE_RECEIPT_KEY", "secret")
    predict([{"x": 1.0}, {"x": 2.5}])
    receipts = last_prediction().receipts
    assert receipts == last_prediction().receipts
    assert [(made.value, made.row) for made in (decode(text, b"secret") for text in receipts)] == [(1.0, 0), (2.5, 1)]
    record_outcome(receipts[1], actual=2.0)
    assert PROCESS.pipeline is None


def test_a_wrong_variable_does_not_reach_the_receipt_nor_the_outcome(off):
    off.delenv("OTEL_SDK_DISABLED")
    off.setenv("TIDEGAUGE_EXPORT_INTERVAL", "nan")
    predict([{"x": 1.0}])
    record_outcome(last_prediction().receipt, actual=2.0)


def test_switched_off_all_share_one_pipeline(off):
    made = []
    for _ in range(3):
        with prediction("m", version="1") as p:
            p.output(1.5)
        made.append(p._pipeline)
    predict([{"x": 1.0}])
    assert {*made, last_prediction()._pipeline} == {PROCESS.idle()}


def test_settings_given_to_configure_hold_when_switched_off(off):
    tidegauge.configure(Settings(disabled=True, receipt_key=b"mine"))
    predict([{"x": 1.0}])
    assert decode(last_prediction().receipt, b"mine").value == 1.0


def test_under_suppression_the_receipt_is_not_that_of_the_call_before():
    clock = ManualClock(HOUR)
    with capture(Settings(receipt_key=b"key"), clock=clock) as seen:
        predict([{"x": 1.0}])
        clock.set(2 * HOUR)
        with suppressed():
            predict([{"x": 7.0}])
        receipt = decode(last_prediction().receipt, b"key")
        assert (receipt.value, receipt.time) == (7.0, 2 * HOUR)
        assert len(seen.spans) == 1


def test_a_call_that_raised_unrecorded_leaves_no_older_receipt():
    with capture():
        predict([{"x": 1.0}])
        before = last_prediction()
        with suppressed(), pytest.raises(KeyError):
            predict([{"y": 1.0}])
        assert last_prediction() is not before
        assert decode(last_prediction().receipt).value is None


def test_a_call_that_could_not_begin_leaves_no_older_receipt(monkeypatch):
    with capture():
        predict([{"x": 1.0}])
        before = last_prediction()
        monkeypatch.setattr("tidegauge._pipeline.Pipeline.model", broken)
        monkeypatch.setattr(PROCESS.pipeline, "clock", ManualClock(HOUR))  # the idle pipeline is made anew
        fresh = monitor("m", version="1", task="regression")(lambda rows: [3.0])
        assert fresh([{"x": 3.0}]) == [3.0]
        assert last_prediction() is not before
        assert decode(last_prediction().receipt).model == "m"


def test_a_generator_whose_end_fails_is_a_finished_call():
    @monitor("g", version="1")
    def stream(rows):
        try:
            yield 1.0
        finally:
            raise ValueError("cannot close")

    with capture() as seen:
        steps = stream([{"x": 1.0}])
        assert next(steps) == 1.0
        with pytest.raises(ValueError, match="cannot close"):
            steps.close()
        assert [(span["name"], span["attributes"]["error.type"]) for span in seen.spans] == [
            ("predict g", "ValueError")
        ]


def test_an_async_generator_whose_end_fails_is_a_finished_call():
    @monitor("g", version="1")
    async def stream(rows):
        try:
            yield 1.0
        finally:
            raise ValueError("cannot close")

    async def main():
        steps = stream([{"x": 1.0}])
        assert await anext(steps) == 1.0
        with pytest.raises(ValueError, match="cannot close"):
            await steps.aclose()

    with capture() as seen:
        asyncio.run(main())
        assert [span["attributes"]["error.type"] for span in seen.spans] == ["ValueError"]
