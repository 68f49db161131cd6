"""Room for models and versions: nobody shuts out the others, and who is silent makes room."""

from __future__ import annotations

import pytest

from tests.processor.models import hour
from tests.processor.requests import HOUR, SECOND, Writer
from tests.processor.test_engine import LATER, TIMING, Bench
from tidegauge import semconv
from tidegauge_processor.config.sections import Limits
from tidegauge_processor.otlp.kinds import SignalKind

FEW = Limits(models=3, versions_per_model=2)
MINUTE = 60 * SECOND


def points(model: str, version: str, at: int = 0) -> bytes:
    writer = Writer(model=model, version=version)
    return writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 1, hour(at), hour(at) + SECOND))


def kept(bench: Bench) -> set[str]:
    """Model versions, as the state tells of them."""
    return {f"{key.model} {key.version}" for key in bench.engine._models}


def dropped(bench: Bench) -> dict[tuple[str, str], int]:
    """Items dropped, by reason and model."""
    return {
        (dict(of)[semconv.REASON], dict(of).get(semconv.MODEL_NAME, "")): number
        for (name, of), number in bench.telemetry.counts().items()
        if name == semconv.METRIC_PROCESSOR_DROPPED
    }


def test_versions_of_one_model_shut_out_no_other_model(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(limits=FEW)
    bench.take(*(points("bug", f"run-{run}") for run in range(50)))
    bench.take(points("honest", "1"))
    assert kept(bench) == {"bug run-0", "bug run-1", "honest 1"}
    assert dropped(bench) == {("versions_per_model", "bug"): 48}
    (line,) = [record.getMessage() for record in caplog.records if "limits." in record.getMessage()]
    assert line == "bug run-2 is not taken in: all that limits.versions_per_model allows are alive"


def test_the_version_that_was_silent_for_longest_makes_room_and_none_that_is_alive() -> None:
    bench = Bench(limits=FEW)
    for version, minute in (("a", 0), ("b", 2), ("a", 4)):
        bench.take(points("m", version, minute), now=LATER + minute * MINUTE)
    bench.take(points("m", "c"), now=LATER + 6 * MINUTE)
    assert kept(bench) == {"m a", "m b"}  # both alive: heard of within five minutes
    bench.take(points("m", "c"), now=LATER + 7 * MINUTE)
    assert kept(bench) == {"m a", "m c"}
    gone = [key for key, data in bench.engine.dirty().items() if data is None]
    assert {key for key in gone if '"b", "memory"' in key}


def test_outcomes_keep_a_version_alive() -> None:
    bench = Bench(limits=FEW)
    bench.take(points("m", "a"), points("m", "b"))
    writer = Writer(model="m", version="a")
    told = writer.event(
        semconv.EVENT_FEEDBACK,
        hour(1),
        ml__prediction__id="p",
        ml__prediction__time=hour(0),
        ml__prediction__class="1",
        ml__feedback__actual="1",
    )
    bench.take(writer.logs(told), kind=SignalKind.LOGS, now=LATER + 8 * MINUTE)
    bench.take(points("m", "c"), now=LATER + 9 * MINUTE)
    assert kept(bench) == {"m a", "m c"}


def test_a_silent_model_makes_room_with_all_of_its_versions() -> None:
    bench = Bench(limits=FEW)
    bench.take(points("old", "1"), points("old", "2"), points("mid", "1"))
    bench.take(points("new", "1"), now=LATER + 2 * MINUTE)
    bench.take(points("newer", "1"), now=LATER + 3 * MINUTE)
    assert dropped(bench) == {("models", "_other"): 1}  # whose name says nothing, of those who are not taken in
    bench.take(points("mid", "1", 1), now=LATER + 4 * MINUTE)
    bench.take(points("newer", "1"), now=LATER + 6 * MINUTE)
    assert kept(bench) == {"mid 1", "new 1", "newer 1"}


def test_a_restart_is_no_silence() -> None:
    bench = Bench(limits=FEW)
    bench.take(points("m", "a"), points("m", "b"))
    units = {key: data for key, data in bench.engine.dirty().items() if data is not None}
    again = Bench(units, limits=FEW)
    again.engine.wake(LATER + 24 * HOUR)
    again.take(points("m", "c"), now=LATER + 24 * HOUR + SECOND)
    assert kept(again) == {"m a", "m b"}
    again.take(points("m", "c"), now=LATER + 24 * HOUR + TIMING.idle)
    assert "m c" in kept(again)


def test_counters_name_a_bounded_number_of_models() -> None:
    bench = Bench(limits=Limits(models=1_000))
    bench.take(*(points(f"m{place}", "1") for place in range(150)))
    bench.take(*(points(f"m{place}", "1") for place in range(150)))
    duplicates = {
        dict(of)[semconv.MODEL_NAME]: number
        for (name, of), number in bench.telemetry.counts().items()
        if name == semconv.METRIC_PROCESSOR_DUPLICATE
    }
    assert len(duplicates) == 101
    assert duplicates["_other"] == 50
