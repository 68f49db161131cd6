"""Numbers that overflow when they are added up silence nobody, not even after a restart."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.hostile import Answer, Besieged
from tests.processor.requests import SECOND, Writer
from tidegauge import semconv
from tidegauge.summaries import NumericSummary
from tidegauge_processor.state.store import Store

pytestmark = pytest.mark.end_to_end

EVIL = Writer(instance="evil", model="evil", version="1")
DURATION = semconv.METRIC_PREDICTION_DURATION


def test_counts_that_overflow_are_refused(tmp_path: Path) -> None:
    """362 bytes, of which the two counts in one bin add up to 2**63."""
    with Besieged(tmp_path) as besieged:
        besieged.honest(range(2))
        besieged.wait_until_judged(0)
        start, _ = besieged.interval(1)
        largest = NumericSummary(np.array([1.0]), np.array([2**62, 0]))
        intervals = [(start + n * SECOND, start + (n + 1) * SECOND) for n in range(2)]
        answer = besieged.metrics(EVIL.metrics(*(EVIL.histogram(DURATION, largest, *each) for each in intervals)))
        assert (answer.status, answer.rejected) == ("OK", 2)
        assert "not a count" in answer.reason
        besieged.wait_until_counted(semconv.METRIC_RECEIVER_REJECTED, 2, "malformed")
        besieged.honest([2])
        besieged.wait_until_judged(1)
        besieged.restart()
        besieged.honest([3])
        besieged.wait_until_judged(2)


def test_counts_of_which_each_is_possible_add_up_to_no_more_than_that(tmp_path: Path) -> None:
    with Besieged(tmp_path) as besieged:
        besieged.honest(range(2))
        start, end = besieged.interval(0)
        steps = [start + n * 10**6 for n in range(1_101)]
        many = [EVIL.counter(semconv.METRIC_PREDICTIONS, 2**50, *each) for each in itertools.pairwise(steps)]
        assert besieged.metrics(EVIL.metrics(*many)) == Answer("OK")
        besieged.wait_until_counted(semconv.METRIC_PROCESSOR_DROPPED, 1_099, "count_limit")
        later = EVIL.counter(semconv.METRIC_PREDICTIONS, 1, end, end + SECOND)
        assert besieged.metrics(EVIL.metrics(later)) == Answer("OK")
        besieged.wait_until_judged(0, model="evil")
        besieged.honest([2])
        besieged.wait_until_judged(1)
        besieged.restart(kill=True)
        besieged.honest([3])
        besieged.wait_until_judged(2)


def test_a_state_that_cannot_be_said_heals(tmp_path: Path) -> None:
    """Totals that an earlier version let overflow; and a window that nobody can read."""
    with Besieged(tmp_path) as besieged:
        besieged.honest(range(2))
        interval = besieged.interval(0)
        calls = NumericSummary(np.array([1.0]), np.array([5, 0]))
        after = EVIL.counter(semconv.METRIC_PREDICTIONS, 1, interval[1], interval[1] + SECOND)
        besieged.metrics(EVIL.metrics(EVIL.histogram(DURATION, calls, *interval), after))
        besieged.wait_until_judged(0, model="evil")
        assert besieged.processor.stop() == 0
        _spoil(besieged.state, interval[1])
        besieged.restart()
        besieged.wait_until_counted(semconv.METRIC_PROCESSOR_FAILED, 1, "signal")
        besieged.wait_until_counted(semconv.METRIC_STORE_REBUILT, 1, "unreadable")
        assert "evil 1: 1 signals cannot be said" in besieged.output
        assert 'the unit ["evil", "1", "window"' in besieged.output
        besieged.honest([2])
        besieged.wait_until_judged(1)
        besieged.restart(kill=True)
        start, end = besieged.interval(3)
        besieged.metrics(EVIL.metrics(EVIL.histogram(DURATION, calls, start, end)))
        besieged.metrics(EVIL.metrics(EVIL.histogram(DURATION, calls, end, end + SECOND)))
        besieged.wait_until_judged(3, model="evil")
        assert besieged.counted(semconv.METRIC_PROCESSOR_FAILED) == 0  # since this start


def _spoil(state: Path, window: int) -> None:
    store = Store.open(state)
    position, units = store.load()
    memory, open_window = json.dumps(["evil", "1", "memory", 0]), json.dumps(["evil", "1", "window", window])
    plain = json.loads(units[memory])
    plain["rows"] = 2**63
    plain["durations"][""]["counts"] = [-(2**63), 0]
    for signal in plain["standing"]:
        if "durations" in signal:
            signal["rows"], signal["durations"][""]["counts"] = 2**63, [-(2**63), 0]
    assert open_window in units
    store.checkpoint(
        position, {memory: json.dumps(plain).encode(), open_window: b'{"format":"tidegauge.window/2"}'}, []
    )
    store.close()
