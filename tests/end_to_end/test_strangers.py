"""A stranger among honest senders, at the door that everybody uses: he shuts nobody out, and his drops are his."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.end_to_end.hostile import HONEST, LENGTH, Answer, Besieged
from tests.end_to_end.leaves import Leaf, leaves
from tests.processor.models import baseline, flush, rows
from tests.processor.requests import SECOND, Writer
from tests.processor.test_elements import bombs
from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge.summaries import NumericSummary

pytestmark = pytest.mark.end_to_end

TAKEN = Answer("OK")


@pytest.fixture
def besieged(tmp_path: Path) -> Iterator[Besieged]:
    with Besieged(tmp_path) as found:
        yield found


def publish(besieged: Besieged, known: Baseline) -> None:
    labels = {semconv.BASELINE_ID: known.id, semconv.BASELINE_PART: 0, semconv.BASELINE_PARTS: 1}
    writer, body = Writer(instance="publisher"), gzip.compress(known.to_bytes())
    event = writer.event(semconv.EVENT_BASELINE_PUBLISHED, besieged.started, body, **labels)
    assert besieged.logs(writer.logs(event)) == TAKEN


def send(besieged: Besieged, window: int, instance: str, id: str, number: int, shift: float = 0.0) -> None:
    """Rows of the credit model for one window; counted in the cells of its baseline, whatever ``id`` is."""
    df = rows(number, seed=window + len(instance), shift=shift)
    request = flush(df, besieged.interval(window)[0], Writer(instance, baseline=id), length=LENGTH)
    assert besieged.metrics(request) == TAKEN


def income(besieged: Besieged) -> list[str]:
    """States of the feature over single windows, one after the other as they were said."""
    found: list[Leaf] = [
        leaf
        for leaf in leaves(besieged.sink.requests, semconv.METRIC_DRIFT_STATUS)
        if leaf.data.as_double == 1.0
        and leaf.attributes.get(semconv.FEATURE_NAME) == "income"
        and leaf.attributes[semconv.DRIFT_TARGET] == "feature"
        and leaf.attributes[semconv.WINDOW_NAME] == "10s"
    ]
    return [leaf.attributes[semconv.DRIFT_STATE] for leaf in found]


def wait_until_judged(besieged: Besieged, window: int) -> None:
    besieged.wait_until_judged(window, model="credit-risk")


def test_rows_of_a_rolling_deployment_are_compared_with_either_baseline(besieged: Besieged) -> None:
    new = replace(baseline(), metadata={"refit": "2026-12"})
    publish(besieged, baseline())
    publish(besieged, new)
    for window in range(3):
        send(besieged, window, "new", new.id, 550)
        send(besieged, window, "old", baseline().id, 450, shift=3.0)
    wait_until_judged(besieged, 1)
    assert set(income(besieged)) == {"material"}


def test_rows_that_cannot_be_compared_are_said_and_counted(besieged: Besieged) -> None:
    publish(besieged, baseline())
    for window in range(3):
        send(besieged, window, "known", baseline().id, 600)
        send(besieged, window, "other", "of nobody", 200)
    wait_until_judged(besieged, 1)
    besieged.wait_until_counted(semconv.METRIC_PROCESSOR_DROPPED, 400, "other_baseline")
    (completeness,) = {
        leaf.data.as_double for leaf in leaves(besieged.sink.requests, semconv.METRIC_WINDOW_COMPLETENESS)
    }
    assert completeness == 0.75
    said = [leaf for leaf in leaves(besieged.sink.requests) if leaf.name == semconv.EVENT_BASELINE_CONFLICT]
    assert len(said) in (2, 3)  # the last window may have closed, too
    assert {(leaf.attributes[semconv.BASELINE_OTHER], leaf.attributes[semconv.CONFLICT_ROWS]) for leaf in said} == {
        ("of nobody", 200)
    }


def test_bins_of_a_stranger_blind_no_feature(besieged: Besieged) -> None:
    publish(besieged, baseline())
    for window in range(3):
        evil = Writer("evil", baseline=baseline().id)
        wrong = NumericSummary(np.array([0.0]), np.array([0, 1]))
        interval = besieged.interval(window)
        point = evil.histogram(semconv.METRIC_FEATURE_VALUE, wrong, *interval, ml__feature__name="income")
        assert besieged.metrics(evil.metrics(point)) == TAKEN
        send(besieged, window, "honest", baseline().id, 800, shift=2.0)
    wait_until_judged(besieged, 1)
    assert set(income(besieged)) == {"material"}
    besieged.wait_until_counted(semconv.METRIC_PROCESSOR_DROPPED, 3, "other_bins")
    (of,) = {
        leaf.attributes[semconv.MODEL_NAME]
        for leaf in leaves(besieged.sink.requests, semconv.METRIC_PROCESSOR_DROPPED)
        if leaf.attributes[semconv.REASON] == "other_bins"
    }
    assert of == "credit-risk"


def test_a_thousand_versions_of_one_model_shut_out_no_other(besieged: Besieged) -> None:
    interval = besieged.interval(0)
    for first in range(0, 1_100, 550):
        request = b""
        for run in range(first, first + 550):
            writer = Writer("buggy", model="bug", version=f"run-{run}")
            request += writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 1, *interval))
        assert besieged.metrics(request) == TAKEN
    besieged.honest(range(2))
    besieged.wait_until_judged(0)
    besieged.wait_until_counted(semconv.METRIC_PROCESSOR_DROPPED, 1_080, "versions_per_model")
    assert besieged.output.count("limits.versions_per_model") == 1


def test_outcomes_from_next_century_are_not_the_last_word(tmp_path: Path) -> None:
    with Besieged(tmp_path, {"labels": {"window": "10s"}}) as besieged:
        predicted = besieged.interval(0)[0]

        def outcomes(instance: str, actual: str, recorded: int) -> None:
            writer = Writer(instance, model=HONEST, version="1")
            events = [
                writer.event(
                    semconv.EVENT_FEEDBACK,
                    recorded,
                    ml__prediction__id=f"p{number}",
                    ml__prediction__time=predicted + number,
                    ml__prediction__class="1",
                    ml__prediction__score=0.9,
                    ml__feedback__actual=actual,
                    ml__task__type="binary",
                )
                for number in range(50)
            ]
            assert besieged.logs(writer.logs(*events)) == TAKEN

        def accuracy() -> list[float]:
            scores = leaves(besieged.sink.requests, semconv.METRIC_EVALUATION_SCORE)
            return [leaf.data.as_double for leaf in scores if leaf.attributes[semconv.EVALUATION_NAME] == "accuracy"]

        outcomes("evil", "0", 7_000_000_000 * SECOND)
        besieged.sink.wait(lambda _: accuracy()[-1:] == [0.0], "what the stranger said is measured")
        outcomes("honest", "1", besieged.started + 3600 * SECOND + 60 * SECOND)
        besieged.sink.wait(lambda _: accuracy()[-1:] == [1.0], "the honest revision is measured")
        besieged.wait_until_counted(semconv.METRIC_PROCESSOR_AHEAD, 50)


def peak_memory(besieged: Besieged) -> int:
    """MiB that the processor has had at once so far."""
    status = Path(f"/proc/{besieged.processor.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read where Linux tells it")
def test_a_few_kilobytes_that_unpack_to_gigabytes_cost_little(besieged: Besieged) -> None:
    besieged.honest(range(1))
    before = peak_memory(besieged)
    for kind, data in (each.values for each in bombs(32 << 20)):
        packed = besieged.send(kind, data, compression=grpc.Compression.Gzip)
        assert packed.status == "INVALID_ARGUMENT" or packed.rejected
    assert peak_memory(besieged) - before < 400
    besieged.honest(range(1, 3))
    besieged.wait_until_judged(1)
