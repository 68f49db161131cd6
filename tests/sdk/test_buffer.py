"""What waits is bounded, whatever the application does to its calls afterwards; baselines are read once."""

import logging
import os

import pytest

from tests.sdk.builders import HOUR, SECOND, by_name, small_baseline
from tidegauge import Baseline, Settings, monitor, prediction
from tidegauge._buffer import Buffer
from tidegauge._model import Model
from tidegauge._process import PROCESS
from tidegauge._safety import Safety
from tidegauge.testing import capture


class Call:
    def __init__(self, rows, time=HOUR):
        self.rows = rows
        self.time = time


def test_calls_without_rows_are_bounded_too():
    safety = Safety()
    buffer = Buffer(HOUR, 10, safety)
    for _ in range(25):
        buffer.add(Call(0))
    assert safety.drops == {"buffer_full": 15}


def test_a_call_weighs_what_it_weighed_when_it_came_in():
    buffer = Buffer(HOUR, 100, Safety())
    call = Call(2)
    buffer.add(call)
    call.rows = 50
    ((_, calls, weight, _),) = buffer.take()
    assert calls == [call]
    buffer.done(weight)
    assert buffer.rows == 0


def test_an_output_after_the_block_does_not_unbalance_the_buffer():
    with capture() as seen:
        with prediction("m", version="1", task="regression") as p:
            pass
        p.output([1.0, 2.0, 3.0])
        seen.flush()
        assert PROCESS.pipeline._buffer.rows == 0


def test_a_drop_is_logged_when_the_lock_is_free():
    buffer = Buffer(HOUR, 1, Safety())
    held = []

    class Handler(logging.Handler):
        def emit(self, record):
            held.append(buffer._lock.locked())

    logger, handler = logging.getLogger("tidegauge"), Handler()
    logger.addHandler(handler)
    try:
        buffer.add(Call(1))
        buffer.add(Call(1))
    finally:
        logger.removeHandler(handler)
    assert held == [False]


@pytest.fixture
def reads(monkeypatch):
    counted, load = [], Baseline.load

    def counting(path):
        counted.append(path)
        return load(path)

    monkeypatch.setattr(Baseline, "load", counting)
    return counted


def test_a_baseline_file_is_read_again_only_when_it_has_changed(tmp_path, reads):
    path = tmp_path / "baseline.json"
    small_baseline().save(path)
    with capture():
        for _ in range(3):
            with prediction("credit", version="7", baseline=path) as p:
                p.output(0.75)
        assert len(reads) == 1
        small_baseline(version="8").save(path)
        os.utime(path, ns=(1, 1))
        with prediction("credit", version="8", baseline=str(path)):
            pass
    assert len(reads) == 2


def test_two_decorators_of_one_model_configure_it_once(monkeypatch):
    configured, configure = [], Model._configure

    def counting(self, spec):
        configured.append(spec)
        configure(self, spec)

    monkeypatch.setattr(Model, "_configure", counting)
    with capture() as seen:
        for _ in range(5):
            for options in ({"baseline": small_baseline()}, {}):
                with prediction("credit", version="7", **options) as p:
                    p.features({"age": 30.0, "colour": "red"})
                    p.output(0.75)
        points = seen.points
    assert len(configured) == 1
    assert [point["count"] for point in by_name(points, "ml.feature.value")] == [10]


def test_a_later_baseline_holds():
    with capture(Settings()) as seen:
        for options in ({}, {"baseline": small_baseline()}):

            @monitor("credit", version="7", **options)
            def predict(row):
                return 0.75

            predict({"age": 30.0, "colour": "red"})
        published = [event["name"] for event in seen.events]
    assert published == ["ml.baseline.published"]


def test_the_first_interval_is_short_and_intervals_meet_without_overlap():
    buffer = Buffer(10 * SECOND, 100, Safety(), first=SECOND)
    found = []
    for seconds in (3.5, 4.4, 4.6, 9.9, 10.1, 25.0):
        buffer.add(Call(1, HOUR + round(seconds * SECOND)))
    buffer.close(HOUR + 30 * SECOND)
    for interval, calls, _, _ in buffer.take():
        found.append(((interval.start - HOUR) / SECOND, (interval.end - HOUR) / SECOND, len(calls)))
    assert found == [(0.0, 4.5, 2), (4.5, 10.0, 2), (10.0, 20.0, 1), (20.0, 30.0, 1)]


def test_the_first_interval_does_not_cross_an_edge():
    buffer = Buffer(10 * SECOND, 100, Safety(), first=SECOND)
    buffer.add(Call(1, HOUR + 9_500_000_000))
    assert buffer.ends == HOUR + 10 * SECOND
